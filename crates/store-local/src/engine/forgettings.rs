//! The port of forgettings: what is erased where, and in which order.
//!
//! Invariant: the names to be looked for leave the notes after everything that names them was changed, durably, and before
//! the tables are written anew; a forgetting is done after that. So after a crash the next erasing does what is left.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use pushtally_model::{Account, AppId, Second};
use pushtally_store::{BackupNote, Erased, Forgetting, Forgettings, Forgotten, StoreError};

use crate::disk::Disk;
use crate::error::LocalError;
use crate::identities::{Gone, LocalIdentities};
use crate::layout::NAMES;
use crate::log::LocalLog;
use crate::relay_queue::RelayQueue;
use crate::segments::{SegmentLog, SegmentOptions};
use crate::state::{NotedForgetting, State};

/// Everything that names may be in.
pub(super) struct LocalForgettings {
    pub(super) parts: Arc<Parts>,
    /// One erasing at a time.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

/// What an erasing needs where it blocks.
pub(super) struct Parts {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) names_options: SegmentOptions,
    pub(super) state: Arc<State>,
    pub(super) log: Arc<LocalLog>,
    pub(super) identities: Arc<LocalIdentities>,
    pub(super) relays: Arc<RelayQueue>,
}

impl LocalForgettings {
    /// Runs where blocking is allowed, to its end, whether or not somebody waits.
    async fn run<R: Send + 'static>(
        &self,
        act: impl FnOnce(&Parts) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let parts = Arc::clone(&self.parts);
        match tokio::task::spawn_blocking(move || act(&parts)).await {
            Ok(answer) => answer,
            Err(error) => Err(StoreError::Io {
                what: format!("erasing what is forgotten stopped: {error}"),
            }),
        }
    }
}

impl Parts {
    /// Forgets names of imports; answers how many there were, by forgetting.
    fn forget_names(
        &self,
        waiting: &[NotedForgetting],
    ) -> Result<BTreeMap<u64, Erased>, LocalError> {
        let mut found: BTreeMap<u64, Erased> = BTreeMap::new();
        let mut gone = Gone::new();
        for noted in waiting {
            found.insert(noted.forgetting.place, Erased::default());
            let of_app = gone.entry(noted.forgetting.app).or_default();
            of_app.extend(noted.gone.iter().cloned());
        }
        if !self.identities.names_any(&gone) {
            return Ok(found);
        }
        let open = || {
            let dir = self.dir.join(NAMES);
            SegmentLog::open(Arc::clone(&self.disk), &dir, self.names_options)
                .map(|opened| opened.log)
        };
        let forgot = self
            .log
            .forget_names(&*self.disk, &self.dir, &gone, &open)?;
        for (app, name) in forgot {
            // Of several notes of one name, the first is told.
            let of = waiting
                .iter()
                .find(|noted| noted.forgetting.app == app && noted.gone.contains(&name));
            if let Some(erased) = of.and_then(|noted| found.get_mut(&noted.forgetting.place)) {
                erased.recipients += 1;
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Forgettings for LocalForgettings {
    async fn forget_accounts(
        &self,
        app: AppId,
        accounts: &[Account],
        at: Second,
    ) -> Result<Forgotten, StoreError> {
        self.parts.state.forget_accounts(app, accounts, at).await
    }

    async fn erase(&self, at: Second) -> Result<u64, StoreError> {
        let _turn = self.turn.lock().await;
        let state = &self.parts.state;
        let waiting = state.waiting().await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let places: Vec<u64> = waiting.iter().map(|noted| noted.forgetting.place).collect();
        state.forget_in_tasks(&waiting).await?;
        let found = self
            .run(move |parts| {
                for app in waiting.iter().map(|noted| noted.forgetting.app) {
                    parts.relays.begin_segments(app)?;
                }
                Ok(parts.forget_names(&waiting)?)
            })
            .await?;
        state.forget_names(found).await?;
        self.run(|parts| parts.state.rewrite()).await?;
        let done = places.len() as u64;
        state.end_forgettings(places, at).await?;
        Ok(done)
    }

    async fn waiting_since(&self) -> Result<Option<Second>, StoreError> {
        let waiting = self.parts.state.waiting().await?;
        Ok(waiting.iter().map(|noted| noted.forgetting.at).min())
    }

    async fn forgettings(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<Forgetting>, StoreError> {
        self.parts.state.list_forgettings(app, before, max).await
    }

    async fn note_backup(&self, backup: &BackupNote) -> Result<(), StoreError> {
        self.parts.state.note_backup(backup.clone()).await
    }

    async fn backups(&self) -> Result<Vec<BackupNote>, StoreError> {
        self.parts.state.list_backups().await
    }
}
