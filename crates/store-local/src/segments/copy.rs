//! Copies a log while it is written, for backups.

use super::header::{FRAMES_AT, MARK_AT};
use super::reader::SegmentReader;
use crate::disk::Disk;
use crate::error::LocalError;
use std::path::{Path, PathBuf};

/// The bytes read and written at once.
const COPY_LEN: u64 = 1 << 20;

impl SegmentReader {
    /// Copies what [`SegmentReader::files`] named at some moment into an empty directory, durably. The copy opens as
    /// the log was at that moment, whatever was appended since; nothing may be dropped meanwhile.
    pub fn copy_to(
        &self,
        files: &[(PathBuf, u64)],
        disk: &dyn Disk,
        dir: &Path,
    ) -> Result<(), LocalError> {
        disk.create_dir_all(dir)
            .map_err(|error| LocalError::of_io("create", dir, error))?;
        for (index, (from, len)) in files.iter().enumerate() {
            let name = from.file_name().unwrap_or_default();
            self.copy_file(from, *len, index + 1 == files.len(), disk, &dir.join(name))?;
        }
        disk.sync_dir(dir)
            .map_err(|error| LocalError::of_io("sync", dir, error))
    }

    fn copy_file(
        &self,
        from: &Path,
        len: u64,
        is_last: bool,
        disk: &dyn Disk,
        to: &Path,
    ) -> Result<(), LocalError> {
        let reading = |error| LocalError::of_io("read", from, error);
        let writing = |error| LocalError::of_io("write", to, error);
        let source = self.shared.disk.open(from).map_err(reading)?;
        let target = disk.create_new(to).map_err(writing)?;
        let mut buffer = vec![0; COPY_LEN as usize];
        let mut offset = 0;
        while offset < len {
            let wanted = (len - offset).min(COPY_LEN) as usize;
            let bytes = buffer.get_mut(..wanted).unwrap_or_default();
            if source.read_at(offset, bytes).map_err(reading)? < wanted {
                return Err(LocalError::corrupt(
                    from,
                    offset,
                    "the file is shorter than its frames",
                ));
            }
            if is_last && offset == 0 {
                // It may have been sealed since, with a successor that is not part of the copy.
                bytes
                    .get_mut(MARK_AT as usize..FRAMES_AT as usize)
                    .unwrap_or_default()
                    .fill(0);
            }
            target.write_at(offset, bytes).map_err(writing)?;
            offset += wanted as u64;
        }
        target.sync().map_err(writing)
    }
}
