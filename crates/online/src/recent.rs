//! The tasks that reports named recently: what turns a report into an event, without asking storage again.
//!
//! Two generations: what is asked for moves to the young one; when that is half of the bound, the old one is dropped.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{AppId, Second, TaskId, TaskKey};
use pushtally_store::{Identities, StoreError, Tasks, find_own_task};

use crate::limits::TASKS_REMEMBERED_MAX;

/// What a report needs to know of its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) key: TaskKey,
    pub(crate) accepted_at: Second,
}

type Names = HashMap<(AppId, TaskId), Known>;

#[derive(Default)]
struct Generations {
    young: Names,
    old: Names,
}

/// Finds our own tasks by name.
pub(crate) struct RecentTasks {
    identities: Arc<dyn Identities>,
    tasks: Arc<dyn Tasks>,
    remembered: Mutex<Generations>,
}

impl RecentTasks {
    pub(crate) fn new(identities: Arc<dyn Identities>, tasks: Arc<dyn Tasks>) -> Self {
        Self {
            identities,
            tasks,
            remembered: Mutex::default(),
        }
    }

    /// A task of this app that was made here.
    pub(crate) async fn find(&self, app: AppId, id: &TaskId) -> Result<Option<Known>, StoreError> {
        let name = (app, id.clone());
        if let Some(known) = self.remembered.lock().get(&name) {
            return Ok(Some(known));
        }
        let found = find_own_task(&*self.identities, app, id.as_str());
        let Some(key) = found.await? else {
            return Ok(None);
        };
        let Some(task) = self.tasks.find_stored_task(app, id).await? else {
            return Ok(None);
        };
        let accepted_at = task.draft.accepted_at;
        let known = Known { key, accepted_at };
        self.remembered.lock().put(name, known);
        Ok(Some(known))
    }
}

impl Generations {
    fn get(&mut self, name: &(AppId, TaskId)) -> Option<Known> {
        if let Some(known) = self.young.get(name) {
            return Some(*known);
        }
        let (name, known) = self.old.remove_entry(name)?;
        self.put(name, known);
        Some(known)
    }

    fn put(&mut self, name: (AppId, TaskId), known: Known) {
        if self.young.len() >= TASKS_REMEMBERED_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{Kind, Origin, TaskNumber};

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten_within_the_bound() {
        let mut remembered = Generations::default();
        let name = |at: u32| (AppId(1), TaskId::new(format!("task-{at}")).unwrap());
        let known = |at: u32| Known {
            key: TaskKey {
                number: TaskNumber(at),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            accepted_at: Second(at),
        };
        for at in 0..10_000 {
            remembered.put(name(at), known(at));
            assert_eq!(remembered.get(&name(0)), Some(known(0)));
            assert!(remembered.young.len() + remembered.old.len() <= TASKS_REMEMBERED_MAX);
        }
        assert_eq!(remembered.get(&name(1)), None);
        assert_eq!(remembered.get(&name(9_999)), Some(known(9_999)));
    }
}
