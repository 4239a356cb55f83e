//! The ledger: one deterministic state machine over an ordered log of batches.
//!
//! Pure: values in, values out. It reads no clock and no configuration, does no I/O, and folding the same
//! batches in the same order always gives the same pages. `stats` feeds it and caches its pages, engines
//! store its batches and pages, nothing else may change a count.

mod as_of;
mod batch;
mod changes;
mod codec;
mod counting;
mod days;
mod fold;
mod history;
mod latency;
mod marks;
mod page;
mod query;
mod reach;
mod rows;
mod sketch;
mod slots;
mod task;
mod times;
mod trace;
mod verify;
mod wire;

pub use as_of::AsOf;
pub use batch::{Batch, Control, Record, Section};
pub use changes::{Changes, Form, StoredPage};
pub use codec::{
    Recorded, ShardNamed, TaskEntry, decode, encode, recorded_ms, visit_devices, visit_task,
};
pub use counting::Counting;
pub use days::{Counters, Days, TotalPage};
pub use fold::{Folded, Half, HalfFolded, Pages, Waiting, fold};
pub use history::{History, HistoryPlace};
pub use latency::{Latencies, Latency, Span};
pub use marks::MarksPage;
pub use page::{Page, PageKey};
pub use query::{RowReader, Tally, sum};
pub use reach::{Reach, Reached, ReachedStages, ShardReach};
pub use rows::{DayPage, Delta};
pub use sketch::Sketch;
pub use slots::SlotSet;
pub use task::{Entry, SMALL_TASK_ENTRIES_MAX, TaskPage, TaskState};
pub use trace::{Step, Trace, Way};
pub use verify::{Mismatch, check_task};
pub use wire::DecodeError;
