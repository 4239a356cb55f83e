//! Names and their numbers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use pushtally_model::{AppId, Channel, Kind, LossId, Number, Origin, Route, TaskKey, TaskNumber};

use crate::StoreError;

/// A device as imports know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient<'a> {
    /// `To_Account`.
    pub account: &'a str,
    /// `EventType`.
    pub route: Route,
    /// `PushPlatform`.
    pub channel: Channel,
}

/// A task's public name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskName<'a> {
    /// The family; the same id in the two families names two tasks.
    pub kind: Kind,
    /// Who makes it, should it be new.
    pub origin: Origin,
    /// The TaskId or PushID.
    pub id: &'a str,
}

/// Why a device was lost: the code and text of whoever refused it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LossText {
    /// The vendor's or our code.
    pub code: i64,
    /// Its text, at most `LossText::TEXT_LEN_MAX` bytes.
    pub text: String,
}

impl LossText {
    /// Longer texts are cut at a character boundary, so that one vendor's prose cannot fill the dictionary.
    pub const TEXT_LEN_MAX: usize = 256;
    /// Distinct reasons an app may have; further ones count as `LossId::OTHER`.
    pub const PER_APP_MAX: u32 = 4096;

    /// A reason with its text cut to the bound.
    #[must_use]
    pub fn new(code: i64, text: &str) -> Self {
        let mut end = text.len().min(Self::TEXT_LEN_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            code,
            text: text[..end].to_owned(),
        }
    }
}

/// Names to be turned into numbers, all of one app.
#[derive(Debug, Clone, Default)]
pub struct Names<'a> {
    /// Tasks.
    pub tasks: Vec<TaskName<'a>>,
    /// Devices.
    pub recipients: Vec<Recipient<'a>>,
    /// Reasons.
    pub losses: Vec<LossText>,
}

/// The numbers, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Tasks. The origin is that of the task as it is known, which may differ from the one asked with.
    pub tasks: Vec<TaskKey>,
    /// Devices.
    pub numbers: Vec<Number>,
    /// Reasons.
    pub losses: Vec<LossId>,
}

/// A task of our own by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTask {
    /// Its number.
    pub number: TaskNumber,
    /// The app.
    pub app: AppId,
    /// The family.
    pub kind: Kind,
    /// Its public name.
    pub id: String,
}

/// A task of an app, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTask {
    /// Its number, family and origin.
    pub key: TaskKey,
    /// Its public name.
    pub id: String,
}

/// Names and their dense numbers.
#[async_trait]
pub trait Identities: Send + Sync {
    /// Finds or gives numbers. A new number is durable no later than the first append that follows, so an
    /// event can never name a number that a crash forgets. The same name always gets the same number.
    async fn resolve(&self, app: AppId, names: &Names<'_>) -> Result<Resolved, StoreError>;

    /// The task of a public name, if the app knows it.
    async fn find_task(
        &self,
        app: AppId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<TaskKey>, StoreError>;

    /// The numbers of these recipients, in their order, of those that have one. Gives none.
    async fn find_recipients(
        &self,
        app: AppId,
        recipients: &[Recipient<'_>],
    ) -> Result<Vec<Option<Number>>, StoreError>;

    /// The names of at most `max` tasks of our own from this number on, in the order of their numbers. Only what is durable
    /// is sure to be among them.
    async fn own_tasks(&self, from: TaskNumber, max: usize) -> Result<Vec<OwnTask>, StoreError>;

    /// At most `max` tasks of an app from this number on, whoever made them, in the order of their numbers. Only what is durable
    /// is sure to be among them. Reads names that no index holds: for operators, not for calls.
    async fn tasks_of(
        &self,
        app: AppId,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<NamedTask>, StoreError>;

    /// The reason behind a number, if the app has it.
    async fn find_loss(&self, app: AppId, loss: LossId) -> Result<Option<LossText>, StoreError>;

    /// Raises the next numbers to at least these: one above the highest that the ledger holds, by app.
    async fn raise(
        &self,
        tasks_end: u32,
        numbers_end: &BTreeMap<AppId, u32>,
    ) -> Result<(), StoreError>;

    /// How many tasks and devices have numbers.
    async fn count(&self) -> Result<(u64, u64), StoreError>;

    /// Bytes of memory that names take, as far as they grow with their number. The ledger makes room for them.
    fn memory_bytes(&self) -> usize {
        0
    }
}

/// The task of this server's own that has a name, in whichever family: no two of its own tasks have one name.
pub async fn find_own_task(
    identities: &dyn Identities,
    app: AppId,
    id: &str,
) -> Result<Option<TaskKey>, StoreError> {
    for family in [Kind::Push, Kind::Message] {
        let found = identities.find_task(app, family, id).await?;
        if let Some(key) = found.filter(|key| key.origin == Origin::Own) {
            return Ok(Some(key));
        }
    }
    Ok(None)
}
