//! One task's events out of a batch's bytes. Those of other tasks are stepped over: their times are added up, since times are
//! differences, and nothing is made of them. Who calls: engines, for traces.

use pushtally_model::{Cell, Event, Second, Source, TaskNumber, VendorCalls};

use super::calls::split_calls;
use super::{
    DecodeError, Last, Reader, TAG_CALLS, TAG_EVENTS, decode_control, decode_head, decode_run,
    decode_time, open, run_head,
};
use crate::batch::Control;

/// An event as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// When it was recorded, in Unix milliseconds.
    pub recorded_ms: i64,
    /// Who said so.
    pub source: Source,
    /// What.
    pub event: Event,
}

/// What a batch has of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEntry {
    /// An event.
    Event(Recorded),
    /// Calls by which it was sent.
    Calls {
        /// When they were recorded, in Unix milliseconds.
        recorded_ms: i64,
        /// The calls.
        calls: VendorCalls,
    },
    /// That it was forgotten: what was counted before is nothing, and nothing counts after it.
    Forgotten {
        /// When that was recorded, in Unix milliseconds.
        recorded_ms: i64,
    },
}

impl TaskEntry {
    /// When it was recorded, in Unix milliseconds.
    #[must_use]
    pub const fn recorded_ms(&self) -> i64 {
        match self {
            Self::Event(Recorded { recorded_ms, .. })
            | Self::Calls { recorded_ms, .. }
            | Self::Forgotten { recorded_ms } => *recorded_ms,
        }
    }
}

/// When a batch was recorded, in Unix milliseconds. Nothing else of it is read.
pub fn recorded_ms(bytes: &[u8]) -> Result<i64, DecodeError> {
    open(bytes).map(|(_, recorded_ms)| recorded_ms)
}

/// Visits the events and calls of one task, and its forgetting, in the order of recording, and names every task that the batch
/// has any of, each at least once. Answers when the batch was recorded, in Unix milliseconds.
pub fn visit_task(
    bytes: &[u8],
    task: TaskNumber,
    named: &mut impl FnMut(TaskNumber),
    visit: &mut impl FnMut(TaskEntry),
) -> Result<i64, DecodeError> {
    let (mut reader, recorded_ms) = open(bytes)?;
    for _ in 0..reader.len()? {
        match reader.byte()? {
            TAG_EVENTS => visit_section(&mut reader, recorded_ms, task, named, visit)?,
            TAG_CALLS => {
                let (of, rest) = split_calls(&mut reader)?;
                named(of.task.number);
                if of.task.number == task {
                    let calls = of.decode(rest, recorded_ms)?;
                    visit(TaskEntry::Calls { recorded_ms, calls });
                }
            }
            tag => {
                if let Control::ForgetTask { task: of, .. } = decode_control(tag, &mut reader)? {
                    named(of.number);
                    if of.number == task {
                        visit(TaskEntry::Forgotten { recorded_ms });
                    }
                }
            }
        }
    }
    if reader.is_empty() {
        Ok(recorded_ms)
    } else {
        Err(reader.impossible("tail"))
    }
}

fn visit_section(
    reader: &mut Reader<'_>,
    recorded_ms: i64,
    wanted: TaskNumber,
    named: &mut impl FnMut(TaskNumber),
    visit: &mut impl FnMut(TaskEntry),
) -> Result<(), DecodeError> {
    let source = Source::from_number(reader.byte()?).ok_or_else(|| reader.impossible("source"))?;
    let mut left = reader.len()?;
    let mut last = Last::new(Second::from_millis(recorded_ms).unwrap_or_default());
    let mut run: Vec<Event> = Vec::new();
    while left > 0 {
        let (task, runs) = decode_head(reader, &mut last)?;
        named(task.number);
        for _ in 0..runs {
            if task.number != wanted {
                left -= skip_run(reader, &mut last.at, left)?;
                continue;
            }
            run.clear();
            decode_run(reader, (last.app, task), &mut last.at, left, &mut run)?;
            left -= run.len();
            for event in &run {
                visit(TaskEntry::Event(Recorded {
                    recorded_ms,
                    source,
                    event: *event,
                }));
            }
        }
    }
    Ok(())
}

/// Steps over a run; answers its length.
fn skip_run(
    reader: &mut Reader<'_>,
    last_at: &mut Second,
    len_max: usize,
) -> Result<usize, DecodeError> {
    let head = run_head(reader, len_max)?;
    reader.skip_varints(head.1)?;
    skip_after_numbers(reader, head, last_at)?;
    Ok(head.1)
}

/// Steps over the times and the reasons of a run.
pub(super) fn skip_after_numbers(
    reader: &mut Reader<'_>,
    (cell, len, same_at): (Cell, usize, bool),
    last_at: &mut Second,
) -> Result<(), DecodeError> {
    for _ in 0..if same_at { 1 } else { len } {
        *last_at = decode_time(reader, *last_at)?;
    }
    if cell.lane().stage().is_none() {
        reader.skip_varints(len)?;
    }
    Ok(())
}
