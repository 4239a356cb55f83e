//! A set of slots of one shard: a roaring container that picks its own shape.
//!
//! Invariant: `Few` is strictly ascending and holds at most `FEW_MAX` slots; `Many` counts its own bits.
//! On disk a set is differences, runs or bits, whichever its shape makes smaller, chosen deterministically.

use crate::wire::{DecodeError, Reader, put_varint};

/// Above this, 8 KiB of bits are smaller than two bytes a slot.
const FEW_MAX: usize = 4096;
const WORDS: usize = 1024;

/// A set of `u16`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotSet {
    /// Ascending slots.
    Few(Vec<u16>),
    /// A bit for each of the 65,536 slots.
    Many(Box<Bits>),
}

/// The dense form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    words: [u64; WORDS],
    len: u32,
}

impl Default for SlotSet {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl SlotSet {
    /// Adds a slot; `false` when it was there already.
    #[inline]
    pub fn insert(&mut self, slot: u16) -> bool {
        match self {
            Self::Many(bits) => bits.insert(slot),
            Self::Few(few) => {
                let Err(at) = Self::search(few, slot) else {
                    return false;
                };
                if few.len() == FEW_MAX {
                    let mut bits = Bits::of(few);
                    bits.insert(slot);
                    *self = Self::Many(bits);
                } else {
                    few.insert(at, slot);
                }
                true
            }
        }
    }

    /// Dispatch writes in order, so the end is tried first.
    #[inline]
    fn search(few: &[u16], slot: u16) -> Result<usize, usize> {
        match few.last() {
            Some(last) if *last < slot => Err(few.len()),
            _ => few.binary_search(&slot),
        }
    }

    /// About the bytes on the heap of a set of so many slots.
    pub(crate) fn heap_bytes_of(len: usize) -> usize {
        if len > FEW_MAX {
            size_of::<Bits>()
        } else {
            len * size_of::<u16>()
        }
    }

    /// Adds another set's slots.
    pub fn absorb(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Few(few), Self::Few(more)) if few.len() + more.len() <= FEW_MAX => {
                few.extend_from_slice(more);
                // Two ascending runs: the stable sort merges them in one pass.
                few.sort();
                few.dedup();
            }
            (Self::Many(bits), Self::Many(more)) => bits.absorb(more),
            (set, other) => other.iter().for_each(|slot| {
                set.insert(slot);
            }),
        }
    }

    /// Whether the slot is in the set.
    #[must_use]
    pub fn contains(&self, slot: u16) -> bool {
        match self {
            Self::Few(few) => few.binary_search(&slot).is_ok(),
            Self::Many(bits) => bits.words[usize::from(slot >> 6)] & (1 << (slot & 63)) != 0,
        }
    }

    /// How many slots it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(bits) => bits.len as usize,
        }
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slots, ascending.
    pub fn iter(&self) -> Box<dyn Iterator<Item = u16> + '_> {
        match self {
            Self::Few(few) => Box::new(few.iter().copied()),
            Self::Many(bits) => Box::new(bits.iter()),
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(few) => few.capacity() * 2,
            Self::Many(_) => size_of::<Bits>(),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut stretches = 0usize;
        let mut next = None;
        for slot in self.iter() {
            stretches += usize::from(next != Some(slot));
            next = slot.checked_add(1);
        }
        let start = out.len();
        // A stretch takes two numbers, a slot one.
        if stretches * 2 <= self.len() {
            self.encode_runs(stretches, out)
        } else {
            self.encode_slots(out)
        }
        if out.len() - start > 1 + WORDS * 8 {
            out.truncate(start);
            self.encode_bits(out);
        }
    }

    fn encode_slots(&self, out: &mut Vec<u8>) {
        out.push(FORM_SLOTS);
        put_varint(out, self.len() as u64);
        let mut next = 0;
        for slot in self.iter() {
            put_varint(out, u64::from(u32::from(slot) - next));
            next = u32::from(slot) + 1;
        }
    }

    fn encode_runs(&self, stretches: usize, out: &mut Vec<u8>) {
        out.push(FORM_RUNS);
        put_varint(out, stretches as u64);
        let mut slots = self.iter().map(u32::from).peekable();
        let mut next = 0;
        while let Some(first) = slots.next() {
            let mut last = first;
            while let Some(more) = slots.next_if_eq(&(last + 1)) {
                last = more;
            }
            put_varint(out, u64::from(first - next));
            put_varint(out, u64::from(last - first));
            next = last + 1;
        }
    }

    fn encode_bits(&self, out: &mut Vec<u8>) {
        out.push(FORM_BITS);
        let mut words = [0u64; WORDS];
        for slot in self.iter() {
            words[usize::from(slot >> 6)] |= 1 << (slot & 63);
        }
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut slots = Vec::new();
        match reader.byte()? {
            FORM_BITS => {
                let mut words = [0u64; WORDS];
                for (word, bytes) in words
                    .iter_mut()
                    .zip(reader.take(WORDS * 8)?.chunks_exact(8))
                {
                    *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
                }
                let len = words.iter().map(|word| word.count_ones()).sum();
                let bits = Box::new(Bits { words, len });
                if len as usize > FEW_MAX {
                    return Ok(Self::Many(bits));
                }
                slots.extend(bits.iter());
            }
            form @ (FORM_RUNS | FORM_SLOTS) => {
                let mut next = 0u32;
                for _ in 0..reader.len()? {
                    let first = next
                        .checked_add(reader.u32()?)
                        .and_then(|first| u16::try_from(first).ok());
                    let first = first.ok_or_else(|| reader.impossible("slot"))?;
                    let more = if form == FORM_RUNS { reader.u16()? } else { 0 };
                    let last = first
                        .checked_add(more)
                        .ok_or_else(|| reader.impossible("run of slots"))?;
                    slots.extend(first..=last);
                    next = u32::from(last) + 1;
                }
            }
            _ => return Err(reader.impossible("form of slots")),
        }
        slots.shrink_to_fit();
        Ok(if slots.len() > FEW_MAX {
            Self::Many(Bits::of(&slots))
        } else {
            Self::Few(slots)
        })
    }
}

const FORM_SLOTS: u8 = 0;
const FORM_RUNS: u8 = 1;
const FORM_BITS: u8 = 2;

impl Bits {
    fn of(slots: &[u16]) -> Box<Self> {
        let mut bits = Box::new(Self {
            words: [0; WORDS],
            len: 0,
        });
        for slot in slots {
            bits.insert(*slot);
        }
        bits
    }

    #[inline]
    fn insert(&mut self, slot: u16) -> bool {
        let word = &mut self.words[usize::from(slot >> 6)];
        let bit = 1 << (slot & 63);
        let fresh = *word & bit == 0;
        *word |= bit;
        self.len += u32::from(fresh);
        fresh
    }

    fn absorb(&mut self, other: &Self) {
        self.len = 0;
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
            self.len += word.count_ones();
        }
    }

    fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some((index as u32 * 64 + bit) as u16)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn check(slots: &[u16]) {
        let mut set = SlotSet::default();
        let mut model = BTreeSet::new();
        for slot in slots {
            assert_eq!(set.insert(*slot), model.insert(*slot));
        }
        assert_eq!(set.len(), model.len());
        assert!(set.iter().eq(model.iter().copied()));
        let mut bytes = Vec::new();
        set.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(SlotSet::decode(&mut reader).unwrap(), set);
        assert!(reader.is_empty());
        assert!(bytes.len() <= 1 + WORDS * 8);
    }

    proptest! {
        #[test]
        fn equals_a_naive_set(slots in proptest::collection::vec(any::<u16>(), 0..300)) {
            check(&slots);
        }

        #[test]
        fn a_crowded_set_equals_a_naive_set(seed in any::<u16>(), step in 1..9u16) {
            let slots: Vec<u16> = (0..9000u16).map(|n| seed.wrapping_add(n.wrapping_mul(step))).collect();
            check(&slots);
        }

        #[test]
        fn absorbing_equals_a_naive_union(
            sets in prop::array::uniform2((any::<u16>(), 1..9u16, prop::sample::select(vec![0u16, 40, 4096, 4097, 9000]))),
        ) {
            let slots = sets.map(|(seed, step, len)| (0..len).map(move |n| seed.wrapping_add(n.wrapping_mul(step))));
            let [mut union, other] = slots.clone().map(|slots| {
                let mut set = SlotSet::default();
                slots.for_each(|slot| { set.insert(slot); });
                set
            });
            union.absorb(&other);
            let naive: BTreeSet<u16> = slots.into_iter().flatten().collect();
            prop_assert_eq!(union.len(), naive.len());
            prop_assert!(union.iter().eq(naive));
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SlotSet::decode(&mut Reader::new(&bytes));
        }
    }

    #[test]
    fn a_whole_shard_is_a_few_bytes() {
        let mut set = SlotSet::default();
        for slot in 0..=u16::MAX {
            assert!(set.insert(slot));
        }
        let mut bytes = Vec::new();
        set.encode(&mut bytes);
        assert!(bytes.len() < 8, "{} bytes", bytes.len());
        check(&[0, 65_535]);
    }
}
