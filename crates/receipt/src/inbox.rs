//! Where vendors' receipts come in: read by the account that they are for, then recorded.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use parking_lot::Mutex;
use pushtally_model::{App, AppId, Channel};
use pushtally_store::StoreError;
use pushtally_vendor::{Carrier, ReceiptError};
use sha2::{Digest as _, Sha256};

use crate::record::{Recorded, Recorder};

/// How long a nonce must not come again: twice as far as a signature's time may lie from ours.
const NONCE_KEPT_MS: i64 = 20 * 60 * 1000;
/// Nonces that are remembered. More signed receipts in that time than these would be a flood, and those are refused.
const NONCES_MAX: usize = 1_000_000;

/// A receipt's body that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What became of its entries.
    pub recorded: Recorded,
    /// Entries that could not be read.
    pub bad: u64,
    /// The status and the body that the vendor wants to hear.
    pub answer: (u16, &'static str),
}

impl Taken {
    /// Whether something in it is not of our messages: it has no mark of ours, or cannot be read.
    #[must_use]
    pub const fn has_foreign(&self) -> bool {
        self.recorded.foreign > 0 || self.bad > 0
    }
}

/// Why a receipt's body was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The app has no account with this vendor.
    #[error("the app has no account with this vendor")]
    NoAccount,
    /// It is no receipt of this vendor, or not signed by it.
    #[error(transparent)]
    Unreadable(#[from] ReceiptError),
    /// It could not be recorded: the vendor should send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The inbox.
pub struct Inbox {
    carriers: BTreeMap<Channel, Arc<Carrier>>,
    recorder: Recorder,
    nonces: Mutex<HashMap<String, Seen>>,
}

/// What came with a nonce.
#[derive(Clone, Copy)]
struct Seen {
    /// Unix milliseconds.
    at_ms: i64,
    body: [u8; 32],
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

impl Inbox {
    /// An inbox for these vendors.
    #[must_use]
    pub fn new(carriers: BTreeMap<Channel, Arc<Carrier>>, recorder: Recorder) -> Self {
        Self {
            carriers,
            recorder,
            nonces: Mutex::default(),
        }
    }

    /// Takes a body: answers when all that counts is durable. Taking it again is harmless.
    pub async fn take(
        &self,
        app: &App,
        channel: Channel,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Taken, InboxError> {
        let now_ms = self.recorder.clock.now_ms();
        let carrier = self.carriers.get(&channel).ok_or(InboxError::NoAccount)?;
        let mut read = Err(InboxError::NoAccount);
        for account in carrier.accounts_of(app.id) {
            match account.receipts(headers, body, now_ms) {
                Ok(receipts) => {
                    read = Ok((receipts, account.receipt_answer()));
                    break;
                }
                Err(error) => read = Err(InboxError::Unreadable(error)),
            }
        }
        let (receipts, answer) = read?;
        if !receipts.nonce.is_empty() && !self.is_good(&receipts.nonce, body, now_ms) {
            return Err(ReceiptError::Signature("its nonce has been used").into());
        }
        let recorded = self.recorder.record(app, channel, &receipts.receipts);
        Ok(Taken {
            recorded: recorded.await?,
            bad: receipts.bad as u64,
            answer,
        })
    }

    /// Whether an app has an account with a vendor.
    #[must_use]
    pub fn has_account(&self, app: AppId, channel: Channel) -> bool {
        let carrier = self.carriers.get(&channel);
        carrier.is_some_and(|carrier| !carrier.accounts_of(app).is_empty())
    }

    /// What a vendor wants to hear of a body that is not ours alone, if the app has such bodies passed on.
    #[must_use]
    pub fn relay_answer(&self, app: AppId, channel: Channel) -> Option<(u16, &'static str)> {
        let carrier = self.carriers.get(&channel)?;
        carrier.receipts_relay_to(app)?;
        let accounts = carrier.accounts_of(app);
        accounts.first().map(|account| account.receipt_answer())
    }

    /// Whether a nonce is new, or came with this very body: a vendor that has not heard our answer says the same again, while
    /// whoever overheard it wants to say something else.
    fn is_good(&self, nonce: &str, body: &[u8], now_ms: i64) -> bool {
        let seen = Seen {
            at_ms: now_ms,
            body: Sha256::digest(body).into(),
        };
        let is_kept = |seen: &Seen| now_ms - seen.at_ms < NONCE_KEPT_MS;
        let mut nonces = self.nonces.lock();
        if nonces.len() >= NONCES_MAX {
            nonces.retain(|_, seen| is_kept(seen));
        }
        if let Some(before) = nonces.get(nonce).filter(|seen| is_kept(seen)) {
            return before.body == seen.body;
        }
        if nonces.len() >= NONCES_MAX {
            return false;
        }
        nonces.insert(nonce.to_owned(), seen);
        true
    }
}
