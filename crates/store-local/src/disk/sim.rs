//! A simulated disk for tests: in memory, seeded, and as unkind as a real one may be.
//!
//! Until a sync returns, each 512-byte sector written since the last one may survive a crash or be lost, in any
//! order and in any of its versions, and so may each length and each directory entry. Writes and syncs can be made
//! to fail, space to run out, bits to flip. Not a model of speed.

mod dice;
mod file;
mod state;

pub use dice::Dice;

use super::{Disk, DiskFile};
use state::{Act, State};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk in memory. Clones are the same disk; [`SimDisk::fork`] makes another one.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: u64,
    /// The power-up in which it was opened: descriptors do not outlive a crash.
    epoch: u64,
}

impl SimDisk {
    /// An empty disk whose choices follow from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(seed))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A second disk that holds now what this one holds, unsynced writes and pending faults included.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            state: Arc::new(Mutex::new(self.state().clone())),
        }
    }

    /// The power fails and comes back: of everything unsynced a subset chosen by the seed survives. Open files
    /// answer nothing but errors from here on; all faults that were set are forgotten.
    pub fn crash(&self, seed: u64) {
        self.state().crash(seed);
    }

    /// The power goes during the `nth` change from now (1 is the next one): that change may or may not reach the
    /// disk, its caller gets an error, and so does everyone until [`SimDisk::crash`] turns the power on again.
    pub fn cut_power_at(&self, nth: u64) {
        self.state().faults.power_cut_in = Some(nth);
    }

    /// How many changes (writes, syncs, cuts, names) were asked for since the disk was made.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// The `nth` sync from now fails, of a file or of a directory. What was to be synced stays readable, is never
    /// written by a later sync unless written anew, and may be gone after a crash.
    pub fn fail_sync(&self, nth: u64) {
        self.state().faults.sync_fails_in = Some(nth);
    }

    /// The `nth` write from now fails after an arbitrary part of it.
    pub fn fail_write(&self, nth: u64) {
        self.state().faults.write_fails_in = Some(nth);
    }

    /// Files may grow by this many bytes more before there is no space left; `None` is without end.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.state().faults.space = bytes;
    }

    /// Flips one bit of what is stored. Does nothing beyond the end of the file.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        self.state().flip_bit(path, bit);
    }

    /// What a file holds now, or `None` when there is none.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.state().contents(path)
    }

    /// Makes a file hold exactly these bytes, durably and without counting as a change.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        self.state().put(path, bytes);
    }

    /// Takes a file away, durably and without counting as a change.
    pub fn take(&self, path: &Path) {
        self.state().take(path);
    }

    fn file(&self, inode: u64, epoch: u64) -> Box<dyn DiskFile> {
        Box::new(SimFile {
            disk: self.clone(),
            inode,
            epoch,
        })
    }
}

impl Disk for SimDisk {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let act = state.begin()?;
        let inode = state.create(path)?;
        let epoch = state.epoch;
        drop(state);
        act.end(self.file(inode, epoch))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.powered()?;
        Ok(self.file(state.find(path)?, state.epoch))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.powered()?;
        state.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let act = state.begin()?;
        state.rename(from, to)?;
        act.end(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let act = state.begin()?;
        state.remove(path)?;
        act.end(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.begin()? == Act::PowerFails {
            return Act::PowerFails.end(());
        }
        state.sync_dir(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.powered()?;
        state.create_dir_all(dir);
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.state();
        state.powered()?;
        Ok(state.exists(path))
    }
}

impl SimFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.epoch == self.epoch {
            Ok(state)
        } else {
            Err(io::Error::other("opened before the simulated crash"))
        }
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        let act = state.begin()?;
        state.write(self.inode, offset, bytes)?;
        act.end(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.state()?;
        state.powered()?;
        state.read(self.inode, offset, buffer)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state()?;
        if state.begin()? == Act::PowerFails {
            return Act::PowerFails.end(());
        }
        state.sync(self.inode)
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.state()?;
        state.powered()?;
        state.len(self.inode)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state()?;
        let act = state.begin()?;
        state.set_len(self.inode, len)?;
        act.end(())
    }
}

#[cfg(test)]
mod tests;
