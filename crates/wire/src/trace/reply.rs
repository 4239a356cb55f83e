//! The replies of `all_member_push_trace` and `normal_push_trace`: a row for each device, route and channel, and in it what
//! became of each step.
//!
//! The documentation's tables of the integers were not readable: 0, 1 and 2 of `PushStatus` are ours, as COMPATIBILITY.md says.

use pushtally_model::{Channel, Device, Lane, OwnLoss, Route, Second};
use serde::Serialize;

use crate::statistics::QueryReply;

/// What a step that is done says.
const DONE: &str = "success";

/// Which of the two queries is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `all_member_push_trace`.
    AllMember,
    /// `normal_push_trace`: it has neither routes nor what went online apart.
    Normal,
}

/// What happened to a device on one route and channel.
#[derive(Debug, Clone)]
pub struct Traced<'a> {
    /// `InstanceId`.
    pub id: String,
    /// The device as it is registered now; `None` if it is not.
    pub device: Option<&'a Device>,
    /// The route.
    pub route: Route,
    /// The channel.
    pub channel: Channel,
    /// What counted, by lane, each lane at most once.
    pub steps: Vec<(Lane, Said)>,
}

/// An event that counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its time.
    pub at: Second,
    /// The code of a loss, else 0.
    pub code: i64,
    /// The text of a loss, else empty.
    pub text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Instances {
    instance_trace: Vec<Instance>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    instance_id: String,
    push_time: String,
    device_model: String,
    system: String,
    system_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<u8>,
    push_platform: u8,
    token: String,
    cert_id: String,
    sdk_version: String,
    push_version: String,
    notification_status: u8,
    /// Documented in lower case.
    #[serde(rename = "last_active_terminal")]
    last_active_terminal: u8,
    #[serde(rename = "IMCommitStat")]
    commit: Commit,
    offline_push_stat: Offline,
    #[serde(skip_serializing_if = "Option::is_none")]
    online_push_stat: Option<Online>,
}

#[derive(Debug, Serialize)]
struct Commit {
    #[serde(rename = "IMStat")]
    im: Leaf,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Offline {
    offline_stat: Leaf,
    channel_stat: Leaf,
    device_stat: Leaf,
    click_stat: Leaf,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Online {
    online_stat: Leaf,
    channel_stat: Leaf,
    device_stat: Leaf,
    click_stat: Leaf,
}

/// One step. `PushStatus` 0: not yet, or not known; 1: done; 2: lost here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Leaf {
    push_status: u8,
    error_code: i64,
    error_info: String,
    event_time: String,
}

/// The JSON of a reply with these rows, in their order. Times are as a clock shows them that is `offset_s` seconds ahead of UTC.
#[must_use]
pub fn reply(family: Family, traced: &[Traced<'_>], offset_s: i32) -> Vec<u8> {
    let instance = |traced| Instance::new(family, traced, offset_s);
    let instance_trace = traced.iter().map(instance).collect();
    QueryReply::of(Instances { instance_trace }).to_json()
}

impl Instance {
    fn new(family: Family, traced: &Traced<'_>, offset_s: i32) -> Self {
        let Traced {
            device,
            route,
            channel,
            ..
        } = traced;
        let facts = device
            .map(|device| device.facts.clone())
            .unwrap_or_default();
        let token = facts
            .alert_token()
            .filter(|token| token.channel == *channel);
        let [commit, ours, channels, phones, click] = leaves(traced, offset_s);
        let offline = Offline {
            offline_stat: ours.clone(),
            channel_stat: channels.clone(),
            device_stat: phones.clone(),
            click_stat: click.clone(),
        };
        let online = Online {
            online_stat: ours,
            channel_stat: channels,
            device_stat: phones,
            click_stat: click,
        };
        let (event_type, offline_push_stat, online_push_stat) = match (family, route) {
            (Family::Normal, _) => (None, offline, None),
            (Family::AllMember, Route::Offline) => (Some(1), offline, Some(Online::default())),
            (Family::AllMember, Route::Online) => (Some(2), Offline::default(), Some(online)),
        };
        Self {
            instance_id: traced.id.clone(),
            push_time: traced
                .pushed_at()
                .map_or_else(String::new, |at| at.date_time(offset_s)),
            token: token
                .map(|token| token.value.expose().to_owned())
                .unwrap_or_default(),
            cert_id: token
                .map(|token| token.cert_id.to_string())
                .unwrap_or_default(),
            device_model: facts.model,
            system: facts.system,
            system_version: facts.system_version,
            event_type,
            push_platform: channel.push_platform(),
            sdk_version: facts.sdk_version,
            push_version: String::new(),
            notification_status: facts.notifications as u8,
            last_active_terminal: 0,
            commit: Commit { im: commit },
            offline_push_stat,
            online_push_stat,
        }
    }
}

impl Traced<'_> {
    fn said(&self, lane: Lane) -> Option<&Said> {
        let found = self.steps.iter().find(|(of, _)| *of == lane);
        found.map(|(_, said)| said)
    }

    /// When it was planned, else when the first thing happened that is known of it.
    fn pushed_at(&self) -> Option<Second> {
        let planned = self.said(Lane::Planned).map(|said| said.at);
        planned.or(self.steps.iter().map(|(_, said)| said.at).min())
    }
}

/// The push was taken, it was handed over, the channel took it, the phone got it, it was tapped. Of a step that is both done
/// and lost, which imports can say, it is told that it is done.
fn leaves(traced: &Traced<'_>, offset_s: i32) -> [Leaf; 5] {
    let done = |said: &Said| Leaf {
        push_status: 1,
        error_code: 0,
        error_info: DONE.to_owned(),
        event_time: said.at.date_time(offset_s),
    };
    let lost = |said: &Said| Leaf {
        push_status: 2,
        error_code: said.code,
        error_info: said.text.clone(),
        event_time: said.at.date_time(offset_s),
    };
    let step = |reached, before| {
        let reached = traced.said(reached).map(done);
        reached
            .or_else(|| traced.said(before).map(lost))
            .unwrap_or_default()
    };
    let taken = traced.said(Lane::Planned).map(done).unwrap_or_default();
    let channel = step(Lane::Sent, Lane::LostBeforeSent);
    // What we lose ourselves no channel has seen; what a channel refuses was handed over.
    let (ours, channel) = match (traced.said(Lane::Sent), traced.said(Lane::LostBeforeSent)) {
        (None, Some(said)) if is_ours(said) => (channel, Leaf::default()),
        (None, Some(said)) => (done(said), channel),
        (Some(said), _) => (done(said), channel),
        (None, None) => (Leaf::default(), Leaf::default()),
    };
    let phone = step(Lane::Delivered, Lane::LostBeforeDelivered);
    let click = step(Lane::Clicked, Lane::LostBeforeClicked);
    [taken, ours, channel, phone, click]
}

/// By code and text: some vendors have negative codes, too.
fn is_ours(said: &Said) -> bool {
    let is = |own: OwnLoss| own.code() == said.code && own.text() == said.text;
    OwnLoss::ALL.into_iter().any(is)
}

#[cfg(test)]
mod tests {
    use pushtally_model::{
        DeviceFacts, Environment, Number, Permission, RegistrationId, Secret, Token, TokenKind,
    };
    use serde_json::{Value, json};

    use super::*;

    /// 2025-03-06 00:00:00 at UTC+8.
    const DAY: u32 = 1_741_190_400;
    const BEIJING_S: i32 = 8 * 3600;

    fn device() -> Device {
        let token = Token {
            channel: Channel::Huawei,
            kind: TokenKind::Alert,
            value: Secret::new("t0ken"),
            cert_id: 11345,
            environment: Environment::Production,
        };
        Device {
            number: Number(7),
            registration_id: RegistrationId::new("phone-1").unwrap(),
            account: None,
            facts: DeviceFacts {
                tokens: vec![token],
                model: "P60".to_owned(),
                system: "Android".to_owned(),
                system_version: "13".to_owned(),
                sdk_version: "8.1".to_owned(),
                notifications: Permission::Granted,
                ..DeviceFacts::default()
            },
            registered_at: Second(0),
            said_at: Second(0),
            dropped: Vec::new(),
        }
    }

    fn traced<'a>(
        device: Option<&'a Device>,
        (route, channel): (Route, Channel),
        steps: &[(Lane, u32, i64, &str)],
    ) -> Traced<'a> {
        let said = |(lane, at, code, text): &(Lane, u32, i64, &str)| {
            let (at, text) = (Second(DAY + at), (*text).to_owned());
            (
                *lane,
                Said {
                    at,
                    code: *code,
                    text,
                },
            )
        };
        Traced {
            id: device.map_or("9".to_owned(), |device| device.registration_id.to_string()),
            device,
            route,
            channel,
            steps: steps.iter().map(said).collect(),
        }
    }

    fn rows(family: Family, traced: &[Traced<'_>]) -> Value {
        let json: Value = serde_json::from_slice(&reply(family, traced, BEIJING_S)).unwrap();
        assert_eq!(json["ErrorCode"], 0);
        json["InstanceTrace"].clone()
    }

    /// The documented fields in their order, of a device whose row is known.
    #[test]
    fn a_delivered_push_has_every_documented_field() {
        let phone = device();
        let steps = [
            (Lane::Planned, 1, 0, ""),
            (Lane::Sent, 2, 0, ""),
            (Lane::Delivered, 62, 0, ""),
        ];
        let one = traced(Some(&phone), (Route::Offline, Channel::Huawei), &steps);
        let sample = include_str!("../../tests/fixtures/all_member_push_trace.reply.json");
        let json = reply(Family::AllMember, &[one], BEIJING_S);
        let compact: String = sample.lines().map(str::trim_start).collect();
        let compact = compact.replace("\": ", "\":");
        assert_eq!(String::from_utf8(json).unwrap(), compact);
    }

    #[test]
    fn a_loss_stands_at_the_step_that_failed_in_the_words_of_who_refused() {
        let leaf = |status: u8, code: i64, text: &str, time: &str| json!({"PushStatus": status, "ErrorCode": code, "ErrorInfo": text, "EventTime": time});
        let none = leaf(0, 0, "", "");
        let done = |second: &str| leaf(1, 0, "success", &format!("2025-03-06 00:00:{second}"));
        let lost =
            |code, text, second: &str| leaf(2, code, text, &format!("2025-03-06 00:00:{second}"));
        let planned = (Lane::Planned, 1, 0, "");
        for (steps, expected) in [
            (
                vec![planned],
                [none.clone(), none.clone(), none.clone(), none.clone()],
            ),
            (
                vec![planned, (Lane::LostBeforeSent, 2, -2, "token not uploaded")],
                [
                    lost(-2, "token not uploaded", "02"),
                    none.clone(),
                    none.clone(),
                    none.clone(),
                ],
            ),
            (
                vec![planned, (Lane::LostBeforeSent, 3, 410, "Unregistered")],
                [
                    done("03"),
                    lost(410, "Unregistered", "03"),
                    none.clone(),
                    none.clone(),
                ],
            ),
            // A vendor's code that looks like one of ours.
            (
                vec![planned, (Lane::LostBeforeSent, 3, -2, "Call limit")],
                [
                    done("03"),
                    lost(-2, "Call limit", "03"),
                    none.clone(),
                    none.clone(),
                ],
            ),
            (
                vec![
                    planned,
                    (Lane::Sent, 4, 0, ""),
                    (Lane::LostBeforeDelivered, 5, 1, "regid_invalid"),
                ],
                [
                    done("04"),
                    done("04"),
                    lost(1, "regid_invalid", "05"),
                    none.clone(),
                ],
            ),
            // No stage implies another.
            (
                vec![planned, (Lane::Clicked, 9, 0, "")],
                [none.clone(), none.clone(), none.clone(), done("09")],
            ),
        ] {
            let one = [traced(None, (Route::Offline, Channel::Oppo), &steps)];
            let row = &rows(Family::AllMember, &one)[0];
            let found = ["OfflineStat", "ChannelStat", "DeviceStat", "ClickStat"]
                .map(|name| row["OfflinePushStat"][name].clone());
            assert_eq!(found, expected, "{steps:?}");
            assert_eq!(row["IMCommitStat"]["IMStat"], done("01"));
            assert_eq!(row["OnlinePushStat"]["OnlineStat"], none);
        }
    }

    #[test]
    fn routes_are_told_apart_in_one_family_only() {
        let steps = [(Lane::Sent, 2, 0, "")];
        let one = [traced(None, (Route::Online, Channel::Online), &steps)];
        let row = &rows(Family::AllMember, &one)[0];
        assert_eq!(
            (&row["EventType"], &row["PushPlatform"]),
            (&json!(2), &json!(0))
        );
        assert_eq!(row["OnlinePushStat"]["ChannelStat"]["PushStatus"], 1);
        assert_eq!(row["OfflinePushStat"]["ChannelStat"]["PushStatus"], 0);
        assert_eq!(row["PushTime"], "2025-03-06 00:00:02");
        assert_eq!(
            (&row["InstanceId"], &row["Token"]),
            (&json!("9"), &json!(""))
        );
        let row = &rows(Family::Normal, &one)[0];
        assert_eq!(row.get("EventType"), None);
        assert_eq!(row.get("OnlinePushStat"), None);
        assert_eq!(row["OfflinePushStat"]["ChannelStat"]["PushStatus"], 1);
        assert_eq!(rows(Family::Normal, &[]), json!([]));
    }
}
