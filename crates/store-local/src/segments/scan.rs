//! Walks the frames of one file in large reads, and searches bytes that are no frame for one that is.

use super::frame::{FRAME_LEN_MAX, HEAD_LEN, Head, Identity};
use crate::disk::DiskFile;
use std::io;
use std::ops::Range;

/// The first read, enough for whoever wants a few frames.
const CHUNK_LEN_FIRST: usize = 64 << 10;
/// Every further read: long enough that the calls cost nothing, short enough to stay in the cache.
const CHUNK_LEN: usize = 1 << 20;
/// How many bytes a search checksums before it gives up. Only bytes made to look like many frames reach it.
const SEARCH_LEN_MAX: u64 = 2 << 30;
/// How many steps ahead of the expected one the position of a frame is believed.
const POSITIONS_AHEAD_MAX: u64 = 1 << 20;

/// A walk over consecutive frames, up to a limit.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    file: &'a dyn DiskFile,
    identity: Identity,
    limit: u64,
    /// Where the next frame begins.
    offset: u64,
    /// The bytes of the file from `base` on.
    buffer: Vec<u8>,
    base: u64,
    chunk_len: usize,
}

/// What lies at an offset.
#[derive(Debug)]
pub(super) enum Step<'b> {
    /// The frame that was expected.
    Frame {
        /// Head and payload, as hashed.
        raw: &'b [u8],
        /// The payload alone.
        payload: &'b [u8],
    },
    /// Something else.
    Invalid,
    /// The limit.
    End,
}

impl<'a> Scan<'a> {
    pub(super) fn new(file: &'a dyn DiskFile, identity: Identity, range: Range<u64>) -> Self {
        Self {
            file,
            identity,
            limit: range.end,
            offset: range.start,
            buffer: Vec::new(),
            base: range.start,
            chunk_len: CHUNK_LEN_FIRST,
        }
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves over the frame with this position, if that is what comes next.
    pub(super) fn step(&mut self, position: u64) -> io::Result<Step<'_>> {
        if self.offset >= self.limit {
            return Ok(Step::End);
        }
        self.fill(HEAD_LEN)?;
        let Some(head) = Head::decode(self.rest()) else {
            return Ok(Step::Invalid);
        };
        let expected = head.position == position && head.partitions == self.identity.partitions;
        if !expected || head.len > FRAME_LEN_MAX || head.end(self.offset) > self.limit {
            return Ok(Step::Invalid);
        }
        self.fill(HEAD_LEN + head.len)?;
        let offset = self.offset;
        let from = (offset - self.base) as usize;
        let frame = self.buffer.get(from..from + HEAD_LEN + head.len);
        let Some((raw, payload)) = frame.and_then(|raw| Some((raw, raw.get(HEAD_LEN..)?))) else {
            return Ok(Step::Invalid);
        };
        if !head.holds(self.identity, offset, payload) {
            return Ok(Step::Invalid);
        }
        self.offset = head.end(offset);
        Ok(Step::Frame { raw, payload })
    }

    fn rest(&self) -> &[u8] {
        self.buffer
            .get((self.offset - self.base) as usize..)
            .unwrap_or_default()
    }

    /// Reads until the buffer holds this many bytes from the offset on, or all up to the limit.
    fn fill(&mut self, len: usize) -> io::Result<()> {
        let held = self.rest().len();
        if held >= len {
            return Ok(());
        }
        self.buffer.drain(..self.buffer.len() - held);
        self.base = self.offset;
        let from = self.base + held as u64;
        let wanted = ((len - held).max(self.chunk_len) as u64).min(self.limit - from) as usize;
        self.chunk_len = CHUNK_LEN;
        self.buffer.resize(held + wanted, 0);
        let target = self.buffer.get_mut(held..).unwrap_or_default();
        let read = self.file.read_at(from, target)?;
        self.buffer.truncate(held + read);
        Ok(())
    }
}

/// The offset after the last byte in the range that is not zero; the range's start when there is none.
pub(super) fn end_of_content(file: &dyn DiskFile, range: Range<u64>) -> io::Result<u64> {
    let zeros = vec![0; CHUNK_LEN];
    let mut buffer = vec![0; CHUNK_LEN];
    let mut end = range.start;
    let mut offset = range.start;
    while offset < range.end {
        let len = (range.end - offset).min(CHUNK_LEN as u64) as usize;
        let read = file.read_at(offset, buffer.get_mut(..len).unwrap_or_default())?;
        let bytes = buffer.get(..read).unwrap_or_default();
        // Comparing first: the usual answer is "all zeros", at the speed of memory.
        if zeros.get(..read) != Some(bytes)
            && let Some(last) = bytes.iter().rposition(|byte| *byte != 0)
        {
            end = offset + last as u64 + 1;
        }
        if read < len {
            break;
        }
        offset += read as u64;
    }
    Ok(end)
}

/// What a search among bytes that are no frame came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A valid frame begins here.
    Frame(u64),
    /// There is none.
    Nothing,
    /// Too much looks like one to tell.
    Unclear(u64),
}

/// Searches every offset of the range for a valid frame with a position from `lowest` to a plausible highest.
pub(super) fn search(
    file: &dyn DiskFile,
    identity: Identity,
    range: Range<u64>,
    lowest: u64,
    expected: u64,
) -> io::Result<Found> {
    let positions = lowest..=expected.saturating_add(POSITIONS_AHEAD_MAX);
    let mut window = vec![0; CHUNK_LEN + HEAD_LEN];
    let mut payload = Vec::new();
    let mut checksummed = 0;
    let mut base = range.start;
    while base + HEAD_LEN as u64 <= range.end {
        let len = (range.end - base).min(window.len() as u64) as usize;
        let read = file.read_at(base, window.get_mut(..len).unwrap_or_default())?;
        let bytes = window.get(..read).unwrap_or_default();
        for (at, head) in bytes.windows(HEAD_LEN).enumerate().take(CHUNK_LEN) {
            let Some(head) = Head::decode(head) else {
                continue;
            };
            let offset = base + at as u64;
            if head.partitions != identity.partitions
                || !positions.contains(&head.position)
                || head.len > FRAME_LEN_MAX
                || head.end(offset) > range.end
            {
                continue;
            }
            checksummed += head.len as u64;
            if checksummed > SEARCH_LEN_MAX {
                return Ok(Found::Unclear(offset));
            }
            payload.resize(head.len, 0);
            let read = file.read_at(offset + HEAD_LEN as u64, &mut payload)?;
            if read == head.len && head.holds(identity, offset, &payload) {
                return Ok(Found::Frame(offset));
            }
        }
        base += CHUNK_LEN as u64;
    }
    Ok(Found::Nothing)
}

#[cfg(test)]
mod tests {
    use super::super::frame::encode;
    use super::*;
    use crate::disk::Disk;
    use crate::disk::sim::SimDisk;
    use std::path::Path;

    const IDENTITY: Identity = Identity {
        seed: 77,
        partitions: 4,
    };

    fn file() -> Box<dyn DiskFile> {
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new("/")).unwrap();
        disk.create_new(Path::new("/f")).unwrap()
    }

    #[test]
    fn a_search_finds_a_frame_at_any_offset_and_across_windows() {
        for at in [
            0_u64,
            1,
            511,
            (CHUNK_LEN - 5) as u64,
            CHUNK_LEN as u64,
            2 * CHUNK_LEN as u64 - 1,
        ] {
            let file = file();
            let mut frame = Vec::new();
            encode(&mut frame, IDENTITY, at, 9, &[5; 100]);
            file.write_at(at, &frame).unwrap();
            file.set_len(3 * CHUNK_LEN as u64).unwrap();
            let end = end_of_content(&*file, 0..3 * CHUNK_LEN as u64).unwrap();
            assert_eq!(end, at + frame.len() as u64);
            assert_eq!(
                search(&*file, IDENTITY, 0..end, 1, 8).unwrap(),
                Found::Frame(at)
            );
            assert_eq!(
                search(&*file, IDENTITY, 0..end, 10, 10).unwrap(),
                Found::Nothing
            );
            assert_eq!(
                search(&*file, IDENTITY, at + 1..end, 1, 8).unwrap(),
                Found::Nothing
            );
        }
    }

    #[test]
    fn a_scan_crosses_reads_and_stops_at_the_limit() {
        let file = file();
        let mut offset = 3;
        let mut frame = Vec::new();
        let lens = [0, 1, CHUNK_LEN_FIRST, 10, 3 * CHUNK_LEN, 5, CHUNK_LEN];
        for (index, len) in lens.into_iter().enumerate() {
            encode(
                &mut frame,
                IDENTITY,
                offset,
                index as u64 + 1,
                &vec![index as u8; len],
            );
            file.write_at(offset, &frame).unwrap();
            offset += frame.len() as u64;
        }
        let mut scan = Scan::new(&*file, IDENTITY, 3..offset);
        for (index, len) in lens.into_iter().enumerate() {
            match scan.step(index as u64 + 1).unwrap() {
                Step::Frame { raw, payload } => {
                    assert_eq!((raw.len(), payload.len()), (len + HEAD_LEN, len));
                    assert!(payload.iter().all(|byte| *byte == index as u8));
                }
                other => unreachable!("{other:?}"),
            }
        }
        assert!(matches!(scan.step(8).unwrap(), Step::End));
        let mut short = Scan::new(&*file, IDENTITY, 3..offset - 1);
        for position in 1..=6 {
            assert!(matches!(short.step(position).unwrap(), Step::Frame { .. }));
        }
        assert!(matches!(short.step(7).unwrap(), Step::Invalid));
    }
}
