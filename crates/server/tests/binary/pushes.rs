//! Pushes from the command line, and what is told of them.

use crate::fixture::{done, exchange, folder, json, run};
use crate::server::Server;

#[test]
fn pushes_are_stored_without_a_server_and_steered_with_and_without_one() {
    let folder = folder();
    let dir = folder.path();
    done(dir, &["app", "add", "7"]);
    let pushed = done(
        dir,
        &["push", "7", "--title", "Hello", "--life-time", "600"],
    );
    assert!(pushed.contains("goes out when one starts"), "{pushed}");
    let listed = json(&done(dir, &["task", "list", "--app", "7", "--json"]));
    let id = listed["tasks"][0]["id"].as_str().unwrap().to_owned();
    assert!(pushed.contains(&id));
    let shown = json(&done(dir, &["task", "show", "7", &id, "--json"]));
    assert_eq!(shown["title"], "Hello");
    let refused = run(dir, &["push", "7", "--title", "x", "--to", "nobody"]);
    assert!(
        refused.code == 1 && refused.err.contains("none of the accounts exists: nobody"),
        "{}",
        refused.err
    );
    assert_eq!(run(dir, &["push", "7"]).code, 1);
    assert_eq!(run(dir, &["task", "list", "--limit", "0"]).code, 2);

    let server = Server::start(dir);
    assert_eq!(done(dir, &["app", "pause", "7"]), "app 7 is paused\n");
    let shown = json(&done(dir, &["task", "show", "7", &id, "--json"]));
    assert_eq!(shown["app_paused"], true);
    let tasks = json(&done(dir, &["tasks", "--app", "7", "--json"]));
    assert_eq!(tasks["tasks"][0]["id"], id.as_str());
    let trace = json(&done(dir, &["trace", "7", &id, "u1", "--json"]));
    assert_eq!(
        (&trace["user"], &trace["ways"]),
        (&"u1".into(), &serde_json::json!([]))
    );
    assert!(done(dir, &["trace", "7", &id, "u1"]).contains("nothing is known of u1"));
    assert_eq!(run(dir, &["trace", "7", "nothing", "u1"]).code, 1);
    let stats = json(&done(
        dir,
        &["stats", "7", "--task", &id, "--from", "2h", "--json"],
    ));
    assert_eq!(stats["scopes"][0]["total"]["planned"], 0);
    let stats = done(dir, &["stats", "7"]);
    assert!(
        stats.contains("all pushes\n") && stats.contains("all message pushes\n"),
        "{stats}"
    );
    assert_eq!(
        run(dir, &["stats", "7", "--from", "9", "--to", "3"]).code,
        2
    );
    assert_eq!(done(dir, &["app", "resume", "7"]), "app 7 goes on\n");
    let path = format!("/v1/apps/7/tasks/{id}");
    let shown = json(&exchange(&server.operator, &format!("GET {path}"), ""));
    assert_eq!(shown["id"], id.as_str());

    let table = done(dir, &["audit", "--app", "7"]);
    let audit = json(&done(dir, &["audit", "--app", "7", "--json"]));
    let told: Vec<(&str, &str)> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            (
                entry["what"].as_str().unwrap(),
                entry["from"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("app add", "command line"),
            ("push", "command line"),
            ("app pause", "control socket"),
            ("app resume", "control socket"),
        ]
    );
    assert!(
        table.contains("control socket") && table.contains(&id),
        "{table}"
    );
}
