//! The commands on tags and attributes: happy paths with the documented bodies, every limit at its edge and one past it.

use serde_json::{Value, json};

use super::asking::{LEGACY, TIMPUSH, ask, attributes, done, import, phone, refused, tags};
use super::fixture::{APP, Server, Setup, app, code};

async fn started() -> Server {
    let server = Server::start(Setup::default()).await;
    import(&server, &["a", "b"]).await;
    server
}

fn error(account: &str, code: u32, info: &str) -> Value {
    json!({"To_Account": account, "ErrorCode": code, "ErrorInfo": info})
}

fn unknown(account: &str) -> Value {
    error(account, 70107, "the account does not exist")
}

fn texts(texts: &[&str]) -> Result<Vec<String>, u64> {
    Ok(texts.iter().map(|text| (*text).to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_are_named_set_read_and_removed() {
    let server = started().await;
    let names = r#"{"AttrNames":{"0":"sex","1":"city","2":"country"},"AttrTypes":{"0":0}}"#;
    for _ in 0..2 {
        done(&server, TIMPUSH, "set_attr_name", names).await;
    }
    let reply = ask(&server, TIMPUSH, "get_attr_name", "{}").await;
    let expected = json!({
        "ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0,
        "AttrNames": {"0": "sex", "1": "city", "2": "country"}, "AttrTypes": {"0": 0, "1": 0, "2": 0},
    });
    assert_eq!(reply, expected);
    let body = r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"male","city":"New York"}},{"To_Account":"b","Attrs":{"sex":"female"}}]}"#;
    done(&server, TIMPUSH, "set_attr", body).await;
    let reply = ask(
        &server,
        TIMPUSH,
        "get_attr",
        r#"{"To_Account":["b","x","a","b"]}"#,
    )
    .await;
    let expected = json!({
        "ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0,
        "UserAttrs": [{"To_Account": "b", "Attrs": {"sex": "female"}}, {"To_Account": "a", "Attrs": {"sex": "male", "city": "New York"}}],
        "ErrorList": [unknown("x")],
    });
    assert_eq!(reply, expected);
    let body = r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"city":"深圳"}}]}"#;
    done(&server, TIMPUSH, "set_attr", body).await;
    let body = r#"{"UserAttrs":[{"To_Account":"a","Attrs":["sex","country"]},{"To_Account":"b","Attrs":["sex"]}]}"#;
    done(&server, TIMPUSH, "remove_attr", body).await;
    assert_eq!(attributes(&server, "a").await, Ok(json!({"city": "深圳"})));
    assert_eq!(attributes(&server, "b").await, Ok(json!({})));
    // Values belong to the number: under another name they are the same.
    done(
        &server,
        TIMPUSH,
        "set_attr_name",
        r#"{"AttrNames":{"1":"town"}}"#,
    )
    .await;
    assert_eq!(attributes(&server, "a").await, Ok(json!({"town": "深圳"})));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_distinct_and_types_never_change() {
    let server = started().await;
    done(
        &server,
        TIMPUSH,
        "set_attr_name",
        r#"{"AttrNames":{"0":"sex","1":"city"},"AttrTypes":{"1":1}}"#,
    )
    .await;
    let taken = r#"{"AttrNames":{"2":"city","3":"new"}}"#;
    refused(
        &server,
        "set_attr_name",
        taken,
        90033,
        "attrName:city already exists at index:1",
    )
    .await;
    let twice = r#"{"AttrNames":{"2":"x","3":"x"}}"#;
    refused(
        &server,
        "set_attr_name",
        twice,
        90033,
        "`AttrNames` gives the name `x` twice",
    )
    .await;
    for (index, kind, forever) in [(0, 1, 0), (1, 0, 1)] {
        let body =
            format!(r#"{{"AttrNames":{{"{index}":"other"}},"AttrTypes":{{"{index}":{kind}}}}}"#);
        let text = format!("attribute `{index}` has type `{forever}` for ever");
        refused(&server, "set_attr_name", &body, 90033, &text).await;
    }
    let names = ask(&server, TIMPUSH, "get_attr_name", "{}").await;
    assert_eq!(
        names["AttrNames"],
        json!({"0": "sex", "1": "city"}),
        "nothing of it was done"
    );
    // Exchanging two names is one act.
    done(
        &server,
        TIMPUSH,
        "set_attr_name",
        r#"{"AttrNames":{"0":"city","1":"sex"}}"#,
    )
    .await;
    let names = ask(&server, TIMPUSH, "get_attr_name", "{}").await;
    assert_eq!(names["AttrNames"], json!({"0": "city", "1": "sex"}));
    assert_eq!(names["AttrTypes"], json!({"0": 0, "1": 1}));
    for (fits, code) in [
        ("界".repeat(16), 0),
        ("界".repeat(17), 90033),
        ("😀".repeat(12), 0),
        ("😀".repeat(13), 90033),
    ] {
        let body = json!({"AttrNames": {"9": fits}}).to_string();
        let reply = ask(&server, TIMPUSH, "set_attr_name", &body).await;
        assert_eq!(super::fixture::code(&reply), code);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attribute_or_tag_fits_one_type_of_account() {
    let server = started().await;
    phone(&server, "379C2F0D-290D-47AE-94D1-919058C39C77", None).await;
    phone(&server, "of-a", Some("a")).await;
    let id = "379C2F0D-290D-47AE-94D1-919058C39C77";
    done(
        &server,
        TIMPUSH,
        "set_attr_name",
        r#"{"AttrNames":{"0":"sex","1":"model"},"AttrTypes":{"0":0,"1":1}}"#,
    )
    .await;
    let set = json!({"UserAttrs": [
        {"To_Account": "a", "Attrs": {"model": "x"}}, {"To_Account": id, "Attrs": {"model": "x"}},
        {"To_Account": id, "Attrs": {"sex": "x"}}, {"To_Account": "nobody", "Attrs": {"sex": "x"}}, {"To_Account": "", "Attrs": {"sex": "x"}},
    ]});
    let reply = ask(&server, TIMPUSH, "set_attr", &set.to_string()).await;
    assert_eq!(code(&reply), 0);
    let expected = json!([
        error(
            "a",
            90035,
            "`model` fits accounts of type 1, RegistrationID, only"
        ),
        error(id, 90035, "`sex` fits accounts of type 0, UserID, only"),
        unknown("nobody"),
        unknown(""),
    ]);
    assert_eq!(reply["ErrorList"], expected);
    assert_eq!(attributes(&server, id).await, Ok(json!({"model": "x"})));
    done(
        &server,
        TIMPUSH,
        "add_tag",
        r#"{"To_Account":"a","Tags":["x","y"]}"#,
    )
    .await;
    let add = json!({"To_Account": id, "Tags": ["x", "z"]}).to_string();
    let reply = ask(&server, TIMPUSH, "add_tag", &add).await;
    assert_eq!(
        reply["ErrorList"],
        json!([error(
            id,
            90035,
            "`x` fits accounts of type 0, UserID, only"
        )])
    );
    assert_eq!(tags(&server, id).await, texts(&[]), "all of it or none");
    // When nobody has it any more, it fits any.
    done(
        &server,
        TIMPUSH,
        "remove_tag",
        r#"{"To_Account":"a","Tags":["x"]}"#,
    )
    .await;
    done(&server, TIMPUSH, "add_tag", &add).await;
    assert_eq!(tags(&server, id).await, texts(&["x", "z"]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attribute_without_a_name_refuses_the_whole_call() {
    let server = started().await;
    done(
        &server,
        TIMPUSH,
        "set_attr_name",
        r#"{"AttrNames":{"0":"sex"}}"#,
    )
    .await;
    let set = r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"x"}},{"To_Account":"b","Attrs":{"city":"x"}}]}"#;
    refused(
        &server,
        "set_attr",
        set,
        90033,
        "the app has no attribute `city`",
    )
    .await;
    let remove = r#"{"UserAttrs":[{"To_Account":"a","Attrs":["city"]}]}"#;
    refused(
        &server,
        "remove_attr",
        remove,
        90033,
        "the app has no attribute `city`",
    )
    .await;
    assert_eq!(attributes(&server, "a").await, Ok(json!({})));
    for (value, expected) in [
        ("😀".repeat(12), 0),
        ("😀".repeat(13), 90033),
        ("界".repeat(17), 90033),
        (String::new(), 90033),
    ] {
        let body = json!({"UserAttrs": [{"To_Account": "a", "Attrs": {"sex": value}}]}).to_string();
        let reply = ask(&server, TIMPUSH, "set_attr", &body).await;
        assert_eq!(code(&reply), expected, "{value}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_added_replaced_read_and_removed() {
    let server = started().await;
    let add = r#"{"UserTags":[{"To_Account":"a","Tags":["y","x"]},{"To_Account":"nobody","Tags":["x"]},{"To_Account":"b","Tags":["x"]}]}"#;
    let reply = ask(&server, TIMPUSH, "add_tag", add).await;
    assert_eq!(
        (code(&reply), &reply["ErrorList"]),
        (0, &json!([unknown("nobody")]))
    );
    let reply = ask(
        &server,
        TIMPUSH,
        "get_tag",
        r#"{"To_Account":["a","nobody","b"]}"#,
    )
    .await;
    let expected = json!({
        "ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0,
        "UserTags": [{"To_Account": "a", "Tags": ["x", "y"]}, {"To_Account": "b", "Tags": ["x"]}],
        "ErrorList": [unknown("nobody")],
    });
    assert_eq!(reply, expected);
    done(
        &server,
        TIMPUSH,
        "add_tag",
        r#"{"Replace":1,"UserTags":[{"To_Account":"a","Tags":["z"]}]}"#,
    )
    .await;
    assert_eq!(tags(&server, "a").await, texts(&["z"]));
    done(
        &server,
        TIMPUSH,
        "remove_tag",
        r#"{"UserTags":[{"To_Account":"a","Tags":["z","never"]}]}"#,
    )
    .await;
    assert_eq!(tags(&server, "a").await, texts(&[]));
    let reply = ask(
        &server,
        TIMPUSH,
        "clear_all_tags",
        r#"{"To_Account":["b","nobody","a"]}"#,
    )
    .await;
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
    done(
        &server,
        TIMPUSH,
        "remove_tag",
        r#"{"To_Account":"u0","Tags":["t1"]}"#,
    )
    .await;
    assert_eq!(
        add("u10", "one more").await.get("ErrorList"),
        None,
        "a tag that nobody has frees its place"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_have_bounds_at_which_they_still_work() {
    let server = started().await;
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
    refused(
        &server,
        "add_tag",
        &entries(101),
        90018,
        "`UserTags` has `101` entries, more than `100`",
    )
    .await;
    for command in ["get_tag", "get_attr", "clear_all_tags"] {
        let of = |count: usize| json!({"To_Account": vec!["a"; count]}).to_string();
        assert_eq!(code(&ask(&server, TIMPUSH, command, &of(100)).await), 0);
        refused(
            &server,
            command,
            &of(101),
            90018,
            "`To_Account` has `101` entries, more than `100`",
        )
        .await;
        refused(&server, command, "{}", 90001, "`To_Account` is missing").await;
    }
    let too_long = format!(r#"{{"more":"{}"}}"#, "x".repeat(1536 * 1024));
    refused(
        &server,
        "add_tag",
        &too_long,
        60003,
        "body is longer than `1572864` bytes",
    )
    .await;
    refused(
        &server,
        "get_attr_name",
        "",
        60003,
        "body is empty, send at least `{}`",
    )
    .await;
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
    let server = started().await;
    done(
        &server,
        LEGACY,
        "set_attr_name",
        r#"{"AttrNames":{"0":"sex"}}"#,
    )
    .await;
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
    done(
        &server,
        LEGACY,
        "remove_attr",
        r#"{"To_Account":"a","Attrs":["sex"]}"#,
    )
    .await;
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
    done(
        &server,
        LEGACY,
        "remove_tag",
        r#"{"UserTags":[{"To_Account":"a","Tags":["2"]}]}"#,
    )
    .await;
    let reply = ask(&server, LEGACY, "get_tag", r#"{"To_Account":["a"]}"#).await;
    assert_eq!(
        reply["UserTags"],
        json!([{"To_Account": "a", "Tags": ["1", "3"]}])
    );
    done(
        &server,
        LEGACY,
        "remove_all_tags",
        r#"{"To_Account":["a"]}"#,
    )
    .await;
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
    done(
        &server,
        TIMPUSH,
        "add_tag",
        r#"{"To_Account":"somebody","Tags":["secret tag"]}"#,
    )
    .await;
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
