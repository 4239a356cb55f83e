//! Bodies of `push` and `batch`: what is read, what is refused with which words.

use super::*;

const INFO: &str = r#""OfflinePushInfo":{"Title":"t"}"#;

fn push(body: &str) -> Result<PushRequest, WireError> {
    PushRequest::parse(body.as_bytes())
}

fn batch(body: &str) -> Result<BatchRequest, WireError> {
    BatchRequest::parse(body.as_bytes())
}

/// A sound push with these fields more.
fn with(fields: &str) -> String {
    format!(r#"{{"MsgRandom":1,{INFO}{fields}}}"#)
}

/// A sound batch to these accounts.
fn to(accounts: &str) -> String {
    format!(r#"{{"From_Account":"a","MsgRandom":1,{INFO},"To_Account":{accounts}}}"#)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(read: Result<T, WireError>, code: Code, text: &str) {
    let error = read.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, text));
}

#[test]
fn the_samples_are_read() {
    let sample = include_bytes!("../../../tests/fixtures/push.request.json");
    let expected = PushRequest {
        selection: None,
        sender: Some("administrator".to_owned()),
        random: 3_674_128,
        data_id: String::new(),
        notification: Notification {
            title: "…".to_owned(),
            desc: "…".to_owned(),
            ..Notification::default()
        },
        life_time_s: None,
    };
    assert_eq!(PushRequest::parse(sample), Ok(expected));
    let online = r#"{"From_Account":"administrator","MsgRandom":3674128,"OfflinePushInfo":{"PushFlag":1,"Ext":"{\"entity\":{}}"}}"#;
    let notification = push(online).unwrap().notification;
    assert_eq!(notification.ext, r#"{"entity":{}}"#);
    assert!(notification.online_only && notification.title.is_empty());
}

#[test]
fn a_random_number_is_required_and_has_32_bits() {
    let with_random = |random: &str| push(&format!(r#"{{"MsgRandom":{random},{INFO}}}"#));
    assert_eq!(with_random("0").unwrap().random, 0);
    assert_eq!(with_random("4294967295").unwrap().random, u32::MAX);
    refused(
        push(&format!("{{{INFO}}}")),
        Code::RandomBad,
        "`MsgRandom` is missing",
    );
    refused(
        with_random("null"),
        Code::RandomBad,
        "`MsgRandom` is missing",
    );
    for bad in ["-1", "4294967296", "1.0", "1e3", "\"7\"", "true", "[1]"] {
        let text = format!("`MsgRandom` must be an integer from 0 to 4294967295, not `{bad}`");
        refused(with_random(bad), Code::RandomBad, &text);
    }
}

#[test]
fn who_sends_may_be_left_out_of_a_push_and_not_of_a_batch() {
    for absent in ["", r#","From_Account":null"#, r#","From_Account":"""#] {
        assert_eq!(push(&with(absent)).unwrap().sender, None);
    }
    let missing = format!(r#"{{"MsgRandom":1,{INFO},"To_Account":["b"]}}"#);
    refused(
        batch(&missing),
        Code::Malformed,
        "`From_Account` is missing",
    );
    let bytes = "1 to 128 bytes without control characters";
    refused(
        push(&with(r#","From_Account":"a\nb""#)),
        Code::Malformed,
        &format!(r#"`From_Account` must be {bytes}, not `"a\nb"`"#),
    );
    refused(
        push(&with(r#","From_Account":7"#)),
        Code::Malformed,
        "`From_Account` must be a string, not `7`",
    );
    let long = format!(r#","From_Account":"{}""#, "a".repeat(129));
    assert_eq!(push(&with(&long)).unwrap_err().code(), Code::Malformed);
}

#[test]
fn accounts_are_each_once_in_order_and_at_most_500() {
    let names = |accounts: &str| batch(&to(accounts)).unwrap().names;
    assert_eq!(names(r#"["b","a","b","A","\u0061"]"#), ["b", "a", "A"]);
    assert_eq!(names(r#"["","a\nb"]"#), ["", "a\nb"]);
    let many = |count: usize| format!("[{}]", vec![r#""x""#; count].join(","));
    assert_eq!(names(&many(500)), ["x"]);
    refused(
        batch(&to(&many(501))),
        Code::TooManyAccounts,
        "`To_Account` has `501` accounts, more than `500`",
    );
    let without = format!(r#"{{"From_Account":"a","MsgRandom":1,{INFO}}}"#);
    for missing in [without.as_str(), &to("null")] {
        refused(
            batch(missing),
            Code::ToAccountMissing,
            "`To_Account` is missing",
        );
    }
    refused(
        batch(&to("[]")),
        Code::ToAccountEmpty,
        "`To_Account` must be 1 to 500 accounts, not `[]`",
    );
    for (bad, told) in [
        (r#""b""#, r#""b""#),
        ("{}", "{}"),
        ("[7]", "7"),
        (r#"["b",null]"#, "null"),
    ] {
        let text = format!("`To_Account` must be an array of strings, not `{told}`");
        refused(batch(&to(bad)), Code::ToAccountNotArray, &text);
    }
}

#[test]
fn a_data_id_has_at_most_64_bytes() {
    let data_id = |id: &str| push(&with(&format!(r#","DataId":{id}"#)));
    let fits = "é".repeat(32);
    assert_eq!(data_id(&format!("\"{fits}\"")).unwrap().data_id, fits);
    assert_eq!(data_id("null").unwrap().data_id, "");
    refused(
        data_id(&format!("\"{fits}a\"")),
        Code::DataIdTooLong,
        "`DataId` has `65` bytes, more than `64`",
    );
    refused(
        data_id("1"),
        Code::Malformed,
        "`DataId` must be a string, not `1`",
    );
}

#[test]
fn a_life_time_has_at_most_seven_days() {
    let life = |value: &str| push(&with(&format!(r#","MsgLifeTime":{value}"#)));
    for (value, expected) in [
        ("null", None),
        ("0", None),
        ("1", Some(1)),
        ("604800", Some(604_800)),
    ] {
        assert_eq!(life(value).unwrap().life_time_s, expected);
    }
    for (value, code) in [
        ("604801", Code::LifeTimeTooLong),
        ("4294967296", Code::LifeTimeTooLong),
        ("-1", Code::LifeTimeNotInteger),
        ("1.5", Code::LifeTimeNotInteger),
        ("\"1\"", Code::LifeTimeNotInteger),
    ] {
        let text = format!("`MsgLifeTime` must be an integer from 0 to 604800, not `{value}`");
        refused(life(value), code, &text);
    }
}

#[test]
fn what_a_push_shows_is_required_unless_there_is_a_message() {
    refused(
        push(r#"{"MsgRandom":1}"#),
        Code::Malformed,
        "`OfflinePushInfo` is missing",
    );
    refused(
        push(r#"{"MsgRandom":1,"OfflinePushInfo":"x"}"#),
        Code::Malformed,
        r#"`OfflinePushInfo` must be an object, not `"x"`"#,
    );
    let shown = |fields: &str| {
        let notification = push(&format!(r#"{{"MsgRandom":1,{fields}}}"#));
        let notification = notification.unwrap().notification;
        (notification.title, notification.desc, notification.ext)
    };
    let check = |fields: &str, title: &str, desc: &str, ext: &str| {
        let expected = (title.to_owned(), desc.to_owned(), ext.to_owned());
        assert_eq!(shown(fields), expected, "{fields}");
    };
    let text = r#""MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi, beauty"}}]"#;
    check(text, "", "hi, beauty", "");
    check(
        &format!(r#"{text},"OfflinePushInfo":{{"Title":"t"}}"#),
        "t",
        "hi, beauty",
        "",
    );
    check(
        &format!(r#"{text},"OfflinePushInfo":{{"Desc":"d"}}"#),
        "",
        "d",
        "",
    );
    let several = r#""MsgBody":[{"MsgType":"TIMFaceElem","MsgContent":{"Index":1}},{"MsgType":"TIMCustomElem","MsgContent":{"Data":"x","Desc":"d","Ext":"e"}},{"MsgType":"TIMTextElem","MsgContent":{"Text":"later"}}]"#;
    check(several, "", "d", "e");
    let place = r#""MsgBody":[{"MsgType":"TIMLocationElem","MsgContent":{"Desc":"here","Latitude":29.3,"Longitude":105.7}}]"#;
    check(place, "", "here", "");
}

#[test]
fn a_message_is_an_array_of_elements() {
    let with_body = |body: &str| push(&with(&format!(r#","MsgBody":{body}"#)));
    for (body, code, text) in [
        (
            "{}",
            Code::MessageNotArray,
            "`MsgBody` must be an array of objects, not `{}`",
        ),
        (
            "[]",
            Code::MessageBad,
            "`MsgBody` must be an array of at least one element, not `[]`",
        ),
        (
            "[7]",
            Code::MessageBad,
            "`MsgBody[0]` must be an object, not `7`",
        ),
        (
            r#"[{"MsgContent":{}}]"#,
            Code::MessageBad,
            "`MsgBody[0].MsgType` is missing",
        ),
        (
            r#"[{"MsgType":"TIMTextElem","MsgContent":{}},{"MsgType":"TIMTextElem"}]"#,
            Code::MessageBad,
            "`MsgBody[1].MsgContent` is missing",
        ),
        (
            r#"[{"MsgType":"TIMTextElem","MsgContent":{"Text":5}}]"#,
            Code::MessageBad,
            "`MsgBody[0].MsgContent.Text` must be a string, not `5`",
        ),
    ] {
        refused(with_body(body), code, text);
    }
    assert!(with_body("null").is_ok());
    refused(
        push(&with(r#","OnlineOnlyFlag":2"#)),
        Code::Malformed,
        "`OnlineOnlyFlag` must be 0 or 1, not `2`",
    );
    for flag in ["0", "1", "null"] {
        assert!(push(&with(&format!(r#","OnlineOnlyFlag":{flag}"#))).is_ok());
    }
}

#[test]
fn what_a_batch_shows_is_no_longer_than_a_push() {
    let of_len = |len: usize| {
        let title = "x".repeat(len - r#"{"Title":""}"#.len());
        batch(&format!(
            r#"{{"From_Account":"a","To_Account":["b"],"MsgRandom":1,"OfflinePushInfo":{{"Title":"{title}"}}}}"#
        ))
    };
    assert!(of_len(10_240).is_ok());
    refused(
        of_len(10_241),
        Code::PushTooLong,
        "`OfflinePushInfo` has `10241` bytes, more than `10240`",
    );
}

#[test]
fn bodies_that_are_no_object_have_the_code_of_these_commands() {
    refused(push(""), Code::NotJson, "body is empty, send at least `{}`");
    refused(
        push("{"),
        Code::NotJson,
        "body is not JSON, see line `1` column `1`",
    );
    refused(
        push("[1]"),
        Code::Malformed,
        "body must be a JSON object, not `[1]`",
    );
    refused(
        push(&with(r#","MsgRandom":1"#)),
        Code::Malformed,
        "a field is given more than once: duplicate field `MsgRandom`",
    );
    refused(
        push(r#"{"MsgRandom":1,"OfflinePushInfo":{"Title":"a","Title":"b"}}"#),
        Code::Malformed,
        "a field is given more than once: duplicate field `OfflinePushInfo.Title`",
    );
}
