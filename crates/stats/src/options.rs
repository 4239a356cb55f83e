//! Every bound of this crate, with its reason.

/// The bounds that an operator may set.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory the whole process should stay under, in bytes; pages get what names and buffers leave.
    pub memory_bytes_max: usize,
    /// Events that may wait for a commit; beyond it intake answers the documented overload.
    pub waiting_events_max: usize,
    /// A snapshot is started when this many events were folded since the last one.
    pub snapshot_events: u64,
    /// A snapshot is started when the last one is this old and anything changed, in milliseconds.
    pub snapshot_interval_ms: u64,
}

impl Options {
    /// What pages may take beside an engine that holds this much, mostly names: half of what is left above the fixed
    /// part. The other half is for what waits, a snapshot being written, and what the allocator cannot reuse at once.
    pub(crate) fn page_bytes_max(&self, engine_bytes: usize) -> usize {
        let left = self
            .memory_bytes_max
            .saturating_sub(FIXED_BYTES)
            .saturating_sub(engine_bytes);
        (left / 2).max(self.memory_bytes_max / 8)
    }
}

/// What a process takes under load before it has a single page: changes since the last snapshot and the ones being
/// written, batches on their way, connections, the allocator's reserve.
const FIXED_BYTES: usize = 192 << 20;

impl Default for Options {
    fn default() -> Self {
        Self {
            memory_bytes_max: 1 << 30,
            waiting_events_max: 262_144,
            snapshot_events: 1_000_000,
            snapshot_interval_ms: 30_000,
        }
    }
}
