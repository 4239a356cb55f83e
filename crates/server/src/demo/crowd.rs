//! The demo's phones: who they are, how they behave, and what they saw themselves.
//!
//! They are simulated on the far side of the wire only: each has a real socket to the server of this process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pushtally_model::{App, Second};
use pushtally_sim::{Behaviour, Habits, Identity, Phone, Place, Seen, Settings, Wish};
use pushtally_usersig::{Claims, make};
use tokio::sync::watch;
use tokio::task::JoinSet;

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

/// The phones, connected as each one's habits say.
pub(super) struct Crowd {
    seen: Arc<Seen>,
    phones: u32,
    habits: Vec<Habits>,
    wish: watch::Sender<Wish>,
    playing: JoinSet<Phone>,
}

/// What some phones of the crowd are bound to do with a push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) connected: u64,
    pub(super) away: u64,
    pub(super) acknowledging: u64,
    pub(super) clicking: u64,
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
    /// Registers all phones and connects those that are not away. The same seed makes the same phones.
    pub(super) async fn gather(
        place: &Arc<Place>,
        app: &App,
        (seed, phones): (u64, u32),
        now: Second,
    ) -> anyhow::Result<Self> {
        let key = app.keys.first().context("the app has no key")?;
        let behaviour = behaviour(seed);
        let habits: Vec<Habits> = (0..phones).map(|index| behaviour.habits(index)).collect();
        let seen = Arc::<Seen>::default();
        let make_phone = |index: u32| {
            let claims = Claims {
                identifier: account(index),
                sdkappid: app.id.0,
                time: now.0.into(),
                expire: USERSIG_S,
                userbuf: None,
            };
            let identity = Identity::numbered("demo", IDENTITIES, index)
                .bound(account(index), make(key.expose(), &claims));
            let habits = habits.get(index as usize).cloned().unwrap_or_default();
            Phone::new(
                Arc::clone(place),
                Arc::clone(&seen),
                identity,
                habits,
                (seed, index),
            )
        };
        let registered = register((0..phones).map(make_phone).collect()).await?;
        let (wish, wished) = watch::channel(Wish::Connected);
        let mut playing = JoinSet::new();
        for (index, phone) in registered {
            if !is_away(index) {
                playing.spawn(phone.play(wished.clone()));
            }
        }
        let crowd = Self {
            seen,
            phones,
            habits,
            wish,
            playing,
        };
        crowd.all_connected().await?;
        Ok(crowd)
    }

    /// Waits until every phone that is not away is connected.
    pub(super) async fn all_connected(&self) -> anyhow::Result<()> {
        let expected = self.bound(0..self.phones).connected;
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

    /// What these phones are bound to do.
    pub(super) fn bound(&self, indices: impl IntoIterator<Item = u32>) -> Bound {
        let mut bound = Bound::default();
        for index in indices {
            if is_away(index) {
                bound.away += 1;
            } else if let Some(habits) = self.habits.get(index as usize) {
                bound.connected += 1;
                bound.acknowledging += u64::from(habits.acks > 0);
                bound.clicking += u64::from(habits.clicks > 0);
            }
        }
        bound
    }

    /// What everybody is bound to do: these phones, and those of an earlier, larger crowd, which are away.
    pub(super) fn everybody(&self, registered: u64) -> Bound {
        let bound = self.bound(0..self.phones);
        Bound {
            away: registered.saturating_sub(bound.connected),
            ..bound
        }
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
