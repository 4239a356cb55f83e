//! What the commands on tags and attributes have in common: bounds of a call, older paths and bodies, the audit, quotas.

use serde_json::json;

use super::asking::{
    LEGACY, TIMPUSH, accounts, ask, attributes, done, import, refused, tags, texts,
};
use super::fixture::{APP, Server, Setup, app, code};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_have_bounds_at_which_they_still_work() {
    let server = accounts().await;
    let entries = |count: usize| {
        let tags: Vec<String> = (0..100)
            .map(|tag| format!("{tag:02}{}", "界".repeat(16)))
            .collect();
        json!({"Replace": 1, "UserTags": vec![json!({"To_Account": "a", "Tags": tags}); count]})
            .to_string()
    };
    let largest = entries(100).replace('界', "\\u754c");
    assert!(largest.len() > 900_000);
    done(&server, TIMPUSH, "add_tag", &largest).await;
    let text = "`UserTags` has `101` entries, more than `100`";
    refused(&server, "add_tag", &entries(101), 90018, text).await;
    for command in ["get_tag", "get_attr", "clear_all_tags"] {
        let of = |count: usize| json!({"To_Account": vec!["a"; count]}).to_string();
        assert_eq!(code(&ask(&server, TIMPUSH, command, &of(100)).await), 0);
        let text = "`To_Account` has `101` entries, more than `100`";
        refused(&server, command, &of(101), 90018, text).await;
        refused(&server, command, "{}", 90001, "`To_Account` is missing").await;
    }
    let too_long = format!(r#"{{"more":"{}"}}"#, "x".repeat(1536 * 1024));
    let text = "body is longer than `1572864` bytes";
    refused(&server, "add_tag", &too_long, 60003, text).await;
    let text = "body is empty, send at least `{}`";
    refused(&server, "get_attr_name", "", 60003, text).await;
    refused(
        &server,
        "get_attr_name",
        "[]",
        90001,
        "body must be a JSON object, not `[]`",
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_paths_and_the_bodies_of_public_clients_do_the_same() {
    let server = accounts().await;
    let body = r#"{"AttrNames":{"0":"sex"}}"#;
    done(&server, LEGACY, "set_attr_name", body).await;
    let names = ask(&server, LEGACY, "get_attr_name", "{}").await;
    assert_eq!(names, ask(&server, TIMPUSH, "get_attr_name", "{}").await);
    for (body, value) in [
        (
            r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"1"}}]}"#,
            "1",
        ),
        (r#"{"Attrs":[{"To_Account":"a","Attrs":{"sex":"2"}}]}"#, "2"),
        (r#"{"To_Account":"a","Attrs":{"sex":"3"}}"#, "3"),
    ] {
        done(&server, LEGACY, "set_attr", body).await;
        let reply = ask(&server, LEGACY, "get_attr", r#"{"To_Account":["a"]}"#).await;
        assert_eq!(
            reply["UserAttrs"],
            json!([{"To_Account": "a", "Attrs": {"sex": value}}])
        );
    }
    let body = r#"{"To_Account":"a","Attrs":["sex"]}"#;
    done(&server, LEGACY, "remove_attr", body).await;
    assert_eq!(attributes(&server, "a").await, Ok(json!({})));
    for (body, expected) in [
        (
            r#"{"UserTags":[{"To_Account":"a","Tags":["1"]}]}"#,
            &["1"][..],
        ),
        (r#"{"Tags":[{"To_Account":"a","Tags":["2"]}]}"#, &["1", "2"]),
        (r#"{"To_Account":"a","Tags":["3"]}"#, &["1", "2", "3"]),
    ] {
        done(&server, LEGACY, "add_tag", body).await;
        assert_eq!(tags(&server, "a").await, texts(expected));
    }
    let body = r#"{"UserTags":[{"To_Account":"a","Tags":["2"]}]}"#;
    done(&server, LEGACY, "remove_tag", body).await;
    let reply = ask(&server, LEGACY, "get_tag", r#"{"To_Account":["a"]}"#).await;
    assert_eq!(
        reply["UserTags"],
        json!([{"To_Account": "a", "Tags": ["1", "3"]}])
    );
    let body = r#"{"To_Account":["a"]}"#;
    done(&server, LEGACY, "remove_all_tags", body).await;
    assert_eq!(tags(&server, "a").await, texts(&[]));
    assert_eq!(
        code(&ask(&server, LEGACY, "clear_all_tags", "{}").await),
        60009
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_in_the_audit_without_names_and_quotas_hold() {
    let mut slow = app();
    let quota = pushtally_model::Quota { per_second: 1 };
    slow.quotas.insert("add_tag".to_owned(), quota);
    let server = Server::start(Setup {
        apps: vec![slow],
        ..Setup::default()
    })
    .await;
    import(&server, &["somebody"]).await;
    let body = r#"{"To_Account":"somebody","Tags":["secret tag"]}"#;
    done(&server, TIMPUSH, "add_tag", body).await;
    let text = "`add_tag` may be called `1` times a second";
    refused(&server, "add_tag", "{}", 60007, text).await;
    let reply = ask(&server, LEGACY, "add_tag", "{}").await;
    assert_eq!(code(&reply), 60007, "the same command, the same quota");
    ask(
        &server,
        TIMPUSH,
        "get_tag",
        r#"{"To_Account":["somebody"]}"#,
    )
    .await;
    refused(&server, "remove_tag", "{}", 90001, "`UserTags` is missing").await;
    let entries = server
        .engine
        .audit
        .entries(Some(APP), None, 100)
        .await
        .unwrap();
    let told: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| (entry.what.as_str(), entry.code))
        .collect();
    assert_eq!(
        told,
        [
            ("multiaccount_import", 0),
            ("add_tag", 0),
            ("remove_tag", 90001)
        ]
    );
    let all = format!("{entries:?}");
    assert!(
        !all.contains("somebody") && !all.contains("secret tag"),
        "{all}"
    );
    let mut codes = Vec::new();
    for _ in 0..101 {
        codes.push(code(&ask(&server, TIMPUSH, "get_attr_name", "{}").await));
    }
    assert_eq!(
        (codes.iter().filter(|code| **code == 0).count(), codes[100]),
        (100, 60007)
    );
    server.stop().await;
}
