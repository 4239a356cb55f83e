//! The index from a name's hash to its number.
//!
//! A name is known by 96 bits of a hash keyed at random at every start, not by its text: ten million names
//! take 270 MB less, and among a hundred million of them two share a hash with a chance of 1 in 10^13.

use hashbrown::HashTable;
use pushtally_model::AppId;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// Tables that grow on their own, so that growing one holds callers up for a millisecond, not a second.
const SHARDS: usize = 256;
/// Names gathered before they are inserted table by table: each table then comes into the processor's cache once for
/// thousands of names, not once for each.
const GATHERED_MAX: usize = 1 << 20;

/// 96 bits of a name's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameHash(u32, u32, u32);

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: NameHash,
    number: u32,
}

/// Hashes names with a key of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameHasher([u8; 16]);

impl NameHasher {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The hash of a name within its app and class.
    pub(super) fn hash(&self, app: AppId, class: u8, name: &str) -> NameHash {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(&[class]);
        hasher.write(&app.0.to_le_bytes());
        hasher.write(name.as_bytes());
        let hash = hasher.finish128();
        NameHash((hash.h1 >> 32) as u32, hash.h1 as u32, hash.h2 as u32)
    }
}

/// The index. `flag` is one bit kept with a number.
#[derive(Debug)]
pub(super) struct Index {
    shards: Box<[HashTable<Entry>]>,
    /// Numbers whose flag is set: rare, so kept apart.
    flagged: std::collections::BTreeSet<u32>,
}

impl NameHash {
    fn bucket(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.1)
    }

    fn shard(self) -> usize {
        self.2 as usize % SHARDS
    }
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            flagged: Default::default(),
        }
    }

    pub(super) fn find(&self, hash: NameHash) -> Option<(u32, u8)> {
        let found = self.shards[hash.shard()].find(hash.bucket(), |entry| entry.hash == hash)?;
        Some((
            found.number,
            u8::from(!self.flagged.is_empty() && self.flagged.contains(&found.number)),
        ))
    }

    pub(super) fn insert(&mut self, hash: NameHash, number: u32, flag: u8) {
        let entry = Entry { hash, number };
        self.shards[hash.shard()].insert_unique(hash.bucket(), entry, |entry| entry.hash.bucket());
        if flag != 0 {
            self.flagged.insert(number);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }
}

/// Many names on their way into an index, at a start.
#[derive(Debug)]
pub(super) struct Gathered {
    shards: Box<[Vec<Entry>]>,
    len: usize,
}

impl Gathered {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Vec::new()).collect(),
            len: 0,
        }
    }

    /// Adds a name; it is found in the index after [`Self::settle`] at the latest.
    pub(super) fn put(&mut self, index: &mut Index, hash: NameHash, number: u32) {
        self.shards[hash.shard()].push(Entry { hash, number });
        self.len += 1;
        if self.len == GATHERED_MAX {
            self.settle(index);
        }
    }

    /// Inserts all that was gathered.
    pub(super) fn settle(&mut self, index: &mut Index) {
        for (table, entries) in index.shards.iter_mut().zip(&mut self.shards) {
            table.reserve(entries.len(), |entry| entry.hash.bucket());
            for entry in entries.drain(..) {
                table.insert_unique(entry.hash.bucket(), entry, |entry| entry.hash.bucket());
            }
        }
        self.len = 0;
    }
}
