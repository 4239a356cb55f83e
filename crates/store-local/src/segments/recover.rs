//! Opens a log: decides from what lies on the disk what was acknowledged, and only then repairs.
//!
//! The order of writes that this relies on: a segment is cut to its frames, durably; its successor is created with a
//! header that says where it ended, durably; it is marked as sealed, durably; only then the successor gets frames.

use super::SegmentOptions;
use super::active::{Active, Failure};
use super::candidate::{Candidate, check_names, check_pair, check_sealed, end_before, survey};
use super::frame::{FRAME_LEN_MAX, HEAD_LEN};
use super::header::{End, FRAMES_AT, MARK_AT, Mark};
use super::reader::Segment;
use super::scan::{Found, Scan, Step, end_of_content, search};
use crate::disk::{Disk, DiskFile};
use crate::error::LocalError;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The zeros written at once over a torn frame.
const ZEROS_LEN: u64 = 1 << 20;

/// A log, ready to be written.
pub(super) struct Recovered {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) active: Active,
    pub(super) torn_bytes_cut: u64,
}

/// The last segment, its frames read.
struct Tail {
    file: Arc<dyn DiskFile>,
    hasher: Sha256,
    end: u64,
    next: u64,
    /// Where its last frame begins; `end` when it has none.
    last_frame_at: u64,
    /// Where the last byte that is not zero ends; beyond `end` it belongs to a torn frame.
    content_end: u64,
}

pub(super) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    options: &SegmentOptions,
) -> Result<Recovered, LocalError> {
    disk.create_dir_all(dir)
        .map_err(|error| LocalError::of_io("create", dir, error))?;
    let mut candidates = survey(disk, dir, options)?;
    let unfinished = candidates.pop_if(|last| last.is_unfinished());
    check_names(&candidates, options)?;
    for pair in candidates.windows(2) {
        if let [before, after] = pair {
            check_pair(before, after)?;
        }
    }
    let Some((last, sealed)) = candidates.split_last() else {
        return begin(disk, dir, options, unfinished);
    };
    for pair in sealed.windows(2) {
        if let [before, after] = pair {
            check_sealed(before, after)?;
        }
    }
    let tail = read_tail(disk, last)?;
    check_mark_before(sealed.last(), last, &tail)?;
    if let Some(unfinished) = &unfinished {
        check_unfinished(unfinished, last, &tail)?;
    }

    // Everything holds together. From here on the disk is changed.
    if let Some(unfinished) = unfinished {
        remove(disk, dir, &unfinished.path)?;
    }
    let with_ends = sealed
        .iter()
        .zip(candidates.iter().skip(1).filter_map(end_before));
    let mut segments: Vec<_> = with_ends
        .map(|(candidate, (_, end))| Arc::new(candidate.as_sealed(&end)))
        .collect();
    let torn_bytes_cut = tail.content_end - tail.end;
    let is_closed = last.mark != Mark::Open;
    let mut allocated = last.len;
    if !is_closed {
        allocated = tail
            .repair(last, options)
            .map_err(|error| error_of("repair", last, error))?;
    }
    // Also after a seal: a removal whose sync failed in an earlier process would come undone in a crash.
    disk.sync_dir(dir)
        .map_err(|error| LocalError::of_io("sync", dir, error))?;
    // Only now is it certain that the last segment will be there.
    if !is_closed
        && tail.next == last.first
        && let Some(before) = sealed.last()
    {
        mark_again(disk, before, last)?;
    }
    let segment = Arc::new(Segment {
        path: last.path.clone(),
        first: last.first,
        identity: last.identity(),
        valid: AtomicU64::new(tail.end),
        next: AtomicU64::new(tail.next),
        file: Some(Arc::clone(&tail.file)),
        link: None,
    });
    segments.push(Arc::clone(&segment));
    let Tail {
        file,
        hasher,
        end,
        next,
        last_frame_at,
        ..
    } = tail;
    let active = Active {
        segment,
        file,
        hasher,
        end,
        next,
        last_frame_at,
        allocated,
        is_closed,
    };
    Ok(Recovered {
        segments,
        active,
        torn_bytes_cut,
    })
}

/// The last but one segment is sealed as the last one says, except that a crash may come between the creation of the
/// one and the mark of the other; then the last one holds nothing.
fn check_mark_before(
    before: Option<&Candidate>,
    last: &Candidate,
    tail: &Tail,
) -> Result<(), LocalError> {
    let Some(before) = before else { return Ok(()) };
    match before.mark {
        Mark::Open if tail.next == last.first && tail.content_end == tail.end => Ok(()),
        _ => check_sealed(before, last),
    }
}

fn check_unfinished(
    unfinished: &Candidate,
    last: &Candidate,
    tail: &Tail,
) -> Result<(), LocalError> {
    // A segment is marked before its successor gets frames, and a closed log has nothing unfinished.
    if last.mark == Mark::Open && unfinished.first == tail.next && tail.content_end == tail.end {
        return Ok(());
    }
    Err(LocalError::corrupt(
        &unfinished.path,
        0,
        "the header is invalid",
    ))
}

/// The log has no finished segment: it is new, or its creation was cut short.
fn begin(
    disk: &dyn Disk,
    dir: &Path,
    options: &SegmentOptions,
    unfinished: Option<Candidate>,
) -> Result<Recovered, LocalError> {
    if let Some(Candidate { path, first, .. }) = unfinished {
        if first != 1 {
            let why = "the header is invalid and the segments before it are missing";
            return Err(LocalError::corrupt(&path, 0, why));
        }
        remove(disk, dir, &path)?;
    }
    let active = Active::create(disk, dir, options, None).map_err(Failure::into_error)?;
    let segments = vec![Arc::clone(&active.segment)];
    Ok(Recovered {
        segments,
        active,
        torn_bytes_cut: 0,
    })
}

/// Reads and hashes every frame of the last segment, and finds out what follows them.
fn read_tail(disk: &dyn Disk, last: &Candidate) -> Result<Tail, LocalError> {
    let failed = |error| error_of("read", last, error);
    let corrupt = |at, why: String| Err(LocalError::corrupt(&last.path, at, why));
    let file: Arc<dyn DiskFile> = disk.open(&last.path).map(Arc::from).map_err(failed)?;
    let mut hasher = Sha256::new();
    hasher.update(last.prelude.get(..MARK_AT as usize).unwrap_or_default());
    let identity = last.identity();
    let mut scan = Scan::new(&*file, identity, FRAMES_AT..last.len);
    let mut next = last.first;
    let mut last_frame_at = FRAMES_AT;
    loop {
        let at = scan.offset();
        let Step::Frame { raw, .. } = scan.step(next).map_err(failed)? else {
            break;
        };
        hasher.update(raw);
        last_frame_at = at;
        next += 1;
    }
    let end = scan.offset();
    let content_end = end_of_content(&*file, end..last.len).map_err(failed)?;
    match last.mark {
        Mark::Open => {}
        Mark::Closed(known) => {
            let found = End {
                len: end,
                next,
                link: hasher.clone().finalize().into(),
            };
            if found != known || last.len != known.len {
                return corrupt(
                    end,
                    format!("the log was closed with `{}` bytes here", known.len),
                );
            }
        }
        Mark::Sealed(known) => {
            let why = format!(
                "its successor, which begins at position `{}`, is missing",
                known.next
            );
            return corrupt(MARK_AT, why);
        }
    }
    if content_end > end {
        // A frame may end in zeros, so the search looks beyond the last other byte.
        let reach = content_end + (HEAD_LEN + FRAME_LEN_MAX) as u64;
        let range = end..reach.min(last.len);
        match search(&*file, identity, range, last.first, next).map_err(failed)? {
            Found::Nothing => {}
            Found::Frame(at) => {
                let why = format!("no frame is valid here and a valid one follows at byte `{at}`");
                return corrupt(end, why);
            }
            Found::Unclear(at) => {
                let why =
                    format!("no frame is valid here and whether one follows is unclear at `{at}`");
                return corrupt(end, why);
            }
        }
    }
    Ok(Tail {
        file,
        hasher,
        end,
        next,
        last_frame_at,
        content_end,
    })
}

impl Tail {
    /// Cuts what is torn and makes the rest durable anew; answers how far the file reaches.
    fn repair(&self, last: &Candidate, options: &SegmentOptions) -> std::io::Result<u64> {
        if options.preallocate {
            let mut offset = self.end;
            while offset < self.content_end {
                let len = (self.content_end - offset).min(ZEROS_LEN);
                self.file.write_at(offset, &vec![0; len as usize])?;
                offset += len;
            }
        } else if last.len > self.end {
            self.file.set_len(self.end)?;
        }
        // A sync writes only what changed since the last one, and one that failed counts too: so change it.
        let mut frame = vec![0; (self.end - self.last_frame_at) as usize];
        self.file.read_at(self.last_frame_at, &mut frame)?;
        self.file.write_at(0, &last.prelude)?;
        self.file.write_at(self.last_frame_at, &frame)?;
        self.file.sync()?;
        Ok(if options.preallocate {
            last.len
        } else {
            self.end
        })
    }
}

/// Writes the mark that says that `last` exists, whether it was there or not.
fn mark_again(disk: &dyn Disk, before: &Candidate, last: &Candidate) -> Result<(), LocalError> {
    let Some((_, end)) = end_before(last) else {
        return Ok(());
    };
    let failed = |error| error_of("mark", before, error);
    let file = disk.open(&before.path).map_err(failed)?;
    file.write_at(MARK_AT, &Mark::Sealed(end).encode())
        .map_err(failed)?;
    file.sync().map_err(failed)
}

fn remove(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<(), LocalError> {
    disk.remove(path)
        .map_err(|error| LocalError::of_io("remove", path, error))?;
    disk.sync_dir(dir)
        .map_err(|error| LocalError::of_io("sync", dir, error))
}

fn error_of(act: &str, candidate: &Candidate, error: std::io::Error) -> LocalError {
    LocalError::of_io(act, &candidate.path, error)
}
