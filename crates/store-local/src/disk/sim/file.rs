//! One simulated file: what reads see, what survives, and the changes between them.
//!
//! Invariant: applying `dirty` in order to `medium` gives `cache`, except for what a failed sync has lost.

use super::dice::Dice;
use std::collections::BTreeMap;

/// What a disk writes whole or not at all.
pub(super) const SECTOR_LEN: usize = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct FileState {
    pub(super) cache: Vec<u8>,
    pub(super) medium: Vec<u8>,
    dirty: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Sector(usize, Vec<u8>),
    Len(usize),
}

impl FileState {
    fn sector(&self, number: usize) -> Vec<u8> {
        let from = (number * SECTOR_LEN).min(self.cache.len());
        let to = (from + SECTOR_LEN).min(self.cache.len());
        let mut sector = self.cache.get(from..to).unwrap_or_default().to_vec();
        sector.resize(SECTOR_LEN, 0);
        sector
    }

    /// Notes that the bytes from..to of the cache have changed.
    fn touch(&mut self, from: usize, to: usize) {
        for number in from / SECTOR_LEN..to.div_ceil(SECTOR_LEN) {
            self.dirty.push(Change::Sector(number, self.sector(number)));
        }
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let from = offset.min(self.cache.len());
        if end > self.cache.len().min(self.medium.len()) {
            self.cache.resize(end.max(self.cache.len()), 0);
            self.dirty.push(Change::Len(self.cache.len()));
        }
        if let Some(target) = self.cache.get_mut(offset..end) {
            target.copy_from_slice(bytes);
        }
        self.touch(from, end);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let before = self.cache.len();
        self.cache.resize(len, 0);
        self.dirty.push(Change::Len(len));
        if len < before {
            self.touch(len, before);
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Len(len) => self.medium.resize(*len, 0),
            Change::Sector(number, bytes) => {
                let from = number * SECTOR_LEN;
                let to = (from + SECTOR_LEN).min(self.medium.len());
                if let Some(target) = self.medium.get_mut(from..to) {
                    let len = target.len();
                    target.copy_from_slice(bytes.get(..len).unwrap_or_default());
                }
            }
        }
    }

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.dirty) {
            self.apply(&change);
        }
    }

    /// Keeps one version of each sector and of the length, the one on the medium being as good as any other.
    pub(super) fn keep_some(&mut self, dice: &mut Dice) {
        let dirty = std::mem::take(&mut self.dirty);
        let mood = dice.below(8);
        let mut lens = vec![self.medium.len()];
        let mut sectors: BTreeMap<usize, Vec<&Change>> = BTreeMap::new();
        for change in &dirty {
            match change {
                Change::Len(len) => lens.push(*len),
                Change::Sector(number, _) => sectors.entry(*number).or_default().push(change),
            }
        }
        let mut pick = |versions: usize| match mood {
            0 => 0,
            1 => versions - 1,
            2 if dice.one_in(20) => 0,
            2 => versions - 1,
            _ => dice.below(versions as u64) as usize,
        };
        let len = lens.get(pick(lens.len())).copied().unwrap_or(0);
        self.medium.resize(len, 0);
        for versions in sectors.values() {
            let picked = pick(versions.len() + 1);
            if let Some(change) = picked.checked_sub(1).and_then(|at| versions.get(at)) {
                self.apply(change);
            }
        }
    }
}
