//! How often an address, or all phones of an app, may register: one number for each, in bounded memory.
//!
//! The generic cell rate algorithm, as `governor` has it, but able to forget single keys: strangers choose their
//! addresses. `Quotas` are for callers who are known.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use pushtally_model::{App, AppId};

use crate::limits::{ADDRESS_BURST_S, ADDRESSES_MAX, THROTTLED_APPS_MAX};

const NS: u64 = 1_000_000_000;
/// Independent parts, so that callers on several processors rarely wait for each other.
const PARTS: usize = 16;

/// The throttles of registering.
pub struct Throttles {
    time: Arc<dyn Fn() -> u64 + Send + Sync>,
    addresses: Throttle<Neighbourhood>,
    apps: Throttle<AppId>,
}

impl fmt::Debug for Throttles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Throttles")
    }
}

impl Default for Throttles {
    fn default() -> Self {
        let start = Instant::now();
        Self::with_time(move || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Throttles {
    /// Throttles by a time in nanoseconds that never decreases.
    #[must_use]
    pub fn with_time(time: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            time: Arc::new(time),
            addresses: Throttle::new(ADDRESSES_MAX),
            apps: Throttle::new(THROTTLED_APPS_MAX),
        }
    }

    /// Counts a call from an address; 0 a second is no limit. Fails with the seconds to wait.
    pub(crate) fn take_address(&self, address: IpAddr, per_second: u32) -> Result<(), u32> {
        let burst = per_second.saturating_mul(ADDRESS_BURST_S);
        let key = Neighbourhood::of(address);
        self.addresses.take(key, per_second, burst, (self.time)())
    }

    /// Counts a registration of an app. Fails with the seconds to wait.
    pub(crate) fn take_app(&self, app: &App) -> Result<(), u32> {
        let per_second = app.registrations_per_second;
        self.apps
            .take(app.id, per_second, per_second, (self.time)())
    }
}

/// Who is taken for one caller: an IPv4 address, or an IPv6 network of 64 bits, of which one household has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Neighbourhood {
    V4(u32),
    V6(u64),
}

impl Neighbourhood {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// For each key the moment at which all it has taken is made good; one that lies in the past says nothing, so that
/// such a key may be forgotten.
struct Throttle<K> {
    hasher: RandomState,
    parts: [Mutex<HashMap<K, u64>>; PARTS],
    part_len_max: usize,
}

impl<K: Hash + Eq + Copy> Throttle<K> {
    fn new(keys_max: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            parts: Default::default(),
            part_len_max: keys_max.div_ceil(PARTS),
        }
    }

    fn take(&self, key: K, per_second: u32, burst: u32, now_ns: u64) -> Result<(), u32> {
        let Some(per_second) = NonZeroU32::new(per_second) else {
            return Ok(());
        };
        let interval = NS / u64::from(per_second.get());
        let ahead_max = interval * u64::from(burst.saturating_sub(1));
        let place = self.hasher.hash_one(key) as usize % PARTS;
        let Some(part) = self.parts.get(place) else {
            return Ok(());
        };
        let mut part = part.lock();
        let good_at = part.get(&key).map_or(now_ns, |at| now_ns.max(*at));
        let ahead = good_at - now_ns;
        if ahead > ahead_max {
            let wait_s = (ahead - ahead_max).div_ceil(NS);
            return Err(u32::try_from(wait_s).unwrap_or(u32::MAX));
        }
        if part.len() >= self.part_len_max && !part.contains_key(&key) {
            make_room(&mut part, now_ns);
        }
        part.insert(key, good_at + interval);
        Ok(())
    }
}

/// Forgets every key that says nothing any more, else the one that says least: it was going to be forgotten first.
fn make_room<K: Hash + Eq + Copy>(part: &mut HashMap<K, u64>, now_ns: u64) {
    let least = part.iter().min_by_key(|(_, at)| **at);
    let Some((key, at)) = least.map(|(key, at)| (*key, *at)) else {
        return;
    };
    if at > now_ns {
        part.remove(&key);
    } else {
        part.retain(|_, at| *at > now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::Secret;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn throttles() -> (Throttles, Arc<AtomicU64>) {
        let ns = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&ns);
        (
            Throttles::with_time(move || time.load(Ordering::SeqCst)),
            ns,
        )
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_five_seconds_worth_at_once_and_then_its_rate() {
        let (throttles, ns) = throttles();
        let take = || throttles.take_address(address("192.0.2.1"), 10);
        let taken = || (0..1000).take_while(|_| take().is_ok()).count();
        assert_eq!(taken(), 50);
        assert_eq!(take(), Err(1));
        ns.fetch_add(NS, Ordering::SeqCst);
        assert_eq!(taken(), 10);
        ns.fetch_add(3600 * NS, Ordering::SeqCst);
        assert_eq!(taken(), 50, "what was not taken does not add up");
        assert_eq!(throttles.take_address(address("192.0.2.2"), 10), Ok(()));
        for _ in 0..1000 {
            assert_eq!(throttles.take_address(address("192.0.2.1"), 0), Ok(()));
        }
    }

    #[test]
    fn the_wait_is_as_long_as_it_takes() {
        let (throttles, ns) = throttles();
        let mut app = App::new(AppId(1), Secret::new("key"));
        app.registrations_per_second = 1;
        assert_eq!(throttles.take_app(&app), Ok(()));
        assert_eq!(throttles.take_app(&app), Err(1));
        ns.fetch_add(NS - 1, Ordering::SeqCst);
        assert_eq!(throttles.take_app(&app), Err(1));
        ns.fetch_add(1, Ordering::SeqCst);
        assert_eq!(throttles.take_app(&app), Ok(()));
        let other = App {
            id: AppId(2),
            ..app
        };
        assert_eq!(throttles.take_app(&other), Ok(()));
    }

    #[test]
    fn an_ipv6_network_is_one_caller_and_a_mapped_address_is_the_address() {
        let of = |text: &str| Neighbourhood::of(address(text));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn memory_is_bounded_and_those_who_took_most_are_remembered() {
        let throttle = Throttle::new(64);
        let len = || -> usize { throttle.parts.iter().map(|part| part.lock().len()).sum() };
        for key in 0u32..4 {
            while throttle.take(key, 1, 100, 0).is_ok() {}
        }
        for key in 1000u32..100_000 {
            assert_eq!(throttle.take(key, 1, 100, 0), Ok(()));
            assert!(len() <= 64);
        }
        for key in 0u32..4 {
            assert!(throttle.take(key, 1, 100, 0).is_err(), "{key}");
        }
        for key in 0u32..1000 {
            assert_eq!(throttle.take(key, 1, 100, 200 * NS), Ok(()));
            assert!(len() <= 64);
        }
    }
}
