//! Which device has which session, by app and shard.
//!
//! A room is never removed: there are no more than the shards of registered devices.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use pushtally_channel::Attention;
use pushtally_model::{AppId, Number};

use crate::link::Link;

#[derive(Debug)]
struct Present {
    link: Arc<Link>,
    attention: Attention,
}

/// The devices of one shard, by slot.
type Room = RwLock<BTreeMap<u16, Present>>;

/// Who is connected now. A device has one session, the newest.
#[derive(Debug, Default)]
pub(crate) struct Rooms(RwLock<HashMap<(AppId, u16), Arc<Room>>>);

impl Rooms {
    fn find(&self, app: AppId, shard: u16) -> Option<Arc<Room>> {
        let rooms: RwLockReadGuard<'_, _> = self.0.read();
        rooms.get(&(app, shard)).cloned()
    }

    fn enter(&self, app: AppId, shard: u16) -> Arc<Room> {
        let known = self.find(app, shard);
        known.unwrap_or_else(|| Arc::clone(self.0.write().entry((app, shard)).or_default()))
    }

    /// A device's session begins; answers the one that it replaces.
    pub(crate) fn come(
        &self,
        (app, number): (AppId, Number),
        link: Arc<Link>,
        attention: Attention,
    ) -> Option<Arc<Link>> {
        let room = self.enter(app, number.shard());
        let present = Present { link, attention };
        let before = room.write().insert(number.slot(), present);
        before.map(|present| present.link)
    }

    /// A session ends. The device stays connected if it has a newer one.
    pub(crate) fn leave(&self, (app, number): (AppId, Number), link: &Arc<Link>) {
        let Some(room) = self.find(app, number.shard()) else {
            return;
        };
        let mut room = room.write();
        let current = room.get(&number.slot());
        if current.is_some_and(|present| Arc::ptr_eq(&present.link, link)) {
            room.remove(&number.slot());
        }
    }

    /// A device looks, or looks away, as its current session says.
    pub(crate) fn attend(
        &self,
        (app, number): (AppId, Number),
        link: &Arc<Link>,
        attention: Attention,
    ) {
        if let Some(room) = self.find(app, number.shard())
            && let Some(present) = room.write().get_mut(&number.slot())
            && Arc::ptr_eq(&present.link, link)
        {
            present.attention = attention;
        }
    }

    /// A device's session.
    pub(crate) fn session(&self, app: AppId, number: Number) -> Option<Arc<Link>> {
        let room = self.find(app, number.shard())?;
        let room = room.read();
        let present = room.get(&number.slot())?;
        Some(Arc::clone(&present.link))
    }

    /// Whether a device is connected.
    pub(crate) fn attention(&self, app: AppId, number: Number) -> Option<Attention> {
        let room = self.find(app, number.shard())?;
        let room = room.read();
        Some(room.get(&number.slot())?.attention)
    }

    /// The connected devices of a shard, by number.
    pub(crate) fn connected(&self, app: AppId, shard: u16) -> Vec<(Number, Attention)> {
        let Some(room) = self.find(app, shard) else {
            return Vec::new();
        };
        let number = |slot: u16| Number(u32::from(shard) << 16 | u32::from(slot));
        let room = room.read();
        let devices = room.iter();
        devices
            .map(|(slot, present)| (number(*slot), present.attention))
            .collect()
    }

    /// How many devices are connected.
    pub(crate) fn len(&self) -> usize {
        let rooms: Vec<_> = self.0.read().values().cloned().collect();
        rooms.iter().map(|room| room.read().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppId = AppId(7);
    use Attention::{Background, Foreground};

    #[test]
    fn the_newest_session_wins_and_an_older_one_takes_nothing_with_it() {
        let rooms = Rooms::default();
        let device = (APP, Number(70_000));
        let (old, new) = (Arc::new(Link::default()), Arc::new(Link::default()));
        assert!(rooms.come(device, Arc::clone(&old), Foreground).is_none());
        let replaced = rooms.come(device, Arc::clone(&new), Background).unwrap();
        assert!(Arc::ptr_eq(&replaced, &old));
        rooms.attend(device, &old, Foreground);
        rooms.leave(device, &old);
        assert_eq!(rooms.connected(APP, 1), [(device.1, Background)]);
        rooms.attend(device, &new, Foreground);
        assert_eq!(rooms.attention(APP, device.1), Some(Foreground));
        rooms.leave(device, &new);
        assert_eq!(rooms.connected(APP, 1), []);
        assert_eq!(rooms.len(), 0);
    }

    #[test]
    fn shards_and_apps_are_apart_and_numbers_ascend() {
        let rooms = Rooms::default();
        for (app, number) in [(1, 65_535), (1, 65_536), (1, 9), (2, 5), (1, 131_071)] {
            let link = Arc::new(Link::default());
            rooms.come((AppId(app), Number(number)), link, Foreground);
        }
        let numbers = |app, shard| -> Vec<u32> {
            let connected = rooms.connected(AppId(app), shard);
            connected.iter().map(|(number, _)| number.0).collect()
        };
        assert_eq!(numbers(1, 0), [9, 65_535]);
        assert_eq!(numbers(1, 1), [65_536, 131_071]);
        assert_eq!(numbers(2, 0), [5]);
        assert_eq!(numbers(2, 1), [0; 0]);
        assert!(rooms.session(AppId(2), Number(9)).is_none());
        assert_eq!(rooms.len(), 5);
    }
}
