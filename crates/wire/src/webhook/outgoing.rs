//! The body of a webhook as we write it. What is read of it by [`EventBatch`](super::EventBatch) is the event it was made of.

use pushtally_model::{Channel, ChatMessage, Kind, Route, Second, Stage};
use serde::Serialize;

use super::{CallbackCommand, WebhookEvent};

/// `ErrCode` of a loss whose own code is 0: that would say that nothing was lost.
pub const LOST_WITHOUT_CODE: i64 = -100;

/// `EventType` of a message push: a one-to-one chat, or a group.
const ONE_TO_ONE: u8 = 1;
const GROUP: u8 = 2;

/// An event and what the form says beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The event. Its `err_code` is not 0 if it is a loss.
    pub event: WebhookEvent<'a>,
    /// When the task was accepted.
    pub task_time: Second,
    /// `DataId`; empty is left out.
    pub data_id: &'a str,
    /// Who sent the task.
    pub sender: &'a str,
    /// The task's `MsgRandom`.
    pub random: u32,
    /// The message that it is of, if that is known; only of a message push.
    pub message: Option<&'a ChatMessage>,
    /// The kind of phone, for online events.
    pub device: Channel,
    /// The event's number: ours, in no documented form.
    pub seq: u64,
}

#[derive(Serialize)]
struct Body<T> {
    #[serde(rename = "Events")]
    events: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AllMemberPush<'a> {
    callback_command: &'static str,
    event_type: u8,
    task_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    data_id: &'a str,
    task_time: u32,
    event_time: u32,
    #[serde(rename = "To_Account")]
    to_account: &'a str,
    push_platform: u8,
    device_type: u8,
    push_stage: u8,
    err_code: i64,
    err_info: &'a str,
    event_seq: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfflinePush<'a> {
    callback_command: &'static str,
    event_type: u8,
    event_time: u32,
    #[serde(rename = "From_Account")]
    from_account: &'a str,
    #[serde(rename = "To_Account")]
    to_account: &'a str,
    push_platform: u8,
    push_stage: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    msg_key: &'a str,
    #[serde(rename = "GroupID", skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_seq: Option<u32>,
    msg_random: u32,
    msg_time: u32,
    #[serde(rename = "PushID")]
    push_id: &'a str,
    err_code: i64,
    err_info: &'a str,
    event_seq: u64,
}

/// A body of 1 to [`EVENTS_MAX`](crate::EVENTS_MAX) events of one kind.
#[must_use]
pub fn body(kind: Kind, events: &[Outgoing<'_>]) -> Vec<u8> {
    let events = events.iter();
    match kind {
        Kind::Push => write(events.map(AllMemberPush::of).collect()),
        Kind::Message => write(events.map(OfflinePush::of).collect()),
    }
}

fn write<T: Serialize>(events: Vec<T>) -> Vec<u8> {
    // Nothing of it can fail: every key is a text, and it is written to memory.
    serde_json::to_vec(&Body { events }).unwrap_or_default()
}

impl<'a> AllMemberPush<'a> {
    fn of(outgoing: &Outgoing<'a>) -> Self {
        let event = &outgoing.event;
        Self {
            callback_command: CallbackCommand::AllMemberPush.name(),
            event_type: event.route as u8,
            task_id: event.task,
            data_id: outgoing.data_id,
            task_time: outgoing.task_time.0,
            event_time: event.at.0,
            to_account: event.account,
            push_platform: event.channel.push_platform(),
            device_type: match event.route {
                Route::Online => outgoing.device.push_platform(),
                Route::Offline => 0,
            },
            push_stage: number(event.stage),
            err_code: event.err_code,
            err_info: event.err_info,
            event_seq: outgoing.seq,
        }
    }
}

impl<'a> OfflinePush<'a> {
    fn of(outgoing: &Outgoing<'a>) -> Self {
        let (event, message) = (&outgoing.event, outgoing.message);
        let group_id = message.and_then(|message| message.group.as_deref());
        // When the sender did not say when the message was sent, the push of it is as near as is known.
        let sent_at = message.and_then(|message| message.sent_at);
        Self {
            callback_command: CallbackCommand::OfflinePush.name(),
            event_type: group_id.map_or(ONE_TO_ONE, |_| GROUP),
            event_time: event.at.0,
            from_account: outgoing.sender,
            to_account: event.account,
            push_platform: event.channel.push_platform(),
            push_stage: number(event.stage),
            msg_key: message.map_or("", |message| &message.key),
            group_id,
            msg_seq: message.and_then(|message| message.seq),
            msg_random: outgoing.random,
            msg_time: sent_at.unwrap_or(outgoing.task_time).0,
            push_id: event.task,
            err_code: event.err_code,
            err_info: event.err_info,
            event_seq: outgoing.seq,
        }
    }
}

/// `PushStage`. Planned has none and is never written.
const fn number(stage: Stage) -> u8 {
    match stage {
        Stage::Planned | Stage::Sent => 1,
        Stage::Delivered => 2,
        Stage::Clicked => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::EventBatch;

    const NOW: Second = Second(1_700_000_000);

    fn outgoing(kind: Kind, route: Route, channel: Channel, stage: Stage) -> Outgoing<'static> {
        Outgoing {
            event: WebhookEvent {
                kind,
                task: "657bf434_1_bc614e",
                account: "user \"2\"\u{4e2d}",
                route,
                channel,
                stage,
                err_code: -2,
                err_info: "token not uploaded",
                at: NOW,
            },
            task_time: Second(NOW.0 - 1),
            data_id: "campaign",
            sender: "administrator",
            random: 7,
            message: None,
            device: Channel::Harmony,
            seq: (1 << 53) - 1,
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_event_it_was_made_of() {
        let offline = Channel::ALL
            .into_iter()
            .filter(|channel| !matches!(channel, Channel::Online | Channel::Harmony));
        let mut events: Vec<_> = offline
            .map(|channel| outgoing(Kind::Push, Route::Offline, channel, Stage::Delivered))
            .collect();
        let online = (Route::Online, Channel::Online);
        events.push(outgoing(Kind::Push, online.0, online.1, Stage::Sent));
        events.push(outgoing(Kind::Push, online.0, online.1, Stage::Clicked));
        let message = outgoing(Kind::Message, Route::Offline, Channel::Fcm, Stage::Sent);
        let chat = ChatMessage {
            key: "48374_7".to_owned(),
            seq: Some(48_374),
            sent_at: Some(Second(NOW.0 - 2)),
            group: Some("@TGS#2".to_owned()),
        };
        let of_group = Outgoing {
            message: Some(&chat),
            ..message
        };
        let message = [message, of_group];
        for (kind, events) in [(Kind::Push, &events[..]), (Kind::Message, &message)] {
            let body = body(kind, events);
            let batch = EventBatch::parse(&body).unwrap();
            let read: Vec<_> = batch.check(NOW).map(Result::unwrap).collect();
            let written: Vec<_> = events.iter().map(|outgoing| outgoing.event).collect();
            assert_eq!(read, written);
        }
    }

    #[test]
    fn the_documented_fields_are_there_and_one_of_ours() {
        let push = outgoing(Kind::Push, Route::Online, Channel::Online, Stage::Sent);
        let plain = Outgoing {
            data_id: "",
            ..push
        };
        let text = String::from_utf8(body(Kind::Push, &[push, plain])).unwrap();
        let event = |data_id: &str| {
            format!(
            r#"{{"CallbackCommand":"Push.AllMemberPush","EventType":2,"TaskId":"657bf434_1_bc614e",{data_id}"TaskTime":1699999999,"EventTime":1700000000,"To_Account":"user \"2\"\u{{4e2d}}","PushPlatform":0,"DeviceType":3,"PushStage":1,"ErrCode":-2,"ErrInfo":"token not uploaded","EventSeq":9007199254740991}}"#
        ).replace("\\u{4e2d}", "\u{4e2d}")
        };
        let with = event(r#""DataId":"campaign","#);
        assert_eq!(text, format!(r#"{{"Events":[{with},{}]}}"#, event("")));
        let message = outgoing(
            Kind::Message,
            Route::Offline,
            Channel::Harmony,
            Stage::Clicked,
        );
        let text = String::from_utf8(body(Kind::Message, &[message])).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({"Events": [{
            "CallbackCommand": "Push.OfflinePush", "EventType": 1, "EventTime": NOW.0, "From_Account": "administrator",
            "To_Account": "user \"2\"\u{4e2d}", "PushPlatform": 3, "PushStage": 3, "MsgRandom": 7,
            "MsgTime": NOW.0 - 1, "PushID": "657bf434_1_bc614e", "ErrCode": -2, "ErrInfo": "token not uploaded",
            "EventSeq": 9_007_199_254_740_991_u64,
        }]});
        assert_eq!(read, expected);
    }

    #[test]
    fn a_message_push_says_which_message_it_is_of_as_far_as_its_sender_did() {
        let message = outgoing(Kind::Message, Route::Offline, Channel::Fcm, Stage::Sent);
        let said = |chat: &ChatMessage| {
            let outgoing = Outgoing {
                message: Some(chat),
                ..message
            };
            let body = body(Kind::Message, &[outgoing]);
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let event = &read["Events"][0];
            ["EventType", "MsgKey", "GroupID", "MsgSeq", "MsgTime"].map(|name| event[name].clone())
        };
        let nothing = serde_json::Value::Null;
        let one_to_one = ChatMessage {
            key: "48374_7_1".to_owned(),
            seq: Some(48_374),
            sent_at: Some(Second(NOW.0 - 9)),
            group: None,
        };
        assert_eq!(
            said(&one_to_one),
            [
                1.into(),
                "48374_7_1".into(),
                nothing.clone(),
                48_374.into(),
                (NOW.0 - 9).into()
            ]
        );
        let of_group = ChatMessage {
            group: Some("@TGS#2".to_owned()),
            ..ChatMessage::default()
        };
        assert_eq!(
            said(&of_group),
            [
                2.into(),
                nothing.clone(),
                "@TGS#2".into(),
                nothing,
                (NOW.0 - 1).into()
            ]
        );
    }
}
