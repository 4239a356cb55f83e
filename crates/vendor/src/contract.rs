//! What every vendor's folder answers: values in, values out.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use pushtally_model::{AppId, Environment, Notification, Number, Secret, TaskId, TokenKind};

/// A push as it goes to the targets of one call: all of them read the same language.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    /// The app.
    pub app: AppId,
    /// The task. Repetitions of a call carry the same ids, made from it and from the device's number.
    pub task: &'a TaskId,
    /// What it shows, whole.
    pub notification: &'a Notification,
    /// The title in the targets' language, not cut.
    pub title: &'a str,
    /// The text in the targets' language, not cut.
    pub text: &'a str,
    /// What receipts echo, so that they find the task: 1 to 40 of `A`-`Z`, `a`-`z`, `0`-`9`, `-` and `_`.
    pub mark: &'a str,
    /// Where receipts go, of the vendors that are told with each push; empty when they must not come.
    pub receipts_url: &'a str,
    /// For how many seconds from now it may be shown, at least 1.
    pub left_s: u32,
    /// Now, in Unix milliseconds.
    pub now_ms: i64,
    /// The value of the access that [`Vendor::sign_in`] led to; empty for vendors without.
    pub access: &'a str,
}

/// Neither texts nor what lets one send or report.
impl std::fmt::Debug for Post<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Post");
        shown.field("app", &self.app).field("task", self.task);
        shown.finish_non_exhaustive()
    }
}

/// A device of a call.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    /// Its number.
    pub number: Number,
    /// Its token.
    pub token: &'a Secret,
    /// What the token is for.
    pub kind: TokenKind,
    /// Where the token was given.
    pub environment: Environment,
}

/// An HTTP call, by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Absolute, with the vendor's base URL of the configuration.
    pub url: String,
    /// Lower-case names. Never `host` or `content-length`.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most as long as the caller reads.
    pub body: Bytes,
}

impl Reply {
    /// What `Retry-After` asks for, when it is a number of seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        value.trim().parse().ok().map(Duration::from_secs)
    }

    /// Whether it is the failure of a server that may have done before what it was asked: 5xx, but 503, which refuses.
    #[must_use]
    pub const fn may_have_done(&self) -> bool {
        self.status >= 500 && self.status != 503
    }

    /// Whether it says that the vendor itself has failed or is overloaded: 429 and 5xx.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

/// What a vendor said: kept with a loss, shown to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its code; the HTTP status where it gave none.
    pub code: i64,
    /// Its text, or its name of the code. Never a token.
    pub text: String,
}

impl Said {
    /// A code and a text.
    #[must_use]
    pub fn new(code: i64, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, text }
    }
}

/// Why a whole call did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The access is not valid any more: sign in again, repeat once.
    Access(Said),
    /// Too fast, or overloaded: the same call later.
    Busy {
        /// What it said.
        said: Said,
        /// When it said to come back.
        after: Option<Duration>,
    },
    /// Too often: these targets, or these credentials, and it does not say which. The same call later.
    Limited {
        /// What it said.
        said: Said,
        /// When it said to come back.
        after: Option<Duration>,
    },
    /// What these credentials may send in a day, of this class of message, is used up.
    Spent(Said),
    /// The configuration is wrong (key, package, right, address): nobody's token is to blame, an operator must look.
    Misconfigured(Said),
    /// This message is refused, for every target: content, size, a parameter.
    Rejected(Said),
    /// Every target is refused as invalid, but which of several is to blame is not said: ask for each half alone. With
    /// one target it is that one's token.
    Targets(Said),
    /// It failed, or what it answered is not understood: whether it did it is not known.
    Unknown(Said),
}

impl Failure {
    /// What the vendor said.
    #[must_use]
    pub const fn said(&self) -> &Said {
        match self {
            Self::Access(said)
            | Self::Busy { said, .. }
            | Self::Limited { said, .. }
            | Self::Spent(said)
            | Self::Misconfigured(said)
            | Self::Rejected(said)
            | Self::Targets(said)
            | Self::Unknown(said) => said,
        }
    }
}

/// What became of one target of a call that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Taken: sent.
    Sent,
    /// The token reaches nobody any more, by the vendor's rule: lost, and dropped.
    Gone(Said),
    /// The token reaches nobody any more unless it was registered again after this Unix millisecond.
    GoneSince(Said, i64),
    /// Lost, but the token stays.
    Rejected(Said),
    /// This one only: too often, or failed at the vendor's. The same later.
    Later {
        /// What it said.
        said: Said,
        /// When it said to come back.
        after: Option<Duration>,
    },
    /// The token may belong to the vendor's other environment: the same there, once.
    OtherEnvironment(Said),
}

/// What a reply means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Another call is needed before anything is sent. Repeating it harms nobody.
    Next(Call),
    /// What became of each target, in order.
    Each {
        /// As many as targets.
        verdicts: Vec<Verdict>,
        /// The vendor's name of the request or message, for disputes; empty when it gave none.
        request_id: String,
    },
    /// The same for all.
    All(Failure),
}

/// Leave to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What calls carry.
    pub value: Secret,
    /// For how many seconds it is to be used.
    pub good_for_s: u32,
}

/// How to get leave to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// Calls carry all they need.
    Nothing,
    /// We sign it ourselves.
    Ours(Access),
    /// The vendor gives it in reply to this call, read by [`Vendor::signed_in`].
    Ask(Call),
}

/// A class of messages, with a quota of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Marketing, of the vendors that tell it apart.
    Marketing,
    /// Everything else.
    Common,
}

/// One app's leave to send through a vendor: its credentials and addresses, and what its wire says.
pub trait Vendor: Send + Sync + std::fmt::Debug {
    /// The most targets of one call.
    fn targets_max(&self) -> usize;

    /// The class that the vendor counts a notification in, where it counts classes apart: what is spent in one holds
    /// back no other.
    fn class(&self, notification: &Notification) -> Class {
        let _ = notification;
        Class::Common
    }

    /// How to get leave to call, at this Unix millisecond. An error is a key that cannot sign.
    fn sign_in(&self, now_ms: i64) -> Result<SignIn, Failure>;

    /// For how long at least an access is used, even when the vendor refuses it: not at all, unless asking for another so
    /// soon is refused, too.
    fn access_for_min(&self) -> Duration {
        Duration::ZERO
    }

    /// What names the access, where several accounts may have it in common: a digest of all that it is made of, secrets
    /// included, so that nobody gets another's by knowing its names. By default each account has its own.
    fn access_in_common(&self) -> Option<[u8; 32]> {
        None
    }

    /// What the reply to [`SignIn::Ask`] gives. Vendors that are not asked answer [`Failure::Unknown`].
    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure>;

    /// How many calls of a post to so many targets come before the one that sends.
    fn calls_before(&self, targets: usize) -> u8 {
        let _ = targets;
        0
    }

    /// The first call of a post to 1 to [`Vendor::targets_max`] targets.
    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure>;

    /// What a reply means: `step` is 0 for the reply to [`Vendor::call`], 1 for that to its [`Read::Next`]. Never panics,
    /// whatever the reply is.
    fn read(&self, post: &Post<'_>, targets: &[To<'_>], step: u8, reply: &Reply) -> Read;

    /// What a receipt says that came at this Unix millisecond. Never panics, whatever it is. By default the vendor has none.
    fn receipts(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Receipts, ReceiptError> {
        let _ = (headers, body, now_ms);
        Err(ReceiptError::Form("this vendor sends none"))
    }

    /// The field of the credentials that would have receipts proven, where it is not filled: then they are taken from whoever
    /// knows their address. By default the vendor has no such proof.
    fn unproven_receipts(&self) -> Option<&'static str> {
        None
    }

    /// The status and body that the vendor wants in answer to a receipt that was taken.
    fn receipt_answer(&self) -> (u16, &'static str) {
        (200, "")
    }
}

/// What a receipt says of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The [`Post::mark`] that it echoes; empty when it does not.
    pub mark: String,
    /// The token.
    pub token: Secret,
    /// What it says.
    pub arrival: Arrival,
    /// When that was by the vendor's clock, in Unix milliseconds.
    pub at_ms: Option<i64>,
    /// The vendor's name of the request or message; empty when it is not given.
    pub request_id: String,
}

/// What a receipt's body holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipts {
    /// What could be read, in order.
    pub receipts: Vec<Receipt>,
    /// Entries that could not.
    pub bad: usize,
    /// What of a signature comes only once: a body with one that was seen in the last 20 minutes says nothing. Empty when
    /// nothing was to be checked.
    pub nonce: String,
}

/// What became of a push after it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// On the device.
    Delivered,
    /// Clicked.
    Clicked,
    /// Not delivered for good.
    Lost(Said),
    /// The same, and the token reaches nobody any more.
    Gone(Said),
    /// Not delivered yet, may still be.
    Pending(Said),
    /// The token is now another one.
    Replaced(Secret),
}

/// Why a receipt's body, or a part of it, says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not in the vendor's form.
    #[error("the body is not what the vendor's receipts are: {0}")]
    Form(&'static str),
    /// It is not signed as it must be.
    #[error("the receipt is not signed by the vendor: {0}")]
    Signature(&'static str),
}
