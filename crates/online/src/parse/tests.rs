//! What is read, what is refused and how the refusal names it; and that the document's examples are true.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const HELLO: &str = r#"{"type":"hello","version":1,"sdkappid":1400000000,"registration_id":"phone","secret":"00112233445566778899aabbccddeeff"}"#;
const REPORT: &str = r#"{"type":"report","seq":1,"reports":[{"id":"a","stage":"delivered"},{"id":"b","stage":"clicked","channel":"apns","age":1500}]}"#;

#[test]
fn a_hello_is_read_with_either_proof() {
    let read = |json: &str| match parse(json.as_bytes()) {
        Ok(ClientFrame::Hello(hello)) => hello,
        other => panic!("{other:?}"),
    };
    let hello = read(HELLO);
    assert_eq!(hello.app, AppId(1_400_000_000));
    assert_eq!(hello.registration_id.as_str(), "phone");
    assert_eq!(hello.attention, Attention::Foreground);
    let secret = Secret::new("00112233445566778899aabbccddeeff");
    assert_eq!(hello.proof, Proof::Secret(secret));
    let signed = HELLO.replace(
        r#""secret":"00112233445566778899aabbccddeeff""#,
        r#""account":"user1","usersig":"eJ","foreground":false,"secret":null"#,
    );
    let hello = read(&signed);
    assert_eq!(hello.attention, Attention::Background);
    let (account, usersig) = (Account::new("user1").unwrap(), Secret::new("eJ"));
    assert_eq!(hello.proof, Proof::UserSig { account, usersig });
}

#[test]
fn a_report_is_read_with_its_defaults() {
    let Ok(ClientFrame::Report { seq: 1, reports }) = parse(REPORT.as_bytes()) else {
        panic!("not a report");
    };
    let [first, second] = &reports[..] else {
        panic!("{reports:?}");
    };
    assert_eq!(
        (first.stage, first.channel, first.age_ms),
        (Stage::Delivered, Channel::Online, 0)
    );
    assert_eq!(
        (second.stage, second.channel, second.age_ms),
        (Stage::Clicked, Channel::Apns, 1500)
    );
}

#[test]
fn unknown_fields_are_ignored_at_every_level() {
    for frame in [
        HELLO.replace("\"version\"", r#""later":{"a":[1,{"b":null}]},"version""#),
        REPORT.replace("\"id\"", r#""later":[true],"id""#),
        r#"{"type":"ping","type2":{}}"#.to_owned(),
    ] {
        assert!(parse(frame.as_bytes()).is_ok(), "{frame}");
    }
}

fn check(frame: &str, field: &str, value: Option<&str>) {
    match parse(frame.as_bytes()) {
        Err(OnlineError::Field {
            field: at,
            value: held,
            ..
        }) => assert_eq!((at.as_ref(), held.as_deref()), (field, value), "{frame}"),
        other => panic!("{frame}: {other:?}"),
    }
}

#[test]
fn a_wrong_field_is_named_with_what_it_held() {
    let hello = |from: &str, to: &str| HELLO.replace(from, to);
    let report = |from: &str, to: &str| REPORT.replace(from, to);
    let long = "x".repeat(129);
    check(r#"{"type":7}"#, "type", Some("7"));
    check(r#"{}"#, "type", None);
    check(r#"{"type":"HELLO"}"#, "type", Some("\"HELLO\""));
    check(
        &hello("\"version\":1", "\"version\":\"1\""),
        "version",
        Some("\"1\""),
    );
    check(&hello("\"version\":1,", ""), "version", None);
    check(&hello("1400000000", "-1"), "sdkappid", Some("-1"));
    check(
        &hello("1400000000", "4294967296"),
        "sdkappid",
        Some("4294967296"),
    );
    check(&hello("1400000000", "1.5"), "sdkappid", Some("1.5"));
    check(&hello("\"phone\"", "\"\""), "registration_id", Some("\"\""));
    check(
        &hello("phone", &long),
        "registration_id",
        Some(&format!("\"{}", &long[..63])),
    );
    check(
        &hello("\"phone\"", "\"a\\nb\""),
        "registration_id",
        Some("\"a\\nb\""),
    );
    check(&hello("}", ",\"foreground\":1}"), "foreground", Some("1"));
    check(r#"{"type":"foreground","on":"yes"}"#, "on", Some("\"yes\""));
    check(
        &report("\"seq\":1", "\"seq\":9007199254740992"),
        "seq",
        Some("9007199254740992"),
    );
    check(
        &report("1500", "2592000001"),
        "reports[1].age",
        Some("2592000001"),
    );
    check(&report("1500", "-1"), "reports[1].age", Some("-1"));
    check(
        &report("apns", "unknown"),
        "reports[1].channel",
        Some("\"unknown\""),
    );
    check(
        &report("delivered", "sent"),
        "reports[0].stage",
        Some("\"sent\""),
    );
    check(&report("\"a\"", "[]"), "reports[0].id", Some("[]"));
    check(
        r#"{"type":"report","seq":1,"reports":[7]}"#,
        "reports[0]",
        Some("7"),
    );
    check(
        r#"{"type":"report","seq":1,"reports":{}}"#,
        "reports",
        Some("{}"),
    );
    check(
        r#"{"type":"report","seq":1,"reports":[]}"#,
        "reports",
        Some("0 of them"),
    );
    let many = format!(
        r#"{{"type":"report","seq":1,"reports":[{}{{}}]}}"#,
        "{},".repeat(100)
    );
    check(&many, "reports", Some("101 of them"));
}

#[test]
fn secrets_are_named_and_never_repeated() {
    let secret = "\"secret\":\"00112233445566778899aabbccddeeff\"";
    check(&HELLO.replace("eeff", "eef"), "secret", None);
    check(&HELLO.replace("eeff", "eefg"), "secret", None);
    check(
        &HELLO.replace("\"00112233445566778899aabbccddeeff\"", "17"),
        "secret",
        None,
    );
    check(&HELLO.replace(secret, "\"x\":1"), "secret", None);
    check(
        &HELLO.replace(secret, r#""account":"a","usersig":17"#),
        "usersig",
        None,
    );
    check(&HELLO.replace(secret, r#""account":"a""#), "usersig", None);
}

#[test]
fn a_field_that_comes_twice_is_named() {
    for field in [
        "type",
        "version",
        "sdkappid",
        "registration_id",
        "secret",
        "account",
        "usersig",
        "foreground",
        "on",
        "seq",
        "reports",
    ] {
        for value in ["null", "1"] {
            let twice = format!(r#"{{"x":1,"{field}":{value},"x":2,"{field}":"hush"}}"#);
            check(&twice, field, None);
            let body = parse_reports(twice.as_bytes());
            let named = matches!(&body, Err(OnlineError::Field { field: at, .. }) if at == field);
            assert!(named, "{body:?}");
        }
    }
    let within = r#"{"id":"a","id":"b"}"#;
    let report = format!(r#"{{"type":"report","seq":1,"reports":[{within}]}}"#);
    check(&report, "reports[0]", Some(within));
}

#[test]
fn what_is_no_object_is_refused() {
    for frame in [
        "",
        " ",
        "[]",
        "7",
        "\"ping\"",
        "{",
        "{\"type\":\"ping\"} x",
        "\u{0}",
    ] {
        assert!(
            matches!(parse(frame.as_bytes()), Err(OnlineError::NotJson)),
            "{frame}"
        );
    }
    let deep = format!("{{\"type\":\"ping\",\"x\":{}", "[".repeat(60_000));
    assert!(matches!(parse(deep.as_bytes()), Err(OnlineError::NotJson)));
    assert!(matches!(
        parse(&[b'{', 0xFF, b'}']),
        Err(OnlineError::NotJson)
    ));
}

const DOCUMENT: &str = include_str!("../../../../docs/DEVICE-PROTOCOL.md");
const SCHEMA: &str = include_str!("../../../../docs/device-protocol.schema.json");

/// Every JSON example of the document.
fn examples() -> Vec<Value> {
    let blocks = DOCUMENT.split("```json\n").skip(1);
    let examples: Vec<Value> = blocks
        .map(|block| {
            let (json, _) = block.split_once("```").unwrap();
            serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
        })
        .collect();
    assert!(examples.len() >= 7, "{}", examples.len());
    examples
}

#[test]
fn the_documents_frames_are_those_that_are_read_and_written() {
    let mut kinds = Vec::new();
    for example in examples() {
        let json = example.to_string();
        let Some(kind) = example["type"].as_str() else {
            if example.get("reports").is_some() {
                parse_reports(json.as_bytes()).unwrap();
                kinds.push("reports".to_owned());
            }
            continue;
        };
        kinds.push(kind.to_owned());
        let keys = |value: &Value| -> Vec<String> {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let written = match kind {
            "hello" | "report" => {
                parse(json.as_bytes()).unwrap();
                continue;
            }
            "welcome" => crate::reply::Reply::welcome(0).encode(),
            "recorded" => crate::reply::Reply::Recorded {
                seq: 1,
                unknown: Vec::new(),
            }
            .encode(),
            "push" => {
                let message = pushtally_channel::Message {
                    app: AppId(1),
                    id: TaskId::new("t").unwrap(),
                    number: 1,
                    urgency: pushtally_model::Urgency::Bulk,
                    data_id: String::new(),
                    notification: pushtally_model::Notification::default(),
                    accepted_at: pushtally_model::Second(1),
                    deadline: pushtally_model::Second(2),
                };
                crate::reply::push(&message, "en")
            }
            "revoke" => crate::reply::revoke(
                &pushtally_channel::Revoked {
                    app: AppId(1),
                    id: TaskId::new("t").unwrap(),
                    instead: Some(pushtally_model::Notification::default()),
                },
                "en",
            ),
            other => panic!("the document shows `{other}`, which nobody reads or writes"),
        };
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(keys(&written), keys(&example), "{kind}");
    }
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "hello", "push", "recorded", "report", "reports", "revoke", "welcome"
        ]
    );
}

#[test]
fn the_schema_knows_every_field_of_every_example_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for example in examples() {
        let name = match example["type"].as_str() {
            Some(kind) => kind.to_owned(),
            None if example.get("client_key").is_some() => "register".to_owned(),
            None if example.get("new").is_some() => "registered".to_owned(),
            None if example.get("unknown").is_some() => "reports_answer".to_owned(),
            None => "reports_body".to_owned(),
        };
        let properties = schema["$defs"][&name]["properties"].as_object();
        let properties = properties.unwrap_or_else(|| panic!("the schema has no `{name}`"));
        for field in example.as_object().unwrap().keys() {
            assert!(properties.contains_key(field), "`{field}` of `{name}`");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(&bytes);
        let _ = parse_reports(&bytes);
    }

    /// Near misses: a good frame with a part replaced by anything.
    #[test]
    fn no_mangled_frame_panics(
        frame in prop_oneof![Just(HELLO), Just(REPORT)],
        from in 0usize..150,
        len in 0usize..40,
        patch in ".{0,20}",
    ) {
        let from = from.min(frame.len());
        let to = (from + len).min(frame.len());
        let mangled = format!("{}{patch}{}", &frame[..from], &frame[to..]);
        let _ = parse(mangled.as_bytes());
        let _ = parse_reports(mangled.as_bytes());
    }
}
