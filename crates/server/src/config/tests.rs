//! The whole configuration: precedence, messages, secrets.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_text(
        Some(PathBuf::from("/etc/pushtally/pushtally.toml")),
        text,
        variables,
    )
}

fn problem(text: &str, variables: &[(&str, &str)]) -> String {
    load(text, variables).expect_err(text).to_string()
}

const APP: &str = "[[app]]\nsdkappid = 1400000000\nkey = 'k3y-0f-the-app'\n";

#[test]
fn defaults_are_complete_and_need_nothing() {
    let config = Config::defaults().unwrap();
    assert_eq!(config.storage, Storage::Local("./data".into()));
    assert_eq!(config.memory_bytes_max, 1 << 30);
    assert_eq!(
        config.listen.control_socket,
        Some("./data/control.sock".into())
    );
    assert!(config.listen.operator.ip().is_loopback());
    assert!(config.apps.is_empty() && config.notes.is_empty());
}

#[test]
fn bounds_in_the_default_file_are_those_of_the_crates() {
    let (config, stats) = (
        Config::defaults().unwrap(),
        pushtally_stats::Options::default(),
    );
    assert_eq!(config.memory_bytes_max, stats.memory_bytes_max);
    assert_eq!(config.waiting_events_max, stats.waiting_events_max);
    assert_eq!(config.snapshot_events, stats.snapshot_events);
    assert_eq!(config.snapshot_interval_ms, stats.snapshot_interval_ms);
    let (limits, http) = (&config.limits, pushtally_http::Limits::default());
    assert_eq!(limits.connections_max, http.connections_max);
    assert_eq!(
        (limits.handshake, limits.idle, limits.body_read),
        (http.handshake, http.idle, http.body_read)
    );
    assert_eq!(config.brake, pushtally_channel::BrakeLimits::default());
    let relay = pushtally_webhook::Settings::default();
    assert_eq!(
        (config.relay.in_flight_max, config.relay.timeout),
        (relay.in_flight_max, relay.call_timeout)
    );
    let hooks = pushtally_webhook::HookSettings::default();
    let said = &config.webhooks;
    assert_eq!(
        (said.in_flight_max, said.timeout, said.wait_s_max),
        (hooks.in_flight_max, hooks.call_timeout, hooks.wait_s_max)
    );
}

/// The commented `[[app]]` of the default file must be a working one.
#[test]
fn example_app_of_the_default_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let example = DEFAULT
        .lines()
        .skip_while(|line| *line != "# [[app]]")
        .map(|line| line.strip_prefix("# ").unwrap_or(line));
    let example: String = example.map(|line| format!("{line}\n")).collect();
    let example = example.replace("/run/secrets", folder.path().to_str().unwrap());
    for name in [
        "pushtally-key",
        "pushtally-callback-token",
        "pushtally-client-key",
        "pushtally-receipts-key",
    ] {
        std::fs::write(folder.path().join(name), "s3cret\n").unwrap();
        std::fs::set_permissions(folder.path().join(name), PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    let xiaomi = folder.path().join("pushtally-xiaomi.json");
    std::fs::write(&xiaomi, "{\"app_secret\":\"s3cret\",\"package\":\"p\"}").unwrap();
    let config = load(&example, &[]).unwrap();
    let (app, settings) = (config.channels[0].app, &config.channels[0].settings);
    assert_eq!((app.0, settings.cert_id), (1_400_000_000, 1));
    assert_eq!(settings.channel, pushtally_model::Channel::Xiaomi);
    assert_eq!((settings.rate, settings.calls_max), (0, 256));
    assert_eq!(settings.timeout, Duration::from_secs(10));
    let mut expected = pushtally_model::App::new(
        pushtally_model::AppId(1_400_000_000),
        pushtally_model::Secret::new("s3cret"),
    );
    expected.callback_token = Some(pushtally_model::Secret::new("s3cret"));
    expected.client_key = Some(pushtally_model::Secret::new("s3cret"));
    expected.receipts_key = Some(pushtally_model::Secret::new("s3cret"));
    expected.relay_to = Some("https://example.com/callback".to_owned());
    expected.webhook = Some(pushtally_model::Webhook::new(
        "https://example.com/events".to_owned(),
    ));
    let quota = pushtally_model::Quota { per_second: 1 };
    expected
        .quotas
        .insert("all_member_push_statistics".to_owned(), quota);
    assert_eq!(config.apps[0].app, expected);
}

#[test]
fn variables_go_over_the_file_and_the_file_over_the_defaults() {
    let text = "[stop]\ngrace_s = 20\n[log]\nlevel = 'debug'\n";
    let config = load(text, &[("PUSHTALLY__STOP__GRACE_S", "30")]).unwrap();
    assert_eq!(config.stop_grace, Duration::from_secs(30));
    assert_eq!(config.log.level, tracing::Level::DEBUG);
    assert_eq!(config.log.format, LogFormat::Text);
}

#[test]
fn what_is_wrong_is_told_with_line_key_value_and_range() {
    let check = |text: &str, expected: &[&str]| {
        let told = problem(text, &[]);
        for part in expected {
            assert!(told.contains(part), "`{part}` is not in: {told}");
        }
    };
    let at = |line: u32| format!("/etc/pushtally/pushtally.toml:{line}:");
    check(
        "[stop]\n\ngrace = 3\n",
        &[&at(3), "unknown key `stop.grace`", "`grace_s`"],
    );
    check("\nstopp = 3\n", &[&at(2), "unknown key `stopp`"]);
    check(
        "[stop]\ngrace_s = 601\n",
        &[&at(2), "`stop.grace_s` is `601`", "from 0 to 600"],
    );
    check(
        "[stop]\ngrace_s = '5'\n",
        &[&at(2), "`stop.grace_s` is `5`", "a whole number"],
    );
    check("[stop]\ngrace_s = -1\n", &["`-1`"]);
    check(
        "[listen]\ntrusted_proxies = ['10.0.0.0/8', 'proxy']\n",
        &[&at(2), "`listen.trusted_proxies` is `proxy`", "networks"],
    );
    check(
        "[limits]\nregistrations_per_address = 1000001\n",
        &[&at(2), "from 0 to 1000000"],
    );
    check(
        &format!("{APP}task_life_s = 604801\n"),
        &["`app.task_life_s` is `604801`", "from 1 to 604800"],
    );
    check(
        "[brake]\ngone_percent_max = 0\n",
        &[&at(2), "`brake.gone_percent_max` is `0`", "from 1 to 100"],
    );
    check("[stop]\ngrace_s = 1.5\n", &["`1.5`"]);
    check(
        "stop = 5\n",
        &[&at(1), "`stop` is `5`, allowed is a section"],
    );
    check(
        "[storage]\nmemory_max = '1 gig'\n",
        &[&at(2), "`1 gig`", "from 64MiB to 1TiB"],
    );
    check(
        "[storage]\nurl = 'redis:x'\n",
        &["`redis:x`", "`local:DIRECTORY`"],
    );
    check(
        "[listen]\npublic = 'localhost:80'\n",
        &["`listen.public` is `localhost:80`", "an IP address"],
    );
    check(
        "[listen.tls]\ncert_file = 'c.pem'\n",
        &[&at(2), "`c.pem`", "both"],
    );
    check(
        "[log]\nformat = 'xml'\n",
        &["`log.format` is `xml`", "`text` or `json`"],
    );
    check("[log\n", &[&at(1)]);
    check(
        "[[app]]\nkey = 'k'\n",
        &[&at(1), "`app.sdkappid` is missing"],
    );
    check(
        "[[app]]\nsdkappid = 7\n",
        &[&at(1), "app `7` has no usable `key`"],
    );
    check(
        "[[app]]\nsdkappid = 0\nkey = 'k'\n",
        &[&at(2), "`app.sdkappid` is `0`"],
    );
    check(
        &format!("{APP}{APP}"),
        &[
            &at(4),
            "app `1400000000` is declared a second time, first at",
        ],
    );
    check(&format!("{APP}key_file = 'f'\n"), &[&at(3), "not both"]);
    check(
        &format!("{APP}relay_to = 'ftp://x'\n"),
        &[&at(4), "`http://` or `https://`"],
    );
    check(
        &format!("{APP}quotas = {{ push = -1 }}\n"),
        &[&at(4), "`app.quotas.push` is `-1`"],
    );
    check(
        &format!("{APP}administrators = ['a\tb']\n"),
        &[&at(4), "printable ASCII"],
    );
    check(
        &format!("{APP}webhook_commands = ['Push.TagPush']\n"),
        &[&at(4), "`app.webhook_commands` is `Push.TagPush`"],
    );
    check(
        &format!("{APP}webhook_url = 'ftp://x'\n"),
        &[&at(4), "does not start with `http://` or `https://`"],
    );
    check(
        "[outgoing]\nallow_networks = ['10.0.0.0/33']\n",
        &[
            "`outgoing.allow_networks` is `10.0.0.0/33`",
            "a list of networks",
        ],
    );
    check(
        &format!("{APP}traces_days = 0\n"),
        &[&at(4), "`app.traces_days` is `0`"],
    );
}

#[test]
fn several_problems_are_told_at_once() {
    let told = problem(
        "a = 1\n[stop]\ngrace_s = 999\n",
        &[("PUSHTALLY__LOG__LEVEL", "loud")],
    );
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(
        told.contains("PUSHTALLY__LOG__LEVEL: `log.level` is `loud`"),
        "{told}"
    );
}

#[test]
fn unknown_variables_are_errors_too() {
    let told = problem("", &[("PUSHTALLY__STOP__GRACE", "1")]);
    assert!(
        told.contains("PUSHTALLY__STOP__GRACE: unknown key `stop.grace`"),
        "{told}"
    );
}

#[test]
fn secrets_are_hidden_wherever_a_configuration_is_shown() {
    let text = format!(
        "{APP}callback_token = 't0ken'\nclient_key = 'cl1ent'\nrelay_to = 'https://a/?token=r3lay'\nwebhook_url = 'https://a/?token=h00k'\n"
    );
    let config = load(&text, &[("PUSHTALLY__APP__1400000001__KEY", "0123456789")]).unwrap();
    assert_eq!(config.apps[1].app.keys[0].expose(), "0123456789");
    let shown = format!("{}{config:?}", config.print());
    for secret in ["k3y-0f-the-app", "t0ken", "cl1ent", "0123456789", "h00k"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(!config.print().contains("r3lay"));
    assert!(
        config.print().contains("grace_s = 10  # default"),
        "{shown}"
    );
    let refused = problem(
        &format!("{APP}callback_token = ['', 'hush-hush']\nrelay_to='x?hush-hush'"),
        &[],
    );
    assert!(!refused.contains("hush-hush"), "{refused}");
}

#[test]
fn keys_of_the_vault_and_credentials_in_place_are_read_and_hidden() {
    let key = "0123456789abcdef".repeat(4);
    let channel =
        "[[app.channel]]\nname = 'xiaomi'\ncredentials = {app_secret = 's3cr3t', package = 'p'}\n";
    let text = format!("[storage]\ncredentials_key = ['{key}', '{key}']\n{APP}{channel}");
    let config = load(&text, &[]).unwrap();
    assert_eq!(format!("{:?}", config.vault), "Vault(2 keys)");
    assert_eq!(
        config.channels[0].settings.credentials.expose(),
        "{\"app_secret\":\"s3cr3t\",\"package\":\"p\"}"
    );
    let shown = format!("{}{config:?}", config.print());
    assert!(
        !shown.contains("s3cr3t") && !shown.contains(&key),
        "{shown}"
    );
    assert!(shown.contains("credentials = \"(hidden)\""), "{shown}");
    let variable = ("PUSHTALLY__STORAGE__CREDENTIALS_KEY", "t00-short");
    let refused = problem("", &[variable]);
    assert!(
        refused.starts_with(variable.0) && refused.contains("32 bytes"),
        "{refused}"
    );
    assert!(!refused.contains(variable.1), "{refused}");
}

#[test]
fn digits_in_a_variable_are_a_key_as_they_were_written() {
    let config = load("", &[("PUSHTALLY__APP__7__KEY", "0012e3")]).unwrap();
    assert_eq!(config.apps[0].app.keys[0].expose(), "0012e3");
    let config = load("", &[("PUSHTALLY__APP__7__KEY", "120e3")]).unwrap();
    assert_eq!(config.apps[0].app.keys[0].expose(), "120e3");
}

#[test]
fn keys_come_from_files_beside_the_one_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let (key, path) = (folder.path().join("key"), folder.path().join("p.toml"));
    std::fs::write(&key, "newest\n\nolder\n").unwrap();
    std::fs::write(&path, "[[app]]\nsdkappid = 7\nkey_file = 'key'\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o600);
    let config = Config::load(Some(&path), Vec::new()).unwrap();
    let keys: Vec<&str> = config.apps[0]
        .app
        .keys
        .iter()
        .map(pushtally_model::Secret::expose)
        .collect();
    assert_eq!(keys, ["newest", "older"]);
    assert!(config.notes.is_empty());
    mode(0o644);
    let config = Config::load(Some(&path), Vec::new()).unwrap();
    assert!(
        config.notes[0].contains("can be read by everybody"),
        "{:?}",
        config.notes
    );
    mode(0o666);
    let told = Config::load(Some(&path), Vec::new())
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("p.toml:3:") && told.contains("can be written by everybody"),
        "{told}"
    );
    std::fs::remove_file(&key).unwrap();
    let told = Config::load(Some(&path), Vec::new())
        .unwrap_err()
        .to_string();
    assert!(told.contains("p.toml:3:"), "{told}");
}

#[test]
fn the_file_is_found_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.toml");
    std::fs::write(&named, "[stop]\ngrace_s = 1\n").unwrap();
    let given = folder.path().join("given.toml");
    std::fs::write(&given, "[stop]\ngrace_s = 2\n").unwrap();
    let variables = vec![("PUSHTALLY_CONFIG".to_owned(), named.display().to_string())];
    let grace = |path: Option<&Path>| {
        Config::load(path, variables.clone())
            .unwrap()
            .stop_grace
            .as_secs()
    };
    assert_eq!(grace(None), 1);
    assert_eq!(grace(Some(&given)), 2);
    let missing = Config::load(Some(Path::new("/no/such.toml")), Vec::new()).unwrap_err();
    assert!(matches!(missing, ConfigError::Unreadable { .. }));
}

#[test]
fn a_proxy_is_read_in_place_or_from_a_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let credentials = write("xiaomi.json", r#"{"app_secret":"s","package":"p"}"#);
    let with = |line: &str| {
        format!(
            "{APP}[[app.channel]]\nname = 'xiaomi'\ncredentials_file = '{credentials}'\n{line}\n"
        )
    };
    let url = "http://u:s3cr3t@proxy.example:3128";
    let file = write("proxy", url);
    for line in [format!("proxy = '{url}'"), format!("proxy_file = '{file}'")] {
        let config = load(&with(&line), &[]).unwrap();
        let proxy = config.channels[0].settings.proxy.clone();
        assert_eq!(proxy, Some(pushtally_model::Secret::new(url)));
        assert!(!format!("{config:?}").contains("s3cr3t"));
    }
    for line in [
        "proxy = 'ftp://u:s3cr3t@proxy.example:3128'".to_owned(),
        "proxy = 'http://u:s3cr3t@proxy.example'".to_owned(),
        format!("proxy = ['{url}', '{url}']"),
        format!("proxy = '{url}'\nproxy_file = '{file}'"),
    ] {
        let told = problem(&with(&line), &[]);
        assert!(told.contains("`app.channel.proxy"), "{told}");
        assert!(!told.contains("s3cr3t"), "{told}");
    }
}

#[test]
fn where_other_receipts_go_is_checked_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let account = |name: &str, credentials: &str, line: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, credentials).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let file = path.display();
        format!("{APP}[[app.channel]]\nname = '{name}'\ncredentials_file = '{file}'\n{line}\n")
    };
    let xiaomi = |line: &str| account("xiaomi", r#"{"app_secret":"s","package":"p"}"#, line);
    let set = |line: &str| {
        let config = load(&xiaomi(line), &[]).unwrap();
        assert!(!format!("{config:?}").contains("s3cr3t"));
        let relay = config.channels[0].settings.receipts_relay_to.clone();
        (relay.map(|url| url.expose().to_owned()), config.notes)
    };
    for line in ["", "receipts_relay_to = ''"] {
        assert_eq!(set(line).0, None, "{line}");
    }
    let (url, notes) = set("receipts_relay_to = 'https://old.example/r?s3cr3t'");
    assert_eq!(url.as_deref(), Some("https://old.example/r?s3cr3t"));
    let open = |note: &&String| note.contains("receipts_relay_to");
    assert_eq!(notes.iter().filter(open).count(), 0, "{notes:?}");
    let (_, notes) = set("receipts_relay_to = 'http://old.example/r?s3cr3t'");
    assert_eq!(notes.iter().filter(open).count(), 1, "{notes:?}");
    assert!(!notes.concat().contains("s3cr3t"), "{notes:?}");
    let wrong = "receipts_relay_to = 'ftp://old.example/s3cr3t'";
    let told = problem(&xiaomi(wrong), &[]);
    assert!(
        told.contains("`app.channel.receipts_relay_to`") && told.contains("does not start with"),
        "{told}"
    );
    assert!(!told.contains("s3cr3t"), "{told}");
    let url = "receipts_relay_to = 'https://old.example/'";
    let fcm = account("fcm", "{}", url);
    let told = problem(&fcm, &[]);
    assert!(told.contains("fcm sends no receipts"), "{told}");
}

#[test]
fn operators_have_a_name_a_role_and_a_token_that_is_not_shown() {
    let one = "[[operator]]\nname = 'ann'\nrole = 'read'\ntoken = '0123456789abcdef'\n";
    let config = load(one, &[]).unwrap();
    let shown = config.print();
    assert!(
        shown.contains("ann") && !shown.contains("0123456789abcdef"),
        "{shown}"
    );
    let second = one.replace("ann", "ben");
    for (text, expected) in [
        (
            one.replace("'read'", "'root'"),
            "`read` or `send` or `admin`",
        ),
        (one.replace("abcdef", ""), "no usable `token`"),
        (one.replace("token", "tokens"), "tokens"),
        (format!("{one}{one}"), "`ann` is declared twice"),
        (format!("{one}{second}"), "the same token"),
        ("operator = 'x'\n".to_owned(), "write `[[operator]]`"),
    ] {
        let told = problem(&text, &[]);
        assert!(told.contains(expected), "{told}");
    }
}
