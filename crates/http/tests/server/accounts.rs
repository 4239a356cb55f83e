//! The commands on accounts: who is known, and that a deleted one leaves nothing behind.

use pushtally_model::{App, AppId, Secret};
use serde_json::{Value, json};

use super::asking::{ACCOUNTS, TIMPUSH, ask, done, fitting, import, phone, tags};
use super::fixture::{KEY, NOW_S, Server, Setup, app, code, usersig};

async fn check(server: &Server, names: &[&str]) -> Vec<bool> {
    let items: Vec<Value> = names.iter().map(|name| json!({"UserID": name})).collect();
    let body = json!({ "CheckItem": items }).to_string();
    let reply = ask(server, ACCOUNTS, "account_check", &body).await;
    assert_eq!(code(&reply), 0);
    let rows = reply["ResultItem"].as_array().unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| row["UserID"].as_str().unwrap())
        .collect();
    assert_eq!(told, names);
    let status = |row: &Value| match row["AccountStatus"].as_str().unwrap() {
        "Imported" => true,
        "NotImported" => false,
        other => panic!("{other}"),
    };
    rows.iter().map(status).collect()
}

async fn delete(server: &Server, names: &[&str]) -> Vec<u64> {
    let items: Vec<Value> = names.iter().map(|name| json!({"UserID": name})).collect();
    let body = json!({ "DeleteItem": items }).to_string();
    let reply = ask(server, ACCOUNTS, "account_delete", &body).await;
    assert_eq!(code(&reply), 0);
    let rows = reply["ResultItem"].as_array().unwrap();
    let codes = rows.iter().map(|row| row["ResultCode"].as_u64().unwrap());
    codes.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_imported_looked_up_and_deleted() {
    let server = Server::start(Setup::default()).await;
    let sample = r#"{"UserID":"test","Nick":"test","FaceUrl":"http://www.qq.com"}"#;
    for _ in 0..2 {
        done(&server, ACCOUNTS, "account_import", sample).await;
    }
    done(
        &server,
        ACCOUNTS,
        "account_import",
        r#"{"Identifier":"older"}"#,
    )
    .await;
    let longest = "界".repeat(10) + "ab";
    let several = json!({"AccountList": [{"UserID": "a"}, {"UserID": longest}, {"UserID": format!("{longest}c")}, {"UserID": ""}]});
    let reply = ask(
        &server,
        ACCOUNTS,
        "multiaccount_import",
        &several.to_string(),
    )
    .await;
    let failed = json!([format!("{longest}c"), ""]);
    assert_eq!((code(&reply), &reply["FailAccounts"]), (0, &failed));
    let older = ask(
        &server,
        ACCOUNTS,
        "multiaccount_import",
        r#"{"Accounts":["b","a"]}"#,
    )
    .await;
    assert_eq!(older["FailAccounts"], json!([]));
    phone(&server, "phone-of-c", Some("c")).await;
    let names = [
        "test",
        "older",
        "a",
        &longest,
        "b",
        "c",
        "administrator",
        "d",
        "",
        "phone-of-c",
    ];
    let known = [
        true, true, true, true, true, true, true, false, false, false,
    ];
    assert_eq!(check(&server, &names).await, known);
    assert_eq!(
        delete(&server, &["a", "d", "a", "", "c"]).await,
        [0, 70107, 70107, 70107, 0]
    );
    assert_eq!(check(&server, &["a", "b", "c"]).await, [false, true, false]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_account_loses_its_devices_its_labels_and_its_pushes() {
    let server = Server::start(Setup::default()).await;
    phone(&server, "one", Some("a")).await;
    phone(&server, "two", Some("a")).await;
    phone(&server, "other", Some("b")).await;
    let body = r#"{"To_Account":["a","b"],"Tags":["x"]}"#;
    done(&server, TIMPUSH, "add_tag", body).await;
    assert_eq!(
        fitting(&server, r#"{"TagsOr":["x"]}"#).await,
        ["one", "other", "two"]
    );
    assert_eq!(delete(&server, &["a"]).await, [0]);
    assert_eq!(tags(&server, "a").await, Err(70107));
    assert_eq!(fitting(&server, r#"{"TagsOr":["x"]}"#).await, ["other"]);
    assert_eq!(fitting(&server, "{}").await, ["other"]);
    let batch =
        r#"{"From_Account":"x","To_Account":["a"],"MsgRandom":1,"OfflinePushInfo":{"Title":"t"}}"#;
    assert_eq!(code(&ask(&server, TIMPUSH, "batch", batch).await), 70107);
    // Its phones are forgotten with it; whoever signs in again begins without labels.
    phone(&server, "one", Some("a")).await;
    assert_eq!(tags(&server, "a").await, Ok(vec![]));
    assert_eq!(
        server
            .engine
            .accounts
            .verify_index(super::fixture::APP)
            .await
            .unwrap(),
        Vec::<String>::new()
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_on_accounts_have_bounds_and_a_code_of_their_own() {
    let server = Server::start(Setup::default()).await;
    for (command, list) in [
        ("multiaccount_import", "AccountList"),
        ("account_check", "CheckItem"),
        ("account_delete", "DeleteItem"),
    ] {
        let of = |count: usize| json!({ list: vec![json!({"UserID": "x"}); count] }).to_string();
        assert_eq!(code(&ask(&server, ACCOUNTS, command, &of(100)).await), 0);
        let reply = ask(&server, ACCOUNTS, command, &of(101)).await;
        let text = format!("`{list}` has `101` entries, more than `100`");
        assert_eq!(
            (code(&reply), reply["ErrorInfo"].as_str().unwrap()),
            (70402, text.as_str())
        );
        assert_eq!(code(&ask(&server, ACCOUNTS, command, "{}").await), 70402);
        assert_eq!(code(&ask(&server, ACCOUNTS, command, "").await), 60003);
    }
    let long = format!(r#"{{"UserID":"{}"}}"#, "a".repeat(33));
    assert_eq!(
        code(&ask(&server, ACCOUNTS, "account_import", &long).await),
        70402
    );
    assert_eq!(code(&ask(&server, ACCOUNTS, "no_such", "{}").await), 60009);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_labels_of_another_app_are_out_of_reach() {
    let mut other = App::new(AppId(5), Secret::new(KEY));
    other.administrators = vec!["boss".to_owned()];
    let server = Server::start(Setup {
        apps: vec![app(), other],
        ..Setup::default()
    })
    .await;
    import(&server, &["a"]).await;
    done(
        &server,
        TIMPUSH,
        "set_attr_name",
        r#"{"AttrNames":{"0":"sex"}}"#,
    )
    .await;
    done(
        &server,
        TIMPUSH,
        "add_tag",
        r#"{"To_Account":"a","Tags":["x"]}"#,
    )
    .await;
    let signed = usersig(KEY, "boss", 5, NOW_S);
    let theirs = async |prefix: &str, command: &str, body: &str| {
        let query =
            format!("sdkappid=5&identifier=boss&usersig={signed}&random=1&contenttype=json");
        server
            .post(&format!("{prefix}{command}?{query}"), body)
            .await
    };
    let error = |reply: &Value| reply["ErrorList"][0]["ErrorCode"].as_u64();
    assert_eq!(
        error(&theirs(TIMPUSH, "get_tag", r#"{"To_Account":["a"]}"#).await),
        Some(70107)
    );
    assert_eq!(
        error(&theirs(TIMPUSH, "add_tag", r#"{"To_Account":"a","Tags":["y"]}"#).await),
        Some(70107)
    );
    assert_eq!(
        theirs(TIMPUSH, "get_attr_name", "{}").await["AttrNames"],
        json!({})
    );
    let deleted = theirs(
        ACCOUNTS,
        "account_delete",
        r#"{"DeleteItem":[{"UserID":"a"}]}"#,
    )
    .await;
    assert_eq!(deleted["ResultItem"][0]["ResultCode"], 70107);
    assert_eq!(tags(&server, "a").await, Ok(vec!["x".to_owned()]));
    server.stop().await;
}
