//! What was planned and what has ended goes to the ledger, before a job is given back or ended.

use std::collections::HashMap;

use pushtally_model::{
    AppId, Channel, Event, LossId, Number, Route, Second, Source, Stage, TaskKey, VendorCall,
    VendorCalls, What,
};
use pushtally_store::{DeadToken, LossText, Names, Report, StoreError};

use crate::ends::{End, Loss};
use crate::fanout::{Fanout, Loaded, misresolved};
use crate::settings::{RECORD_WAIT_MAX, RECORD_WAIT_MIN};

/// What is recorded in one report: all of it in one batch, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// What has ended on one channel.
    pub(crate) ends: Vec<(Number, End)>,
    /// What is planned.
    pub(crate) planned: Vec<(Number, Channel)>,
    /// The calls that were made; they may have ended nothing.
    pub(crate) calls: Vec<VendorCall>,
}

impl Record {
    fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.planned.is_empty() && self.calls.is_empty()
    }
}

/// The route of a channel: only the socket is online.
pub(crate) const fn route(channel: Channel) -> Route {
    match channel {
        Channel::Online => Route::Online,
        Channel::Unknown
        | Channel::Apns
        | Channel::Xiaomi
        | Channel::Huawei
        | Channel::Fcm
        | Channel::Meizu
        | Channel::Oppo
        | Channel::Vivo
        | Channel::Honor
        | Channel::Harmony => Route::Offline,
    }
}

impl Fanout {
    /// Records, however long the ledger is busy: what was sent must not be forgotten while the process lives. An
    /// error is one that does not pass.
    pub(crate) async fn record(
        &self,
        task: &Loaded,
        channel: Channel,
        record: &Record,
    ) -> Result<(), StoreError> {
        if record.is_empty() {
            return Ok(());
        }
        let now = self.now_of(task);
        let mut wait = RECORD_WAIT_MIN;
        while let Err(error) = self.report(task, channel, record, now).await {
            if !error.may_pass() {
                return Err(error);
            }
            tracing::debug!(%error, "the ledger takes nothing now: waiting");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RECORD_WAIT_MAX);
        }
        self.counters.count(channel, record);
        Ok(())
    }

    /// Drops tokens that reach nobody and that no brake spares, however long the store is busy.
    pub(crate) async fn drop_tokens(
        &self,
        app: AppId,
        dead: &[DeadToken],
    ) -> Result<(), StoreError> {
        if dead.is_empty() {
            return Ok(());
        }
        let mut wait = RECORD_WAIT_MIN;
        loop {
            match self.brakes.drop_heard(app, dead).await {
                Ok(_) => return Ok(()),
                Err(error) if error.may_pass() => {
                    tracing::debug!(%error, "the store takes nothing now: waiting");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RECORD_WAIT_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn report(
        &self,
        task: &Loaded,
        channel: Channel,
        record: &Record,
        now: Second,
    ) -> Result<(), StoreError> {
        let losses = self.losses(task, &record.ends).await?;
        let of = Of {
            task,
            key: task.key,
        };
        let mut events = Vec::with_capacity(record.ends.len() + record.planned.len());
        for (number, channel) in &record.planned {
            let at = task.stored.draft.accepted_at;
            events.extend(of.event(*number, *channel, What::Reached(Stage::Planned), at));
        }
        for (number, end) in &record.ends {
            let what = match end {
                End::Sent => What::Reached(Stage::Sent),
                End::Lost(loss) => {
                    let loss = losses.get(loss).ok_or_else(misresolved)?;
                    What::Lost(Stage::Sent, *loss)
                }
            };
            events.extend(of.event(*number, channel, what, now));
        }
        if record.calls.is_empty() {
            return self.parts.stats.report(Source::Us, events).await;
        }
        let calls = VendorCalls {
            app: task.app(),
            task: task.key,
            channel,
            calls: record.calls.clone(),
        };
        self.parts.stats.report_sent(events, calls).await
    }

    /// The numbers of the reasons.
    async fn losses<'a>(
        &self,
        task: &Loaded,
        ends: &'a [(Number, End)],
    ) -> Result<HashMap<&'a Loss, LossId>, StoreError> {
        let mut losses: HashMap<&Loss, LossId> = HashMap::new();
        let mut texts: Vec<(&Loss, LossText)> = Vec::new();
        for (_, end) in ends {
            if let End::Lost(loss) = end
                && losses.insert(loss, LossId::NONE).is_none()
            {
                texts.push((loss, loss.text()));
            }
        }
        if texts.is_empty() {
            return Ok(losses);
        }
        let names = Names {
            losses: texts.iter().map(|(_, text)| text.clone()).collect(),
            ..Names::default()
        };
        let resolved = self.parts.identities.resolve(task.app(), &names).await?;
        if resolved.losses.len() < texts.len() {
            return Err(misresolved());
        }
        for ((loss, _), id) in texts.iter().zip(resolved.losses) {
            losses.insert(loss, id);
        }
        Ok(losses)
    }
}

/// The task that events are of.
struct Of<'a> {
    task: &'a Loaded,
    key: TaskKey,
}

impl Of<'_> {
    fn event(&self, number: Number, channel: Channel, what: What, at: Second) -> Option<Event> {
        let way = (route(channel), channel);
        Event::new(self.task.app(), self.key, number, way, what, at)
    }
}
