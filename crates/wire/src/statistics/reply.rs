//! The replies of `all_member_push_statistics` (per task, the funnel and its rows by route and platform) and of
//! `normal_push_statistics` (of all message pushes, by platform).

use std::collections::BTreeMap;

use pushtally_model::{Cell, Route, Stage};
use serde::Serialize;

use crate::envelope::to_json;

/// What the documented sample of this family says on success, spelling included.
const SUCCESS: &str = "sucess";

/// A whole reply of this family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryReply<C> {
    action_status: &'static str,
    error_code: u32,
    error_info: &'static str,
    #[serde(flatten)]
    content: C,
}

/// What the `all_member_*` queries answer: a result for each task that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Results<R> {
    results: Vec<R>,
}

/// The reply of `all_member_push_statistics`.
pub type StatisticsReply<'a> = QueryReply<Results<StatisticsResult<'a>>>;

/// The reply of `normal_push_statistics`.
pub type NormalStatisticsReply = QueryReply<NormalStatistics>;

/// One task's counts, or the overall ones under the id `""`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StatisticsResult<'a> {
    #[serde(rename = "TaskID")]
    task: &'a str,
    #[serde(flatten)]
    total: Counts,
    platform_statistics: Vec<Row>,
}

/// The counts of all message pushes together, whose rows tell platforms and no routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NormalStatistics {
    #[serde(flatten)]
    total: Counts,
    platform_statistics: Vec<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Counts {
    total_count: u64,
    sent_count: u64,
    delivered_count: u64,
    click_count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<u8>,
    push_platform: u8,
    #[serde(flatten)]
    counts: Counts,
}

impl Counts {
    fn reach(&mut self, stage: Stage, count: u64) {
        match stage {
            Stage::Planned => self.total_count += count,
            Stage::Sent => self.sent_count += count,
            Stage::Delivered => self.delivered_count += count,
            Stage::Clicked => self.click_count += count,
        }
    }

    fn add(&mut self, other: Self) {
        self.total_count += other.total_count;
        self.sent_count += other.sent_count;
        self.delivered_count += other.delivered_count;
        self.click_count += other.click_count;
    }
}

impl<C: Serialize> QueryReply<C> {
    /// A success with this content.
    #[must_use]
    pub fn of(content: C) -> Self {
        Self {
            action_status: "OK",
            error_code: 0,
            error_info: SUCCESS,
            content,
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl<R: Serialize> QueryReply<Results<R>> {
    /// A success with these results, in this order.
    #[must_use]
    pub fn new(results: Vec<R>) -> Self {
        Self::of(Results { results })
    }
}

impl<'a> StatisticsResult<'a> {
    /// The result of a task from its cells, in any order. Losses do not show here; rows without a count are left
    /// out, the others stand by EventType, then PushPlatform, and the totals are the sums of the rows.
    #[must_use]
    pub fn new(task: &'a str, cells: impl IntoIterator<Item = (Cell, u64)>) -> Self {
        let (total, platform_statistics) = funnel(cells, |route| Some(event_type(route)));
        Self {
            task,
            total,
            platform_statistics,
        }
    }
}

impl NormalStatistics {
    /// All message pushes from their cells, in any order: as [`StatisticsResult::new`], with the routes of a platform in
    /// one row.
    #[must_use]
    pub fn new(cells: impl IntoIterator<Item = (Cell, u64)>) -> Self {
        let (total, platform_statistics) = funnel(cells, |_| None);
        Self {
            total,
            platform_statistics,
        }
    }
}

/// A route, as `EventType` tells it.
pub(super) const fn event_type(route: Route) -> u8 {
    match route {
        Route::Offline => 1,
        Route::Online => 2,
    }
}

/// The rows with a count, in order, and their sums.
fn funnel(
    cells: impl IntoIterator<Item = (Cell, u64)>,
    event_type: impl Fn(Route) -> Option<u8>,
) -> (Counts, Vec<Row>) {
    let mut rows: BTreeMap<(Option<u8>, u8), Counts> = BTreeMap::new();
    for (cell, count) in cells {
        if let (Some(stage), 1..) = (cell.lane().stage(), count) {
            let key = (event_type(cell.route()), cell.channel().push_platform());
            rows.entry(key).or_default().reach(stage, count);
        }
    }
    let mut total = Counts::default();
    let row = |((event_type, push_platform), counts)| {
        total.add(counts);
        Row {
            event_type,
            push_platform,
            counts,
        }
    };
    let rows = rows.into_iter().map(row).collect();
    (total, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{Channel, Lane};

    fn cells(
        route: Route,
        channel: Channel,
        counts: [u64; 4],
    ) -> impl Iterator<Item = (Cell, u64)> {
        let stages = Stage::ALL.into_iter().zip(counts);
        stages.map(move |(stage, count)| (Cell::new(route, channel, Lane::reached(stage)), count))
    }

    fn counts([total_count, sent_count, delivered_count, click_count]: [u64; 4]) -> Counts {
        Counts {
            total_count,
            sent_count,
            delivered_count,
            click_count,
        }
    }

    /// The sample's totals are not the sums of the rows it shows, so it is compared with the totals put in.
    #[test]
    fn the_sample_is_written_byte_for_byte() {
        let sample = include_str!("../../tests/fixtures/all_member_push_statistics.reply.json");
        let mut first = StatisticsResult::new(
            "xxx-yyy-zzz",
            cells(Route::Offline, Channel::Apns, [532, 391, 0, 27]),
        );
        first.total = counts([2670, 2213, 532, 206]);
        let mut second = StatisticsResult::new(
            "aaa-bbb-ccc",
            cells(Route::Offline, Channel::Xiaomi, [266, 236, 162, 24]),
        );
        second.total = counts([2941, 2430, 546, 300]);
        let reply = StatisticsReply::new(vec![first, second]);
        assert_eq!(
            serde_json::to_string_pretty(&reply).unwrap(),
            sample.trim_end()
        );
        let compact: String = sample.split_whitespace().collect();
        assert_eq!(String::from_utf8(reply.to_json()).unwrap(), compact);
    }

    #[test]
    fn rows_are_ordered_merged_and_summed() {
        let lost = Cell::new(Route::Offline, Channel::Honor, Lane::LostBeforeSent);
        let all = cells(Route::Online, Channel::Online, [7, 6, 5, 4])
            .chain(cells(Route::Offline, Channel::Harmony, [10, 9, 8, 7]))
            .chain(cells(Route::Offline, Channel::Huawei, [1, 1, 1, 1]))
            .chain(cells(Route::Offline, Channel::Unknown, [2, 0, 0, 0]))
            .chain(cells(Route::Offline, Channel::Oppo, [0, 0, 0, 0]))
            .chain([(lost, 3)]);
        let json = StatisticsReply::new(vec![StatisticsResult::new("", all)]).to_json();
        let expected = concat!(
            r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"sucess","Results":[{"TaskID":"","#,
            r#""TotalCount":20,"SentCount":16,"DeliveredCount":14,"ClickCount":12,"PlatformStatistics":["#,
            r#"{"EventType":1,"PushPlatform":0,"TotalCount":2,"SentCount":0,"DeliveredCount":0,"ClickCount":0},"#,
            r#"{"EventType":1,"PushPlatform":3,"TotalCount":11,"SentCount":10,"DeliveredCount":9,"ClickCount":8},"#,
            r#"{"EventType":2,"PushPlatform":0,"TotalCount":7,"SentCount":6,"DeliveredCount":5,"ClickCount":4}]}]}"#,
        );
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn an_unknown_task_has_zeros_and_no_rows() {
        let json = StatisticsReply::new(vec![StatisticsResult::new("gone", [])]).to_json();
        let expected = concat!(
            r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"sucess","Results":[{"TaskID":"gone","TotalCount":0,"#,
            r#""SentCount":0,"DeliveredCount":0,"ClickCount":0,"PlatformStatistics":[]}]}"#,
        );
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    /// What is known of the sample is its totals; its rows are put in to give them.
    #[test]
    fn message_pushes_stand_flat_as_the_sample_does() {
        let sample = include_str!("../../tests/fixtures/normal_push_statistics.reply.json");
        let all = cells(
            Route::Offline,
            Channel::Apns,
            [933_000, 637_000, 7_600, 421],
        )
        .chain(cells(Route::Offline, Channel::Huawei, [400, 70, 15, 0]))
        .chain(cells(Route::Offline, Channel::Harmony, [8, 3, 0, 0]))
        .chain(cells(Route::Offline, Channel::Unknown, [60, 0, 0, 0]))
        .chain(cells(Route::Online, Channel::Online, [10, 3, 1, 0]))
        .chain(cells(Route::Offline, Channel::Oppo, [0, 0, 0, 0]));
        let reply = NormalStatisticsReply::of(NormalStatistics::new(all));
        assert_eq!(
            serde_json::to_string_pretty(&reply).unwrap(),
            sample.trim_end()
        );
        let none = NormalStatisticsReply::of(NormalStatistics::new([])).to_json();
        let expected = concat!(
            r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"sucess","TotalCount":0,"SentCount":0,"#,
            r#""DeliveredCount":0,"ClickCount":0,"PlatformStatistics":[]}"#,
        );
        assert_eq!(String::from_utf8(none).unwrap(), expected);
    }
}
