//! Leave to call, got once for all who call, kept while it is good.

use pushtally_model::Secret;
use tokio::sync::Mutex;

use crate::client::{CallError, Client};
use crate::contract::{Access, Failure, SignIn, Vendor};

/// What we sign ourselves is not signed anew sooner than this, whatever the vendor says of it: APNs refuses those who
/// sign more often, for a while and for all their senders.
const SIGNED_FOR_MIN_MS: i64 = 20 * 60 * 1000;

#[derive(Debug)]
struct Kept {
    value: Secret,
    got_ms: i64,
    until_ms: i64,
    ours: bool,
}

/// The access of one account.
#[derive(Debug, Default)]
pub(crate) struct AccessKeeper(Mutex<Option<Kept>>);

/// Why there is none.
#[derive(Debug)]
pub(crate) enum NoAccess {
    /// The vendor or the key says so.
    Refused(Failure),
    /// The vendor could not be asked.
    Unreached(CallError),
}

impl AccessKeeper {
    /// What calls carry now. Whoever comes while it is being got waits for it, and nobody asks twice.
    pub(crate) async fn get(
        &self,
        vendor: &dyn Vendor,
        client: &Client,
        now_ms: i64,
    ) -> Result<Secret, NoAccess> {
        let mut kept = self.0.lock().await;
        if let Some(kept) = kept.as_ref()
            && now_ms < kept.until_ms
        {
            return Ok(kept.value.clone());
        }
        let (access, ours) = match vendor.sign_in(now_ms).map_err(NoAccess::Refused)? {
            SignIn::Nothing => return Ok(Secret::new("")),
            SignIn::Ours(access) => (access, true),
            SignIn::Ask(call) => {
                let reply = client.call(call).await.map_err(NoAccess::Unreached)?;
                let access = vendor.signed_in(&reply).map_err(NoAccess::Refused)?;
                (access, false)
            }
        };
        let Access { value, good_for_s } = access;
        *kept = Some(Kept {
            value: value.clone(),
            got_ms: now_ms,
            until_ms: now_ms.saturating_add(i64::from(good_for_s) * 1000),
            ours,
        });
        Ok(value)
    }

    /// The vendor says that this one is not valid any more. Answers whether it may be got anew now.
    pub(crate) async fn refused(&self, value: &Secret, now_ms: i64) -> bool {
        let mut kept = self.0.lock().await;
        match kept.as_ref() {
            // Another caller was told before, and has a newer one.
            Some(kept) if kept.value != *value => true,
            Some(kept) if kept.ours && now_ms - kept.got_ms < SIGNED_FOR_MIN_MS => false,
            Some(_) | None => {
                *kept = None;
                true
            }
        }
    }
}
