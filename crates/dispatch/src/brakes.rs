//! The brakes of all lines: what vendors said is heard here, and dead tokens are dropped through here, by dispatch and by
//! receipts alike.
//!
//! They are in memory only: after a restart a brake that was on goes on again with the next few hundred outcomes, and what
//! was dropped until then can be given back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_channel::{Brake, BrakeLimits, Outcome, Target, Told, Turned};
use pushtally_model::{AppId, Channel, Clock};
use pushtally_store::{DeadToken, DeadTokens, Devices, StoreError};

use crate::settings::BRAKES_MAX;

/// A line: an app's tokens of one channel and CertId.
type Line = (AppId, Channel, u32);

/// A brake that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Braked {
    /// Of this channel.
    pub channel: Channel,
    /// Of this CertId.
    pub cert_id: u32,
    /// Since when, in Unix milliseconds.
    pub since_ms: i64,
    /// What was told since then, within the window.
    pub told: Told,
}

/// All brakes.
pub(crate) struct Brakes {
    devices: Arc<dyn Devices>,
    clock: Arc<dyn Clock>,
    limits: BrakeLimits,
    lines: Mutex<BTreeMap<Line, Brake>>,
    dropped: AtomicU64,
    spared: AtomicU64,
}

impl fmt::Debug for Brakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Brakes")
    }
}

/// What a call said of tokens, by CertId.
pub(crate) fn told(targets: &[Target], outcomes: &[Outcome]) -> BTreeMap<u32, Told> {
    let mut told: BTreeMap<u32, Told> = BTreeMap::new();
    for (target, outcome) in targets.iter().zip(outcomes) {
        let Some(token) = &target.token else {
            continue;
        };
        match outcome {
            Outcome::Accepted => told.entry(token.cert_id).or_default().live += 1,
            Outcome::TokenGone { .. } => told.entry(token.cert_id).or_default().gone += 1,
            // Nothing is said of the token.
            Outcome::Rejected { .. }
            | Outcome::Lost(_)
            | Outcome::Throttled { .. }
            | Outcome::Unavailable { .. }
            | Outcome::Unknown { .. } => {}
        }
    }
    told
}

impl Brakes {
    pub(crate) fn new(
        devices: Arc<dyn Devices>,
        clock: Arc<dyn Clock>,
        limits: BrakeLimits,
    ) -> Self {
        Self {
            devices,
            clock,
            limits,
            lines: Mutex::default(),
            dropped: AtomicU64::new(0),
            spared: AtomicU64::new(0),
        }
    }

    /// Hears what a channel said of an app's tokens.
    pub(crate) fn hear(&self, app: AppId, channel: Channel, told: &BTreeMap<u32, Told>) {
        let now_ms = self.clock.now_ms();
        for (cert_id, told) in told {
            let mut lines = self.lines.lock();
            make_room(&mut lines, (app, channel, *cert_id), now_ms);
            let brake = match lines.entry((app, channel, *cert_id)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(Brake::new(self.limits)),
            };
            let turned = brake.hear(*told, now_ms);
            drop(lines);
            let channel = channel.name();
            match turned {
                Some(Turned::On) => tracing::error!(
                    %app, channel, cert_id,
                    "an unusual share of tokens is called dead by the vendor: none is dropped any more; check the \
                     credentials, then see `pushtally devices check`, `restore` and `release`"
                ),
                Some(Turned::Off) => tracing::warn!(
                    %app, channel, cert_id,
                    "the share of dead tokens is usual again: they are dropped"
                ),
                None => {}
            }
        }
    }

    /// The brakes of an app that are on.
    pub(crate) fn braked(&self, app: AppId) -> Vec<Braked> {
        let lines = self.lines.lock();
        let of_app = lines.range((app, Channel::Unknown, 0)..);
        let of_app = of_app.take_while(|((of, ..), _)| *of == app);
        let braked = of_app.filter_map(|((_, channel, cert_id), brake)| {
            Some(Braked {
                channel: *channel,
                cert_id: *cert_id,
                since_ms: brake.on_since_ms()?,
                told: brake.told(),
            })
        });
        braked.collect()
    }

    /// Releases brakes of an app's channel, of one CertId or all; answers how many were on.
    pub(crate) fn release(&self, app: AppId, channel: Channel, cert_id: Option<u32>) -> usize {
        let now_ms = self.clock.now_ms();
        let (from, to) = (cert_id.unwrap_or(0), cert_id.unwrap_or(u32::MAX));
        let mut lines = self.lines.lock();
        let meant = lines.range_mut((app, channel, from)..=(app, channel, to));
        let mut released = 0;
        for (_, brake) in meant.filter(|(_, brake)| brake.on_since_ms().is_some()) {
            released += usize::from(brake.release(now_ms));
        }
        released
    }

    /// How many are on, by channel.
    pub(crate) fn counts(&self) -> BTreeMap<Channel, u64> {
        let mut counts = BTreeMap::new();
        for ((_, channel, _), brake) in self.lines.lock().iter() {
            if brake.on_since_ms().is_some() {
                *counts.entry(*channel).or_default() += 1;
            }
        }
        counts
    }

    /// Tokens dropped since the start, and those that a brake spared.
    pub(crate) fn dropped(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.dropped), count(&self.spared))
    }

    /// Drops those that no brake spares.
    pub(crate) async fn drop_heard(
        &self,
        app: AppId,
        dead: &[DeadToken],
    ) -> Result<u64, StoreError> {
        let allowed: Vec<DeadToken> = {
            let lines = self.lines.lock();
            let is_on = |dead: &&DeadToken| {
                let brake = lines.get(&(app, dead.token.channel, dead.token.cert_id));
                brake.is_some_and(|brake| brake.on_since_ms().is_some())
            };
            dead.iter().filter(|dead| !is_on(dead)).cloned().collect()
        };
        let dropped = match &*allowed {
            [] => 0,
            allowed => {
                let devices = &self.devices;
                devices.drop_tokens(app, allowed, self.clock.now()).await?
            }
        };
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        let spared = (dead.len() - allowed.len()) as u64;
        self.spared.fetch_add(spared, Ordering::Relaxed);
        Ok(dropped)
    }
}

/// CertIds come from phones, so there may be more lines than accounts: those go first that say nothing.
fn make_room(lines: &mut BTreeMap<Line, Brake>, line: Line, now_ms: i64) {
    if lines.len() < BRAKES_MAX || lines.contains_key(&line) {
        return;
    }
    lines.retain(|_, brake| !brake.is_idle(now_ms));
    if lines.len() >= BRAKES_MAX {
        let off = lines
            .iter()
            .find(|(_, brake)| brake.on_since_ms().is_none());
        let gone = off.or(lines.iter().next()).map(|(line, _)| *line);
        gone.and_then(|line| lines.remove(&line));
    }
}

#[async_trait]
impl DeadTokens for Brakes {
    async fn drop_dead(&self, app: AppId, dead: &[DeadToken]) -> Result<u64, StoreError> {
        let mut told: BTreeMap<Channel, BTreeMap<u32, Told>> = BTreeMap::new();
        for DeadToken { token, .. } in dead {
            let of_channel = told.entry(token.channel).or_default();
            of_channel.entry(token.cert_id).or_default().gone += 1;
        }
        for (channel, told) in &told {
            self.hear(app, *channel, told);
        }
        self.drop_heard(app, dead).await
    }
}
