//! Leave to call, got once for all who call, kept while it is good.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pushtally_model::Secret;
use tokio::sync::Mutex;

use crate::client::{CallError, Client};
use crate::contract::{Access, Failure, SignIn, Vendor};
use crate::watch::{Leave, Seen, Watch};

#[derive(Debug)]
struct Kept {
    value: Secret,
    got_ms: i64,
    until_ms: i64,
}

/// The access of one account, or of all that have it in common.
#[derive(Debug, Default)]
pub(crate) struct AccessKeeper(Mutex<Option<Kept>>);

/// What accounts have in common: one process has one of these, and gives it to every account that it makes.
#[derive(Debug, Clone, Default)]
pub struct SharedAccess(Arc<parking_lot::Mutex<HashMap<[u8; 32], Arc<AccessKeeper>>>>);

impl SharedAccess {
    /// The keeper of a vendor's access. One that nobody uses any more stays while its access is good: an account that is
    /// made anew must not sign again so soon. So there are as many as accounts, and as those that were removed in an hour.
    pub(crate) fn keeper(&self, vendor: &dyn Vendor, now_ms: i64) -> Arc<AccessKeeper> {
        let Some(name) = vendor.access_in_common() else {
            return Arc::default();
        };
        let mut keepers = self.0.lock();
        keepers.retain(|_, keeper| Arc::strong_count(keeper) > 1 || keeper.is_good(now_ms));
        Arc::clone(keepers.entry(name).or_default())
    }
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum NoAccess {
    /// The vendor or the key says so.
    Refused(Failure),
    /// The vendor could not be asked.
    Unreached(CallError),
}

impl AccessKeeper {
    /// Whether there is one now, as far as is known: who is getting one has it in use.
    fn is_good(&self, now_ms: i64) -> bool {
        self.0.try_lock().map_or(true, |kept| {
            kept.as_ref().is_some_and(|kept| now_ms < kept.until_ms)
        })
    }

    /// What calls carry now. Whoever comes while it is being got waits for it, and nobody asks twice.
    pub(crate) async fn get(
        &self,
        vendor: &dyn Vendor,
        client: &Client,
        now_ms: i64,
        watch: Option<&Watch>,
    ) -> Result<Secret, NoAccess> {
        let saw = |leave| {
            if let Some(watch) = watch {
                watch.saw(Seen::Access(leave));
            }
        };
        let mut kept = self.0.lock().await;
        if let Some(kept) = kept.as_ref()
            && now_ms < kept.until_ms
        {
            saw(Leave::Kept);
            return Ok(kept.value.clone());
        }
        let access = match vendor.sign_in(now_ms).map_err(NoAccess::Refused)? {
            SignIn::Nothing => {
                saw(Leave::NotNeeded);
                return Ok(Secret::new(""));
            }
            SignIn::Ours(access) => {
                saw(Leave::Signed);
                access
            }
            SignIn::Ask(call) => {
                if let Some(watch) = watch {
                    watch.called(&call, &[]);
                }
                let reply = client.call(call).await.map_err(NoAccess::Unreached)?;
                let access = vendor.signed_in(&reply).map_err(NoAccess::Refused)?;
                saw(Leave::Given);
                access
            }
        };
        let Access { value, good_for_s } = access;
        *kept = Some(Kept {
            value: value.clone(),
            got_ms: now_ms,
            until_ms: now_ms.saturating_add(i64::from(good_for_s) * 1000),
        });
        Ok(value)
    }

    /// The vendor says that this one is not valid any more. Answers how long it must be kept all the same; `None` is that
    /// the next caller gets another.
    pub(crate) async fn refused(
        &self,
        vendor: &dyn Vendor,
        value: &Secret,
        now_ms: i64,
    ) -> Option<Duration> {
        let mut kept = self.0.lock().await;
        // Another caller was told before, and there is a newer one or none.
        let refused = kept.as_ref().filter(|kept| kept.value == *value)?;
        let age_ms = now_ms.saturating_sub(refused.got_ms);
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
        match vendor.access_for_min().checked_sub(age) {
            Some(left) if !left.is_zero() => Some(left),
            _ => {
                *kept = None;
                None
            }
        }
    }
}
