//! The gateway as a channel, and as who knows who is connected.

use async_trait::async_trait;
use pushtally_channel::{Attention, Channel, Message, Outcome, Presence, Revoked, Target};
use pushtally_model::{AppId, Number};

use crate::collector::Collector;
use crate::health::count;
use crate::limits::{FRAME_LEN_MAX, TARGETS_MAX};
use crate::{CloseCode, Online, reply};

#[async_trait]
impl Channel for Online {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    /// The frame is encoded once and shared. `Accepted` is a push that the device's socket took; it answers when all
    /// sockets have taken theirs or lost it, after ten seconds and a tick at the latest.
    async fn send(&self, message: &Message, targets: &[Target]) -> Vec<Outcome> {
        let frame = reply::push(message);
        if frame.len() > FRAME_LEN_MAX {
            let code = CloseCode::TooLarge as i64;
            let text = "message is longer than a frame may be".to_owned();
            return vec![Outcome::Rejected { code, text }; targets.len()];
        }
        // A slice of more than 2^32 targets does not fit in memory.
        let (collector, tickets) = Collector::new(targets.len() as u32);
        for (target, ticket) in targets.iter().zip(tickets) {
            // Without a session the ticket goes, which is `gone`.
            if let Some(link) = self.rooms.session(message.app, target.number) {
                link.offer(frame.clone(), ticket);
            }
        }
        collector.outcomes().await
    }

    /// Waits for no socket: who does not hear is told when it connects again.
    async fn revoke(&self, revoked: &Revoked, targets: &[Target]) {
        let frame = reply::revoke(revoked);
        let sessions = targets
            .iter()
            .filter_map(|target| self.rooms.session(revoked.app, target.number));
        let told = sessions
            .filter(|link| link.take_back(frame.clone()))
            .count();
        count(&self.counters.revocations, told as u64);
    }
}

impl Presence for Online {
    fn connected(&self, app: AppId, shard: u16) -> Vec<(Number, Attention)> {
        self.rooms.connected(app, shard)
    }

    fn attention(&self, app: AppId, number: Number) -> Option<Attention> {
        self.rooms.attention(app, number)
    }
}
