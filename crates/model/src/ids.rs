//! Identifiers as types, so that an app is never taken for a task or a device.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// An app (a tenant): its SDKAppID.
    AppId
);
id!(
    /// A task's dense number in this installation; its public name is the TaskId.
    TaskNumber
);
id!(
    /// A device's dense number within its app. Never reused; gaps are normal.
    Number
);
id!(
    /// A loss reason of an app: an interned (code, text). 0 means "no loss".
    LossId
);

impl Number {
    /// The unit of storage, targeting, sending and recovery: 65,536 consecutive numbers.
    #[must_use]
    pub const fn shard(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The place within the shard.
    #[must_use]
    pub const fn slot(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }
}

impl LossId {
    /// Carried by events that are not losses.
    pub const NONE: Self = Self(0);
    /// Stands for every reason beyond an app's bound of distinct ones.
    pub const OTHER: Self = Self(1);
}

/// Which family of statistics a task belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `push` and `batch`: the `all_member_push_*` family.
    Push,
    /// A chat message's push: the `normal_push_*` family.
    Message,
}

impl Kind {
    /// Every kind, in wire order.
    pub const ALL: [Self; 2] = [Self::Push, Self::Message];
}

/// Whether this installation made the task, or only heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Created here: delivered and clicked count only where the device was planned, and ends happen once.
    Own,
    /// Known from imported events only: each stage stands on its own evidence.
    Imported,
}

/// A task as events name it: its number and what the fold must know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// The dense number.
    pub number: TaskNumber,
    /// The family it is counted in.
    pub kind: Kind,
    /// Who made it.
    pub origin: Origin,
}

/// What a tally is kept for: one task, or everything of an app's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All tasks of one kind of an app.
    Overall(AppId, Kind),
    /// One task.
    Task(TaskNumber),
}
