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
mod tests;
