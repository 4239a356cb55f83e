//! The window of a query.

use crate::Second;

/// `[start, end)` in whole seconds, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    start: Second,
    end: Second,
}

/// Why two bounds are no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The bounds are equal or reversed.
    #[error("start must be before end")]
    Empty,
}

impl Window {
    /// A window from its bounds.
    pub fn new(start: Second, end: Second) -> Result<Self, WindowError> {
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(WindowError::Empty)
        }
    }

    /// Every second there is.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            start: Second(0),
            end: Second(u32::MAX),
        }
    }

    /// The first second inside.
    #[must_use]
    pub const fn start(self) -> Second {
        self.start
    }

    /// The first second after it.
    #[must_use]
    pub const fn end(self) -> Second {
        self.end
    }

    /// Whether the second is inside.
    #[must_use]
    pub fn contains(self, at: Second) -> bool {
        self.start <= at && at < self.end
    }
}
