//! What can go wrong in the local engine, as facts with data.
//!
//! Callers branch on the variant, never on the text. An absence is an `Option`, not an error.

use std::io;
use std::path::{Path, PathBuf};

/// Why the local engine could not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The operating system refused an act on a file.
    #[error("could not {what}")]
    Io {
        /// The act and the path, as in "sync `/var/lib/pushtally/log`".
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no room to grow a file. Nothing was changed; a later attempt may succeed.
    #[error("the disk is full, `{path}` cannot grow; free some space and try again")]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// A file does not hold what was acknowledged. Nothing was changed.
    #[error(
        "`{path}` is damaged at byte `{offset}`: {why}; nothing was changed: keep a copy of the \
         directory, check the disk, then restore a backup"
    )]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where in it the first contradiction lies.
        offset: u64,
        /// What contradicts what.
        why: String,
    },
    /// A file was written by a later release. Nothing was changed.
    #[error(
        "`{path}` has format `{found}` and this release knows up to `{known}`; nothing was changed: \
         start the release that wrote it"
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format that this release reads.
        known: u32,
    },
    /// An earlier fsync failed, so nobody knows what the disk holds until it is read anew.
    #[error(
        "an earlier fsync failed, nothing more is accepted: check the disk and restart the process"
    )]
    Poisoned,
    /// A record is longer than its bound.
    #[error("a record of `{len}` bytes exceeds the bound of `{max}`")]
    TooLarge {
        /// The bytes offered.
        len: usize,
        /// The bytes allowed.
        max: usize,
    },
    /// A queue has reached its bound; nothing was taken and nothing acknowledged was dropped.
    #[error("the queue would hold `{bytes}` bytes and its bound is `{max}`")]
    QueueFull {
        /// The bytes that it would hold.
        bytes: u64,
        /// The bytes allowed.
        max: u64,
    },
    /// Another process works in this directory.
    #[error("`{path}` is in use by another process")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
}

impl LocalError {
    /// What an act on a path failed with: a full disk or quota is told from everything else.
    pub(crate) fn of_io(act: &str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull {
                path: path.to_path_buf(),
            },
            _ => Self::Io {
                what: format!("{act} `{}`", path.display()),
                source,
            },
        }
    }

    /// A contradiction found in a file.
    pub(crate) fn corrupt(path: &Path, offset: u64, why: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.to_path_buf(),
            offset,
            why: why.into(),
        }
    }
}

impl From<LocalError> for pushtally_store::StoreError {
    fn from(error: LocalError) -> Self {
        let what = match &error {
            LocalError::Io { source, .. } => format!("{error}: {source}"),
            LocalError::DiskFull { .. }
            | LocalError::Corrupt { .. }
            | LocalError::NewerVersion { .. }
            | LocalError::Poisoned
            | LocalError::TooLarge { .. }
            | LocalError::QueueFull { .. }
            | LocalError::Locked { .. } => error.to_string(),
        };
        match error {
            LocalError::DiskFull { .. } => Self::Full { what },
            LocalError::QueueFull { .. } => Self::Busy { what },
            LocalError::Corrupt { .. } | LocalError::NewerVersion { .. } => Self::Corrupt { what },
            LocalError::Poisoned => Self::Failed { what },
            LocalError::Io { .. } | LocalError::TooLarge { .. } | LocalError::Locked { .. } => {
                Self::Io { what }
            }
        }
    }
}
