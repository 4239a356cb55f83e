//! A second for each of many devices, kept compactly while a task's log is read.
//!
//! Invariant: a piece has as many times as marks, in the order of its slots. A device costs four bytes and its share of a piece
//! of 256 neighbours (some 70 bytes), wherever in a shard it is and in whatever order it comes.

use std::collections::BTreeMap;

use pushtally_model::{Number, Second};

/// Slots of a piece: few enough that making room within it moves at most a kilobyte.
const PIECE_SLOTS: usize = 256;
/// Pieces of a shard.
const PIECES: usize = 65_536 / PIECE_SLOTS;
const WORDS: usize = PIECE_SLOTS / 64;

/// Seconds by device.
#[derive(Debug, Default)]
pub(crate) struct Times {
    shards: BTreeMap<u16, Vec<Option<Box<Piece>>>>,
}

/// Neighbours.
#[derive(Debug, Default)]
struct Piece {
    marks: [u64; WORDS],
    times: Vec<Second>,
}

impl Times {
    /// Keeps a device's second; what it had before stays. Answers whether it is kept now.
    pub(crate) fn put(&mut self, number: Number, at: Second) -> bool {
        let empty = || std::iter::repeat_with(|| None).take(PIECES).collect();
        let pieces = self.shards.entry(number.shard()).or_insert_with(empty);
        let (piece, slot) = place(number);
        let piece = pieces.get_mut(piece).map(Option::get_or_insert_default);
        piece.is_some_and(|piece| piece.put(slot, at))
    }

    /// A device's second.
    pub(crate) fn get(&self, number: Number) -> Option<Second> {
        let (piece, slot) = place(number);
        let piece = self.shards.get(&number.shard())?.get(piece)?.as_ref()?;
        piece.times.get(piece.find(slot)?).copied()
    }

    /// The same, which is not kept any more.
    pub(crate) fn take(&mut self, number: Number) -> Option<Second> {
        let (place_of, slot) = place(number);
        let kept = self.shards.get_mut(&number.shard())?.get_mut(place_of)?;
        let piece = kept.as_mut()?;
        let at = piece.find(slot)?;
        let time = piece.times.remove(at);
        if let Some(word) = piece.marks.get_mut(slot / 64) {
            *word &= !(1 << (slot % 64));
        }
        if piece.times.is_empty() {
            *kept = None;
        }
        Some(time)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let pieces = self.shards.values().flatten().flatten();
        let bytes =
            |piece: &Piece| size_of::<Piece>() + piece.times.capacity() * size_of::<Second>();
        let tables = self.shards.len() * PIECES * size_of::<Option<Box<Piece>>>();
        tables + pieces.map(|piece| bytes(piece)).sum::<usize>()
    }
}

/// The piece of a shard that a device is in, and its slot there.
fn place(number: Number) -> (usize, usize) {
    let slot = usize::from(number.slot());
    (slot / PIECE_SLOTS, slot % PIECE_SLOTS)
}

impl Piece {
    fn is_marked(&self, slot: usize) -> bool {
        let word = self.marks.get(slot / 64);
        word.is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// How many marked slots are before one.
    fn rank(&self, slot: usize) -> usize {
        let whole = self.marks.iter().take(slot / 64);
        let whole: u32 = whole.map(|word| word.count_ones()).sum();
        let below = (1u64 << (slot % 64)) - 1;
        let part = self.marks.get(slot / 64).map_or(0, |word| word & below);
        (whole + part.count_ones()) as usize
    }

    fn find(&self, slot: usize) -> Option<usize> {
        self.is_marked(slot).then(|| self.rank(slot))
    }

    fn put(&mut self, slot: usize, at: Second) -> bool {
        if self.is_marked(slot) {
            return false;
        }
        // Doubling would hold as much again; broadcasts fill pieces.
        if self.times.len() == self.times.capacity() {
            self.times.reserve_exact(self.times.len() / 4 + 4);
        }
        let rank = self.rank(slot);
        self.times.insert(rank, at);
        if let Some(word) = self.marks.get_mut(slot / 64) {
            *word |= 1 << (slot % 64);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_naive_map(acts in proptest::collection::vec((0..2u32, 0..600u32, any::<u32>(), any::<bool>()), 0..400)) {
            let (mut times, mut model) = (Times::default(), BTreeMap::new());
            for (shard, slot, at, takes) in acts {
                // Far apart and close together.
                let number = Number((shard << 16) + if at % 2 == 0 { slot } else { slot * 109 });
                prop_assert_eq!(times.get(number), model.get(&number).copied());
                if takes {
                    prop_assert_eq!(times.take(number), model.remove(&number));
                } else {
                    prop_assert_eq!(times.put(number, Second(at)), !model.contains_key(&number));
                    model.entry(number).or_insert(Second(at));
                }
            }
            for (number, at) in model {
                prop_assert_eq!(times.take(number), Some(at));
            }
            let tables = times.shards.len() * PIECES * 8;
            prop_assert_eq!(times.heap_bytes(), tables);
        }
    }

    #[test]
    fn a_device_of_a_broadcast_takes_some_five_bytes_in_whatever_order_it_comes() {
        const DEVICES: u32 = 262_144;
        for step in [1, 40_503] {
            let mut times = Times::default();
            for n in 0..DEVICES {
                assert!(times.put(Number(n.wrapping_mul(step) % DEVICES), Second(n)));
            }
            let each = times.heap_bytes() as f64 / f64::from(DEVICES);
            assert!(each < 5.5, "{each} bytes");
        }
    }
}
