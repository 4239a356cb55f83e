//! The demo's folder: emptied only if it carries our mark, used by one demo at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

/// The file that says that a folder is the demo's to empty.
const MARK: &str = ".pushtally-demo";

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes or takes over a folder, and empties it unless it is to be kept.
    pub(super) fn open(dir: &Path, keep: bool) -> anyhow::Result<Self> {
        let shown = dir.display();
        fs::create_dir_all(dir).with_context(|| format!("`{shown}` cannot be made"))?;
        let mark = dir.join(MARK);
        let is_empty = fs::read_dir(dir)
            .with_context(|| format!("`{shown}` cannot be read"))?
            .next()
            .is_none();
        if !is_empty && !mark.exists() {
            bail!("`{shown}` holds something that no demo has made, choose another --dir");
        }
        let lock = File::options().create(true).append(true).open(&mark);
        let lock = lock.with_context(|| format!("`{}` cannot be made", mark.display()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("another demo runs in `{shown}`, choose another --dir");
        }
        let folder = Self {
            dir: dir.to_owned(),
            _lock: lock,
        };
        let data = folder.data();
        if !keep && data.exists() {
            fs::remove_dir_all(&data)
                .with_context(|| format!("`{}` cannot be emptied", data.display()))?;
        }
        Ok(folder)
    }

    /// The folder itself.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The server's storage.
    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marked_folder_is_emptied_and_only_one_demo_has_it() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("demo");
        let first = Folder::open(&dir, false).unwrap();
        fs::create_dir(first.data()).unwrap();
        let told = Folder::open(&dir, true).unwrap_err().to_string();
        assert!(told.contains("another demo runs"), "{told}");
        drop(first);
        assert!(Folder::open(&dir, true).unwrap().data().exists());
        assert!(!Folder::open(&dir, false).unwrap().data().exists());

        fs::write(outer.path().join("thesis.txt"), "").unwrap();
        let told = Folder::open(outer.path(), false).unwrap_err().to_string();
        assert!(told.contains("no demo has made"), "{told}");
        assert!(outer.path().join("thesis.txt").exists());
    }
}
