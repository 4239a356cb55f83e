//! One line's relay: reads its queue from the cursor, keeps a bounded number of calls under way, moves the cursor past
//! what has ended. Started and stopped by `relays`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use pushtally_model::Entropy;
use pushtally_store::{RelayLine, RelayQueue as _};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::sender::{Answer, Parcel, Sender};
use crate::settings::{AHEAD_MAX, READ_BYTES_MAX};
use crate::window::Window;
use crate::{Call, Doorbell, Settings, Target, backoff};

/// What all relays share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Arc<Doorbell>,
    pub(crate) sender: Sender,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Settings,
}

/// One line's relay. A clone goes with each call under way.
#[derive(Debug, Clone)]
pub(crate) struct Relay {
    pub(crate) line: RelayLine,
    pub(crate) target: Target,
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) bell: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    /// The call that keeps the cursor back although `AHEAD_MAX` later ones have ended; 0 when there is none.
    pub(crate) overtaken: Arc<AtomicU64>,
}

/// How a call left the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    PassedOn,
    Dropped,
    /// The relay was stopped first; the call stays in the queue.
    Kept,
}

type Running = JoinSet<(u64, End)>;

impl Relay {
    /// Runs until it is stopped. Ends early only if a call's task is lost; the supervisor then starts it anew.
    pub(crate) async fn run(self) {
        let mut window = match self.shared.queue.cursor(self.line).await {
            Ok(cursor) => Window::starting_after(cursor),
            Err(error) => {
                tracing::error!(line = %self.line, %error, "relay queue cannot be read");
                return;
            }
        };
        let mut running = Running::new();
        while !self.stop.is_cancelled() {
            let drained = self.fill(&mut window, &mut running).await;
            tokio::select! {
                () = self.stop.cancelled() => {}
                Some(ended) = running.join_next() => {
                    let Ok((at, end)) = ended else { return };
                    self.settle(&mut window, at, end).await;
                }
                () = self.bell.notified(), if drained => {}
                () = tokio::time::sleep(self.shared.settings.poll), if drained => {}
            }
        }
        self.finish(window, running).await;
    }

    /// Starts calls while there is room; answers whether room is left because the queue has no more.
    async fn fill(&self, window: &mut Window, running: &mut Running) -> bool {
        loop {
            let room = self
                .shared
                .settings
                .in_flight_max
                .saturating_sub(window.open_len());
            let shut = window.ahead_len() >= AHEAD_MAX;
            let overtaken = if shut {
                window.oldest_open().unwrap_or_default()
            } else {
                0
            };
            self.overtaken.store(overtaken, Ordering::Relaxed);
            if room == 0 || shut {
                return false;
            }
            let calls = match self
                .shared
                .queue
                .read(self.line, window.read(), room, READ_BYTES_MAX)
                .await
            {
                Ok(calls) => calls,
                Err(error) => {
                    tracing::error!(line = %self.line, %error, "relay queue cannot be read");
                    return true;
                }
            };
            if calls.is_empty() {
                return true;
            }
            for call in calls {
                window.begin(call.at);
                let relay = self.clone();
                running.spawn(async move { (call.at, relay.deliver(call.at, call.call).await) });
            }
        }
    }

    async fn settle(&self, window: &mut Window, at: u64, end: End) {
        match end {
            End::PassedOn => {
                if self.counters.pass() {
                    tracing::info!(line = %self.line, "relay receiver answers again");
                }
            }
            End::Dropped => self.counters.drop_call(),
            End::Kept => return,
        }
        if let Some(cursor) = window.end(at)
            && let Err(error) = self.shared.queue.done(self.line, cursor).await
        {
            // Harmless now: the next one says more, and after a restart these calls are repeated.
            tracing::warn!(line = %self.line, %error, "relay cursor cannot be moved");
        }
    }

    /// Lets calls under way end, within the grace.
    async fn finish(&self, mut window: Window, mut running: Running) {
        let all_ended = async {
            while let Some(Ok((at, end))) = running.join_next().await {
                self.settle(&mut window, at, end).await;
            }
        };
        if tokio::time::timeout(self.shared.settings.stop_grace, all_ended)
            .await
            .is_err()
        {
            tracing::warn!(line = %self.line, "relay stopped with calls under way, they will be repeated");
        }
    }

    /// Tries a call until it is passed on, dropped, or the relay is stopped.
    async fn deliver(&self, at: u64, bytes: Bytes) -> End {
        let Some(parcel) = self.unpack(at, bytes) else {
            return End::Dropped;
        };
        let settings = &self.shared.settings;
        let (mut failures, mut refusals) = (0_u32, 0_u32);
        loop {
            let reason = match self.shared.sender.send(&parcel).await {
                Answer::PassedOn => return End::PassedOn,
                Answer::Refused(status) => {
                    refusals += 1;
                    status.to_string()
                }
                Answer::Failed(reason) => reason,
            };
            failures = failures.saturating_add(1);
            if self.counters.fail() {
                tracing::warn!(line = %self.line, reason, "relay receiver fails, its calls wait and are tried again");
            }
            let overtaken =
                self.overtaken.load(Ordering::Relaxed) == at && failures >= settings.refusals_max;
            if overtaken || refusals >= settings.refusals_max {
                tracing::error!(line = %self.line, at, tries = failures, reason, "relayed call dropped");
                return End::Dropped;
            }
            let wait = backoff::delay(
                failures,
                settings.backoff_first,
                settings.backoff_max,
                self.roll(),
            );
            tokio::select! {
                () = self.stop.cancelled() => return End::Kept,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn unpack(&self, at: u64, bytes: Bytes) -> Option<Parcel> {
        let call = Call::decode(bytes)
            .inspect_err(
                |error| tracing::error!(line = %self.line, at, %error, "relayed call dropped"),
            )
            .ok()?;
        let dropped = |error: &http::Error| {
            tracing::error!(line = %self.line, at, %error, "relayed call dropped");
        };
        let url = self
            .target
            .with_query(&call.query)
            .map_err(http::Error::from);
        let url = url.inspect_err(dropped).ok()?;
        let headers = headers(&call.headers).inspect_err(dropped).ok()?;
        Some(Parcel {
            url,
            content_type: call.content_type,
            headers,
            any_success: matches!(self.line, RelayLine::Receipts(..)),
            body: call.body,
        })
    }

    /// Jitter is a courtesy, so a system without randomness only loses that.
    fn roll(&self) -> u16 {
        let mut bytes = [0; 2];
        let _ = self.shared.entropy.fill(&mut bytes);
        u16::from_le_bytes(bytes)
    }
}

fn headers(given: &[(String, Vec<u8>)]) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.append(name, HeaderValue::from_bytes(value)?);
    }
    Ok(headers)
}
