//! Bodies of the commands on tags and attributes: what is read, what is refused with which words; the replies.

use super::*;
use crate::AccountError;
use pushtally_model::{AccountKind, Labels};

#[track_caller]
fn refused<T: std::fmt::Debug>(read: Result<T, WireError>, code: Code, text: &str) {
    let error = read.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, text));
}

fn add(body: &str) -> Result<AddTags, WireError> {
    AddTags::parse(body.as_bytes())
}

fn set(body: &str) -> Result<SetAttributes, WireError> {
    SetAttributes::parse(body.as_bytes())
}

fn name(body: &str) -> Result<SetNames, WireError> {
    SetNames::parse(body.as_bytes())
}

fn accounts(body: &str) -> Result<Vec<String>, WireError> {
    AccountsRequest::parse(body.as_bytes()).map(|request| request.names)
}

fn tagged(entries: &[(String, BTreeSet<Tag>)]) -> Vec<(&str, Vec<&str>)> {
    let mut rows = Vec::new();
    for (name, tags) in entries {
        rows.push((name.as_str(), tags.iter().map(Tag::as_str).collect()));
    }
    rows
}

fn array(count: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..count).map(item).collect();
    format!("[{}]", items.join(","))
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap()
}

#[test]
fn tags_are_added_in_every_form_that_clients_send() {
    for body in [
        r#"{"UserTags":[{"To_Account":"a","Tags":["y","x","y"]},{"To_Account":"b","Tags":["z"]}]}"#,
        r#"{"Replace":0,"Tags":[{"To_Account":"a","Tags":["x","y"]},{"To_Account":"b","Tags":["z"]}]}"#,
    ] {
        let read = add(body).unwrap();
        assert!(!read.replace);
        let expected = vec![("a", vec!["x", "y"]), ("b", vec!["z"])];
        assert_eq!(tagged(&read.entries), expected, "{body}");
    }
    let flat = add(r#"{"To_Account":"a","Tags":["x"],"Replace":1}"#).unwrap();
    assert!(flat.replace);
    assert_eq!(tagged(&flat.entries), [("a", vec!["x"])]);
    let several = add(r#"{"To_Account":["a","b"],"Tags":["x"]}"#).unwrap();
    assert_eq!(
        tagged(&several.entries),
        [("a", vec!["x"]), ("b", vec!["x"])]
    );
    let removed = RemoveTags::parse(br#"{"UserTags":[{"To_Account":"a","Tags":["x"]}]}"#);
    assert_eq!(tagged(&removed.unwrap().entries), [("a", vec!["x"])]);
}

#[test]
fn attributes_are_set_and_removed_in_every_form_that_clients_send() {
    for body in [
        r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"male","city":"深圳"}}]}"#,
        r#"{"Attrs":[{"To_Account":"a","Attrs":{"sex":"male","city":"深圳"}}]}"#,
        r#"{"To_Account":"a","Attrs":{"sex":"male","city":"深圳"}}"#,
    ] {
        let entries = set(body).unwrap().entries;
        let pairs = entries[0].1.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(entries[0].0, "a");
        assert_eq!(pairs, [("city", "深圳"), ("sex", "male")], "{body}");
    }
    for body in [
        r#"{"UserAttrs":[{"To_Account":"a","Attrs":["sex","city","sex"]}]}"#,
        r#"{"To_Account":"a","Attrs":["city","sex"]}"#,
    ] {
        let entries = RemoveAttributes::parse(body.as_bytes()).unwrap().entries;
        let names: Vec<_> = entries[0].1.iter().map(AttributeName::as_str).collect();
        assert_eq!(
            (entries[0].0.as_str(), names),
            ("a", vec!["city", "sex"]),
            "{body}"
        );
    }
}

#[test]
fn a_change_names_1_to_100_accounts() {
    let of = |count: usize| {
        let entry = |at| format!(r#"{{"To_Account":"{at}","Tags":["x"]}}"#);
        add(&format!(r#"{{"UserTags":{}}}"#, array(count, entry)))
    };
    assert_eq!(of(100).unwrap().entries.len(), 100);
    refused(
        of(101),
        Code::TooManyEntries,
        "`UserTags` has `101` entries, more than `100`",
    );
    refused(
        of(0),
        Code::Malformed,
        "`UserTags` must be 1 to 100 entries, not `[]`",
    );
    refused(add("{}"), Code::Malformed, "`UserTags` is missing");
    refused(set("{}"), Code::Malformed, "`UserAttrs` is missing");
    refused(
        add(r#"{"UserTags":["x"]}"#),
        Code::Malformed,
        r#"`UserTags[0]` must be an object, not `"x"`"#,
    );
    refused(
        add(r#"{"UserTags":[{"To_Account":"a","Tags":["x"]},{"Tags":["x"]}]}"#),
        Code::Malformed,
        "`UserTags[1].To_Account` is missing",
    );
    refused(
        add(r#"{"UserTags":[{"To_Account":7,"Tags":["x"]}]}"#),
        Code::Malformed,
        "`UserTags[0].To_Account` must be a string, not `7`",
    );
    refused(
        add(r#"{"UserTags":[{"To_Account":"a"}]}"#),
        Code::Malformed,
        "`UserTags[0].Tags` is missing",
    );
    refused(
        add(r#"{"To_Account":"a"}"#),
        Code::Malformed,
        "`Tags` is missing",
    );
    let flat = |count: usize| {
        let names = array(count, |at| format!("\"{at}\""));
        add(&format!(r#"{{"To_Account":{names},"Tags":["x"]}}"#))
    };
    assert_eq!(flat(100).unwrap().entries.len(), 100);
    refused(
        flat(101),
        Code::TooManyEntries,
        "`To_Account` has `101` entries, more than `100`",
    );
}

#[test]
fn ten_tags_are_added_and_a_hundred_replaced() {
    let of = |replace: u8, count: usize| {
        let tags = array(count, |at| format!("\"{at}\""));
        add(&format!(
            r#"{{"Replace":{replace},"UserTags":[{{"To_Account":"a","Tags":{tags}}}]}}"#
        ))
    };
    assert!(of(0, 10).is_ok() && of(1, 100).is_ok());
    for (replace, count) in [(0, 11), (1, 101)] {
        let text = format!(
            "`UserTags[0].Tags` has `{count}` entries, more than `{}`",
            count - 1
        );
        refused(of(replace, count), Code::TooManyTags, &text);
    }
    for replace in [0, 1] {
        refused(
            of(replace, 0),
            Code::Malformed,
            "`UserTags[0].Tags` must be an array of at least one tag, not `[]`",
        );
    }
    refused(
        of(2, 1),
        Code::Malformed,
        "`Replace` must be 0 or 1, not `2`",
    );
}

#[test]
fn tags_and_values_are_bounded_in_bytes() {
    let tag = |tag: &str| add(&format!(r#"{{"To_Account":"a","Tags":["{tag}"]}}"#));
    for fits in ["a".repeat(50), "界".repeat(16), "😀".repeat(12)] {
        assert!(tag(&fits).is_ok(), "{fits}");
    }
    refused(
        tag(&"界".repeat(17)),
        Code::TagTooLong,
        "`Tags[0]` has `51` bytes, more than `50`",
    );
    refused(
        tag(&"😀".repeat(13)),
        Code::TagTooLong,
        "`Tags[0]` has `52` bytes, more than `50`",
    );
    refused(
        tag(""),
        Code::TagEmpty,
        r#"`Tags[0]` must be 1 to 50 bytes, not `""`"#,
    );
    let value = |value: &str| {
        set(&format!(
            r#"{{"To_Account":"a","Attrs":{{"sex":"{value}"}}}}"#
        ))
    };
    assert!(value(&"😀".repeat(12)).is_ok());
    for bad in [String::new(), "界".repeat(17)] {
        let text = format!(
            "`Attrs` must be values of 1 to 50 bytes without control characters, not `\"{bad}\"`"
        );
        refused(value(&bad), Code::AttributeBad, &text);
    }
    refused(
        set(r#"{"To_Account":"a","Attrs":{"sex":1}}"#),
        Code::Malformed,
        "`Attrs` must be an object of strings, not `1`",
    );
    refused(
        set(r#"{"To_Account":"a","Attrs":{"":"x"}}"#),
        Code::AttributeBad,
        "the app has no attribute ``",
    );
    refused(
        set(r#"{"To_Account":"a","Attrs":{}}"#),
        Code::Malformed,
        "`Attrs` must be an object with at least one attribute, not `{}`",
    );
    refused(
        RemoveAttributes::parse(br#"{"To_Account":"a","Attrs":[]}"#),
        Code::Malformed,
        "`Attrs` must be an array of at least one attribute, not `[]`",
    );
    refused(
        RemoveAttributes::parse(br#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"x"}}]}"#),
        Code::Malformed,
        r#"`UserAttrs[0].Attrs` must be an array of strings, not `{"sex":"x"}`"#,
    );
}

#[test]
fn only_names_are_asked_for_each_once() {
    assert_eq!(
        accounts(r#"{"To_Account":["b","a","b",""]}"#).unwrap(),
        ["b", "a", ""]
    );
    assert_eq!(accounts(r#"{"To_Account":"a"}"#).unwrap(), ["a"]);
    let of = |count: usize| {
        accounts(&format!(
            r#"{{"To_Account":{}}}"#,
            array(count, |_| "\"x\"".to_owned())
        ))
    };
    assert_eq!(of(100).unwrap(), ["x"]);
    refused(
        of(101),
        Code::TooManyEntries,
        "`To_Account` has `101` entries, more than `100`",
    );
    refused(
        of(0),
        Code::Malformed,
        "`To_Account` must be 1 to 100 entries, not `[]`",
    );
    refused(accounts("{}"), Code::Malformed, "`To_Account` is missing");
    refused(
        accounts(r#"{"To_Account":{}}"#),
        Code::Malformed,
        "`To_Account` must be an array of strings, not `{}`",
    );
    refused(
        accounts(r#"{"To_Account":["a",7]}"#),
        Code::Malformed,
        "`To_Account[1]` must be a string, not `7`",
    );
    refused(
        accounts("[]"),
        Code::Malformed,
        "body must be a JSON object, not `[]`",
    );
    refused(
        accounts(""),
        Code::NotJson,
        "body is empty, send at least `{}`",
    );
}

#[test]
fn attributes_have_numbers_names_and_types() {
    let read =
        name(r#"{"AttrNames":{"0":"sex","9":"城市","3":null},"AttrTypes":{"0":0,"9":1}}"#).unwrap();
    let names: Vec<_> = read
        .names
        .iter()
        .map(|(index, name)| (index.get(), name.as_str()))
        .collect();
    assert_eq!(names, [(0, "sex"), (9, "城市")]);
    let kinds: Vec<_> = read
        .kinds
        .iter()
        .map(|(index, kind)| (index.get(), *kind))
        .collect();
    assert_eq!(kinds, [(0, AccountKind::User), (9, AccountKind::Phone)]);
    refused(name("{}"), Code::Malformed, "`AttrNames` is missing");
    refused(
        name(r#"{"AttrNames":{}}"#),
        Code::Malformed,
        "`AttrNames` must be an object with at least one name, not `{}`",
    );
    for key in ["10", "-1", "", "a", "00", "é"] {
        let text = format!("`AttrNames` must be an object with keys from 0 to 9, not `{key}`");
        refused(
            name(&format!(r#"{{"AttrNames":{{"{key}":"x"}}}}"#)),
            Code::Malformed,
            &text,
        );
    }
    refused(
        name(r#"{"AttrNames":{"3":7}}"#),
        Code::Malformed,
        "`AttrNames[3]` must be a string, not `7`",
    );
    let longest = "界".repeat(16);
    assert!(name(&format!(r#"{{"AttrNames":{{"0":"{longest}"}}}}"#)).is_ok());
    for bad in [String::new(), "界".repeat(17)] {
        let text = format!(
            "`AttrNames[0]` must be 1 to 50 bytes without control characters, not `\"{bad}\"`"
        );
        refused(
            name(&format!(r#"{{"AttrNames":{{"0":"{bad}"}}}}"#)),
            Code::AttributeBad,
            &text,
        );
    }
    refused(
        name(r#"{"AttrNames":{"0":"sex","4":"sex"}}"#),
        Code::AttributeBad,
        "`AttrNames` gives the name `sex` twice",
    );
    refused(
        name(r#"{"AttrNames":{"0":"a","0":"b"}}"#),
        Code::Malformed,
        "a field is given more than once: duplicate field `AttrNames`",
    );
    refused(
        name(r#"{"AttrNames":{"0":"a"},"AttrTypes":{"1":0}}"#),
        Code::Malformed,
        r#"`AttrTypes` must be an object with keys that AttrNames has, not `{"1":0}`"#,
    );
    refused(
        name(r#"{"AttrNames":{"0":"a"},"AttrTypes":{"0":2}}"#),
        Code::Malformed,
        "`AttrTypes[0]` must be 0 or 1, not `2`",
    );
}

#[test]
fn replies_have_the_documented_fields() {
    assert_eq!(
        text(done(&[])),
        r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#
    );
    let errors = [
        AccountError::unknown("a\"b"),
        AccountError {
            account: "c",
            code: Code::OtherKind,
            info: "why".into(),
        },
    ];
    let list = r#""ErrorList":[{"To_Account":"a\"b","ErrorCode":70107,"ErrorInfo":"the account does not exist"},{"To_Account":"c","ErrorCode":90035,"ErrorInfo":"why"}]"#;
    let base = r#""ActionStatus":"OK","ErrorInfo":"","ErrorCode":0"#;
    assert_eq!(text(done(&errors)), format!("{{{base},{list}}}"));
    let index = |index| AttributeIndex::new(index).unwrap();
    let attribute = |name: &str, kind| (AttributeName::new(name).unwrap(), kind);
    let named = AttributeNames::from([
        (index(0), attribute("sex", AccountKind::User)),
        (index(7), attribute("city", AccountKind::Phone)),
    ]);
    assert_eq!(
        text(names(&named)),
        format!(r#"{{{base},"AttrNames":{{"0":"sex","7":"city"}},"AttrTypes":{{"0":0,"7":1}}}}"#)
    );
    assert_eq!(
        text(names(&AttributeNames::default())),
        format!(r#"{{{base},"AttrNames":{{}},"AttrTypes":{{}}}}"#)
    );
    let mut labels = Labels::default();
    labels
        .tags
        .extend(["y", "x"].map(|tag| Tag::new(tag).unwrap()));
    labels
        .attributes
        .insert(index(7), AttributeValue::new("深圳").unwrap());
    let accounts = [("a", labels), ("b", Labels::default())];
    assert_eq!(
        text(tags_of(&accounts, &errors)),
        format!(
            r#"{{{base},"UserTags":[{{"To_Account":"a","Tags":["x","y"]}},{{"To_Account":"b","Tags":[]}}],{list}}}"#
        )
    );
    assert_eq!(
        text(attributes_of(&accounts, &named, &[])),
        format!(
            r#"{{{base},"UserAttrs":[{{"To_Account":"a","Attrs":{{"city":"深圳"}}}},{{"To_Account":"b","Attrs":{{}}}}]}}"#
        )
    );
    let city = AttributeName::new("city").unwrap();
    assert_eq!(
        taken(&city, index(1)),
        "attrName:city already exists at index:1"
    );
}
