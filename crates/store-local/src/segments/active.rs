//! The segment that is written: frames, room made in advance, and what happens when the disk refuses.
//!
//! Invariant: everything before `end` is durable and hashed; nothing after `end` was acknowledged. An act that fails
//! either leaves that so and says why, or poisons the log for good.

use super::frame::{self, Identity};
use super::header::{End, FRAMES_AT, Header, Link, MARK_AT, Mark, seed_of};
use super::reader::Segment;
use super::{SegmentOptions, segment_path};
use crate::disk::{Disk, DiskFile};
use crate::error::LocalError;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much room is made at a time: one sync of zeros in about a thousand group commits.
const EXTENSION_LEN: u64 = 8 << 20;
/// The zeros written at once.
const ZEROS_LEN: usize = 1 << 20;

/// The last segment of a log.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) hasher: Sha256,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// The position it gets.
    pub(super) next: u64,
    /// Where the last frame begins, once there is one.
    pub(super) last_frame_at: u64,
    /// How far the file reaches durably: zeros from `end` on.
    pub(super) allocated: u64,
    /// The mark on disk says that nothing follows; it goes before something does.
    pub(super) is_closed: bool,
}

/// An act on the disk that failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Everything is as before; the act may be tried again.
    Unchanged(LocalError),
    /// Nobody knows what the disk holds.
    Unknown(LocalError),
}

type Done<T = ()> = Result<T, Failure>;

impl Active {
    /// Creates a segment after `before`, durable with its name when this returns.
    pub(super) fn create(
        disk: &dyn Disk,
        dir: &Path,
        options: &SegmentOptions,
        before: Option<(u64, End)>,
    ) -> Done<Self> {
        let (before_first, end) = before.unwrap_or((
            0,
            End {
                next: 1,
                ..End::default()
            },
        ));
        let header = Header {
            format: options.format,
            partitions: options.partitions,
            first: end.next,
            before_first,
            before_len: end.len,
            before_link: end.link,
        };
        let path = segment_path(dir, header.first);
        let sector = header.encode(options.magic);
        let failed = |error| LocalError::of_io("create", &path, error);
        let file: Arc<dyn DiskFile> = disk
            .create_new(&path)
            .map(Arc::from)
            .map_err(|error| Failure::Unchanged(failed(error)))?;
        let prelude = [sector, Mark::Open.encode()].concat();
        if let Err(error) = file.write_at(0, &prelude) {
            let undone = disk.remove(&path).and_then(|()| disk.sync_dir(dir));
            return Err(Failure::of(undone, failed(error)));
        }
        file.sync()
            .map_err(|error| Failure::Unknown(failed(error)))?;
        disk.sync_dir(dir)
            .map_err(|error| Failure::Unknown(LocalError::of_io("sync", dir, error)))?;
        let identity = Identity {
            seed: seed_of(&sector),
            partitions: header.partitions,
        };
        let segment = Segment {
            path,
            first: header.first,
            identity,
            valid: AtomicU64::new(FRAMES_AT),
            next: AtomicU64::new(header.first),
            file: Some(Arc::clone(&file)),
            link: None,
        };
        let mut hasher = Sha256::new();
        hasher.update(sector);
        Ok(Self {
            segment: Arc::new(segment),
            file,
            hasher,
            end: FRAMES_AT,
            next: header.first,
            last_frame_at: FRAMES_AT,
            allocated: FRAMES_AT,
            is_closed: false,
        })
    }

    /// The link as it stands after the last frame.
    pub(super) fn link(&self) -> Link {
        self.hasher.clone().finalize().into()
    }

    /// Where it ends if nothing follows.
    pub(super) fn as_end(&self) -> End {
        End {
            len: self.end,
            next: self.next,
            link: self.link(),
        }
    }

    /// Whether a frame with a payload of this length belongs into the next segment.
    pub(super) fn is_full_for(&self, payload_len: usize, options: &SegmentOptions) -> bool {
        let end = self.end + (frame::HEAD_LEN + payload_len) as u64;
        self.end > FRAMES_AT && end > options.segment_len_max
    }

    /// Writes one frame and makes it durable and visible.
    pub(super) fn append(
        &mut self,
        payload: &[u8],
        options: &SegmentOptions,
        buffer: &mut Vec<u8>,
    ) -> Done<u64> {
        self.reopen()?;
        let end = self.end + (frame::HEAD_LEN + payload.len()) as u64;
        if options.preallocate && end > self.allocated {
            self.extend(end, options)?;
        }
        frame::encode(buffer, self.segment.identity, self.end, self.next, payload);
        if let Err(error) = self.file.write_at(self.end, buffer) {
            let error = self.failed("write", error);
            return Err(Failure::of(self.erase(end), error));
        }
        self.sync()?;
        self.hasher.update(&buffer);
        let position = self.next;
        self.last_frame_at = self.end;
        self.end = end;
        self.next += 1;
        self.allocated = self.allocated.max(end);
        // A reader takes `valid` as its limit; `next` may lag behind for an instant, never lead.
        self.segment.valid.store(self.end, Ordering::Release);
        self.segment.next.store(self.next, Ordering::Release);
        Ok(position)
    }

    /// Writes one frame of which nobody knows yet: [`Self::trim`] makes it durable.
    pub(super) fn put(&mut self, payload: &[u8], buffer: &mut Vec<u8>) -> Result<(), LocalError> {
        frame::encode(buffer, self.segment.identity, self.end, self.next, payload);
        self.file
            .write_at(self.end, buffer)
            .map_err(|error| self.failed("write", error))?;
        self.hasher.update(&buffer);
        self.last_frame_at = self.end;
        self.end += buffer.len() as u64;
        self.next += 1;
        self.allocated = self.allocated.max(self.end);
        Ok(())
    }

    /// Gives back room made in advance and marks the end, until [`Self::reopen`].
    pub(super) fn close(&mut self) -> Done {
        if !self.is_closed {
            self.trim()?;
            self.write_mark(Mark::Closed(self.as_end()))?;
            self.is_closed = true;
        }
        Ok(())
    }

    /// Takes the mark of [`Self::close`] away.
    pub(super) fn reopen(&mut self) -> Done {
        if self.is_closed {
            self.write_mark(Mark::Open)?;
            self.is_closed = false;
        }
        Ok(())
    }

    /// Records that a successor exists, durably.
    pub(super) fn mark_sealed(&self) -> Done {
        self.write_mark(Mark::Sealed(self.as_end()))
    }

    /// Gives room made in advance back. Also where none is known of: a cut whose sync failed in an earlier process may
    /// have been seen by this one and be undone by a crash.
    pub(super) fn trim(&mut self) -> Done {
        self.file
            .set_len(self.end)
            .map_err(|error| Failure::Unchanged(self.failed("cut", error)))?;
        self.sync()?;
        self.allocated = self.end;
        Ok(())
    }

    /// Writes zeros after what is allocated until a frame ending at `needed` fits, so that its own sync has no length
    /// and no extents to record, and a full disk is met before a frame is half written.
    fn extend(&mut self, needed: u64, options: &SegmentOptions) -> Done {
        let ahead = (self.allocated + EXTENSION_LEN).min(options.segment_len_max);
        let target = ahead.max(needed);
        let zeros = vec![0; ZEROS_LEN.min((target - self.allocated) as usize)];
        let mut offset = self.allocated;
        while offset < target {
            let len = (target - offset).min(zeros.len() as u64) as usize;
            if let Err(error) = self
                .file
                .write_at(offset, zeros.get(..len).unwrap_or_default())
            {
                let error = self.failed("extend", error);
                // Whatever was written is zeros and unused; what cannot be given back now is overwritten later.
                let undone = self.file.set_len(self.allocated);
                return Err(Failure::of(undone, error));
            }
            offset += len as u64;
        }
        self.sync()?;
        self.allocated = target;
        Ok(())
    }

    /// Removes, durably, what a failed write of a frame may have left between `end` and `to`.
    fn erase(&self, to: u64) -> io::Result<()> {
        if to > self.allocated {
            self.file.set_len(self.allocated)?;
        }
        let zeros = vec![0; (to.min(self.allocated) - self.end) as usize];
        self.file.write_at(self.end, &zeros)?;
        self.file.sync()
    }

    fn write_mark(&self, mark: Mark) -> Done {
        self.file
            .write_at(MARK_AT, &mark.encode())
            .map_err(|error| Failure::Unknown(self.failed("mark", error)))?;
        self.sync()
    }

    fn sync(&self) -> Done {
        self.file
            .sync()
            .map_err(|error| Failure::Unknown(self.failed("sync", error)))
    }

    fn failed(&self, act: &str, error: io::Error) -> LocalError {
        LocalError::of_io(act, &self.segment.path, error)
    }
}

impl Failure {
    /// What a failed act comes to, given how undoing it went.
    fn of(undone: io::Result<()>, error: LocalError) -> Self {
        if undone.is_ok() {
            Self::Unchanged(error)
        } else {
            Self::Unknown(error)
        }
    }

    pub(super) fn into_error(self) -> LocalError {
        match self {
            Self::Unchanged(error) | Self::Unknown(error) => error,
        }
    }
}
