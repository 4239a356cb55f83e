//! Pages in memory, within a bound: who was not asked for since its last turn goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use pushtally_model::AppId;
use pushtally_store::{IndexKey, Slots};

type Shard = (AppId, u16);

/// What a page takes beside its slots: its key twice, its place in both collections.
const ENTRY_BYTES: usize = 320;

#[derive(Debug)]
struct Page {
    slots: Arc<Slots>,
    used: bool,
}

#[derive(Debug)]
pub(super) struct PageCache {
    shards: HashMap<Shard, HashMap<IndexKey, Page>>,
    turns: VecDeque<(Shard, IndexKey)>,
    bytes: usize,
    bytes_max: usize,
}

fn bytes_of(slots: &Slots) -> usize {
    ENTRY_BYTES + slots.serialized_size()
}

impl PageCache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            shards: HashMap::new(),
            turns: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    pub(super) fn get(&mut self, shard: Shard, key: &IndexKey) -> Option<Arc<Slots>> {
        let page = self.shards.get_mut(&shard)?.get_mut(key)?;
        page.used = true;
        Some(Arc::clone(&page.slots))
    }

    /// Takes a page in, unless it is there.
    pub(super) fn put(&mut self, shard: Shard, key: &IndexKey, slots: Arc<Slots>) {
        let pages = self.shards.entry(shard).or_default();
        if pages.contains_key(key) {
            return;
        }
        self.bytes += bytes_of(&slots);
        pages.insert(key.clone(), Page { slots, used: false });
        self.turns.push_back((shard, key.clone()));
        while self.bytes > self.bytes_max {
            let Some((shard, key)) = self.turns.pop_front() else {
                break;
            };
            let Some(pages) = self.shards.get_mut(&shard) else {
                continue;
            };
            match pages.get_mut(&key) {
                Some(page) if page.used => {
                    page.used = false;
                    self.turns.push_back((shard, key));
                }
                Some(page) => {
                    self.bytes -= bytes_of(&page.slots);
                    pages.remove(&key);
                    if pages.is_empty() {
                        self.shards.remove(&shard);
                    }
                }
                None => {}
            }
        }
    }

    /// Changes a page, if it is there.
    pub(super) fn change(
        &mut self,
        shard: Shard,
        key: &IndexKey,
        change: impl FnOnce(&Arc<Slots>) -> Arc<Slots>,
    ) {
        let pages = self.shards.get_mut(&shard);
        if let Some(page) = pages.and_then(|pages| pages.get_mut(key)) {
            self.bytes -= bytes_of(&page.slots);
            page.slots = change(&page.slots);
            self.bytes += bytes_of(&page.slots);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::Tag;

    use super::*;

    fn key(n: u32) -> IndexKey {
        IndexKey::Tag(Tag::new(n.to_string()).unwrap())
    }

    #[test]
    fn who_was_asked_for_stays_and_the_bound_holds() {
        let page: Arc<Slots> = Arc::new((0..1000).collect());
        let mut cache = PageCache::new(10 * bytes_of(&page));
        for n in 0..1000 {
            cache.put((AppId(1), 0), &key(n), Arc::clone(&page));
            assert!(cache.get((AppId(1), 0), &key(0)).is_some(), "after {n}");
            assert!(cache.bytes <= cache.bytes_max);
        }
        assert_eq!(cache.turns.len(), 10);
        assert!(cache.get((AppId(1), 0), &key(1)).is_none());
        assert!(cache.get((AppId(2), 0), &key(0)).is_none());
        cache.change((AppId(1), 0), &key(0), |_| Arc::default());
        assert!(cache.get((AppId(1), 0), &key(0)).unwrap().is_empty());
        cache.clear();
        assert_eq!((cache.bytes, cache.turns.len()), (0, 0));
    }
}
