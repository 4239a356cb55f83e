//! Taking a push back: it stops for good, and the phones that may show it are told, now or when they connect.

use std::sync::Arc;

use pushtally_channel::Revoked as Told;
use pushtally_model::{
    AppId, Cell, Channel, Lane, Notification, Number, Revocation, Second, TaskId,
};
use pushtally_store::{Revoked, StoreError, StoredTask};

use crate::ends::target;
use crate::fanout::{Fanout, Loaded};
use crate::live::RevokedTask;
use crate::settings::{REVOCABLE_S, REVOCATION_KEPT_S};

impl Fanout {
    pub(crate) async fn revoke(
        &self,
        app: AppId,
        id: &TaskId,
        instead: Option<Notification>,
    ) -> Result<Revoked, StoreError> {
        let at = self.parts.clock.now();
        let revocation = Revocation { at, instead };
        let tasks = &self.parts.tasks;
        let revoked = tasks.revoke_task(app, id, &revocation, REVOCABLE_S).await?;
        if let Revoked::Now(task) = &revoked {
            self.gates.wait_through(task.seq).await;
            if let Err(error) = self.take_back(task, &revocation).await {
                tracing::warn!(%error, task = id.as_str(), "phones hear that it is revoked when they connect again");
            }
            self.ring();
        }
        Ok(revoked)
    }

    /// Tells the connected ones. Whoever connects from here on is told by `missed`, which knows before anybody is asked who
    /// is connected.
    async fn take_back(&self, task: &StoredTask, how: &Revocation) -> Result<(), StoreError> {
        let Some(key) = self.known_key(task).await? else {
            return Ok(());
        };
        let (app, stored) = (task.draft.app, task.clone());
        let told = self.keep_revoked(&Loaded { stored, key }, how);
        let Some(socket) = self.parts.channels.get(&Channel::Online) else {
            return Ok(());
        };
        for shard in self.parts.stats.planned_shards(key).await? {
            let connected = self.parts.presence.connected(app, shard);
            if connected.is_empty() {
                continue;
            }
            let may_show = self.parts.stats.sent_or_pending(key, shard).await?;
            let connected = connected.into_iter().map(|(number, _)| number);
            let numbers: Vec<Number> = connected
                .filter(|number| may_show.binary_search(number).is_ok())
                .collect();
            for numbers in numbers.chunks(socket.targets_max().max(1)) {
                let devices = &self.parts.devices;
                let devices = devices
                    .find_addressees(app, numbers, Channel::Online)
                    .await?;
                let targets = devices
                    .into_iter()
                    .filter_map(|device| target(Channel::Online, &[], device));
                socket.revoke(&told, &targets.collect::<Vec<_>>()).await;
            }
        }
        Ok(())
    }

    /// Keeps a revoked task for devices that connect.
    pub(crate) fn keep_revoked(&self, task: &Loaded, how: &Revocation) -> Arc<Told> {
        let draft = &task.stored.draft;
        let told = Arc::new(Told {
            app: draft.app,
            id: draft.id.clone(),
            instead: how.instead.clone(),
        });
        let revoked = RevokedTask {
            key: task.key,
            told: Arc::clone(&told),
            until: Second(how.at.0.saturating_add(REVOCATION_KEPT_S)),
        };
        self.live.revoke(task.stored.seq, revoked);
        told
    }
}

/// Whether a device may show a push: planned some way, and not lost on it.
pub(crate) fn may_show(marks: &[Cell]) -> bool {
    let mut planned = marks.iter().filter(|cell| cell.lane() == Lane::Planned);
    planned.any(|cell| !marks.contains(&cell.with_lane(Lane::LostBeforeSent)))
}
