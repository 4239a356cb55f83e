//! A server with TLS, for the run: a certificate of its own, a folder of its own, free ports. Killed when dropped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::certificate;

pub(crate) const APP: u32 = 1_400_000_000;
pub(crate) const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
pub(crate) const ADMINISTRATOR: &str = "administrator";
pub(crate) const CLIENT_KEY: &str = "client-key";

/// A running server.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Server {
    pub(crate) fn start(program: &Path) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let (certificate, key) = certificate::of_localhost()?;
        fs::write(folder.path().join("cert.pem"), certificate)?;
        fs::write(folder.path().join("key.pem"), key)?;
        let config = folder.path().join("pushtally.toml");
        fs::write(&config, configuration())?;
        let mut child = Command::new(program)
            .arg("--config")
            .arg(&config)
            .arg("serve")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{}` cannot be started", program.display()))?;
        let log = child
            .stderr
            .take()
            .context("the server's log cannot be read")?;
        // From here on whatever fails kills the child.
        let mut server = Self {
            child,
            folder,
            port: 0,
        };
        let mut said = Vec::new();
        let mut lines = BufReader::new(log).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == "ready" {
                let address = entry["public"].as_str().unwrap_or_default();
                let port = address.rsplit_once(':').map(|(_, port)| port.parse());
                server.port = port.context("the server names no address")??;
                break;
            }
            said.push(line);
        }
        ensure!(
            server.port != 0,
            "the server ended before it was ready: {}",
            said.join("\n")
        );
        // Read on, or the server would wait for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// What a client takes for the vendor's host.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The file of its certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One app with the documented quotas but those that would make the run wait.
fn configuration() -> String {
    format!(
        r#"[storage]
url = "local:data"
[listen]
public = "127.0.0.1:0"
operator = "127.0.0.1:0"
[listen.tls]
cert_file = "cert.pem"
key_file = "key.pem"
[log]
format = "json"
[[app]]
sdkappid = {APP}
key = "{KEY}"
administrators = ["{ADMINISTRATOR}"]
client_key = "{CLIENT_KEY}"
quotas = {{ all_member_push_statistics = 0 }}
"#
    )
}
