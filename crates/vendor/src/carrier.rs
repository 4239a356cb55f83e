//! A vendor as a channel: each target goes by the account that its token belongs to, in its own language.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use pushtally_channel::{Carried, Channel, Line, Message, Outcome, Target};
use pushtally_model::{AppId, Clock, Environment, OwnLoss, Secret, Token, TokenKind, Urgency};

use crate::account::{Account, CallNotes, Letter};

/// Targets that are given at once: they become as many calls as the vendor needs, at the same time.
const TARGETS_MAX: usize = 1_000;

/// Makes what receipts echo.
pub trait Marker: Send + Sync + std::fmt::Debug {
    /// The mark of a task of this number, sent now: see [`crate::Post::mark`].
    fn mark(&self, app: AppId, task: u64, now_ms: i64) -> String;
}

/// An app's accounts with one vendor, by CertId.
pub type Accounts = BTreeMap<(AppId, u32), Arc<Account>>;

/// A vendor.
#[derive(Debug)]
pub struct Carrier {
    accounts: ArcSwap<Accounts>,
    marker: Arc<dyn Marker>,
    clock: Arc<dyn Clock>,
}

impl Carrier {
    /// A vendor with these accounts.
    #[must_use]
    pub fn new(accounts: Accounts, marker: Arc<dyn Marker>, clock: Arc<dyn Clock>) -> Self {
        Self {
            accounts: ArcSwap::from_pointee(accounts),
            marker,
            clock,
        }
    }

    /// The accounts of an app, by CertId.
    #[must_use]
    pub fn accounts_of(&self, app: AppId) -> Vec<Arc<Account>> {
        let accounts = self.accounts.load();
        let of_app = accounts.range((app, 0)..=(app, u32::MAX));
        of_app.map(|(_, account)| Arc::clone(account)).collect()
    }

    /// Where an app's receipts go that are not of our messages: what the first account says that says anything.
    #[must_use]
    pub fn receipts_relay_to(&self, app: AppId) -> Option<Secret> {
        let accounts = self.accounts_of(app);
        accounts
            .iter()
            .find_map(|account| account.receipts_relay_to().cloned())
    }

    /// The same of every app that has such an address.
    #[must_use]
    pub fn receipt_relays(&self) -> BTreeMap<AppId, Secret> {
        let mut relays = BTreeMap::new();
        for ((app, _), account) in self.accounts.load().iter() {
            if let Some(url) = account.receipts_relay_to() {
                relays.entry(*app).or_insert_with(|| url.clone());
            }
        }
        relays
    }

    /// Whether an account would send to a token of this CertId.
    #[must_use]
    pub fn has_account(&self, app: AppId, cert_id: u32) -> bool {
        cert_of(&self.accounts.load(), app, cert_id).is_some()
    }

    /// An account of an app.
    #[must_use]
    pub fn account(&self, app: AppId, cert_id: u32) -> Option<Arc<Account>> {
        self.accounts.load().get(&(app, cert_id)).cloned()
    }

    /// Puts an account in the place of the one with the same CertId. Calls under way end with the one that they began with.
    pub fn put_account(&self, app: AppId, cert_id: u32, account: &Arc<Account>) {
        self.accounts.rcu(|accounts| {
            let mut changed = Accounts::clone(accounts);
            changed.insert((app, cert_id), Arc::clone(account));
            changed
        });
    }

    /// Takes an account away. Calls under way end with it.
    pub fn remove_account(&self, app: AppId, cert_id: u32) {
        self.accounts.rcu(|accounts| {
            let mut changed = Accounts::clone(accounts);
            changed.remove(&(app, cert_id));
            changed
        });
    }
}

/// What goes into one call: the same account, texts, kind of token and environment.
type Group = (u32, usize, TokenKind, Environment);

#[async_trait]
impl Channel for Carrier {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    fn line(&self, app: AppId, token: Option<&Token>, urgency: Urgency) -> Option<Line> {
        let accounts = self.accounts.load();
        let cert_id = cert_of(&accounts, app, token?.cert_id)?;
        let account = accounts.get(&(app, cert_id))?;
        Some(Line {
            id: cert_id,
            rate: account.limits().rate_of(urgency),
        })
    }

    async fn send(&self, message: &Message, targets: &[Target]) -> Carried {
        let accounts = self.accounts.load_full();
        let mark = self
            .marker
            .mark(message.app, message.number, self.clock.now_ms());
        let notification = &message.notification;
        // Until something is said of a target, it has no credentials.
        let mut outcomes = vec![Outcome::Lost(OwnLoss::NoCredentials); targets.len()];
        let mut groups: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
        for (at, target) in targets.iter().enumerate() {
            let Some(token) = &target.token else {
                continue;
            };
            let Some(cert_id) = cert_of(&accounts, message.app, token.cert_id) else {
                continue;
            };
            let translation = notification.translation(&target.language);
            let place = translation.and_then(|found| {
                let mut all = notification.translations.iter();
                all.position(|one| std::ptr::eq(one, found))
            });
            let group = (
                cert_id,
                place.map_or(0, |place| place + 1),
                token.kind,
                token.environment,
            );
            groups.entry(group).or_default().push(at);
        }
        let calls = CallNotes::default();
        let mut sending = FuturesUnordered::new();
        for ((cert_id, ..), members) in &groups {
            let Some(account) = accounts.get(&(message.app, *cert_id)) else {
                continue;
            };
            for part in members.chunks(account.targets_max()) {
                let part_targets: Vec<&Target> =
                    part.iter().filter_map(|at| targets.get(*at)).collect();
                let language = part_targets.first().map_or("", |target| &target.language);
                let (title, text) = notification.texts(language);
                let letter = Letter {
                    message,
                    title,
                    text,
                    mark: &mark,
                    calls: Some(&calls),
                    watch: None,
                };
                sending.push(async move {
                    let ended = account.send(&letter, &part_targets).await;
                    (part, ended)
                });
            }
        }
        while let Some((part, ended)) = sending.next().await {
            for (at, outcome) in part.iter().zip(ended) {
                if let Some(place) = outcomes.get_mut(*at) {
                    *place = outcome;
                }
            }
        }
        drop(sending);
        let calls = calls.into_calls();
        Carried { outcomes, calls }
    }
}

/// The account of a token: the one it names, or the app's only one when it names none.
fn cert_of(accounts: &Accounts, app: AppId, cert_id: u32) -> Option<u32> {
    if cert_id != 0 {
        return accounts.contains_key(&(app, cert_id)).then_some(cert_id);
    }
    let mut of_app = accounts.range((app, 0)..=(app, u32::MAX));
    let first = of_app.next().map(|((_, cert_id), _)| *cert_id);
    first.filter(|_| of_app.next().is_none())
}
