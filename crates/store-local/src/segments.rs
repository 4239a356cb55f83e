//! The durable, ordered log of opaque payloads: the event log, the identity log and every relay queue are one.
//!
//! A directory of segment files, each named by its first position, written by one writer and read by any number of
//! readers. An append is written after the sync of the one before returned and is durable when it returns, so at
//! most one frame is ever in doubt. Not here: what payloads mean, group commit, locking the directory.

mod active;
mod candidate;
mod copy;
mod frame;
mod header;
mod reader;
mod recover;
mod rewrite;
mod scan;

pub use frame::FRAME_LEN_MAX;
pub use reader::{Place, Replay, SegmentReader, Visit};
pub(crate) use rewrite::Rewriter;

use crate::disk::Disk;
use crate::error::LocalError;
use active::{Active, Failure};
use reader::{Segment, Shared};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long a segment grows unless told otherwise. Opening reads one segment in full, so this bounds a start.
pub const SEGMENT_LEN_MAX_DEFAULT: u64 = 64 << 20;

const SUFFIX: &str = ".seg";
/// Enough for every `u64`, so that names sort as positions do.
const NAME_DIGITS: usize = 20;

/// What kind of log this is. Everything but the last two is recorded and compared when the log is opened.
#[derive(Debug, Clone, Copy)]
pub struct SegmentOptions {
    /// Tells this kind of log from all others.
    pub magic: [u8; 8],
    /// The format that is written, and the newest that is read. Whoever raises it keeps reading the older ones.
    pub format: u32,
    /// The partition count of the installation, repeated in every frame.
    pub partitions: u16,
    /// Bytes of a file at which the next one is begun. A single frame may exceed it.
    pub segment_len_max: u64,
    /// Fill files with zeros ahead of use, so that syncing an append needs no change of metadata.
    pub preallocate: bool,
}

impl SegmentOptions {
    /// A preallocated log of segments of [`SEGMENT_LEN_MAX_DEFAULT`].
    #[must_use]
    pub const fn new(magic: [u8; 8], format: u32, partitions: u16) -> Self {
        let segment_len_max = SEGMENT_LEN_MAX_DEFAULT;
        Self {
            magic,
            format,
            partitions,
            segment_len_max,
            preallocate: true,
        }
    }
}

/// A log that was opened, and what was found.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: SegmentLog,
    /// What was found; worth a line in the operator's log when something was cut.
    pub report: OpenReport,
}

/// What opening a log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenReport {
    /// The position of the oldest frame that is kept, or `next` when there is none.
    pub first: u64,
    /// The position that the next append gets.
    pub next: u64,
    /// The bytes of a frame that was being written when the power went and was never acknowledged. They are gone.
    pub torn_bytes_cut: u64,
    /// The bytes of all frames that are kept.
    pub bytes: u64,
}

/// What reading everything found, all of it intact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many files.
    pub segments: usize,
    /// How many frames.
    pub frames: u64,
    /// The bytes of all frames.
    pub bytes: u64,
    /// The head of the hash chain, computed anew.
    pub digest: [u8; 32],
}

/// The writer of a log.
#[derive(Debug)]
pub struct SegmentLog {
    dir: PathBuf,
    reader: SegmentReader,
    active: Active,
    is_poisoned: bool,
    /// The frame being written; kept, so that an append allocates nothing.
    buffer: Vec<u8>,
}

impl SegmentLog {
    /// Opens the log in this directory, or creates it. Repairs what a crash may leave, after everything was checked:
    ///
    /// - A frame cut short at the end is removed and reported: it was never acknowledged.
    /// - A segment whose creation was cut short is removed: it never held an acknowledged frame.
    /// - After a stop without [`Self::seal`] the last frame is written and synced anew, because the process before may
    ///   have died of a failed sync that left it readable and not durable.
    ///
    /// Everything else that is not as it was written is [`LocalError::Corrupt`], and nothing is changed: a valid frame
    /// after an invalid one, a missing segment, a broken chain, and after a [`Self::seal`] any difference at all. Only
    /// the last segment is read in full here; the contents of sealed ones are verified by [`Self::replay`] and
    /// [`Self::verify`].
    ///
    /// Some damage cannot be told from a crash. While no seal marks the end, a last frame that was acknowledged and
    /// then spoiled by the medium, with nothing valid after it, looks like one that never was, and so does the loss of
    /// a suffix of the last segment's frames. A log of a single segment that lost even its second sector looks new.
    /// Whoever keeps positions elsewhere (snapshots do) notices by comparing them with [`OpenReport::next`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: SegmentOptions,
    ) -> Result<Opened, LocalError> {
        let recovered = recover::recover(&*disk, dir, &options)?;
        let shared = Shared::new(disk, options, recovered.segments);
        let reader = SegmentReader {
            shared: Arc::new(shared),
        };
        let report = OpenReport {
            first: reader.first_position(),
            next: reader.next_position(),
            torn_bytes_cut: recovered.torn_bytes_cut,
            bytes: reader.bytes(),
        };
        let active = recovered.active;
        let dir = dir.to_path_buf();
        let log = Self {
            dir,
            reader,
            active,
            is_poisoned: false,
            buffer: Vec::new(),
        };
        Ok(Opened { log, report })
    }

    /// Appends one frame and answers its position, one more than that of the frame before, the first being 1. It is
    /// durable when this returns.
    ///
    /// Fails with [`LocalError::TooLarge`] beyond [`FRAME_LEN_MAX`]. After [`LocalError::DiskFull`] or another error of
    /// a write the log is as it was and the append may be repeated. After a sync that failed, or when the state before
    /// a failed write cannot be restored, the frame may or may not be there after the next open, and every further
    /// append is [`LocalError::Poisoned`]; see [`Self::is_poisoned`].
    pub fn append(&mut self, payload: &[u8]) -> Result<u64, LocalError> {
        if payload.len() > FRAME_LEN_MAX {
            return Err(LocalError::TooLarge {
                len: payload.len(),
                max: FRAME_LEN_MAX,
            });
        }
        self.check_poison()?;
        let options = self.reader.shared.options;
        if self.active.is_full_for(payload.len(), &options) {
            let rotated = self.rotate();
            self.settle(rotated)?;
        }
        let appended = self.active.append(payload, &options, &mut self.buffer);
        self.settle(appended)
    }

    /// Visits every kept frame from this position on, in order, verifying checksums and the chain of every segment
    /// touched, that of the last one included.
    pub fn replay(&self, from: u64, visit: Replay<'_>) -> Result<(), LocalError> {
        let mut visit = |place: Place, payload: &[u8]| {
            visit(place.position, payload)?;
            Ok(std::ops::ControlFlow::Continue(()))
        };
        let link = self.reader.walk(from, None, true, &mut visit)?;
        self.check_head(link.unwrap_or_default())
    }

    /// Reads everything that is kept, verifying every checksum and the whole chain.
    pub fn verify(&self) -> Result<VerifyReport, LocalError> {
        let report = self.reader.verify()?;
        self.check_head(report.digest)?;
        Ok(report)
    }

    /// The position that the next append gets.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.active.next
    }

    /// The position of the oldest frame that is kept, or [`Self::next_position`] when there is none.
    #[must_use]
    pub fn first_position(&self) -> u64 {
        self.reader.first_position()
    }

    /// Where the last frame begins, if the segment that is written has one.
    #[must_use]
    pub fn last_place(&self) -> Option<Place> {
        let Active {
            segment,
            next,
            last_frame_at,
            ..
        } = &self.active;
        let place = Place {
            position: next - 1,
            segment: segment.first,
            offset: *last_frame_at,
        };
        (*next > segment.first).then_some(place)
    }

    /// The bytes of all frames that are kept, without headers and room made in advance.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.reader.bytes()
    }

    /// The head of the hash chain: a SHA-256 over everything appended since the log was created, dropped segments
    /// included. Equal histories give equal digests only with equal [`SegmentOptions`].
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.active.link()
    }

    /// Whether a sync has failed: nothing more is accepted until the log is opened anew, by a new process.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// The files and how many bytes of each hold frames; to copy them, [`SegmentReader::copy_to`].
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.reader.files()
    }

    /// A handle that reads independently of this writer.
    #[must_use]
    pub fn reader(&self) -> SegmentReader {
        self.reader.clone()
    }

    /// Removes the oldest segments while all their frames are below this position, and answers how many. The one that
    /// is written stays. What is removed is gone durably, oldest first; after an error the rest is still there.
    pub fn drop_before(&mut self, position: u64) -> Result<usize, LocalError> {
        self.check_poison()?;
        let mut dropped = 0;
        while let [oldest, second, ..] = self.reader.shared.segments().as_slice()
            && second.first <= position
        {
            let removed = self.remove_oldest(oldest);
            self.settle(removed)?;
            dropped += 1;
        }
        Ok(dropped)
    }

    /// Begins a segment, unless the one being written is empty: what is there can then be dropped whole.
    pub fn begin_segment(&mut self) -> Result<(), LocalError> {
        self.check_poison()?;
        if self.active.next == self.active.segment.first {
            return Ok(());
        }
        let rotated = self.rotate();
        self.settle(rotated)
    }

    /// Closes the log in order: gives back room made in advance and marks the end, so that any later damage to what
    /// was acknowledged is noticed when the log is opened. Appending afterwards takes the mark away again.
    pub fn seal(&mut self) -> Result<(), LocalError> {
        self.check_poison()?;
        let closed = self.active.close();
        self.settle(closed)
    }

    /// Begins the next segment. Neither file can be mistaken at any moment: the old one is cut to its frames before
    /// the new one exists, and marked as having a successor before that one holds a frame.
    fn rotate(&mut self) -> Result<(), Failure> {
        let shared = &self.reader.shared;
        self.active.reopen()?;
        self.active.trim()?;
        let end = self.active.as_end();
        let before = Some((self.active.segment.first, end));
        let next = Active::create(&*shared.disk, &self.dir, &shared.options, before)?;
        self.active.mark_sealed()?;
        let Segment {
            path,
            first,
            identity,
            ..
        } = &*self.active.segment;
        let sealed = Arc::new(Segment::sealed(path.clone(), *first, *identity, &end));
        shared.change(|segments| {
            segments.pop();
            segments.push(sealed);
            segments.push(Arc::clone(&next.segment));
        });
        self.active = next;
        Ok(())
    }

    fn remove_oldest(&self, oldest: &Arc<Segment>) -> Result<(), Failure> {
        let shared = &self.reader.shared;
        // Readers first: one that finds the file missing then knows why.
        shared.change(|segments| segments.remove(0));
        if let Err(error) = shared.disk.remove(&oldest.path) {
            shared.change(|segments| segments.insert(0, Arc::clone(oldest)));
            return Err(Failure::Unchanged(LocalError::of_io(
                "remove",
                &oldest.path,
                error,
            )));
        }
        // Each by itself: were two removals unsynced, the older segment could come back without the younger one.
        shared
            .disk
            .sync_dir(&self.dir)
            .map_err(|error| Failure::Unknown(LocalError::of_io("sync", &self.dir, error)))
    }

    /// Goes on with the files of a log that has the same frames at the same positions and divides them alike, if it could be
    /// opened. Readers follow. Else nothing more is accepted: nobody knows what the files hold.
    pub(crate) fn go_on_with(&mut self, other: Result<Self, LocalError>) -> Result<(), LocalError> {
        let other = other.inspect_err(|_| self.is_poisoned = true)?;
        let segments = other.reader.shared.segments();
        self.reader.shared.change(|known| *known = segments);
        self.active = other.active;
        Ok(())
    }

    fn check_poison(&self) -> Result<(), LocalError> {
        if self.is_poisoned {
            Err(LocalError::Poisoned)
        } else {
            Ok(())
        }
    }

    fn check_head(&self, found: [u8; 32]) -> Result<(), LocalError> {
        if found == self.digest() {
            return Ok(());
        }
        let Active { segment, end, .. } = &self.active;
        Err(LocalError::corrupt(
            &segment.path,
            *end,
            "its contents changed since they were written",
        ))
    }

    fn settle<T>(&mut self, done: Result<T, Failure>) -> Result<T, LocalError> {
        done.map_err(|failure| {
            self.is_poisoned |= matches!(failure, Failure::Unknown(_));
            failure.into_error()
        })
    }
}

/// The file of the segment that begins at this position.
fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:0NAME_DIGITS$}{SUFFIX}"))
}

/// The position in a segment's name; `None` for the name of something else.
fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let first = digits.parse().ok().filter(|first| *first > 0)?;
    (digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(first)
}
