//! The real server in a process of its own, on free ports. Killed when it goes out of scope.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program, in a folder.
pub(crate) fn pushtally(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushtally"));
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) public: String,
    pub(crate) operator: String,
}

impl Server {
    /// Starts it and waits until it is ready. Its configuration in the folder must ask for a log of JSON.
    pub(crate) fn start(dir: &Path) -> Self {
        let mut child = pushtally(dir)
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The first line that says `ready` names the free ports; reading ends when the process does.
        let ready = lines.find_map(|line| {
            let line = line.unwrap();
            let entry: serde_json::Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            (entry["message"] == "ready").then_some(entry)
        });
        let ready = ready.expect("it ended before it was ready");
        let address = |name: &str| ready[name].as_str().unwrap().to_owned();
        let (public, operator) = (address("public"), address("operator"));
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            public,
            operator,
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
