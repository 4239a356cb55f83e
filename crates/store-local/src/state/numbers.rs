//! Device numbers, given from blocks that are reserved durably before the first of them is used.
//!
//! Invariant: a number given is below an end that the names log holds durably, so neither an imported recipient nor a
//! later process gets it. The rest of a block is lost when the process ends: gaps are normal.

use std::collections::BTreeMap;
use std::ops::Range;

use pushtally_model::{AppId, Number};
use pushtally_store::StoreError;

use crate::error::LocalError;

/// Reserves so many numbers of an app; `None` when it has no more.
pub(crate) type Reserve = dyn FnMut(AppId, u32) -> Result<Option<Range<u32>>, LocalError> + Send;

/// What is left of each app's block.
pub(super) struct Numbers {
    blocks: BTreeMap<AppId, Range<u32>>,
    reserve: Box<Reserve>,
}

impl Numbers {
    pub(super) fn new(reserve: Box<Reserve>) -> Self {
        Self {
            blocks: BTreeMap::new(),
            reserve,
        }
    }

    /// The next number. One that is not used in the end is a gap.
    pub(super) fn next(&mut self, app: AppId) -> Result<Number, StoreError> {
        let block = self.blocks.entry(app).or_default();
        if let Some(number) = block.next() {
            return Ok(Number(number));
        }
        let reserved = (self.reserve)(app, super::NUMBERS_BLOCK)?;
        *block = reserved.ok_or_else(|| StoreError::numbers_used_up(app))?;
        let number = block.next();
        number
            .map(Number)
            .ok_or_else(|| StoreError::numbers_used_up(app))
    }
}
