//! How often each app may call each command. Only authenticated callers are counted, so strangers cannot use a
//! quota up.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use parking_lot::RwLock;
use pushtally_model::{App, AppId};

use crate::Command;
use crate::refusal::Refusal;

/// The quotas of all apps: as many entries as apps have called commands.
#[derive(Debug)]
pub struct Quotas {
    time: Time,
    buckets: RwLock<HashMap<(AppId, Command), Bucket>>,
}

/// A time that only ever grows: not the calendar's, which an operator may set back.
#[derive(Clone)]
struct Time(Arc<dyn Fn() -> u64 + Send + Sync>);

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

impl Clock for Time {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from((self.0)())
    }
}

#[derive(Debug)]
struct Bucket {
    per_second: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Nanos>>,
}

impl Bucket {
    fn new(per_second: NonZeroU32, time: Time) -> Self {
        Self {
            per_second,
            limiter: RateLimiter::direct_with_clock(Quota::per_second(per_second), time),
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        let start = Instant::now();
        Self::with_time(move || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Quotas {
    /// Quotas by a time in nanoseconds that never decreases.
    #[must_use]
    pub fn with_time(time: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            time: Time(Arc::new(time)),
            buckets: RwLock::default(),
        }
    }

    /// Counts a call. The app's own quota goes before the documented one; 0 is no limit.
    pub(crate) fn take(&self, app: &App, command: Command) -> Result<(), Refusal> {
        let quota = app
            .quotas
            .get(command.name())
            .copied()
            .unwrap_or(command.default_quota());
        let Some(per_second) = NonZeroU32::new(quota.per_second) else {
            return Ok(());
        };
        let key = (app.id, command);
        let known = self
            .buckets
            .read()
            .get(&key)
            .and_then(|bucket| bucket.take(per_second));
        let taken = known.unwrap_or_else(|| {
            let mut buckets = self.buckets.write();
            let bucket = buckets
                .entry(key)
                .or_insert_with(|| Bucket::new(per_second, self.time.clone()));
            bucket.take(per_second).unwrap_or_else(|| {
                // The operator has changed the quota: the new one begins full.
                *bucket = Bucket::new(per_second, self.time.clone());
                bucket.limiter.check().is_ok()
            })
        });
        let refusal = Refusal::TooFrequent {
            command,
            per_second: per_second.get(),
        };
        if taken { Ok(()) } else { Err(refusal) }
    }
}

impl Bucket {
    /// Whether there was one to take; `None` when the bucket is for another quota.
    fn take(&self, per_second: NonZeroU32) -> Option<bool> {
        (self.per_second == per_second).then(|| self.limiter.check().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::Secret;
    use pushtally_wire::Code;
    use std::sync::atomic::{AtomicU64, Ordering};

    const STATISTICS: Command = Command::AllMemberPushStatistics;

    fn quotas() -> (Quotas, Arc<AtomicU64>) {
        let ns = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&ns);
        (Quotas::with_time(move || time.load(Ordering::SeqCst)), ns)
    }

    fn app(id: u32, per_second: Option<u32>) -> App {
        let mut app = App::new(AppId(id), Secret::new("key"));
        let own = per_second.map(|per_second| pushtally_model::Quota { per_second });
        app.quotas = own
            .map(|quota| (STATISTICS.name().to_owned(), quota))
            .into_iter()
            .collect();
        app
    }

    #[test]
    fn one_a_second_for_each_app_by_default() {
        let (quotas, ns) = quotas();
        let (first, second) = (app(1, None), app(2, None));
        assert!(quotas.take(&first, STATISTICS).is_ok());
        let refusal = quotas.take(&first, STATISTICS).unwrap_err();
        assert_eq!(refusal.code(), Code::TooFrequent);
        assert_eq!(
            refusal.to_string(),
            "`all_member_push_statistics` may be called `1` times a second"
        );
        assert!(quotas.take(&second, STATISTICS).is_ok());
        ns.fetch_add(999_999_999, Ordering::SeqCst);
        assert!(quotas.take(&first, STATISTICS).is_err());
        ns.fetch_add(1, Ordering::SeqCst);
        assert!(quotas.take(&first, STATISTICS).is_ok());
    }

    #[test]
    fn a_revocation_too_many_has_a_code_of_its_own() {
        let (quotas, ns) = quotas();
        let app = app(1, None);
        assert!(quotas.take(&app, Command::Revoke).is_ok());
        let refusal = quotas.take(&app, Command::Revoke).unwrap_err();
        assert_eq!(refusal.code(), Code::RevokeTooFrequent);
        ns.fetch_add(1_000_000_000, Ordering::SeqCst);
        assert!(quotas.take(&app, Command::Revoke).is_ok());
    }

    #[test]
    fn an_apps_own_quota_goes_first_and_may_change() {
        let (quotas, _) = quotas();
        let calls = |app: &App| {
            (0..50)
                .filter(|_| quotas.take(app, STATISTICS).is_ok())
                .count()
        };
        assert_eq!(calls(&app(1, Some(3))), 3);
        assert_eq!(calls(&app(1, Some(0))), 50);
        assert_eq!(calls(&app(1, Some(5))), 5);
        assert_eq!(
            (0..50)
                .filter(|_| quotas.take(&app(1, None), Command::Events).is_ok())
                .count(),
            50
        );
    }
}
