//! Forgetting accounts, and what became of it: what was erased, what waits and until when, which backups still hold it.
//!
//! Never with the names: whoever asks knows them, and nobody else is to.

use pushtally_model::{Account, AppId, Channel, Number, Second};
use pushtally_store::{
    AccountDeleted, BackupNote, Erased, Forgetting, Forgettings, RelayLine, RelayQueue, StoreError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Accounts that are forgotten in one call: as many as `account_delete` takes.
pub const FORGET_MAX: usize = 100;

/// What forgetting needs.
#[derive(Clone, Copy)]
pub struct ForgetSources<'a> {
    /// Forgets.
    pub forgettings: &'a dyn Forgettings,
    /// Where calls wait that may name somebody.
    pub relays: &'a dyn RelayQueue,
    /// Seconds within which everything is erased.
    pub within_s: u32,
    /// The time.
    pub now: Second,
}

impl std::fmt::Debug for ForgetSources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForgetSources")
    }
}

/// What forgetting some accounts did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForgetReport {
    /// The SDKAppID.
    pub app: u32,
    /// Each account, in the order in which they were named.
    pub accounts: Vec<ForgottenRow>,
    /// The forgettings that it made.
    pub forgettings: Vec<ForgettingRow>,
    /// Calls that wait in the app's relay queues and may name them: they go when they are passed on.
    pub relay_calls: u64,
}

/// What forgetting an account did at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForgottenRow {
    /// Whether it was known.
    pub known: bool,
    /// Its devices, which are registered no more.
    pub devices: usize,
}

/// A forgetting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForgettingRow {
    /// Its place, from 1.
    pub place: u64,
    /// The SDKAppID.
    pub app: u32,
    /// When it was asked for, in Unix seconds.
    pub at: u32,
    /// How many accounts were named.
    pub named: u64,
    /// What was erased.
    pub erased: ErasedRow,
    /// When nothing was left in the store's files, in Unix seconds; `None` is not yet.
    pub done: Option<u32>,
    /// Until when that is promised, in Unix seconds.
    pub due: u32,
    /// The backups that are known to hold it still, newest first.
    pub backups: Vec<BackupRow>,
}

/// What was erased, by kind. Recipients and tasks are known once it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[expect(
    missing_docs,
    reason = "as in `pushtally_store::Erased`, field by field"
)]
pub struct ErasedRow {
    pub accounts: u64,
    pub phones: u64,
    pub devices: u64,
    pub tokens: u64,
    pub tags: u64,
    pub attributes: u64,
    pub recipients: u64,
    pub audiences: u64,
    pub texts: u64,
    pub senders: u64,
}

/// A copy that was made of everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupRow {
    /// When, in Unix seconds.
    pub at: u32,
    /// Where to.
    pub to: String,
}

/// Forgettings, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForgettingPage {
    /// The forgettings.
    pub forgettings: Vec<ForgettingRow>,
    /// The `before` of the next page; `None` when this is the last.
    pub next: Option<u64>,
}

impl From<Erased> for ErasedRow {
    fn from(erased: Erased) -> Self {
        Self {
            accounts: erased.accounts,
            phones: erased.phones,
            devices: erased.devices,
            tokens: erased.tokens,
            tags: erased.tags,
            attributes: erased.attributes,
            recipients: erased.recipients,
            audiences: erased.audiences,
            texts: erased.texts,
            senders: erased.senders,
        }
    }
}

impl ForgettingRow {
    fn new(forgetting: &Forgetting, within_s: u32, backups: &[BackupNote]) -> Self {
        // A backup from before it was done holds it, or the note by which its restoring does what is left.
        let holds = |backup: &&BackupNote| forgetting.done_at.is_none_or(|done| backup.at <= done);
        let backups = backups.iter().filter(holds).map(|backup| BackupRow {
            at: backup.at.0,
            to: backup.to.clone(),
        });
        Self {
            place: forgetting.place,
            app: forgetting.app.0,
            at: forgetting.at.0,
            named: forgetting.named,
            erased: forgetting.erased.into(),
            done: forgetting.done_at.map(|done| done.0),
            due: forgetting.at.0.saturating_add(within_s),
            backups: backups.collect(),
        }
    }
}

/// Forgets accounts, and erases everything at once if told to, which may take long; else a running server does it within
/// the stated time. Answers the devices too that are registered no more: their sessions are the caller's to end.
pub async fn forget(
    sources: ForgetSources<'_>,
    app: AppId,
    accounts: &[Account],
    at_once: bool,
) -> Result<(ForgetReport, Vec<Number>), StoreError> {
    let ForgetSources {
        forgettings,
        relays,
        within_s,
        now,
    } = sources;
    let forgotten = forgettings.forget_accounts(app, accounts, now).await?;
    let mut gone = Vec::new();
    let rows = forgotten.accounts.into_iter().map(|account| match account {
        AccountDeleted::Unknown => ForgottenRow {
            known: false,
            devices: 0,
        },
        AccountDeleted::Done(numbers) => {
            let devices = numbers.len();
            gone.extend(numbers);
            ForgottenRow {
                known: true,
                devices,
            }
        }
    });
    let accounts = rows.collect();
    if at_once {
        forgettings.erase(now).await?;
    }
    let backups = forgettings.backups().await?;
    let mut made = Vec::with_capacity(forgotten.places.len());
    for place in forgotten.places {
        let found = forgettings
            .forgettings(Some(app), Some(place + 1), 1)
            .await?;
        let found = found.iter().filter(|found| found.place == place);
        made.extend(found.map(|found| ForgettingRow::new(found, within_s, &backups)));
    }
    let report = ForgetReport {
        app: app.0,
        accounts,
        forgettings: made,
        relay_calls: waiting_calls(relays, app).await?,
    };
    Ok((report, gone))
}

async fn waiting_calls(relays: &dyn RelayQueue, app: AppId) -> Result<u64, StoreError> {
    let vendors = Channel::ALL.map(|channel| RelayLine::Receipts(app, channel));
    let mut calls = 0;
    for line in std::iter::once(RelayLine::Webhooks(app)).chain(vendors) {
        calls += relays.backlog(line).await?.calls;
    }
    Ok(calls)
}

/// A page of forgettings, of one app or all.
pub async fn forgetting_page(
    sources: ForgetSources<'_>,
    app: Option<AppId>,
    before: Option<u64>,
    limit: usize,
) -> Result<ForgettingPage, StoreError> {
    let forgettings = sources.forgettings;
    let mut found = forgettings.forgettings(app, before, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let backups = forgettings.backups().await?;
    let rows = found
        .iter()
        .map(|found| ForgettingRow::new(found, sources.within_s, &backups));
    Ok(ForgettingPage {
        forgettings: rows.collect(),
        next: found.last().filter(|_| more).map(|last| last.place),
    })
}
