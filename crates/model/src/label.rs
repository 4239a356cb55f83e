//! Tags and attributes of accounts, and conditions on them.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::name;

name!(
    /// A tag of an account.
    Tag,
    50
);
name!(
    /// What an app calls one of its attributes.
    AttributeName,
    50
);
name!(
    /// The value of an attribute of an account.
    AttributeValue,
    50
);

/// Whom a name stands for. A tag or an attribute fits only one kind within its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum AccountKind {
    /// An account: its labels are those of the devices it is signed in on.
    #[default]
    User = 0,
    /// A phone that nobody is signed in on: its RegistrationID is its account.
    Phone = 1,
}

/// Which of an app's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeIndex(u8);

impl AttributeIndex {
    /// How many attributes an app has.
    pub const COUNT: u8 = 10;

    /// One of 0 to 9.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index < Self::COUNT {
            Some(Self(index))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// What an app calls its attributes, and whom each fits.
pub type AttributeNames = BTreeMap<AttributeIndex, (AttributeName, AccountKind)>;

/// What an account is labelled with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Its tags.
    pub tags: BTreeSet<Tag>,
    /// Its attributes.
    pub attributes: BTreeMap<AttributeIndex, AttributeValue>,
}

impl Labels {
    /// Tags an account may have.
    pub const TAGS_MAX: usize = 100;
    /// Distinct tags that the accounts of an app may have.
    pub const TAGS_OF_APP_MAX: usize = 1000;
}

/// Which devices a conditional push addresses: those that fit every part that is not empty. A condition has tags or
/// attributes, never both, and is never empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// At least one of these tags.
    pub tags_any: Vec<Tag>,
    /// All of these tags.
    pub tags_all: Vec<Tag>,
    /// None of these tags.
    pub tags_none: Vec<Tag>,
    /// At least one of these attributes.
    pub attributes_any: Vec<(AttributeIndex, AttributeValue)>,
    /// All of these attributes.
    pub attributes_all: Vec<(AttributeIndex, AttributeValue)>,
}

impl Condition {
    /// Tags in each part of a condition.
    pub const TAGS_MAX: usize = 10;

    /// Whether the devices of an account with these labels fit. The index answers the same for all at once.
    #[must_use]
    pub fn fits(&self, labels: &Labels) -> bool {
        let tagged = |tag: &Tag| labels.tags.contains(tag);
        let has = |(index, value): &(AttributeIndex, AttributeValue)| {
            labels.attributes.get(index) == Some(value)
        };
        (self.tags_any.is_empty() || self.tags_any.iter().any(tagged))
            && self.tags_all.iter().all(tagged)
            && !self.tags_none.iter().any(tagged)
            && (self.attributes_any.is_empty() || self.attributes_any.iter().any(has))
            && self.attributes_all.iter().all(has)
    }
}
