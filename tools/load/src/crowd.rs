//! A crowd of simulated phones: registered together, wished online and away together, watched together.
//!
//! The phones share one thread of a runtime, so that they cost at most one processor; the command itself runs on the
//! main thread and may block.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pushtally_sim::{Behaviour, Habits, Identity, Phone, Place, Seen, Settings, Wish};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::access::Access;
use crate::args::CrowdArgs;
use crate::report::Report;
use crate::target::Target;

/// How often the watch looks. What it waits for tells its own time, so this is in no figure.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// How long anything that a crowd does together may take.
pub(crate) const TOGETHER_MAX: Duration = Duration::from_secs(120);

/// A runtime for phones.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?)
}

/// Registered phones.
pub(crate) struct Crowd {
    pub(crate) place: Arc<Place>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) count: u64,
    /// Phones whose habit is to click.
    pub(crate) clickers: u64,
    wish: watch::Sender<Wish>,
    /// They end with the crowd.
    _phones: JoinSet<Phone>,
}

impl Crowd {
    /// Registers phones of an app; none connects yet.
    pub(crate) async fn register(
        target: &Target,
        access: &Access,
        args: &CrowdArgs,
        behaviour: &Behaviour,
    ) -> anyhow::Result<Self> {
        Self::register_with(target, access, args, |index| behaviour.habits(index)).await
    }

    /// The same with habits of one's own.
    pub(crate) async fn register_with(
        target: &Target,
        access: &Access,
        args: &CrowdArgs,
        habits: impl Fn(u32) -> Habits,
    ) -> anyhow::Result<Self> {
        let settings = Settings {
            calls_max: args.connections as usize,
            opening_max: args.opening as usize,
        };
        let place = Place::new(target.address, access.app, &target.client_key, &settings);
        let seen = Arc::<Seen>::default();
        let phone = |index| {
            let identity = Identity::numbered("load", args.seed, index);
            let (place, seen) = (Arc::clone(&place), Arc::clone(&seen));
            Phone::new(place, seen, identity, habits(index), (args.seed, index))
        };
        let mut registering = JoinSet::new();
        for first in 0..args.connections.min(args.count) {
            let phones: Vec<Phone> = (first..args.count)
                .step_by(args.connections as usize)
                .map(phone)
                .collect();
            registering.spawn(async move {
                for phone in &phones {
                    phone.register().await?;
                }
                Ok::<_, pushtally_sim::Error>(phones)
            });
        }
        let wish = watch::Sender::new(Wish::Away);
        let mut phones = JoinSet::new();
        while let Some(registered) = registering.join_next().await {
            for phone in registered?.context("a phone cannot be registered")? {
                phones.spawn(phone.play(wish.subscribe()));
            }
        }
        let clickers = (0..args.count).filter(|index| habits(*index).clicks > 0);
        Ok(Self {
            place,
            seen,
            count: args.count.into(),
            clickers: clickers.count() as u64,
            wish,
            _phones: phones,
        })
    }

    /// Wishes something of all phones at once.
    pub(crate) fn wish(&self, wish: Wish) {
        // Fails when every phone has ended, which the figures will show.
        let _ = self.wish.send(wish);
    }

    /// Wishes all online and waits until all are; tells how long the last one took.
    pub(crate) async fn connect(&self) -> anyhow::Result<Duration> {
        let start = self.seen.now();
        self.wish(Wish::Connected);
        self.all_connected().await?;
        Ok(self.seen.welcomes.last().saturating_sub(start))
    }

    /// Waits until all are online.
    pub(crate) async fn all_connected(&self) -> anyhow::Result<()> {
        let all = self
            .reach(TOGETHER_MAX, |seen| seen.connected() == self.count)
            .await;
        let Self { seen, count, .. } = self;
        ensure!(
            all,
            "only {} of {count} phones are connected: {} failed, closes {:?}",
            seen.connected(),
            seen.failures.get(),
            seen.closes()
        );
        Ok(())
    }

    /// Waits for a condition; false when it does not hold in time. It looks now and then rather than being woken at each
    /// frame, which would take time from the server.
    pub(crate) async fn reach(&self, time: Duration, condition: impl Fn(&Seen) -> bool) -> bool {
        let until = Instant::now() + time;
        while !condition(&self.seen) {
            if Instant::now() >= until {
                return false;
            }
            sleep(LOOK_INTERVAL).await;
        }
        true
    }

    /// Tells what is not as it should be, and only that.
    pub(crate) fn report_oddities(&self, name: &str, report: &mut Report) {
        let seen = &self.seen;
        for (what, count) in [
            ("failed connections", seen.failures.get()),
            ("broken connections", seen.breaks.get()),
            ("answers `busy`", seen.busy.get()),
            ("reports `unknown`", seen.unknown.get()),
            ("strange frames", seen.strange.get()),
        ] {
            if count > 0 {
                report.count(&format!("{name}: {what}"), count, "");
            }
        }
        for (code, count) in seen.closes() {
            report.count(&format!("{name}: closes with {code}"), count, "");
        }
    }
}

/// Counts by name, told in order.
#[derive(Debug, Default)]
pub(crate) struct Kinds(BTreeMap<String, u64>);

impl Kinds {
    pub(crate) fn add(&mut self, kind: String) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub(crate) fn append(&mut self, other: Self) {
        for (kind, count) in other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    pub(crate) fn report(&self, name: &str, report: &mut Report) {
        for (kind, count) in &self.0 {
            report.count(&format!("{name}: {kind}"), *count, "");
        }
    }
}
