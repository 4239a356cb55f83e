//! The marks of a task's shard: which device has which mark, whatever else is kept of it.

mod map;
mod sets;

use std::borrow::Cow;

use pushtally_model::Cell;

use crate::slots::SlotSet;
use crate::wire::{DecodeError, Reader};
use map::SlotMap;
use sets::SetsByCell;

/// The marks of one (task, shard).
#[derive(Debug, Clone)]
pub struct MarksPage(Kept);

#[derive(Debug, Clone)]
enum Kept {
    /// By device: one place in memory for all marks of a device, for scattered ones.
    Map(SlotMap),
    /// By cell: far smaller for crowded ones, and the stored form.
    Sets(SetsByCell),
}

impl Default for MarksPage {
    fn default() -> Self {
        Self(Kept::Map(SlotMap::default()))
    }
}

impl PartialEq for MarksPage {
    fn eq(&self, other: &Self) -> bool {
        *self.sets() == *other.sets()
    }
}

impl Eq for MarksPage {}

impl MarksPage {
    /// Of marks in ascending order of (cell, slot).
    pub(crate) fn of_ordered(marks: impl Iterator<Item = (Cell, u16)>) -> Self {
        Self(Kept::Sets(SetsByCell::of_ordered(marks)))
    }

    /// Marks a slot; `false` when it was marked already.
    #[inline]
    pub fn insert(&mut self, cell: Cell, slot: u16) -> bool {
        match &mut self.0 {
            Kept::Map(map) => {
                if map.is_full() && map.is_crowded() {
                    let mut sets = map.to_sets();
                    let fresh = sets.insert(cell, slot);
                    self.0 = Kept::Sets(sets);
                    return fresh;
                }
                map.insert(cell, slot)
            }
            Kept::Sets(sets) => sets.insert(cell, slot),
        }
    }

    /// Adds another page's marks.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let mut sets = match std::mem::take(self).0 {
            Kept::Map(map) => map.to_sets(),
            Kept::Sets(sets) => sets,
        };
        sets.absorb(&other.sets());
        self.0 = Kept::Sets(sets);
    }

    /// Whether a slot is marked.
    #[must_use]
    pub fn contains(&self, cell: Cell, slot: u16) -> bool {
        match &self.0 {
            Kept::Map(map) => map.contains(cell, slot),
            Kept::Sets(sets) => sets.contains(cell, slot),
        }
    }

    /// The cells that have marks, ascending, with their slots.
    #[must_use]
    pub fn cells(&self) -> Vec<(Cell, Cow<'_, SlotSet>)> {
        match &self.0 {
            Kept::Map(map) => map
                .to_sets()
                .into_cells()
                .map(|(cell, slots)| (cell, Cow::Owned(slots)))
                .collect(),
            Kept::Sets(sets) => sets
                .cells()
                .map(|(cell, slots)| (cell, Cow::Borrowed(slots)))
                .collect(),
        }
    }

    fn sets(&self) -> Cow<'_, SetsByCell> {
        match &self.0 {
            Kept::Map(map) => Cow::Owned(map.to_sets()),
            Kept::Sets(sets) => Cow::Borrowed(sets),
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Kept::Map(map) => map.heap_bytes(),
            Kept::Sets(sets) => sets.heap_bytes(),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.sets().encode(out);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Kept::Sets(SetsByCell::decode(reader)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn check(marks: &[(u8, u16)]) {
        let mut page = MarksPage::default();
        let mut model = BTreeSet::new();
        for (byte, slot) in marks {
            let Some(cell) = Cell::from_byte(*byte) else {
                continue;
            };
            assert_eq!(page.contains(cell, *slot), model.contains(&(cell, *slot)));
            assert_eq!(page.insert(cell, *slot), model.insert((cell, *slot)));
            assert!(page.contains(cell, *slot));
        }
        let ordered = MarksPage::of_ordered(model.iter().copied());
        assert_eq!(page, ordered);
        let listed = page
            .cells()
            .into_iter()
            .flat_map(|(cell, slots)| slots.iter().map(|slot| (cell, slot)).collect::<Vec<_>>());
        assert!(listed.eq(model.iter().copied()));
        let mut bytes = Vec::new();
        page.encode(&mut bytes);
        let read = MarksPage::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read, page);
        for (cell, slot) in &model {
            assert!(read.contains(*cell, *slot));
        }
    }

    proptest! {
        #[test]
        fn equals_a_naive_set(marks in proptest::collection::vec((any::<u8>(), 0..200u16), 0..600)) {
            check(&marks);
        }

        #[test]
        fn crowded_marks_equal_a_naive_set(
            step in 1..9u16, lanes in 1..5u8, channels in 1..3u8, slots in 1..9000u16,
        ) {
            let marks: Vec<(u8, u16)> = (0..slots)
                .flat_map(|n| (0..lanes).map(move |lane| ((1 + (n % u16::from(channels)) as u8) << 3 | lane, n.wrapping_mul(step))))
                .collect();
            check(&marks);
        }
    }
}
