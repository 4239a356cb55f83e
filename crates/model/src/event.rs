//! The event: what happened to one device of one task, and when.

use crate::{AppId, Cell, Channel, Lane, LossId, Number, Route, Second, Stage, TaskKey};

/// Where an event came from. The numbers are storage numbers and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Source {
    /// This server did it.
    Us = 0,
    /// A vendor's receipt.
    Vendor = 1,
    /// A client's report.
    Client = 2,
    /// An imported webhook.
    Import = 3,
}

impl Source {
    /// The source of a storage number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Us),
            1 => Some(Self::Vendor),
            2 => Some(Self::Client),
            3 => Some(Self::Import),
            _ => None,
        }
    }

    /// The lower-case name used in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Vendor => "vendor",
            Self::Client => "client",
            Self::Import => "import",
        }
    }
}

/// What happened: a stage was reached, or the device was lost on the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// The stage was reached.
    Reached(Stage),
    /// The stage (sent, delivered or clicked) was not reached, and why.
    Lost(Stage, LossId),
}

/// One thing that happened. Its event time `at` is decided before it is appended and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    /// The app.
    pub app: AppId,
    /// The task.
    pub task: TaskKey,
    /// Route, channel and stage (or loss).
    pub cell: Cell,
    /// The device.
    pub number: Number,
    /// The event time.
    pub at: Second,
    /// Why, when the cell's lane is a loss; `LossId::NONE` otherwise.
    pub loss: LossId,
}

impl Event {
    /// An event from its parts; `None` for a loss before planned, which cannot be.
    #[must_use]
    pub fn new(
        app: AppId,
        task: TaskKey,
        number: Number,
        (route, channel): (Route, Channel),
        what: What,
        at: Second,
    ) -> Option<Self> {
        let (lane, loss) = match what {
            What::Reached(stage) => (Lane::reached(stage), LossId::NONE),
            What::Lost(stage, loss) => (Lane::lost(stage)?, loss),
        };
        Some(Self {
            app,
            task,
            cell: Cell::new(route, channel, lane),
            number,
            at,
            loss,
        })
    }
}
