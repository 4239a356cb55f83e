//! The first two sectors of a segment file: who it is, and whether it was ended.
//!
//! Sector 0, the header, is written once, before any frame. Sector 1, the mark, is zeros while frames may follow and
//! says how far the segment reaches once none will. Each has its checksum in its last four bytes, in every format to
//! come, so that damage is told from a newer release. Sectors are assumed to be written whole or not at all.

use crate::error::LocalError;
use std::path::Path;

/// A disk's unit of writing.
const SECTOR_LEN: usize = 512;
const BODY_LEN: usize = SECTOR_LEN - 4;

/// Where the mark begins.
pub(super) const MARK_AT: u64 = SECTOR_LEN as u64;
/// Where the frames begin.
pub(super) const FRAMES_AT: u64 = 2 * SECTOR_LEN as u64;

/// Header and mark together.
pub(super) type Prelude = [u8; 2 * SECTOR_LEN];
/// One of the two.
pub(super) type Sector = [u8; SECTOR_LEN];

/// A link of the hash chain: the SHA-256 over a segment's header and frames, the header holding the link before.
pub(super) type Link = [u8; 32];

/// Where a segment ended for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct End {
    /// The bytes of the file.
    pub(super) len: u64,
    /// The position after its last frame.
    pub(super) next: u64,
    /// The finished link.
    pub(super) link: Link,
}

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) partitions: u16,
    /// The position of its first frame.
    pub(super) first: u64,
    /// The first position of the predecessor, 0 when there never was one.
    pub(super) before_first: u64,
    /// Where the predecessor ended; its `next` is this one's `first`.
    pub(super) before_len: u64,
    pub(super) before_link: Link,
}

/// Whether more frames may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// More may follow; what lies after the last valid frame was never acknowledged.
    Open,
    /// The log was closed in order: exactly this is there.
    Closed(End),
    /// A successor exists, durably.
    Sealed(End),
}

/// Reads little-endian numbers off the front of a slice; zeros once it is exhausted.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((taken, rest)) = self.0.split_first_chunk::<N>() else {
            return [0; N];
        };
        self.0 = rest;
        *taken
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
}

fn sealed_sector(mut body: Vec<u8>) -> Sector {
    body.resize(BODY_LEN, 0);
    let crc = crc32c::crc32c(&body);
    body.extend_from_slice(&crc.to_le_bytes());
    let mut sector = [0; SECTOR_LEN];
    sector.copy_from_slice(&body);
    sector
}

fn checked_body(sector: &[u8]) -> Option<&[u8]> {
    let (body, crc) = sector.split_at_checked(BODY_LEN)?;
    (crc == crc32c::crc32c(body).to_le_bytes()).then_some(body)
}

impl Header {
    pub(super) fn encode(&self, magic: [u8; 8]) -> Sector {
        let mut body = Vec::with_capacity(SECTOR_LEN);
        body.extend_from_slice(&magic);
        body.extend_from_slice(&self.format.to_le_bytes());
        body.extend_from_slice(&self.partitions.to_le_bytes());
        body.extend_from_slice(&[0; 2]);
        body.extend_from_slice(&self.first.to_le_bytes());
        body.extend_from_slice(&self.before_first.to_le_bytes());
        body.extend_from_slice(&self.before_len.to_le_bytes());
        body.extend_from_slice(&self.before_link);
        sealed_sector(body)
    }

    /// Reads a header whose checksum holds; `None` when it does not, or when the file is too short for one.
    /// Fails when it is the header of something else or of a newer release.
    pub(super) fn decode(
        path: &Path,
        sector: &[u8],
        magic: [u8; 8],
        format_known: u32,
    ) -> Result<Option<Self>, LocalError> {
        let Some(body) = checked_body(sector) else {
            return Ok(None);
        };
        let mut fields = Fields(body);
        if fields.take::<8>() != magic {
            return Err(LocalError::corrupt(path, 0, "it is a file of another kind"));
        }
        let format = fields.u32();
        if format > format_known {
            let path = path.to_path_buf();
            return Err(LocalError::NewerVersion {
                path,
                found: format,
                known: format_known,
            });
        }
        let partitions = u16::from_le_bytes(fields.take());
        fields.take::<2>();
        Ok(Some(Self {
            format,
            partitions,
            first: fields.u64(),
            before_first: fields.u64(),
            before_len: fields.u64(),
            before_link: fields.take(),
        }))
    }
}

/// The checksum of an encoded header: what ties a frame to its segment.
pub(super) fn seed_of(sector: &[u8]) -> u32 {
    let mut fields = Fields(sector.get(BODY_LEN..).unwrap_or_default());
    fields.u32()
}

impl Mark {
    const CLOSED: u64 = 1;
    const SEALED: u64 = 2;

    pub(super) fn encode(&self) -> Sector {
        let (kind, end) = match self {
            Self::Open => return [0; SECTOR_LEN],
            Self::Closed(end) => (Self::CLOSED, end),
            Self::Sealed(end) => (Self::SEALED, end),
        };
        let mut body = Vec::with_capacity(SECTOR_LEN);
        body.extend_from_slice(&kind.to_le_bytes());
        body.extend_from_slice(&end.len.to_le_bytes());
        body.extend_from_slice(&end.next.to_le_bytes());
        body.extend_from_slice(&end.link);
        sealed_sector(body)
    }

    pub(super) fn decode(path: &Path, sector: &[u8]) -> Result<Self, LocalError> {
        if sector.iter().all(|byte| *byte == 0) {
            return Ok(Self::Open);
        }
        let mut fields = Fields(checked_body(sector).unwrap_or_default());
        let kind = fields.u64();
        let end = End {
            len: fields.u64(),
            next: fields.u64(),
            link: fields.take(),
        };
        match kind {
            Self::CLOSED => Ok(Self::Closed(end)),
            Self::SEALED => Ok(Self::Sealed(end)),
            _ => Err(LocalError::corrupt(
                path,
                MARK_AT,
                "the mark that ends the segment is invalid",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"test-log";

    fn header() -> Header {
        Header {
            format: 3,
            partitions: 64,
            first: 7,
            before_first: 2,
            before_len: 4096,
            before_link: [9; 32],
        }
    }

    #[test]
    fn headers_and_marks_survive_encoding() {
        let path = Path::new("x");
        let sector = header().encode(MAGIC);
        assert_eq!(
            Header::decode(path, &sector, MAGIC, 3).unwrap(),
            Some(header())
        );
        assert_eq!(seed_of(&sector), crc32c::crc32c(&sector[..BODY_LEN]));
        let end = End {
            len: 1,
            next: 2,
            link: [3; 32],
        };
        for mark in [Mark::Open, Mark::Closed(end), Mark::Sealed(end)] {
            assert_eq!(Mark::decode(path, &mark.encode()).unwrap(), mark);
        }
    }

    #[test]
    fn another_magic_a_newer_format_and_damage_are_told_apart() {
        let path = Path::new("x");
        let sector = header().encode(MAGIC);
        let other = Header::decode(path, &sector, *b"otherlog", 3);
        assert!(matches!(other, Err(LocalError::Corrupt { .. })));
        let newer = Header::decode(path, &sector, MAGIC, 2);
        assert!(matches!(
            newer,
            Err(LocalError::NewerVersion {
                found: 3,
                known: 2,
                ..
            })
        ));
        for at in 0..SECTOR_LEN {
            let mut bad = sector;
            bad[at] ^= 1;
            assert_eq!(Header::decode(path, &bad, MAGIC, 3).unwrap(), None);
            let mut bad = Mark::Closed(End::default()).encode();
            bad[at] ^= 1;
            Mark::decode(path, &bad).unwrap_err();
        }
        assert_eq!(
            Header::decode(path, &sector[..100], MAGIC, 3).unwrap(),
            None
        );
    }
}
