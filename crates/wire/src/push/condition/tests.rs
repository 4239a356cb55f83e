//! Conditions: what is read, what is refused, and that none is ever taken for everybody.

use super::super::{BatchRequest, PushRequest};
use super::*;
use pushtally_model::AccountKind;

const INFO: &str = r#""OfflinePushInfo":{"Title":"t"}"#;

fn selection(condition: &str) -> Result<Option<Selection>, WireError> {
    let body = format!(r#"{{"MsgRandom":1,{INFO},"Condition":{condition}}}"#);
    PushRequest::parse(body.as_bytes()).map(|push| push.selection)
}

#[track_caller]
fn refused(condition: &str, code: Code, text: &str) {
    let error = selection(condition).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, text));
}

fn tags(names: &[&str]) -> Vec<Tag> {
    names.iter().map(|name| Tag::new(*name).unwrap()).collect()
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<(AttributeName, AttributeValue)> {
    let pair = |(name, value): &(&str, &str)| {
        let name = AttributeName::new(*name).unwrap();
        (name, AttributeValue::new(*value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

#[track_caller]
fn reads(condition: &str, any: &[&str], all: &[&str], none: &[&str]) {
    let expected = Selection::Tags {
        any: tags(any),
        all: tags(all),
        none: tags(none),
    };
    assert_eq!(selection(condition), Ok(Some(expected)), "{condition}");
}

#[test]
fn parts_on_tags_are_read_and_an_empty_one_does_not_restrict() {
    let sample = include_bytes!("../../../tests/fixtures/push.tags.request.json");
    let read = PushRequest::parse(sample).unwrap().selection;
    let expected = Selection::Tags {
        any: tags(&["Stock A", "Stock B"]),
        all: vec![],
        none: vec![],
    };
    assert_eq!(read, Some(expected));
    reads(
        r#"{"TagsOr":["a","b","a"],"TagsAnd":["c"],"TagsNot":["a","d"]}"#,
        &["a", "b"],
        &["c"],
        &["a", "d"],
    );
    reads(r#"{"TagsNot":["x"]}"#, &[], &[], &["x"]);
    // What a Go client sends for parts that are not set.
    reads(
        r#"{"TagsAnd":null,"TagsOr":["a"],"AttrsAnd":null,"AttrsOr":null}"#,
        &["a"],
        &[],
        &[],
    );
    reads(
        r#"{"TagsOr":["a"],"TagsAnd":[],"AttrsOr":{}}"#,
        &["a"],
        &[],
        &[],
    );
    // What a Java client sends.
    reads(r#"[{"TagsOr":["a"]}]"#, &["a"], &[], &[]);
    reads(
        r#"[{"TagsOr":["a"]},{"TagsAnd":["b"],"TagsOr":["c"]}]"#,
        &["a", "c"],
        &["b"],
        &[],
    );
}

#[test]
fn parts_on_attributes_are_found_by_the_apps_names() {
    let read = selection(r#"{"AttrsOr":{"sex":"male","city":"深圳"},"AttrsAnd":{"age":"7"}}"#);
    let selection = read.unwrap().unwrap();
    let expected = Selection::Attributes {
        any: attributes(&[("sex", "male"), ("city", "深圳")]),
        all: attributes(&[("age", "7")]),
    };
    assert_eq!(selection, expected);
    let index = |index| AttributeIndex::new(index).unwrap();
    let named = |name: &str| (AttributeName::new(name).unwrap(), AccountKind::User);
    let mut names = AttributeNames::from([(index(0), named("city")), (index(7), named("sex"))]);
    let error = selection.clone().resolve(&names).unwrap_err();
    assert_eq!(error.code(), Code::AttributeBad);
    assert_eq!(error.to_string(), "the app has no attribute `age`");
    names.insert(index(9), named("age"));
    let value = |value: &str| AttributeValue::new(value).unwrap();
    let expected = Condition {
        attributes_any: vec![(index(7), value("male")), (index(0), value("深圳"))],
        attributes_all: vec![(index(9), value("7"))],
        ..Condition::default()
    };
    assert_eq!(selection.resolve(&names), Ok(expected));
}

#[test]
fn only_what_says_nothing_at_all_is_everybody() {
    for everybody in ["null", "{}", "{ }", "{\n\t}"] {
        assert_eq!(selection(everybody), Ok(None), "{everybody}");
    }
    for nobody in [
        "[]",
        "[{}]",
        r#"{"TagsOr":[]}"#,
        r#"{"TagsOr":null}"#,
        r#"{"TagsOr":[],"AttrsAnd":{}}"#,
        r#"{"AttrsOr":{}}"#,
        r#"{"X":null}"#,
    ] {
        let text = format!(
            "`Condition` must be absent, null, {{}} or with a part that is not empty, not `{nobody}`"
        );
        refused(nobody, Code::Malformed, &text);
    }
    for mistaken in [r#""""#, "0", "false", "[7]", r#"{"TagsOr":"a"}"#] {
        let error = selection(mistaken).unwrap_err();
        assert_eq!(error.code(), Code::Malformed, "{mistaken}");
    }
    refused(
        r#"{"TagsOr":["a"],"TagAnd":["b"]}"#,
        Code::Malformed,
        "`Condition` must be of TagsOr, TagsAnd, TagsNot, AttrsOr and AttrsAnd, not `TagAnd`",
    );
    let repeated = r#"{"TagsOr":["a"],"TagsOr":["b"]}"#;
    refused(
        repeated,
        Code::Malformed,
        "a field is given more than once: duplicate field `Condition`",
    );
}

#[test]
fn a_batch_has_no_condition() {
    let batch = |condition: &str| {
        let body = format!(
            r#"{{"From_Account":"a","To_Account":["b"],"MsgRandom":1,{INFO},"Condition":{condition}}}"#
        );
        BatchRequest::parse(body.as_bytes())
    };
    for absent in ["null", "{}"] {
        assert!(batch(absent).is_ok());
    }
    for condition in [r#"{"TagsOr":["x"]}"#, r#"{"TagsOr":[""]}"#, "[]", "7"] {
        let error = batch(condition).unwrap_err();
        let text = format!("`Condition` must be absent, null or {{}}, not `{condition}`");
        assert_eq!((error.code(), error.to_string()), (Code::Malformed, text));
    }
}

#[test]
fn tags_are_bounded_in_bytes_and_number() {
    let of_bytes = |tag: &str| format!(r#"{{"TagsOr":["{tag}"]}}"#);
    for fits in ["a".repeat(50), "界".repeat(16), "😀".repeat(12)] {
        assert!(selection(&of_bytes(&fits)).is_ok(), "{fits}");
    }
    for (long, len) in [
        ("a".repeat(51), 51),
        ("界".repeat(17), 51),
        ("😀".repeat(13), 52),
    ] {
        let text = format!("`Condition.TagsOr[0]` has `{len}` bytes, more than `50`");
        refused(&of_bytes(&long), Code::TagTooLong, &text);
    }
    refused(
        r#"{"TagsNot":["a",""]}"#,
        Code::TagEmpty,
        r#"`Condition.TagsNot[1]` must be 1 to 50 bytes, not `""`"#,
    );
    refused(
        r#"{"TagsAnd":["a\n"]}"#,
        Code::Malformed,
        r#"`Condition.TagsAnd[0]` must be without control characters, not `"a\n"`"#,
    );
    refused(
        r#"{"TagsAnd":["a",7]}"#,
        Code::Malformed,
        "`Condition.TagsAnd[1]` must be a string, not `7`",
    );
    let many = |part: &str, count: usize| {
        let tags: Vec<String> = (0..count).map(|tag| format!(r#""{tag}""#)).collect();
        format!(r#"{{"{part}":[{}]}}"#, tags.join(","))
    };
    for part in ["TagsOr", "TagsAnd", "TagsNot"] {
        assert!(selection(&many(part, 10)).is_ok());
        let text = format!("`Condition.{part}` has `11` entries, more than `10`");
        refused(&many(part, 11), Code::TooManyTags, &text);
    }
    let parts = format!("[{},{}]", many("TagsOr", 10), r#"{"TagsOr":["x"]}"#);
    refused(
        &parts,
        Code::TooManyTags,
        "`Condition[1].TagsOr` has `11` entries, more than `10`",
    );
}

#[test]
fn parts_must_not_contradict_each_other() {
    refused(
        r#"{"TagsOr":["a","b"],"TagsAnd":["c","b"]}"#,
        Code::SameTag,
        "`Condition.TagsOr` and `Condition.TagsAnd` both name `b`",
    );
    refused(
        r#"{"TagsNot":["a"],"AttrsOr":{"sex":"male"}}"#,
        Code::TagsAndAttributes,
        "`Condition` has tags and attributes, it must have one of them",
    );
    reads(r#"{"TagsAnd":["a"],"TagsNot":["a"]}"#, &[], &["a"], &["a"]);
}

#[test]
fn attributes_have_names_and_values_of_at_most_50_bytes() {
    let with = |name: &str, value: &str| format!(r#"{{"AttrsAnd":{{"{name}":{value}}}}}"#);
    assert!(selection(&with(&"界".repeat(16), &format!("\"{}\"", "😀".repeat(12)))).is_ok());
    refused(
        &with("", "\"x\""),
        Code::AttributeBad,
        "the app has no attribute ``",
    );
    refused(
        &with(&"界".repeat(17), "\"x\""),
        Code::AttributeBad,
        &format!("the app has no attribute `{}`", "界".repeat(17)),
    );
    let long = format!("\"{}\"", "a".repeat(51));
    for bad in ["\"\"", &long] {
        let text = format!(
            "`Condition.AttrsAnd` must be values of 1 to 50 bytes without control characters, not `{bad}`"
        );
        refused(&with("sex", bad), Code::AttributeBad, &text);
    }
    refused(
        &with("sex", "1"),
        Code::Malformed,
        "`Condition.AttrsAnd` must be an object of strings, not `1`",
    );
    refused(
        r#"{"AttrsOr":["sex"]}"#,
        Code::Malformed,
        r#"`Condition.AttrsOr` must be an object, not `["sex"]`"#,
    );
    refused(
        r#"{"AttrsOr":{"sex":"male","sex":"female"}}"#,
        Code::Malformed,
        "a field is given more than once: duplicate field `Condition.AttrsOr`",
    );
}
