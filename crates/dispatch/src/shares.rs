//! How many workers a channel holds: so that one that does not answer leaves some to everybody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{AppId, Channel, Urgency};

/// A channel in a lane, for one app or (`None`) for all together.
type Key = (Channel, Urgency, Option<AppId>);
type Held = Mutex<BTreeMap<Key, usize>>;

/// The shares.
#[derive(Debug)]
pub(crate) struct Shares {
    held: Arc<Held>,
    channel_max: usize,
    app_max: usize,
}

/// A worker's place at a channel, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    held: Arc<Held>,
    keys: [Key; 2],
}

impl Shares {
    /// At most this many workers for each channel and lane, and of them for each app.
    pub(crate) fn new(channel_max: usize, app_max: usize) -> Self {
        Self {
            held: Arc::default(),
            channel_max,
            app_max,
        }
    }

    /// A place, if there is one.
    pub(crate) fn take(&self, app: AppId, channel: Channel, lane: Urgency) -> Option<Place> {
        let keys = [(channel, lane, None), (channel, lane, Some(app))];
        let mut held = self.held.lock();
        let count = |key| held.get(&key).copied().unwrap_or_default();
        if count(keys[0]) >= self.channel_max || count(keys[1]) >= self.app_max {
            return None;
        }
        for key in keys {
            *held.entry(key).or_default() += 1;
        }
        Some(Place {
            held: Arc::clone(&self.held),
            keys,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        for key in self.keys {
            // A key goes with its last place, so that there are no more of them than places.
            match held.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => {
                    held.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_and_an_app_hold_their_shares_in_each_lane_and_give_them_back() {
        use Channel::{Apns, Fcm};
        use Urgency::{Bulk, Urgent};
        let shares = Shares::new(3, 2);
        let take = |app, channel, lane| shares.take(AppId(app), channel, lane);
        let mut held = Vec::new();
        for (app, channel, lane, fits) in [
            (1, Apns, Bulk, true),
            (1, Apns, Bulk, true),
            (1, Apns, Bulk, false),
            (2, Apns, Bulk, true),
            (2, Apns, Bulk, false),
            (1, Apns, Urgent, true),
            (1, Fcm, Bulk, true),
        ] {
            let place = take(app, channel, lane);
            assert_eq!(place.is_some(), fits, "{app} {channel:?} {lane:?}");
            held.extend(place);
        }
        held.remove(0);
        assert!(take(2, Apns, Bulk).is_some());
        drop(held);
        assert!(shares.held.lock().is_empty());
    }
}
