//! `all_member_push_statistics`: what is asked and how it is answered.

mod reply;
mod request;

pub use reply::{StatisticsReply, StatisticsResult};
pub use request::{Asked, StatisticsQuery};
