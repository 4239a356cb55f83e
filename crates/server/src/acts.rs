//! What an operator can do to an installation, as values: an `Act` goes in, a `Done` or an `ActError` comes out.
//!
//! The command line performs acts itself when no server runs and sends them over the control socket when one does;
//! either way it is this code that performs them.

mod apps;
mod ledger;

use std::path::PathBuf;
use std::sync::Arc;

use pushtally_model::{App, AppId, Entropy};
use pushtally_stats::Stats;
use pushtally_store::{Directory, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::config::Declared;
use crate::engine::Opened;

pub(crate) use ledger::LedgerVerified;

/// Keys an app may have at once: one in use, one being rolled out, and two that someone forgot.
pub(crate) const KEYS_MAX: usize = 4;

/// One act. Secrets travel in it, so it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(crate) enum Act {
    AppAdd(NewApp),
    AppList,
    AppRotateKey { sdkappid: u32 },
    AppDropOldKeys { sdkappid: u32 },
    AppRotateClientKey { sdkappid: u32 },
    LedgerStat,
    LedgerDigest,
    LedgerVerify,
    Backup { to: PathBuf },
}

/// An app to be made. Keys and tokens that are not given are generated.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NewApp {
    pub(crate) sdkappid: u32,
    /// Empty: the documented default.
    pub(crate) administrators: Vec<String>,
    pub(crate) key: Option<String>,
    pub(crate) callback_token: NewToken,
    pub(crate) client_key: NewToken,
    pub(crate) relay_to: Option<String>,
}

/// Where a new app's callback token or client key comes from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewToken {
    None,
    Generated,
    Given(String),
}

/// What an act did.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub(crate) enum Done {
    /// Secrets are there only if they were generated: the one time that they are shown.
    AppAdded {
        administrators: Vec<String>,
        key: Option<String>,
        callback_token: Option<String>,
        client_key: Option<String>,
    },
    Apps {
        apps: Vec<AppRow>,
    },
    KeyRotated {
        key: String,
        keys: usize,
    },
    OldKeysDropped {
        dropped: usize,
    },
    /// `replaced` says whether there was one before, which is good no more.
    ClientKeyRotated {
        client_key: String,
        replaced: bool,
    },
    Stat(ledger::LedgerStat),
    Digest {
        digest: String,
        next: u64,
    },
    Verified(ledger::LedgerVerified),
    BackedUp {
        bytes: u64,
        pause_us: u64,
    },
}

/// An app as it is listed: never with keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppRow {
    pub(crate) sdkappid: u32,
    pub(crate) enabled: bool,
    pub(crate) keys: usize,
    pub(crate) administrators: Vec<String>,
    pub(crate) has_callback_token: bool,
    pub(crate) has_client_key: bool,
    pub(crate) has_relay: bool,
    /// The line that declares it; `None` when it lives in the store.
    pub(crate) declared_at: Option<String>,
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    #[error("app `{app}` is declared at {at}, change it there")]
    Declared { app: AppId, at: String },
    #[error("app `{app}` exists already")]
    Exists { app: AppId },
    #[error("there is no app `{app}`")]
    Missing { app: AppId },
    #[error("an SDKAppID is `1` to `4294967295`, not `0`")]
    ZeroId,
    #[error("`{name}` is no administrator: {source}")]
    Administrator {
        name: String,
        source: pushtally_usersig::IdentifierError,
    },
    #[error("relay_to is refused: {0}")]
    Relay(#[from] pushtally_webhook::TargetError),
    #[error("the {what} is empty")]
    Empty { what: &'static str },
    #[error("app `{app}` has `{KEYS_MAX}` keys already, drop the old ones first (`--drop-old`)")]
    TooManyKeys { app: AppId },
    #[error("the system has no randomness to give")]
    Entropy(#[source] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("backup failed: {0:#}")]
    Backup(anyhow::Error),
}

/// The ledger over the engine.
#[derive(Debug)]
pub(crate) enum Ledger {
    /// Open already, in a running server.
    Open(Arc<Stats>),
    /// To be opened with these bounds if an act needs it.
    Closed(pushtally_stats::Options),
}

/// Performs acts on an open installation, those that change apps one at a time.
#[derive(Debug)]
pub(crate) struct Acts {
    opened: Opened,
    ledger: Ledger,
    declared: Vec<Declared>,
    directory: Arc<Directory>,
    entropy: Arc<dyn Entropy>,
    /// Apps are read, changed and written back, which two acts must not do at once.
    turn: Mutex<()>,
}

impl Acts {
    /// Acts on this installation. The directory is filled now and after every change.
    pub(crate) async fn new(
        opened: Opened,
        ledger: Ledger,
        declared: Vec<Declared>,
        directory: Arc<Directory>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let acts = Self {
            opened,
            ledger,
            declared,
            directory,
            entropy,
            turn: Mutex::new(()),
        };
        acts.refresh().await?;
        Ok(acts)
    }

    /// Performs one act.
    pub(crate) async fn perform(&self, act: Act) -> Result<Done, ActError> {
        let _turn = match act {
            Act::AppAdd(_)
            | Act::AppRotateKey { .. }
            | Act::AppDropOldKeys { .. }
            | Act::AppRotateClientKey { .. } => Some(self.turn.lock().await),
            Act::AppList
            | Act::LedgerStat
            | Act::LedgerDigest
            | Act::LedgerVerify
            | Act::Backup { .. } => None,
        };
        match act {
            Act::AppAdd(app) => self.add_app(app).await,
            Act::AppList => Ok(self.list_apps()),
            Act::AppRotateKey { sdkappid } => self.rotate_key(AppId(sdkappid)).await,
            Act::AppDropOldKeys { sdkappid } => self.drop_old_keys(AppId(sdkappid)).await,
            Act::AppRotateClientKey { sdkappid } => self.rotate_client_key(AppId(sdkappid)).await,
            Act::LedgerStat => Ok(Done::Stat(ledger::stat(&self.opened.engine).await?)),
            Act::LedgerDigest => ledger::digest(&self.opened.engine).await,
            Act::LedgerVerify => ledger::verify(&self.opened.engine, &self.ledger).await,
            Act::Backup { to } => {
                let report = self.opened.backup(&to).map_err(ActError::Backup)?;
                let pause_us = u64::try_from(report.pause_us).unwrap_or(u64::MAX);
                Ok(Done::BackedUp {
                    bytes: report.bytes,
                    pause_us,
                })
            }
        }
    }

    /// Fills the directory: what is declared, and what is stored and not declared.
    async fn refresh(&self) -> Result<(), StoreError> {
        let stored = self.opened.engine.apps.list().await?;
        let declared = |app: &App| self.declared_at(app.id).is_some();
        for app in stored.iter().filter(|app| declared(app)) {
            tracing::warn!(app = %app.id, "the stored app is hidden by the one that the configuration declares");
        }
        let stored = stored.into_iter().filter(|app| !declared(app));
        self.directory.replace(
            self.declared
                .iter()
                .map(|declared| declared.app.clone())
                .chain(stored),
        );
        Ok(())
    }

    fn declared_at(&self, app: AppId) -> Option<String> {
        let found = self
            .declared
            .iter()
            .find(|declared| declared.app.id == app)?;
        Some(found.origin.to_string())
    }
}

#[cfg(test)]
mod tests;
