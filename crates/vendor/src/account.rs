//! One app's account with a vendor: the calls that a push needs, what is repeated, what is waited for.

mod ease;
mod notes;
mod steps;
mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use pushtally_channel::{Leave, Message, Outcome, Target, Valve, ValveLimits};
use pushtally_model::{Clock, Entropy, OwnLoss, Secret};
use tokio::sync::Semaphore;

use self::ease::Entered;
use self::notes::CallEnd;
pub(crate) use self::notes::CallNotes;
use self::steps::{Addressee, Line, Sent, Step, gone, rejected, step};
use crate::access::{AccessKeeper, NoAccess, SharedAccess};
use crate::client::{CallError, Client, ClientSettings};
use crate::contract::{
    Class, Failure, Post, Read, ReceiptError, Receipts, Reply, Said, To, Vendor, Verdict,
};
use crate::watch::{Seen, Watch};

/// Calls that one push may need before it is sent: more is a vendor that leads in circles.
const STEPS_MAX: u8 = 3;
/// Vendors count their days so: UTC+8, as far as is known.
const DAY_OFFSET_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// A target that is told to wait without being told how long waits so long.
const TARGET_WAIT: Duration = Duration::from_secs(5);

/// The settings of an account.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// How the vendor is reached.
    pub client: ClientSettings,
    /// What it allows.
    pub limits: ValveLimits,
    /// Calls at once.
    pub calls_max: usize,
    /// Where its receipts go, if it is told with each push; empty when they must not come.
    pub receipts_url: Secret,
    /// Where receipts go that are not of our messages; the address may hold a token.
    pub receipts_relay_to: Option<Secret>,
    /// What it may have in common with other accounts: the same for all of a process.
    pub shared_access: SharedAccess,
}

/// An account.
#[derive(Debug)]
pub struct Account {
    vendor: Box<dyn Vendor>,
    client: Client,
    access: Arc<AccessKeeper>,
    valves: Mutex<BTreeMap<Class, Valve>>,
    limits: ValveLimits,
    calls: Semaphore,
    receipts_url: Secret,
    receipts_relay_to: Option<Secret>,
    /// When the operator was last told that the vendor fails.
    complained_ms: AtomicI64,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What all targets of a call have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letter<'a> {
    pub(crate) message: &'a Message,
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    pub(crate) mark: &'a str,
    /// Where its calls are noted.
    pub(crate) calls: Option<&'a CallNotes>,
    /// Who looks on, when an account is tried out.
    pub(crate) watch: Option<&'a Watch>,
}

impl Letter<'_> {
    fn saw(&self, note: impl FnOnce(&Watch)) {
        if let Some(watch) = self.watch {
            note(watch);
        }
    }
}

/// How one try to send to some targets ended.
enum Tried {
    Each(Vec<Verdict>),
    Failed {
        failure: Failure,
        /// Whether the call that sends may have been heard.
        may_have_sent: bool,
    },
}

impl Tried {
    /// Before anything was sent.
    const fn unsent(failure: Failure) -> Self {
        Self::Failed {
            failure,
            may_have_sent: false,
        }
    }
}

impl Account {
    /// An account that has not called yet.
    pub fn new(
        vendor: Box<dyn Vendor>,
        settings: &AccountSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, rustls::Error> {
        let access = settings.shared_access.keeper(&*vendor, clock.now_ms());
        Ok(Self {
            vendor,
            client: Client::new(&settings.client)?,
            access,
            valves: Mutex::default(),
            limits: settings.limits,
            calls: Semaphore::new(settings.calls_max.max(1)),
            receipts_url: settings.receipts_url.clone(),
            receipts_relay_to: settings.receipts_relay_to.clone(),
            complained_ms: AtomicI64::new(i64::MIN),
            clock,
            entropy,
        })
    }

    /// What a receipt says that came at this Unix millisecond: see [`Vendor::receipts`].
    pub fn receipts(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Receipts, ReceiptError> {
        self.vendor.receipts(headers, body, now_ms)
    }

    /// What the vendor wants to hear in answer to a receipt that was taken.
    #[must_use]
    pub fn receipt_answer(&self) -> (u16, &'static str) {
        self.vendor.receipt_answer()
    }

    /// What its valves allow.
    #[must_use]
    pub const fn limits(&self) -> ValveLimits {
        self.limits
    }

    /// Where receipts go that are not of our messages: see [`AccountSettings::receipts_relay_to`].
    #[must_use]
    pub const fn receipts_relay_to(&self) -> Option<&Secret> {
        self.receipts_relay_to.as_ref()
    }

    /// The most targets of one call.
    pub(crate) fn targets_max(&self) -> usize {
        self.vendor.targets_max().max(1)
    }

    /// Sends to targets that have a token each, at most [`Account::targets_max`]; answers an outcome for each.
    pub(crate) async fn send(&self, letter: &Letter<'_>, targets: &[&Target]) -> Vec<Outcome> {
        let mut addressees = Vec::with_capacity(targets.len());
        for to in targets.iter().copied() {
            let Some(token) = to.token.clone() else {
                return vec![Outcome::Lost(OwnLoss::NoToken); targets.len()];
            };
            addressees.push(Addressee { to, token });
        }
        let mut outcomes = self.send_part(letter, &addressees).await;
        // Once, in the environment that the token was not said to be of.
        let elsewhere: Vec<usize> = (0..outcomes.len())
            .filter(|at| matches!(outcomes.get(*at), Some(Step::Elsewhere(_))))
            .collect();
        if !elsewhere.is_empty() {
            let others: Vec<Addressee<'_>> = elsewhere
                .iter()
                .filter_map(|at| addressees.get(*at))
                .map(Addressee::elsewhere)
                .collect();
            let again = self.send_part(letter, &others).await;
            for (at, step) in elsewhere.into_iter().zip(again) {
                if let Some(outcome) = outcomes.get_mut(at) {
                    *outcome = step;
                }
            }
        }
        outcomes.into_iter().map(Step::end).collect()
    }

    /// Sends to a part; in halves, when the vendor does not say which of several is to blame.
    async fn send_part(&self, letter: &Letter<'_>, targets: &[Addressee<'_>]) -> Vec<Step> {
        let mut steps = Vec::with_capacity(targets.len());
        let mut left = vec![targets];
        while let Some(part) = left.pop() {
            match self.send_once(letter, part).await {
                Sent::Ended(ended) => steps.extend(ended),
                Sent::Halve => {
                    let (first, second) = part.split_at(part.len() / 2);
                    left.extend([second, first]);
                }
            }
        }
        steps
    }

    /// One call, with all that belongs to it.
    async fn send_once(&self, letter: &Letter<'_>, targets: &[Addressee<'_>]) -> Sent {
        let all = |outcome: Outcome| Sent::Ended(vec![Step::Done(outcome); targets.len()]);
        let class = self.vendor.class(&letter.message.notification);
        // A place first: whoever waits for one would take a part of the rate that others could use now.
        let Ok(_place) = self.calls.acquire().await else {
            return all(Outcome::Unavailable { after: TARGET_WAIT });
        };
        let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        let leave = self.with_valve(class, |valve, now_ms| {
            valve.enter(count, letter.message.urgency, now_ms)
        });
        if let Leave::Wait(after) = leave {
            letter.saw(|watch| watch.saw(Seen::Held(after)));
            return all(Outcome::Unavailable { after });
        }
        let mut guard = Entered {
            account: self,
            class,
            settled: false,
        };
        let tried = self.try_twice(letter, targets).await;
        guard.settled = true;
        drop(guard);
        let line = Line::of(letter.message.app, targets);
        match tried {
            Tried::Each(verdicts) => {
                self.answered(class, line);
                if verdicts.len() != targets.len() {
                    let said = Said::new(0, "the reply is of another number of targets");
                    return all(self.fail((class, line), &said, None, true));
                }
                Sent::Ended(verdicts.into_iter().map(step).collect())
            }
            Tried::Failed {
                failure,
                may_have_sent,
            } => match failure {
                Failure::Targets(_) if targets.len() > 1 => {
                    self.answered(class, line);
                    Sent::Halve
                }
                Failure::Targets(said) => {
                    self.answered(class, line);
                    all(gone(said))
                }
                Failure::Busy { said, after } => {
                    all(self.fail((class, line), &said, after, may_have_sent))
                }
                Failure::Limited { said, after } => all(self.limit((class, line), &said, after)),
                Failure::Unknown(said) => all(self.fail((class, line), &said, None, may_have_sent)),
                Failure::Spent(said) => {
                    let after = self.with_valve(class, |valve, now_ms| {
                        valve.answered();
                        let until_ms = next_day_ms(now_ms);
                        valve.pause(until_ms);
                        Duration::from_millis(until_ms.abs_diff(now_ms))
                    });
                    let (code, text) = (said.code, said.text);
                    tracing::warn!(%line, code, text, "a day's quota is spent");
                    all(Outcome::Unavailable { after })
                }
                Failure::Rejected(said) => {
                    self.answered(class, line);
                    all(rejected(said))
                }
                Failure::Access(said) | Failure::Misconfigured(said) => {
                    self.answered(class, line);
                    let (code, text) = (said.code, &said.text);
                    tracing::error!(
                        %line,
                        code,
                        text,
                        "the vendor refuses this account: look at its credentials"
                    );
                    all(rejected(said))
                }
            },
        }
    }

    /// Calls; once more with a new access when the vendor refuses the one that it was given.
    async fn try_twice(&self, letter: &Letter<'_>, targets: &[Addressee<'_>]) -> Tried {
        let mut again = true;
        loop {
            let now_ms = self.clock.now_ms();
            let (vendor, client) = (&*self.vendor, &self.client);
            let access = self.access.get(vendor, client, now_ms, letter.watch).await;
            let access = match access {
                Ok(access) => access,
                Err(NoAccess::Refused(failure)) => {
                    letter.saw(|watch| watch.saw(Seen::NoAccess(failure.clone())));
                    return Tried::unsent(failure);
                }
                Err(NoAccess::Unreached(error)) => {
                    letter.saw(|watch| watch.not_answered(&error));
                    return Tried::unsent(Failure::Unknown(Said::new(0, error.into_text())));
                }
            };
            let tried = self.try_once(letter, targets, access.expose()).await;
            match tried {
                Tried::Failed {
                    failure: Failure::Access(said),
                    ..
                } => {
                    let refused = self.access.refused(&*self.vendor, &access, now_ms);
                    if let Some(after) = refused.await {
                        let (code, text) = (said.code, &said.text);
                        tracing::error!(
                            code,
                            text,
                            ?after,
                            "the vendor refuses a new access, and another must not be had yet: is the clock right?"
                        );
                        let after = Some(after);
                        return Tried::unsent(Failure::Busy { said, after });
                    }
                    if !again {
                        return Tried::unsent(Failure::Access(said));
                    }
                    again = false;
                }
                tried => return tried,
            }
        }
    }

    async fn try_once(
        &self,
        letter: &Letter<'_>,
        targets: &[Addressee<'_>],
        access: &str,
    ) -> Tried {
        let message = letter.message;
        let now_ms = self.clock.now_ms();
        let left_s = i64::from(message.deadline.0) - now_ms.div_euclid(1000);
        let post = Post {
            app: message.app,
            task: &message.id,
            notification: &message.notification,
            title: letter.title,
            text: letter.text,
            mark: letter.mark,
            receipts_url: self.receipts_url.expose(),
            left_s: u32::try_from(left_s.max(1)).unwrap_or(u32::MAX),
            now_ms,
            access,
        };
        let to: Vec<To<'_>> = targets.iter().map(Addressee::to).collect();
        let mut call = match self.vendor.call(&post, &to) {
            Ok(call) => call,
            Err(failure) => {
                letter.saw(|watch| watch.saw(Seen::NotMade(failure.clone())));
                return Tried::unsent(failure);
            }
        };
        let before = self.vendor.calls_before(to.len());
        for step in 0..STEPS_MAX {
            letter.saw(|watch| watch.called(&call, &to));
            let reply: Reply = match self.client.call(call).await {
                Ok(reply) => reply,
                Err(error) => {
                    letter.saw(|watch| watch.not_answered(&error));
                    self.note(letter, targets, &CallEnd::Silent(error.text()));
                    let was_heard = matches!(error, CallError::Unclear(_));
                    return Tried::Failed {
                        failure: Failure::Unknown(Said::new(0, error.into_text())),
                        may_have_sent: step >= before && was_heard,
                    };
                }
            };
            let read = self.vendor.read(&post, &to, step, &reply);
            letter.saw(|watch| watch.answered(reply.status, &read));
            match read {
                Read::Next(next) => call = next,
                Read::Each {
                    verdicts,
                    request_id,
                } => {
                    self.note(letter, targets, &CallEnd::Taken(&reply, &request_id));
                    return Tried::Each(verdicts);
                }
                Read::All(failure) => {
                    self.note(letter, targets, &CallEnd::Refused(&reply, &failure));
                    let unclear = matches!(failure, Failure::Unknown(_)) || reply.may_have_done();
                    return Tried::Failed {
                        failure,
                        may_have_sent: step >= before && unclear,
                    };
                }
            }
        }
        Tried::Failed {
            failure: Failure::Unknown(Said::new(0, "too many calls for one push")),
            may_have_sent: true,
        }
    }

    fn note(&self, letter: &Letter<'_>, targets: &[Addressee<'_>], end: &CallEnd<'_>) {
        if let Some(calls) = letter.calls {
            calls.note(targets, self.clock.now_ms(), end);
        }
    }
}

/// When the vendors' next day begins.
fn next_day_ms(now_ms: i64) -> i64 {
    let day = (now_ms + DAY_OFFSET_MS).div_euclid(DAY_MS);
    (day + 1) * DAY_MS - DAY_OFFSET_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_addresses_with_keys_nor_access() {
        let settings = AccountSettings {
            client: ClientSettings {
                timeout: Duration::from_secs(1),
                authorities: Vec::new(),
                http2_only: false,
                proxy: crate::Proxy::parse("http://us3r:s3cr3t@p.example:3128").ok(),
                targets: pushtally_dial::Targets::anywhere(),
            },
            limits: ValveLimits::default(),
            calls_max: 1,
            receipts_url: Secret::new("https://example.com/s3cr3t"),
            receipts_relay_to: Some(Secret::new("https://example.com/s3cr3t")),
            shared_access: SharedAccess::default(),
        };
        assert!(!format!("{settings:?}").contains("s3cr3t"));
        let (task, notification) = (
            pushtally_model::TaskId::new("t1").unwrap(),
            Default::default(),
        );
        let post = Post {
            app: pushtally_model::AppId(7),
            task: &task,
            notification: &notification,
            title: "",
            text: "",
            mark: "",
            receipts_url: "https://example.com/s3cr3t",
            left_s: 1,
            now_ms: 0,
            access: "s3cr3t",
        };
        let shown = format!("{post:?}");
        assert!(shown.contains("t1") && !shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn the_vendors_day_ends_at_midnight_of_utc_plus_8() {
        let at = 1_795_313_600_000;
        let next = next_day_ms(at);
        assert_eq!((next + DAY_OFFSET_MS) % DAY_MS, 0);
        assert!(next > at && next - at <= DAY_MS);
        assert_eq!(next_day_ms(next), next + DAY_MS);
        assert_eq!(next_day_ms(next - 1), next);
    }
}
