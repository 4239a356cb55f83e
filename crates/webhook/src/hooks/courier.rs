//! One app's courier: takes its events from the tail or, when it is behind, from the log, keeps a bounded number of calls
//! under way, moves the cursor past what has ended. Another one of the same app sends a dead letter after all.

mod delivery;
mod flow;

use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{App, AppId, Second};
use pushtally_store::StoreError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::flow::Flow;
use super::Shared;
use super::counters::Counters;
use crate::Target;
use crate::book::GivenUp;
use crate::found::Found;
use crate::pace::Pace;
use crate::settings::{AHEAD_MAX, GIVE_UP_SHARE, READ_EVENTS_MAX};
use crate::tail::Taken;

/// What a courier sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    /// Everything after the cursor, for ever.
    Tail,
    /// A dead letter.
    Letter {
        /// Its id.
        id: u64,
        /// It begins after this place.
        after: u64,
        /// It ends with this one.
        to: u64,
    },
}

/// One courier. A clone goes with each call under way.
#[derive(Debug, Clone)]
pub(super) struct Courier {
    pub(super) app: Arc<App>,
    pub(super) target: Target,
    pub(super) span: Span,
    pub(super) shared: Arc<Shared>,
    pub(super) counters: Arc<Counters>,
    /// Of the app, whatever it sends.
    pub(super) pace: Arc<Mutex<Pace>>,
    pub(super) stop: CancellationToken,
}

/// How a call left the courier: its last event's place, and whether it is done with.
type Ended = (u64, bool);

impl Courier {
    /// Runs until it is stopped or its dead letter is sent. Ends early only if storage fails or a call's task is lost; the
    /// supervisor then starts it anew.
    pub(super) async fn run(self) {
        let after = match self.span {
            Span::Tail => match self.begin().await {
                Ok(cursor) => cursor,
                Err(error) => return self.failed(&error),
            },
            Span::Letter { after, .. } => after,
        };
        let mut flow = Flow::starting_after(after);
        let mut running = JoinSet::new();
        let bell = self.shared.tail.bell(self.app_id());
        while !self.stop.is_cancelled() {
            let drained = match self.turn(&mut flow, &mut running).await {
                Ok(Turn::Drained) => true,
                Ok(Turn::Full) => false,
                Ok(Turn::Over) => return,
                Err(error) => {
                    self.failed(&error);
                    // The supervisor starts it anew, not at once.
                    return;
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => {}
                Some(ended) = running.join_next() => match ended {
                    Ok(ended) => self.settle(&mut flow, ended),
                    Err(_) => return,
                },
                () = bell.notified(), if drained && self.span == Span::Tail => {}
                () = tokio::time::sleep(self.shared.settings.poll) => {}
            }
        }
        self.finish(flow, running).await;
    }

    fn app_id(&self) -> AppId {
        self.app.id
    }

    fn failed(&self, error: &StoreError) {
        tracing::error!(app = %self.app.id, %error, "webhook events cannot be read, tried again");
    }

    /// Where it goes on: a new app with what is recorded from now on.
    async fn begin(&self) -> Result<u64, StoreError> {
        let app = self.app_id();
        let end = self.shared.tail.follow(app).await?;
        match self.shared.book.cursor(app) {
            Some(cursor) if cursor <= end => Ok(cursor),
            Some(cursor) => {
                // The log was restored from a backup that is older than the cursor.
                tracing::warn!(app = %app, cursor, end, "the webhook's cursor lies beyond the log, set back to its end");
                self.shared.book.begin(app, end).await?;
                Ok(end)
            }
            None => {
                self.shared.book.begin(app, end).await?;
                Ok(end)
            }
        }
    }

    /// Gives up what is too old, and starts calls while there is room and something to send.
    async fn turn(
        &self,
        flow: &mut Flow,
        running: &mut JoinSet<Ended>,
    ) -> Result<Turn, StoreError> {
        if self.span == Span::Tail {
            self.give_up_old(flow, running).await?;
        }
        loop {
            let is_full = flow.window.open_len() >= self.shared.settings.in_flight_max
                || flow.window.ahead_len() >= AHEAD_MAX;
            if is_full {
                return Ok(Turn::Full);
            }
            if flow.waiting.is_empty() && !self.refill(flow, running).await? {
                return self.drained(flow).await;
            }
            let Some(call) = flow.next_call() else {
                // What was read holds nothing of the app: so far it is done with.
                if let Some(cursor) = self.pass(flow) {
                    self.moved(cursor);
                }
                if self.stop.is_cancelled() {
                    return Ok(Turn::Full);
                }
                continue;
            };
            let (Some(first), Some(last)) = (call.first(), call.last()) else {
                continue;
            };
            flow.begun.push_back((last.place, first.recorded));
            let place = last.place;
            flow.window.begin(place);
            let courier = self.clone();
            running.spawn(async move { (place, courier.deliver(call).await) });
        }
    }

    /// Nothing is left to be read at the moment.
    async fn drained(&self, flow: &mut Flow) -> Result<Turn, StoreError> {
        if let Some(cursor) = self.pass(flow) {
            self.moved(cursor);
        }
        let Span::Letter { id, to, .. } = self.span else {
            return Ok(Turn::Drained);
        };
        if flow.window.open_len() > 0 || flow.read < to {
            return Ok(Turn::Full);
        }
        self.shared.book.end_letter(self.app_id(), id, None).await?;
        tracing::info!(app = %self.app.id, letter = id, "dead letter sent");
        Ok(Turn::Over)
    }

    /// Counts what was read as ended, if everything before it has.
    fn pass(&self, flow: &mut Flow) -> Option<u64> {
        // While calls are under way the cursor waits for them anyhow, and moves on when they have ended.
        let is_idle = flow.waiting.is_empty() && flow.window.open_len() == 0;
        if !is_idle || flow.read <= flow.window.read() {
            return None;
        }
        let read = flow.read;
        flow.window.begin(read);
        flow.settle(read)
    }

    /// Reads more; answers whether there was more to be read.
    async fn refill(
        &self,
        flow: &mut Flow,
        running: &mut JoinSet<Ended>,
    ) -> Result<bool, StoreError> {
        let app = self.app_id();
        let until = match self.span {
            Span::Tail => match self.shared.tail.take(app, flow.read, READ_EVENTS_MAX) {
                Taken::Next { found, up_to } => {
                    let more = !found.is_empty();
                    (flow.read, flow.behind) = (up_to, false);
                    self.keep(flow, found);
                    return Ok(more);
                }
                Taken::Behind { until } => until,
            },
            Span::Letter { to, .. } if flow.read >= to => return Ok(false),
            Span::Letter { to, .. } => to,
        };
        flow.behind = true;
        let piece = self.shared.reading.read(app, flow.read, until).await?;
        if let Some(dropped) = piece.dropped.filter(|dropped| *dropped > flow.read) {
            self.log_dropped(flow, dropped, running).await?;
        }
        flow.read = piece.up_to;
        self.keep(flow, piece.found);
        Ok(true)
    }

    fn keep(&self, flow: &mut Flow, found: Vec<Found>) {
        let webhook = self.app.webhook.as_ref();
        let is_wanted =
            |found: &Found| webhook.is_some_and(|webhook| webhook.sends(found.event.task.kind));
        flow.waiting.extend(found.into_iter().filter(is_wanted));
    }

    /// The log has dropped what was to be read. It keeps what an app that is no older than the bound waits for, so this is
    /// an app that had no webhook for long, or an old dead letter.
    async fn log_dropped(
        &self,
        flow: &mut Flow,
        dropped: u64,
        running: &mut JoinSet<Ended>,
    ) -> Result<(), StoreError> {
        const WHY: &str = "the log no longer had them";
        match self.span {
            Span::Tail => self.bury(flow, running, dropped, None, WHY).await,
            Span::Letter { id, to, .. } => {
                if dropped >= to {
                    let book = &self.shared.book;
                    book.end_letter(self.app_id(), id, Some(WHY)).await?;
                    self.stop.cancel();
                }
                tracing::error!(app = %self.app.id, letter = id, "the log no longer has all of a dead letter");
                Ok(())
            }
        }
    }

    /// What waits longer than events may becomes a dead letter.
    async fn give_up_old(
        &self,
        flow: &mut Flow,
        running: &mut JoinSet<Ended>,
    ) -> Result<(), StoreError> {
        let shared = &self.shared;
        let after = shared.book.cursor(self.app_id()).unwrap_or_default();
        let oldest = match flow.oldest() {
            Some(oldest) => Some(oldest),
            None if flow.behind => {
                let recorded_ms = shared.reading.recorded_ms(after).await?;
                recorded_ms.and_then(Second::from_millis)
            }
            None => None,
        };
        let now = shared.clock.now();
        let lag_s = oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0));
        self.counters.stand(lag_s, flow.behind);
        let wait_s_max = shared.settings.wait_s_max;
        // What was recorded before this process began has not had its chance yet, unless the receiver still fails.
        let waited_s = match oldest {
            Some(oldest) if !self.counters.is_failing() => {
                now.0.saturating_sub(oldest.max(shared.began).0)
            }
            _ => lag_s,
        };
        if waited_s <= wait_s_max {
            return Ok(());
        }
        let before_s = now
            .0
            .saturating_sub(wait_s_max - wait_s_max / GIVE_UP_SHARE);
        let before_ms = i64::from(before_s) * 1000;
        let old = shared.reading.old(self.app_id(), after, before_ms).await?;
        if old.to > after {
            let why = "the receiver did not take them in time";
            self.bury(flow, running, old.to, Some(old.events), why)
                .await?;
        }
        Ok(())
    }

    /// Gives up everything up to a place, and begins anew after it. Calls under way are given up with the rest.
    async fn bury(
        &self,
        flow: &mut Flow,
        running: &mut JoinSet<Ended>,
        to: u64,
        events: Option<u64>,
        why: &str,
    ) -> Result<(), StoreError> {
        let (app, book) = (self.app_id(), &self.shared.book);
        let after = book.cursor(app).unwrap_or_default();
        running.shutdown().await;
        let at = self.shared.clock.now();
        let given_up = GivenUp {
            to,
            events,
            why: why.to_owned(),
            at,
        };
        // A range without events is no letter: its app had nothing in it.
        if events == Some(0) {
            book.pass(app, to);
        } else {
            book.bury(app, given_up).await?;
            tracing::error!(app = %app, after, to, events, why, "webhook events became a dead letter, `pushtally webhook replay` sends them after all");
        }
        *flow = Flow {
            behind: flow.behind,
            ..Flow::starting_after(to)
        };
        Ok(())
    }

    fn settle(&self, flow: &mut Flow, (place, is_done): Ended) {
        if is_done && let Some(cursor) = flow.settle(place) {
            self.moved(cursor);
        }
    }

    fn moved(&self, cursor: u64) {
        let (app, book) = (self.app_id(), &self.shared.book);
        match self.span {
            Span::Tail => book.pass(app, cursor),
            Span::Letter { id, .. } => book.pass_letter(app, id, cursor),
        }
    }

    /// Lets calls under way end, within the grace.
    async fn finish(&self, mut flow: Flow, mut running: JoinSet<Ended>) {
        let all_ended = async {
            while let Some(Ok(ended)) = running.join_next().await {
                self.settle(&mut flow, ended);
            }
        };
        let grace = self.shared.settings.stop_grace;
        if tokio::time::timeout(grace, all_ended).await.is_err() {
            tracing::warn!(app = %self.app.id, "webhooks stopped with calls under way, they will be repeated");
        }
    }
}

/// What a turn left.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// Room for more calls, nothing to send.
    Drained,
    /// As many calls as may be, or nothing to do but wait for them.
    Full,
    /// The dead letter is sent.
    Over,
}
