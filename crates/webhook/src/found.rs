//! Which events of a batch are sent, and where they lie. Pure.

use std::collections::BTreeMap;

use pushtally_ledger::{Batch, Record};
use pushtally_model::{AppId, Event, Kind, Lane, Origin, Route, Second, Source};

use crate::place::place;

/// An event that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) place: u64,
    /// When its batch was recorded.
    pub(crate) recorded: Second,
    pub(crate) event: Event,
}

impl Found {
    /// What may be counted once: equal ones repeat each other.
    fn mark(&self) -> (AppId, u32, u8, u32) {
        let event = &self.event;
        (
            event.app,
            event.task.number.0,
            event.cell.byte(),
            event.number.0,
        )
    }
}

/// Whether an event has a form on the wire and did not come from there. Planned is no stage of a webhook, and a message
/// push is always an offline one.
fn is_sent(event: &Event) -> bool {
    let is_own = event.task.origin == Origin::Own;
    let has_form = match event.task.kind {
        Kind::Push => true,
        Kind::Message => event.cell.route() == Route::Offline,
    };
    is_own && has_form && event.cell.lane() != Lane::Planned
}

/// The events of wanted apps, by app in the order of their places. Those of other apps cost a search for where they end.
/// Equal ones of one source are given once; their places are theirs all the same.
pub(crate) fn find(
    position: u64,
    batch: &Batch,
    wants: impl Fn(AppId) -> bool,
    mut take: impl FnMut(Found),
) {
    let recorded = Second::from_millis(batch.recorded_ms).unwrap_or_default();
    let mut indexes = BTreeMap::<AppId, u32>::new();
    for record in &batch.records {
        let Record::Events(section) = record else {
            continue;
        };
        if section.source == Source::Import {
            continue;
        }
        let mut rest = section.events();
        while let Some(first) = rest.first() {
            let end = rest.partition_point(|event| event.app == first.app);
            let (of_app, others) = rest.split_at(end);
            rest = others;
            if !wants(first.app) {
                continue;
            }
            let index = indexes.entry(first.app).or_default();
            let mut last = None;
            for event in of_app.iter().filter(|event| is_sent(event)) {
                let found = Found {
                    place: place(position, *index),
                    recorded,
                    event: *event,
                };
                *index = index.saturating_add(1);
                if last.replace(found.mark()) != Some(found.mark()) {
                    take(found);
                }
            }
        }
    }
}

/// Which events were seen lately: each where its hash says, until another takes its place. It may forget, it never errs.
#[derive(Debug)]
pub(crate) struct Recent(Vec<Option<(AppId, u32, u8, u32)>>);

impl Recent {
    /// Remembers at most this many.
    pub(crate) fn new(len: usize) -> Self {
        Self(vec![None; len.max(1)])
    }

    /// Notes an event; answers whether an equal one was noted before.
    pub(crate) fn repeats(&mut self, found: &Found) -> bool {
        let mark = found.mark();
        // Multiplied by odd numbers, so that neighbours of any of the four lie apart.
        let hash = u64::from(mark.3)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(u64::from(mark.1).wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
            .wrapping_add(u64::from(mark.2).wrapping_mul(0x1656_67B1_9E37_79F9))
            .wrapping_add(u64::from(mark.0.0).wrapping_mul(0x27D4_EB2F_1656_67C5));
        let at = (hash >> 32) as usize % self.0.len();
        let before = self.0.get_mut(at).and_then(|slot| slot.replace(mark));
        before == Some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_ledger::Section;
    use pushtally_model::{Cell, Channel, LossId, Number, TaskKey, TaskNumber};

    fn event(app: u32, number: u32, lane: Lane) -> Event {
        Event {
            app: AppId(app),
            task: TaskKey {
                number: TaskNumber(3),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            cell: Cell::new(Route::Offline, Channel::Fcm, lane),
            number: Number(number),
            at: Second(1_700_000_000),
            loss: LossId::NONE,
        }
    }

    fn all(batch: &Batch) -> Vec<(u32, u64, u32)> {
        let mut all = Vec::new();
        let wants = |app: AppId| app.0 != 2;
        find(9, batch, wants, |found| {
            all.push((
                found.event.app.0,
                found.place - place(9, 0),
                found.event.number.0,
            ));
        });
        all
    }

    #[test]
    fn own_events_of_wanted_apps_are_found_once_with_places_that_count_on() {
        let imported = Event {
            task: TaskKey {
                origin: Origin::Imported,
                ..event(1, 0, Lane::Sent).task
            },
            ..event(1, 0, Lane::Sent)
        };
        let online_message = Event {
            task: TaskKey {
                kind: Kind::Message,
                ..imported.task
            },
            cell: Cell::new(Route::Online, Channel::Online, Lane::Sent),
            ..imported
        };
        let us = vec![
            event(3, 1, Lane::Sent),
            event(1, 5, Lane::Planned),
            event(1, 6, Lane::Sent),
            event(1, 5, Lane::Sent),
            event(1, 5, Lane::Sent),
            event(2, 8, Lane::Sent),
            imported,
            online_message,
        ];
        let vendor = vec![event(1, 6, Lane::Delivered), event(1, 5, Lane::Sent)];
        let batch = Batch {
            recorded_ms: 1_700_000_000_999,
            records: vec![
                Record::Events(Section::new(Source::Us, us)),
                Record::Events(Section::new(
                    Source::Import,
                    vec![event(1, 7, Lane::Clicked)],
                )),
                Record::Events(Section::new(Source::Vendor, vendor)),
            ],
        };
        assert_eq!(
            all(&batch),
            [(1, 0, 5), (1, 2, 6), (3, 0, 1), (1, 3, 5), (1, 4, 6)]
        );
    }

    #[test]
    fn what_is_noted_repeats_and_nothing_else_does() {
        let found = |number, lane| Found {
            place: 1,
            recorded: Second(0),
            event: event(1, number, lane),
        };
        let mut recent = Recent::new(8);
        assert!(!recent.repeats(&found(1, Lane::Sent)));
        assert!(recent.repeats(&found(1, Lane::Sent)));
        for number in 0..100 {
            assert!(!recent.repeats(&found(number, Lane::Delivered)), "{number}");
        }
    }
}
