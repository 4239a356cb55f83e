//! Acts on the tokens of devices: how they are, giving back what was dropped, releasing brakes.

use pushtally_audience::tokens::{self, Line, LineState};
use pushtally_http::operations::{BrakeRow, brakes};
use pushtally_model::{AppId, Channel, Second, TokenKind};
use pushtally_store::Restoring;
use serde::{Deserialize, Serialize};

use super::{ActError, Acts, Done};

/// Which tokens are meant.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Meant {
    pub(crate) sdkappid: u32,
    /// The number of the channel.
    pub(crate) channel: u8,
    /// `None` is all.
    pub(crate) cert_id: Option<u32>,
}

/// How the tokens of an app are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DevicesState {
    pub(crate) sdkappid: u32,
    /// Registered devices.
    pub(crate) devices: u64,
    /// Of them, those that never had a token.
    pub(crate) without_token: u64,
    /// Of them, those that are not planned offline because their tokens were dropped.
    pub(crate) dropped: u64,
    pub(crate) lines: Vec<LineRow>,
    /// What is of further lines.
    pub(crate) others: Counted,
    /// `None` when no server runs: brakes are in its memory.
    pub(crate) brakes: Option<Vec<BrakeRow>>,
}

/// One channel, kind and CertId.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LineRow {
    pub(crate) channel: String,
    pub(crate) kind: String,
    pub(crate) cert_id: u32,
    #[serde(flatten)]
    pub(crate) counted: Counted,
    /// Whether an account would send to it; `None` when no server runs.
    pub(crate) has_account: Option<bool>,
}

/// What is counted of a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) tokens: u64,
    pub(crate) silent_30_days: u64,
    pub(crate) silent_90_days: u64,
    pub(crate) dropped: u64,
    /// Unix second; 0 if there is none, or it is not known.
    pub(crate) dropped_last: u32,
}

impl From<&LineState> for Counted {
    fn from(state: &LineState) -> Self {
        let [silent_30_days, silent_90_days] = state.silent;
        Self {
            tokens: state.tokens,
            silent_30_days,
            silent_90_days,
            dropped: state.dropped,
            dropped_last: state.dropped_last.0,
        }
    }
}

const fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Alert => "alert",
        TokenKind::Voip => "voip",
        TokenKind::LiveActivity => "live_activity",
    }
}

fn channel(number: u8) -> Result<Channel, ActError> {
    Channel::from_number(number).ok_or(ActError::Channel { number })
}

impl Acts {
    pub(super) async fn check_devices(&self, app: AppId, of: Option<u8>) -> Result<Done, ActError> {
        self.require(app)?;
        let of = of.map(channel).transpose()?;
        let devices = &self.opened.engine.devices;
        let state = tokens::check(devices, app, of, self.clock.now()).await?;
        let row = |((channel, of_kind, cert_id), line): (&Line, &LineState)| LineRow {
            channel: channel.name().to_owned(),
            kind: kind(*of_kind).to_owned(),
            cert_id: *cert_id,
            counted: line.into(),
            has_account: self.vendors.get().map(|vendors| {
                let vendor = vendors.carriers().get(channel);
                vendor.is_some_and(|vendor| vendor.has_account(app, *cert_id))
            }),
        };
        let brakes = self.running()?.map(|dispatch| {
            let mut rows = brakes(dispatch, app).brakes;
            rows.retain(|row| of.is_none_or(|of| of.name() == row.channel));
            rows
        });
        Ok(Done::DevicesChecked(Box::new(DevicesState {
            sdkappid: app.0,
            devices: state.devices,
            without_token: state.without,
            dropped: state.dropped,
            lines: state.lines.iter().map(row).collect(),
            others: (&state.others).into(),
            brakes,
        })))
    }

    pub(super) async fn restore_tokens(&self, meant: Meant, since: u32) -> Result<Done, ActError> {
        let (app, channel) = (AppId(meant.sdkappid), channel(meant.channel)?);
        self.require(app)?;
        let what = Restoring {
            channel,
            cert_id: meant.cert_id,
            since: Second(since),
        };
        let devices = &self.opened.engine.devices;
        let restored = tokens::restore(devices, app, &what, self.clock.now()).await;
        // Also after an error a part may be given back.
        self.note(app, "devices restore", channel.name()).await;
        Ok(Done::TokensRestored { tokens: restored? })
    }

    /// Brakes are in the memory of what sends.
    pub(super) async fn release_brakes(&self, meant: Meant) -> Result<Done, ActError> {
        let (app, channel) = (AppId(meant.sdkappid), channel(meant.channel)?);
        self.require(app)?;
        let dispatch = self.running()?.ok_or(ActError::NoServer)?;
        let brakes = dispatch.release_brakes(app, channel, meant.cert_id);
        self.note(app, "devices release", channel.name()).await;
        Ok(Done::BrakesReleased { brakes })
    }
}
