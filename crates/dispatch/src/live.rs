//! The newest live tasks that went over the socket, and the newest revoked ones: what a device that connects may have
//! missed.
//!
//! In memory, bounded for each app, rebuilt at start from stored tasks and their marks.

mod addressed;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_channel::{Message, Revoked};
use pushtally_model::{AppId, Number, Second, TaskKey, TaskKind};
use pushtally_store::TaskSeq;

use self::addressed::Addressed;
use crate::settings::{LIVE_TASKS_MAX, REVOKED_TASKS_MAX};

/// A task that may be sent again over the socket.
#[derive(Debug, Clone)]
pub(crate) struct LiveTask {
    pub(crate) key: TaskKey,
    pub(crate) message: Arc<Message>,
}

/// A task that was taken back.
#[derive(Debug, Clone)]
pub(crate) struct RevokedTask {
    pub(crate) key: TaskKey,
    pub(crate) told: Arc<Revoked>,
    /// From then on nobody is told any more.
    pub(crate) until: Second,
}

/// Either.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    Live(LiveTask),
    Revoked(RevokedTask),
}

/// Whom a live task may have been sent to over the socket.
#[derive(Debug)]
pub(crate) enum Whom {
    Everybody,
    /// These, each once.
    Devices(Vec<Number>),
}

/// Invariant: a task that is among `revoked` is not among the others, whatever comes first.
#[derive(Debug, Default)]
struct OfApp {
    /// To everybody.
    broadcast: BTreeMap<TaskSeq, LiveTask>,
    addressed: Addressed,
    revoked: BTreeMap<TaskSeq, RevokedTask>,
}

/// By app, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<HashMap<AppId, OfApp>>);

impl Live {
    /// Adds a task, unless it was revoked; the app's oldest of its kind goes when there are too many.
    pub(crate) fn insert(&self, seq: TaskSeq, task: LiveTask, whom: Whom) {
        let mut apps = self.0.lock();
        let of_app = apps.entry(task.message.app).or_default();
        if of_app.revoked.contains_key(&seq) {
            return;
        }
        match whom {
            Whom::Everybody => {
                of_app.broadcast.insert(seq, task);
                while of_app.broadcast.len() > LIVE_TASKS_MAX {
                    of_app.broadcast.pop_first();
                }
            }
            Whom::Devices(devices) => of_app.addressed.insert(seq, task, devices),
        }
    }

    /// Puts a revoked task in the place of the live one; the app's oldest revoked one goes when there are too many.
    pub(crate) fn revoke(&self, seq: TaskSeq, task: RevokedTask) {
        let mut apps = self.0.lock();
        let of_app = apps.entry(task.told.app).or_default();
        of_app.remove(seq);
        of_app.revoked.insert(seq, task);
        while of_app.revoked.len() > REVOKED_TASKS_MAX {
            of_app.revoked.pop_first();
        }
    }

    /// Whether one more live task older than all of its kind might be kept.
    pub(crate) fn has_room(&self, app: AppId, kind: TaskKind) -> bool {
        let apps = self.0.lock();
        apps.get(&app).is_none_or(|of_app| match kind {
            TaskKind::Broadcast => of_app.broadcast.len() < LIVE_TASKS_MAX,
            TaskKind::Batch | TaskKind::Message => of_app.addressed.has_room(),
        })
    }

    /// Takes a live task out, if it is there.
    pub(crate) fn remove(&self, app: AppId, seq: TaskSeq) {
        if let Some(of_app) = self.0.lock().get_mut(&app) {
            of_app.remove(seq);
        }
    }

    /// The app's tasks that a device may know or lack, oldest first. Those whose time is over are left out.
    pub(crate) fn of(&self, app: AppId, device: Number, now: Second) -> Vec<(TaskSeq, TaskKey)> {
        let mut apps = self.0.lock();
        let Some(of_app) = apps.get_mut(&app) else {
            return Vec::new();
        };
        of_app
            .broadcast
            .retain(|_, task| now < task.message.deadline);
        of_app.revoked.retain(|_, task| now < task.until);
        let broadcast = of_app.broadcast.iter().map(|(seq, task)| (*seq, task.key));
        let revoked = of_app.revoked.iter().map(|(seq, task)| (*seq, task.key));
        let addressed = of_app.addressed.of(device, now);
        let mut tasks: Vec<_> = broadcast.chain(addressed).chain(revoked).collect();
        tasks.sort_unstable_by_key(|(seq, _)| *seq);
        tasks
    }

    /// A task as it is kept now.
    pub(crate) fn get(&self, app: AppId, seq: TaskSeq) -> Option<Kept> {
        let apps = self.0.lock();
        let of_app = apps.get(&app)?;
        if let Some(revoked) = of_app.revoked.get(&seq) {
            return Some(Kept::Revoked(revoked.clone()));
        }
        let broadcast = of_app.broadcast.get(&seq);
        let live = broadcast.or_else(|| of_app.addressed.get(seq))?;
        Some(Kept::Live(live.clone()))
    }
}

impl OfApp {
    fn remove(&mut self, seq: TaskSeq) {
        self.broadcast.remove(&seq);
        self.addressed.remove(seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{Kind, Notification, Origin, TaskId, TaskNumber, Urgency};

    const APP: AppId = AppId(1);
    const DEVICE: Number = Number(7);

    pub(super) fn task(number: u32, deadline: u32) -> LiveTask {
        LiveTask {
            key: TaskKey {
                number: TaskNumber(number),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            message: Arc::new(Message {
                app: APP,
                id: TaskId::new(format!("t{number}")).unwrap(),
                number: number.into(),
                urgency: Urgency::Bulk,
                data_id: String::new(),
                notification: Notification::default(),
                accepted_at: Second(0),
                deadline: Second(deadline),
            }),
        }
    }

    fn numbers(live: &Live, now: u32) -> Vec<u32> {
        let tasks = live.of(APP, DEVICE, Second(now));
        tasks.iter().map(|(_, key)| key.number.0).collect()
    }

    #[test]
    fn the_newest_are_kept_until_their_deadline_and_answered_oldest_first() {
        let live = Live::default();
        let end = LIVE_TASKS_MAX as u32 + 3;
        for n in (0..end).rev() {
            live.insert(TaskSeq(n.into()), task(n, 100 + n), Whom::Everybody);
        }
        assert_eq!(numbers(&live, 50), (3..end).collect::<Vec<_>>());
        assert!(!live.has_room(APP, TaskKind::Broadcast));
        live.remove(APP, TaskSeq(5));
        assert!(live.has_room(APP, TaskKind::Broadcast));
        assert_eq!(numbers(&live, 104), (6..end).collect::<Vec<_>>());
        assert!(live.of(AppId(2), DEVICE, Second(0)).is_empty());
    }

    fn revoked(number: u32, until: u32) -> RevokedTask {
        let live = task(number, 0);
        RevokedTask {
            key: live.key,
            told: Arc::new(Revoked {
                app: APP,
                id: live.message.id.clone(),
                instead: None,
            }),
            until: Second(until),
        }
    }

    #[test]
    fn a_revoked_task_is_never_live_again_and_has_a_time_of_its_own() {
        let live = Live::default();
        for n in [1, 2, 3] {
            live.insert(TaskSeq(n), task(n as u32, 100), Whom::Everybody);
        }
        live.revoke(TaskSeq(2), revoked(2, 500));
        // Whoever planned it meanwhile comes too late.
        live.insert(TaskSeq(2), task(2, 100), Whom::Everybody);
        live.revoke(TaskSeq(9), revoked(9, 400));
        live.remove(APP, TaskSeq(9));
        let is_revoked = |seq| match live.get(APP, TaskSeq(seq)) {
            Some(Kept::Live(_)) => Some(false),
            Some(Kept::Revoked(_)) => Some(true),
            None => None,
        };
        let kept = [1, 2, 9, 4].map(is_revoked);
        assert_eq!(kept, [Some(false), Some(true), Some(true), None]);
        assert_eq!(numbers(&live, 99), [1, 2, 3, 9]);
        assert_eq!(numbers(&live, 100), [2, 9]);
        assert_eq!(numbers(&live, 400), [2]);
        assert_eq!(numbers(&live, 500), [0; 0]);
    }

    #[test]
    fn the_newest_revoked_tasks_are_kept() {
        let live = Live::default();
        let end = REVOKED_TASKS_MAX as u32 + 2;
        for n in (0..end).rev() {
            live.revoke(TaskSeq(n.into()), revoked(n, 100));
        }
        assert_eq!(numbers(&live, 50), (2..end).collect::<Vec<_>>());
        assert!(live.has_room(APP, TaskKind::Broadcast));
    }
}
