//! Marks by cell: a set of slots each. The crowded form, and the stored one.

use pushtally_model::Cell;

use crate::slots::SlotSet;
use crate::wire::{DecodeError, Reader, put_varint};

/// A set of slots for each cell.
#[derive(Debug, Clone, Default)]
pub(super) struct SetsByCell {
    /// Ascending; `sets` has the same length. Apart, so that finding a cell touches one line of memory.
    cells: Vec<Cell>,
    sets: Vec<SlotSet>,
    /// Bytes of the sets on the heap, kept up to date so that nobody has to walk them.
    sets_bytes: usize,
}

impl PartialEq for SetsByCell {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells && self.sets == other.sets
    }
}

impl SetsByCell {
    /// Of marks in ascending order of (cell, slot).
    pub(super) fn of_ordered(marks: impl Iterator<Item = (Cell, u16)>) -> Self {
        let mut page = Self::default();
        for (cell, slot) in marks {
            if page.cells.last() != Some(&cell) {
                page.cells.push(cell);
                page.sets.push(SlotSet::default());
            }
            if let Some(set) = page.sets.last_mut() {
                set.insert(slot);
            }
        }
        page.weigh();
        page
    }

    fn weigh(&mut self) {
        self.sets_bytes = self.sets.iter().map(SlotSet::heap_bytes).sum();
    }

    /// About what a set of so many slots takes.
    pub(super) fn bytes_of(len: usize) -> usize {
        match len {
            0 => 0,
            len => size_of::<SlotSet>() + SlotSet::heap_bytes_of(len),
        }
    }

    #[inline]
    pub(super) fn insert(&mut self, cell: Cell, slot: u16) -> bool {
        self.change(cell, |set| set.insert(slot))
    }

    /// Changes the slots of a cell.
    #[inline]
    fn change<R>(&mut self, cell: Cell, change: impl FnOnce(&mut SlotSet) -> R) -> R {
        let at = match self.cells.binary_search(&cell) {
            Ok(at) => at,
            Err(at) => {
                self.cells.insert(at, cell);
                self.sets.insert(at, SlotSet::default());
                at
            }
        };
        let set = &mut self.sets[at];
        let before = set.heap_bytes();
        let answer = change(set);
        self.sets_bytes = self.sets_bytes + set.heap_bytes() - before;
        answer
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        for (cell, slots) in other.cells() {
            self.change(cell, |set| set.absorb(slots));
        }
    }

    pub(super) fn contains(&self, cell: Cell, slot: u16) -> bool {
        self.cells
            .binary_search(&cell)
            .is_ok_and(|at| self.sets[at].contains(slot))
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = (Cell, &SlotSet)> {
        self.cells.iter().copied().zip(&self.sets)
    }

    pub(super) fn into_cells(self) -> impl Iterator<Item = (Cell, SlotSet)> {
        self.cells.into_iter().zip(self.sets)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.cells.capacity() + self.sets.capacity() * size_of::<SlotSet>() + self.sets_bytes
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.cells.len() as u64);
        for (cell, slots) in self.cells() {
            out.push(cell.byte());
            slots.encode(out);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut page = Self::default();
        for _ in 0..reader.len()? {
            page.cells
                .push(Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?);
            page.sets.push(SlotSet::decode(reader)?);
        }
        page.weigh();
        if page.cells.is_sorted() {
            Ok(page)
        } else {
            Err(reader.impossible("order of cells"))
        }
    }
}
