//! One call of a courier: its events get their names and their form, and it is tried until it is answered.

use bytes::Bytes;
use pushtally_model::Kind;

use super::Courier;
use crate::backoff;
use crate::found::Found;
use crate::sender::{Answer, Parcel};

impl Courier {
    /// Tries a call until it is answered; `false` when the courier is stopped first.
    pub(super) async fn deliver(&self, found: Vec<Found>) -> bool {
        let Some(kind) = found.first().map(|found| found.event.task.kind) else {
            return true;
        };
        let mut failures = 0;
        let named = loop {
            match self.shared.naming.name(self.app_id(), &found).await {
                Ok(named) => break named,
                Err(error) => {
                    failures += 1;
                    tracing::error!(app = %self.app.id, %error, "names for a webhook cannot be read");
                }
            }
            if !self.wait(failures).await {
                return false;
            }
        };
        self.counters.skip(found.len() - named.len());
        if named.is_empty() {
            return true;
        }
        let body = self.shared.form.body(kind, &named);
        failures = 0;
        loop {
            if !self.wait_for_turn().await {
                return false;
            }
            let reason = match self.post(kind, body.clone()).await {
                Answer::PassedOn => break,
                Answer::Refused(status) => status.to_string(),
                Answer::Failed(reason) => reason,
            };
            failures += 1;
            if self.counters.fail(self.shared.clock.now()) {
                tracing::warn!(app = %self.app.id, reason, "webhook receiver fails, its events wait and are tried again");
            }
            let in_a_row = self.counters.failed_in_a_row();
            if !self.wait(backoff::weigh(failures, in_a_row)).await {
                return false;
            }
        }
        if self.counters.pass(named.len()) {
            tracing::info!(app = %self.app.id, "webhook receiver answers again");
        }
        true
    }

    async fn post(&self, kind: Kind, body: Bytes) -> Answer {
        // Signed anew for each try: a receiver refuses what was signed long ago.
        let now = self.shared.clock.now();
        let query = self.shared.form.query(&self.app, kind, now);
        let url = match self.target.with_query(&query) {
            Ok(url) => url,
            Err(error) => return Answer::Failed(error.to_string()),
        };
        let content_type = Some("application/json".to_owned());
        let parcel = Parcel {
            url,
            content_type,
            headers: http::HeaderMap::new(),
            any_success: false,
            body,
        };
        self.shared.sender.send(&parcel).await
    }

    /// Waits for the app's next call; `false` when the courier is stopped first.
    async fn wait_for_turn(&self) -> bool {
        let wait = self.pace.lock().take(self.shared.started.elapsed());
        self.sleep(wait).await
    }

    async fn wait(&self, failures: u32) -> bool {
        let settings = &self.shared.settings;
        let mut roll = [0; 2];
        // Jitter is a courtesy, so a system without randomness only loses that.
        let _ = self.shared.entropy.fill(&mut roll);
        let wait = backoff::delay(
            failures,
            settings.backoff_first,
            settings.backoff_max,
            u16::from_le_bytes(roll),
        );
        self.sleep(wait).await
    }

    async fn sleep(&self, wait: std::time::Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}
