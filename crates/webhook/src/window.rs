//! Which calls of a queue are under way, and how far its cursor may move. Pure.

use std::collections::BTreeSet;

/// The calls between the cursor and the last one read.
///
/// Invariant: every call at or before `done` has ended; each later one that was read is in exactly one of `open` and
/// `ended`; no ended call before the first open one is left in `ended`. Places need not be consecutive.
#[derive(Debug)]
pub(crate) struct Window {
    done: u64,
    read: u64,
    open: BTreeSet<u64>,
    ended: BTreeSet<u64>,
}

impl Window {
    pub(crate) fn starting_after(cursor: u64) -> Self {
        Self {
            done: cursor,
            read: cursor,
            open: BTreeSet::new(),
            ended: BTreeSet::new(),
        }
    }

    /// The last call read.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// Calls under way.
    pub(crate) fn open_len(&self) -> usize {
        self.open.len()
    }

    /// Ended calls that wait for an older one.
    pub(crate) fn ahead_len(&self) -> usize {
        self.ended.len()
    }

    /// The call that the cursor waits for.
    pub(crate) fn oldest_open(&self) -> Option<u64> {
        self.open.first().copied()
    }

    pub(crate) fn begin(&mut self, at: u64) {
        self.read = self.read.max(at);
        self.open.insert(at);
    }

    /// Ends a call; answers the new cursor if that lets it move.
    pub(crate) fn end(&mut self, at: u64) -> Option<u64> {
        if !self.open.remove(&at) {
            return None;
        }
        self.ended.insert(at);
        let kept = match self.open.first() {
            Some(oldest) => self.ended.split_off(oldest),
            None => BTreeSet::new(),
        };
        let moved = self.ended.last().copied();
        self.ended = kept;
        self.done = moved.unwrap_or(self.done);
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_passes_only_what_has_ended_before_it() {
        let mut window = Window::starting_after(10);
        for at in [12, 15, 20, 21] {
            window.begin(at);
        }
        assert_eq!(window.end(15), None);
        assert_eq!(window.end(21), None);
        assert_eq!((window.ahead_len(), window.oldest_open()), (2, Some(12)));
        assert_eq!(window.end(12), Some(15));
        assert_eq!(window.end(12), None);
        assert_eq!(window.end(20), Some(21));
        assert_eq!(
            (window.open_len(), window.ahead_len(), window.read()),
            (0, 0, 21)
        );
    }
}
