//! How often frames may come, in one number: the time up to which the frames so far are paid for.

use crate::limits::{FRAME_BURST_MS, FRAME_GAP_MS};

/// 100 frames a second, 200 at once.
#[derive(Debug, Default)]
pub(super) struct Rate {
    paid_until_ms: i64,
}

impl Rate {
    /// Takes one frame, unless there are too many.
    pub(super) fn take(&mut self, now_ms: i64) -> bool {
        let until = self.paid_until_ms.max(now_ms) + FRAME_GAP_MS;
        if until > now_ms + FRAME_BURST_MS {
            return false;
        }
        self.paid_until_ms = until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_at_once_then_a_hundred_a_second() {
        let mut rate = Rate::default();
        let mut taken = |now_ms| (0..1000).take_while(|_| rate.take(now_ms)).count();
        assert_eq!(taken(1_000_000), 200);
        assert_eq!(taken(1_000_009), 0);
        assert_eq!(taken(1_000_010), 1);
        assert_eq!(taken(1_001_010), 100);
        assert_eq!(taken(9_000_000), 200);
    }
}
