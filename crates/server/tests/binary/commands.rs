//! Commands that need no storage: configuration, UserSigs, completions.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::fixture::{done, folder, run};

#[test]
fn configuration_is_printed_checked_and_refused() {
    let folder = folder();
    let dir = folder.path();
    let default = done(dir, &["config", "print", "--default"]);
    assert!(default.starts_with("# Pushtally's configuration"));
    let effective = done(dir, &["config", "print"]);
    assert!(
        effective.contains("key = \"(hidden)\"") && !effective.contains("declared-key"),
        "{effective}"
    );
    assert!(
        effective.contains("format = \"json\"  # pushtally.toml:8"),
        "{effective}"
    );
    let checked = done(dir, &["config", "check"]);
    assert!(
        checked.contains("declared apps  1400000000") && checked.ends_with("ok\n"),
        "{checked}"
    );

    fs::write(dir.join("bad.toml"), "[stop]\ngrace = 1\n").unwrap();
    for command in [["config", "check"], ["ledger", "stat"], ["app", "list"]] {
        let ran = run(
            dir,
            &[&["--config", "bad.toml"], command.as_slice()].concat(),
        );
        assert_eq!(ran.code, 2);
        assert!(
            ran.err.contains("bad.toml:2: unknown key `stop.grace`"),
            "{}",
            ran.err
        );
    }
    assert_eq!(run(dir, &["no-such-command"]).code, 2);
    assert_eq!(run(dir, &["--config", "missing.toml", "serve"]).code, 2);
}

#[test]
fn usersigs_are_made_checked_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("key"), "secret-key\n").unwrap();
    fs::set_permissions(dir.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let caller = ["--sdkappid", "7", "--identifier", "admin"];
    let with = |act: &str, rest: &[&str]| {
        let arguments: Vec<&str> = ["usersig", act]
            .iter()
            .chain(&caller)
            .chain(rest)
            .copied()
            .collect();
        run(dir, &arguments)
    };
    let made = with(
        "make",
        &[
            "--key-file",
            "key",
            "--expire-days",
            "1",
            "--userbuf",
            "abc",
        ],
    );
    let usersig = made.out.trim();
    assert_eq!((made.code, usersig.is_empty()), (0, false));
    let checked = with("check", &["--key", "secret-key", usersig]);
    assert!(
        checked.code == 0 && checked.out.starts_with("ok, 86"),
        "{}",
        checked.out
    );
    let wrong = with("check", &["--key", "another-key", usersig]);
    assert!(
        wrong.code == 1 && wrong.out.starts_with("70009 "),
        "{}",
        wrong.out
    );
    let explained = run(dir, &["usersig", "explain", usersig]);
    assert!(
        explained.code == 0 && explained.out.contains("TLS.identifier  `admin`"),
        "{}",
        explained.out
    );
    let cut = run(dir, &["usersig", "explain", &usersig[..20]]);
    assert!(cut.code == 1 && cut.out.contains("70003"), "{}", cut.out);
    assert_eq!(with("make", &[]).code, 2);
    assert_eq!(
        run(
            dir,
            &[
                "usersig",
                "make",
                "--sdkappid",
                "7",
                "--identifier",
                "",
                "--key",
                "k"
            ]
        )
        .code,
        2
    );
}

#[test]
fn completions_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = done(folder.path(), &["completions", shell]);
        assert!(script.contains("rotate-key"), "{shell}");
    }
}
