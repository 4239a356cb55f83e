//! The index over devices: a bitmap of slots for each tag, attribute value, channel and kind, in each shard.
//!
//! Its pages are in `state.redb` as of the last save; what has moved since is in memory, and so is a part of the pages.
//! Moves follow from the rows that a transaction changes ([`moves_of`]), whoever changed them: an act, or the log that is
//! read again.
//!
//! Invariant: a page with the moves of its shard is what a scan of the records gives, at every moment: moves are noted
//! under the lock under which their transaction is committed, and forgotten after the pages that have them are saved.
//! Making a move again changes nothing, so a page may have them already while they are not forgotten.

mod cache;
mod key;
mod moves;
mod records;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::AppId;
use pushtally_store::{IndexKey, Slots};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::tables::INDEX;
use cache::PageCache;
use key::page_key;

pub(super) use moves::{Fresh, Move, moves_of};
pub(super) use records::{build, verify};

/// The pages of a shard that were read for one caller.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    generation: u64,
    pages: HashMap<IndexKey, Arc<Slots>>,
}

#[derive(Debug)]
struct Inner {
    fresh: Fresh,
    cache: PageCache,
    /// Changes whenever moves are forgotten: what was read before may be from before the pages had them.
    generation: u64,
}

/// What of the index is in memory.
#[derive(Debug)]
pub(super) struct Index(Mutex<Inner>);

impl Index {
    /// Keeps at most so many bytes of pages in memory.
    pub(super) fn new(cache_bytes: usize) -> Self {
        Self(Mutex::new(Inner {
            fresh: Fresh::default(),
            cache: PageCache::new(cache_bytes),
            generation: 0,
        }))
    }

    /// Commits a transaction and notes what it moves: nobody sees the one without the other.
    pub(super) fn commit(
        &self,
        write: WriteTransaction,
        moves: Vec<Move>,
    ) -> Result<(), redb::CommitError> {
        let mut inner = self.0.lock();
        write.commit()?;
        for moved in moves {
            inner.fresh.note(moved);
        }
        Ok(())
    }

    /// A moment of the tables with the moves that their pages do not have.
    pub(super) fn moment(
        &self,
        begin_read: impl FnOnce() -> Result<ReadTransaction, redb::Error>,
    ) -> Result<(ReadTransaction, Fresh), redb::Error> {
        let inner = self.0.lock();
        Ok((begin_read()?, inner.fresh.clone()))
    }

    /// About how much memory the moves take.
    pub(super) fn fresh_bytes(&self) -> usize {
        self.0.lock().fresh.bytes()
    }

    /// The moves, to be written into the pages.
    pub(super) fn fresh(&self) -> Fresh {
        self.0.lock().fresh.clone()
    }

    /// Forgets the moves: the pages have them. A shard at a time, so that readers wait for no more than one.
    pub(super) fn forget(&self, saved: &Fresh) {
        for shard in saved.shards() {
            let inner = &mut *self.0.lock();
            inner.generation += 1;
            for (key, moves) in inner.fresh.forget(shard).iter() {
                inner.cache.change(shard, key, |page| moves.apply(page));
            }
        }
    }

    /// Forgets everything: the tables are others.
    pub(super) fn clear(&self) {
        let inner = &mut *self.0.lock();
        inner.generation += 1;
        inner.fresh = Fresh::default();
        inner.cache.clear();
    }

    /// The slots of each key, all of one moment, if every page is in memory or among those loaded; else the keys whose
    /// pages are to be loaded with [`Index::load`].
    pub(super) fn read(
        &self,
        app: AppId,
        shard: u16,
        keys: &[IndexKey],
        loaded: &mut Loaded,
    ) -> Result<Vec<Arc<Slots>>, Vec<IndexKey>> {
        let inner = &mut *self.0.lock();
        if loaded.generation == inner.generation {
            for (key, page) in &loaded.pages {
                inner.cache.put((app, shard), key, Arc::clone(page));
            }
        } else {
            loaded.pages.clear();
            loaded.generation = inner.generation;
        }
        let moves = inner.fresh.of((app, shard));
        let mut found = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for key in keys {
            let page = inner.cache.get((app, shard), key);
            match page.or_else(|| loaded.pages.get(key).cloned()) {
                Some(page) => found.push(match moves.and_then(|moves| moves.get(key)) {
                    Some(moves) => moves.apply(&page),
                    None => page,
                }),
                None => missing.push(key.clone()),
            }
        }
        if missing.is_empty() {
            Ok(found)
        } else {
            Err(missing)
        }
    }

    /// Reads pages from tables that were looked at after [`Index::read`] asked for them.
    pub(super) fn load(
        read: &ReadTransaction,
        app: AppId,
        shard: u16,
        missing: Vec<IndexKey>,
        loaded: &mut Loaded,
    ) -> Result<(), redb::Error> {
        let table = read.open_table(INDEX)?;
        for key in missing {
            let page = table.get(page_key(app, shard, &key).as_slice())?;
            let page = page.map(|page| slots(page.value())).transpose()?;
            loaded.pages.insert(key, Arc::new(page.unwrap_or_default()));
        }
        Ok(())
    }
}

/// Writes moves into the pages of the tables.
pub(super) fn write_pages(write: &WriteTransaction, fresh: &Fresh) -> Result<(), redb::Error> {
    let mut table = write.open_table(INDEX)?;
    for shard @ (app, number) in fresh.shards() {
        let Some(moves) = fresh.of(shard) else {
            continue;
        };
        let mut keyed: Vec<_> = moves
            .iter()
            .map(|(key, moves)| (page_key(app, number, key), moves))
            .collect();
        // In the order of the table: neighbours are written together.
        keyed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (key, moves) in keyed {
            let before = table.get(key.as_slice())?;
            let before = before.map(|page| slots(page.value())).transpose()?;
            let after = moves.apply(&Arc::new(before.unwrap_or_default()));
            put_page(&mut table, &key, &after)?;
        }
    }
    Ok(())
}

fn put_page(
    table: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    page: &Slots,
) -> Result<(), redb::Error> {
    if page.is_empty() {
        table.remove(key)?;
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(page.serialized_size());
    page.serialize_into(&mut bytes)?;
    table.insert(key, bytes.as_slice())?;
    Ok(())
}

fn slots(page: &[u8]) -> Result<Slots, redb::Error> {
    Slots::deserialize_from(page).map_err(|error| {
        redb::Error::Corrupted(format!("a page of the index cannot be read: {error}"))
    })
}
