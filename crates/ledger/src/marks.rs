//! The marks of a task's shard: which device has which mark, whatever else is kept of it.

use pushtally_model::Cell;

use crate::slots::SlotSet;
use crate::wire::{DecodeError, Reader, put_varint};

/// The marks of one (task, shard): a set of slots for each cell.
#[derive(Debug, Clone, Default)]
pub struct MarksPage {
    /// Ascending; `sets` has the same length. Apart, so that finding a cell touches one line of memory.
    cells: Vec<Cell>,
    sets: Vec<SlotSet>,
    /// Bytes of the sets on the heap, kept up to date so that nobody has to walk them.
    sets_bytes: usize,
}

impl PartialEq for MarksPage {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells && self.sets == other.sets
    }
}

impl Eq for MarksPage {}

impl MarksPage {
    /// Marks a slot; `false` when it was marked already.
    #[inline]
    pub fn insert(&mut self, cell: Cell, slot: u16) -> bool {
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

    /// Adds another page's marks.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (cell, slots) in other.cells() {
            self.change(cell, |set| set.absorb(slots));
        }
    }

    /// Whether a slot is marked.
    #[must_use]
    pub fn contains(&self, cell: Cell, slot: u16) -> bool {
        self.cells
            .binary_search(&cell)
            .is_ok_and(|at| self.sets[at].contains(slot))
    }

    /// The cells that have marks, ascending.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, &SlotSet)> {
        self.cells.iter().copied().zip(&self.sets)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.cells.capacity() + self.sets.capacity() * size_of::<SlotSet>() + self.sets_bytes
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.cells.len() as u64);
        for (cell, slots) in self.cells() {
            out.push(cell.byte());
            slots.encode(out);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut page = Self::default();
        for _ in 0..reader.len()? {
            page.cells
                .push(Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?);
            page.sets.push(SlotSet::decode(reader)?);
        }
        page.sets_bytes = page.sets.iter().map(SlotSet::heap_bytes).sum();
        if page.cells.is_sorted() {
            Ok(page)
        } else {
            Err(reader.impossible("order of cells"))
        }
    }
}
