//! The tables of `state.redb`, their keys, and the rows in them as values.
//!
//! Invariant: `devices` holds exactly the device that each phone in `phones` names; `accounts` and `tokens` have a row
//! for each account and token of each device, and no other but the marks of accounts known; `holdings` has one for each
//! token that a device lost in the last 30 days, and maybe older ones; `jobs` are what is open,
//! and a task is done when it has none; `tags` counts the rows of `labels` with each tag.

use pushtally_model::{
    Account, AccountKind, AppId, Channel, Number, RegistrationId, Secret, Tag, TaskDraft, TaskId,
    TaskKind, Token, TokenKind,
};
use pushtally_store::{Job, Part, StoreError, TaskSeq};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use sha2::{Digest, Sha256};

use super::changes::{self, Changes, Noted};
use super::rows::{Row, RowError};

pub(super) type Bytes = &'static [u8];
/// App, command, second, fingerprint, place.
pub(super) type SecondKey = (u32, u8, u32, u64, u64);
/// The first half of a token's SHA-256: short, and no secret.
pub(super) type TokenKey = (u32, [u8; 16]);

macro_rules! tables {
    ($($(#[$doc:meta])* $id:literal $name:ident, $table:ident, $key:ty, $value:ty;)*) => {
        $(
            $(#[$doc])*
            pub(super) const $table: TableDefinition<'static, $key, $value> =
                TableDefinition::new(stringify!($name));
        )*

        /// Every table, in a transaction that writes.
        pub(super) struct Tables<'t> {
            $(pub(super) $name: Noted<'t, $key, $value>,)*
            changes: &'t Changes,
        }

        impl<'t> Tables<'t> {
            /// What is changed through them is noted in `changes`.
            pub(super) fn open(write: &'t WriteTransaction, changes: &'t Changes) -> Result<Self, redb::Error> {
                Ok(Self {
                    $($name: Noted::new(write.open_table($table)?, $id, changes, WATCHED.contains(&$id)),)*
                    changes,
                })
            }

            /// Bytes of the changes so far.
            pub(super) fn changes_len(&self) -> usize {
                self.changes.len()
            }

            /// Makes the changes of a frame; `false` when it is none.
            pub(super) fn apply(&mut self, frame: &[u8]) -> Result<bool, redb::Error> {
                for change in changes::read(frame) {
                    let Some(change) = change else {
                        return Ok(false);
                    };
                    let made = match change.table {
                        $($id => self.$name.apply(&change)?,)*
                        _ => false,
                    };
                    if !made {
                        return Ok(false);
                    }
                }
                Ok(true)
            }

            /// Copies every row into tables that are empty, a part at a time.
            pub(super) fn copy(
                from: &ReadTransaction,
                begin: &mut dyn FnMut() -> Result<WriteTransaction, redb::Error>,
            ) -> Result<(), redb::Error> {
                $(copy_table(from, $table, begin)?;)*
                copy_table(from, INDEX, begin)
            }
        }
    };
}

/// What is said of the file: `format`, and `included`, the last frame of the log that it has. Not in the log.
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

// The numbers are written into the log and never change.
tables! {
    /// What is counted of each app.
    1 apps, APPS, u32, Bytes;
    /// Phones by (app, RegistrationID).
    2 phones, PHONES, Bytes, Bytes;
    /// Devices by (app, number).
    3 devices, DEVICES, (u32, u32), Bytes;
    /// (App, account, number), and a mark of each account that was ever known.
    4 accounts, ACCOUNTS, Bytes, ();
    /// Whose token it is.
    5 tokens, TOKENS, TokenKey, u32;
    /// Tasks by place.
    6 tasks, TASKS, u64, Bytes;
    /// Places by (app, TaskId).
    7 task_ids, TASK_IDS, Bytes, u64;
    /// Places of an app.
    8 app_tasks, APP_TASKS, (u32, u64), ();
    /// Places by when they were accepted.
    9 task_seconds, TASK_SECONDS, SecondKey, ();
    /// Open jobs by (place of the task, shard, part).
    10 jobs, JOBS, Bytes, ();
    /// The audit by place.
    11 audit, AUDIT, u64, Bytes;
    /// Places of an app's entries.
    12 app_audit, APP_AUDIT, (u32, u64), ();
    /// What accounts and phones are labelled with, by (app, kind, name). Nobody has empty ones.
    13 labels, LABELS, Bytes, Bytes;
    /// What apps call their attributes.
    14 attribute_names, ATTRIBUTE_NAMES, u32, Bytes;
    /// Who has a tag, by (app, tag).
    15 tags, TAGS, Bytes, Bytes;
    /// How revoked tasks were, by place.
    16 revocations, REVOCATIONS, u64, Bytes;
    /// Who had a token that somebody lost.
    17 holdings, HOLDINGS, TokenKey, Bytes;
    /// Devices that may be under way to a channel, of open jobs whose tasks repeat nothing, by the job's key.
    18 calls, CALLS, Bytes, Bytes;
    /// What is to be forgotten and what was, by place.
    19 forgettings, FORGETTINGS, u64, Bytes;
    /// Copies that were made of everything, by place.
    20 backups, BACKUPS, u64, Bytes;
}

/// The numbers of the tables that the index follows.
pub(super) const DEVICES_ID: u8 = 3;
pub(super) const LABELS_ID: u8 = 13;
const WATCHED: [u8; 2] = [DEVICES_ID, LABELS_ID];

/// Bitmaps of slots by (app, shard, what they are of), as of the last save. Not in the log: it follows from the rest.
pub(super) const INDEX: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new("index");

/// Rows copied in one transaction: bounds the memory of a backup.
const COPY_LEN: usize = 20_000;

fn copy_table<K: redb::Key + 'static, V: redb::Value + 'static>(
    from: &ReadTransaction,
    table: TableDefinition<'static, K, V>,
    begin: &mut dyn FnMut() -> Result<WriteTransaction, redb::Error>,
) -> Result<(), redb::Error> {
    let from = from.open_table(table)?;
    let mut rows = from.iter()?;
    loop {
        let write = begin()?;
        let mut copied = 0;
        {
            let mut to = write.open_table(table)?;
            for row in rows.by_ref().take(COPY_LEN) {
                let (key, value) = row?;
                to.insert(key.value(), value.value())?;
                copied += 1;
            }
        }
        write.commit()?;
        if copied < COPY_LEN {
            return Ok(());
        }
    }
}

/// Why an act ends without having done what it was asked.
#[derive(Debug)]
pub(super) enum ActError {
    /// It has written nothing, or (an act on many) what it wrote for the first of them stays: only its caller hears of it.
    Refused(StoreError),
    /// The transaction can do no more: everybody in it hears of it.
    Broken(redb::Error),
}

impl From<StoreError> for ActError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<redb::Error> for ActError {
    fn from(error: redb::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<redb::StorageError> for ActError {
    fn from(error: redb::StorageError) -> Self {
        Self::Broken(error.into())
    }
}

impl From<redb::TableError> for ActError {
    fn from(error: redb::TableError) -> Self {
        Self::Broken(error.into())
    }
}

impl From<redb::TransactionError> for ActError {
    fn from(error: redb::TransactionError) -> Self {
        Self::Broken(error.into())
    }
}

pub(super) fn damaged(table: &str, error: RowError) -> ActError {
    ActError::Refused(StoreError::Corrupt {
        what: format!(
            "`state.redb` is damaged: a row of `{table}` cannot be read: {error}; nothing was changed: \
             keep a copy of the directory, check the disk, then restore a backup"
        ),
    })
}

/// A row that bytes hold.
pub(super) fn decode<R: Row>(table: &str, bytes: &[u8]) -> Result<R, ActError> {
    R::decode(bytes).map_err(|error| damaged(table, error))
}

/// The bytes that hold a row.
pub(super) fn encode<R: Row>(table: &str, row: &R) -> Result<Vec<u8>, ActError> {
    row.encode().map_err(|error| damaged(table, error))
}

/// The row of a key, if there is one.
pub(super) fn row<'k, K: redb::Key + 'static, R: Row>(
    name: &str,
    table: &impl ReadableTable<K, Bytes>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
) -> Result<Option<R>, ActError> {
    let found = table.get(key)?;
    found.map(|bytes| decode(name, bytes.value())).transpose()
}

/// A name within its app.
pub(super) fn name_key(app: AppId, name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + name.len());
    key.extend(app.0.to_be_bytes());
    key.extend(name.as_bytes());
    key
}

pub(super) fn phone_key(app: AppId, registration_id: &RegistrationId) -> Vec<u8> {
    name_key(app, registration_id.as_str())
}

pub(super) fn task_id_key(app: AppId, id: &TaskId) -> Vec<u8> {
    name_key(app, id.as_str())
}

/// Stands where a number would, for an account that was ever signed in: no device has it.
pub(super) const KNOWN: Number = Number(u32::MAX);

/// An account holds no control characters, so the zero byte ends it.
pub(super) fn account_key(app: AppId, account: &Account, number: Number) -> Vec<u8> {
    let mut key = name_key(app, account.as_str());
    key.push(0);
    key.extend(number.0.to_be_bytes());
    key
}

/// The key of what an account or a phone is labelled with.
pub(super) fn labels_key(app: AppId, kind: AccountKind, name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + name.len());
    key.extend(app.0.to_be_bytes());
    key.push(kind as u8);
    key.extend(name.as_bytes());
    key
}

/// Whose labels a key is of.
pub(super) fn owner_of(labels_key: &[u8]) -> Option<(AppId, AccountKind, &str)> {
    let (app, rest) = labels_key.split_first_chunk()?;
    let (kind, name) = rest.split_first()?;
    let kind = match kind {
        0 => AccountKind::User,
        1 => AccountKind::Phone,
        _ => return None,
    };
    let name = std::str::from_utf8(name).ok()?;
    Some((AppId(u32::from_be_bytes(*app)), kind, name))
}

pub(super) fn tag_key(app: AppId, tag: &Tag) -> Vec<u8> {
    name_key(app, tag.as_str())
}

/// The keys of one app, in a table whose keys begin with it.
pub(super) fn keys_of_app(app: AppId) -> (Vec<u8>, Vec<u8>) {
    let end = app.0.saturating_add(1);
    (app.0.to_be_bytes().to_vec(), end.to_be_bytes().to_vec())
}

/// The number at the end of an account's key.
pub(super) fn number_of(account_key: &[u8]) -> Option<Number> {
    let number = account_key.last_chunk::<4>()?;
    Some(Number(u32::from_be_bytes(*number)))
}

pub(super) fn token_key(app: AppId, token: &Token) -> TokenKey {
    token_key_of(app, token.channel, token.kind, &token.value)
}

pub(super) fn token_key_of(
    app: AppId,
    channel: Channel,
    kind: TokenKind,
    value: &Secret,
) -> TokenKey {
    let mut hasher = Sha256::new();
    hasher.update([channel as u8, kind as u8]);
    hasher.update(value.expose().as_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    (app.0, half)
}

/// Equal drafts of one second have equal fingerprints; who finds one still compares.
pub(super) fn fingerprint(draft: &TaskDraft) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(draft.body_hash);
    hasher.update(draft.random.to_be_bytes());
    hasher.update(draft.sender.as_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

pub(super) fn second_key(draft: &TaskDraft, seq: u64) -> SecondKey {
    let second = draft.accepted_at.0;
    (
        draft.app.0,
        draft.kind as u8,
        second,
        fingerprint(draft),
        seq,
    )
}

/// The keys of broadcasts accepted from one second to before another.
pub(super) fn broadcasts(app: AppId, from: u32, before: u32) -> std::ops::Range<SecondKey> {
    let key = |second| (app.0, TaskKind::Broadcast as u8, second, 0, 0);
    key(from)..key(before)
}

const JOB_LEN: usize = 13;

pub(super) fn job_key(job: &Job) -> [u8; JOB_LEN] {
    let mut key = [0; JOB_LEN];
    key[..8].copy_from_slice(&job.task.0.to_be_bytes());
    if let Some(shard) = job.shard {
        key[8] = 1;
        key[9..11].copy_from_slice(&shard.to_be_bytes());
    }
    if let Part::Send(channel) = job.part {
        key[11] = 1;
        key[12] = channel as u8;
    }
    key
}

/// The job of a key; its app is that of its task.
pub(super) fn job_of(app: AppId, key: &[u8]) -> Option<Job> {
    let [a, b, c, d, e, f, g, h, whole, high, low, part, channel] =
        *key.first_chunk::<JOB_LEN>()?;
    let shard = u16::from_be_bytes([high, low]);
    Some(Job {
        app,
        task: TaskSeq(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        shard: (whole == 1).then_some(shard),
        part: match part {
            0 => Part::Plan,
            _ => Part::Send(pushtally_model::Channel::from_number(channel)?),
        },
    })
}

/// The keys of a task's jobs.
pub(super) fn jobs_of(task: TaskSeq) -> (Vec<u8>, Vec<u8>) {
    let end = task.0.saturating_add(1);
    (task.0.to_be_bytes().to_vec(), end.to_be_bytes().to_vec())
}
