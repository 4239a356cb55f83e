//! The plain form against the typed parse: equal wherever both read, and wide enough to matter.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "Events")]
    events: Vec<Typed<'a>>,
}

const SAMPLE: &str = r#"{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"657bf434_bc614e","TaskTime":1557481127,"EventTime":1557481128,"To_Account":"user2","PushPlatform":1,"DeviceType":0,"PushStage":1,"ErrCode":0,"ErrInfo":"OK"}"#;

fn body(event: &str) -> String {
    format!(r#"{{"Events":[{event}]}}"#)
}

/// Whether the plain form was read; what it says is what the typed parse says.
fn check(body: &str) -> bool {
    let Some(plain) = read(body) else {
        return false;
    };
    let typed: Body<'_> = serde_json::from_str(body).unwrap();
    assert_eq!(plain, typed.events, "{body}");
    true
}

#[test]
fn what_senders_write_is_plain() {
    let spaced = SAMPLE.replace(':', " :\n\t").replace(',', " ,\r\n");
    for event in [
        SAMPLE,
        &spaced,
        &SAMPLE.replace(r#""ErrCode":0"#, r#""ErrCode":-1"#),
        &SAMPLE.replace("OK", "令牌无效"),
        &SAMPLE.replace("1557481127", "999999999999999999"),
        r#"{"PushID":""}"#,
    ] {
        assert!(check(&body(event)), "{event}");
        assert!(check(&format!(
            "\n{} ",
            body(&format!("{event} , {event}"))
        )));
    }
    assert!(check(&body(&vec![SAMPLE; EVENTS_MAX].join(","))));
}

#[test]
fn everything_else_is_left_to_the_typed_parse() {
    for (from, to) in [
        ("OK", "O\\\"K"),
        ("OK", "O\u{1}K"),
        (r#""ErrCode":0"#, r#""ErrCode":-0"#),
        (r#""ErrCode":0"#, r#""ErrCode":00"#),
        (r#""ErrCode":0"#, r#""ErrCode":1.0"#),
        (r#""ErrCode":0"#, r#""ErrCode":1e3"#),
        (r#""ErrCode":0"#, r#""ErrCode":null"#),
        (r#""ErrCode":0"#, r#""ErrCode":"0""#),
        (r#""ErrCode":0"#, r#""ErrCode":9223372036854775808"#),
        (r#""DeviceType":0"#, r#""DeviceType":[0]"#),
        (r#""DeviceType":0"#, r#""EventType":0"#),
        (r#""DeviceType":0"#, r#""DeviceType":-"#),
        (r#""OK"}"#, r#""OK",}"#),
        (r#""OK"}"#, r#""OK""#),
    ] {
        assert!(!check(&body(&SAMPLE.replace(from, to))), "{to}");
    }
    for body in [
        "",
        "{}",
        r#"{"Events":[]}"#,
        r#"{"Events":[{}]}"#,
        &format!("{} x", body(SAMPLE)),
        &body(&vec![SAMPLE; EVENTS_MAX + 1].join(",")),
    ] {
        assert!(!check(body), "{body}");
    }
}

proptest! {
    #[test]
    fn special_characters_are_found_where_they_are(bytes in proptest::collection::vec(
        prop_oneof![any::<u8>(), 0x1e..0x24_u8, Just(b'a')], 0..40,
    )) {
        let first = bytes.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
        prop_assert_eq!(special(&bytes), first);
    }

    /// A body with one of its bytes replaced, dropped or doubled.
    #[test]
    fn both_ways_agree_on_altered_bodies(at in 0..SAMPLE.len(), byte in 0x20..0x7f_u8, how in 0..3_u8) {
        let mut bytes = body(SAMPLE).into_bytes();
        match how {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, bytes[at]),
        }
        check(std::str::from_utf8(&bytes).unwrap());
    }

    #[test]
    fn both_ways_agree_on_any_fields(fields in proptest::collection::vec((
        proptest::sample::select(vec!["CallbackCommand", "EventType", "TaskId", "PushID", "To_Account", "PushPlatform",
            "PushStage", "ErrCode", "ErrInfo", "EventTime", "x"]),
        prop_oneof![any::<i64>().prop_map(|n| n.to_string()), ".{0,12}".prop_map(|text| format!("\"{text}\"")), Just("null".to_owned())],
    ), 0..12)) {
        let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        check(&body(&format!("{{{}}}", fields.join(","))));
    }
}
