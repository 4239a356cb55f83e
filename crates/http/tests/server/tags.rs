//! The commands on tags: happy paths with the documented bodies, every limit at its edge and one past it.

use serde_json::json;

use super::asking::{TIMPUSH, accounts, ask, done, error, import, tags, texts, unknown};
use super::fixture::{Server, Setup, code};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_added_replaced_read_and_removed() {
    let server = accounts().await;
    let add = r#"{"UserTags":[{"To_Account":"a","Tags":["y","x"]},{"To_Account":"nobody","Tags":["x"]},{"To_Account":"b","Tags":["x"]}]}"#;
    let reply = ask(&server, TIMPUSH, "add_tag", add).await;
    assert_eq!(
        (code(&reply), &reply["ErrorList"]),
        (0, &json!([unknown("nobody")]))
    );
    let body = r#"{"To_Account":["a","nobody","b"]}"#;
    let reply = ask(&server, TIMPUSH, "get_tag", body).await;
    let expected = json!({
        "ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0,
        "UserTags": [{"To_Account": "a", "Tags": ["x", "y"]}, {"To_Account": "b", "Tags": ["x"]}],
        "ErrorList": [unknown("nobody")],
    });
    assert_eq!(reply, expected);
    let body = r#"{"Replace":1,"UserTags":[{"To_Account":"a","Tags":["z"]}]}"#;
    done(&server, TIMPUSH, "add_tag", body).await;
    assert_eq!(tags(&server, "a").await, texts(&["z"]));
    let body = r#"{"UserTags":[{"To_Account":"a","Tags":["z","never"]}]}"#;
    done(&server, TIMPUSH, "remove_tag", body).await;
    assert_eq!(tags(&server, "a").await, texts(&[]));
    let body = r#"{"To_Account":["b","nobody","a"]}"#;
    let reply = ask(&server, TIMPUSH, "clear_all_tags", body).await;
    assert_eq!(reply["ErrorList"], json!([unknown("nobody")]));
    assert_eq!(tags(&server, "b").await, texts(&[]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_a_hundred_tags_and_an_app_a_thousand() {
    let server = Server::start(Setup::default()).await;
    let names: Vec<String> = (0..11).map(|name| format!("u{name}")).collect();
    import(
        &server,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let hundred = |from: usize| {
        (from..from + 100)
            .map(|tag| format!("t{tag}"))
            .collect::<Vec<_>>()
    };
    for (at, name) in names.iter().take(10).enumerate() {
        let body =
            json!({"Replace": 1, "UserTags": [{"To_Account": name, "Tags": hundred(at * 100)}]});
        done(&server, TIMPUSH, "add_tag", &body.to_string()).await;
    }
    let add = async |name: &str, tag: &str| {
        let body = json!({"To_Account": name, "Tags": [tag]}).to_string();
        ask(&server, TIMPUSH, "add_tag", &body).await
    };
    let reply = add("u0", "t100").await;
    let text = "the account would have `101` tags, more than `100`";
    assert_eq!(
        (code(&reply), &reply["ErrorList"]),
        (0, &json!([error("u0", 90032, text)]))
    );
    assert_eq!(
        add("u0", "t0").await.get("ErrorList"),
        None,
        "one that it has is no other"
    );
    let reply = add("u10", "one more").await;
    let text = "the app would have more than `1000` different tags";
    assert_eq!(reply["ErrorList"], json!([error("u10", 90032, text)]));
    assert_eq!(add("u10", "t0").await.get("ErrorList"), None);
    let body = r#"{"To_Account":"u0","Tags":["t1"]}"#;
    done(&server, TIMPUSH, "remove_tag", body).await;
    assert_eq!(
        add("u10", "one more").await.get("ErrorList"),
        None,
        "a tag that nobody has frees its place"
    );
    server.stop().await;
}
