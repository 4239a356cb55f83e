//! What a log's directory holds before any frame is read: each file's first two sectors, and whether they agree.

use super::frame::Identity;
use super::header::{End, FRAMES_AT, Header, MARK_AT, Mark, Prelude, seed_of};
use super::reader::{Segment, read_prelude};
use super::{SUFFIX, SegmentOptions, segment_first};
use crate::disk::Disk;
use crate::error::LocalError;
use std::path::{Path, PathBuf};

/// A segment file as it was found, its frames unread.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    pub(super) len: u64,
    pub(super) prelude: Prelude,
    /// `None` when its checksum does not hold.
    pub(super) header: Option<Header>,
    pub(super) mark: Mark,
}

/// Reads the first two sectors of every segment file, oldest first.
pub(super) fn survey(
    disk: &dyn Disk,
    dir: &Path,
    options: &SegmentOptions,
) -> Result<Vec<Candidate>, LocalError> {
    let names = disk
        .list(dir)
        .map_err(|error| LocalError::of_io("list", dir, error))?;
    let mut candidates = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(SUFFIX)) {
        let path = dir.join(name);
        let Some(first) = segment_first(name) else {
            return Err(LocalError::corrupt(&path, 0, "its name is not a position"));
        };
        let failed = |error| LocalError::of_io("open", &path, error);
        let file = disk.open(&path).map_err(failed)?;
        let len = file.len().map_err(failed)?;
        let prelude = read_prelude(&*file, &path)?;
        let (header, mark) = prelude.split_at(MARK_AT as usize);
        let header = Header::decode(&path, header, options.magic, options.format)?;
        // The mark of an unfinished file says nothing.
        let mark = if header.is_some() {
            Mark::decode(&path, mark)?
        } else {
            Mark::Open
        };
        candidates.push(Candidate {
            path,
            first,
            len,
            prelude,
            header,
            mark,
        });
    }
    Ok(candidates)
}

impl Candidate {
    /// Whether its creation was cut short. Frames, and zeros for them, are written only after header and mark are
    /// durable, so a file that reaches further was finished.
    pub(super) fn is_unfinished(&self) -> bool {
        self.len < FRAMES_AT || (self.len == FRAMES_AT && self.header.is_none())
    }

    pub(super) fn identity(&self) -> Identity {
        let partitions = self.header.map_or(0, |header| header.partitions);
        Identity {
            seed: seed_of(self.prelude.get(..MARK_AT as usize).unwrap_or_default()),
            partitions,
        }
    }

    pub(super) fn as_sealed(&self, end: &End) -> Segment {
        Segment::sealed(self.path.clone(), self.first, self.identity(), end)
    }
}

/// Every file is what its name and the options say.
pub(super) fn check_names(
    candidates: &[Candidate],
    options: &SegmentOptions,
) -> Result<(), LocalError> {
    for Candidate {
        path,
        first,
        header,
        ..
    } in candidates
    {
        let why = match header {
            None => "the header is invalid".to_owned(),
            Some(header) if header.first != *first => {
                format!(
                    "its name says position `{first}` and its header `{}`",
                    header.first
                )
            }
            Some(header) if header.partitions != options.partitions => {
                let (found, set) = (header.partitions, options.partitions);
                format!("it was written with `{found}` partitions and the installation has `{set}`")
            }
            Some(_) => continue,
        };
        return Err(LocalError::corrupt(path, 0, why));
    }
    Ok(())
}

/// Where a segment must have ended for its successor to be what it is.
pub(super) fn end_before(after: &Candidate) -> Option<(u64, End)> {
    let header = after.header?;
    let end = End {
        len: header.before_len,
        next: header.first,
        link: header.before_link,
    };
    Some((header.before_first, end))
}

pub(super) fn check_pair(before: &Candidate, after: &Candidate) -> Result<(), LocalError> {
    let Some((before_first, end)) = end_before(after) else {
        return Ok(());
    };
    if before_first != before.first {
        let why =
            format!("the segment before it, which begins at position `{before_first}`, is missing");
        return Err(LocalError::corrupt(&after.path, 0, why));
    }
    if before.len != end.len {
        let why = format!(
            "it has `{}` bytes and had `{}` when it was sealed",
            before.len, end.len
        );
        return Err(LocalError::corrupt(
            &before.path,
            before.len.min(end.len),
            why,
        ));
    }
    Ok(())
}

pub(super) fn check_sealed(before: &Candidate, after: &Candidate) -> Result<(), LocalError> {
    let sealed = end_before(after).map(|(_, end)| Mark::Sealed(end));
    if sealed == Some(before.mark) {
        return Ok(());
    }
    let why = "its mark does not say what its successor says";
    Err(LocalError::corrupt(&before.path, MARK_AT, why))
}
