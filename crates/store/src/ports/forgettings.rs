//! Forgetting accounts, as an engine does it: at once for whoever asks the store, and within a stated time on the disk.

use async_trait::async_trait;
use pushtally_model::{Account, AppId, Second};

use super::labels::AccountDeleted;
use crate::StoreError;

/// What was erased, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Accounts that were known.
    pub accounts: u64,
    /// Phones: their RegistrationIDs and the hashes of their secrets.
    pub phones: u64,
    /// Registered devices.
    pub devices: u64,
    /// Tokens, dropped ones included.
    pub tokens: u64,
    /// Tags, of accounts and phones.
    pub tags: u64,
    /// Attribute values, of accounts and phones.
    pub attributes: u64,
    /// Names that imported events knew accounts by: one for each route and channel.
    pub recipients: u64,
    /// Tasks that addressed one of them by name and no longer do.
    pub audiences: u64,
    /// Of these, tasks that address nobody any more: their texts are gone.
    pub texts: u64,
    /// Tasks that one of them was the sender of.
    pub senders: u64,
}

impl Erased {
    /// The counts, in the order of the fields.
    #[must_use]
    pub const fn counts(self) -> [u64; 10] {
        [
            self.accounts,
            self.phones,
            self.devices,
            self.tokens,
            self.tags,
            self.attributes,
            self.recipients,
            self.audiences,
            self.texts,
            self.senders,
        ]
    }

    /// Of counts in the order of the fields.
    #[must_use]
    pub const fn of(counts: [u64; 10]) -> Self {
        let [accounts, phones, devices, tokens, tags, attributes, ..] = counts;
        let [.., recipients, audiences, texts, senders] = counts;
        Self {
            accounts,
            phones,
            devices,
            tokens,
            tags,
            attributes,
            recipients,
            audiences,
            texts,
            senders,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut counts = self.counts();
        for (count, more) in counts.iter_mut().zip(other.counts()) {
            *count += more;
        }
        Self::of(counts)
    }
}

/// One forgetting: what was asked, without whom, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgetting {
    /// Its place, from 1.
    pub place: u64,
    /// The app.
    pub app: AppId,
    /// When it was asked for.
    pub at: Second,
    /// How many names it was asked for.
    pub named: u64,
    /// What was erased so far: recipients and tasks only once it is done.
    pub erased: Erased,
    /// When nothing of them was left in the files of the store; `None` is not yet.
    pub done_at: Option<Second>,
}

/// What asking to forget accounts did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// One for each account, in their order.
    pub accounts: Vec<AccountDeleted>,
    /// The forgettings that were noted, ascending.
    pub places: Vec<u64>,
}

/// A copy that was made of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupNote {
    /// When it was begun.
    pub at: Second,
    /// Where to, as it was asked for.
    pub to: String,
}

/// Backups that are remembered; the oldest goes.
pub const BACKUPS_MAX: usize = 256;
/// Forgettings that are done and still remembered; the oldest goes.
pub const FORGETTINGS_KEPT_MAX: usize = 10_000;

/// Forgets accounts. What is counted of them stays: numbers are no names.
#[async_trait]
pub trait Forgettings: Send + Sync {
    /// Forgets accounts: their labels, their devices with all tokens, and their phones. Nobody finds them any more when it
    /// answers, and that the rest is to be erased is durable. An account that is not known may have left traces too: it is
    /// noted as well.
    async fn forget_accounts(
        &self,
        app: AppId,
        accounts: &[Account],
        at: Second,
    ) -> Result<Forgotten, StoreError>;

    /// Erases what is noted: names of imports, audiences and texts of tasks, and every byte of the store's files in which
    /// any of it is left. Others are served meanwhile; takes as long as copying devices and tasks does. Answers how many
    /// forgettings are done by it. After an error, or the end of the process, the next call does what is left.
    async fn erase(&self, at: Second) -> Result<u64, StoreError>;

    /// When the oldest forgetting was asked for that is not done.
    async fn waiting_since(&self) -> Result<Option<Second>, StoreError>;

    /// Forgettings before a place, newest first, of one app or all.
    async fn forgettings(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<Forgetting>, StoreError>;

    /// Notes that a copy of everything is made: what is forgotten later is still in it.
    async fn note_backup(&self, backup: &BackupNote) -> Result<(), StoreError>;

    /// The backups that are remembered, newest first.
    async fn backups(&self) -> Result<Vec<BackupNote>, StoreError>;
}
