//! How long a task's devices took from sent to delivered and from delivered to clicked, by route and channel.
//!
//! Invariant: fed with all of a task's entries in the order of recording, each device that counts in both lanes of a step, on
//! one route and channel, is in that step's sketch once, in whatever order the two were recorded.

use std::collections::BTreeMap;

use pushtally_model::{Channel, Event, Lane, Route, Second, Window};

use crate::codec::TaskEntry;
use crate::counting::Counting;
use crate::sketch::Sketch;
use crate::times::Times;

/// How long one step took: from sent to delivered, or from delivered to clicked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// Of every device that has both ends.
    pub sketch: Sketch,
    /// How many of them have the later end before the earlier one: they are 0 s in the sketch.
    pub clamped: u64,
}

/// How long both steps took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// From sent to delivered.
    pub delivery: Span,
    /// From delivered to clicked.
    pub click: Span,
}

/// The latencies of one task, as far as its entries have been shown.
#[derive(Debug)]
pub struct Latencies {
    window: Window,
    times_max: usize,
    counting: Counting,
    ways: BTreeMap<(Route, Channel), Way>,
    /// Times that wait for the other end of their step.
    times: usize,
    is_full: bool,
    is_forgotten: bool,
}

#[derive(Debug, Default)]
struct Way {
    /// Not delivered yet.
    sent: Times,
    delivered: Times,
    /// Not delivered yet.
    clicked: Times,
    latency: Latency,
}

impl Span {
    /// Adds another's devices.
    pub fn absorb(&mut self, other: &Self) {
        self.sketch.absorb(&other.sketch);
        self.clamped += other.clamped;
    }

    fn add(&mut self, from: Second, to: Second) {
        self.clamped += u64::from(to < from);
        self.sketch.add(to.0.saturating_sub(from.0));
    }
}

impl Latency {
    /// Adds another's devices.
    pub fn absorb(&mut self, other: &Self) {
        self.delivery.absorb(&other.delivery);
        self.click.absorb(&other.click);
    }
}

impl Latencies {
    /// Of those steps that were completed in the window: delivered, or clicked. At most so many times are kept meanwhile, of
    /// some five to six bytes each.
    #[must_use]
    pub fn new(window: Window, times_max: usize) -> Self {
        Self {
            window,
            times_max,
            counting: Counting::default(),
            ways: BTreeMap::new(),
            times: 0,
            is_full: false,
            is_forgotten: false,
        }
    }

    /// Takes the task's next entry in.
    pub fn add(&mut self, entry: &TaskEntry) {
        match entry {
            TaskEntry::Event(recorded) if !self.is_full && !self.is_forgotten => {
                if self.counting.counts(&recorded.event) {
                    self.add_counted(&recorded.event);
                }
            }
            TaskEntry::Event(_) | TaskEntry::Calls { .. } => {}
            TaskEntry::Forgotten { .. } => {
                self.is_forgotten = true;
                self.ways.clear();
            }
        }
    }

    fn add_counted(&mut self, event: &Event) {
        let (cell, number, at) = (event.cell, event.number, event.at);
        let way = self.ways.entry((cell.route(), cell.channel())).or_default();
        let Latency { delivery, click } = &mut way.latency;
        let window = self.window;
        let add = |span: &mut Span, from: Second, to: Second| {
            if window.contains(to) {
                span.add(from, to);
            }
        };
        let (kept, taken) = match cell.lane() {
            Lane::Sent => match way.delivered.get(number) {
                Some(delivered) => {
                    add(delivery, at, delivered);
                    (false, 0)
                }
                None => (way.sent.put(number, at), 0),
            },
            Lane::Delivered => {
                let (sent, clicked) = (way.sent.take(number), way.clicked.take(number));
                if let Some(sent) = sent {
                    add(delivery, sent, at);
                }
                if let Some(clicked) = clicked {
                    add(click, at, clicked);
                }
                let taken = usize::from(sent.is_some()) + usize::from(clicked.is_some());
                (way.delivered.put(number, at), taken)
            }
            Lane::Clicked => match way.delivered.get(number) {
                Some(delivered) => {
                    add(click, delivered, at);
                    (false, 0)
                }
                None => (way.clicked.put(number, at), 0),
            },
            Lane::Planned
            | Lane::LostBeforeSent
            | Lane::LostBeforeDelivered
            | Lane::LostBeforeClicked => return,
        };
        self.times = (self.times + usize::from(kept)).saturating_sub(taken);
        if self.times > self.times_max {
            self.is_full = true;
            self.ways.clear();
        }
    }

    /// By route and channel, those with a device in any step; `None` if it had more devices than may be kept.
    #[must_use]
    pub fn finish(self) -> Option<BTreeMap<(Route, Channel), Latency>> {
        if self.is_full {
            return None;
        }
        let latencies = self
            .ways
            .into_iter()
            .map(|(way, kept)| (way, kept.latency))
            .filter(|(_, of)| !of.delivery.sketch.is_empty() || !of.click.sketch.is_empty());
        Some(latencies.collect())
    }

    /// Bytes on the heap that times take.
    #[must_use]
    pub fn times_bytes(&self) -> usize {
        let ways = self.ways.values();
        ways.map(|way| {
            way.sent.heap_bytes() + way.delivered.heap_bytes() + way.clicked.heap_bytes()
        })
        .sum()
    }
}

#[cfg(test)]
mod tests;
