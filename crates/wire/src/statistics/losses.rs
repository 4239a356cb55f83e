//! The replies of `all_member_push_loss` (per task, why devices were lost, at which stage, on which platform) and of
//! `normal_push_loss` (the same of all message pushes).

use std::collections::BTreeMap;

use pushtally_model::{Cell, Lane, Route};
use serde::{Serialize, Serializer};

use super::reply::{QueryReply, Results, event_type};

/// The reply of `all_member_push_loss`.
pub type LossReply<'a> = QueryReply<Results<LossResult<'a>>>;

/// The reply of `normal_push_loss`.
pub type NormalLossReply = QueryReply<Losses>;

/// One task's losses, or the overall ones under the id `""`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LossResult<'a> {
    #[serde(rename = "TaskID")]
    task: &'a str,
    #[serde(flatten)]
    losses: Losses,
}

/// Why devices were lost. A reason stands once in each list, the lists by EventType (where it is told), PushPlatform, code,
/// text. What was lost between delivery and click has no place here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Losses {
    ready_to_send_loss: Vec<Row>,
    post_send_delivered_loss: Vec<Row>,
    platform_ready_to_send_loss: Vec<PlatformRow>,
    platform_post_send_delivered_loss: Vec<PlatformRow>,
}

/// Devices lost in one cell for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Where.
    pub cell: Cell,
    /// Whose code it is says the platform; ours are negative.
    pub code: i64,
    /// What was said.
    pub text: String,
    /// How many.
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(serialize_with = "as_text")]
    err_code: i64,
    err_count: u64,
    err_info: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PlatformRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<u8>,
    push_platform: u8,
    #[serde(flatten)]
    row: Row,
}

/// Documented as a string.
fn as_text<S: Serializer>(code: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(code)
}

/// Counts by (EventType, PushPlatform, code, text).
type Counts = BTreeMap<(Option<u8>, u8, i64, String), u64>;

impl<'a> LossResult<'a> {
    /// The result of a task from its losses, in any order.
    #[must_use]
    pub fn new(task: &'a str, losses: impl IntoIterator<Item = Lost>) -> Self {
        let losses = Losses::new(losses, |route| Some(event_type(route)));
        Self { task, losses }
    }
}

impl Losses {
    /// Those of all message pushes, in any order: the routes of a platform in one row.
    #[must_use]
    pub fn of_messages(losses: impl IntoIterator<Item = Lost>) -> Self {
        Self::new(losses, |_| None)
    }

    fn new(
        losses: impl IntoIterator<Item = Lost>,
        event_type: impl Fn(Route) -> Option<u8>,
    ) -> Self {
        let (mut before, mut after) = (Counts::new(), Counts::new());
        for lost in losses {
            let counts = match lost.cell.lane() {
                Lane::LostBeforeSent => &mut before,
                Lane::LostBeforeDelivered => &mut after,
                Lane::LostBeforeClicked
                | Lane::Planned
                | Lane::Sent
                | Lane::Delivered
                | Lane::Clicked => continue,
            };
            let platform = lost.cell.channel().push_platform();
            let route = event_type(lost.cell.route());
            let key = (route, platform, lost.code, lost.text);
            *counts.entry(key).or_default() += lost.count;
        }
        Self {
            ready_to_send_loss: rows(&before),
            post_send_delivered_loss: rows(&after),
            platform_ready_to_send_loss: platform_rows(before),
            platform_post_send_delivered_loss: platform_rows(after),
        }
    }
}

/// Of all platforms together.
fn rows(counts: &Counts) -> Vec<Row> {
    let mut by_reason: BTreeMap<(i64, &str), u64> = BTreeMap::new();
    for ((_, _, code, text), count) in counts {
        *by_reason.entry((*code, text)).or_default() += count;
    }
    let row = |((err_code, text), err_count): ((i64, &str), u64)| Row {
        err_code,
        err_count,
        err_info: text.to_owned(),
    };
    by_reason.into_iter().map(row).collect()
}

fn platform_rows(counts: Counts) -> Vec<PlatformRow> {
    let row = |((event_type, push_platform, err_code, err_info), err_count)| PlatformRow {
        event_type,
        push_platform,
        row: Row {
            err_code,
            err_count,
            err_info,
        },
    };
    counts.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::Channel;

    fn lost(
        route: Route,
        channel: Channel,
        lane: Lane,
        (code, text): (i64, &str),
        count: u64,
    ) -> Lost {
        Lost {
            cell: Cell::new(route, channel, lane),
            code,
            text: text.to_owned(),
            count,
        }
    }

    #[test]
    fn reasons_stand_by_stage_and_platform_and_are_summed() {
        use Lane::{LostBeforeClicked, LostBeforeDelivered, LostBeforeSent};
        let (offline, online) = (Route::Offline, Route::Online);
        let no_token = (-2, "token not uploaded");
        let losses = [
            lost(online, Channel::Online, LostBeforeSent, (-8, "gone"), 4),
            lost(offline, Channel::Huawei, LostBeforeSent, no_token, 1),
            lost(offline, Channel::Harmony, LostBeforeSent, no_token, 2),
            lost(offline, Channel::Apns, LostBeforeSent, no_token, 5),
            lost(
                offline,
                Channel::Apns,
                LostBeforeSent,
                (410, "Unregistered"),
                3,
            ),
            lost(
                offline,
                Channel::Xiaomi,
                LostBeforeDelivered,
                (1, "regid_invalid"),
                6,
            ),
            lost(offline, Channel::Fcm, LostBeforeClicked, (9, "nowhere"), 7),
            lost(offline, Channel::Apns, Lane::Planned, (0, ""), 99),
        ];
        let json = LossReply::new(vec![LossResult::new("t", losses)]).to_json();
        let expected = concat!(
            r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"sucess","Results":[{"TaskID":"t","ReadyToSendLoss":["#,
            r#"{"ErrCode":"-8","ErrCount":4,"ErrInfo":"gone"},{"ErrCode":"-2","ErrCount":8,"ErrInfo":"token not uploaded"},"#,
            r#"{"ErrCode":"410","ErrCount":3,"ErrInfo":"Unregistered"}],"PostSendDeliveredLoss":["#,
            r#"{"ErrCode":"1","ErrCount":6,"ErrInfo":"regid_invalid"}],"PlatformReadyToSendLoss":["#,
            r#"{"EventType":1,"PushPlatform":1,"ErrCode":"-2","ErrCount":5,"ErrInfo":"token not uploaded"},"#,
            r#"{"EventType":1,"PushPlatform":1,"ErrCode":"410","ErrCount":3,"ErrInfo":"Unregistered"},"#,
            r#"{"EventType":1,"PushPlatform":3,"ErrCode":"-2","ErrCount":3,"ErrInfo":"token not uploaded"},"#,
            r#"{"EventType":2,"PushPlatform":0,"ErrCode":"-8","ErrCount":4,"ErrInfo":"gone"}],"#,
            r#""PlatformPostSendDeliveredLoss":["#,
            r#"{"EventType":1,"PushPlatform":2,"ErrCode":"1","ErrCount":6,"ErrInfo":"regid_invalid"}]}]}"#,
        );
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn a_task_without_losses_has_empty_lists() {
        let json = LossReply::new(vec![LossResult::new("gone", [])]).to_json();
        let expected = concat!(
            r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"sucess","Results":[{"TaskID":"gone","ReadyToSendLoss":[],"#,
            r#""PostSendDeliveredLoss":[],"PlatformReadyToSendLoss":[],"PlatformPostSendDeliveredLoss":[]}]}"#,
        );
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    /// The sample's reasons and platforms, whichever vendors those would be.
    #[test]
    fn losses_of_message_pushes_stand_flat_without_routes() {
        use Lane::{LostBeforeDelivered, LostBeforeSent};
        let (offline, online) = (Route::Offline, Route::Online);
        let unset = (-1, "certificate id not set");
        let gone = (410, "Unregistered");
        let losses = [
            lost(offline, Channel::Apns, LostBeforeSent, unset, 2),
            lost(
                offline,
                Channel::Huawei,
                LostBeforeSent,
                (-2, "token not uploaded"),
                3,
            ),
            lost(offline, Channel::Unknown, LostBeforeSent, (-8, "gone"), 1),
            lost(online, Channel::Online, LostBeforeSent, (-8, "gone"), 4),
            lost(
                offline,
                Channel::Apns,
                LostBeforeDelivered,
                (1, "regid_invalid"),
                5,
            ),
            lost(offline, Channel::Huawei, LostBeforeDelivered, gone, 6),
            lost(offline, Channel::Harmony, LostBeforeDelivered, gone, 1),
        ];
        let sample = include_str!("../../tests/fixtures/normal_push_loss.reply.json");
        let reply = NormalLossReply::of(Losses::of_messages(losses));
        assert_eq!(
            serde_json::to_string_pretty(&reply).unwrap(),
            sample.trim_end()
        );
    }
}
