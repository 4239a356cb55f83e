//! Webhook bodies as they arrive: sound, partly bad, and wholly bad.

use pushtally_model::{Channel, Kind, Route, Stage};

use super::*;
use crate::Code;

const NOW: Second = Second(1_741_104_000);

/// The reference's sample event.
const SAMPLE: &str = r#"{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"657bf434_bc614e","TaskTime":1557481127,"EventTime":1557481128,"To_Account":"user2","PushPlatform":1,"PushStage":1,"ErrCode":0,"ErrInfo":"OK"}"#;

const MESSAGE: &str = r#"{"CallbackCommand":"Push.OfflinePush","EventType":2,"EventTime":1557481128,"From_Account":"a","To_Account":"user2","PushPlatform":3,"PushStage":2,"GroupID":"@TGS#2","MsgSeq":12,"MsgRandom":"","MsgTime":1557481127,"PushID":"144115_1","ErrCode":21,"ErrInfo":"no \"token\""}"#;

fn body(events: &[&str]) -> String {
    format!(r#"{{"Events":[{}]}}"#, events.join(","))
}

/// The one event's fault, or "" when it has none.
fn fault(event: &str) -> String {
    let body = body(&[event]);
    let batch = EventBatch::parse(body.as_bytes()).unwrap();
    let fault = batch.check(NOW).next().unwrap();
    fault.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn documented_events_of_both_commands_are_read() {
    let body = body(&[SAMPLE, MESSAGE]);
    let batch = EventBatch::parse(body.as_bytes()).unwrap();
    let events: Vec<WebhookEvent<'_>> = batch.check(NOW).collect::<Result<_, _>>().unwrap();
    let sample = WebhookEvent {
        kind: Kind::Push,
        task: "657bf434_bc614e",
        account: "user2",
        route: Route::Offline,
        channel: Channel::Apns,
        stage: Stage::Sent,
        err_code: 0,
        err_info: "OK",
        at: Second(1_557_481_128),
    };
    let message = WebhookEvent {
        kind: Kind::Message,
        task: "144115_1",
        channel: Channel::Huawei,
        stage: Stage::Delivered,
        err_code: 21,
        err_info: "no \"token\"",
        ..sample
    };
    assert_eq!(events, [sample, message]);
}

#[test]
fn online_events_name_the_socket_whatever_their_platform() {
    for platform in ["0", "7", "99"] {
        let online = SAMPLE
            .replace(r#""EventType":1"#, r#""EventType":2"#)
            .replace(
                r#""PushPlatform":1"#,
                &format!(r#""PushPlatform":{platform}"#),
            );
        let body = body(&[&online]);
        let batch = EventBatch::parse(body.as_bytes()).unwrap();
        let event = batch.check(NOW).next().unwrap().unwrap();
        assert_eq!(
            (event.route, event.channel),
            (Route::Online, Channel::Online)
        );
    }
}

#[test]
fn fields_that_do_not_count_may_hold_anything() {
    for with in [
        r#""MsgSeq":"""#,
        r#""MsgRandom":1.5"#,
        r#""DataId":null"#,
        r#""TaskTime":[{}]"#,
        r#""New":"x""#,
    ] {
        assert_eq!(
            fault(&SAMPLE.replacen('{', &format!("{{{with},"), 1)),
            "",
            "{with}"
        );
    }
    assert_eq!(
        fault(&SAMPLE.replace(r#","ErrCode":0,"ErrInfo":"OK""#, "")),
        ""
    );
    assert_eq!(
        fault(&SAMPLE.replace(r#""ErrInfo":"OK""#, r#""ErrInfo":null"#)),
        ""
    );
}

#[test]
fn a_bad_event_is_told_with_field_and_value() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(SAMPLE.contains(from), "{from}");
        assert_eq!(fault(&SAMPLE.replace(from, to)), expected, "{to}");
    };
    check(r#""EventType":1,"#, "", "`EventType` is missing");
    check(
        r#""EventType":1"#,
        r#""EventType":3"#,
        "`EventType` must be 1 or 2, not `3`",
    );
    check(
        r#""EventType":1"#,
        r#""EventType":"1""#,
        "`EventType` must be an integer, not `\"1\"`",
    );
    check(
        r#""PushPlatform":1"#,
        r#""PushPlatform":9"#,
        "`PushPlatform` must be 0 to 8, not `9`",
    );
    check(
        r#""PushPlatform":1"#,
        r#""PushPlatform":-1"#,
        "`PushPlatform` must be 0 to 8, not `-1`",
    );
    check(r#""PushPlatform":1,"#, "", "`PushPlatform` is missing");
    check(
        r#""PushStage":1"#,
        r#""PushStage":0"#,
        "`PushStage` must be 1, 2 or 3, not `0`",
    );
    check(
        r#""PushStage":1"#,
        r#""PushStage":1.0"#,
        "`PushStage` must be an integer, not `1.0`",
    );
    check(
        r#""ErrCode":0"#,
        r#""ErrCode":"0""#,
        "`ErrCode` must be an integer, not `\"0\"`",
    );
    check(
        r#""ErrInfo":"OK""#,
        r#""ErrInfo":7"#,
        "`ErrInfo` must be a string, not `7`",
    );
    check(
        r#""To_Account":"user2""#,
        r#""To_Account":"""#,
        "`To_Account` must be a string that is not empty, not ``",
    );
    check(
        r#""To_Account":"user2""#,
        r#""To_Account":5"#,
        "`To_Account` must be a string, not `5`",
    );
    check(r#""TaskId":"657bf434_bc614e","#, "", "`TaskId` is missing");
    let long = format!(r#""TaskId":"{}""#, "x".repeat(129));
    check(
        r#""TaskId":"657bf434_bc614e""#,
        &long,
        "`TaskId` has `129` bytes, more than `128`",
    );
    let command =
        "`CallbackCommand` must be `Push.AllMemberPush` or `Push.OfflinePush`, not `Push.Tag`";
    check("Push.AllMemberPush", "Push.Tag", command);
    check(
        "Push.AllMemberPush",
        "Push.OfflinePush",
        "`PushID` is missing",
    );
    let ms = "`EventTime` must be in seconds, `1557481128000` looks like milliseconds";
    check("1557481128", "1557481128000", ms);
    let outside =
        |value: &str| format!("`EventTime` `{value}` is outside `1262304000` to `1741104600`");
    check("1557481128", "1262303999", &outside("1262303999"));
    check("1557481128", "1741104601", &outside("1741104601"));
    check("1557481128", "-1", &outside("-1"));
    check("1557481128", "1262304000", "");
    check("1557481128", "1741104600", "");
    assert!(
        fault(&SAMPLE.replacen('{', r#"{"ErrCode":1,"#, 1)).contains("duplicate field `ErrCode`")
    );
    assert_eq!(
        fault("null"),
        "`Events` must be an array of objects, not `null`"
    );
    assert_eq!(
        fault("[]"),
        "`Events` must be an array of objects, not `[]`"
    );
}

#[test]
fn one_badly_typed_event_leaves_the_others_sound() {
    let body = body(&[SAMPLE, "17", MESSAGE]);
    let batch = EventBatch::parse(body.as_bytes()).unwrap();
    let sound: Vec<bool> = batch.check(NOW).map(|event| event.is_ok()).collect();
    assert_eq!((batch.len(), sound), (3, vec![true, false, true]));
}

#[test]
fn a_body_of_which_nothing_can_count_is_refused_whole() {
    let check = |body: &str, code: Code, expected: &str| {
        let error = EventBatch::parse(body.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, expected));
    };
    let count = |count: usize| format!("`Events` has `{count}` events, it must have 1 to `100`");
    check("", Code::NotJson, "body is empty, send at least `{}`");
    check(
        r#"{"Events":[}"#,
        Code::NotJson,
        "body is not JSON, see line `1` column `12`",
    );
    check(
        "[]",
        Code::BadRequest,
        "body must be a JSON object, not `[]`",
    );
    check("{}", Code::BadRequest, "`Events` is missing");
    check(
        r#"{"Events":{}}"#,
        Code::BadRequest,
        "`Events` must be an array of objects, not `{}`",
    );
    check(r#"{"Events":[]}"#, Code::BadRequest, &count(0));
    check(&body(&[SAMPLE; 101]), Code::BadRequest, &count(101));
    check(&body(&["1"; 150]), Code::BadRequest, &count(150));
    assert!(EventBatch::parse(body(&[SAMPLE; 100]).as_bytes()).is_ok());
    assert_eq!(
        EventBatch::parse(b"{\"Events\":\"\xff\"}")
            .unwrap_err()
            .code(),
        Code::NotJson
    );
}

#[test]
fn refused_events_are_named_up_to_a_bound() {
    let refused: Vec<(usize, String)> =
        (0..12).map(|index| (index * 2, "bad".to_owned())).collect();
    let text = describe_refused(&refused, 50);
    assert!(text.starts_with(
        "`12` of `50` events are refused, the others count; event `0`: bad; event `2`: bad"
    ));
    assert!(text.ends_with("event `18`: bad; …"), "{text}");
    assert!(describe_refused(&refused[..1], 1).ends_with("event `0`: bad"));
}
