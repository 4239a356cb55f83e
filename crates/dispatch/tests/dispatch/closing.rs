//! What must hold after every step of a schedule: what was appended obeys the rules, and the ledger closes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pushtally_channel::{Attention, Missed, Redeliver};
use pushtally_model::{
    AppId, Audience, Cell, Channel, Clock, Device, Kind, Lane, LossId, Number, OnUnknown, Scope,
    Source, TaskId, TaskKey, Window,
};
use pushtally_store::StoredTask;

use crate::naive::{Appended, cell};
use crate::schedules::Model;

impl Model {
    pub(crate) async fn key(&self, task: &StoredTask) -> Option<TaskKey> {
        let identities = &self.world.inner.identities;
        let id = task.draft.id.as_str();
        identities
            .find_task(task.draft.app, Kind::Push, id)
            .await
            .unwrap()
    }

    /// Everything new in the log obeys the rules, event by event.
    pub(crate) async fn check_appended(&mut self) {
        let log = Arc::clone(&self.world.inner.log);
        let batches = self.book.read(&*log).await;
        for batch in &batches {
            for task in self.tasks.clone() {
                if let Some(key) = self.key(&task).await {
                    self.check_planned(&task, key, batch).await;
                    self.check_ends(&task, key, batch).await;
                }
            }
            self.book.take(batch);
        }
        self.note_dropped().await;
    }

    async fn check_planned(&mut self, task: &StoredTask, key: TaskKey, batch: &Appended) {
        let book = self.book.task(key.number);
        let of_task = || {
            let events = batch.events.iter();
            let events = events.filter(|(_, event)| event.task == key);
            events.map(|(source, event)| (*source, *event))
        };
        let shard = |number: Number| match task.draft.audience {
            Audience::Everyone | Audience::Fitting(_) => Some(number.shard()),
            Audience::Accounts(_) => None,
        };
        let planned_before: BTreeSet<Option<u16>> = book
            .planned
            .keys()
            .map(|(_, number)| shard(*number))
            .collect();
        let mut first: BTreeMap<Option<u16>, BTreeSet<(Channel, Number)>> = BTreeMap::new();
        for (source, event) in of_task().filter(|(_, event)| event.cell.lane() == Lane::Planned) {
            assert_eq!(source, Source::Us);
            assert_eq!(event.at, task.draft.accepted_at);
            let way = (event.cell.channel(), event.number);
            let at = shard(event.number);
            if !planned_before.contains(&at) {
                first.entry(at).or_default().insert(way);
                continue;
            }
            // Later, something is planned only instead of a socket that was missed.
            assert!(!task.draft.notification.online_only);
            assert_ne!(way.0, Channel::Online);
            let offline = |(channel, number): &&(Channel, Number)| {
                *number == event.number && *channel != Channel::Online
            };
            assert_eq!(
                book.planned.keys().find(offline),
                None,
                "planned instead twice"
            );
            let lost = of_task().find(|(_, other)| {
                other.number == event.number
                    && other.cell == cell(Channel::Online, Lane::LostBeforeSent)
            });
            let loss = self.loss_text(task, lost.unwrap().1.loss).await;
            assert!(loss == "slow" || loss == "gone", "{loss}");
            self.meet("planned instead");
        }
        for (at, ways) in first {
            if at > Some(0) {
                self.meet("a second shard");
            }
            self.check_waited(task, batch.recorded_ms).await;
            let mut expected = self.expected(task, at).await;
            // These may have been planned before that or after it.
            let lately = self.dropped_lately(task.draft.app).await;
            let mut ways = ways;
            for ways in [&mut ways, &mut expected] {
                ways.retain(|(channel, number)| {
                    *channel == Channel::Online || !lately.contains(number)
                });
            }
            assert_eq!(ways, expected, "planned in shard {at:?}");
        }
    }

    /// Whose tokens were dropped since the last look: before their ends are recorded, so that the log does not say when.
    async fn dropped_lately(&self, app: AppId) -> BTreeSet<Number> {
        let mut lately = BTreeSet::new();
        for ((of, _), number) in self.devices.iter().filter(|((of, _), _)| *of == app) {
            let devices = &self.world.inner.devices;
            let device = devices.find_device(*of, *number).await.unwrap();
            let is_dropped = device.is_some_and(|device| !device.dropped.is_empty());
            if is_dropped && !self.dropped.contains(&(app, *number)) {
                lately.insert(*number);
            }
        }
        lately
    }

    /// Whose tokens are dropped by now.
    async fn note_dropped(&mut self) {
        for ((app, _), number) in self.devices.clone() {
            let devices = &self.world.inner.devices;
            let device = devices.find_device(app, number).await.unwrap();
            let key = (app, number);
            if device.is_some_and(|device| !device.dropped.is_empty()) {
                self.dropped.insert(key);
            } else {
                self.dropped.remove(&key);
            }
        }
    }

    /// Whom the rules plan now.
    async fn expected(&self, task: &StoredTask, shard: Option<u16>) -> BTreeSet<(Channel, Number)> {
        let app = task.draft.app;
        let online_only = task.draft.notification.online_only;
        let mut expected = BTreeSet::new();
        for ((of, _), number) in &self.devices {
            let device = self
                .world
                .inner
                .devices
                .find_device(*of, *number)
                .await
                .unwrap();
            let device = device.unwrap();
            if *of != app || !addressed(&task.draft.audience, &device) {
                continue;
            }
            if shard.is_some_and(|shard| number.shard() != shard) {
                continue;
            }
            let token = device.facts.tokens.first();
            let token = token.map(|token| token.channel);
            let connected = self.world.connected.0.lock().get(&(app, *number)).copied();
            if connected.is_some() {
                expected.insert((Channel::Online, *number));
            }
            if online_only || connected == Some(Attention::Foreground) {
                continue;
            }
            if let Some(channel) = token {
                expected.insert((channel, *number));
            } else if connected.is_none() && device.dropped.is_empty() {
                expected.insert((device.facts.vendor.unwrap_or(Channel::Unknown), *number));
            }
        }
        expected
    }

    async fn check_ends(&mut self, task: &StoredTask, key: TaskKey, batch: &Appended) {
        let book = self.book.task(key.number);
        let of_task = || {
            batch
                .events
                .iter()
                .map(|(_, event)| event)
                .filter(|event| event.task == key)
        };
        for event in of_task() {
            let lane = event.cell.lane();
            let way = (event.cell.channel(), event.number);
            if !matches!(lane, Lane::Sent | Lane::LostBeforeSent) {
                continue;
            }
            assert!(
                book.planned.contains_key(&way),
                "ended without being planned: {way:?}"
            );
            assert!(event.at >= task.draft.accepted_at);
            let id = task.draft.id.clone();
            if lane == Lane::Sent {
                assert!(event.at < task.draft.deadline, "sent after the deadline");
                let sent = (id, way.0, way.1);
                let taken = self.world.memory.accepted.lock().get(&sent).copied();
                assert!(taken.is_some(), "sent but not taken: {way:?}");
                self.meet("sent");
                if taken > Some(1) {
                    self.meet("sent again after a crash");
                }
                continue;
            }
            let registered = self.registered(task.draft.app, way.1);
            let loss = self.loss_text(task, event.loss).await;
            let holds = match loss.as_str() {
                "expired" => event.at >= task.draft.deadline,
                "cancelled" => self.cancelled.contains(id.as_str()),
                "revoked" => self.revoked.contains_key(id.as_str()),
                "unregistered" => !registered,
                "token gone" | "token not uploaded" => way.0 != Channel::Online,
                "certificate id not set" => way.0 == Channel::Huawei,
                "slow" | "gone" if way.0 == Channel::Online => {
                    let offline = |channel: &Channel| *channel != Channel::Online;
                    let before = book
                        .planned
                        .keys()
                        .any(|(channel, number)| *number == way.1 && offline(channel));
                    let now = of_task().any(|event| {
                        event.number == way.1
                            && event.cell.lane() == Lane::Planned
                            && offline(&event.cell.channel())
                    });
                    task.draft.notification.online_only || before || now
                }
                "unknown_outcome" => task.draft.on_unknown == OnUnknown::Skip,
                "slow" | "gone" | "bad" | "gone for good" => true,
                other => panic!("nobody says `{other}`"),
            };
            assert!(holds, "{way:?} was lost for no reason: {loss}");
            self.meet(&loss);
        }
    }

    fn registered(&self, app: AppId, number: Number) -> bool {
        let mut devices = self.devices.iter();
        devices.any(|((of, _), known)| *of == app && *known == number)
    }

    async fn loss_text(&self, task: &StoredTask, loss: LossId) -> String {
        let identities = &self.world.inner.identities;
        let found = identities.find_loss(task.draft.app, loss).await.unwrap();
        found.unwrap().text
    }

    /// The ledger closes: what it counts is what the log says, and what is planned has ended or is in flight.
    pub(crate) async fn check_closed(&mut self) {
        self.check_appended().await;
        for task in &self.tasks {
            let Some(key) = self.key(task).await else {
                continue;
            };
            let book = self.book.task(key.number);
            let stats = self.world.stats();
            let scope = Scope::Task(key.number);
            let tally = stats
                .tally(task.draft.app, scope, Window::all())
                .await
                .unwrap();
            let cells: BTreeMap<Cell, u64> = tally.cells().collect();
            assert_eq!(cells, book.cells());
            let pending = stats.pending(key, None).await.unwrap();
            let in_flight: BTreeSet<_> = pending
                .iter()
                .map(|(_, at, number)| (*at, *number))
                .collect();
            assert_eq!(in_flight, book.pending());
            for channel in Channel::ALL {
                let count = |lane| tally.cell(cell(channel, lane));
                let flying = pending.iter().filter(|(_, at, _)| *at == channel).count() as u64;
                assert_eq!(
                    count(Lane::Planned),
                    count(Lane::Sent) + count(Lane::LostBeforeSent) + flying,
                    "{channel:?} of {}",
                    task.draft.id
                );
            }
        }
        self.check_missed().await;
        self.note_owed().await;
    }

    /// Of a task that was just revoked, everybody who is connected and was sent it is told, what may still come included;
    /// nobody who lost it is.
    pub(crate) async fn check_told(&mut self, id: &TaskId) {
        let mut tasks = self.tasks.iter();
        let task = tasks.find(|task| task.draft.id == *id).unwrap().clone();
        let mut told = self.world.memory.told.lock().clone();
        told.retain(|(of, _, _)| of == id);
        let instead = &self.revoked[id.as_str()];
        assert!(told.iter().all(|(_, _, shown)| shown == instead));
        let told: BTreeSet<Number> = told.iter().map(|(_, number, _)| *number).collect();
        let Some(key) = self.key(&task).await else {
            assert!(told.is_empty());
            return;
        };
        let book = self.book.task(key.number);
        let app = task.draft.app;
        for ((of, _), number) in self.devices.clone() {
            let connected = self.world.connected.0.lock().contains_key(&(of, number));
            if of == app && connected && book.was_sent(number) {
                assert!(told.contains(&number), "{number:?} was not told of {id}");
                self.meet("told at once");
            }
        }
        let planned: BTreeSet<Number> = book.planned.keys().map(|(_, number)| *number).collect();
        assert!(told.is_subset(&planned), "{told:?} of {planned:?}");
    }

    /// A device that connects gets exactly what it was sent over the socket and has not acknowledged, and what was revoked
    /// after it was sent to it, or while it may be.
    async fn check_missed(&mut self) {
        let now = self.world.clock.now();
        for ((app, _), number) in self.devices.clone() {
            let mut expected = Vec::new();
            for task in self.tasks.iter().filter(|task| task.draft.app == app) {
                let Some(key) = self.key(task).await else {
                    continue;
                };
                let book = self.book.task(key.number);
                let way = (Channel::Online, number);
                let sent = book
                    .ended
                    .get(&way)
                    .is_some_and(|ended| ended.loss.is_none());
                let id = task.draft.id.as_str();
                if let Some(instead) = self.revoked.get(id) {
                    let pending = book.pending();
                    let may_come = pending.iter().any(|(_, of)| *of == number);
                    if book.was_sent(number) || may_come {
                        expected.push((id.to_owned(), Some(instead.clone())));
                    }
                    continue;
                }
                let live = now < task.draft.deadline && !self.cancelled.contains(id);
                if sent && live && !book.delivered.contains(&way) {
                    expected.push((id.to_owned(), None));
                }
            }
            let missed = self.world.dispatch().missed(app, number).await;
            let missed = missed.into_iter().map(|missed| match missed {
                Missed::Push(message) => (message.id.to_string(), None),
                Missed::Revoked(told) => {
                    let instead = told.instead.map(|instead| instead.title);
                    (told.id.to_string(), Some(instead))
                }
            });
            let missed: Vec<_> = missed.collect();
            assert_eq!(missed, expected);
            for (_, revoked) in missed {
                self.meet(match revoked {
                    Some(_) => "told on connecting",
                    None => "missed",
                });
            }
        }
    }

    /// Everything ends, whatever the schedule left.
    pub(crate) async fn check_end(&mut self) {
        for app in self.apps.clone() {
            let dispatch = self.world.dispatch();
            dispatch.set_app_paused(app.id, false).await.unwrap();
        }
        self.world.work_to_the_end().await;
        self.check_closed().await;
        self.check_owed().await;
        for task in &self.tasks {
            let Some(key) = self.key(task).await else {
                panic!("a task has no number")
            };
            let pending = self.world.stats().pending(key, None).await.unwrap();
            assert_eq!(pending, [], "{} is in flight for ever", task.draft.id);
            let stored = self.world.inner.tasks.task_at(task.seq).await.unwrap();
            assert!(stored.unwrap().done_at.is_some());
        }
        let health = self.world.dispatch().health();
        assert_eq!(
            (health.tasks_open, health.jobs_open, health.unrecorded),
            (0, 0, 0)
        );
    }
}

pub(crate) fn addressed(audience: &Audience, device: &Device) -> bool {
    match audience {
        Audience::Everyone => true,
        // Whom a condition addresses is for the tests of audiences.
        Audience::Fitting(_) => unreachable!("these histories have no conditions"),
        Audience::Accounts(names) => names.iter().any(|name| {
            device.account.as_ref() == Some(name)
                || device.registration_id.as_str() == name.as_str()
        }),
    }
}
