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
        sender: Some("administrator".to_owned()),
        random: 3_674_128,
        data_id: String::new(),
        notification: Notification {
            title: "…".to_owned(),
            desc: "…".to_owned(),
            ext: String::new(),
            online_only: false,
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
fn a_condition_is_refused_and_never_taken_for_everybody() {
    let sample = include_str!("../../../tests/fixtures/push.tags.request.json");
    refused(
        push(sample),
        Code::Malformed,
        r#"`Condition` must be absent, null or {} (conditions come with a later release), not `{"TagsOr":["Stock A","Stock B"]}`"#,
    );
    for nobody in [
        "[]",
        r#"{"TagsOr":[]}"#,
        r#"{"TagsOr":null}"#,
        r#""""#,
        "0",
        "false",
    ] {
        let read = push(&with(&format!(r#","Condition":{nobody}"#)));
        assert_eq!(read.unwrap_err().code(), Code::Malformed, "{nobody}");
    }
    for everybody in ["null", "{}", "{ }", "{\n\t}"] {
        assert!(
            push(&with(&format!(r#","Condition":{everybody}"#))).is_ok(),
            "{everybody}"
        );
    }
    let batch = batch(&to(r#"["b"],"Condition":{"TagsOr":["x"]}"#));
    assert_eq!(batch.unwrap_err().code(), Code::Malformed);
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
fn what_a_push_shows_is_checked_field_by_field() {
    let info = |fields: &str| {
        push(&format!(
            r#"{{"MsgRandom":1,"OfflinePushInfo":{{{fields}}}}}"#
        ))
    };
    let check = |fields: &str, expected: &str| {
        refused(
            info(fields),
            Code::Malformed,
            &format!("`OfflinePushInfo.{expected}"),
        );
    };
    check(r#""PushFlag":2"#, "PushFlag` must be 0 or 1, not `2`");
    check(
        r#""PushFlag":"1""#,
        r#"PushFlag` must be 0 or 1, not `"1"`"#,
    );
    check(r#""Title":1"#, "Title` must be a string, not `1`");
    check(r#""Desc":{}"#, "Desc` must be a string, not `{}`");
    check(
        r#""Ext":{"a":1}"#,
        r#"Ext` must be a string, not `{"a":1}`"#,
    );
    check(
        r#""MultiLanguageContent":{}"#,
        "MultiLanguageContent` must be an array of objects, not `{}`",
    );
    for object in [
        "AndroidInfo",
        "ApnsInfo",
        "HarmonyInfo",
        "PushTemplateParam",
    ] {
        check(
            &format!(r#""{object}":[]"#),
            &format!("{object}` must be an object, not `[]`"),
        );
    }
    check(
        r#""BadgeAddNum":"1""#,
        r#"BadgeAddNum` must be an integer, not `"1"`"#,
    );
    check(
        r#""BadgeSetNum":1.5"#,
        "BadgeSetNum` must be an integer, not `1.5`",
    );
    let later =
        "PushTemplateId` must be absent or empty (templates come with a later release), not";
    check(
        r#""PushTemplateId":"1400000000-1""#,
        &format!(r#"{later} `"1400000000-1"`"#),
    );
    let sound = r#""PushFlag":null,"Title":null,"AndroidInfo":{"Sound":7},"ApnsInfo":{},"BadgeAddNum":1,"MultiLanguageContent":[],"PushTemplateId":"","More":[1]"#;
    assert_eq!(info(sound).unwrap().notification, Notification::default());
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
        "a field is given more than once: duplicate field `Title`",
    );
}
