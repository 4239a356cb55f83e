//! A plan job: the audience is evaluated once, and all that is planned is recorded in one batch.

use std::collections::HashMap;
use std::iter;
use std::ops::ControlFlow;

use pushtally_channel::Attention;
use pushtally_model::{AppId, Audience, Channel, Device, Number, Reach};
use pushtally_store::{Job, StoreError};

use crate::fanout::{Fanout, Fault, Loaded, Worked};
use crate::live::Whom;
use crate::plan::{channels, ways};
use crate::record::Record;
use crate::standing::Standing;

impl Fanout {
    /// Plans what the job covers, unless that was done already or must not be done any more, and goes on to sending.
    pub(crate) async fn plan(&self, job: &Job) -> Result<Worked, Fault> {
        let Some(task) = self.load(job).await? else {
            return Ok(self.abandon(job).await?);
        };
        let standing = self.standing(&task).await?;
        if standing == Standing::Wait {
            return Ok(Worked::Later(self.parts.clock.now_ms()));
        }
        // Planned, and interrupted before the job ended: the audience may have changed since.
        if standing.plans() && !self.parts.stats.has_planned(task.key, job.shard).await? {
            self.plan_once(job, &task).await?;
        }
        Ok(self.finish(job, &task).await?)
    }

    async fn plan_once(&self, job: &Job, task: &Loaded) -> Result<(), StoreError> {
        // A batch plans little; it does not stand behind shards.
        let _place = match job.shard {
            Some(_) => self.planning.acquire().await.ok(),
            None => None,
        };
        let planned = self.evaluate(job, task).await?;
        let over_socket = over_socket(job, &planned);
        let record = Record {
            planned,
            ..Record::default()
        };
        self.record(task, Channel::Unknown, &record).await?;
        // Past its deadline it would only take the place of one that lives.
        if let Some(whom) = over_socket
            && self.parts.clock.now() < task.stored.draft.deadline
        {
            self.keep_live(task, whom);
            // Whoever cancelled it meanwhile may have looked for it before it was there.
            if let Standing::End(_) = self.standing(task).await? {
                self.live.remove(task.app(), task.stored.seq);
            }
        }
        Ok(())
    }

    async fn evaluate(
        &self,
        job: &Job,
        task: &Loaded,
    ) -> Result<Vec<(Number, Channel)>, StoreError> {
        let draft = &task.stored.draft;
        let mut planned = Vec::new();
        let attention = self.attentions(draft.app, job.shard);
        let mut visit = |number: Number, reach: Reach| {
            let ways = ways(reach, attention(number), draft.notification.online_only);
            planned.extend(channels(ways).map(|channel| (number, channel)));
            ControlFlow::Continue(())
        };
        self.audience
            .evaluate_reaches(draft.app, job.shard, &draft.audience, &mut visit)
            .await?;
        Ok(planned)
    }

    /// Visits the ways on which an audience is planned at this moment, in a shard or everywhere: those of a device follow each
    /// other.
    pub(crate) async fn each_way(
        &self,
        app: AppId,
        shard: Option<u16>,
        (audience, online_only): (&Audience, bool),
        plan: &mut (dyn FnMut(&Device, Channel) + Send),
    ) -> Result<(), StoreError> {
        let attention = self.attentions(app, shard);
        let mut visit = |device: Device| {
            let ways = ways(Reach::of(&device), attention(device.number), online_only);
            channels(ways).for_each(|channel| plan(&device, channel));
            ControlFlow::Continue(())
        };
        self.audience
            .evaluate(app, shard, audience, &mut visit)
            .await
    }

    /// Who is connected: of a whole shard at one moment; a batch's few devices are asked for one by one.
    fn attentions(
        &self,
        app: AppId,
        shard: Option<u16>,
    ) -> impl Fn(Number) -> Option<Attention> + Send {
        let presence = &self.parts.presence;
        let connected: Option<HashMap<Number, Attention>> =
            shard.map(|shard| presence.connected(app, shard).into_iter().collect());
        move |number| match &connected {
            Some(connected) => connected.get(&number).copied(),
            None => presence.attention(app, number),
        }
    }
}

/// Whom a job planned on the socket, if anybody.
fn over_socket(job: &Job, planned: &[(Number, Channel)]) -> Option<Whom> {
    let online = |(_, channel): &&(Number, Channel)| *channel == Channel::Online;
    let mut devices = planned.iter().filter(online).map(|(number, _)| *number);
    let first = devices.next()?;
    Some(match job.shard {
        Some(_) => Whom::Everybody,
        None => Whom::Devices(iter::once(first).chain(devices).collect()),
    })
}
