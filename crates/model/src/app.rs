//! An app (a tenant) and its settings.

use std::collections::BTreeMap;
use std::fmt;

use crate::{AppId, Kind, OnUnknown, Secret};

/// How often a command may be called, for one app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Calls a second; 0 means no limit.
    pub per_second: u32,
}

/// How long an app's data is kept, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Counts (tasks and overall); `None` keeps them for ever.
    pub counts_days: Option<u32>,
    /// The log of single events, from which traces are read.
    pub traces_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            counts_days: None,
            traces_days: 30,
        }
    }
}

/// Where an app's own events are sent, as the documented webhooks.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The receiver's URL. It may hold a token.
    pub url: String,
    /// Whether `Push.AllMemberPush` is sent: the events of `push` and `batch`.
    pub push: bool,
    /// Whether `Push.OfflinePush` is sent: the events of message pushes.
    pub message: bool,
    /// Calls a second, from 1.
    pub calls_per_second: u32,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("push", &self.push)
            .field("message", &self.message)
            .field("calls_per_second", &self.calls_per_second)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// Documented: 1,000 calls a second.
    pub const CALLS_PER_SECOND: u32 = 1000;

    /// Both commands, at the documented rate.
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self {
            url,
            push: true,
            message: true,
            calls_per_second: Self::CALLS_PER_SECOND,
        }
    }

    /// Whether events of a kind are sent.
    #[must_use]
    pub const fn sends(&self, kind: Kind) -> bool {
        match kind {
            Kind::Push => self.push,
            Kind::Message => self.message,
        }
    }
}

/// A tenant: who may call, with which keys, and its settings. Nothing crosses apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The SDKAppID.
    pub id: AppId,
    /// Keys that sign UserSigs, newest first; several while a key is rotated.
    pub keys: Vec<Secret>,
    /// UserIDs that may call the server API.
    pub administrators: Vec<String>,
    /// Token that proves webhooks (`Sign`/`RequestTime`); `None` refuses signed calls.
    pub callback_token: Option<Secret>,
    /// How far `RequestTime` may lie from our clock, either way, in seconds.
    pub callback_tolerance_s: u32,
    /// Whether the Push service is on; off answers 90045.
    pub enabled: bool,
    /// Host names this app may be called under; empty means any.
    pub hosts: Vec<String>,
    /// Quotas that differ from the documented defaults, by command (`all_member_push_statistics`).
    pub quotas: BTreeMap<String, Quota>,
    /// Longest window of a statistics query, in seconds.
    pub statistics_span_s_max: u32,
    /// Longest window of a query for losses, in seconds.
    pub losses_span_s_max: u32,
    /// How far back traces reach, in seconds; no farther than the log is kept.
    pub traces_span_s_max: u32,
    /// How long data is kept.
    pub retention: Retention,
    /// Where every accepted webhook call is passed on to, byte for byte.
    pub relay_to: Option<String>,
    /// Where its own events are sent; `None` sends none.
    pub webhook: Option<Webhook>,
    /// What every copy of the app shows to register a phone, and good for nothing else; `None` lets no phone register.
    pub client_key: Option<Secret>,
    /// The last part of the addresses that vendors send its receipts to; `None` takes none.
    pub receipts_key: Option<Secret>,
    /// Devices it may have registered at once.
    pub devices_max: u64,
    /// How long a push is tried when it does not say, in seconds.
    pub task_life_s: u32,
    /// What becomes of devices of whom nobody knows whether they were sent to, when a push does not say.
    pub on_unknown: OnUnknown,
    /// Pushes to everyone or to a condition that are accepted on one quota day; 0 means no limit.
    pub broadcasts_per_day: u32,
    /// Registrations a second, of all its phones together; 0 means no limit.
    pub registrations_per_second: u32,
}

impl App {
    /// Documented: "up to 30 days".
    pub const STATISTICS_SPAN_S_MAX: u32 = 30 * 86_400;
    /// Documented: "up to 7 days".
    pub const LOSSES_SPAN_S_MAX: u32 = 7 * 86_400;
    /// Documented: "data of the last 7 days".
    pub const TRACES_SPAN_S_MAX: u32 = 7 * 86_400;
    /// Our default for webhook signatures.
    pub const CALLBACK_TOLERANCE_S: u32 = 300;
    /// Our default: what the embedded engine is measured with.
    pub const DEVICES_MAX: u64 = 10_000_000;
    /// Our default: what is held back longer is no news any more.
    pub const TASK_LIFE_S: u32 = 3 * 3_600;
    /// Documented: 100 a day.
    pub const BROADCASTS_PER_DAY: u32 = 100;
    /// Our default: twice what one node makes durable, so that only a flood meets it.
    pub const REGISTRATIONS_PER_SECOND: u32 = 20_000;

    /// An app with the documented defaults.
    #[must_use]
    pub fn new(id: AppId, key: Secret) -> Self {
        Self {
            id,
            keys: vec![key],
            administrators: vec!["administrator".to_owned()],
            callback_token: None,
            callback_tolerance_s: Self::CALLBACK_TOLERANCE_S,
            enabled: true,
            hosts: Vec::new(),
            quotas: BTreeMap::new(),
            statistics_span_s_max: Self::STATISTICS_SPAN_S_MAX,
            losses_span_s_max: Self::LOSSES_SPAN_S_MAX,
            traces_span_s_max: Self::TRACES_SPAN_S_MAX,
            retention: Retention::default(),
            relay_to: None,
            webhook: None,
            client_key: None,
            receipts_key: None,
            devices_max: Self::DEVICES_MAX,
            task_life_s: Self::TASK_LIFE_S,
            on_unknown: OnUnknown::default(),
            broadcasts_per_day: Self::BROADCASTS_PER_DAY,
            registrations_per_second: Self::REGISTRATIONS_PER_SECOND,
        }
    }
}
