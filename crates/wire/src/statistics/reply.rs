//! The reply of `all_member_push_statistics`: per task, the funnel and its rows by route and platform.

use pushtally_model::{Cell, Route, Stage};
use serde::Serialize;

use crate::envelope::to_json;

/// Platforms 0 (unknown, online) to 8 (HONOR).
const PLATFORMS: usize = 9;

/// What the documented sample of this family says on success, spelling included.
const SUCCESS: &str = "sucess";

/// A whole reply of this family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryReply<R> {
    action_status: &'static str,
    error_code: u32,
    error_info: &'static str,
    results: Vec<R>,
}

/// The reply of `all_member_push_statistics`.
pub type StatisticsReply<'a> = QueryReply<StatisticsResult<'a>>;

/// One task's counts, or the overall ones under the id `""`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StatisticsResult<'a> {
    #[serde(rename = "TaskID")]
    task: &'a str,
    total_count: u64,
    sent_count: u64,
    delivered_count: u64,
    click_count: u64,
    platform_statistics: Vec<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    event_type: u8,
    push_platform: u8,
    total_count: u64,
    sent_count: u64,
    delivered_count: u64,
    click_count: u64,
}

impl Row {
    fn add(&mut self, stage: Stage, count: u64) {
        match stage {
            Stage::Planned => self.total_count += count,
            Stage::Sent => self.sent_count += count,
            Stage::Delivered => self.delivered_count += count,
            Stage::Clicked => self.click_count += count,
        }
    }

    fn is_empty(&self) -> bool {
        self.total_count == 0
            && self.sent_count == 0
            && self.delivered_count == 0
            && self.click_count == 0
    }
}

impl<R: Serialize> QueryReply<R> {
    /// A success with these results, in this order.
    #[must_use]
    pub fn new(results: Vec<R>) -> Self {
        Self {
            action_status: "OK",
            error_code: 0,
            error_info: SUCCESS,
            results,
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl<'a> StatisticsResult<'a> {
    /// The result of a task from its cells, in any order. Losses do not show here; rows without a count are left
    /// out, the others stand by EventType, then PushPlatform, and the totals are the sums of the rows.
    #[must_use]
    pub fn new(task: &'a str, cells: impl IntoIterator<Item = (Cell, u64)>) -> Self {
        let mut rows = [[Row::default(); PLATFORMS]; 2];
        for (cell, count) in cells {
            let by_platform = match cell.route() {
                Route::Offline => &mut rows[0],
                Route::Online => &mut rows[1],
            };
            let row = by_platform.get_mut(usize::from(cell.channel().push_platform()));
            if let (Some(row), Some(stage)) = (row, cell.lane().stage()) {
                row.add(stage, count);
            }
        }
        let mut result = Self {
            task,
            total_count: 0,
            sent_count: 0,
            delivered_count: 0,
            click_count: 0,
            platform_statistics: Vec::new(),
        };
        for (event_type, by_platform) in (1..).zip(rows) {
            for (push_platform, row) in (0..).zip(by_platform) {
                if !row.is_empty() {
                    result.add(Row {
                        event_type,
                        push_platform,
                        ..row
                    });
                }
            }
        }
        result
    }

    fn add(&mut self, row: Row) {
        self.total_count += row.total_count;
        self.sent_count += row.sent_count;
        self.delivered_count += row.delivered_count;
        self.click_count += row.click_count;
        self.platform_statistics.push(row);
    }
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

    /// The sample's totals are not the sums of the rows it shows, so it is compared with the totals put in.
    #[test]
    fn the_sample_is_written_byte_for_byte() {
        let sample = include_str!("../../tests/fixtures/all_member_push_statistics.reply.json");
        let mut first = StatisticsResult::new(
            "xxx-yyy-zzz",
            cells(Route::Offline, Channel::Apns, [532, 391, 0, 27]),
        );
        (
            first.total_count,
            first.sent_count,
            first.delivered_count,
            first.click_count,
        ) = (2670, 2213, 532, 206);
        let mut second = StatisticsResult::new(
            "aaa-bbb-ccc",
            cells(Route::Offline, Channel::Xiaomi, [266, 236, 162, 24]),
        );
        (
            second.total_count,
            second.sent_count,
            second.delivered_count,
            second.click_count,
        ) = (2941, 2430, 546, 300);
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
}
