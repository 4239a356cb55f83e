//! One call to a vendor, kept for whoever must ask the vendor about it later. It counts nothing.

use crate::{AppId, Channel, Number, TaskKey};

/// A call that was answered, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VendorCall {
    /// When the answer came, or was given up, in Unix milliseconds.
    pub at_ms: i64,
    /// The HTTP status; 0 when no answer came.
    pub status: u16,
    /// What the vendor calls the request or message; empty when it gave no name.
    pub request_id: String,
    /// The vendor's code when it refused the whole call; 0 when it took it, whatever it said of single targets.
    pub code: i64,
    /// Its text, or why no answer came; empty when it took the call. At most [`VendorCall::TEXT_LEN_MAX`] bytes.
    pub text: String,
    /// For whom, ascending.
    pub numbers: Vec<Number>,
}

impl VendorCall {
    /// Longer texts and names are cut at a character boundary: an answer of whatever size is one line here.
    pub const TEXT_LEN_MAX: usize = 256;
}

/// The calls of a task on a channel, as they are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorCalls {
    /// The app.
    pub app: AppId,
    /// The task.
    pub task: TaskKey,
    /// What carried it.
    pub channel: Channel,
    /// In order of their answers.
    pub calls: Vec<VendorCall>,
}
