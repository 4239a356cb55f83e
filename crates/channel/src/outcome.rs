//! What became of a send, and of one target.

use std::time::Duration;

use pushtally_model::{OwnLoss, VendorCall};

/// What came of a send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// One for each target, in their order.
    pub outcomes: Vec<Outcome>,
    /// The calls that were made, in order of their answers; none where nobody is called.
    pub calls: Vec<VendorCall>,
}

impl From<Vec<Outcome>> for Carried {
    /// Without any call.
    fn from(outcomes: Vec<Outcome>) -> Self {
        let calls = Vec::new();
        Self { outcomes, calls }
    }
}

/// What became of one target of a send. "Lost" is for good: no retry can still succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The channel took it: sent.
    Accepted,
    /// The channel says that the token reaches nobody any more: lost, and the token is dropped.
    TokenGone {
        /// The channel's code.
        code: i64,
        /// Its text.
        text: String,
        /// Since when it has been so by the channel's clock, in Unix milliseconds: a registration after that is not meant.
        since_ms: Option<i64>,
    },
    /// The channel refused it for good: lost.
    Rejected {
        /// The channel's code.
        code: i64,
        /// Its text.
        text: String,
    },
    /// Lost for a reason that we name.
    Lost(OwnLoss),
    /// This target alone is to be left in peace for a while: nothing has ended.
    Throttled {
        /// For how long.
        after: Duration,
    },
    /// The channel could not be reached, or takes nothing now: nothing was sent, nothing has ended.
    Unavailable {
        /// When to try again.
        after: Duration,
    },
    /// The channel may have taken it: no answer came, or one that says nothing. The task decides whether it is sent again.
    Unknown {
        /// When to try again, if it is.
        after: Duration,
    },
}
