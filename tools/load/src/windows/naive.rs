//! Events as the webhook tells them, and the list that the endpoint must agree with.

use std::collections::HashSet;

use crate::bodies::{account_name, task_name};
use crate::random::Random;
use crate::statistics::Counts;

/// An event as the webhook tells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) task: u32,
    pub(super) account: u32,
    pub(super) event_type: u8,
    pub(super) platform: u8,
    pub(super) stage: u8,
    pub(super) err_code: u32,
    pub(super) at: u32,
}

impl Told {
    pub(super) fn render(&self, run: u32) -> String {
        let Self {
            event_type,
            platform,
            stage,
            err_code,
            at,
            ..
        } = self;
        let (task, account) = (task_name(run, self.task), account_name(self.account));
        format!(
            r#"{{"CallbackCommand":"Push.AllMemberPush","EventType":{event_type},"TaskId":"{task}","TaskTime":{at},"EventTime":{at},"To_Account":"{account}","PushPlatform":{platform},"DeviceType":0,"PushStage":{stage},"ErrCode":{err_code},"ErrInfo":""}}"#
        )
    }

    /// The row it counts in: all that is online is one.
    fn row(&self) -> (u8, u8) {
        match self.event_type {
            1 => (1, self.platform),
            online => (online, 0),
        }
    }
}

/// One count of one device: its second, its row, its place among the four counts.
type Counted = (u32, (u8, u8), usize);

/// The list that the endpoint must agree with: what counts, task by task, at the time of whichever came first.
pub(super) struct Naive {
    seen: HashSet<(u32, u32, (u8, u8), usize)>,
    tasks: Vec<Vec<Counted>>,
}

impl Naive {
    pub(super) fn new(tasks: u32) -> Self {
        Self {
            seen: HashSet::new(),
            tasks: vec![Vec::new(); tasks as usize],
        }
    }

    pub(super) fn record(&mut self, told: Told) {
        // Sending is tried only for what was planned; of all else, only what succeeded counts.
        let planned = (told.stage == 1).then_some(0);
        let reached = (told.err_code == 0).then_some(usize::from(told.stage));
        for place in planned.into_iter().chain(reached) {
            if self
                .seen
                .insert((told.task, told.account, told.row(), place))
            {
                self.tasks[told.task as usize].push((told.at, told.row(), place));
            }
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.seen.len() as u64
    }

    pub(super) fn some_second(&self, random: &mut Random) -> Option<u32> {
        let task = &self.tasks[random.below(self.tasks.len() as u32) as usize];
        task.get(random.below(task.len() as u32) as usize)
            .map(|counted| counted.0)
    }

    pub(super) fn task(&self, task: u32, start_s: u32, end_s: u32) -> Counts {
        count(
            self.tasks.get(task as usize).into_iter().flatten(),
            start_s,
            end_s,
        )
    }

    pub(super) fn overall(&self, start_s: u32, end_s: u32) -> Counts {
        count(self.tasks.iter().flatten(), start_s, end_s)
    }
}

fn count<'a>(all: impl Iterator<Item = &'a Counted>, start_s: u32, end_s: u32) -> Counts {
    let mut counts = Counts::new();
    for (at, row, place) in all {
        if (start_s..end_s).contains(at) {
            counts.entry(*row).or_default()[*place] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_its_events_decides_and_losses_count_as_planned_only() {
        let told = |stage, err_code, at| Told {
            task: 1,
            account: 5,
            event_type: 2,
            platform: 7,
            stage,
            err_code,
            at,
        };
        let mut naive = Naive::new(2);
        for event in [
            told(1, 9, 20),
            told(1, 0, 10),
            told(1, 0, 30),
            told(2, 9, 10),
            told(3, 0, 40),
        ] {
            naive.record(event);
        }
        assert_eq!(
            naive.task(1, 0, 100),
            Counts::from([((2, 0), [1, 1, 0, 1])])
        );
        assert_eq!(
            naive.task(1, 11, 40),
            Counts::from([((2, 0), [1, 0, 0, 0])])
        );
        assert_eq!(
            naive.overall(10, 11),
            Counts::from([((2, 0), [0, 1, 0, 0])])
        );
        assert_eq!(naive.task(0, 0, 100), Counts::new());
        assert_eq!(naive.task(9, 0, 100), Counts::new());
    }
}
