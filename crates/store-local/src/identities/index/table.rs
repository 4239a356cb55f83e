//! A table of name hashes in one piece of memory, probed from place to place.
//!
//! Invariant: an entry lies at the place that its hash names, in proportion to the table's length, or behind it with
//! no empty place between, past the end going on at the start; at most three quarters of the places are taken. So a
//! look-up usually touches one line of memory, and growing reads and writes in order. Removing, which is rare, puts all
//! others in anew.

use super::{Entry, NameHash};

const LEN_MIN: usize = 16;
const EMPTY: Entry = Entry {
    hash: NameHash(0, 0, 0),
    number: 0,
};

#[derive(Debug, Default)]
pub(super) struct Table {
    places: Vec<Entry>,
    taken: usize,
}

impl Table {
    /// What lies at the place that a hash names, which is usually its entry, if there is one.
    #[inline]
    pub(super) fn first(&self, hash: NameHash) -> Entry {
        let place = place(hash, self.places.len());
        self.places.get(place).copied().unwrap_or(EMPTY)
    }

    pub(super) fn find(&self, hash: NameHash) -> Option<u32> {
        let (before, from) = self.places.split_at(place(hash, self.places.len()));
        let mut places = from.iter().chain(before);
        let ended = places.find(|entry| entry.hash == hash || is_empty(entry))?;
        (!is_empty(ended)).then_some(ended.number)
    }

    /// Adds an entry that is not there.
    pub(super) fn insert(&mut self, entry: Entry) {
        if self.taken >= room(self.places.len()) {
            self.reserve(1);
        }
        self.put(entry);
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        let wanted = self.taken + more;
        if wanted <= room(self.places.len()) {
            return;
        }
        // A quarter more each time: doubling would leave half of the memory empty half of the time.
        let len = (self.places.len() / 4 * 5).max(wanted / 3 * 4 + LEN_MIN);
        let old = std::mem::replace(&mut self.places, vec![EMPTY; len]);
        self.taken = 0;
        for entry in old.into_iter().filter(|entry| !is_empty(entry)) {
            self.put(entry);
        }
    }

    /// Takes an entry away; whether it was there.
    pub(super) fn remove(&mut self, hash: NameHash) -> bool {
        if self.find(hash).is_none() {
            return false;
        }
        let len = self.places.len();
        let old = std::mem::replace(&mut self.places, vec![EMPTY; len]);
        self.taken = 0;
        let others = old.into_iter().filter(|entry| !is_empty(entry));
        for entry in others.filter(|entry| entry.hash != hash) {
            self.put(entry);
        }
        true
    }

    pub(super) fn len(&self) -> usize {
        self.taken
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Entry>()
    }

    fn put(&mut self, entry: Entry) {
        let at = place(entry.hash, self.places.len());
        let (before, from) = self.places.split_at_mut(at);
        let mut places = from.iter_mut().chain(before);
        // One place in four is empty.
        if let Some(empty) = places.find(|entry| is_empty(entry)) {
            *empty = entry;
            self.taken += 1;
        }
    }
}

fn place(hash: NameHash, len: usize) -> usize {
    ((u64::from(hash.0) * len as u64) >> 32) as usize
}

fn is_empty(entry: &Entry) -> bool {
    entry.hash.1 == 0
}

/// Entries that a table of this length may hold.
fn room(len: usize) -> usize {
    len / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Hashes that all name one of a few places, the last among them, so that entries lie behind one another and
        /// past the end.
        #[test]
        fn equals_a_naive_map(hashes in proptest::collection::vec((0..8_u32, 1..50_u32), 0..400), reserve in 0..300_usize) {
            let mut table = Table::default();
            let mut model = BTreeMap::new();
            table.reserve(reserve);
            for (number, (high, second)) in (0..).zip(hashes) {
                let hash = NameHash(u32::MAX - high * 0x1000_0000, second, 7);
                prop_assert_eq!(table.find(hash), model.get(&(high, second)).copied());
                model.entry((high, second)).or_insert_with(|| {
                    table.insert(Entry { hash, number });
                    number
                });
                prop_assert_eq!(table.find(hash), model.get(&(high, second)).copied());
                if number % 5 == 4 {
                    prop_assert!(table.remove(hash));
                    prop_assert!(!table.remove(hash));
                    model.remove(&(high, second));
                }
            }
            for ((high, second), number) in &model {
                let hash = NameHash(u32::MAX - high * 0x1000_0000, *second, 7);
                prop_assert_eq!(table.find(hash), Some(*number));
            }
            prop_assert_eq!(table.len(), model.len());
            prop_assert!(table.len() <= room(table.places.len()));
        }
    }

    #[test]
    fn an_empty_table_has_nothing() {
        let hash = NameHash(u32::MAX, 1, 1);
        assert_eq!(Table::default().find(hash), None);
        assert!(is_empty(&Table::default().first(hash)));
    }
}
