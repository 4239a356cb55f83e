//! Conditional pushes: exactly whom they reach, and what is refused.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::asking::{LEGACY, TIMPUSH, ask, done, fitting, phone, push, reached, tags};
use super::fixture::{APP, Server, Setup, around, code, send};

/// Users a, b, c and d with a phone each (d has two), and a phone without an account.
async fn started() -> Server {
    let server = Server::start(Setup::default()).await;
    for (id, account) in [
        ("a1", "a"),
        ("b1", "b"),
        ("c1", "c"),
        ("d1", "d"),
        ("d2", "d"),
    ] {
        phone(&server, id, Some(account)).await;
    }
    phone(&server, "p1", None).await;
    let add = r#"{"UserTags":[{"To_Account":"a","Tags":["x"]},{"To_Account":"b","Tags":["x","y"]},{"To_Account":"c","Tags":["y","z"]},{"To_Account":"p1","Tags":["phone"]}]}"#;
    done(&server, TIMPUSH, "add_tag", add).await;
    let body = r#"{"AttrNames":{"3":"sex","7":"city"}}"#;
    done(&server, TIMPUSH, "set_attr_name", body).await;
    let set = r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"male","city":"深圳"}},{"To_Account":"b","Attrs":{"sex":"female","city":"深圳"}},{"To_Account":"d","Attrs":{"sex":"male"}}]}"#;
    done(&server, TIMPUSH, "set_attr", set).await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conditional_push_reaches_exactly_whom_it_should() {
    let server = started().await;
    for (condition, expected) in [
        (r#"{"TagsOr":["x"]}"#, &["a1", "b1"][..]),
        (r#"{"TagsOr":["x","z"]}"#, &["a1", "b1", "c1"]),
        (r#"{"TagsAnd":["x","y"]}"#, &["b1"]),
        (r#"{"TagsOr":["x","z"],"TagsAnd":["y"]}"#, &["b1", "c1"]),
        (r#"{"TagsOr":["x","y"],"TagsNot":["z"]}"#, &["a1", "b1"]),
        (r#"{"TagsNot":["x","z"]}"#, &["d1", "d2", "p1"]),
        (r#"{"TagsOr":["phone"]}"#, &["p1"]),
        (r#"{"TagsOr":["nobody's"]}"#, &[]),
        (r#"{"TagsAnd":["x"],"TagsNot":["x"]}"#, &[]),
        (r#"{"AttrsOr":{"sex":"male"}}"#, &["a1", "d1", "d2"]),
        (
            r#"{"AttrsOr":{"sex":"female","city":"深圳"}}"#,
            &["a1", "b1"],
        ),
        (r#"{"AttrsAnd":{"sex":"male","city":"深圳"}}"#, &["a1"]),
        (
            r#"{"AttrsOr":{"city":"深圳"},"AttrsAnd":{"sex":"female"}}"#,
            &["b1"],
        ),
        (r#"{"AttrsOr":{"city":"nowhere"}}"#, &[]),
        (r#"[{"TagsOr":["x","z"]},{"TagsAnd":["y"]}]"#, &["b1", "c1"]),
        (
            r#"{"TagsOr":["z"],"TagsAnd":null,"AttrsOr":null,"AttrsAnd":null}"#,
            &["c1"],
        ),
        ("{}", &["a1", "b1", "c1", "d1", "d2", "p1"]),
    ] {
        assert_eq!(fitting(&server, condition).await, expected, "{condition}");
    }
    server.stop().await;
}

async fn estimated(server: &Server, body: &Value) -> (u16, Value) {
    let request = http::Request::post(format!("/v1/apps/{APP}/estimate"))
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_string()));
    send(server.operator, request.body(body).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_estimate_of_a_condition_is_what_a_push_with_it_reaches() {
    let server = started().await;
    for (condition, same) in [
        (json!({"tags_any": ["x"]}), json!({"TagsOr": ["x"]})),
        (
            json!({"tags_any": ["x", "z", "x"], "tags_all": ["y"]}),
            json!({"TagsOr": ["x", "z"], "TagsAnd": ["y"]}),
        ),
        (
            json!({"tags_any": ["x", "y"], "tags_none": ["z"]}),
            json!({"TagsOr": ["x", "y"], "TagsNot": ["z"]}),
        ),
        (
            json!({"tags_none": ["x", "z"]}),
            json!({"TagsNot": ["x", "z"]}),
        ),
        (
            json!({"tags_any": ["nobody's"]}),
            json!({"TagsOr": ["nobody's"]}),
        ),
        (
            json!({"attributes_any": {"sex": "female", "city": "深圳"}}),
            json!({"AttrsOr": {"sex": "female", "city": "深圳"}}),
        ),
        (
            json!({"attributes_any": {"city": "深圳"}, "attributes_all": {"sex": "female"}}),
            json!({"AttrsOr": {"city": "深圳"}, "AttrsAnd": {"sex": "female"}}),
        ),
    ] {
        let (status, reply) = estimated(&server, &json!({"condition": condition})).await;
        assert_eq!(status, 200, "{reply}");
        let reached = fitting(&server, &same.to_string()).await;
        assert_eq!(reply["devices"], reached.len(), "{condition}");
    }
    let eleven: Vec<String> = (0..11).map(|tag| tag.to_string()).collect();
    for (body, field) in [
        (json!({"condition": {}}), json!("condition")),
        (json!({"condition": {"tags_any": []}}), json!("condition")),
        (
            json!({"condition": {"tags_any": ["x"], "attributes_any": {"sex": "male"}}}),
            json!("condition"),
        ),
        (
            json!({"to": ["a"], "condition": {"tags_any": ["x"]}}),
            json!("condition"),
        ),
        (
            json!({"condition": {"tags_all": eleven}}),
            json!("condition.tags_all"),
        ),
        (
            json!({"condition": {"tags_none": [""]}}),
            json!("condition.tags_none"),
        ),
        (
            json!({"condition": {"attributes_all": {"age": "7"}}}),
            json!("condition.attributes_all"),
        ),
        (
            json!({"condition": {"attributes_any": {"sex": "x".repeat(51)}}}),
            json!("condition.attributes_any"),
        ),
        (json!({"condition": {"TagsOr": ["x"]}}), Value::Null),
        (json!({"condition": [["x"]]}), Value::Null),
        (json!([["a"], false]), Value::Null),
    ] {
        let (status, problem) = estimated(&server, &body).await;
        assert_eq!((status, &problem["field"]), (400, &field), "{problem}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_follows_phones_and_labels() {
    let server = started().await;
    let x = async || fitting(&server, r#"{"TagsOr":["x"]}"#).await;
    phone(&server, "a2", Some("a")).await;
    assert_eq!(
        x().await,
        ["a1", "a2", "b1"],
        "a new phone has its account's tags"
    );
    phone(&server, "a1", Some("c")).await;
    assert_eq!(
        x().await,
        ["a2", "b1"],
        "a phone has the tags of who is signed in"
    );
    assert_eq!(fitting(&server, r#"{"TagsOr":["z"]}"#).await, ["a1", "c1"]);
    let body = r#"{"To_Account":["b"]}"#;
    done(&server, TIMPUSH, "clear_all_tags", body).await;
    assert_eq!(x().await, ["a2"]);
    phone(&server, "p1", Some("a")).await;
    assert_eq!(
        fitting(&server, r#"{"TagsOr":["phone"]}"#).await,
        [""; 0],
        "somebody is signed in on it now"
    );
    assert_eq!(tags(&server, "p1").await, Ok(vec!["phone".to_owned()]));
    assert_eq!(x().await, ["a2", "p1"]);
    assert_eq!(
        server.engine.accounts.verify_index(APP).await.unwrap(),
        Vec::<String>::new()
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_conditions_are_refused_with_their_codes_and_no_task() {
    let server = started().await;
    let long = "界".repeat(17);
    let eleven: Vec<String> = (0..11).map(|tag| tag.to_string()).collect();
    for (condition, expected) in [
        (json!({"TagsOr": [long]}), 90020),
        (json!({"TagsOr": ["a"], "TagsAnd": ["a"]}), 90022),
        (json!({"TagsOr": eleven}), 90032),
        (json!({"AttrsOr": {"age": "7"}}), 90033),
        (json!({"AttrsOr": {"sex": "x".repeat(51)}}), 90033),
        (json!({"TagsOr": ["a"], "AttrsOr": {"sex": "male"}}), 90039),
        (json!({"TagsOr": [""]}), 90040),
        (json!({"TagsOr": []}), 90001),
        (json!([]), 90001),
        (json!({"TagsOr": "a"}), 90001),
        (json!({"Tags": ["a"]}), 90001),
    ] {
        for prefix in [TIMPUSH, LEGACY] {
            let reply = push(&server, prefix, &condition.to_string()).await;
            assert_eq!(
                (code(&reply), &reply["TaskId"]),
                (expected, &json!("")),
                "{condition}"
            );
        }
    }
    let tasks = server
        .engine
        .tasks
        .list_tasks(None, None, 100)
        .await
        .unwrap();
    assert_eq!(tasks.len(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_planned_is_who_fits_when_it_is_planned() {
    let server = started().await;
    let reply = push(&server, TIMPUSH, r#"{"TagsAnd":["y"]}"#).await;
    let id = reply["TaskId"].as_str().unwrap().to_owned();
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    let statistics = server.statistics(&around(&json!([id]).to_string())).await;
    assert_eq!(statistics["Results"][0]["TotalCount"], 2, "{statistics}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_push_shows_its_message_and_everybody_else_does_too() {
    let server = started().await;
    let body = r#"{"From_Account":"admin","MsgRandom":56512,"MsgLifeTime":120,"Condition":{"TagsAnd":["x","y"]},"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi, beauty"}}]}"#;
    let reply: Value = ask(&server, LEGACY, "push", body).await;
    let phones = reached(&server, &reply).await;
    assert_eq!(phones.into_iter().collect::<Vec<_>>(), ["b1"]);
    let id = pushtally_model::TaskId::new(reply["TaskId"].as_str().unwrap()).unwrap();
    let stored = server.engine.tasks.find_stored_task(APP, &id).await;
    let draft = stored.unwrap().unwrap().draft;
    assert_eq!(draft.notification.desc, "hi, beauty");
    assert_eq!(
        (
            draft.sender.as_str(),
            draft.deadline.0 - draft.accepted_at.0
        ),
        ("admin", 120)
    );
    let bad = body.replace(r#"[{"MsgType""#, r#"[{"Type""#);
    server.clock.advance_ms(2000);
    assert_eq!(code(&ask(&server, LEGACY, "push", &bad).await), 90002);
    server.stop().await;
}
