//! The tokens of an app: how many of each line there are and how they are, and giving back what was dropped.
//!
//! A line is a channel, a kind and a CertId. Devices are visited shard by shard, never held all at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use pushtally_model::{AppId, Channel, Device, Number, Second, Token, TokenKind};
use pushtally_store::{Devices, Restoring, StoreError};

/// Lines that are told apart. CertIds come from phones, so there may be any number of them; the rest is summed.
pub const LINES_MAX: usize = 1_000;
/// What has said nothing new for so long is silent, and after the other very much so. In seconds.
pub const SILENT_S: [u32; 2] = [30 * 86_400, 90 * 86_400];
/// Devices that are given their tokens back in one act.
const RESTORE_LEN: usize = 1_024;

/// A channel, a kind of token, and a CertId.
pub type Line = (Channel, TokenKind, u32);

/// How the tokens of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineState {
    /// Devices that have one.
    pub tokens: u64,
    /// Of them, those whose device has said nothing new of its tokens for 30 and for 90 days.
    pub silent: [u64; 2],
    /// Tokens that were dropped and are kept.
    pub dropped: u64,
    /// When the last of them was; 0 if that is not known.
    pub dropped_last: Second,
}

/// How the tokens of an app are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokensState {
    /// Registered devices.
    pub devices: u64,
    /// Of them, those that have no token, nor had one that was dropped.
    pub without: u64,
    /// Of them, those that pushes do not go to offline, because their tokens were dropped.
    pub dropped: u64,
    /// By line.
    pub lines: BTreeMap<Line, LineState>,
    /// What is of more lines than are told apart.
    pub others: LineState,
}

impl TokensState {
    /// Counts a device, of one channel's tokens or of all.
    fn add(&mut self, device: &Device, channel: Option<Channel>, now: Second) {
        self.devices += 1;
        self.dropped += u64::from(device.is_dropped());
        let none = device.facts.tokens.is_empty() && device.dropped.is_empty();
        self.without += u64::from(none);
        let is_meant = |token: &Token| channel.is_none_or(|channel| token.channel == channel);
        let silence = now.0.saturating_sub(device.said_at.0);
        for token in device.facts.tokens.iter().filter(|token| is_meant(token)) {
            let line = self.line(token);
            line.tokens += 1;
            for (count, after) in line.silent.iter_mut().zip(SILENT_S) {
                *count += u64::from(silence >= after);
            }
        }
        for dropped in device
            .dropped
            .iter()
            .filter(|dropped| is_meant(&dropped.token))
        {
            let line = self.line(&dropped.token);
            line.dropped += 1;
            line.dropped_last = line.dropped_last.max(dropped.at);
        }
    }

    fn line(&mut self, token: &Token) -> &mut LineState {
        let line = (token.channel, token.kind, token.cert_id);
        if self.lines.len() >= LINES_MAX && !self.lines.contains_key(&line) {
            return &mut self.others;
        }
        self.lines.entry(line).or_default()
    }
}

/// Looks at an app's tokens, of one channel or of all. What is registered meanwhile may or may not be counted.
pub async fn check(
    devices: &Arc<dyn Devices>,
    app: AppId,
    channel: Option<Channel>,
    now: Second,
) -> Result<TokensState, StoreError> {
    let mut state = TokensState::default();
    for shard in devices.device_shards(app).await? {
        let mut add = |device: Device| {
            state.add(&device, channel, now);
            ControlFlow::Continue(())
        };
        devices.visit_shard(app, shard, &mut add).await?;
    }
    Ok(state)
}

/// Gives back what was dropped of an app, as [`Devices::restore_tokens`] does; answers how many tokens. After an error a
/// part is given back, and repeating it gives back the rest.
pub async fn restore(
    devices: &Arc<dyn Devices>,
    app: AppId,
    what: &Restoring,
    now: Second,
) -> Result<u64, StoreError> {
    let mut restored = 0;
    for shard in devices.device_shards(app).await? {
        // At most 65,536 numbers.
        let mut meant: Vec<Number> = Vec::new();
        let mut look = |device: Device| {
            let of_channel = |dropped: &pushtally_model::DroppedToken| {
                dropped.token.channel == what.channel && dropped.at >= what.since
            };
            if device.dropped.iter().any(of_channel) {
                meant.push(device.number);
            }
            ControlFlow::Continue(())
        };
        devices.visit_shard(app, shard, &mut look).await?;
        for part in meant.chunks(RESTORE_LEN) {
            restored += devices.restore_tokens(app, part, what, now).await?;
        }
    }
    Ok(restored)
}
