//! Batches come back as they were written, and bytes that nobody wrote are refused.

use std::collections::BTreeSet;

use super::*;
use proptest::prelude::*;
use pushtally_model::{Channel, VendorCall, VendorCalls};

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (
        0..3u32,
        0..40u32,
        any::<bool>(),
        0..70_000u32,
        any::<u8>(),
        any::<u32>(),
        0..5u32,
    );
    proptest::collection::vec(event, 0..200).prop_map(|rows| {
        rows.into_iter()
            .filter_map(|(app, task, own, number, cell, at, loss)| {
                let cell = Cell::from_byte(cell)?;
                let loss = if cell.lane().stage().is_some() {
                    0
                } else {
                    loss
                };
                let origin = if own { Origin::Own } else { Origin::Imported };
                let kind = if task % 2 == 0 {
                    Kind::Push
                } else {
                    Kind::Message
                };
                Some(Event {
                    app: AppId(app),
                    task: TaskKey {
                        number: TaskNumber(task),
                        kind,
                        origin: if task % 3 == 0 { origin } else { Origin::Own },
                    },
                    cell,
                    number: Number(number),
                    at: Second(at),
                    loss: LossId(loss),
                })
            })
            .map(|mut event| {
                if event.task.number.0 % 3 == 0 {
                    event.task.origin = Origin::Imported;
                }
                event
            })
            .collect()
    })
}

fn calls() -> impl Strategy<Value = VendorCalls> {
    let text = prop_oneof![
        Just("projects/p/messages/0:17".to_owned()),
        Just("6f2e8b8e-0123-4567-89ab-cdef00ff1234".to_owned()),
        "[a-cé中]{0,9}",
    ];
    let numbers = proptest::collection::vec(any::<u32>().prop_map(Number), 0..9);
    let call = (
        any::<i64>(),
        any::<u16>(),
        text.clone(),
        any::<i64>(),
        text,
        numbers,
    );
    proptest::collection::vec(call, 0..9).prop_map(|calls| VendorCalls {
        app: AppId(7),
        task: TaskKey {
            number: TaskNumber(9),
            kind: Kind::Message,
            origin: Origin::Own,
        },
        channel: Channel::Fcm,
        calls: calls
            .into_iter()
            .map(
                |(at_ms, status, request_id, code, text, numbers)| VendorCall {
                    at_ms,
                    status,
                    request_id,
                    code,
                    text,
                    numbers,
                },
            )
            .collect(),
    })
}

/// Each third device of each app is found, whether shards are asked for or not; and those are what the batch has.
fn check_devices(batch: &Batch, bytes: &[u8]) {
    let sections = batch.records.iter().filter_map(|record| match record {
        Record::Events(section) => Some(section),
        Record::Calls(_) | Record::Control(_) => None,
    });
    let all: Vec<Recorded> = sections
        .flat_map(|section| {
            section.events().iter().map(|event| Recorded {
                recorded_ms: batch.recorded_ms,
                source: section.source,
                event: *event,
            })
        })
        .collect();
    let shards: BTreeSet<(AppId, u16)> = all
        .iter()
        .map(|one| (one.event.app, one.event.number.shard()))
        .collect();
    let apps: BTreeSet<AppId> = all.iter().map(|one| one.event.app).collect();
    for app in apps {
        let of_app = all.iter().filter(|one| one.event.app == app);
        let devices: BTreeSet<Number> = of_app.clone().map(|one| one.event.number).collect();
        let devices: BTreeSet<Number> = devices.into_iter().step_by(3).collect();
        let expected: Vec<Recorded> = of_app
            .filter(|one| devices.contains(&one.event.number))
            .copied()
            .collect();
        let mut named = BTreeSet::new();
        let mut name = |app, shard| {
            named.insert((app, shard));
        };
        let mut found = Vec::new();
        let mut visit = |recorded| found.push(recorded);
        visit_devices(bytes, (app, &devices), Some(&mut name), &mut visit).unwrap();
        visit_devices(bytes, (app, &devices), None, &mut visit).unwrap();
        assert_eq!(found, [expected.clone(), expected].concat());
        assert_eq!(named, shards);
    }
}

proptest! {
    #[test]
    fn calls_survive_their_bytes(calls in calls(), events in events(), recorded_ms in 0..4_000_000_000_000i64) {
        let batch = Batch {
            recorded_ms,
            records: vec![
                Record::Events(Section::new(Source::Us, events)),
                Record::Calls(calls.clone()),
            ],
        };
        let mut bytes = Vec::new();
        encode(&batch, &mut bytes);
        prop_assert_eq!(bytes.first(), Some(&FORMAT));
        for wanted in [TaskNumber(9), TaskNumber(10)] {
            let mut found = Vec::new();
            let mut visit = |entry| if let TaskEntry::Calls { calls, .. } = entry { found.push(calls) };
            visit_task(&bytes, wanted, &mut |_| {}, &mut visit).unwrap();
            let expected = (wanted == calls.task.number).then(|| calls.clone());
            prop_assert_eq!(found, Vec::from_iter(expected));
        }
        prop_assert_eq!(decode(&bytes).unwrap(), batch);
    }

    #[test]
    fn batches_survive_their_bytes(a in events(), b in events(), recorded_ms in 0..4_000_000_000_000i64) {
        let task = TaskKey { number: TaskNumber(9), kind: Kind::Message, origin: Origin::Own };
        let batch = Batch {
            recorded_ms,
            records: vec![
                Record::Events(Section::new(Source::Import, a)),
                Record::Control(Control::ForgetTask { app: AppId(7), task }),
                Record::Events(Section::new(Source::Us, b)),
                Record::Control(Control::CutDays { app: AppId(7), before_day: 20_000 }),
            ],
        };
        let mut bytes = Vec::new();
        encode(&batch, &mut bytes);
        prop_assert_eq!(bytes.first(), Some(&FORMAT_WITHOUT_CALLS));
        let mut tasks = std::collections::BTreeSet::new();
        for wanted in 0..40 {
            let (wanted, mut found) = (TaskNumber(wanted), Vec::new());
            let mut named = |task| { tasks.insert(task); };
            let mut forgotten = Vec::new();
            visit_task(&bytes, wanted, &mut named, &mut |entry| match entry {
                TaskEntry::Event(recorded) => found.push(recorded),
                TaskEntry::Calls { .. } => panic!("there are none"),
                TaskEntry::Forgotten { .. } => forgotten.push(found.len()),
            }).unwrap();
            let sections = batch.records.iter().filter_map(|record| match record {
                Record::Events(section) => Some(section),
                Record::Calls(_) | Record::Control(_) => None,
            });
            let recorded = sections.flat_map(|section| {
                let of = |event: &Event| Recorded { recorded_ms, source: section.source, event: *event };
                section.events().iter().map(of)
            });
            let expected: Vec<Recorded> =
                recorded.filter(|recorded| recorded.event.task.number == wanted).collect();
            let before = expected.iter().filter(|recorded| recorded.source == Source::Import).count();
            prop_assert_eq!(forgotten, Vec::from_iter((wanted == task.number).then_some(before)));
            prop_assert_eq!(!expected.is_empty() || wanted == task.number, tasks.contains(&wanted));
            prop_assert_eq!(found, expected);
        }
        check_devices(&batch, &bytes);
        prop_assert_eq!(super::recorded_ms(&bytes).unwrap(), recorded_ms);
        prop_assert_eq!(decode(&bytes).unwrap(), batch);
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
        let mut with_format = vec![FORMAT];
        with_format.extend(bytes);
        let _ = decode(&with_format);
        let _ = visit_task(&with_format, TaskNumber(1), &mut |_| {}, &mut |_| {});
        let devices = BTreeSet::from([Number(1)]);
        let _ = visit_devices(&with_format, (AppId(1), &devices), None, &mut |_| {});
    }
}

#[test]
fn a_newer_format_is_named() {
    assert_eq!(
        decode(&[9]),
        Err(DecodeError::Newer {
            found: 9,
            known: FORMAT
        })
    );
}
