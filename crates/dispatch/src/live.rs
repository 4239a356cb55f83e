//! The newest live tasks that went over the socket: what a device that connects may have missed.
//!
//! In memory, bounded for each app, rebuilt at start from stored tasks and their marks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_channel::Message;
use pushtally_model::{AppId, Second, TaskKey};
use pushtally_store::TaskSeq;

use crate::settings::LIVE_TASKS_MAX;

/// A task that may be sent again over the socket.
#[derive(Debug, Clone)]
pub(crate) struct LiveTask {
    pub(crate) key: TaskKey,
    pub(crate) message: Arc<Message>,
}

/// By app, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<HashMap<AppId, BTreeMap<TaskSeq, LiveTask>>>);

impl Live {
    /// Adds a task; the app's oldest goes when there are too many.
    pub(crate) fn insert(&self, seq: TaskSeq, task: LiveTask) {
        let mut apps = self.0.lock();
        let tasks = apps.entry(task.message.app).or_default();
        tasks.insert(seq, task);
        while tasks.len() > LIVE_TASKS_MAX {
            tasks.pop_first();
        }
    }

    /// Whether one more older than all of them would be kept.
    pub(crate) fn has_room(&self, app: AppId) -> bool {
        let apps = self.0.lock();
        apps.get(&app)
            .is_none_or(|tasks| tasks.len() < LIVE_TASKS_MAX)
    }

    /// Takes a task out, if it is there.
    pub(crate) fn remove(&self, app: AppId, seq: TaskSeq) {
        if let Some(tasks) = self.0.lock().get_mut(&app) {
            tasks.remove(&seq);
        }
    }

    /// The app's live tasks, oldest first. Those past their deadline are dropped.
    pub(crate) fn of(&self, app: AppId, now: Second) -> Vec<LiveTask> {
        let mut apps = self.0.lock();
        let Some(tasks) = apps.get_mut(&app) else {
            return Vec::new();
        };
        tasks.retain(|_, task| now < task.message.deadline);
        tasks.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{Kind, Notification, Origin, TaskId, TaskNumber};

    const APP: AppId = AppId(1);

    fn task(number: u32, deadline: u32) -> LiveTask {
        LiveTask {
            key: TaskKey {
                number: TaskNumber(number),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            message: Arc::new(Message {
                app: APP,
                id: TaskId::new(format!("t{number}")).unwrap(),
                data_id: String::new(),
                notification: Notification::default(),
                accepted_at: Second(0),
                deadline: Second(deadline),
            }),
        }
    }

    fn numbers(live: &Live, now: u32) -> Vec<u32> {
        let tasks = live.of(APP, Second(now));
        tasks.iter().map(|task| task.key.number.0).collect()
    }

    #[test]
    fn the_newest_are_kept_until_their_deadline_and_answered_oldest_first() {
        let live = Live::default();
        let end = LIVE_TASKS_MAX as u32 + 3;
        for n in (0..end).rev() {
            live.insert(TaskSeq(n.into()), task(n, 100 + n));
        }
        assert_eq!(numbers(&live, 50), (3..end).collect::<Vec<_>>());
        assert!(!live.has_room(APP));
        live.remove(APP, TaskSeq(5));
        assert!(live.has_room(APP));
        assert_eq!(numbers(&live, 104), (6..end).collect::<Vec<_>>());
        assert!(live.of(AppId(2), Second(0)).is_empty());
    }
}
