//! The index from a name's hash to its number.
//!
//! A name is known by 96 bits of a hash keyed at random at every start, not by its text: ten million names
//! take 270 MB less, and among a hundred million of them two share a hash with a chance of 1 in 10^13.

mod table;

use pushtally_model::AppId;
use siphasher::sip128::SipHasher13;
use table::Table;

/// Tables that grow on their own, so that growing one holds callers up for a millisecond, not a second.
const SHARDS: usize = 256;
/// Names gathered before they are inserted table by table: each table then comes into the processor's cache once for
/// thousands of names, not once for each.
const GATHERED_MAX: usize = 1 << 20;
/// Bytes of the longest name that is hashed without an allocation, with its app and class.
const SHORT_LEN_MAX: usize = 160;

/// 96 bits of a name's hash. The second part is never 0, which marks an empty place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameHash(u32, u32, u32);

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: NameHash,
    number: u32,
}

/// Hashes names with a key of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameHasher(SipHasher13);

impl NameHasher {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&key))
    }

    /// The hash of a name within its app and class. One piece, which is hashed faster than three.
    pub(super) fn hash(&self, app: AppId, class: u8, name: &str) -> NameHash {
        let [a, b, c, d] = app.0.to_le_bytes();
        let head = [class, a, b, c, d];
        let mut short = [0; SHORT_LEN_MAX];
        let hash = match short.get_mut(..head.len() + name.len()) {
            Some(bytes) => {
                let (start, rest) = bytes.split_at_mut(head.len());
                start.copy_from_slice(&head);
                rest.copy_from_slice(name.as_bytes());
                self.0.hash(bytes)
            }
            None => self.0.hash(&[&head, name.as_bytes()].concat()),
        };
        let second = (hash.h1 as u32).max(1);
        NameHash((hash.h1 >> 32) as u32, second, hash.h2 as u32)
    }
}

/// The index. `flag` is one bit kept with a number.
#[derive(Debug)]
pub(super) struct Index {
    shards: Box<[Table]>,
    /// Numbers whose flag is set: rare, so kept apart.
    flagged: std::collections::BTreeSet<u32>,
}

impl NameHash {
    fn shard(self) -> usize {
        self.2 as usize % SHARDS
    }
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Table::default()).collect(),
            flagged: Default::default(),
        }
    }

    pub(super) fn find(&self, hash: NameHash) -> Option<(u32, u8)> {
        let number = self.shards[hash.shard()].find(hash)?;
        let flag = !self.flagged.is_empty() && self.flagged.contains(&number);
        Some((number, u8::from(flag)))
    }

    /// The numbers of names that are all known. Where each is likely to be is read first, for all of them and with no
    /// decision between, so that the processor waits for memory once and not for one name after the other.
    pub(super) fn find_all(&self, hashes: &[NameHash]) -> Option<Vec<u32>> {
        let likely: Vec<Entry> = hashes
            .iter()
            .map(|hash| self.shards[hash.shard()].first(*hash))
            .collect();
        let found = hashes.iter().zip(&likely).map(|(hash, entry)| {
            if entry.hash == *hash {
                Some(entry.number)
            } else {
                self.shards[hash.shard()].find(*hash)
            }
        });
        found.collect()
    }

    pub(super) fn insert(&mut self, hash: NameHash, number: u32, flag: u8) {
        self.shards[hash.shard()].insert(Entry { hash, number });
        if flag != 0 {
            self.flagged.insert(number);
        }
    }

    /// Takes a name away; whether it was there.
    pub(super) fn remove(&mut self, hash: NameHash) -> bool {
        self.shards[hash.shard()].remove(hash)
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(Table::len).sum()
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(Table::bytes).sum()
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
            table.reserve(entries.len());
            entries.drain(..).for_each(|entry| table.insert(entry));
        }
        self.len = 0;
    }
}
