//! What a push would plan if it were accepted now, and how fast that could be sent. Nothing is stored, noted or sent.

use std::collections::BTreeMap;

use pushtally_channel::Line;
use pushtally_model::{AppId, Audience, Channel, Device, Urgency};
use pushtally_store::StoreError;

use crate::fanout::Fanout;

/// What a push would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Devices that would be planned, each once.
    pub devices: u64,
    /// By channel; the socket is one.
    pub channels: BTreeMap<Channel, Reached>,
}

/// What would become of those that are planned on a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// Devices that would be planned.
    pub planned: u64,
    /// Of them, those that have no token of the channel: lost as -2.
    pub without_token: u64,
    /// Of them, those with a token that no account would send to: lost as -1.
    pub without_account: u64,
    /// The others, by the line that they would be sent through.
    lines: BTreeMap<Line, u64>,
}

impl Reached {
    /// Devices that the channel would be called for.
    #[must_use]
    pub fn sendable(&self) -> u64 {
        self.lines.values().sum()
    }

    /// The seconds that the slowest line needs at its rate, rounded up; 0 without any that has a rate. Vendors may take longer.
    #[must_use]
    pub fn seconds_min(&self) -> u64 {
        let seconds = self.lines.iter().map(|(line, count)| match line.rate {
            0 => 0,
            rate => count.div_ceil(u64::from(rate)),
        });
        seconds.max().unwrap_or(0)
    }

    fn add(&mut self, channel: Channel, has_token: bool, line: Option<Line>) {
        self.planned += 1;
        if channel != Channel::Online && !has_token {
            self.without_token += 1;
        } else if let Some(line) = line {
            *self.lines.entry(line).or_default() += 1;
        } else {
            self.without_account += 1;
        }
    }
}

impl Fanout {
    pub(crate) async fn estimate(
        &self,
        app: AppId,
        audience: &Audience,
        online_only: bool,
        urgency: Urgency,
    ) -> Result<Estimate, StoreError> {
        let mut estimate = Estimate::default();
        let mut last = None;
        let mut plan = |device: &Device, channel: Channel| {
            if last.replace(device.number) != Some(device.number) {
                estimate.devices += 1;
            }
            let token = device.facts.alert_token();
            let token = token.filter(|token| token.channel == channel);
            let carrier = self.parts.channels.get(&channel);
            let line = carrier.and_then(|carrier| carrier.line(app, token, urgency));
            let reached = estimate.channels.entry(channel).or_default();
            reached.add(channel, token.is_some(), line);
        };
        let shards = match audience {
            Audience::Accounts(_) => vec![None],
            Audience::Everyone | Audience::Fitting(_) => {
                let shards = self.audience.shards(app).await?;
                shards.into_iter().map(Some).collect()
            }
        };
        for shard in shards {
            self.each_way(app, shard, (audience, online_only), &mut plan)
                .await?;
        }
        Ok(estimate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_line_says_how_long_it_takes() {
        let mut reached = Reached::default();
        let line = |id, rate| Some(Line { id, rate });
        for _ in 0..25 {
            reached.add(Channel::Fcm, true, line(1, 10));
            reached.add(Channel::Fcm, true, line(2, 4));
            reached.add(Channel::Fcm, true, line(3, 0));
            reached.add(Channel::Fcm, true, None);
            reached.add(Channel::Fcm, false, line(1, 10));
        }
        assert_eq!((reached.planned, reached.sendable()), (125, 75));
        assert_eq!((reached.without_token, reached.without_account), (25, 25));
        assert_eq!(reached.seconds_min(), 7, "25 at 4 a second");
        assert_eq!(Reached::default().seconds_min(), 0);
        let mut socket = Reached::default();
        socket.add(Channel::Online, false, line(0, 0));
        assert_eq!((socket.sendable(), socket.without_token), (1, 0));
    }
}
