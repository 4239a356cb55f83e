//! The in-memory engine: every port, nothing durable. For tests, and the plainest reading of the contract.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pushtally_ledger::{Batch, Form, Page, PageKey};
use pushtally_model::{App, AppId, Channel, Kind, LossId, Number, Route, TaskKey, TaskNumber};

use crate::StoreError;
use crate::ports::{
    Apps, BatchVisitor, Engine, Identities, Installed, Log, LogReport, LossText, Names,
    PageVisitor, Pages, Position, RelayBacklog, RelayCall, RelayQueue, Resolved, Snapshot,
};

/// Makes an engine that forgets everything when it is dropped.
#[must_use]
pub fn engine() -> Engine {
    Engine {
        log: Arc::<MemoryLog>::default(),
        identities: Arc::<MemoryIdentities>::default(),
        pages: Arc::<MemoryPages>::default(),
        apps: Arc::<MemoryApps>::default(),
        relays: Arc::<MemoryRelays>::default(),
    }
}

#[derive(Debug, Default)]
struct MemoryLog(Mutex<Vec<Batch>>);

#[async_trait]
impl Log for MemoryLog {
    async fn append(&self, batch: &Batch) -> Result<Position, StoreError> {
        let mut batches = self.0.lock();
        batches.push(batch.clone());
        Ok(Position::single(batches.len() as u64))
    }

    async fn replay(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        let batches = self.0.lock().clone();
        for (at, batch) in (1..).zip(batches).skip_while(|(at, _)| *at <= after.of(0)) {
            if visit(Position::single(at), batch).is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn report(&self) -> Result<LogReport, StoreError> {
        let next = self.0.lock().len() as u64 + 1;
        Ok(LogReport {
            first: 1,
            next,
            ..LogReport::default()
        })
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn drop_before(&self, _: &Position, _: i64) -> Result<usize, StoreError> {
        Ok(0)
    }
}

type RecipientKey = (AppId, String, Route, Channel);

#[derive(Debug, Default)]
struct Named {
    tasks: HashMap<(AppId, Kind, String), TaskKey>,
    recipients: HashMap<RecipientKey, Number>,
    losses: BTreeMap<AppId, Vec<LossText>>,
    next_task: u32,
    next_number: BTreeMap<AppId, u32>,
}

#[derive(Debug, Default)]
struct MemoryIdentities(Mutex<Named>);

#[async_trait]
impl Identities for MemoryIdentities {
    async fn resolve(&self, app: AppId, names: &Names<'_>) -> Result<Resolved, StoreError> {
        let mut named = self.0.lock();
        let mut resolved = Resolved::default();
        for task in &names.tasks {
            let number = TaskNumber(named.next_task);
            let key = TaskKey {
                number,
                kind: task.kind,
                origin: task.origin,
            };
            let known = *named
                .tasks
                .entry((app, task.kind, task.id.to_owned()))
                .or_insert(key);
            named.next_task += u32::from(known.number == number);
            resolved.tasks.push(known);
        }
        for recipient in &names.recipients {
            let key = (
                app,
                recipient.account.to_owned(),
                recipient.route,
                recipient.channel,
            );
            let next = named.next_number.get(&app).copied().unwrap_or_default();
            let known = *named.recipients.entry(key).or_insert(Number(next));
            named
                .next_number
                .insert(app, next + u32::from(known.0 == next));
            resolved.numbers.push(known);
        }
        for loss in &names.losses {
            let known = named.losses.entry(app).or_default();
            let at = known.iter().position(|other| other == loss);
            let id = match at {
                Some(at) => LossId(at as u32 + 2),
                None if known.len() as u32 >= LossText::PER_APP_MAX => LossId::OTHER,
                None => {
                    known.push(loss.clone());
                    LossId(known.len() as u32 + 1)
                }
            };
            resolved.losses.push(id);
        }
        Ok(resolved)
    }

    async fn find_task(
        &self,
        app: AppId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<TaskKey>, StoreError> {
        Ok(self
            .0
            .lock()
            .tasks
            .get(&(app, kind, id.to_owned()))
            .copied())
    }

    async fn find_loss(&self, app: AppId, loss: LossId) -> Result<Option<LossText>, StoreError> {
        let named = self.0.lock();
        let known = named.losses.get(&app).zip(loss.0.checked_sub(2));
        Ok(known.and_then(|(known, at)| known.get(at as usize).cloned()))
    }

    async fn raise(
        &self,
        tasks_end: u32,
        numbers_end: &BTreeMap<AppId, u32>,
    ) -> Result<(), StoreError> {
        let mut named = self.0.lock();
        named.next_task = named.next_task.max(tasks_end);
        for (app, end) in numbers_end {
            let next = named.next_number.entry(*app).or_default();
            *next = (*next).max(*end);
        }
        Ok(())
    }

    async fn count(&self) -> Result<(u64, u64), StoreError> {
        let named = self.0.lock();
        Ok((named.tasks.len() as u64, named.recipients.len() as u64))
    }
}

#[derive(Debug, Default)]
struct MemoryPages {
    pages: Mutex<(BTreeMap<PageKey, Arc<Page>>, Installed)>,
    generation: AtomicU64,
}

#[async_trait]
impl Pages for MemoryPages {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    async fn load_many(&self, keys: &[PageKey]) -> Result<Vec<Option<Page>>, StoreError> {
        let pages = self.pages.lock();
        Ok(keys
            .iter()
            .map(|key| pages.0.get(key).map(|page| Page::clone(page)))
            .collect())
    }

    async fn install(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut guard = self.pages.lock();
        let (pages, installed) = &mut *guard;
        for stored in &snapshot.pages {
            let page = Page::clone(&stored.page);
            match (stored.form, pages.get_mut(&stored.key)) {
                (Form::Addition, Some(older)) => Arc::make_mut(older).absorb(page),
                (Form::Whole | Form::Addition, _) => drop(pages.insert(stored.key, Arc::new(page))),
            }
        }
        pages.retain(|_, page| **page != Page::Gone);
        *installed = Installed {
            included: snapshot.included.clone(),
            tasks_end: snapshot.tasks_end,
            numbers_end: snapshot.numbers_end.clone(),
            bytes: 0,
        };
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    async fn installed(&self) -> Result<Installed, StoreError> {
        Ok(self.pages.lock().1.clone())
    }

    async fn scan(&self, from: PageKey, visit: &mut PageVisitor<'_>) -> Result<(), StoreError> {
        let pages = self.pages.lock().0.clone();
        for (key, page) in pages.range(from..) {
            if visit(*key, Page::clone(page)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        Ok(self.pages.lock().0.len() as u64)
    }
}

#[derive(Debug, Default)]
struct MemoryApps(Mutex<BTreeMap<AppId, App>>);

#[async_trait]
impl Apps for MemoryApps {
    async fn list(&self) -> Result<Vec<App>, StoreError> {
        Ok(self.0.lock().values().cloned().collect())
    }

    async fn put(&self, app: &App) -> Result<(), StoreError> {
        self.0.lock().insert(app.id, app.clone());
        Ok(())
    }
}

#[derive(Debug, Default)]
struct MemoryRelays(Mutex<BTreeMap<AppId, (Vec<Bytes>, u64)>>);

#[async_trait]
impl RelayQueue for MemoryRelays {
    async fn push(&self, app: AppId, call: Bytes) -> Result<u64, StoreError> {
        let mut queues = self.0.lock();
        let (calls, _) = queues.entry(app).or_default();
        calls.push(call);
        Ok(calls.len() as u64)
    }

    async fn read(
        &self,
        app: AppId,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RelayCall>, StoreError> {
        let queues = self.0.lock();
        let Some((calls, _)) = queues.get(&app) else {
            return Ok(Vec::new());
        };
        let mut bytes = 0;
        let waiting = (1..)
            .zip(calls)
            .skip_while(|(at, _)| *at <= after)
            .take(calls_max.max(1));
        let fitting = waiting.take_while(|(_, call)| {
            let first = bytes == 0;
            bytes += call.len().max(1);
            first || bytes <= bytes_max
        });
        Ok(fitting
            .map(|(at, call)| RelayCall {
                at,
                call: call.clone(),
            })
            .collect())
    }

    async fn done(&self, app: AppId, up_to: u64) -> Result<(), StoreError> {
        let mut queues = self.0.lock();
        let (_, cursor) = queues.entry(app).or_default();
        *cursor = (*cursor).max(up_to);
        Ok(())
    }

    async fn cursor(&self, app: AppId) -> Result<u64, StoreError> {
        Ok(self.0.lock().get(&app).map_or(0, |(_, cursor)| *cursor))
    }

    async fn backlog(&self, app: AppId) -> Result<RelayBacklog, StoreError> {
        let queues = self.0.lock();
        let Some((calls, cursor)) = queues.get(&app) else {
            return Ok(RelayBacklog::default());
        };
        let waiting = calls.iter().skip(*cursor as usize);
        Ok(RelayBacklog {
            calls: waiting.clone().count() as u64,
            bytes: waiting.map(|call| call.len() as u64).sum(),
        })
    }
}
