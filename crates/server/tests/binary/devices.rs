//! Devices: files of them, and their tokens.

use std::fs;

use crate::fixture::{Ran, done, folder, json, run};
use crate::server::Server;

#[test]
fn files_are_imported_and_exported_with_and_without_a_server() {
    let folder = folder();
    let dir = folder.path();
    done(dir, &["app", "add", "7"]);
    let device = |n: u32| format!("{{\"registration_id\":\"p{n:05}\",\"account\":\"用户{n}\"}}\n");
    let half = |from: u32| (from..from + 5000).map(device).collect::<String>();
    fs::write(dir.join("first"), half(0)).unwrap();
    fs::write(dir.join("second"), half(5000)).unwrap();
    let told = done(dir, &["import", "devices", "7", "first"]);
    assert_eq!(told, "5000 rows: 5000 new, 0 changed, 0 same, 0 bad\n");

    let server = Server::start(dir);
    let told = done(dir, &["import", "devices", "7", "second"]);
    assert_eq!(told, "5000 rows: 5000 new, 0 changed, 0 same, 0 bad\n");
    let all = half(0) + &half(5000);
    assert_eq!(done(dir, &["export", "devices", "7"]), all);
    fs::write(
        dir.join("tags.csv"),
        "account,tag\n用户1,vip\n用户1,\"a,b\"\nnew,vip\n",
    )
    .unwrap();
    let told = done(dir, &["import", "tags", "7", "tags.csv"]);
    assert_eq!(told, "2 rows: 1 new, 1 changed, 0 same, 0 bad\n");
    fs::write(
        dir.join("bad.csv"),
        "account,city\n用户1,\nnew,x,y\nnew,深圳\n",
    )
    .unwrap();
    let named = ["import", "attributes", "7", "bad.csv", "--name", "0=city"];
    let Ran { code, out, err } = run(dir, &named);
    assert_eq!(code, 1, "{err}");
    assert_eq!(
        out,
        "3 rows: 0 new, 1 changed, 1 same, 1 bad\nbad rows are in bad.csv.bad\n"
    );
    let report = fs::read_to_string(dir.join("bad.csv.bad")).unwrap();
    assert_eq!(
        report,
        "{\"line\":3,\"reason\":\"the line has 3 cells, the first one has 2\"}\n"
    );
    let refused = run(dir, &["import", "tags", "9", "tags.csv"]);
    assert!(
        refused.err.contains("there is no app `9`"),
        "{}",
        refused.err
    );

    drop(server);
    assert_eq!(done(dir, &["export", "devices", "7"]), all);
    done(dir, &["export", "tags", "7", "out.csv"]);
    assert_eq!(
        fs::read_to_string(dir.join("out.csv")).unwrap(),
        "account,kind,tag\nnew,,vip\n用户1,,\"a,b\"\n用户1,,vip\n"
    );
    assert_eq!(
        run(dir, &["export", "tags", "7", "out.csv"]).code,
        1,
        "it exists"
    );
    assert_eq!(
        done(dir, &["export", "attributes", "7"]),
        "{\"account\":\"new\",\"attributes\":{\"city\":\"深圳\"}}\n"
    );
    assert!(done(dir, &["audience", "verify"]).ends_with("ok\n"));
    assert_eq!(
        run(dir, &["import", "devices", "7", "first", "--replace"]).code,
        2
    );
    let audit = done(dir, &["audit", "--app", "7"]);
    let noted = audit.matches("import devices end").count();
    assert_eq!(noted, 2, "{audit}");
}

#[test]
fn tokens_are_checked_and_given_back_with_and_without_a_server() {
    let folder = folder();
    let dir = folder.path();
    done(dir, &["app", "add", "7"]);
    let token = "{\"channel\":\"apns\",\"token\":\"ab01\",\"cert_id\":3}";
    let row = format!("{{\"registration_id\":\"p1\",\"tokens\":[{token}]}}\n");
    fs::write(dir.join("phones"), row + "{\"registration_id\":\"p2\"}\n").unwrap();
    done(dir, &["import", "devices", "7", "phones"]);
    let check = ["devices", "check", "7", "--json"];
    let restore = ["devices", "restore", "7", "apns", "--since", "2h"];
    let release = ["devices", "release", "7", "apns", "--cert-id", "3"];

    let state = json(&done(dir, &check));
    assert_eq!(
        (&state["devices"], &state["without_token"]),
        (&2.into(), &1.into())
    );
    let line = &state["lines"][0];
    assert_eq!(
        (&line["channel"], &line["cert_id"]),
        (&"apns".into(), &3.into())
    );
    assert_eq!((&line["tokens"], &line["dropped"]), (&1.into(), &0.into()));
    assert!(
        state["brakes"].is_null() && line["has_account"].is_null(),
        "{state}"
    );
    assert!(done(dir, &restore).starts_with("0 tokens given back, of those dropped since 2"));
    let refused = run(dir, &release);
    assert!(
        refused.code == 1 && refused.err.contains("no server runs"),
        "{}",
        refused.err
    );

    let server = Server::start(dir);
    let state = json(&done(dir, &check));
    assert_eq!(state["brakes"], serde_json::json!([]));
    assert_eq!(state["lines"][0]["has_account"], false);
    assert_eq!(done(dir, &release), "0 brakes released\n");
    done(dir, &restore);
    let table = done(dir, &["devices", "check", "7", "--channel", "apns"]);
    assert!(
        table.contains("devices            2\n") && table.contains("no brake is on"),
        "{table}"
    );
    let audit = done(dir, &["audit", "--app", "7"]);
    assert_eq!(audit.matches("devices restore").count(), 2, "{audit}");
    assert_eq!(audit.matches("devices release").count(), 1, "{audit}");
    drop(server);

    for (wrong, code, told) in [
        (&["devices", "check", "9"][..], 1, "there is no app `9`"),
        (
            &["devices", "restore", "7", "online", "--since", "0"],
            2,
            "must be one of apns",
        ),
        (
            &["devices", "restore", "7", "apns", "--since", "soon"],
            2,
            "not `soon`",
        ),
    ] {
        let ran = run(dir, wrong);
        assert!(ran.code == code && ran.err.contains(told), "{}", ran.err);
    }
}
