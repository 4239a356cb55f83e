//! A phone: it connects when it is wished to be connected, shows pushes, reports as its habits say, and comes back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::agenda::Agenda;
use crate::behaviour::Habits;
use crate::dice::Dice;
use crate::error::Error;
use crate::frame::{Incoming, Outgoing};
use crate::identity::{Identity, Proof};
use crate::place::Place;
use crate::registration::Registered;
use crate::seen::Seen;
use crate::socket::{Heard, Socket};

/// The version of the protocol that a phone speaks.
const VERSION: u32 = 1;
/// How long opening a socket and being welcomed may take, and a frame to be taken.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// How long the server may take to end a connection that it has closed.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// What is wished of a crowd of phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Connected, in front or behind as each phone's habits say.
    Connected,
    /// Connected and in front.
    Front,
    /// Connected and behind.
    Behind,
    /// Not connected. A phone drops its connection without a word, as in a tunnel.
    Away,
    /// The same, and for ever: [`Phone::play`] ends.
    Gone,
}

impl Wish {
    fn is_online(self) -> bool {
        matches!(self, Self::Connected | Self::Front | Self::Behind)
    }
}

/// Why a conversation ended.
#[derive(Debug)]
enum End {
    /// Another wish.
    Wish,
    /// The phone's habit.
    Left,
    /// The server closed, with this code if with any; or the connection broke or fell silent.
    Closed(Option<u16>),
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    place: Arc<Place>,
    seen: Arc<Seen>,
    identity: Identity,
    habits: Habits,
    dice: Dice,
    agenda: Agenda,
    foreground: bool,
    /// Reads and says nothing until then.
    deaf_until_ms: u64,
}

impl Phone {
    /// A phone that is not registered yet and not connected. `seed` and `index` choose how long it stays away.
    #[must_use]
    pub fn new(
        place: Arc<Place>,
        seen: Arc<Seen>,
        identity: Identity,
        habits: Habits,
        (seed, index): (u64, u32),
    ) -> Self {
        Self {
            place,
            seen,
            identity,
            foreground: habits.foreground,
            habits,
            dice: Dice::new(seed.rotate_left(32), index),
            agenda: Agenda::default(),
            deaf_until_ms: 0,
        }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Registers it.
    pub async fn register(&self) -> Result<Registered, Error> {
        self.place.register(&self.identity).await
    }

    /// Lives until it is wished gone, or until the server closed with a code after which a phone must not come back by
    /// itself. The phone is answered, so that it can go on where it stopped.
    pub async fn play(mut self, mut wish: watch::Receiver<Wish>) -> Self {
        loop {
            let wished = *wish.borrow_and_update();
            match wished {
                Wish::Gone => return self,
                Wish::Away => {
                    if wish.changed().await.is_err() {
                        return self;
                    }
                    continue;
                }
                Wish::Front => self.foreground = true,
                Wish::Behind => self.foreground = false,
                Wish::Connected => {}
            }
            // Boxed: what opening needs is given back before the long idle time.
            let end = match Box::pin(self.connect()).await {
                Ok((socket, ping_s)) => {
                    self.seen.connect();
                    let end = self.converse(socket, ping_s, &mut wish).await;
                    self.agenda.disconnect();
                    self.seen.disconnect();
                    end
                }
                Err(end) => end,
            };
            match end {
                End::Wish => continue,
                End::Closed(Some(code)) if !comes_back(code) => return self,
                End::Closed(_) | End::Left => {}
            }
            let (from, to) = self.habits.away_ms;
            let away = Duration::from_millis(self.dice.between(from, to).into());
            tokio::select! {
                () = sleep(away) => {}
                changed = wish.changed() => if changed.is_err() {
                    return self;
                } else {
                    // Looked at by the next turn.
                    wish.mark_changed();
                },
            }
        }
    }

    /// Opens a socket, says hello, and waits for the welcome.
    async fn connect(&self) -> Result<(Socket, u32), End> {
        let welcomed = timeout(ANSWER_MAX, async {
            let mut socket = Socket::open(&self.place, "/v1/online", self.habits.receive_buffer)
                .await
                .map_err(|_| End::Closed(None))?;
            socket
                .say(self.hello())
                .await
                .map_err(|_| End::Closed(None))?;
            loop {
                match socket.hear().await {
                    Heard::Frame(frame) => match serde_json::from_slice(&frame) {
                        Ok(Incoming::Welcome {
                            version: VERSION,
                            ping_s,
                        }) => return Ok((socket, ping_s)),
                        _ => self.seen.add(&self.seen.strange),
                    },
                    Heard::Sign => {}
                    Heard::Closed(code) => return Err(self.closed(&mut socket, code).await),
                }
            }
        });
        let welcomed = welcomed.await.unwrap_or(Err(End::Closed(None)));
        if welcomed.is_err() {
            self.seen.add(&self.seen.failures);
        }
        welcomed
    }

    fn hello(&self) -> String {
        let identity = &self.identity;
        let binding = identity
            .binding
            .as_ref()
            .filter(|_| identity.proof == Proof::UserSig);
        Outgoing::Hello {
            version: VERSION,
            sdkappid: self.place.app,
            registration_id: &identity.registration_id,
            secret: binding.is_none().then_some(&*identity.secret),
            account: binding.map(|binding| &*binding.account),
            usersig: binding.map(|binding| &*binding.usersig),
            foreground: self.foreground,
        }
        .text()
    }

    /// Talks until it ends.
    async fn converse(
        &mut self,
        mut socket: Socket,
        ping_s: u32,
        wish: &mut watch::Receiver<Wish>,
    ) -> End {
        // Two and a half times, as the server does.
        let silence_ms = u64::from(ping_s) * 2_500;
        let mut heard_ms = self.now_ms();
        loop {
            let now_ms = self.now_ms();
            let deaf = now_ms < self.deaf_until_ms;
            if !deaf && let Some(text) = self.agenda.say(&self.seen, now_ms) {
                if !say(&mut socket, text).await {
                    return self.broken();
                }
                continue;
            }
            let silent_ms = heard_ms + silence_ms;
            let wake_ms = if deaf {
                self.deaf_until_ms
            } else {
                self.agenda.next_ms().unwrap_or(u64::MAX).min(silent_ms)
            };
            let wake = Duration::from_millis(wake_ms.saturating_sub(now_ms));
            tokio::select! {
                heard = socket.hear(), if !deaf => {
                    heard_ms = self.now_ms();
                    match heard {
                        Heard::Frame(frame) => {
                            let (answer, end) = self.hear(&frame);
                            if let Some(answer) = answer && !say(&mut socket, answer).await {
                                return self.broken();
                            }
                            if let Some(end) = end {
                                // Whatever the server answers in time; it may as well be gone.
                                let _ = timeout(GOODBYE_MAX, socket.close()).await;
                                return end;
                            }
                        }
                        Heard::Sign => {}
                        Heard::Closed(code) => return self.closed(&mut socket, code).await,
                    }
                }
                () = sleep(wake) => if !deaf && self.now_ms() >= silent_ms {
                    return self.broken();
                },
                changed = wish.changed() => {
                    let wished = *wish.borrow_and_update();
                    if changed.is_err() || !wished.is_online() {
                        return End::Wish;
                    }
                    let on = match wished {
                        Wish::Front => true,
                        Wish::Behind => false,
                        _ => self.habits.foreground,
                    };
                    if !say(&mut socket, Outgoing::Foreground { on }.text()).await {
                        return self.broken();
                    }
                }
            }
        }
    }

    /// Takes a frame: what to say at once, and whether to leave.
    fn hear(&mut self, frame: &[u8]) -> (Option<String>, Option<End>) {
        let seen = Arc::clone(&self.seen);
        let now_ms = self.now_ms();
        match serde_json::from_slice(frame) {
            Ok(Incoming::Push { id }) => {
                let is_new = self.agenda.show(&id, &self.habits, &seen, now_ms);
                if self.habits.pause_ms > 0 {
                    self.deaf_until_ms = now_ms + u64::from(self.habits.pause_ms);
                }
                let flip = self.habits.flips.then_some(!self.foreground);
                let answer = flip.map(|on| Outgoing::Foreground { on }.text());
                return (answer, (is_new && self.habits.leaves).then_some(End::Left));
            }
            Ok(Incoming::Recorded { seq, unknown }) => {
                self.agenda
                    .confirm(seq, |id| unknown.iter().any(|other| other == id), &seen);
            }
            Ok(Incoming::Busy { seq, retry }) => {
                self.agenda.postpone(seq, now_ms + u64::from(retry), &seen);
            }
            Ok(Incoming::Foreground { on }) => {
                self.foreground = on;
                seen.add(&seen.flips);
            }
            Ok(Incoming::Revoke { id, instead }) => {
                self.agenda.take_back(&id, instead.is_some(), &seen);
            }
            Ok(Incoming::Other) => {}
            Ok(Incoming::Welcome { .. }) | Err(_) => seen.add(&seen.strange),
        }
        (None, None)
    }

    fn broken(&self) -> End {
        self.seen.add(&self.seen.breaks);
        End::Closed(None)
    }

    async fn closed(&self, socket: &mut Socket, code: Option<u16>) -> End {
        match code {
            Some(code) => {
                self.seen.close(code);
                // Sends our half of the goodbye.
                let _ = timeout(GOODBYE_MAX, socket.hear()).await;
            }
            None => self.seen.add(&self.seen.breaks),
        }
        End::Closed(code)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.seen.now().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Sends a frame; false when the connection takes nothing any more.
async fn say(socket: &mut Socket, text: String) -> bool {
    matches!(timeout(ANSWER_MAX, socket.say(text)).await, Ok(Ok(())))
}

/// Whether a phone reconnects by itself after this close code; after the others it must be mended or registered first.
fn comes_back(code: u16) -> bool {
    !matches!(code, 4400 | 4401 | 4403 | 4406 | 4409 | 4410 | 4413)
}
