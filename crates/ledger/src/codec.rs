//! The bytes of a batch in the log.
//!
//! Events are stored in runs of one (task, cell): task and device numbers as differences, times as
//! differences from the time of recording, or once when they are all equal. Dense and ordered writes take
//! about two bytes an event. `decode(encode(batch)) == batch`, byte for byte deterministic.

mod calls;
mod devices;
mod task;

pub use devices::{ShardNamed, visit_devices};
pub use task::{Recorded, TaskEntry, recorded_ms, visit_task};

use pushtally_model::{
    AppId, Cell, Event, Kind, LossId, Number, Origin, Second, Source, TaskKey, TaskNumber,
};

use self::calls::{decode_calls, encode_calls};
use crate::batch::{Batch, Control, Record, Section};
use crate::wire::{DecodeError, Reader, put_signed, put_varint};

/// The newest batch format this release reads.
const FORMAT: u8 = 2;
/// The one that it writes where no calls are in the batch: builds that do not know of calls read it.
const FORMAT_WITHOUT_CALLS: u8 = 1;

const TAG_EVENTS: u8 = 0;
const TAG_FORGET_TASK: u8 = 1;
const TAG_CUT_DAYS: u8 = 3; // 2 is kept for forgetting an app
const TAG_CALLS: u8 = 4;

/// In a task's head byte: kind, origin, whether the app differs from the last one, and the run count.
const HEAD_MESSAGE: u8 = 0x80;
const HEAD_OWN: u8 = 0x40;
const HEAD_APP: u8 = 0x20;
/// The run count when it is below 31; 31 means that it follows.
const HEAD_RUNS: u8 = 0x1F;

/// Appends the bytes of a batch.
pub fn encode(batch: &Batch, out: &mut Vec<u8>) {
    let has_calls = |record: &Record| matches!(record, Record::Calls(_));
    out.push(if batch.records.iter().any(has_calls) {
        FORMAT
    } else {
        FORMAT_WITHOUT_CALLS
    });
    put_signed(out, batch.recorded_ms);
    put_varint(out, batch.records.len() as u64);
    let recorded = Second::from_millis(batch.recorded_ms).unwrap_or_default();
    for record in &batch.records {
        match record {
            Record::Events(section) => encode_section(section, recorded, out),
            Record::Calls(calls) => {
                out.push(TAG_CALLS);
                encode_calls(calls, batch.recorded_ms, out);
            }
            Record::Control(Control::ForgetTask { app, task }) => {
                out.push(TAG_FORGET_TASK);
                put_varint(out, app.0.into());
                put_varint(out, task.number.0.into());
                out.push(family(*task));
            }
            Record::Control(Control::CutDays { app, before_day }) => {
                out.push(TAG_CUT_DAYS);
                put_varint(out, app.0.into());
                put_varint(out, (*before_day).into());
            }
        }
    }
}

/// Reads the bytes of one batch, all of them.
pub fn decode(bytes: &[u8]) -> Result<Batch, DecodeError> {
    let (mut reader, recorded_ms) = open(bytes)?;
    let recorded = Second::from_millis(recorded_ms).unwrap_or_default();
    let len = reader.len()?;
    let mut records = Vec::with_capacity(len);
    for _ in 0..len {
        records.push(match reader.byte()? {
            TAG_EVENTS => Record::Events(decode_section(&mut reader, recorded)?),
            TAG_CALLS => Record::Calls(decode_calls(&mut reader, recorded_ms)?),
            tag => Record::Control(decode_control(tag, &mut reader)?),
        });
    }
    if reader.is_empty() {
        Ok(Batch {
            recorded_ms,
            records,
        })
    } else {
        Err(reader.impossible("tail"))
    }
}

/// The reader after the head, and when the batch was recorded.
fn open(bytes: &[u8]) -> Result<(Reader<'_>, i64), DecodeError> {
    let mut reader = Reader::new(bytes);
    let format = reader.byte()?;
    if format > FORMAT {
        return Err(DecodeError::Newer {
            found: format,
            known: FORMAT,
        });
    }
    let recorded_ms = reader.signed()?;
    Ok((reader, recorded_ms))
}

fn decode_control(tag: u8, reader: &mut Reader<'_>) -> Result<Control, DecodeError> {
    match tag {
        TAG_FORGET_TASK => {
            let (app, number) = (AppId(reader.u32()?), TaskNumber(reader.u32()?));
            let (kind, origin) = parse_family(reader.byte()?);
            let task = TaskKey {
                number,
                kind,
                origin,
            };
            Ok(Control::ForgetTask { app, task })
        }
        TAG_CUT_DAYS => Ok(Control::CutDays {
            app: AppId(reader.u32()?),
            before_day: reader.u32()?,
        }),
        _ => Err(reader.impossible("record tag")),
    }
}

fn family(task: TaskKey) -> u8 {
    let kind = match task.kind {
        Kind::Push => 0,
        Kind::Message => HEAD_MESSAGE,
    };
    let origin = match task.origin {
        Origin::Imported => 0,
        Origin::Own => HEAD_OWN,
    };
    kind | origin
}

fn parse_family(head: u8) -> (Kind, Origin) {
    let kind = if head & HEAD_MESSAGE == 0 {
        Kind::Push
    } else {
        Kind::Message
    };
    let origin = if head & HEAD_OWN == 0 {
        Origin::Imported
    } else {
        Origin::Own
    };
    (kind, origin)
}

/// What the next value is stored as a difference from.
#[derive(Debug)]
struct Last {
    app: AppId,
    task: u32,
    at: Second,
}

impl Last {
    fn new(recorded: Second) -> Self {
        Self {
            app: AppId(0),
            task: 0,
            at: recorded,
        }
    }
}

fn encode_section(section: &Section, recorded: Second, out: &mut Vec<u8>) {
    out.push(TAG_EVENTS);
    out.push(section.source as u8);
    put_varint(out, section.events().len() as u64);
    let mut last = Last::new(recorded);
    for task in section
        .events()
        .chunk_by(|a, b| (a.app, a.task) == (b.app, b.task))
    {
        let Some(first) = task.first() else { continue };
        let runs = task.chunk_by(|a, b| a.cell == b.cell).count();
        let short = if runs < usize::from(HEAD_RUNS) {
            runs as u8
        } else {
            HEAD_RUNS
        };
        let app = if first.app == last.app { 0 } else { HEAD_APP };
        out.push(family(first.task) | app | short);
        if short == HEAD_RUNS {
            put_varint(out, runs as u64);
        }
        if app != 0 {
            put_varint(out, first.app.0.into());
        }
        put_signed(out, i64::from(first.task.number.0) - i64::from(last.task));
        (last.app, last.task) = (first.app, first.task.number.0);
        for run in task.chunk_by(|a, b| a.cell == b.cell) {
            encode_run(run, &mut last.at, out);
        }
    }
}

/// A run: cell, length with the flag "all times equal", device differences, times, losses.
fn encode_run(run: &[Event], last_at: &mut Second, out: &mut Vec<u8>) {
    let Some(first) = run.first() else { return };
    let same_at = run.iter().all(|event| event.at == first.at);
    out.push(first.cell.byte());
    put_varint(out, (run.len() as u64) << 1 | u64::from(same_at));
    let mut number = 0;
    for event in run {
        put_varint(out, u64::from(event.number.0 - number));
        number = event.number.0;
    }
    for event in if same_at { &run[..1] } else { run } {
        put_signed(out, i64::from(event.at.0) - i64::from(last_at.0));
        *last_at = event.at;
    }
    if first.cell.lane().stage().is_none() {
        for event in run {
            put_varint(out, event.loss.0.into());
        }
    }
}

fn decode_section(reader: &mut Reader<'_>, recorded: Second) -> Result<Section, DecodeError> {
    let source = Source::from_number(reader.byte()?).ok_or_else(|| reader.impossible("source"))?;
    let len = reader.len()?;
    let mut events = Vec::with_capacity(len);
    let mut last = Last::new(recorded);
    while events.len() < len {
        let (task, runs) = decode_head(reader, &mut last)?;
        for _ in 0..runs {
            decode_run(reader, (last.app, task), &mut last.at, len, &mut events)?;
        }
    }
    if !events.is_sorted_by_key(crate::batch::order) {
        return Err(reader.impossible("order"));
    }
    Ok(Section::from_ordered(source, events))
}

/// A task's head: which task, and how many runs follow.
fn decode_head(reader: &mut Reader<'_>, last: &mut Last) -> Result<(TaskKey, usize), DecodeError> {
    let head = reader.byte()?;
    let runs = match head & HEAD_RUNS {
        HEAD_RUNS => reader.len()?,
        short => usize::from(short),
    };
    if head & HEAD_APP != 0 {
        last.app = AppId(reader.u32()?);
    }
    let number = i64::from(last.task).checked_add(reader.signed()?);
    last.task = number
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| reader.impossible("task"))?;
    if runs == 0 {
        return Err(reader.impossible("run count"));
    }
    let (kind, origin) = parse_family(head);
    let task = TaskKey {
        number: TaskNumber(last.task),
        kind,
        origin,
    };
    Ok((task, runs))
}

fn decode_run(
    reader: &mut Reader<'_>,
    (app, task): (AppId, TaskKey),
    last_at: &mut Second,
    section_len: usize,
    events: &mut Vec<Event>,
) -> Result<(), DecodeError> {
    let from = events.len();
    let (cell, len, same_at) = run_head(reader, section_len - from)?;
    let mut number = 0u32;
    for _ in 0..len {
        number = number
            .checked_add(reader.u32()?)
            .ok_or_else(|| reader.impossible("device"))?;
        events.push(Event {
            app,
            task,
            cell,
            number: Number(number),
            at: *last_at,
            loss: LossId::NONE,
        });
    }
    let run = &mut events[from..];
    let mut at = *last_at;
    for (index, event) in run.iter_mut().enumerate() {
        if index == 0 || !same_at {
            at = decode_time(reader, at)?;
        }
        event.at = at;
    }
    *last_at = at;
    if cell.lane().stage().is_none() {
        for event in run {
            event.loss = LossId(reader.u32()?);
        }
    }
    Ok(())
}

/// A run's head: what its events mark, how many they are, and whether they have one time.
fn run_head(reader: &mut Reader<'_>, len_max: usize) -> Result<(Cell, usize, bool), DecodeError> {
    let cell = Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?;
    let head = reader.varint()?;
    let len = (head >> 1) as usize;
    if len == 0 || len > len_max {
        return Err(reader.impossible("run length"));
    }
    Ok((cell, len, head & 1 == 1))
}

fn decode_time(reader: &mut Reader<'_>, last: Second) -> Result<Second, DecodeError> {
    let next = i64::from(last.0).checked_add(reader.signed()?);
    next.and_then(Second::from_unix)
        .ok_or_else(|| reader.impossible("time"))
}

#[cfg(test)]
mod tests {
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
}
