//! Reads a log while its writer writes: everything acknowledged so far, nothing else.
//!
//! Invariant: of a segment nobody reads beyond `valid`, which the writer raises only after a sync has returned; the
//! list of segments changes only by adding at the end and dropping at the front.

use super::frame::Identity;
use super::header::{End, FRAMES_AT, Header, Link, Mark, Prelude, seed_of};
use super::scan::{Scan, Step};
use super::{SegmentOptions, VerifyReport};
use crate::disk::{Disk, DiskFile};
use crate::error::LocalError;
use sha2::{Digest, Sha256};
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// One segment, as readers know it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    pub(super) identity: Identity,
    /// The bytes that hold acknowledged frames, from the start of the file.
    pub(super) valid: AtomicU64,
    /// The position after the last acknowledged frame.
    pub(super) next: AtomicU64,
    /// The open file of the segment that is written; sealed ones are opened when read, there may be thousands.
    pub(super) file: Option<Arc<dyn DiskFile>>,
    /// The finished link of a sealed segment.
    pub(super) link: Option<Link>,
}

impl Segment {
    pub(super) fn sealed(path: PathBuf, first: u64, identity: Identity, end: &End) -> Self {
        let (valid, next) = (AtomicU64::new(end.len), AtomicU64::new(end.next));
        Self {
            path,
            first,
            identity,
            valid,
            next,
            file: None,
            link: Some(end.link),
        }
    }
}

/// What the writer and the readers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: SegmentOptions,
    segments: RwLock<Vec<Arc<Segment>>>,
}

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        options: SegmentOptions,
        segments: Vec<Arc<Segment>>,
    ) -> Self {
        Self {
            disk,
            options,
            segments: RwLock::new(segments),
        }
    }

    /// The segments of this moment, oldest first.
    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the list in one step.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Segment>>) -> T) -> T {
        change(
            &mut self
                .segments
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// Where a frame begins: its position and what finds it again without walking there. Positions are for ever, a place
/// is good for the log as it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The position of the frame.
    pub position: u64,
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// A handle that reads independently of the writer and sees everything acknowledged before the call.
#[derive(Debug, Clone)]
pub struct SegmentReader {
    pub(super) shared: Arc<Shared>,
}

/// How a walk over one segment is done.
struct Walk<'a> {
    segment: &'a Segment,
    /// The first position to visit.
    from: u64,
    /// Where to begin instead of at the first frame.
    near: Option<Place>,
    /// Hash everything, so that the chain can be compared.
    chain: bool,
}

/// Takes a frame's position and payload.
pub type Replay<'v> = &'v mut dyn FnMut(u64, &[u8]) -> Result<(), LocalError>;
/// Takes a frame's place and payload, and may have seen enough.
pub type Visit<'v> = &'v mut dyn FnMut(Place, &[u8]) -> Result<ControlFlow<()>, LocalError>;

impl SegmentReader {
    /// The position of the oldest frame that is kept, or [`Self::next_position`] when there is none.
    #[must_use]
    pub fn first_position(&self) -> u64 {
        self.shared
            .segments()
            .first()
            .map_or(1, |segment| segment.first)
    }

    /// The position that the next append will have.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.shared
            .segments()
            .last()
            .map_or(1, |last| last.next.load(Ordering::Acquire))
    }

    /// Whether [`super::SegmentLog::drop_before`] would find something to drop.
    #[must_use]
    pub fn can_drop_before(&self, position: u64) -> bool {
        let segments = self.shared.segments();
        segments
            .get(1)
            .is_some_and(|second| second.first <= position)
    }

    /// The bytes of all frames that are kept, without headers and room made in advance.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let len = |segment: &Arc<Segment>| segment.valid.load(Ordering::Acquire) - FRAMES_AT;
        self.shared.segments().iter().map(len).sum()
    }

    /// The files and how many bytes of each hold acknowledged frames. To copy them, use [`Self::copy_to`].
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let file =
            |segment: &Arc<Segment>| (segment.path.clone(), segment.valid.load(Ordering::Acquire));
        self.shared.segments().iter().map(file).collect()
    }

    /// The positions of each segment's acknowledged frames, oldest first; none is empty but the one being written.
    #[must_use]
    pub fn segments(&self) -> Vec<Range<u64>> {
        let range = |segment: &Arc<Segment>| segment.first..segment.next.load(Ordering::Acquire);
        self.shared.segments().iter().map(range).collect()
    }

    /// Visits every kept frame from this position on, in the order of appends, each once. Positions that were dropped
    /// are left out at the start, never in the middle.
    ///
    /// Every checksum is verified, and the chain of every sealed segment that is touched, from its first frame on.
    /// Stops at the first error, the visitor's included.
    pub fn replay(&self, from: u64, visit: Replay<'_>) -> Result<(), LocalError> {
        self.walk(from, None, true, &mut |place, payload| {
            visit(place.position, payload)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }

    /// Visits frames from this position on until the visitor breaks. Verifies checksums, not the chain. `near` is the
    /// place of a frame at or before `from`, as an earlier visit gave it; it saves walking there.
    pub fn read(&self, from: u64, near: Option<Place>, visit: Visit<'_>) -> Result<(), LocalError> {
        self.walk(from, near, false, visit)?;
        Ok(())
    }

    /// Reads everything as [`Self::replay`] does and says what was found. The link is that of the last frame read.
    pub(super) fn verify(&self) -> Result<VerifyReport, LocalError> {
        let segments = self.shared.segments();
        let (first, bytes) = (self.first_position(), self.bytes());
        let mut frames = 0;
        let digest = self.walk(first, None, true, &mut |_, _| {
            frames += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        let digest = digest.unwrap_or_default();
        Ok(VerifyReport {
            segments: segments.len(),
            frames,
            bytes,
            digest,
        })
    }

    /// Walks all segments that hold something from `from` on; answers the link after the last frame if it was hashed.
    pub(super) fn walk(
        &self,
        from: u64,
        near: Option<Place>,
        chain: bool,
        visit: Visit<'_>,
    ) -> Result<Option<Link>, LocalError> {
        let segments = self.shared.segments();
        let near = near.filter(|near| near.position <= from);
        let holds_from = segments.partition_point(|segment| segment.first <= from);
        let mut visited = false;
        let mut link = None;
        for segment in segments.iter().skip(holds_from.saturating_sub(1)) {
            let file = match self.open(segment) {
                Ok(file) => file,
                // Dropped since the list was read: as if the call had come a moment later.
                Err(error) if !visited && is_missing(&error) && self.has_dropped(segment) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let near = near.filter(|near| near.segment == segment.first);
            let walk = Walk {
                segment,
                from,
                near,
                chain,
            };
            let flow = walk.run(&*file, &self.shared.options, &mut |place, payload| {
                visited = true;
                visit(place, payload)
            })?;
            match flow {
                ControlFlow::Break(()) => return Ok(None),
                ControlFlow::Continue(after) => link = after,
            }
        }
        Ok(link)
    }

    fn open(&self, segment: &Segment) -> Result<Arc<dyn DiskFile>, LocalError> {
        if let Some(file) = &segment.file {
            return Ok(Arc::clone(file));
        }
        let file = self.shared.disk.open(&segment.path);
        file.map(Arc::from)
            .map_err(|error| LocalError::of_io("open", &segment.path, error))
    }

    fn has_dropped(&self, segment: &Segment) -> bool {
        self.first_position() > segment.first
    }
}

fn is_missing(error: &LocalError) -> bool {
    matches!(error, LocalError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

impl Walk<'_> {
    /// Breaks when the visitor does; otherwise answers the link after the last frame, if it was asked for.
    fn run(
        &self,
        file: &dyn DiskFile,
        options: &SegmentOptions,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<(), Option<Link>>, LocalError> {
        let Segment {
            path,
            first,
            identity,
            ..
        } = self.segment;
        let failed = |error| LocalError::of_io("read", path, error);
        let limit = self.segment.valid.load(Ordering::Acquire);
        let mut hasher = Sha256::new();
        if self.chain {
            hasher.update(self.header(file, options)?);
        }
        let (mut position, start) = self
            .near
            .map_or((*first, FRAMES_AT), |near| (near.position, near.offset));
        let mut scan = Scan::new(file, *identity, start..limit);
        loop {
            let offset = scan.offset();
            match scan.step(position).map_err(failed)? {
                Step::End => break,
                Step::Invalid => {
                    let why = format!("the frame at position `{position}` is invalid");
                    return Err(LocalError::corrupt(path, offset, why));
                }
                Step::Frame { raw, payload } => {
                    if self.chain {
                        hasher.update(raw);
                    }
                    let place = Place {
                        position,
                        segment: *first,
                        offset,
                    };
                    if position >= self.from && visit(place, payload)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            position += 1;
        }
        let link = self.chain.then(|| Link::from(hasher.finalize()));
        if let (Some(found), Some(known)) = (link, self.segment.link)
            && found != known
        {
            let why = "its contents do not hash to what its successor recorded";
            return Err(LocalError::corrupt(path, limit, why));
        }
        Ok(ControlFlow::Continue(link))
    }

    /// The header's bytes, checked to be those that the log was opened with.
    fn header(&self, file: &dyn DiskFile, options: &SegmentOptions) -> Result<Vec<u8>, LocalError> {
        let Segment { path, identity, .. } = self.segment;
        let prelude = read_prelude(file, path)?;
        let (header, mark) = prelude.split_at(prelude.len() / 2);
        let decoded = Header::decode(path, header, options.magic, options.format)?;
        if decoded.is_none() || seed_of(header) != identity.seed {
            return Err(LocalError::corrupt(path, 0, "the header is invalid"));
        }
        // That of the segment being written changes under a reader, who may see half of it; a sealed one's is final.
        if self.segment.link.is_some() {
            Mark::decode(path, mark)?;
        }
        Ok(header.to_vec())
    }
}

/// Header and mark; zeros where the file is shorter.
pub(super) fn read_prelude(file: &dyn DiskFile, path: &Path) -> Result<Prelude, LocalError> {
    let mut prelude: Prelude = [0; FRAMES_AT as usize];
    file.read_at(0, &mut prelude)
        .map_err(|error| LocalError::of_io("read", path, error))?;
    Ok(prelude)
}
