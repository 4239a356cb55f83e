//! Writes a log anew with some payloads changed, because a chain of hashes cannot be changed in place.
//!
//! The new log has a frame for each frame of the old one, at the same position, and divides them into files of the same
//! names: putting each in the place of its namesake makes the one into the other.

use super::SegmentOptions;
use super::active::{Active, Failure};
use super::reader::SegmentReader;
use crate::disk::Disk;
use crate::error::LocalError;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A new log that follows an old one.
#[derive(Debug)]
pub(crate) struct Rewriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: SegmentOptions,
    active: Active,
    buffer: Vec<u8>,
}

/// What a frame's payload becomes; `None` leaves it.
pub(crate) type ChangePayload<'c> =
    &'c mut dyn FnMut(u64, &[u8]) -> Result<Option<Vec<u8>>, LocalError>;

impl Rewriter {
    /// Begins one in an empty directory. Of a log from which nothing was dropped.
    pub(crate) fn begin(log: &SegmentReader, dir: &Path) -> Result<Self, LocalError> {
        if log.first_position() != 1 {
            return Err(LocalError::corrupt(dir, 0, "its first frames are missing"));
        }
        let (disk, options) = (Arc::clone(&log.shared.disk), log.shared.options);
        disk.create_dir_all(dir)
            .map_err(|error| LocalError::of_io("create", dir, error))?;
        let active = Active::create(&*disk, dir, &options, None).map_err(Failure::into_error)?;
        Ok(Self {
            disk,
            dir: dir.to_path_buf(),
            options,
            active,
            buffer: Vec::new(),
        })
    }

    /// Takes over what the old log has and this one does not have yet.
    pub(crate) fn follow(
        &mut self,
        log: &SegmentReader,
        change: ChangePayload<'_>,
    ) -> Result<(), LocalError> {
        let from = self.active.next;
        log.walk(from, None, true, &mut |place, payload| {
            if place.segment > self.active.segment.first {
                self.begin_segment()?;
            }
            let changed = change(place.position, payload)?;
            let payload = changed.as_deref().unwrap_or(payload);
            self.active.put(payload, &mut self.buffer)?;
            Ok(ControlFlow::Continue(()))
        })?;
        // The one that is written may be empty.
        let last = log.segments().last().map(|last| last.start);
        if last == Some(self.active.next) && last > Some(self.active.segment.first) {
            self.begin_segment()?;
        }
        Ok(())
    }

    /// Makes everything durable.
    pub(crate) fn finish(mut self) -> Result<(), LocalError> {
        self.active.trim().map_err(Failure::into_error)
    }

    fn begin_segment(&mut self) -> Result<(), LocalError> {
        let Self {
            disk,
            dir,
            options,
            active,
            ..
        } = self;
        active.trim().map_err(Failure::into_error)?;
        let before = Some((active.segment.first, active.as_end()));
        let next = Active::create(&**disk, dir, options, before).map_err(Failure::into_error)?;
        active.mark_sealed().map_err(Failure::into_error)?;
        *active = next;
        Ok(())
    }
}
