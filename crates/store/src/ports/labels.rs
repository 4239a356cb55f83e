//! Accounts with their tags and attributes as an engine keeps them, and the index over the devices they are signed in on.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use pushtally_model::{
    Account, AccountKind, AppId, AttributeIndex, AttributeName, AttributeNames, AttributeValue,
    Channel, Labels, Number, Tag,
};

use crate::StoreError;

/// Slots of a shard.
pub type Slots = roaring::RoaringBitmap;

/// What the index has a bitmap for, in each shard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexKey {
    /// Every registered device.
    Registered,
    /// The registered devices of one kind of account.
    Kind(AccountKind),
    /// The registered devices with an alert token of this channel.
    Reachable(Channel),
    /// The registered devices of the accounts with this tag.
    Tag(Tag),
    /// The registered devices of the accounts with this value of an attribute.
    Attribute(AttributeIndex, AttributeValue),
}

/// Names and kinds to give to attributes. What is not named stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttributeNaming {
    /// Names.
    pub names: BTreeMap<AttributeIndex, AttributeName>,
    /// Kinds, of attributes that are named here. An attribute named for the first time without one fits users.
    pub kinds: BTreeMap<AttributeIndex, AccountKind>,
}

/// What naming attributes did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamesChanged {
    /// They have these names, or had them.
    Done,
    /// Another attribute has this name: nothing changed.
    Taken {
        /// The name.
        name: AttributeName,
        /// Which attribute has it.
        by: AttributeIndex,
    },
    /// The attribute fits the other kind of account, for ever: nothing changed.
    OtherKind {
        /// Which attribute.
        index: AttributeIndex,
        /// The kind that it fits.
        kind: AccountKind,
    },
}

/// A change of one account's labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelChange {
    /// Gives these attributes these values. Others stay as they are.
    SetAttributes(BTreeMap<AttributeName, AttributeValue>),
    /// Takes these attributes away, if it has them.
    RemoveAttributes(BTreeSet<AttributeName>),
    /// Gives it these tags. Others stay.
    AddTags(BTreeSet<Tag>),
    /// Gives it these tags and no others.
    ReplaceTags(BTreeSet<Tag>),
    /// Takes these tags away, if it has them.
    RemoveTags(BTreeSet<Tag>),
    /// Takes all tags away.
    ClearTags,
}

/// What a change of one account's labels did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelsChanged {
    /// The account has them now, or had them.
    Done,
    /// Neither an account nor a phone has this name: nothing changed for it.
    UnknownAccount,
    /// The app has no attribute of this name: nothing changed for it.
    UnknownAttribute(AttributeName),
    /// The label fits the other kind of account: nothing changed for it.
    OtherKind {
        /// The tag's or attribute's name.
        label: String,
        /// The kind that it fits.
        kind: AccountKind,
    },
    /// It would have more than [`Labels::TAGS_MAX`] tags: nothing changed for it.
    TooManyTags {
        /// How many it would have.
        count: usize,
    },
    /// The app would have more than [`Labels::TAGS_OF_APP_MAX`] distinct tags: nothing changed for it.
    TooManyTagsOfApp,
}

/// What a name is labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Whom it stands for.
    pub kind: AccountKind,
    /// The labels.
    pub labels: Labels,
}

/// What forgetting an account did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountDeleted {
    /// The account is unknown now; these devices are registered no more.
    Done(Vec<Number>),
    /// There was none.
    Unknown,
}

/// Accounts, their labels, and the index. Whatever an act changes is durable when it answers, and in the index.
///
/// A name stands for an account when one is known by it (imported, or ever signed in on a device), else for a phone of
/// that RegistrationID. The labels of an account are those of the registered devices that it is signed in on; the labels
/// of a phone are those of its device while nobody is signed in on it. A device that comes gets its account's labels; one
/// that goes leaves every bitmap. A tag fits the kind of account that has it; when no account has it any more it fits any.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Makes accounts known; those that are stay as they are.
    async fn import_accounts(&self, app: AppId, accounts: &[Account]) -> Result<(), StoreError>;

    /// What an app calls its attributes.
    async fn attribute_names(&self, app: AppId) -> Result<AttributeNames, StoreError>;

    /// Names attributes, all or none.
    async fn name_attributes(
        &self,
        app: AppId,
        naming: &AttributeNaming,
    ) -> Result<NamesChanged, StoreError>;

    /// Changes labels, one account after the other; each answer is that of one change. An account may be named more than once.
    async fn change_labels(
        &self,
        app: AppId,
        changes: &[(Account, LabelChange)],
    ) -> Result<Vec<LabelsChanged>, StoreError>;

    /// What these names are labelled with, in their order; `None` for a name that nobody has.
    async fn labels_of(
        &self,
        app: AppId,
        names: &[Account],
    ) -> Result<Vec<Option<Labelled>>, StoreError>;

    /// Who is labelled, with what, in the order of kinds and names (as bytes), from after a name on; at most so many.
    async fn list_labels(
        &self,
        app: AppId,
        after: Option<(AccountKind, &Account)>,
        max: usize,
    ) -> Result<Vec<(Account, Labelled)>, StoreError>;

    /// The slots of a shard that the index has for each key, in their order, all as of one moment. A key that no
    /// device has is an empty bitmap.
    async fn read_index(
        &self,
        app: AppId,
        shard: u16,
        keys: &[IndexKey],
    ) -> Result<Vec<std::sync::Arc<Slots>>, StoreError>;

    /// Compares the index with the records, shard by shard; answers what differs, at most a hundred differences, each as
    /// a sentence.
    async fn verify_index(&self, app: AppId) -> Result<Vec<String>, StoreError>;
}
