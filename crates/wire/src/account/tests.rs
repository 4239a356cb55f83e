//! Bodies of the commands on accounts, and their replies.

use super::*;
use crate::{Code, WireError};

#[track_caller]
fn refused<T: std::fmt::Debug>(read: Result<T, WireError>, code: Code, text: &str) {
    let error = read.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, text));
}

fn import(body: &str) -> Result<String, WireError> {
    let read = ImportRequest::parse(body.as_bytes());
    read.map(|request| request.account.as_str().to_owned())
}

fn import_all(body: &str) -> Result<(Vec<String>, Vec<String>), WireError> {
    let read = ImportAllRequest::parse(body.as_bytes());
    read.map(|request| {
        let accounts = request.accounts.iter();
        let names = accounts.map(|account| account.as_str().to_owned());
        (names.collect(), request.failed)
    })
}

fn list(name: &str, count: usize) -> String {
    let items = vec![r#"{"UserID":"a"}"#; count];
    format!(r#"{{"{name}":[{}]}}"#, items.join(","))
}

#[test]
fn one_account_is_imported_under_either_name() {
    let sample = r#"{"UserID":"test","Nick":"test","FaceUrl":"http://www.qq.com"}"#;
    assert_eq!(import(sample).unwrap(), "test");
    assert_eq!(
        import(r#"{"Identifier":"test","Nick":null}"#).unwrap(),
        "test"
    );
    assert_eq!(
        import(&format!(r#"{{"UserID":"{}"}}"#, "界".repeat(10)))
            .unwrap()
            .len(),
        30
    );
    let bad = Code::AccountRequestBad;
    refused(import("{}"), bad, "`UserID` is missing");
    refused(
        import(r#"{"UserID":7}"#),
        bad,
        "`UserID` must be a string, not `7`",
    );
    refused(
        import(r#"{"UserID":"a","Nick":[]}"#),
        bad,
        "`Nick` must be a string, not `[]`",
    );
    for name in [String::new(), "a".repeat(33), "a\\n".to_owned()] {
        let text =
            format!("`UserID` must be 1 to 32 bytes without control characters, not `\"{name}\"`");
        refused(import(&format!(r#"{{"UserID":"{name}"}}"#)), bad, &text);
    }
    refused(
        import(""),
        Code::NotJson,
        "body is empty, send at least `{}`",
    );
    refused(import("[]"), bad, "body must be a JSON object, not `[]`");
}

#[test]
fn several_are_imported_and_names_that_none_can_have_are_told() {
    let longest = "a".repeat(32);
    let names = |accounts: &[&str], failed: &[&str]| {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        Ok((texts(accounts), texts(failed)))
    };
    let sample = format!(
        r#"{{"AccountList":[{{"UserID":"a","Nick":"n"}},{{"UserID":"{longest}"}},{{"UserID":""}}]}}"#
    );
    assert_eq!(import_all(&sample), names(&["a", &longest], &[""]));
    let older = format!(r#"{{"Accounts":["b","{longest}x","a"]}}"#);
    assert_eq!(
        import_all(&older),
        names(&["b", "a"], &[&format!("{longest}x")])
    );
    assert_eq!(import_all(&list("AccountList", 100)).unwrap().0.len(), 100);
    let bad = Code::AccountRequestBad;
    refused(
        import_all(&list("AccountList", 101)),
        bad,
        "`AccountList` has `101` entries, more than `100`",
    );
    refused(
        import_all(&list("AccountList", 0)),
        bad,
        "`AccountList` must be 1 to 100 accounts, not `[]`",
    );
    refused(import_all("{}"), bad, "`AccountList` is missing");
    refused(
        import_all(r#"{"AccountList":["a"]}"#),
        bad,
        r#"`AccountList[0]` must be an object, not `"a"`"#,
    );
    refused(
        import_all(r#"{"Accounts":[7]}"#),
        bad,
        "`Accounts[0]` must be a string, not `7`",
    );
    refused(
        import_all(r#"{"AccountList":[{"UserID":"a","FaceUrl":1}]}"#),
        bad,
        "`AccountList[0].FaceUrl` must be a string, not `1`",
    );
}

#[test]
fn accounts_are_looked_up_and_deleted_by_list() {
    let check = |body: &str| CheckRequest::parse(body.as_bytes()).map(|request| request.names);
    let delete = |body: &str| DeleteRequest::parse(body.as_bytes()).map(|request| request.names);
    assert_eq!(
        check(r#"{"CheckItem":[{"UserID":"b"},{"UserID":""}]}"#).unwrap(),
        ["b", ""]
    );
    assert_eq!(delete(r#"{"DeleteItem":[{"UserID":"b"}]}"#).unwrap(), ["b"]);
    assert_eq!(delete(&list("DeleteItem", 100)).unwrap().len(), 100);
    let bad = Code::AccountRequestBad;
    refused(
        check(&list("CheckItem", 101)),
        bad,
        "`CheckItem` has `101` entries, more than `100`",
    );
    refused(
        delete(&list("DeleteItem", 101)),
        bad,
        "`DeleteItem` has `101` entries, more than `100`",
    );
    refused(
        check(r#"{"CheckItem":[{}]}"#),
        bad,
        "`CheckItem[0].UserID` is missing",
    );
    refused(
        delete(r#"{"DeleteItem":[{"UserID":1}]}"#),
        bad,
        "`DeleteItem[0].UserID` must be a string, not `1`",
    );
}

#[test]
fn replies_have_the_documented_fields() {
    let text = |json: Vec<u8>| String::from_utf8(json).unwrap();
    let base = r#""ActionStatus":"OK","ErrorInfo":"","ErrorCode":0"#;
    assert_eq!(text(done()), format!("{{{base}}}"));
    assert_eq!(
        text(imported(&[])),
        format!(r#"{{{base},"FailAccounts":[]}}"#)
    );
    assert_eq!(
        text(imported(&["x".to_owned()])),
        format!(r#"{{{base},"FailAccounts":["x"]}}"#)
    );
    let names = [("a", true), ("b", false)].map(|(name, known)| Looked { name, known });
    assert_eq!(
        text(checked(&names)),
        format!(
            r#"{{{base},"ResultItem":[{{"UserID":"a","ResultCode":0,"ResultInfo":"","AccountStatus":"Imported"}},{{"UserID":"b","ResultCode":0,"ResultInfo":"","AccountStatus":"NotImported"}}]}}"#
        )
    );
    assert_eq!(
        text(deleted(&names)),
        format!(
            r#"{{{base},"ResultItem":[{{"UserID":"a","ResultCode":0,"ResultInfo":""}},{{"UserID":"b","ResultCode":70107,"ResultInfo":"the account does not exist"}}]}}"#
        )
    );
}
