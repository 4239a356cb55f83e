//! The seam between what is durable and the disk, so that tests can lose, reorder and refuse writes.
//!
//! Everything whose crash behaviour is promised writes through [`Disk`]: the segment logs, the relay
//! queues, the snapshots. Not here: the key-value store, which has its own file handling, and locking.

mod real;
pub mod sim;

pub use real::RealDisk;

use std::fmt;
use std::io;
use std::path::Path;

/// A file system, as far as durability needs one.
///
/// What was created, renamed or removed is durable once [`Disk::sync_dir`] has returned for its directory.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file that must not exist yet, for reading and writing.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// The names in a directory, files and directories alike, sorted. Names that are not UTF-8 are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Renames a file, replacing what had the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in this directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates a directory and its missing parents; what it created is durable when it returns.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Whether a file or directory has this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
}

/// An open file. Reads see every write at once; what survives a power loss is what was synced.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Writes all bytes at an offset, growing the file where needed. After an error any part may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads as many bytes as there are, until the buffer is full or the file ends.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Makes contents and length durable (`fdatasync`). After an error nothing is known of what was written
    /// since the last success, and asking again on this descriptor would tell a comforting lie.
    fn sync(&self) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds nothing.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or grows it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
}
