//! The committer: takes what waits, makes it durable as one batch, hands it to the folder.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use pushtally_ledger::{Batch, Record, Section};
use pushtally_model::{Clock, Event, Source};
use pushtally_store::StoreError;
use tokio::runtime::Handle;

use crate::folder::Work;
use crate::intake::{Answer, Wanted};
use crate::shared::Shared;

/// Events in one batch: large enough to pay for an fsync, small enough to fold in milliseconds.
const BATCH_EVENTS_MAX: usize = 16_384;
/// While several callers are about, small batches begin at least so far apart: a commit costs as much as folding a
/// hundred events, and a caller waits for an fsync anyway. A caller alone, or after a pause, waits for nobody.
const BATCHES_APART: Duration = Duration::from_millis(2);

/// Runs until the intake is closed and drained, or storage fails.
pub(crate) fn run(
    shared: &Arc<Shared>,
    clock: &dyn Clock,
    runtime: &Handle,
    folder: &SyncSender<Work>,
) {
    let mut gather_until = None;
    while let Some(taken) = shared.intake.take(BATCH_EVENTS_MAX, gather_until) {
        gather_until = (taken.len() > 1).then(|| Instant::now() + BATCHES_APART);
        let (batch, answers) = gather(taken, clock.now_ms());
        let appended = match shared.failed() {
            Some(what) => Err(StoreError::Failed { what }),
            None => runtime.block_on(shared.engine.log.append(&batch)),
        };
        match appended {
            Ok(at) => {
                if folder.send(Work::Batch { at, batch, answers }).is_err() {
                    shared.fail("the folder has stopped");
                }
            }
            Err(error) => refuse(shared, &error, answers),
        }
    }
}

fn refuse(shared: &Shared, error: &StoreError, answers: Vec<Answer>) {
    if !error.may_pass() {
        shared.fail(&error.to_string());
    }
    for answer in answers {
        // A caller that has gone away needs no answer.
        let _ = answer.send(Err(error.clone()));
    }
}

/// One section for each source, in order of arrival; a control record ends the sections before it.
fn gather(taken: Vec<(Wanted, Answer)>, recorded_ms: i64) -> (Batch, Vec<Answer>) {
    let mut batch = Batch {
        recorded_ms,
        records: Vec::new(),
    };
    let mut answers = Vec::with_capacity(taken.len());
    let mut open: Vec<(Source, Vec<Event>)> = Vec::new();
    let mut calls = Vec::new();
    for (wanted, answer) in taken {
        answers.push(answer);
        match wanted {
            Wanted::Events(source, events) => add(&mut open, source, events),
            Wanted::Sent(events, by) => {
                add(&mut open, Source::Us, events);
                calls.push(Record::Calls(by));
            }
            Wanted::Control(control) => {
                batch.records.extend(open.drain(..).map(section));
                batch.records.push(Record::Control(control));
            }
        }
    }
    batch.records.extend(open.into_iter().map(section));
    // Nothing depends on where they stand.
    batch.records.append(&mut calls);
    (batch, answers)
}

fn add(open: &mut Vec<(Source, Vec<Event>)>, source: Source, mut events: Vec<Event>) {
    match open.iter_mut().find(|(known, _)| *known == source) {
        Some((_, gathered)) => gathered.append(&mut events),
        None => open.push((source, events)),
    }
}

fn section((source, events): (Source, Vec<Event>)) -> Record {
    Record::Events(Section::new(source, events))
}
