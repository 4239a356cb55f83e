//! What a push would come to, without sending it.

use pushtally_audience::Audience;
use pushtally_dispatch::{Dispatch, Reached};
use pushtally_model::{AppId, Audience as Addressed, Channel, Route, Urgency};
use pushtally_store::{Accounts, StoreError};
use pushtally_wire::ACCOUNTS_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{self, AskedCondition, ConditionError};
use super::order::distinct;
use super::task_report::route_name;
use crate::batch::{Sorted, sort};

/// Who is to be reached, as in a push. Unknown fields are errors, as there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "Who is to be reached.")]
pub struct Asked {
    /// Accounts or RegistrationIDs, 1 to [`ACCOUNTS_MAX`]; `None` is everyone.
    #[serde(default)]
    #[schemars(
        description = "Accounts or RegistrationIDs; absent or null is everyone.",
        length(min = 1, max = ACCOUNTS_MAX)
    )]
    pub to: Option<Vec<String>>,
    /// Those who fit it; not beside `to`.
    #[serde(default, deserialize_with = "condition::object")]
    pub condition: Option<AskedCondition>,
    /// Only connected devices.
    #[serde(default)]
    pub online_only: bool,
}

/// What a push would come to at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimated {
    /// The SDKAppID.
    pub app: u32,
    /// Devices that would be planned, each once.
    pub devices: u64,
    /// The least that sending takes, in seconds: that of the slowest route. 0 when no rate is configured.
    pub seconds_min: u64,
    /// By route and channel; only those with a device.
    pub routes: Vec<EstimatedRow>,
    /// The accounts that do not exist.
    pub unknown: Vec<String>,
}

/// What would become of the devices of a route and channel. A device may be on two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EstimatedRow {
    /// `online` or `offline`.
    #[schemars(extend("enum" = ["online", "offline"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// Devices that would be planned.
    pub planned: u64,
    /// Of them, those that the channel would be called for.
    pub sendable: u64,
    /// Of them, those that would be lost as -2, because they have no token.
    pub without_token: u64,
    /// Of them, those that would be lost as -1, because no account would send to their tokens.
    pub without_account: u64,
    /// The least that sending takes under the accounts' `rate`, in seconds; 0 when none is configured.
    pub seconds_min: u64,
}

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// Too many accounts, or none.
    #[error("`to` must be absent, or 1 to 500 accounts, not `{len}`")]
    To {
        /// How many there are.
        len: usize,
    },
    /// Accounts are named, and a condition is given, too.
    #[error("`condition` must be absent where `to` is given")]
    Both,
    /// The condition is none.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Estimates a push of an app by the rules of planning. Visits every device that it addresses.
pub async fn estimate(
    dispatch: &Dispatch,
    audience: &Audience,
    accounts: &dyn Accounts,
    app: AppId,
    asked: Asked,
) -> Result<Estimated, EstimateError> {
    let Asked {
        to,
        condition,
        online_only,
    } = asked;
    let (addressed, urgency, unknown) = match (to, condition) {
        (None, None) => (Addressed::Everyone, Urgency::Bulk, Vec::new()),
        (None, Some(condition)) => {
            let condition = condition.resolve(accounts, app).await?;
            let addressed = Addressed::Fitting(Box::new(condition));
            (addressed, Urgency::Bulk, Vec::new())
        }
        (Some(_), Some(_)) => return Err(EstimateError::Both),
        (Some(to), None) if !(1..=ACCOUNTS_MAX).contains(&to.len()) => {
            return Err(EstimateError::To { len: to.len() });
        }
        (Some(to), None) => {
            let Sorted { known, unknown } = sort(audience, app, distinct(to)).await?;
            (Addressed::Accounts(known), Urgency::Urgent, unknown)
        }
    };
    let estimate = dispatch
        .estimate(app, &addressed, online_only, urgency)
        .await?;
    let routes: Vec<_> = estimate.channels.iter().map(row).collect();
    Ok(Estimated {
        app: app.0,
        devices: estimate.devices,
        seconds_min: routes.iter().map(|row| row.seconds_min).max().unwrap_or(0),
        routes,
        unknown,
    })
}

fn row((channel, reached): (&Channel, &Reached)) -> EstimatedRow {
    let route = match channel {
        Channel::Online => Route::Online,
        _ => Route::Offline,
    };
    EstimatedRow {
        route: route_name(route).to_owned(),
        channel: channel.name().to_owned(),
        planned: reached.planned,
        sendable: reached.sendable(),
        without_token: reached.without_token,
        without_account: reached.without_account,
        seconds_min: reached.seconds_min(),
    }
}
