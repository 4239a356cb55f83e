//! What happened to devices of a task, step by step, from the log itself: for the operator's calls, and what the compatible
//! trace commands are written from.
//!
//! Devices are those that the user has now, and that the task planned; of an imported task, the recipients that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use pushtally_audience::Audience;
use pushtally_ledger::{Trace, Way};
use pushtally_model::{
    Account, App, AppId, Audience as Addressed, Channel, Device, Kind, Lane, LossId, Number,
    Origin, Route, Second, Stage, TaskId, TaskKey, VendorCall,
};
use pushtally_stats::Stats;
use pushtally_store::{Identities, LossText, Recipient, StoreError, Tasks, find_own_task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::task_report::{before, route_name};
use crate::reasons::Reasons;

/// What a trace is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Names and numbers.
    pub identities: &'a dyn Identities,
    /// Tasks as they are stored.
    pub tasks: &'a dyn Tasks,
    /// Devices.
    pub audience: &'a Audience,
    /// The ledger.
    pub stats: &'a Stats,
    /// Now.
    pub now: Second,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources")
    }
}

/// A task, and what happened to a user's devices in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskTrace {
    /// The SDKAppID.
    pub app: u32,
    /// The TaskId.
    pub task: String,
    /// The account, or the RegistrationID of a phone.
    pub user: String,
    /// From which Unix second on was looked.
    pub since: u32,
    /// Whether there are more devices than are shown.
    pub cut: bool,
    /// By device, route and channel.
    pub ways: Vec<WayRow>,
}

/// What happened to a device on one route and channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WayRow {
    /// The device's number.
    pub device: u32,
    /// The phone's RegistrationID; `None` if the device is not registered now, as those of imported tasks never are.
    pub registration_id: Option<String>,
    /// The phone's model; empty if it is not known.
    pub model: String,
    /// Its operating system; empty if it is not known.
    pub system: String,
    /// `offline` or `online`.
    #[schemars(extend("enum" = ["offline", "online"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// What counted, in the order of recording.
    pub steps: Vec<StepRow>,
    /// The calls by which its vendor was to reach it, in the order of their answers; at most 100, the first ones.
    pub calls: Vec<CallRow>,
}

/// A call to a vendor that the device was a target of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallRow {
    /// When it was answered or given up, in Unix milliseconds.
    pub at_ms: i64,
    /// The HTTP status; 0 when no answer came.
    pub status: u16,
    /// What the vendor calls the request or message; empty when it gave no name.
    pub request_id: String,
    /// The vendor's code when it refused the whole call, else 0.
    pub code: i64,
    /// Its text, or why no answer came; else empty.
    pub text: String,
}

impl From<&VendorCall> for CallRow {
    fn from(call: &VendorCall) -> Self {
        Self {
            at_ms: call.at_ms,
            status: call.status,
            request_id: call.request_id.clone(),
            code: call.code,
            text: call.text.clone(),
        }
    }
}

/// An event that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRow {
    /// `planned`, `sent`, `delivered`, `clicked`, or `lost`.
    #[schemars(extend("enum" = ["planned", "sent", "delivered", "clicked", "lost"]))]
    pub step: String,
    /// Its time, in Unix seconds.
    pub at: u32,
    /// When it was recorded, in Unix milliseconds.
    pub recorded_ms: i64,
    /// Who said so: `us`, `vendor`, `client` or `import`.
    #[schemars(extend("enum" = ["us", "vendor", "client", "import"]))]
    pub source: String,
    /// Why it was lost; only of `lost`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub loss: Option<LostRow>,
}

/// Why a device was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LostRow {
    /// The stage that it did not reach.
    pub before: String,
    /// The code of whoever refused it; ours are negative.
    pub code: i64,
    /// Its text.
    pub text: String,
}

/// A trace with what its numbers mean.
#[derive(Debug)]
pub(crate) struct Gathered {
    trace: Trace,
    devices: BTreeMap<Number, Device>,
    reasons: Reasons,
}

/// Traces a user's devices in an app's task; `None` when it has no such task.
pub async fn task_trace(
    sources: Sources<'_>,
    app: &App,
    id: &str,
    user: &str,
) -> Result<Option<TaskTrace>, StoreError> {
    let Some(task) = find_either(sources.identities, app.id, id).await? else {
        return Ok(None);
    };
    let gathered = gather(sources, app, (task, id), Some(user)).await?;
    Ok(Some(TaskTrace {
        app: app.id.0,
        task: id.to_owned(),
        user: user.to_owned(),
        since: reach(app, sources.now).0,
        cut: gathered.trace.is_cut(),
        ways: gathered
            .ways()
            .map(|(way, device)| gathered.row(way, device))
            .collect(),
    }))
}

/// A task of this server's own goes before an imported one, a push before a message push.
pub(super) async fn find_either(
    identities: &dyn Identities,
    app: AppId,
    id: &str,
) -> Result<Option<TaskKey>, StoreError> {
    if let Some(own) = find_own_task(identities, app, id).await? {
        return Ok(Some(own));
    }
    match identities.find_task(app, Kind::Push, id).await? {
        Some(push) => Ok(Some(push)),
        None => identities.find_task(app, Kind::Message, id).await,
    }
}

/// Traces a task, of one user's devices or of all. What the app's traces do not reach back to is not looked for: then
/// nothing is found.
pub(crate) async fn gather(
    sources: Sources<'_>,
    app: &App,
    (task, id): (TaskKey, &str),
    user: Option<&str>,
) -> Result<Gathered, StoreError> {
    let since = reach(app, sources.now);
    let nothing = || Trace::new(None, 0);
    let trace = match begun(sources, app.id, (task, id)).await? {
        // Its first events may be out of reach, and the others alone would tell another story.
        Some(accepted) if accepted < since => nothing(),
        accepted => {
            let numbers = match user {
                Some(user) => Some(numbers(sources, app.id, task.origin, user).await?),
                None => None,
            };
            if numbers.as_ref().is_some_and(BTreeSet::is_empty) {
                nothing()
            } else {
                let from_ms = i64::from(accepted.unwrap_or(since).0) * 1000;
                sources.stats.trace(task, numbers, from_ms).await?
            }
        }
    };
    Gathered::new(sources, app.id, task.origin, trace).await
}

/// Since when traces of an app may tell.
pub(super) fn reach(app: &App, now: Second) -> Second {
    let kept_s = app.retention.traces_days.saturating_mul(Second::DAY_S);
    Second(now.0.saturating_sub(app.traces_span_s_max.min(kept_s)))
}

/// When a task of our own was accepted: nothing of it is recorded before.
pub(super) async fn begun(
    sources: Sources<'_>,
    app: AppId,
    (task, id): (TaskKey, &str),
) -> Result<Option<Second>, StoreError> {
    match (task.origin, TaskId::new(id)) {
        (Origin::Own, Ok(id)) => {
            let stored = sources.tasks.find_stored_task(app, &id).await?;
            Ok(stored.map(|stored| stored.draft.accepted_at))
        }
        (Origin::Own | Origin::Imported, _) => Ok(None),
    }
}

/// The recipients that imported events name an account by.
pub(super) async fn recipients(
    sources: Sources<'_>,
    app: AppId,
    account: &str,
) -> Result<BTreeSet<Number>, StoreError> {
    let offline = |channel| (Route::Offline, channel);
    let ways = Channel::ALL.map(offline).into_iter();
    let ways = ways.chain([(Route::Online, Channel::Online)]);
    let recipient = |(route, channel)| Recipient {
        account,
        route,
        channel,
    };
    let recipients: Vec<Recipient<'_>> = ways.map(recipient).collect();
    let found = sources.identities.find_recipients(app, &recipients).await?;
    Ok(found.into_iter().flatten().collect())
}

/// The numbers that a user can have in a task.
async fn numbers(
    sources: Sources<'_>,
    app: AppId,
    origin: Origin,
    user: &str,
) -> Result<BTreeSet<Number>, StoreError> {
    if origin == Origin::Imported {
        return recipients(sources, app, user).await;
    }
    let mut numbers = BTreeSet::new();
    // A name that no account can have is nobody's.
    if let Ok(account) = Account::new(user) {
        let mut visit = |device: Device| {
            numbers.insert(device.number);
            ControlFlow::Continue(())
        };
        let addressed = Addressed::Accounts(vec![account]);
        sources
            .audience
            .evaluate(app, None, &addressed, &mut visit)
            .await?;
    }
    Ok(numbers)
}

impl Gathered {
    async fn new(
        sources: Sources<'_>,
        app: AppId,
        origin: Origin,
        trace: Trace,
    ) -> Result<Self, StoreError> {
        let numbers: BTreeSet<Number> = trace.ways().map(|way| way.number).collect();
        let numbers: Vec<Number> = numbers.into_iter().collect();
        // An imported recipient's number is never a device's.
        let devices = match origin {
            Origin::Own => sources.audience.find(app, &numbers).await?,
            Origin::Imported => Vec::new(),
        };
        let steps = trace.ways().flat_map(Way::steps);
        let losses: BTreeSet<LossId> = steps.map(|(_, step)| step.loss).collect();
        let reasons = Reasons::of_losses(sources.identities, app, losses).await?;
        Ok(Self {
            trace,
            devices: devices
                .into_iter()
                .map(|device| (device.number, device))
                .collect(),
            reasons,
        })
    }

    /// Every way with a step, and its device if that is registered.
    pub(crate) fn ways(&self) -> impl Iterator<Item = (&Way, Option<&Device>)> {
        let device = |way: &Way| self.devices.get(&way.number);
        self.trace.ways().map(move |way| (way, device(way)))
    }

    /// The reason of a lane's loss; `None` for a stage that was reached.
    pub(crate) fn reason(&self, lane: Lane, loss: LossId) -> Option<LossText> {
        lane.stage().is_none().then(|| self.reasons.of(loss))
    }

    fn row(&self, way: &Way, device: Option<&Device>) -> WayRow {
        let facts = device.map(|device| &device.facts);
        let mut steps: Vec<StepRow> = way
            .steps()
            .map(|(lane, step)| StepRow {
                step: step_name(lane).to_owned(),
                at: step.at.0,
                recorded_ms: step.recorded_ms,
                source: step.source.name().to_owned(),
                loss: self
                    .reason(lane, step.loss)
                    .map(|LossText { code, text }| LostRow {
                        before: before(lane).unwrap_or_default().to_owned(),
                        code,
                        text,
                    }),
            })
            .collect();
        // Stable: in one batch the funnel's order is that of recording.
        steps.sort_by_key(|step| step.recorded_ms);
        WayRow {
            device: way.number.0,
            registration_id: device.map(|device| device.registration_id.to_string()),
            model: facts.map(|facts| facts.model.clone()).unwrap_or_default(),
            system: facts.map(|facts| facts.system.clone()).unwrap_or_default(),
            route: route_name(way.route).to_owned(),
            channel: way.channel.name().to_owned(),
            steps,
            calls: way.calls().iter().map(CallRow::from).collect(),
        }
    }
}

pub(super) const fn step_name(lane: Lane) -> &'static str {
    match lane.stage() {
        Some(Stage::Planned) => "planned",
        Some(Stage::Sent) => "sent",
        Some(Stage::Delivered) => "delivered",
        Some(Stage::Clicked) => "clicked",
        None => "lost",
    }
}
