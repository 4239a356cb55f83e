//! Jobs from before a start wait for the phones that come back after it: whoever is taken for gone before that counts as
//! lost, though it may have shown the push.

use std::ops::ControlFlow;

use pushtally_model::{Channel, Number, Reach, Second};
use pushtally_store::{ClaimedJob, Job, Part, StoreError, TaskSeq};

use crate::fanout::{Fanout, Loaded};

/// Which tasks wait, and for how long. Pure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Returning {
    /// The last task from before the start.
    last: TaskSeq,
    start_ms: i64,
    grace_ms: i64,
}

impl Returning {
    /// The end of a task's wait: half of the life that it had left at the start is for sending it.
    fn until_ms(&self, deadline: Second) -> i64 {
        let left_ms = i64::from(deadline.0) * 1000 - self.start_ms;
        let wait_ms = self.grace_ms.min(left_ms / 2);
        self.start_ms.saturating_add(wait_ms)
    }

    /// The next look at whether its phones are back: a power of two of seconds after the start, so that thousands that wait
    /// are looked at a few times each.
    fn look_ms(&self, now_ms: i64) -> i64 {
        let passed_s = u64::try_from((now_ms - self.start_ms) / 1000).unwrap_or_default();
        let next_s = (passed_s + 1).next_power_of_two();
        let next_ms = i64::try_from(next_s).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(next_ms.saturating_mul(1000))
    }
}

impl Fanout {
    /// Notes which tasks are from before this start. Nobody is connected yet.
    pub(crate) async fn await_returns(&self) -> Result<(), StoreError> {
        let newest = self.parts.tasks.list_tasks(None, None, 1).await?;
        let grace_ms = i64::try_from(self.settings.return_grace.as_millis()).unwrap_or(i64::MAX);
        if let Some(task) = newest.first() {
            let returning = Returning {
                last: task.seq,
                start_ms: self.parts.clock.now_ms(),
                grace_ms,
            };
            // Set once: there is one start.
            let _ = self.returning.set(returning);
        }
        Ok(())
    }

    /// Until when a job waits for phones that come back after a start, or for another look at whether they are back.
    pub(crate) async fn returns_at_ms(
        &self,
        claimed: &ClaimedJob,
    ) -> Result<Option<i64>, StoreError> {
        let Some(returning) = self.returning.get() else {
            return Ok(None);
        };
        let job = &claimed.job;
        let needs_phones = matches!(job.part, Part::Plan | Part::Send(Channel::Online));
        let now_ms = self.parts.clock.now_ms();
        let until_ms = returning.until_ms(claimed.deadline);
        if job.task > returning.last || !needs_phones || now_ms >= until_ms {
            return Ok(None);
        }
        let Some(task) = self.load(job).await? else {
            return Ok(None);
        };
        // Whoever stopped it waits for its end, and nobody is sent anything.
        if task.stored.state.is_over() {
            return Ok(None);
        }
        // A batch's few devices can be looked at one by one; of a shard somebody is always away.
        if job.shard.is_some() {
            return Ok(Some(until_ms));
        }
        let is_everybody_back = self.is_everybody_back(job, &task).await?;
        Ok((!is_everybody_back).then(|| returning.look_ms(now_ms).min(until_ms)))
    }

    /// Whether all are connected whom a job would plan, or send to over the socket.
    async fn is_everybody_back(&self, job: &Job, task: &Loaded) -> Result<bool, StoreError> {
        let app = task.app();
        let is_back = |number: Number| self.parts.presence.attention(app, number).is_some();
        if let Part::Send(channel) = job.part {
            let pending = self.pending_on(job, task, channel).await?;
            return Ok(pending.into_iter().all(is_back));
        }
        let mut all = true;
        let mut visit = |number: Number, _: Reach| {
            all = is_back(number);
            if all {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        self.audience
            .evaluate_reaches(app, job.shard, &task.stored.draft.audience, &mut visit)
            .await?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETURNING: Returning = Returning {
        last: TaskSeq(1),
        start_ms: 1_000_500,
        grace_ms: 30_000,
    };

    #[test]
    fn a_wait_ends_when_half_of_the_life_that_was_left_is_over() {
        for (deadline, waited_ms) in [
            (u32::MAX, 30_000),
            (1_061, 30_000),
            (1_060, 29_750),
            (1_015, 7_250),
            (1_001, 250),
        ] {
            let until_ms = RETURNING.until_ms(Second(deadline));
            assert_eq!(until_ms - RETURNING.start_ms, waited_ms, "{deadline}");
        }
        for over in [0, 990, 1_000] {
            let until_ms = RETURNING.until_ms(Second(over));
            assert!(until_ms <= RETURNING.start_ms, "{over}");
        }
    }

    #[test]
    fn looks_lie_twice_as_far_from_the_start_each_time() {
        for (passed_ms, look_s) in [
            (-5_000, 1),
            (0, 1),
            (999, 1),
            (1_000, 2),
            (2_000, 4),
            (3_999, 4),
            (4_000, 8),
            (29_000, 32),
        ] {
            let look_ms = RETURNING.look_ms(RETURNING.start_ms + passed_ms);
            assert_eq!(look_ms - RETURNING.start_ms, look_s * 1000, "{passed_ms}");
        }
    }
}
