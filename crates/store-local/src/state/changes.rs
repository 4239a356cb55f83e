//! What a transaction changes, as bytes: rows put and rows removed, in order. One transaction is one frame of the log.
//!
//! Invariant: a frame says what rows are afterwards, not how they came to be; applied once more, or to tables that have
//! it already, it changes nothing.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use redb::{Key, StorageError, Table, Value};

/// The version of every frame that this release writes.
const V1: u8 = 1;
const REMOVED: u8 = 0;
const PUT: u8 = 1;

/// The rows that were there before a transaction, of those that it changed: by table and key, `None` where there was none.
pub(super) type Before = HashMap<(u8, Vec<u8>), Option<Vec<u8>>>;

/// The changes of one transaction.
#[derive(Debug, Default)]
pub(super) struct Changes {
    bytes: RefCell<Vec<u8>>,
    before: RefCell<Before>,
}

impl Changes {
    /// Its bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    /// The frame; `None` when nothing changed.
    pub(super) fn into_frame(self) -> Option<Vec<u8>> {
        Some(self.bytes.into_inner()).filter(|bytes| !bytes.is_empty())
    }

    /// What the changed rows of the tables that are watched were before.
    pub(super) fn take_before(&self) -> Before {
        self.before.take()
    }

    /// The first change of a row says what it was.
    fn keep(&self, table: u8, key: &[u8], row: Option<Vec<u8>>) {
        let mut before = self.before.borrow_mut();
        before.entry((table, key.to_vec())).or_insert(row);
    }

    fn note(&self, table: u8, key: &[u8], value: Option<&[u8]>) {
        let mut bytes = self.bytes.borrow_mut();
        if bytes.is_empty() {
            bytes.push(V1);
        }
        bytes.extend([table, if value.is_some() { PUT } else { REMOVED }]);
        for part in [Some(key), value].into_iter().flatten() {
            // A row is far shorter than 4 GiB: redb refuses longer ones, and requests are bounded.
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
    }
}

/// One change, read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change<'a> {
    pub(super) table: u8,
    pub(super) key: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

/// The changes of a frame, in order; `None` in place of one that cannot be read.
pub(super) fn read(frame: &[u8]) -> impl Iterator<Item = Option<Change<'_>>> {
    let mut rest = match frame.split_first() {
        Some((&V1, rest)) => Some(rest),
        _ => None,
    };
    let mut refused = rest.is_none();
    std::iter::from_fn(move || {
        if std::mem::take(&mut refused) {
            return Some(None);
        }
        let bytes = rest.take().filter(|bytes| !bytes.is_empty())?;
        let change = read_one(bytes);
        rest = change.map(|(_, rest)| rest);
        Some(change.map(|(change, _)| change))
    })
}

fn read_one(bytes: &[u8]) -> Option<(Change<'_>, &[u8])> {
    let (&[table, act], rest) = bytes.split_first_chunk()?;
    let (key, rest) = read_part(rest)?;
    let (value, rest) = match act {
        REMOVED => (None, rest),
        PUT => {
            let (value, rest) = read_part(rest)?;
            (Some(value), rest)
        }
        _ => return None,
    };
    Some((Change { table, key, value }, rest))
}

fn read_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// A table whose changes are noted. Reads go to the table itself.
pub(super) struct Noted<'t, K: Key + 'static, V: Value + 'static> {
    table: Table<'t, K, V>,
    id: u8,
    changes: &'t Changes,
    /// Whether rows are kept as they were before.
    watched: bool,
}

impl<'t, K: Key + 'static, V: Value + 'static> Noted<'t, K, V> {
    pub(super) const fn new(
        table: Table<'t, K, V>,
        id: u8,
        changes: &'t Changes,
        watched: bool,
    ) -> Self {
        Self {
            table,
            id,
            changes,
            watched,
        }
    }

    fn put<'k, 'v>(
        &mut self,
        key: &K::SelfType<'k>,
        value: &V::SelfType<'v>,
    ) -> Result<(), StorageError> {
        let before = self.table.insert(key, value)?;
        if self.watched {
            let row = before.map(|row| V::as_bytes(&row.value()).as_ref().to_vec());
            self.changes.keep(self.id, K::as_bytes(key).as_ref(), row);
        }
        Ok(())
    }

    fn take(&mut self, key: &K::SelfType<'_>) -> Result<(), StorageError> {
        let before = self.table.remove(key)?;
        if self.watched {
            let row = before.map(|row| V::as_bytes(&row.value()).as_ref().to_vec());
            self.changes.keep(self.id, K::as_bytes(key).as_ref(), row);
        }
        Ok(())
    }

    /// Puts a row, replacing one of the same key.
    pub(super) fn insert<'k, 'v>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
        value: impl Borrow<V::SelfType<'v>>,
    ) -> Result<(), StorageError> {
        let (key, value) = (key.borrow(), value.borrow());
        let (key_bytes, value_bytes) = (K::as_bytes(key), V::as_bytes(value));
        self.changes
            .note(self.id, key_bytes.as_ref(), Some(value_bytes.as_ref()));
        self.put(key, value)
    }

    /// Removes a row, if it is there.
    pub(super) fn remove<'k>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<(), StorageError> {
        let key = key.borrow();
        self.changes.note(self.id, K::as_bytes(key).as_ref(), None);
        self.take(key)
    }

    /// Makes a change that was read back; `false` when its bytes cannot be of this table.
    pub(super) fn apply(&mut self, change: &Change<'_>) -> Result<bool, StorageError> {
        let fits =
            |width: Option<usize>, bytes: &[u8]| width.is_none_or(|width| width == bytes.len());
        if !fits(K::fixed_width(), change.key) {
            return Ok(false);
        }
        match change.value {
            Some(value) if fits(V::fixed_width(), value) => {
                self.put(&K::from_bytes(change.key), &V::from_bytes(value))?;
            }
            Some(_) => return Ok(false),
            None => self.take(&K::from_bytes(change.key))?,
        }
        Ok(true)
    }
}

impl<'t, K: Key + 'static, V: Value + 'static> Deref for Noted<'t, K, V> {
    type Target = Table<'t, K, V>;

    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn changes_survive_their_bytes(rows in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..9), prop::option::of(prop::collection::vec(any::<u8>(), 0..9))), 1..9,
        )) {
            let changes = Changes::default();
            for (table, key, value) in &rows {
                changes.note(*table, key, value.as_deref());
            }
            let frame = changes.into_frame().unwrap();
            let found: Option<Vec<Change<'_>>> = read(&frame).collect();
            let expected = rows.iter().map(|(table, key, value)| Change {
                table: *table,
                key,
                value: value.as_deref(),
            });
            prop_assert_eq!(found, Some(expected.collect()));
        }

        #[test]
        fn arbitrary_bytes_end_without_panic(frame in prop::collection::vec(0..3u8, 0..40)) {
            prop_assert!(read(&frame).count() <= frame.len() + 1);
        }
    }

    #[test]
    fn frames_of_another_version_and_cut_frames_are_refused() {
        assert_eq!(Changes::default().into_frame(), None);
        for frame in [&[][..], &[2], &[V1, 3, PUT], &[V1, 3, 7, 0, 0, 0, 0]] {
            assert_eq!(read(frame).last(), Some(None), "{frame:?}");
        }
    }
}
