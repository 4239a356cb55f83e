//! A send job: what is pending on one channel is sent in chunks, and each chunk's ends are recorded before the next.
//!
//! A task that repeats nothing has one chunk under way at a time, noted durably before it is called: whoever finds the note
//! after a crash ends what is pending of it as unknown.

use std::collections::HashSet;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pushtally_channel::{Channel as Carrier, Message, Target};
use pushtally_model::{Cell, Channel, Lane, Number, OnUnknown, OwnLoss, Route, TokenKind};
use pushtally_store::{Job, StoreError};

use crate::brakes::told;
use crate::ends::{End, Judged, Loss, is_missed, judge, kinds, sort};
use crate::fanout::{Fanout, Fault, Loaded, Worked};
use crate::pending::Pending;
use crate::record::Record;
use crate::settings::{CHANNEL_WAIT_MIN, ENDS_MAX, RETRY_WAIT, SLICE_MS};
use crate::standing::Standing;

/// What comes next in a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another chunk.
    Go,
    /// Nothing before this millisecond.
    Later(i64),
    /// What is left ends so.
    Lose(OwnLoss),
}

impl Fanout {
    /// Sends what is pending on the channel until it has ended, or somebody or something says to wait. Several chunks
    /// are with the channel at once; whatever ends the sending, each that was begun is recorded first.
    pub(crate) async fn send(&self, job: &Job, channel: Channel) -> Result<Worked, Fault> {
        let Some(task) = self.load(job).await? else {
            return Ok(self.abandon(job).await?);
        };
        let began_ms = self.parts.clock.now_ms();
        let carrier = self.parts.channels.get(&channel).map(AsRef::as_ref);
        let chunk_max =
            carrier.map_or(ENDS_MAX, |carrier| carrier.targets_max().clamp(1, ENDS_MAX));
        let message = task.message();
        let chunks_at_once = match task.on_unknown() {
            OnUnknown::Repeat if channel == Channel::Online => self.settings.chunks_at_once.max(1),
            OnUnknown::Repeat => self.settings.vendor_chunks_at_once.max(1),
            OnUnknown::Skip => 1,
        };
        let to = Chunk {
            job,
            task: &task,
            channel,
            carrier,
            message: &message,
            kinds: kinds(channel, &message.notification),
        };
        let mut pending = self.pending_on(job, &task, channel).await?;
        if task.on_unknown() == OnUnknown::Skip {
            self.end_noted(job, &task, channel, &mut pending).await?;
        }
        let mut left = Pending::of(&pending);
        drop(pending);
        let mut next: Result<Next, Fault> = Ok(Next::Go);
        let mut again = None;
        let mut sending = FuturesUnordered::new();
        loop {
            while let Ok(Next::Go) = next
                && !left.is_empty()
                && sending.len() < chunks_at_once
            {
                next = self.next(&task, began_ms).await.map_err(Fault::from);
                if let Ok(Next::Go) = next {
                    sending.push(self.send_chunk(&to, left.take(chunk_max)));
                }
            }
            let Some(sent) = sending.next().await else {
                break;
            };
            if let Ok(Chunked { again_ms, .. }) = &sent {
                again = earlier(again, *again_ms);
            }
            next = worse(next, sent.map(|sent| sent.next));
        }
        let next = next?;
        if task.on_unknown() == OnUnknown::Skip {
            // All calls have come back, and what they ended is recorded.
            self.parts.tasks.note_calls(job, &[]).await?;
        }
        match next {
            Next::Later(not_before_ms) => return Ok(Worked::Later(not_before_ms)),
            Next::Lose(loss) => {
                self.lose(&task, channel, &left.take(usize::MAX), loss)
                    .await?;
            }
            Next::Go => {}
        }
        if let Some(not_before_ms) = again {
            return Ok(Worked::Later(not_before_ms));
        }
        Ok(self.finish(job, &task).await?)
    }

    /// Whether another chunk may be sent now.
    async fn next(&self, task: &Loaded, began_ms: i64) -> Result<Next, StoreError> {
        let standing = self.standing(task).await?;
        let now_ms = self.parts.clock.now_ms();
        Ok(match standing {
            Standing::Wait => Next::Later(now_ms),
            Standing::End(loss) => Next::Lose(loss),
            Standing::Go if self.is_stopping() || now_ms - began_ms >= SLICE_MS => {
                Next::Later(now_ms)
            }
            Standing::Go => Next::Go,
        })
    }

    /// Ascending.
    pub(crate) async fn pending_on(
        &self,
        job: &Job,
        task: &Loaded,
        channel: Channel,
    ) -> Result<Vec<Number>, StoreError> {
        let pending = self.parts.stats.pending(task.key, job.shard).await?;
        let on_channel = pending.into_iter().filter(|(_, at, _)| *at == channel);
        let mut numbers: Vec<Number> = on_channel.map(|(_, _, number)| number).collect();
        // As they come; whoever looks for their devices relies on it.
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Ends what was being called when the process that claimed the job before was stopped: it may have been sent.
    async fn end_noted(
        &self,
        job: &Job,
        task: &Loaded,
        channel: Channel,
        pending: &mut Vec<Number>,
    ) -> Result<(), StoreError> {
        let noted: HashSet<Number> = self
            .parts
            .tasks
            .noted_calls(job)
            .await?
            .into_iter()
            .collect();
        if noted.is_empty() {
            return Ok(());
        }
        let (unknown, left): (Vec<Number>, Vec<Number>) =
            pending.iter().partition(|number| noted.contains(*number));
        self.lose(task, channel, &unknown, OwnLoss::UnknownOutcome)
            .await?;
        *pending = left;
        self.parts.tasks.note_calls(job, &[]).await
    }

    /// Ends all of these for one reason.
    async fn lose(
        &self,
        task: &Loaded,
        channel: Channel,
        numbers: &[Number],
        loss: OwnLoss,
    ) -> Result<(), StoreError> {
        for numbers in numbers.chunks(ENDS_MAX) {
            let lost = |number: &Number| (*number, End::Lost(Loss::Own(loss)));
            let record = Record {
                ends: numbers.iter().map(lost).collect(),
                ..Record::default()
            };
            self.record(task, channel, &record).await?;
        }
        Ok(())
    }

    /// Sends one chunk and records what ended.
    async fn send_chunk(&self, to: &Chunk<'_>, numbers: Vec<Number>) -> Result<Chunked, Fault> {
        let app = to.task.app();
        let devices = &self.parts.devices;
        let devices = devices.find_addressees(app, &numbers, to.channel).await?;
        let sorted = sort(
            to.channel,
            to.carrier.is_some(),
            to.kinds,
            &numbers,
            devices,
        );
        let judged = match to.carrier {
            Some(carrier) if !sorted.targets.is_empty() => {
                self.call(to, carrier, &sorted.targets).await?
            }
            Some(_) | None => Judged::default(),
        };
        // From here on something may have been sent: if it cannot be recorded, nobody may send it again.
        let mut record = Record {
            ends: sorted.ends,
            planned: Vec::new(),
            calls: judged.calls,
        };
        record.ends.extend(judged.ends);
        if to.channel == Channel::Online && !to.message.notification.online_only {
            let planned = self.instead(to.task, &record.ends, &sorted.offline).await;
            record.planned = planned.map_err(Fault::Unrecorded)?;
        }
        // First: what is recorded is not sent again after a crash, and nobody would hear of these tokens another time.
        let dropped = self.drop_tokens(app, &judged.dead).await;
        dropped.map_err(Fault::Unrecorded)?;
        let recorded = self.record(to.task, to.channel, &record).await;
        recorded.map_err(Fault::Unrecorded)?;
        let until = |wait: Duration| {
            let wait_ms = i64::try_from(wait.max(CHANNEL_WAIT_MIN).as_millis());
            let now_ms = self.parts.clock.now_ms();
            let until = now_ms.saturating_add(wait_ms.unwrap_or(i64::MAX));
            until.min(i64::from(to.message.deadline.0) * 1000)
        };
        Ok(Chunked {
            next: judged
                .wait
                .map_or(Next::Go, |wait| Next::Later(until(wait))),
            again_ms: judged.again.map(until),
        })
    }

    /// Calls the channel, unless the task has stopped by then.
    async fn call(
        &self,
        to: &Chunk<'_>,
        carrier: &dyn Carrier,
        targets: &[Target],
    ) -> Result<Judged, StoreError> {
        let gate = self.gates.enter(to.task.stored.seq).await;
        match self.standing(to.task).await? {
            Standing::Go => {}
            Standing::Wait => {
                return Ok(Judged {
                    wait: Some(Duration::ZERO),
                    ..Judged::default()
                });
            }
            Standing::End(loss) => {
                let lost = |target: &Target| (target.number, End::own(loss));
                let ends = targets.iter().map(lost).collect();
                return Ok(Judged {
                    ends,
                    ..Judged::default()
                });
            }
        }
        let on_unknown = to.task.on_unknown();
        if on_unknown == OnUnknown::Skip {
            let numbers: Vec<Number> = targets.iter().map(|target| target.number).collect();
            self.parts.tasks.note_calls(to.job, &numbers).await?;
        }
        let began_ms = self.parts.clock.now_ms();
        let mut call = carrier.send(to.message, targets);
        // Polled once it has begun, and whoever stops the task need not wait for its end.
        let begun = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
        drop(gate);
        let carried = match begun {
            Poll::Ready(carried) => carried,
            Poll::Pending => call.await,
        };
        let told = told(targets, &carried.outcomes);
        self.brakes.hear(to.task.app(), to.channel, &told);
        Ok(judge(targets, carried, began_ms, RETRY_WAIT, on_unknown))
    }

    /// Devices that were missed on the socket and are not planned offline yet: they are planned so, once, in the same
    /// report as the loss.
    async fn instead(
        &self,
        task: &Loaded,
        ends: &[(Number, End)],
        offline: &[(Number, Channel)],
    ) -> Result<Vec<(Number, Channel)>, StoreError> {
        let mut planned = Vec::new();
        for (number, _) in ends.iter().filter(|(_, end)| is_missed(end)) {
            let at = offline.binary_search_by_key(number, |(number, _)| *number);
            let Some(way) = at.ok().and_then(|at| offline.get(at)) else {
                continue;
            };
            let marks = self.parts.stats.marks_of(task.key, *number).await?;
            if !marks.iter().any(|cell| is_planned_offline(*cell)) {
                planned.push(*way);
            }
        }
        Ok(planned)
    }
}

/// The earlier of two moments, where there are any.
fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

/// What a chunk came to.
struct Chunked {
    next: Next,
    /// Some targets are left alone until then.
    again_ms: Option<i64>,
}

/// What comes next after a chunk: what must not be repeated comes before what failed, that before waiting; the
/// longest wait counts. An end of all that is left stays.
fn worse(next: Result<Next, Fault>, sent: Result<Next, Fault>) -> Result<Next, Fault> {
    match (next, sent) {
        (Err(fault @ Fault::Unrecorded(_)), _) | (_, Err(fault @ Fault::Unrecorded(_))) => {
            Err(fault)
        }
        (Err(fault), _) | (_, Err(fault)) => Err(fault),
        (Ok(Next::Lose(loss)), Ok(_)) | (Ok(_), Ok(Next::Lose(loss))) => Ok(Next::Lose(loss)),
        (Ok(Next::Later(a)), Ok(Next::Later(b))) => Ok(Next::Later(a.max(b))),
        (Ok(Next::Later(ms)), Ok(Next::Go)) | (Ok(Next::Go), Ok(Next::Later(ms))) => {
            Ok(Next::Later(ms))
        }
        (Ok(Next::Go), Ok(Next::Go)) => Ok(Next::Go),
    }
}

/// What a chunk is sent with.
struct Chunk<'a> {
    job: &'a Job,
    task: &'a Loaded,
    channel: Channel,
    carrier: Option<&'a dyn Carrier>,
    message: &'a Message,
    kinds: &'static [TokenKind],
}

fn is_planned_offline(cell: Cell) -> bool {
    cell.route() == Route::Offline && cell.lane() == Lane::Planned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(next: Result<Next, Fault>, sent: Result<Next, Fault>, expected: &str) {
        assert_eq!(format!("{:?}", worse(next, sent)), expected);
    }

    #[test]
    fn what_must_not_be_repeated_comes_first_and_the_longest_wait_counts() {
        let full = || StoreError::Full {
            what: "x".to_owned(),
        };
        let (store, unrecorded) = (
            || Err(Fault::Store(full())),
            || Err(Fault::Unrecorded(full())),
        );
        let (go, lose) = (|| Ok(Next::Go), || Ok(Next::Lose(OwnLoss::Expired)));
        let later = |ms| Ok(Next::Later(ms));
        let unrecorded_says = "Err(Unrecorded(Full { what: \"x\" }))";
        let store_says = "Err(Store(Full { what: \"x\" }))";
        check(go(), go(), "Ok(Go)");
        check(go(), later(5), "Ok(Later(5))");
        check(later(9), go(), "Ok(Later(9))");
        check(later(9), later(5), "Ok(Later(9))");
        check(lose(), later(5), "Ok(Lose(Expired))");
        check(store(), later(5), store_says);
        check(lose(), store(), store_says);
        check(store(), unrecorded(), unrecorded_says);
        check(unrecorded(), store(), unrecorded_says);
        check(unrecorded(), go(), unrecorded_says);
    }
}
