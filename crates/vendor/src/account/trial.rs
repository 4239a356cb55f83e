//! Trying an account out: one notification on the way that all go, with somebody looking on.

use pushtally_channel::{Message, Outcome, Target};

use super::{Account, Letter};
use crate::watch::{Seen, Watch};

impl Account {
    /// Sends to one target, as any push would be sent: within the account's rate, by the access that it has. `mark` is what a
    /// receipt of it echoes. Answers what happened on the way, and how it ended.
    pub async fn try_out(
        &self,
        message: &Message,
        target: &Target,
        mark: &str,
    ) -> (Vec<Seen>, Outcome) {
        let watch = Watch::default();
        let (title, text) = message.notification.texts(&target.language);
        let letter = Letter {
            message,
            title,
            text,
            mark,
            calls: None,
            watch: Some(&watch),
        };
        let outcomes = self.send(&letter, &[target]).await;
        // An outcome for each target is what `send` promises; without one nobody knows.
        let outcome = outcomes.into_iter().next();
        let outcome = outcome.unwrap_or(Outcome::Unavailable {
            after: super::TARGET_WAIT,
        });
        (watch.into_seen(), outcome)
    }
}
