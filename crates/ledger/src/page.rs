//! Pages: the units in which the state is cached, snapshotted and evicted.

use pushtally_model::{AppId, Kind, Scope, TaskNumber};

use crate::days::TotalPage;
use crate::marks::MarksPage;
use crate::rows::{self, DayPage};
use crate::task::TaskPage;
use crate::wire::{DecodeError, Reader};

/// The newest page format this release reads and the one it writes.
const FORMAT: u8 = 1;

/// Names a page. The order is the order of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageKey {
    /// Day counts and counters of an app's kind.
    Total(AppId, Kind),
    /// A task's head.
    Task(TaskNumber),
    /// The marks of a task's shard.
    Marks(TaskNumber, u16),
    /// The rows of an app's kind on a day.
    TotalRows(AppId, Kind, u32),
    /// The rows of a task on a day.
    TaskRows(TaskNumber, u32),
}

impl PageKey {
    /// Length of the stored form.
    pub const LEN: usize = 9;

    /// The rows of a scope on a day.
    #[must_use]
    pub const fn rows(scope: Scope, day: u32) -> Self {
        match scope {
            Scope::Overall(app, kind) => Self::TotalRows(app, kind, day),
            Scope::Task(task) => Self::TaskRows(task, day),
        }
    }

    /// The stored form: bytes that order as the keys do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let (class, a, b) = match self {
            Self::Total(app, Kind::Push) => (0, app.0, 0),
            Self::Total(app, Kind::Message) => (0, app.0, 1),
            Self::Task(task) => (1, task.0, 0),
            Self::Marks(task, shard) => (2, task.0, shard.into()),
            Self::TotalRows(app, kind, day) => {
                (3, app.0, u32::from(kind == Kind::Message) << 31 | day)
            }
            Self::TaskRows(task, day) => (4, task.0, day),
        };
        let mut bytes = [0; Self::LEN];
        bytes[0] = class;
        bytes[1..5].copy_from_slice(&u32::to_be_bytes(a));
        bytes[5..].copy_from_slice(&u32::to_be_bytes(b));
        bytes
    }

    /// Reads the stored form; `None` for one that no version writes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Option<Self> {
        let [class, a0, a1, a2, a3, b0, b1, b2, b3] = bytes;
        let (a, b) = (
            u32::from_be_bytes([a0, a1, a2, a3]),
            u32::from_be_bytes([b0, b1, b2, b3]),
        );
        Some(match (class, b) {
            (0, 0) => Self::Total(AppId(a), Kind::Push),
            (0, 1) => Self::Total(AppId(a), Kind::Message),
            (1, 0) => Self::Task(TaskNumber(a)),
            (2, b) => Self::Marks(TaskNumber(a), u16::try_from(b).ok()?),
            (3, day) if day >> 31 == 0 => Self::TotalRows(AppId(a), Kind::Push, day),
            (3, day) => Self::TotalRows(AppId(a), Kind::Message, day & !(1 << 31)),
            (4, day) => Self::TaskRows(TaskNumber(a), day),
            _ => return None,
        })
    }
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Of `PageKey::Total`.
    Total(TotalPage),
    /// Of `PageKey::Task`.
    Task(TaskPage),
    /// Of `PageKey::Marks`.
    Marks(MarksPage),
    /// Of `PageKey::TotalRows` and `PageKey::TaskRows`.
    Rows(Box<DayPage>),
    /// The page was dropped; a snapshot stores its absence.
    Gone,
}

impl Page {
    /// Approximate bytes of memory, for the cache's bound.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Total(page) => page.heap_bytes(),
                Self::Task(page) => page.heap_bytes(),
                Self::Marks(page) => page.heap_bytes(),
                Self::Rows(page) => page.heap_bytes(),
                Self::Gone => 0,
            }
    }

    /// Adds what a newer addition of the same key holds.
    pub fn absorb(&mut self, newer: Self) {
        match (&mut *self, newer) {
            (Self::Total(page), Self::Total(newer)) => page.absorb(&newer),
            (Self::Task(page), Self::Task(newer)) => page.absorb(newer),
            (Self::Marks(page), Self::Marks(newer)) => page.absorb(&newer),
            (Self::Rows(page), Self::Rows(newer)) => page.absorb(&newer),
            (page, newer) => *page = newer,
        }
    }

    /// Appends the stored form; nothing for a page that is gone.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Gone => return,
            Self::Total(_) | Self::Task(_) | Self::Marks(_) | Self::Rows(_) => out.push(FORMAT),
        }
        match self {
            Self::Total(page) => page.encode(out),
            Self::Task(page) => page.encode(out),
            Self::Marks(page) => page.encode(out),
            Self::Rows(page) => page.encode(out),
            Self::Gone => {}
        }
    }

    /// Appends the stored form of what several stored forms of one key make up, oldest first.
    pub fn unite(key: PageKey, stored: &[&[u8]], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        // Rows are summed as they are stored; as pages they would be put into the order of time and back again.
        if let PageKey::TotalRows(..) | PageKey::TaskRows(..) = key {
            let mut readers = Vec::with_capacity(stored.len());
            for bytes in stored {
                let mut reader = Reader::new(bytes);
                check_format(&mut reader)?;
                readers.push(reader);
            }
            out.push(FORMAT);
            rows::unite(&mut readers, out)?;
            return readers.iter().try_for_each(check_end);
        }
        let mut page = Self::Gone;
        for bytes in stored {
            page.absorb(Self::decode(key, bytes)?);
        }
        page.encode(out);
        Ok(())
    }

    /// Reads the stored form of the page that the key names.
    pub fn decode(key: PageKey, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        check_format(&mut reader)?;
        let page = match key {
            PageKey::Total(..) => Self::Total(TotalPage::decode(&mut reader)?),
            PageKey::Task(_) => Self::Task(TaskPage::decode(&mut reader)?),
            PageKey::Marks(..) => Self::Marks(MarksPage::decode(&mut reader)?),
            PageKey::TotalRows(..) | PageKey::TaskRows(..) => {
                Self::Rows(Box::new(DayPage::decode(&mut reader)?))
            }
        };
        check_end(&reader)?;
        Ok(page)
    }
}

fn check_format(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match reader.byte()? {
        found if found > FORMAT => Err(DecodeError::Newer {
            found,
            known: FORMAT,
        }),
        _ => Ok(()),
    }
}

fn check_end(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.is_empty() {
        Ok(())
    } else {
        Err(reader.impossible("tail"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Delta, sum_equal};
    use proptest::prelude::*;
    use pushtally_model::{Cell, LossId, Second};

    fn key() -> impl Strategy<Value = PageKey> {
        (0..5u8, 0..3u32, any::<bool>(), 0..3u16).prop_map(|(class, a, message, b)| {
            let kind = if message { Kind::Message } else { Kind::Push };
            match class {
                0 => PageKey::Total(AppId(a), kind),
                1 => PageKey::Task(TaskNumber(a)),
                2 => PageKey::Marks(TaskNumber(a), b),
                3 => PageKey::TotalRows(AppId(a), kind, b.into()),
                _ => PageKey::TaskRows(TaskNumber(a), b.into()),
            }
        })
    }

    fn check_unite(key: PageKey, parts: &[Page]) {
        let encoded = |page: &Page| {
            let mut bytes = Vec::new();
            page.encode(&mut bytes);
            bytes
        };
        let stored: Vec<Vec<u8>> = parts.iter().map(encoded).collect();
        let stored: Vec<&[u8]> = stored.iter().map(Vec::as_slice).collect();
        let mut united = Vec::new();
        Page::unite(key, &stored, &mut united).unwrap();
        let mut absorbed = Page::Gone;
        parts.iter().for_each(|part| absorbed.absorb(part.clone()));
        assert_eq!(united, encoded(&absorbed));
    }

    proptest! {
        #[test]
        fn uniting_stored_marks_equals_absorbing_them(
            parts in proptest::collection::vec(proptest::collection::vec((0..64u8, 0..300u16), 0..200), 1..5),
        ) {
            let page = |marks: &Vec<(u8, u16)>| {
                let mut page = MarksPage::default();
                for (byte, slot) in marks {
                    if let Some(cell) = Cell::from_byte(*byte) {
                        page.insert(cell, *slot);
                    }
                }
                Page::Marks(page)
            };
            check_unite(PageKey::Marks(TaskNumber(1), 0), &parts.iter().map(page).collect::<Vec<_>>());
        }

        #[test]
        fn uniting_stored_rows_equals_absorbing_them(
            parts in proptest::collection::vec(proptest::collection::vec((0..86_400u32, 0..5u8, 0..3u32, 1..4u32), 0..200), 1..5),
        ) {
            let page = |rows: &Vec<(u32, u8, u32, u32)>| {
                let delta = |(at, cell, loss, count): &(u32, u8, u32, u32)| {
                    let (at, cell, loss) = (Second(*at), Cell::from_byte(*cell)?, LossId(*loss));
                    Some(Delta { at, cell, loss, count: *count })
                };
                let mut page = DayPage::default();
                page.add(&sum_equal(rows.iter().filter_map(delta).collect()));
                Page::Rows(Box::new(page))
            };
            check_unite(PageKey::TaskRows(TaskNumber(1), 0), &parts.iter().map(page).collect::<Vec<_>>());
        }

        #[test]
        fn stored_keys_order_as_keys_do(a in key(), b in key()) {
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(PageKey::from_bytes(a.to_bytes()), Some(a));
        }
    }
}
