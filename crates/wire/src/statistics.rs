//! `all_member_push_statistics`, `all_member_push_loss`, and the same of message pushes, `normal_push_statistics` and
//! `normal_push_loss`: what is asked and how it is answered.

mod losses;
mod reply;
mod request;

pub use losses::{LossReply, LossResult, Losses, Lost, NormalLossReply};
pub use reply::{
    NormalStatistics, NormalStatisticsReply, QueryReply, Results, StatisticsReply, StatisticsResult,
};
pub use request::{Asked, StatisticsQuery, parse_window};
