//! How many devices were lost, by stage, route, channel and code: of tasks, or of an app's families.

use pushtally_model::{AppId, Kind, Window};
use pushtally_store::{Identities, LossText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kept::KeptError;
use super::numbers::Numbers;
use super::tallies::counted;
use super::task_report::{before, route_name};
use crate::reasons::Reasons;

/// The losses of several tasks or families.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Losses {
    /// The SDKAppID.
    pub app: u32,
    /// The first second that counts.
    pub start: u32,
    /// The first one that no longer does.
    pub end: u32,
    /// The Unix millisecond in which it was known; left out when it is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of_ms: Option<i64>,
    /// In the order in which they were asked for.
    pub scopes: Vec<LostScope>,
}

/// The losses of one task or family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LostScope {
    /// `push` or `message`.
    #[schemars(extend("enum" = ["push", "message"]))]
    pub family: String,
    /// The TaskId or PushID; null is the whole family.
    pub task: Option<String>,
    /// Most first.
    pub losses: Vec<LostBefore>,
}

/// How many devices did not reach a stage for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LostBefore {
    /// The stage that they did not reach: `sent`, `delivered` or `clicked`.
    #[schemars(extend("enum" = ["sent", "delivered", "clicked"]))]
    pub before: String,
    /// `online` or `offline`.
    #[schemars(extend("enum" = ["online", "offline"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// The code of whoever refused them; ours are negative.
    pub code: i64,
    /// Its text.
    pub text: String,
    /// How many.
    pub count: u64,
}

/// Counts the losses of tasks, or without any of the families. A task that the app does not know has none.
pub async fn losses(
    identities: &dyn Identities,
    numbers: Numbers<'_>,
    app: AppId,
    (tasks, family): (&[String], Option<Kind>),
    window: Window,
) -> Result<Losses, KeptError> {
    numbers.check().await?;
    let mut scopes = Vec::new();
    for counted in counted(identities, app, tasks, family).await? {
        let tally = numbers.one_of(app, &counted, window).await?;
        let reasons = Reasons::of_tally(identities, app, &tally).await?;
        let lost = tally.losses().filter_map(|(cell, loss, count)| {
            let LossText { code, text } = reasons.of(loss);
            Some(LostBefore {
                before: before(cell.lane())?.to_owned(),
                route: route_name(cell.route()).to_owned(),
                channel: cell.channel().name().to_owned(),
                code,
                text,
                count,
            })
        });
        let mut losses: Vec<_> = lost.collect();
        losses.sort_by_key(|loss| std::cmp::Reverse(loss.count));
        scopes.push(LostScope {
            family: counted.family_name(),
            task: counted.task,
            losses,
        });
    }
    Ok(Losses {
        app: app.0,
        start: window.start().0,
        end: window.end().0,
        as_of_ms: numbers.as_of_ms(),
        scopes,
    })
}
