//! The server is killed while tokens are given back, and after it said that they were.

use super::*;

/// What a vendor calls dead is dropped; so few put no brake on.
const GONE: [&str; 2] = ["gone-1-", "gone-2-"];

impl Installation {
    /// The tokens that a vendor's devices have, and those of them that were dropped.
    fn tokens(&self, vendor: &str) -> (u64, u64) {
        let app = APP.to_string();
        let check = ["devices", "check", &app, "--channel", vendor, "--json"];
        let state: Value = serde_json::from_str(&done(self.dir.path(), &check)).unwrap();
        let line = &state["lines"][0];
        let count = |name: &str| line[name].as_u64().unwrap();
        (count("tokens"), count("dropped"))
    }

    fn restore(&self, vendor: &str) -> Command {
        let mut command = pushtally(self.dir.path());
        command
            .args(["devices", "restore", &APP.to_string(), vendor])
            .args(["--since", "2h"]);
        command
    }

    /// Gives back; answers how many.
    fn restored(&self, vendor: &str) -> u64 {
        let output = self.restore(vendor).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        given_back(&output.stdout)
    }
}

/// How many tokens the command says that it has given back.
fn given_back(said: &[u8]) -> u64 {
    let said = std::str::from_utf8(said).unwrap();
    let (tokens, _) = said.split_once(" tokens given back").expect(said);
    tokens.parse().unwrap()
}

#[test]
fn tokens_that_were_given_back_stay_so_through_kills() {
    let installation = Installation::new();
    installation.import(1, &GONE);
    let dir = installation.dir.path();
    let mut server = Server::start(dir);
    installation.push(&server, 1);
    let all = GONE.len() as u64;
    let until = Instant::now() + PATIENCE;
    for vendor in ["apns", "fcm", "xiaomi"] {
        // The one that is not dead is kept.
        while installation.tokens(vendor) != (1, all) {
            assert!(Instant::now() < until, "{:?}", installation.tokens(vendor));
            sleep(Duration::from_millis(50));
        }
    }
    for vendor in ["apns", "fcm", "xiaomi"] {
        let mut command = installation.restore(vendor);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whatever comes first: the kill is then between what was done and its answer, or after both.
        while installation.tokens(vendor).1 == all && child.try_wait().unwrap().is_none() {}
        drop(server);
        let output = child.wait_with_output().unwrap();
        server = Server::start(dir);
        let (tokens, dropped) = installation.tokens(vendor);
        assert_eq!(tokens + dropped, 1 + all, "{vendor}");
        if output.status.success() {
            assert_eq!((given_back(&output.stdout), dropped), (all, 0), "{vendor}");
        }

        assert_eq!(installation.restored(vendor), dropped, "{vendor}");
        drop(server);
        server = Server::start(dir);
        assert_eq!(installation.tokens(vendor), (1 + all, 0), "{vendor}");
        assert_eq!(installation.restored(vendor), 0, "{vendor}");
        assert_eq!(installation.tokens(vendor), (1 + all, 0), "{vendor}");
    }
    drop(server);
    assert!(done(dir, &["audience", "verify"]).ends_with("ok\n"));
    let _ = &installation.runtime;
}
