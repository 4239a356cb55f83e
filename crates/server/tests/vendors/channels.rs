//! Accounts that are given, removed and encrypted anew while the server runs.

use std::process::Output;

use super::*;

/// What no file of the data directory may hold: secrets of the simulators' consoles.
const SECRETS: [&str; 7] = [
    "xiaomi-secret",
    "meizu-secret",
    "oppo-secret",
    "vivo-secret",
    "honor-secret",
    "huawei-secret",
    "-----BEGIN PRIVATE KEY-----",
];

/// An installation whose configuration declares no account, with a key for those in the store.
fn bare() -> Installation {
    let installation = Installation::new();
    let dir = installation.dir.path();
    done(dir, &["channel", "new-key", "credentials-key"]);
    let mode = fs::metadata(dir.join("credentials-key")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    installation.configure_bare(Some("credentials-key"));
    installation
}

impl Installation {
    fn configure_bare(&self, key_file: Option<&str>) {
        let key_file = key_file.unwrap_or_default();
        let config = format!(
            "[storage]\nurl = \"local:data\"\ncredentials_key_file = \"{key_file}\"\n\
             [outgoing]\nallow_private = true\n[listen]\npublic = \"127.0.0.1:{port}\"\noperator = \"127.0.0.1:0\"\n\
             [log]\nformat = \"json\"\n\
             [[app]]\nsdkappid = {APP}\nkey_file = \"key\"\n\
             quotas = {{ all_member_push_statistics = 0 }}\n",
            port = self.port
        );
        fs::write(self.dir.path().join("pushtally.toml"), config).unwrap();
    }

    /// Runs `pushtally channel ACTION APP …` with this on standard input.
    fn channel(&self, action: &str, more: &[&str], input: &str) -> Output {
        let app = APP.to_string();
        let mut child = pushtally(self.dir.path())
            .args(["channel", action, &app])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Whoever refuses early does not read.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    fn set(&self, name: &str) -> Output {
        let vendor = &self.fleet.vendors[name];
        let mut given = json!({"credentials": vendor.credentials});
        if vendor.service.certificate().is_some() {
            given["ca_file"] = "ca.pem".into();
        }
        self.channel("set", &[name, "-"], &given.to_string())
    }

    /// What a task's devices on a channel came to: sent, and the codes of losses.
    fn ended(&self, task: &str, channel: &str) -> (u64, Vec<i64>) {
        let app = APP.to_string();
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = done(self.dir.path(), &["task", "show", &app, task, "--json"]);
            let report: Value = serde_json::from_str(&shown).unwrap();
            let routes = report["routes"].as_array().unwrap();
            let found = routes.iter().find(|route| route["channel"] == channel);
            if let Some(route) = found
                && route["in_flight"] == 0
            {
                let losses = route["losses"].as_array().unwrap().iter();
                let codes = losses.map(|loss| loss["code"].as_i64().unwrap());
                return (route["sent"].as_u64().unwrap(), codes.collect());
            }
            assert!(Instant::now() < until, "{shown}");
            sleep(Duration::from_millis(50));
        }
    }

    /// No file under the data directory holds a secret. That this would find one: tokens are found.
    fn assert_nothing_in_the_clear(&self, when: &str) {
        let mut folders = vec![self.dir.path().join("data")];
        let mut is_token_found = false;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let (path, kind) = entry
                    .map(|entry| (entry.path(), entry.file_type()))
                    .unwrap();
                let kind = kind.unwrap();
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    let bytes = fs::read(&path).unwrap();
                    let holds = |text: &str| {
                        bytes
                            .windows(text.len())
                            .any(|window| window == text.as_bytes())
                    };
                    is_token_found |= holds("xiaomi-0");
                    for secret in SECRETS {
                        assert!(!holds(secret), "{when}: {} has `{secret}`", path.display());
                    }
                }
            }
        }
        assert!(is_token_found, "{when}: the search finds nothing at all");
    }
}

fn told_by(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn done_by(output: &Output) -> String {
    assert!(output.status.success(), "{}", told_by(output));
    told_by(output)
}

/// Set, pushed through, removed, lost; and through kills, what was set is there and what was removed is not.
#[test]
fn accounts_come_and_go_while_the_server_runs() {
    let installation = bare();
    installation.import(1, &[]);
    let server = Server::start(installation.dir.path());
    let task = installation.push(&server, 1);
    assert_eq!(installation.ended(&task, "xiaomi"), (0, vec![-1]));

    for (name, ..) in VENDORS {
        done_by(&installation.set(name));
    }
    // At once: nothing was waited for.
    let task = installation.push(&server, 2);
    for (name, ..) in VENDORS {
        assert_eq!(installation.ended(&task, name), (1, vec![]), "{name}");
        assert_eq!(
            installation.fleet.vendors[name].service.counts().taken,
            1,
            "{name}"
        );
    }
    installation.assert_nothing_in_the_clear("after set");
    let listed = done_by(&installation.channel("list", &[], ""));
    assert!(
        listed.contains("com.example.acme") && listed.contains("production"),
        "{listed}"
    );
    for secret in SECRETS {
        assert!(!listed.contains(secret), "{listed}");
    }

    drop(server);
    installation.assert_nothing_in_the_clear("after SIGKILL");
    let server = Server::start(installation.dir.path());
    // Not APNs: it refuses a key that signs anew so soon, as after a start.
    let task = installation.push(&server, 3);
    assert_eq!(installation.ended(&task, "oppo"), (1, vec![]));
    done_by(&installation.channel("remove", &["xiaomi"], ""));
    let again = installation.channel("remove", &["xiaomi"], "");
    assert!(!again.status.success() && told_by(&again).contains("is not in the store"));
    let task = installation.push(&server, 4);
    assert_eq!(installation.ended(&task, "xiaomi"), (0, vec![-1]));
    assert_eq!(installation.ended(&task, "oppo"), (1, vec![]));

    drop(server);
    let server = Server::start(installation.dir.path());
    let task = installation.push(&server, 5);
    assert_eq!(installation.ended(&task, "xiaomi"), (0, vec![-1]));
    assert_eq!(installation.ended(&task, "oppo"), (1, vec![]));
    installation.assert_nothing_in_the_clear("after remove");
    let audit = done(installation.dir.path(), &["audit", "--json"]);
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let entries = audit["entries"].as_array().unwrap().iter();
    let of = |what: &str| {
        entries
            .clone()
            .filter(|entry| entry["what"] == what)
            .count()
    };
    assert_eq!((of("channel set"), of("channel remove")), (9, 1), "{audit}");
}

/// Without the key the server starts, says what it cannot open, and loses those pushes; with it everything goes on; a new
/// key takes over what the old one sealed.
#[test]
fn stored_accounts_need_their_key_and_nothing_else_does() {
    let installation = bare();
    let dir = installation.dir.path();
    installation.import(1, &[]);
    // No server runs: the store is changed here.
    done_by(&installation.set("xiaomi"));

    installation.configure_bare(None);
    let server = Server::start(dir);
    let complaint = server.said.iter().find(|entry| entry["level"] == "ERROR");
    let complaint = complaint.expect("it starts as if nothing were wrong");
    assert_eq!(
        (&complaint["channel"], &complaint["cert_id"]),
        (&json!("xiaomi"), &json!(1))
    );
    let task = installation.push(&server, 1);
    assert_eq!(installation.ended(&task, "xiaomi"), (0, vec![-1]));
    let refused = installation.set("oppo");
    assert!(
        !refused.status.success() && told_by(&refused).contains("channel new-key"),
        "{}",
        told_by(&refused)
    );
    let listed = done_by(&installation.channel("list", &[], ""));
    assert!(listed.contains("credentials_key_file"), "{listed}");
    drop(server);

    let old = fs::read_to_string(dir.join("credentials-key")).unwrap();
    let new = done(dir, &["channel", "new-key"]);
    secret(dir, "credentials-key", &format!("{new}{old}"));
    installation.configure_bare(Some("credentials-key"));
    let server = Server::start(dir);
    let task = installation.push(&server, 2);
    assert_eq!(installation.ended(&task, "xiaomi"), (1, vec![]));
    assert!(done(dir, &["channel", "rekey"]).starts_with("1 accounts encrypted anew, 0 "));
    assert!(done(dir, &["channel", "rekey"]).starts_with("0 accounts encrypted anew, 1 "));
    drop(server);

    secret(dir, "credentials-key", &old);
    let listed = done_by(&installation.channel("list", &[], ""));
    assert!(
        listed.contains("sealed under a key that is none of"),
        "{listed}"
    );
    secret(dir, "credentials-key", &new);
    let server = Server::start(dir);
    let task = installation.push(&server, 3);
    assert_eq!(installation.ended(&task, "xiaomi"), (1, vec![]));
}

/// A test goes the way of a push, says each step, is taken by the vendor or not, and leaves no trace in the numbers.
#[test]
fn a_test_says_what_each_step_came_to_and_counts_nowhere() {
    let installation = bare();
    let test = |name: &str, token: &str, more: &[&str]| {
        let arguments = [&[name, token], more].concat();
        installation.channel("test", &arguments, "")
    };
    for (name, ..) in VENDORS {
        done_by(&installation.set(name));
    }
    let given = |cert_id: u32, secret: &str, url: &str| {
        let credentials =
            json!({"app_secret": secret, "package": "com.example.acme", "base_url": url});
        let given = json!({"cert_id": cert_id, "credentials": credentials}).to_string();
        done_by(&installation.channel("set", &["xiaomi", "-"], &given));
    };
    let xiaomi = &installation.fleet.vendors["xiaomi"].credentials["base_url"];
    given(2, "wr0ng-secret", xiaomi.as_str().unwrap());
    given(3, "wr0ng-secret", "http://127.0.0.1:1");

    // No server runs: by an account of the command's own.
    let told_here = done_by(&test("oppo", "oppo-token", &[]));
    assert!(
        told_here.contains("access: given by the vendor"),
        "{told_here}"
    );
    let server = Server::start(installation.dir.path());
    for (name, ..) in VENDORS {
        let (token, service) = (
            format!("{name}-token"),
            &installation.fleet.vendors[name].service,
        );
        let before = service.counts().taken;
        let told = done_by(&test(name, &token, &["--cert-id", "1"]));
        assert_eq!(service.counts().taken - before, 1, "{name}: {told}");
        for expected in [
            "account: channel",
            "access: ",
            "call: POST /",
            "answer: HTTP 200, taken",
            "outcome: sent",
        ] {
            assert!(told.contains(expected), "{name}: no `{expected}` in {told}");
        }
        assert!(!told.contains(&token), "{told}");
        for secret in SECRETS {
            assert!(!told.contains(secret), "{told}");
        }
        let gone = test(name, &format!("gone-{name}"), &["--cert-id", "1"]);
        let gone_told = told_by(&gone);
        assert!(!gone.status.success(), "{name}: {gone_told}");
        assert!(
            gone_told.contains("outcome: a push would be lost as"),
            "{name}: {gone_told}"
        );
        assert!(gone_told.contains("  next: "), "{name}: {gone_told}");
    }
    let refused = |more: &[&str], expected: &[&str]| {
        let output = test("xiaomi", "xiaomi-token", more);
        let told = told_by(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        for expected in expected {
            assert!(told.contains(expected), "no `{expected}` in {told}");
        }
    };
    refused(
        &[],
        &["several with `xiaomi`, of the numbers 1, 2, 3", "--cert-id"],
    );
    refused(&["--cert-id", "9"], &["none with `xiaomi` of `cert_id` 9"]);
    refused(
        &["--cert-id", "2"],
        &[
            "the account is refused: code",
            "look at the credentials",
            "would be lost as",
        ],
    );
    refused(
        &["--cert-id", "3"],
        &[
            "the vendor was not reached",
            "look at the way there",
            "tried again in",
        ],
    );

    assert_eq!(installation.statistics(&server, ""), BTreeMap::new());
    let tasks = done(installation.dir.path(), &["task", "list", "--json"]);
    let tasks: Value = serde_json::from_str(&tasks).unwrap();
    assert_eq!(tasks["tasks"], json!([]));
    let audit = done(
        installation.dir.path(),
        &["audit", "--json", "--limit", "500"],
    );
    // The two that found no account sent nothing.
    assert_eq!(
        audit.matches("\"channel test\"").count(),
        1 + 9 * 2 + 2,
        "{audit}"
    );
}
