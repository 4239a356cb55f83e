//! A frame: one payload with its length, checksum, position and partition count in front of it.
//!
//! The checksum starts from the segment's seed and covers the frame's offset, so that bytes which look like a frame
//! (a stale one, a copied one, one that a payload happens to contain) are not one anywhere else.

/// The longest payload. A group commit is three orders of magnitude shorter; this bounds what a reader must hold.
pub const FRAME_LEN_MAX: usize = 16 << 20;

/// The bytes in front of a payload: length (4), checksum (4), position (8), partitions (2), little-endian.
pub(super) const HEAD_LEN: usize = 18;

/// What ties the frames of one segment together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    /// The checksum of the segment's header.
    pub(super) seed: u32,
    /// The partition count that every frame repeats.
    pub(super) partitions: u16,
}

/// The bytes in front of a payload, read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) len: usize,
    pub(super) crc: u32,
    pub(super) position: u64,
    pub(super) partitions: u16,
}

impl Head {
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let (position, rest) = rest.split_first_chunk::<8>()?;
        let (partitions, _) = rest.split_first_chunk::<2>()?;
        Some(Self {
            len: u32::from_le_bytes(*len) as usize,
            crc: u32::from_le_bytes(*crc),
            position: u64::from_le_bytes(*position),
            partitions: u16::from_le_bytes(*partitions),
        })
    }

    /// The offset after the frame.
    pub(super) fn end(&self, offset: u64) -> u64 {
        offset + (HEAD_LEN + self.len) as u64
    }

    /// The checksum that a frame with this head at this offset begins with, before its payload.
    pub(super) fn checksum(&self, identity: Identity, offset: u64) -> u32 {
        let mut covered = [0; 22];
        covered[..8].copy_from_slice(&offset.to_le_bytes());
        covered[8..12].copy_from_slice(&(self.len as u32).to_le_bytes());
        covered[12..20].copy_from_slice(&self.position.to_le_bytes());
        covered[20..].copy_from_slice(&self.partitions.to_le_bytes());
        crc32c::crc32c_append(identity.seed, &covered)
    }

    /// Whether this payload is the one that the head was written for.
    pub(super) fn holds(&self, identity: Identity, offset: u64, payload: &[u8]) -> bool {
        crc32c::crc32c_append(self.checksum(identity, offset), payload) == self.crc
    }
}

/// Writes a frame into the buffer, replacing what it held. The payload is at most [`FRAME_LEN_MAX`].
pub(super) fn encode(
    buffer: &mut Vec<u8>,
    identity: Identity,
    offset: u64,
    position: u64,
    payload: &[u8],
) {
    let mut head = Head {
        len: payload.len(),
        crc: 0,
        position,
        partitions: identity.partitions,
    };
    head.crc = crc32c::crc32c_append(head.checksum(identity, offset), payload);
    buffer.clear();
    buffer.reserve(HEAD_LEN + payload.len());
    buffer.extend_from_slice(&(head.len as u32).to_le_bytes());
    buffer.extend_from_slice(&head.crc.to_le_bytes());
    buffer.extend_from_slice(&head.position.to_le_bytes());
    buffer.extend_from_slice(&head.partitions.to_le_bytes());
    buffer.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_valid_only_where_it_was_written_and_only_unchanged() {
        let identity = Identity {
            seed: 5,
            partitions: 64,
        };
        let mut frame = Vec::new();
        encode(&mut frame, identity, 1024, 3, b"payload");
        let holds = |bytes: &[u8], identity, offset| {
            let head = Head::decode(bytes).unwrap();
            head.holds(identity, offset, &bytes[HEAD_LEN..])
        };
        assert!(holds(&frame, identity, 1024));
        assert!(!holds(&frame, identity, 1025));
        assert!(!holds(
            &frame,
            Identity {
                seed: 6,
                partitions: 64
            },
            1024
        ));
        for bit in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&bad, identity, 1024), "bit {bit}");
        }
    }
}
