//! What one group commit holds: events in recording order, and the other changes of state.

use pushtally_model::{AppId, Event, Source, TaskKey, VendorCalls};

/// One group commit. Its order is the order of recording: it decides which of two equal events is first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// When it was recorded, in milliseconds since 1970 UTC.
    pub recorded_ms: i64,
    /// In order.
    pub records: Vec<Record>,
}

/// One entry of a batch. Whatever changes state is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Events of one source.
    Events(Section),
    /// A change that is not an event.
    Control(Control),
    /// Calls to a vendor, kept for disputes as long as the log: they change no state.
    Calls(VendorCalls),
}

/// Events of one source, ordered by (app, task, cell, device), equal ones in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Where they came from.
    pub source: Source,
    events: Vec<Event>,
}

/// A change of state that is not an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Drops a task's marks and tallies; its later events are counted as too late. Overall counts stay.
    ForgetTask {
        /// The app.
        app: AppId,
        /// The task.
        task: TaskKey,
    },
    /// Drops an app's overall counts of the days before this one (days since 1970 UTC).
    CutDays {
        /// The app.
        app: AppId,
        /// The first day that stays.
        before_day: u32,
    },
}

impl Section {
    /// Orders events for the log. Stable, so that of equal events the first stays the first.
    #[must_use]
    pub fn new(source: Source, mut events: Vec<Event>) -> Self {
        events.sort_by_key(order);
        Self { source, events }
    }

    /// The events, ordered.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// For the decoder, which reads them in order.
    pub(crate) fn from_ordered(source: Source, events: Vec<Event>) -> Self {
        debug_assert!(events.is_sorted_by_key(order));
        Self { source, events }
    }
}

/// (app, task, cell, device) as one number, which is compared without a branch.
#[inline]
pub(crate) fn order(event: &Event) -> u128 {
    let task = (u64::from(event.app.0) << 32) | u64::from(event.task.number.0);
    let device = (u64::from(event.cell.byte()) << 32) | u64::from(event.number.0);
    u128::from(task) << 64 | u128::from(device)
}

impl Batch {
    /// How many events it holds.
    #[must_use]
    pub fn events_len(&self) -> usize {
        self.records
            .iter()
            .map(|record| match record {
                Record::Events(section) => section.events.len(),
                Record::Control(_) | Record::Calls(_) => 0,
            })
            .sum()
    }
}
