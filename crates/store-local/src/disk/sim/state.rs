//! What the simulated disk holds: files, names, and the faults to come.
//!
//! Invariant: applying `name_changes` in order to `names_kept` gives `names`.

use super::dice::Dice;
use super::file::{FileState, SECTOR_LEN};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) dice: Dice,
    pub(super) epoch: u64,
    pub(super) changes: u64,
    pub(super) faults: Faults,
    files: BTreeMap<u64, FileState>,
    names: BTreeMap<PathBuf, u64>,
    names_kept: BTreeMap<PathBuf, u64>,
    name_changes: Vec<NameChange>,
    dirs: BTreeSet<PathBuf>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) power_cut_in: Option<u64>,
    pub(super) power_is_off: bool,
    pub(super) sync_fails_in: Option<u64>,
    pub(super) write_fails_in: Option<u64>,
    pub(super) space: Option<u64>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(PathBuf, u64),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, u64),
}

/// Whether the act that has begun can still be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Act {
    Normal,
    PowerFails,
}

impl Act {
    pub(super) fn end<T>(self, value: T) -> io::Result<T> {
        match self {
            Self::Normal => Ok(value),
            Self::PowerFails => Err(no_power()),
        }
    }
}

fn no_power() -> io::Error {
    io::Error::other("the simulated power is off")
}

/// Counts a fault down; true when its time has come.
fn due(countdown: &mut Option<u64>) -> bool {
    match countdown {
        Some(0 | 1) => {
            *countdown = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl NameChange {
    fn is_in(&self, dir: &Path) -> bool {
        match self {
            Self::Create(path, _) | Self::Remove(path) => path.parent() == Some(dir),
            Self::Rename(from, to, _) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Create(path, inode) => {
                names.insert(path, inode);
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
            Self::Rename(from, to, inode) => {
                names.remove(&from);
                names.insert(to, inode);
            }
        }
    }
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            epoch: 0,
            changes: 0,
            faults: Faults::default(),
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            names_kept: BTreeMap::new(),
            name_changes: Vec::new(),
            dirs: BTreeSet::new(),
        }
    }

    pub(super) fn powered(&self) -> io::Result<()> {
        if self.faults.power_is_off {
            Err(no_power())
        } else {
            Ok(())
        }
    }

    /// Counts a change that is about to be made.
    pub(super) fn begin(&mut self) -> io::Result<Act> {
        self.powered()?;
        self.changes += 1;
        if due(&mut self.faults.power_cut_in) {
            self.faults.power_is_off = true;
            return Ok(Act::PowerFails);
        }
        Ok(Act::Normal)
    }

    pub(super) fn crash(&mut self, seed: u64) {
        let mut dice = Dice::new(seed ^ self.dice.roll());
        for file in self.files.values_mut() {
            file.keep_some(&mut dice);
            file.cache.clone_from(&file.medium);
        }
        for change in std::mem::take(&mut self.name_changes) {
            if dice.one_in(2) {
                change.apply(&mut self.names_kept);
            }
        }
        self.names.clone_from(&self.names_kept);
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|inode, _| named.contains(inode));
        self.faults = Faults::default();
        self.epoch += 1;
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, inode: u64) -> io::Result<&mut FileState> {
        self.files
            .get_mut(&inode)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|dir| self.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inode = self.files.last_key_value().map_or(1, |(last, _)| last + 1);
        self.files.insert(inode, FileState::default());
        self.names.insert(path.to_path_buf(), inode);
        self.name_changes
            .push(NameChange::Create(path.to_path_buf(), inode));
        Ok(inode)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.find(from)?;
        let change = NameChange::Rename(from.to_path_buf(), to.to_path_buf(), inode);
        change.clone().apply(&mut self.names);
        self.name_changes.push(change);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path)?;
        let len = self.file(inode)?.cache.len() as u64;
        self.faults.space = self.faults.space.map(|space| space + len);
        self.names.remove(path);
        self.name_changes
            .push(NameChange::Remove(path.to_path_buf()));
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        if due(&mut self.faults.sync_fails_in) {
            return Err(io::Error::other("simulated failure of a directory's sync"));
        }
        for change in std::mem::take(&mut self.name_changes) {
            if change.is_in(dir) {
                change.apply(&mut self.names_kept);
            } else {
                self.name_changes.push(change);
            }
        }
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, dir: &Path) {
        self.dirs.extend(dir.ancestors().map(Path::to_path_buf));
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.names.contains_key(path) || self.dirs.contains(path)
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        if !self.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let paths = self
            .names
            .keys()
            .chain(&self.dirs)
            .filter(|path| path.parent() == Some(dir));
        let mut names: Vec<String> = paths
            .filter_map(|path| path.file_name()?.to_str().map(String::from))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn read(&self, inode: u64, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.files.get(&inode).ok_or(io::ErrorKind::NotFound)?;
        let rest = file.cache.get(index(offset)?..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    pub(super) fn len(&self, inode: u64) -> io::Result<u64> {
        let file = self.files.get(&inode).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.cache.len() as u64)
    }

    pub(super) fn write(&mut self, inode: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = index(offset)?;
        let len = self.file(inode)?.cache.len();
        let mut room = bytes.len();
        let mut failure = None;
        if due(&mut self.faults.write_fails_in) {
            // A kernel takes pages, so a write ends between sectors even when it fails.
            let end = offset + self.dice.below(bytes.len() as u64) as usize;
            room = (end / SECTOR_LEN * SECTOR_LEN).saturating_sub(offset);
            failure = Some(io::Error::other("simulated failure of a write"));
        }
        let growth = (offset + room).saturating_sub(len) as u64;
        if let Some(space) = self.faults.space {
            if growth > space {
                room = (len + index(space)?).saturating_sub(offset);
                failure = Some(io::ErrorKind::StorageFull.into());
            }
            self.faults.space = Some(space.saturating_sub(growth));
        }
        let fits = bytes.get(..room).unwrap_or(bytes);
        if !fits.is_empty() {
            self.file(inode)?.write(offset, fits);
        }
        failure.map_or(Ok(()), Err)
    }

    pub(super) fn set_len(&mut self, inode: u64, len: u64) -> io::Result<()> {
        let before = self.file(inode)?.cache.len() as u64;
        if let Some(space) = self.faults.space {
            let Some(left) = (space + before).checked_sub(len) else {
                return Err(io::ErrorKind::StorageFull.into());
            };
            self.faults.space = Some(left);
        }
        self.file(inode)?.set_len(index(len)?);
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: u64) -> io::Result<()> {
        if due(&mut self.faults.sync_fails_in) {
            // Some of it reached the medium. The rest counts as clean from now on and is never tried again: that is
            // what Linux does, and why a failed sync must not be repeated.
            let mut dice = self.dice.clone();
            self.dice.roll();
            self.file(inode)?.keep_some(&mut dice);
            return Err(io::Error::other("simulated failure of a sync"));
        }
        self.file(inode)?.sync();
        Ok(())
    }

    pub(super) fn flip_bit(&mut self, path: &Path, bit: u64) {
        let Ok(file) = self.find(path).and_then(|inode| self.file(inode)) else {
            return;
        };
        let Ok(at) = index(bit / 8) else { return };
        for bytes in [&mut file.cache, &mut file.medium] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    pub(super) fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.files
            .get(self.names.get(path)?)
            .map(|file| file.cache.clone())
    }

    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) {
        if let Some(dir) = path.parent() {
            self.create_dir_all(dir);
        }
        self.take(path);
        if let Ok(inode) = self.create(path) {
            self.name_changes.pop();
            self.names_kept.insert(path.to_path_buf(), inode);
            if let Some(file) = self.files.get_mut(&inode) {
                file.cache = bytes.to_vec();
                file.medium = bytes.to_vec();
            }
        }
    }

    pub(super) fn take(&mut self, path: &Path) {
        self.names.remove(path);
        self.names_kept.remove(path);
    }
}
