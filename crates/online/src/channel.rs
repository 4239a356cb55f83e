//! The gateway as a channel, and as who knows who is connected.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use pushtally_channel::{Attention, Carried, Channel, Message, Outcome, Presence, Revoked, Target};
use pushtally_model::{AppId, Notification, Number};

use crate::collector::Collector;
use crate::health::count;
use crate::limits::{FRAME_LEN_MAX, TARGETS_MAX};
use crate::{CloseCode, Online, reply};

#[async_trait]
impl Channel for Online {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    /// A frame is encoded once for each translation, and shared. `Accepted` is a push that the device's socket took; it answers when all
    /// sockets have taken theirs or lost it, after ten seconds and a tick at the latest.
    async fn send(&self, message: &Message, targets: &[Target]) -> Carried {
        let mut frames = Frames::new(Some(&message.notification), |language| {
            reply::push(message, language)
        });
        if frames.common.len() > FRAME_LEN_MAX {
            let code = CloseCode::TooLarge as i64;
            let text = "message is longer than a frame may be".to_owned();
            return vec![Outcome::Rejected { code, text }; targets.len()].into();
        }
        // A slice of more than 2^32 targets does not fit in memory.
        let (collector, tickets) = Collector::new(targets.len() as u32);
        for (target, ticket) in targets.iter().zip(tickets) {
            // Without a session the ticket goes, which is `gone`.
            if let Some(link) = self.rooms.session(message.app, target.number) {
                link.offer(frames.of(&target.language), ticket);
            }
        }
        collector.outcomes().await.into()
    }

    /// Waits for no socket: who does not hear is told when it connects again.
    async fn revoke(&self, revoked: &Revoked, targets: &[Target]) {
        let mut frames = Frames::new(revoked.instead.as_ref(), |language| {
            reply::revoke(revoked, language)
        });
        let mut told = 0;
        for target in targets {
            if let Some(link) = self.rooms.session(revoked.app, target.number) {
                told += u64::from(link.take_back(frames.of(&target.language)));
            }
        }
        count(&self.counters.revocations, told);
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

/// What is shown, as its frames: the common texts, and the translations that were asked for so far.
struct Frames<'a, F> {
    shown: Option<&'a Notification>,
    /// The frame for a language.
    encode: F,
    common: Bytes,
    translated: HashMap<&'a str, Bytes>,
}

impl<'a, F: Fn(&str) -> Bytes> Frames<'a, F> {
    fn new(shown: Option<&'a Notification>, encode: F) -> Self {
        Self {
            shown,
            common: encode(""),
            encode,
            translated: HashMap::new(),
        }
    }

    /// The frame for a device of this language. A translation that is too long for a frame is not shown.
    fn of(&mut self, language: &str) -> Bytes {
        let Some(translation) = self.shown.and_then(|shown| shown.translation(language)) else {
            return self.common.clone();
        };
        let (encode, common) = (&self.encode, &self.common);
        let encoded = || {
            let frame = encode(&translation.language);
            if frame.len() > FRAME_LEN_MAX {
                return common.clone();
            }
            frame
        };
        let frame = self.translated.entry(&translation.language);
        frame.or_insert_with(encoded).clone()
    }
}
