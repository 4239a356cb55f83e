//! The commands on attributes: their names, types and values, and every limit at its edge and one past it.

use serde_json::json;

use super::asking::{
    TIMPUSH, accounts, ask, attributes, done, error, phone, refused, tags, texts, unknown,
};
use super::fixture::code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_are_named_set_read_and_removed() {
    let server = accounts().await;
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
    let body = r#"{"To_Account":["b","x","a","b"]}"#;
    let reply = ask(&server, TIMPUSH, "get_attr", body).await;
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
    let body = r#"{"AttrNames":{"1":"town"}}"#;
    done(&server, TIMPUSH, "set_attr_name", body).await;
    assert_eq!(attributes(&server, "a").await, Ok(json!({"town": "深圳"})));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_distinct_and_types_never_change() {
    let server = accounts().await;
    let body = r#"{"AttrNames":{"0":"sex","1":"city"},"AttrTypes":{"1":1}}"#;
    done(&server, TIMPUSH, "set_attr_name", body).await;
    let taken = r#"{"AttrNames":{"2":"city","3":"new"}}"#;
    let text = "attrName:city already exists at index:1";
    refused(&server, "set_attr_name", taken, 90033, text).await;
    let twice = r#"{"AttrNames":{"2":"x","3":"x"}}"#;
    let text = "`AttrNames` gives the name `x` twice";
    refused(&server, "set_attr_name", twice, 90033, text).await;
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
    let body = r#"{"AttrNames":{"0":"city","1":"sex"}}"#;
    done(&server, TIMPUSH, "set_attr_name", body).await;
    let names = ask(&server, TIMPUSH, "get_attr_name", "{}").await;
    assert_eq!(names["AttrNames"], json!({"0": "city", "1": "sex"}));
    assert_eq!(names["AttrTypes"], json!({"0": 0, "1": 1}));
    for (fits, expected) in [
        ("界".repeat(16), 0),
        ("界".repeat(17), 90033),
        ("😀".repeat(12), 0),
        ("😀".repeat(13), 90033),
    ] {
        let body = json!({"AttrNames": {"9": fits}}).to_string();
        let reply = ask(&server, TIMPUSH, "set_attr_name", &body).await;
        assert_eq!(code(&reply), expected);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attribute_or_tag_fits_one_type_of_account() {
    let server = accounts().await;
    phone(&server, "379C2F0D-290D-47AE-94D1-919058C39C77", None).await;
    phone(&server, "of-a", Some("a")).await;
    let id = "379C2F0D-290D-47AE-94D1-919058C39C77";
    let body = r#"{"AttrNames":{"0":"sex","1":"model"},"AttrTypes":{"0":0,"1":1}}"#;
    done(&server, TIMPUSH, "set_attr_name", body).await;
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
    let body = r#"{"To_Account":"a","Tags":["x","y"]}"#;
    done(&server, TIMPUSH, "add_tag", body).await;
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
    let body = r#"{"To_Account":"a","Tags":["x"]}"#;
    done(&server, TIMPUSH, "remove_tag", body).await;
    done(&server, TIMPUSH, "add_tag", &add).await;
    assert_eq!(tags(&server, id).await, texts(&["x", "z"]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attribute_without_a_name_refuses_the_whole_call() {
    let server = accounts().await;
    let body = r#"{"AttrNames":{"0":"sex"}}"#;
    done(&server, TIMPUSH, "set_attr_name", body).await;
    let set = r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"x"}},{"To_Account":"b","Attrs":{"city":"x"}}]}"#;
    let text = "the app has no attribute `city`";
    refused(&server, "set_attr", set, 90033, text).await;
    let remove = r#"{"UserAttrs":[{"To_Account":"a","Attrs":["city"]}]}"#;
    let text = "the app has no attribute `city`";
    refused(&server, "remove_attr", remove, 90033, text).await;
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
