//! The demo's phones: who they are, how they behave, and what they saw themselves.
//!
//! They are simulated on the far side of the wire only: each has a real socket to the server of this process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pushtally_model::{App, Second};
use pushtally_sim::{Behaviour, Habits, Identity, Phone, Place, Seen, Settings, VendorToken, Wish};
use pushtally_usersig::{Claims, make};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::vendors::VENDORS;

/// Phones keep their secrets, whatever the seed of the demo: a kept folder knows them again.
const IDENTITIES: u64 = 2026;
/// One phone of so many is registered but not connected.
const AWAY_EVERY: u32 = 10;
/// How long a UserSig of a phone's account lasts.
const USERSIG_S: i64 = 86_400;
/// How long registering, connecting or answering may take; far beyond any that is right.
const PATIENCE: Duration = Duration::from_secs(60);
/// Registrations under way at once.
const REGISTERING: usize = 32;

/// Of so many phones that a vendor could reach, one has no token.
const TOKENLESS_EVERY: usize = 4;

/// The phones, connected as each one's habits say.
pub(super) struct Crowd {
    seen: Arc<Seen>,
    phones: u32,
    habits: Vec<Habits>,
    reached: Vec<Option<Reached>>,
    /// Phones that registered, those of an earlier, larger crowd among them: they are away and have no token.
    registered: u32,
    wish: watch::Sender<Wish>,
    playing: JoinSet<Phone>,
}

/// What some phones of the crowd are bound to do with a push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) connected: u64,
    /// Neither connected nor known to a vendor.
    pub(super) away: u64,
    pub(super) acknowledging: u64,
    pub(super) clicking: u64,
    /// Known to each vendor, in their order; they are away, or connected in the background, and then count in both.
    pub(super) offline: [u64; VENDORS.len()],
}

impl Bound {
    /// All that is planned.
    pub(super) fn planned(&self) -> u64 {
        self.connected + self.away + self.offline.iter().sum::<u64>()
    }
}

/// Whether vendors have said already which tokens reach nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dead {
    Unknown,
    Dropped,
}

/// How a vendor reaches a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reached {
    /// Its place among the vendors.
    vendor: usize,
    token: String,
    is_dead: bool,
}

/// Which phones have a token, of whom: some of those that are away or behind. One of each vendor is dead, and one is
/// too fast the first time.
fn reached(habits: &[Habits]) -> Vec<Option<Reached>> {
    let mut could = 0_usize;
    let mut have = 0_usize;
    let mut of = |(index, habits): (u32, &Habits)| {
        if !is_away(index) && habits.foreground {
            return None;
        }
        could += 1;
        if could.is_multiple_of(TOKENLESS_EVERY) {
            return None;
        }
        let (vendor, round) = (have % VENDORS.len(), have / VENDORS.len());
        have += 1;
        let (prefix, name) = match round {
            0 => ("gone-", VENDORS[vendor].0.name()),
            1 => ("rate-", VENDORS[vendor].0.name()),
            _ => ("", VENDORS[vendor].0.name()),
        };
        Some(Reached {
            vendor,
            token: format!("{prefix}{name}-{index:06}"),
            is_dead: round == 0,
        })
    };
    (0..).zip(habits).map(&mut of).collect()
}

fn behaviour(seed: u64) -> Behaviour {
    Behaviour {
        seed,
        behind_percent: 20,
        silent_percent: 5,
        ack_twice_percent: 10,
        click_percent: 25,
        click_twice_percent: 30,
        slow_percent: 3,
        leave_percent: 8,
        ack_delay_ms_max: 600,
        click_delay_ms: 900,
        pause_ms: 400,
        away_ms: (100, 700),
        ..Behaviour::default()
    }
}

fn is_away(index: u32) -> bool {
    index % AWAY_EVERY == AWAY_EVERY - 1
}

/// The account that is signed in on a phone.
pub(super) fn account(index: u32) -> String {
    format!("user-{index:06}")
}

impl Crowd {
    /// Registers all phones and connects those that are not away. The same seed makes the same phones. `known` are
    /// registered already.
    pub(super) async fn gather(
        place: &Arc<Place>,
        app: &App,
        (seed, phones): (u64, u32),
        known: u64,
        now: Second,
    ) -> anyhow::Result<Self> {
        let key = app.keys.first().context("the app has no key")?;
        let behaviour = behaviour(seed);
        let habits: Vec<Habits> = (0..phones).map(|index| behaviour.habits(index)).collect();
        let reached = reached(&habits);
        let registered = phones.max(u32::try_from(known).unwrap_or(u32::MAX));
        let seen = Arc::<Seen>::default();
        let make_phone = |index: u32| {
            let claims = Claims {
                identifier: account(index),
                sdkappid: app.id.0,
                time: now.0.into(),
                expire: USERSIG_S,
                userbuf: None,
            };
            let mut identity = Identity::numbered("demo", IDENTITIES, index)
                .bound(account(index), make(key.expose(), &claims));
            if let Some(Some(Reached { vendor, token, .. })) = reached.get(index as usize) {
                identity = identity.reached_by(VendorToken {
                    channel: VENDORS[*vendor].0.name(),
                    token: token.clone(),
                });
            }
            let habits = habits.get(index as usize).cloned().unwrap_or_default();
            Phone::new(
                Arc::clone(place),
                Arc::clone(&seen),
                identity,
                habits,
                (seed, index),
            )
        };
        let all = register((0..registered).map(make_phone).collect()).await?;
        let (wish, wished) = watch::channel(Wish::Connected);
        let mut playing = JoinSet::new();
        for (index, phone) in all {
            if index < phones && !is_away(index) {
                playing.spawn(phone.play(wished.clone()));
            }
        }
        let crowd = Self {
            seen,
            phones,
            habits,
            reached,
            registered,
            wish,
            playing,
        };
        crowd.all_connected().await?;
        Ok(crowd)
    }

    /// Waits until every phone that is not away is connected.
    pub(super) async fn all_connected(&self) -> anyhow::Result<()> {
        let expected = self.bound(0..self.phones, Dead::Dropped).connected;
        if self
            .seen
            .within(PATIENCE, |seen| seen.connected() == expected)
            .await
        {
            return Ok(());
        }
        let connected = self.seen.connected();
        bail!("`{connected}` of `{expected}` phones are connected")
    }

    /// How many phones there are.
    pub(super) fn phones(&self) -> u32 {
        self.phones
    }

    /// What these phones are bound to do, and which of them vendors know.
    pub(super) fn bound(&self, indices: impl IntoIterator<Item = u32>, dead: Dead) -> Bound {
        let mut bound = Bound::default();
        for index in indices {
            let at = index as usize;
            let reached = self.reached.get(at).and_then(Option::as_ref);
            // A phone whose only way was dropped is not planned at all.
            let is_dropped = dead == Dead::Dropped && reached.is_some_and(|by| by.is_dead);
            match reached {
                Some(reached) if !is_dropped => bound.offline[reached.vendor] += 1,
                Some(_) => {}
                None if is_away(index) => bound.away += 1,
                None => {}
            }
            if let Some(habits) = self.habits.get(at).filter(|_| !is_away(index)) {
                bound.connected += 1;
                bound.acknowledging += u64::from(habits.acks > 0);
                bound.clicking += u64::from(habits.clicks > 0);
            }
        }
        bound
    }

    /// What everybody is bound to do: these phones, and those of an earlier, larger crowd, which are away.
    pub(super) fn everybody(&self, dead: Dead) -> Bound {
        let bound = self.bound(0..self.phones, dead);
        Bound {
            away: bound.away + u64::from(self.registered - self.phones),
            ..bound
        }
    }

    /// Tokens that reach nobody.
    pub(super) fn dead(&self) -> u64 {
        let reached = self.reached.iter().flatten();
        reached.filter(|by| by.is_dead).count() as u64
    }

    /// What the phones saw themselves.
    pub(super) fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    /// Waits until the phones have done with a push what they are bound to do; false when they have not in time.
    pub(super) async fn answered(seen: &Seen, id: &str, bound: Bound) -> bool {
        let push = seen.push(id);
        seen.within(PATIENCE, |_| {
            push.shown.get() >= bound.connected
                && push.delivered.get() >= bound.acknowledging
                && push.clicked.get() >= bound.clicking
        })
        .await
    }

    /// Ends all phones.
    pub(super) async fn disperse(mut self) {
        // No phone is left to hear it when all have ended.
        let _ = self.wish.send(Wish::Gone);
        while self.playing.join_next().await.is_some() {}
    }
}

/// Registers phones, a bounded number at once; answers them with their places.
async fn register(phones: Vec<Phone>) -> anyhow::Result<Vec<(u32, Phone)>> {
    let mut waiting = (0..).zip(phones);
    let mut under_way = JoinSet::new();
    let mut registered = Vec::new();
    loop {
        while under_way.len() < REGISTERING
            && let Some((index, phone)) = waiting.next()
        {
            under_way.spawn(async move {
                let answer = phone.register().await;
                (index, phone, answer)
            });
        }
        let Some(ended) = under_way.join_next().await else {
            return Ok(registered);
        };
        let (index, phone, answer) = ended.context("a registration was lost")?;
        answer.with_context(|| format!("phone `{index}` cannot be registered"))?;
        registered.push((index, phone));
    }
}

/// Where the phones connect to.
pub(super) fn place(server: std::net::SocketAddr, app: &App) -> anyhow::Result<Arc<Place>> {
    let client_key = app
        .client_key
        .as_ref()
        .context("the app of the kept folder has no client key")?;
    Ok(Place::new(
        server,
        app.id.0,
        client_key.expose(),
        &Settings::default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_vendors_know_phones_one_of_each_is_dead_and_one_in_a_hurry() {
        let behaviour = behaviour(2026);
        let habits: Vec<Habits> = (0..2_000).map(|index| behaviour.habits(index)).collect();
        let reached = reached(&habits);
        let candidates = (0..).zip(&habits);
        let could = candidates.filter(|(index, habits)| is_away(*index) || !habits.foreground);
        let could = could.count();
        let all: Vec<&Reached> = reached.iter().flatten().collect();
        assert_eq!(all.len(), could - could / TOKENLESS_EVERY);
        for (vendor, (channel, _)) in VENDORS.iter().enumerate() {
            let of = || all.iter().filter(|by| by.vendor == vendor);
            let starting = |prefix| of().filter(|by| by.token.starts_with(prefix)).count();
            let name = channel.name();
            assert!(of().count() >= all.len() / VENDORS.len(), "{name}");
            assert_eq!((starting("gone-"), starting("rate-")), (1, 1), "{name}");
            assert_eq!(of().filter(|by| by.is_dead).count(), 1, "{name}");
        }
        for (index, by) in reached.iter().enumerate() {
            if by.is_some() {
                assert!(is_away(index as u32) || !habits[index].foreground);
            }
        }
    }
}
