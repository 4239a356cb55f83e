//! Acts and what they come to, as values.

use std::path::PathBuf;

use pushtally_http::operations::{
    AuditPage, ForgetReport, ForgettingPage, HistoryPage, LatencyReport, Order, Ordered, Reach,
    Tallies, TaskPage, TaskReport, TaskRow, TaskTrace,
};
use serde::{Deserialize, Serialize};

use super::ledger::LedgerStat;
use super::{
    AudienceVerified, ChannelRow, DevicesState, HistoryWanted, LedgerVerified, Meant, OurSide,
    Trial, TrialStep, Wanted, WebhookRow,
};
use crate::bulk::{ChunkBounds, Counts, Fault, Kind, Page, Place, Row};
use crate::channels::ChannelId;
use crate::config::ChannelSettings;

/// One act. Secrets travel in it, so it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(crate) enum Act {
    AppAdd(NewApp),
    AppList,
    AppRotateKey {
        sdkappid: u32,
    },
    AppDropOldKeys {
        sdkappid: u32,
    },
    AppPause {
        sdkappid: u32,
        paused: bool,
    },
    Push {
        sdkappid: u32,
        order: Order,
    },
    TaskList(Listing),
    TaskShow {
        sdkappid: u32,
        id: String,
    },
    TaskSet {
        sdkappid: u32,
        id: String,
        wanted: Wanted,
    },
    /// The counts of these tasks, or of both families, in a window of Unix seconds.
    Stats {
        sdkappid: u32,
        tasks: Vec<String>,
        from: u32,
        to: u32,
        /// As known in this Unix millisecond; `None` is now.
        #[serde(default)]
        as_of_ms: Option<i64>,
    },
    /// How long the devices of these tasks took, of what was completed in a window of Unix seconds.
    Latencies {
        sdkappid: u32,
        tasks: Vec<String>,
        from: u32,
        to: u32,
    },
    /// The different devices of these tasks together.
    Reach {
        sdkappid: u32,
        tasks: Vec<String>,
    },
    /// What is counted of these tasks, or without any of the imported ones on from a place that have an event in the window.
    OurSide {
        sdkappid: u32,
        tasks: Vec<String>,
        from: u32,
        to: u32,
        place: u32,
    },
    Trace {
        sdkappid: u32,
        id: String,
        user: String,
    },
    History {
        sdkappid: u32,
        wanted: HistoryWanted,
    },
    DevicesCheck {
        sdkappid: u32,
        /// The number of a channel; `None` is all.
        channel: Option<u8>,
    },
    DevicesRestore {
        meant: Meant,
        since: u32,
    },
    DevicesRelease {
        meant: Meant,
    },
    Audit(Listing),
    AppRotateClientKey {
        sdkappid: u32,
    },
    /// An account with a vendor is given, in place of the one with the same CertId.
    ChannelSet {
        sdkappid: u32,
        settings: ChannelSettings,
    },
    ChannelList {
        /// `None` is all apps.
        sdkappid: Option<u32>,
    },
    ChannelRemove(ChannelId),
    ChannelRekey,
    /// One real notification goes out.
    ChannelTry(Trial),
    WebhookSet {
        sdkappid: u32,
        /// `None` takes it away.
        webhook: Option<NewWebhook>,
    },
    WebhookList,
    WebhookReplay {
        sdkappid: u32,
        /// A dead letter; `None` is all of the app.
        id: Option<u64>,
    },
    LedgerStat,
    LedgerDigest,
    LedgerVerify,
    AudienceVerify {
        /// `None` is all apps.
        sdkappid: Option<u32>,
    },
    Forget {
        sdkappid: u32,
        accounts: Vec<String>,
        /// Everything is erased before it answers.
        now: bool,
    },
    Forgettings(Listing),
    Backup {
        to: PathBuf,
    },
    /// An import begins: the app is there, and its attributes are called so.
    ImportStart {
        sdkappid: u32,
        kind: Kind,
        file: String,
        /// Pairs, because a tagged value of JSON has no keys that are numbers.
        names: Vec<(u8, String)>,
    },
    /// Some rows of it.
    Import {
        sdkappid: u32,
        kind: Kind,
        /// An account's tags are those of its row and no others.
        replace: bool,
        rows: Vec<Row>,
    },
    ImportEnd {
        sdkappid: u32,
        kind: Kind,
        file: String,
        counts: Counts,
    },
    /// A page of an export.
    Export {
        sdkappid: u32,
        kind: Kind,
        /// `None` begins it.
        from: Option<Place>,
        with_tokens: bool,
    },
}

/// What of a list is asked for.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Listing {
    /// `None` is all apps.
    pub(crate) sdkappid: Option<u32>,
    pub(crate) before: Option<u64>,
    pub(crate) limit: usize,
}

/// An app to be made. Keys and tokens that are not given are generated.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NewApp {
    pub(crate) sdkappid: u32,
    /// Empty: the documented default.
    pub(crate) administrators: Vec<String>,
    pub(crate) key: Option<String>,
    pub(crate) callback_token: NewToken,
    pub(crate) client_key: NewToken,
    pub(crate) relay_to: Option<String>,
}

/// Where an app's own events are to be sent.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NewWebhook {
    pub(crate) url: String,
    pub(crate) push: bool,
    pub(crate) message: bool,
    pub(crate) calls_per_second: u32,
}

/// Where a new app's callback token or client key comes from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewToken {
    None,
    Generated,
    Given(String),
}

/// What an act did.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub(crate) enum Done {
    /// Secrets are there only if they were generated: the one time that they are shown.
    AppAdded {
        administrators: Vec<String>,
        key: Option<String>,
        callback_token: Option<String>,
        client_key: Option<String>,
    },
    Apps {
        apps: Vec<AppRow>,
    },
    KeyRotated {
        key: String,
        keys: usize,
    },
    OldKeysDropped {
        dropped: usize,
    },
    AppPaused {
        paused: bool,
    },
    /// `waits` when no server runs: it goes out when one starts.
    Pushed {
        ordered: Ordered,
        waits: bool,
    },
    Tasks(TaskPage),
    /// Nested: a task has a field of the name of this tag.
    Task {
        report: Box<TaskReport>,
    },
    /// Nested for the same reason.
    TaskSet {
        row: TaskRow,
    },
    Traced(TaskTrace),
    History(HistoryPage),
    Tallied(Tallies),
    Reached(Reach),
    Latencies(LatencyReport),
    OurSide(OurSide),
    DevicesChecked(Box<DevicesState>),
    TokensRestored {
        tokens: u64,
    },
    BrakesReleased {
        brakes: usize,
    },
    Audited(AuditPage),
    /// `replaced` says whether there was one before, which is good no more.
    ClientKeyRotated {
        client_key: String,
        replaced: bool,
    },
    ChannelSet {
        id: ChannelId,
        replaced: bool,
    },
    Channels {
        channels: Vec<ChannelRow>,
    },
    ChannelRemoved,
    ChannelsRekeyed {
        sealed_again: usize,
        newest_already: usize,
        /// Which could not be opened, and why.
        closed: Vec<String>,
    },
    ChannelTried {
        steps: Vec<TrialStep>,
        accepted: bool,
    },
    WebhookSet,
    Webhooks {
        webhooks: Vec<WebhookRow>,
    },
    WebhookReplays {
        letters: usize,
    },
    Stat(LedgerStat),
    Digest {
        digest: String,
        next: u64,
    },
    Verified(LedgerVerified),
    AudienceVerified {
        apps: Vec<AudienceVerified>,
    },
    Forgot(ForgetReport),
    Forgettings(ForgettingPage),
    BackedUp {
        bytes: u64,
        pause_us: u64,
    },
    ImportStarted {
        /// What the import's acts may hold.
        bounds: ChunkBounds,
    },
    ImportEnded,
    Imported {
        counts: Counts,
        /// Those of the rows that were not taken in, by line.
        faults: Vec<(u64, Fault)>,
    },
    Exported(Page),
}

/// An app as it is listed: never with keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppRow {
    pub(crate) sdkappid: u32,
    pub(crate) enabled: bool,
    pub(crate) keys: usize,
    pub(crate) administrators: Vec<String>,
    pub(crate) has_callback_token: bool,
    pub(crate) has_client_key: bool,
    pub(crate) has_relay: bool,
    /// The line that declares it; `None` when it lives in the store.
    pub(crate) declared_at: Option<String>,
}
