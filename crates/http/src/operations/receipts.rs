//! What of each channel can be known after sending, so that nobody takes "not known" for 0.

use pushtally_ledger::Tally;
use pushtally_model::{App, Channel, Kind, Route, Scope, Stage, Window};
use pushtally_receipt::Inbox;
use pushtally_stats::Stats;
use pushtally_store::StoreError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What vendors report to an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipts {
    /// The SDKAppID.
    pub app: u32,
    /// Every vendor.
    pub channels: Vec<ReceiptsRow>,
}

/// What a vendor reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptsRow {
    /// The channel's name.
    pub channel: String,
    /// Whether its receipts can be, and have been, counted.
    pub receipts: ReceiptsState,
    /// Devices that got something through it, ever, whoever said so: receipts, phones' reports, imported events.
    pub delivered: u64,
    /// Devices on which it was tapped.
    pub clicked: u64,
}

/// Whether a vendor's receipts come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptsState {
    /// The vendor sends none: what arrives is known from phones' reports only.
    Impossible,
    /// It would, but the app has no account with it, or no key for addresses of receipts.
    NotConfigured,
    /// It may, and nothing that arrived has been counted yet.
    NoneSeen,
    /// Something that arrived or was tapped has been counted.
    Seen,
}

/// Tells of every vendor whether its receipts can be counted for an app, and whether anything has been.
pub async fn receipts(inbox: &Inbox, stats: &Stats, app: &App) -> Result<Receipts, StoreError> {
    let mut tallies = Vec::new();
    for kind in [Kind::Push, Kind::Message] {
        let scope = Scope::Overall(app.id, kind);
        tallies.push(stats.tally(app.id, scope, Window::all()).await?);
    }
    let has_key = app
        .receipts_key
        .as_ref()
        .is_some_and(|key| !key.expose().is_empty());
    let rows = Channel::VENDORS.into_iter().map(|channel| {
        let is_configured = has_key && inbox.has_account(app.id, channel);
        row(channel, is_configured, &tallies)
    });
    Ok(Receipts {
        app: app.id.0,
        channels: rows.collect(),
    })
}

fn row(channel: Channel, is_configured: bool, tallies: &[Tally]) -> ReceiptsRow {
    let reached = |stage| {
        let counts = tallies.iter();
        counts
            .map(|tally| tally.reached(Route::Offline, channel, stage))
            .sum()
    };
    let (delivered, clicked): (u64, u64) = (reached(Stage::Delivered), reached(Stage::Clicked));
    let receipts = match (channel.sends_receipts(), is_configured) {
        (false, _) => ReceiptsState::Impossible,
        (true, false) => ReceiptsState::NotConfigured,
        (true, true) if delivered + clicked == 0 => ReceiptsState::NoneSeen,
        (true, true) => ReceiptsState::Seen,
    };
    ReceiptsRow {
        channel: channel.name().to_owned(),
        receipts,
        delivered,
        clicked,
    }
}
