//! The file that holds a line's cursor: two slots, written in turn, each with its checksum.
//!
//! A slot lost or spoiled leaves the other, an older one; with both gone the queue is read from its oldest call. Either
//! way calls are repeated and none is skipped.

use super::batch::Totals;
use crate::disk::{Disk, DiskFile};
use crate::error::LocalError;
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "cursor";
/// A slot is a sector, which a disk writes whole or not at all.
const SLOT_LEN: usize = 512;
const BODY_LEN: usize = SLOT_LEN - 4;

/// How far a line's calls are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cursor {
    /// Every call numbered up to here is done.
    pub(super) done: u64,
    /// How many those are.
    pub(super) totals: Totals,
}

#[derive(Debug)]
pub(super) struct CursorFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    turn: u64,
    written: Cursor,
    /// A sync failed; this descriptor is not asked again.
    is_poisoned: bool,
}

impl CursorFile {
    /// Opens the file in the line's directory, or creates it with a cursor before the first call.
    pub(super) fn open(disk: &dyn Disk, dir: &Path) -> Result<Self, LocalError> {
        let path = dir.join(FILE_NAME);
        let failed = |error| LocalError::of_io("open", &path, error);
        let file = if disk.exists(&path).map_err(failed)? {
            disk.open(&path).map_err(failed)?
        } else {
            let file = disk.create_new(&path).map_err(failed)?;
            disk.sync_dir(dir).map_err(failed)?;
            file
        };
        let mut slots = [0; 2 * SLOT_LEN];
        file.read_at(0, &mut slots).map_err(failed)?;
        let newest = slots.as_chunks::<SLOT_LEN>().0.iter().filter_map(decode);
        let (turn, written) = newest.max_by_key(|(turn, _)| *turn).unwrap_or_default();
        Ok(Self {
            file,
            path,
            turn,
            written,
            is_poisoned: false,
        })
    }

    /// The cursor as it was written last.
    pub(super) fn written(&self) -> Cursor {
        self.written
    }

    /// Writes a cursor, durably.
    pub(super) fn write(&mut self, cursor: Cursor) -> Result<(), LocalError> {
        if cursor == self.written {
            return Ok(());
        }
        if self.is_poisoned {
            return Err(LocalError::Poisoned);
        }
        let failed = |error| LocalError::of_io("write", &self.path, error);
        let turn = self.turn + 1;
        let offset = (turn % 2) * SLOT_LEN as u64;
        // A write that fails spoils the older slot at worst; the next try is the same slot's turn.
        self.file
            .write_at(offset, &encode(turn, cursor))
            .map_err(failed)?;
        if let Err(error) = self.file.sync() {
            self.is_poisoned = true;
            return Err(failed(error));
        }
        self.turn = turn;
        self.written = cursor;
        Ok(())
    }
}

fn encode(turn: u64, cursor: Cursor) -> [u8; SLOT_LEN] {
    let mut slot = [0; SLOT_LEN];
    let fields = [turn, cursor.done, cursor.totals.calls, cursor.totals.bytes];
    for (to, field) in slot.as_chunks_mut::<8>().0.iter_mut().zip(fields) {
        *to = field.to_le_bytes();
    }
    let crc = crc32c::crc32c(&slot[..BODY_LEN]);
    slot[BODY_LEN..].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn decode(slot: &[u8; SLOT_LEN]) -> Option<(u64, Cursor)> {
    let (body, crc) = slot.split_at(BODY_LEN);
    if crc != crc32c::crc32c(body).to_le_bytes() {
        return None;
    }
    let mut fields = body
        .as_chunks::<8>()
        .0
        .iter()
        .map(|field| u64::from_le_bytes(*field));
    let mut field = || fields.next().unwrap_or(0);
    let (turn, done) = (field(), field());
    let totals = Totals {
        calls: field(),
        bytes: field(),
    };
    // A slot of zeros would have the checksum of zeros, which is not zero; turns begin at 1 all the same.
    (turn > 0).then_some((turn, Cursor { done, totals }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::sim::SimDisk;

    #[test]
    fn a_spoiled_slot_leaves_the_cursor_before() {
        let disk = SimDisk::new(0);
        let dir = Path::new("/app");
        disk.create_dir_all(dir).unwrap();
        let cursor = |done| Cursor {
            done,
            totals: Totals {
                calls: done,
                bytes: 2 * done,
            },
        };
        let mut file = CursorFile::open(&disk, dir).unwrap();
        assert_eq!(file.written(), Cursor::default());
        for done in 1..=5 {
            file.write(cursor(done)).unwrap();
            assert_eq!(
                CursorFile::open(&disk, dir).unwrap().written(),
                cursor(done)
            );
            let spoiled = disk.fork();
            spoiled.flip_bit(&dir.join(FILE_NAME), (done % 2) * 4096 + 100);
            let before = CursorFile::open(&spoiled, dir).unwrap().written();
            assert_eq!(
                before,
                if done == 1 {
                    Cursor::default()
                } else {
                    cursor(done - 1)
                }
            );
        }
    }
}
