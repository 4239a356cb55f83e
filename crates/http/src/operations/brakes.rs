//! The brakes of an app: where dead tokens are not dropped, because an unusual share of them died at once.

use pushtally_dispatch::{Braked, Dispatch};
use pushtally_model::AppId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The brakes of an app that are on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Brakes {
    /// The SDKAppID.
    pub app: u32,
    /// One for each line.
    pub brakes: Vec<BrakeRow>,
}

/// A brake that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrakeRow {
    /// The channel's name.
    pub channel: String,
    /// The CertId of the line.
    pub cert_id: u32,
    /// Since when, in Unix milliseconds.
    pub since_ms: i64,
    /// Notifications that the vendor took since then, within the window.
    pub live: u32,
    /// Tokens that it called dead since then, within the window.
    pub gone: u32,
}

impl From<Braked> for BrakeRow {
    fn from(braked: Braked) -> Self {
        Self {
            channel: braked.channel.name().to_owned(),
            cert_id: braked.cert_id,
            since_ms: braked.since_ms,
            live: braked.told.live,
            gone: braked.told.gone,
        }
    }
}

/// Tells which brakes of an app are on, by channel and CertId.
#[must_use]
pub fn brakes(dispatch: &Dispatch, app: AppId) -> Brakes {
    let braked = dispatch.braked(app).into_iter();
    Brakes {
        app: app.0,
        brakes: braked.map(BrakeRow::from).collect(),
    }
}
