//! The payload of one group commit: the calls that were pushed together, and how many came before them.
//!
//! Calls before (8), their bytes (8), count (4), a length (4) for each, then the calls; little-endian. The two totals
//! run from the first call that the queue ever had, so that a backlog is a subtraction.

use super::{BATCH_CALLS_MAX, BATCH_LEN_MAX};

const HEAD_LEN: usize = 20;
/// What a call's length takes.
const LEN_LEN: usize = 4;
/// How far a call's number is shifted to leave room for its place in the batch.
const INDEX_BITS: u32 = 16;

const _: () = assert!(
    BATCH_CALLS_MAX <= 1 << INDEX_BITS,
    "every call of a batch has a number"
);

/// Calls and bytes counted from the beginning of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) calls: u64,
    pub(super) bytes: u64,
}

/// What a call adds to the bytes of a queue.
pub(super) fn stored_len(call: &[u8]) -> u64 {
    (call.len() + LEN_LEN) as u64
}

/// The number of a call, from its frame's position and its place in it.
pub(super) fn number(position: u64, index: usize) -> u64 {
    (position << INDEX_BITS) | index as u64
}

/// The position of the frame that holds a call, and the call's place in it.
pub(super) fn place_of(number: u64) -> (u64, usize) {
    (
        number >> INDEX_BITS,
        (number & ((1 << INDEX_BITS) - 1)) as usize,
    )
}

/// A batch that is being filled.
#[derive(Debug, Default)]
pub(super) struct Batch {
    lens: Vec<u8>,
    calls: Vec<u8>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.lens.len() / LEN_LEN
    }

    /// The bytes that it adds to its queue.
    pub(super) fn bytes(&self) -> u64 {
        (self.lens.len() + self.calls.len()) as u64
    }

    pub(super) fn has_room_for(&self, call: &[u8]) -> bool {
        self.len() < BATCH_CALLS_MAX && self.calls.len() + call.len() <= BATCH_LEN_MAX
    }

    /// Adds a call and answers its place.
    pub(super) fn add(&mut self, call: &[u8]) -> usize {
        let index = self.len();
        self.lens
            .extend_from_slice(&(call.len() as u32).to_le_bytes());
        self.calls.extend_from_slice(call);
        index
    }

    pub(super) fn encode(&self, before: Totals) -> Vec<u8> {
        let count = (self.len() as u32).to_le_bytes();
        let (calls, bytes) = (before.calls.to_le_bytes(), before.bytes.to_le_bytes());
        [&calls[..], &bytes, &count, &self.lens, &self.calls].concat()
    }
}

/// A batch as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchRef<'a> {
    pub(super) before: Totals,
    lens: &'a [u8],
    calls: &'a [u8],
}

impl<'a> BatchRef<'a> {
    /// `None` when the bytes are not a batch.
    pub(super) fn decode(payload: &'a [u8]) -> Option<Self> {
        let (head, rest) = payload.split_first_chunk::<HEAD_LEN>()?;
        let (calls, head) = head.split_first_chunk::<8>()?;
        let (bytes, count) = head.split_first_chunk::<8>()?;
        let before = Totals {
            calls: u64::from_le_bytes(*calls),
            bytes: u64::from_le_bytes(*bytes),
        };
        let count = u32::from_le_bytes(count.try_into().ok()?) as usize;
        let (lens, calls) = rest.split_at_checked(count.checked_mul(LEN_LEN)?)?;
        let batch = Self {
            before,
            lens,
            calls,
        };
        (batch.lens().sum::<usize>() == calls.len()).then_some(batch)
    }

    fn lens(&self) -> impl Iterator<Item = usize> + use<'a> {
        let (lens, _) = self.lens.as_chunks::<LEN_LEN>();
        lens.iter().map(|len| u32::from_le_bytes(*len) as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.lens.len() / LEN_LEN
    }

    /// The calls in order.
    pub(super) fn calls(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.calls;
        self.lens().map_while(move |len| {
            let (call, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(call)
        })
    }

    /// The totals after its first `count` calls.
    pub(super) fn totals_after(&self, count: usize) -> Totals {
        let count = count.min(self.len());
        let bytes: usize = self.lens().take(count).map(|len| len + LEN_LEN).sum();
        Totals {
            calls: self.before.calls + count as u64,
            bytes: self.before.bytes + bytes as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_survive_encoding_and_anything_shorter_is_none() {
        let mut batch = Batch::default();
        let calls: [&[u8]; 4] = [b"one", b"", b"three", b"4"];
        for (index, call) in calls.into_iter().enumerate() {
            assert!(batch.has_room_for(call));
            assert_eq!(batch.add(call), index);
        }
        let before = Totals {
            calls: 7,
            bytes: 70,
        };
        let payload = batch.encode(before);
        let read = BatchRef::decode(&payload).unwrap();
        assert_eq!(read.calls().collect::<Vec<_>>(), calls);
        assert_eq!(read.totals_after(0), before);
        assert_eq!(
            read.totals_after(2),
            Totals {
                calls: 9,
                bytes: 81
            }
        );
        let after = Totals {
            calls: 11,
            bytes: 70 + batch.bytes(),
        };
        assert_eq!(read.totals_after(99), after);
        for len in 0..payload.len() {
            assert!(BatchRef::decode(&payload[..len]).is_none());
        }
        assert_eq!(place_of(number(5, 9)), (5, 9));
    }
}
