//! `all_member_push_trace` and `normal_push_trace`: what is asked and how it is answered.

mod reply;
mod request;

pub use reply::{Family, Said, Traced, reply};
pub use request::{PushTraceQuery, TaskTraceQuery};
