//! `all_member_push_statistics` and `all_member_push_loss`: what is asked and how it is answered.

mod losses;
mod reply;
mod request;

pub use losses::{LossReply, LossResult, Lost};
pub use reply::{QueryReply, StatisticsReply, StatisticsResult};
pub use request::{Asked, StatisticsQuery};
