//! What an operator can do to an installation, as values: an `Act` goes in, a `Done` or an `ActError` comes out.
//!
//! The command line performs acts itself when no server runs and sends them over the control socket when one does;
//! either way it is this code that performs them.

mod act;
mod apps;
mod audience;
mod bulk;
mod channels;
mod devices;
mod error;
mod forgetting;
mod history;
mod ledger;
mod reconcile;
mod sending;
mod tasks;
mod webhooks;

use std::sync::{Arc, OnceLock};

use pushtally_dispatch::Dispatch;
use pushtally_http::{Deed, Recorder};
use pushtally_model::{App, AppId, Clock, Entropy};
use pushtally_online::Online;
use pushtally_stats::Stats;
use pushtally_store::{BackupNote, Directory, StoreError};
use pushtally_vendor::SharedAccess;
use pushtally_webhook::Hooks;
use tokio::sync::Mutex;

use crate::channels::{Channels, Maker, Vendors};
use crate::config::{Declared, Owned};
use crate::engine::Opened;

pub(crate) use act::{Act, AppRow, Done, Listing, NewApp, NewToken, NewWebhook};
pub(crate) use audience::AudienceVerified;
pub(crate) use channels::{ChannelRow, Trial, TrialStep};
pub(crate) use devices::{Counted, DevicesState, Meant};
pub(crate) use error::ActError;
pub(crate) use history::HistoryWanted;
pub(crate) use ledger::LedgerVerified;
pub(crate) use reconcile::{OurSide, TASKS_A_PAGE};
pub(crate) use tasks::Wanted;
pub(crate) use webhooks::WebhookRow;

/// Keys an app may have at once: one in use, one being rolled out, and two that someone forgot.
pub(crate) const KEYS_MAX: usize = 4;

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
    channels: Channels,
    maker: Maker,
    /// Whose accounts change at once, in a running server.
    vendors: OnceLock<Arc<Vendors>>,
    directory: Arc<Directory>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    audit: Arc<Recorder>,
    /// What sends, in a running server. It needs the directory that is filled here, so it comes later.
    dispatch: OnceLock<Arc<Dispatch>>,
    /// Whose sockets end when an import registers somebody else, in a running server.
    online: OnceLock<Arc<Online>>,
    /// What sends events out, in a running server.
    hooks: OnceLock<Arc<Hooks>>,
    /// Seconds within which what is forgotten is erased.
    forget_within_s: u32,
    /// Apps and accounts are read, changed and written back, which two acts must not do at once.
    turn: Mutex<()>,
}

impl Acts {
    /// Acts on this installation. The directory is filled now and after every change.
    pub(crate) async fn new(
        opened: Opened,
        ledger: Ledger,
        owned: Owned,
        directory: Arc<Directory>,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let Owned {
            apps,
            channels,
            vault,
            public_url,
            targets,
            forget_within_s,
        } = owned;
        let stored = Arc::clone(&opened.engine.channels);
        let audit = Recorder::new(Arc::clone(&opened.engine.audit), Arc::clone(&clock));
        let acts = Self {
            channels: Channels::new(channels, vault, stored, Arc::clone(&entropy)),
            maker: Maker {
                public_url,
                targets,
                directory: Arc::clone(&directory),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                shared_access: SharedAccess::default(),
            },
            clock,
            audit: Arc::new(audit),
            forget_within_s,
            dispatch: OnceLock::new(),
            online: OnceLock::new(),
            vendors: OnceLock::new(),
            hooks: OnceLock::new(),
            opened,
            ledger,
            declared: apps,
            directory,
            entropy,
            turn: Mutex::new(()),
        };
        acts.refresh().await?;
        Ok(acts)
    }

    /// Gives it what sends. Once, before the control socket listens.
    pub(crate) fn set_dispatch(&self, dispatch: Arc<Dispatch>) {
        // A second one is a mistake at the start; the first stays.
        let _ = self.dispatch.set(dispatch);
    }

    /// Gives it the sockets. Once, before the control socket listens.
    pub(crate) fn set_online(&self, online: Arc<Online>) {
        let _ = self.online.set(online);
    }

    /// Gives it the vendors. Once, before the control socket listens.
    pub(crate) fn set_vendors(&self, vendors: Arc<Vendors>) {
        let _ = self.vendors.set(vendors);
    }

    /// Gives it the webhooks. Once, before the control socket listens.
    pub(crate) fn set_hooks(&self, hooks: Arc<Hooks>) {
        let _ = self.hooks.set(hooks);
    }

    /// The accounts with vendors.
    pub(crate) const fn channels(&self) -> &Channels {
        &self.channels
    }

    /// What makes accounts that can call.
    pub(crate) const fn maker(&self) -> &Maker {
        &self.maker
    }

    /// The audit, for everybody who writes it.
    pub(crate) fn audit(&self) -> Arc<Recorder> {
        Arc::clone(&self.audit)
    }

    /// Performs one act.
    pub(crate) async fn perform(&self, act: Act) -> Result<Done, ActError> {
        let _turn = match act {
            Act::AppAdd(_)
            | Act::AppRotateKey { .. }
            | Act::AppDropOldKeys { .. }
            | Act::AppRotateClientKey { .. }
            | Act::WebhookSet { .. }
            | Act::ChannelSet { .. }
            | Act::ChannelRemove(_)
            | Act::ChannelRekey => Some(self.turn.lock().await),
            Act::AppList
            | Act::ChannelList { .. }
            | Act::ChannelTry(_)
            | Act::AppPause { .. }
            | Act::Push { .. }
            | Act::TaskList(_)
            | Act::TaskShow { .. }
            | Act::TaskSet { .. }
            | Act::Trace { .. }
            | Act::History { .. }
            | Act::Stats { .. }
            | Act::Reach { .. }
            | Act::Latencies { .. }
            | Act::OurSide { .. }
            | Act::DevicesCheck { .. }
            | Act::DevicesRestore { .. }
            | Act::DevicesRelease { .. }
            | Act::Audit(_)
            | Act::WebhookList
            | Act::WebhookReplay { .. }
            | Act::Forget { .. }
            | Act::Forgettings(_)
            | Act::LedgerStat
            | Act::LedgerDigest
            | Act::LedgerVerify
            | Act::AudienceVerify { .. }
            | Act::Backup { .. }
            | Act::ImportStart { .. }
            | Act::Import { .. }
            | Act::ImportEnd { .. }
            | Act::Export { .. } => None,
        };
        match act {
            Act::AppAdd(app) => self.add_app(app).await,
            Act::AppList => Ok(self.list_apps()),
            Act::AppRotateKey { sdkappid } => self.rotate_key(AppId(sdkappid)).await,
            Act::AppDropOldKeys { sdkappid } => self.drop_old_keys(AppId(sdkappid)).await,
            Act::AppPause { sdkappid, paused } => self.pause_app(AppId(sdkappid), paused).await,
            Act::Push { sdkappid, order } => self.push(AppId(sdkappid), order).await,
            Act::TaskList(listing) => self.list_tasks(listing).await,
            Act::TaskShow { sdkappid, id } => self.show_task(AppId(sdkappid), &id).await,
            Act::TaskSet {
                sdkappid,
                id,
                wanted,
            } => self.set_task(AppId(sdkappid), &id, wanted).await,
            Act::Trace { sdkappid, id, user } => self.trace(AppId(sdkappid), &id, &user).await,
            Act::History { sdkappid, wanted } => self.history(AppId(sdkappid), wanted).await,
            Act::Stats {
                sdkappid,
                tasks,
                from,
                to,
                as_of_ms,
            } => {
                let app = AppId(sdkappid);
                self.tally(app, &tasks, (from, to), as_of_ms).await
            }
            Act::Latencies {
                sdkappid,
                tasks,
                from,
                to,
            } => self.latencies(AppId(sdkappid), &tasks, (from, to)).await,
            Act::Reach { sdkappid, tasks } => self.reach(AppId(sdkappid), &tasks).await,
            Act::OurSide {
                sdkappid,
                tasks,
                from,
                to,
                place,
            } => {
                let app = AppId(sdkappid);
                self.our_side(app, &tasks, (from, to), place).await
            }
            Act::DevicesCheck { sdkappid, channel } => {
                self.check_devices(AppId(sdkappid), channel).await
            }
            Act::DevicesRestore { meant, since } => self.restore_tokens(meant, since).await,
            Act::DevicesRelease { meant } => self.release_brakes(meant).await,
            Act::Audit(listing) => self.list_audit(listing).await,
            Act::AppRotateClientKey { sdkappid } => self.rotate_client_key(AppId(sdkappid)).await,
            Act::ChannelSet { sdkappid, settings } => {
                self.set_channel(AppId(sdkappid), settings).await
            }
            Act::ChannelList { sdkappid } => self.list_channels(sdkappid.map(AppId)).await,
            Act::ChannelRemove(id) => self.remove_channel(id).await,
            Act::ChannelRekey => self.rekey_channels().await,
            Act::ChannelTry(trial) => self.try_channel(trial).await,
            Act::WebhookSet { sdkappid, webhook } => {
                self.set_webhook(AppId(sdkappid), webhook).await
            }
            Act::WebhookList => self.list_webhooks().await,
            Act::WebhookReplay { sdkappid, id } => self.replay(AppId(sdkappid), id).await,
            Act::LedgerStat => Ok(Done::Stat(ledger::stat(&self.opened.engine).await?)),
            Act::LedgerDigest => ledger::digest(&self.opened.engine).await,
            Act::LedgerVerify => ledger::verify(&self.opened.engine, &self.ledger).await,
            Act::AudienceVerify { sdkappid } => {
                audience::verify(&self.opened.engine, sdkappid.map(AppId)).await
            }
            Act::ImportStart {
                sdkappid,
                kind,
                file,
                names,
            } => self.start_import(sdkappid, kind, &file, &names).await,
            Act::Import {
                sdkappid,
                kind,
                replace,
                rows,
            } => self.import(sdkappid, kind, replace, &rows).await,
            Act::ImportEnd {
                sdkappid,
                kind,
                file,
                counts,
            } => self.end_import(sdkappid, kind, &file, counts).await,
            Act::Export {
                sdkappid,
                kind,
                from,
                with_tokens,
            } => self.export(sdkappid, kind, from, with_tokens).await,
            Act::Forget {
                sdkappid,
                accounts,
                now,
            } => self.forget(AppId(sdkappid), &accounts, now).await,
            Act::Forgettings(listing) => self.list_forgettings(listing).await,
            Act::Backup { to } => {
                let at = self.clock.now();
                let report = self.opened.backup(&to).map_err(ActError::Backup)?;
                let to = to.display().to_string();
                let forgettings = &self.opened.engine.forgettings;
                forgettings.note_backup(&BackupNote { at, to }).await?;
                let pause_us = u64::try_from(report.pause_us).unwrap_or(u64::MAX);
                Ok(Done::BackedUp {
                    bytes: report.bytes,
                    pause_us,
                })
            }
        }
    }

    /// What an operator did to an app, and to what of it.
    fn deed(&self, app: AppId, what: &'static str, target: &str) -> Deed {
        let from = match self.ledger {
            Ledger::Open(_) => "control socket",
            Ledger::Closed(_) => "command line",
        };
        let mut deed = Deed::of_operator(from, app, what);
        deed.target = target.to_owned();
        deed
    }

    /// Writes what was done.
    async fn note(&self, app: AppId, what: &'static str, target: &str) {
        self.audit.record(self.deed(app, what, target)).await;
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
