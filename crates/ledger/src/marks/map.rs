//! Marks by device: a hash table in one piece of memory.
//!
//! Invariant: an entry is (slot, route and channel, lanes); each (slot, route and channel) once, no lanes is an empty
//! place, and at most three quarters of the places are taken. A device's planned, sent, delivered and clicked on one
//! channel are one entry, so that marking them touches one line of memory.

use pushtally_model::{Cell, Lane};

use super::sets::SetsByCell;

const LEN_MIN: usize = 16;
/// Below this a table is small whatever it holds.
const CROWDED_LEN_MIN: usize = 1024;
/// A table that would take so many times the memory of sets is given up for them.
const CROWDED_FACTOR: usize = 4;
/// Fibonacci hashing: neighbouring slots land far apart.
const MIX: u32 = 0x9E37_79B9;

/// A table of marks.
#[derive(Debug, Clone, Default)]
pub(super) struct SlotMap {
    /// A power of two of them, or none.
    entries: Vec<u32>,
    taken: usize,
}

fn key(cell: Cell, slot: u16) -> u32 {
    u32::from(slot) << 16 | u32::from(cell.byte() >> 3) << 8
}

fn lane(cell: Cell) -> u32 {
    1 << (cell.byte() & 7)
}

impl SlotMap {
    /// The place of a key: where it is, or the empty place where it would be.
    #[inline]
    fn place(&self, key: u32) -> usize {
        let mask = self.entries.len() - 1;
        let shift = 32 - self.entries.len().trailing_zeros();
        let mut at = ((key >> 8).wrapping_mul(MIX) >> shift) as usize;
        loop {
            let entry = self.entries[at];
            if entry == 0 || entry & !0xFF == key {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    pub(super) fn contains(&self, cell: Cell, slot: u16) -> bool {
        !self.entries.is_empty() && self.entries[self.place(key(cell, slot))] & lane(cell) != 0
    }

    /// Marks a slot; `false` when it was marked already.
    #[inline]
    pub(super) fn insert(&mut self, cell: Cell, slot: u16) -> bool {
        if self.is_full() {
            self.grow();
        }
        let (key, lane) = (key(cell, slot), lane(cell));
        let at = self.place(key);
        let entry = self.entries[at];
        self.taken += usize::from(entry == 0);
        self.entries[at] = entry | key | lane;
        entry & lane == 0
    }

    /// Whether the next entry needs a larger table.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.taken >= self.entries.len() / 4 * 3
    }

    /// Whether sets would be far smaller than the next larger table.
    pub(super) fn is_crowded(&self) -> bool {
        if self.entries.len() < CROWDED_LEN_MIN {
            return false;
        }
        let mut lens = [0usize; 256];
        for entry in self.entries.iter().filter(|entry| **entry != 0) {
            for lane in 0..Lane::ALL.len() {
                let cell = (entry >> 8 & 0x1F) as usize * 8 + lane;
                lens[cell] += (entry >> lane & 1) as usize;
            }
        }
        let sets: usize = lens.iter().map(|len| SetsByCell::bytes_of(*len)).sum();
        sets * CROWDED_FACTOR < self.entries.len() * 2 * size_of::<u32>()
    }

    #[cold]
    fn grow(&mut self) {
        let len = (self.entries.len() * 2).max(LEN_MIN);
        let old = std::mem::replace(&mut self.entries, vec![0; len]);
        for entry in old.into_iter().filter(|entry| *entry != 0) {
            let at = self.place(entry & !0xFF);
            self.entries[at] = entry;
        }
    }

    /// The same marks by cell.
    pub(super) fn to_sets(&self) -> SetsByCell {
        let mut marks: Vec<(Cell, u16)> = Vec::with_capacity(self.taken * 2);
        for entry in self.entries.iter().filter(|entry| **entry != 0) {
            let first = ((entry >> 8 & 0x1F) as u8) << 3;
            let lanes = (0..Lane::ALL.len() as u8).filter(|lane| entry >> lane & 1 == 1);
            let cells = lanes.filter_map(|lane| Cell::from_byte(first | lane));
            marks.extend(cells.map(|cell| (cell, (entry >> 16) as u16)));
        }
        marks.sort_unstable();
        SetsByCell::of_ordered(marks.into_iter())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<u32>()
    }
}
