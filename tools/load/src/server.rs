//! A server started for the run: `pushtally serve` with a configuration of its own, in a folder of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::args::TargetArgs;
use crate::report::Report;

/// How long it may take until it is ready: it may have to fold what a kept folder holds.
const START_MAX: Duration = Duration::from_secs(120);

/// What a server is to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Backends only: the defaults, and queries without a quota.
    Backends,
    /// Phones of two apps, without limits that a load generator on one address would meet first.
    Phones,
    /// The same apps with the default limits against phones.
    PhonesAsDefault,
}

/// What a server is started with: its program, its folder and what its configuration says.
#[derive(Debug)]
pub(crate) struct Plan {
    program: PathBuf,
    args: TargetArgs,
    folder: Folder,
    /// The first app's sections `[[app.channel]]`.
    channels: String,
    /// Where vendors' receipts are taken, if they are.
    receipts: Option<SocketAddr>,
    /// Where the first app's own events are sent, if they are.
    webhook: Option<SocketAddr>,
}

/// The last part of the addresses that vendors send receipts to.
pub(crate) const RECEIPTS_KEY: &str = "pushtally-load-receipts-key";

impl Plan {
    pub(crate) fn new(args: &TargetArgs) -> anyhow::Result<Self> {
        let program = match &args.pushtally {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("pushtally"),
        };
        Ok(Self {
            program,
            args: args.clone(),
            folder: Folder::make(args)?,
            channels: String::new(),
            receipts: None,
            webhook: None,
        })
    }

    /// The same with these sections `[[app.channel]]`, whose files are in its folder.
    pub(crate) fn with_channels(self, channels: String) -> Self {
        Self { channels, ..self }
    }

    /// The same, listening at this address of this machine, where vendors may send receipts.
    pub(crate) fn with_receipts(self, at: SocketAddr) -> Self {
        let receipts = Some(at);
        Self { receipts, ..self }
    }

    /// The same with the first app's own events sent to this address.
    pub(crate) fn with_webhook(self, to: SocketAddr) -> Self {
        let webhook = Some(to);
        Self { webhook, ..self }
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Writes the configuration of a server that listens on free ports, for commands without a server.
    pub(crate) fn write(&self, setup: Setup) -> anyhow::Result<PathBuf> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        self.write_for(setup, [self.receipts.unwrap_or(any), any])
    }

    fn write_for(&self, setup: Setup, listen: [SocketAddr; 2]) -> anyhow::Result<PathBuf> {
        let path = self.folder.path.join("pushtally.toml");
        let mut first = String::new();
        if self.receipts.is_some() {
            first += &format!("receipts_key = \"{RECEIPTS_KEY}\"\n");
        }
        if let Some(to) = self.webhook {
            first += &format!("webhook_url = \"http://{to}/events\"\n");
        }
        first += &self.channels;
        let text = configuration(&self.args, setup, listen, self.receipts, &first);
        fs::write(&path, text)?;
        Ok(path)
    }

    fn launch(&self, config: &Path) -> anyhow::Result<Child> {
        Command::new(&self.program)
            .arg("--config")
            .arg(config)
            .arg("serve")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{}` cannot be started", self.program.display()))
    }
}

/// Where a server keeps everything; one of nobody's choice is removed at the end.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn make(args: &TargetArgs) -> anyhow::Result<Self> {
        let path = args.folder.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("pushtally-load-{}", std::process::id()))
        });
        fs::create_dir_all(&path)
            .with_context(|| format!("`{}` cannot be made", path.display()))?;
        Ok(Self {
            path: fs::canonicalize(path)?,
            temporary: args.folder.is_none(),
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What stays is only in the way.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A running server. Dropped without `stop`, it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    plan: Plan,
    pub(crate) public: SocketAddr,
    pub(crate) operator: SocketAddr,
}

impl Server {
    pub(crate) fn start(plan: Plan, setup: Setup) -> anyhow::Result<Self> {
        let config = plan.write(setup)?;
        let mut child = plan.launch(&config)?;
        let log = child.stderr.take();
        // From here on whatever fails kills the child.
        let mut server = Self {
            child,
            plan,
            public: SocketAddr::from(([0; 4], 0)),
            operator: SocketAddr::from(([0; 4], 0)),
        };
        let log = log.context("the server's log cannot be read")?;
        (server.public, server.operator) = ready(log)?;
        Ok(server)
    }

    /// Kills it with SIGKILL and waits for its end.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same folder and the same addresses.
    pub(crate) fn start_again(&mut self, setup: Setup) -> anyhow::Result<()> {
        let config = self.plan.write_for(setup, [self.public, self.operator])?;
        self.child = self.plan.launch(&config)?;
        let log = self.child.stderr.take();
        ready(log.context("the server's log cannot be read")?)?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.plan.folder.temporary
    }

    /// The kind of file system that holds the folder: an fsync means nothing on some.
    pub(crate) fn file_system(&self) -> String {
        let folder = self.plan.folder();
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let kind = mounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ').skip(1);
                Some((fields.next()?, fields.next()?))
            })
            .filter(|(mount, _)| folder.starts_with(mount))
            .max_by_key(|(mount, _)| mount.len());
        kind.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
    }

    /// Bytes of all its files.
    pub(crate) fn storage_bytes(&self) -> u64 {
        folder_bytes(self.plan.folder())
    }

    /// Stops it gracefully, and tells how long that took.
    pub(crate) fn stop(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let start = Instant::now();
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("the server's process has no id")?, Signal::TERM)?;
        let status = self.child.wait()?;
        report.figure("server stop", start.elapsed().as_secs_f64(), "s");
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail harmlessly after a stop. The folder goes after the child.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole file; `first` is what the first app has beside the usual.
fn configuration(
    args: &TargetArgs,
    setup: Setup,
    [public, operator]: [SocketAddr; 2],
    receipts: Option<SocketAddr>,
    first: &str,
) -> String {
    let public_url = receipts.map(|at| format!("public_url = \"http://{at}\"\n"));
    let public_url = public_url.unwrap_or_default();
    let head = format!(
        r#"# Written by pushtally-load.
[storage]
url = "local:data"
[outgoing]
allow_private = true
[listen]
public = "{public}"
operator = "{operator}"
{public_url}[log]
format = "json"
"#
    );
    // One address plays them all, and one process holds as many files as there are sockets.
    let limits = match setup {
        Setup::Backends | Setup::PhonesAsDefault => "",
        Setup::Phones => {
            "[limits]\nconnections_max = 40000\nsockets_max = 20000\nregistrations_per_address = 0\n"
        }
    };
    let apps = match setup {
        Setup::Backends => app(args, args.app, setup) + first,
        Setup::Phones | Setup::PhonesAsDefault => {
            app(args, args.app, setup) + first + &app(args, args.other_app(), setup)
        }
    };
    head + limits + &apps
}

/// One app of the configuration.
fn app(args: &TargetArgs, sdkappid: u32, setup: Setup) -> String {
    let TargetArgs {
        key,
        token,
        administrator,
        client_key,
        ..
    } = args;
    let [key, token, administrator, client_key] =
        [key, token, administrator, client_key].map(|text| Value::from(text.as_str()));
    let mut app = format!(
        r#"[[app]]
sdkappid = {sdkappid}
key = {key}
administrators = [{administrator}]
callback_token = {token}
"#
    );
    app += match setup {
        Setup::Backends => "quotas = { all_member_push_statistics = 0 }\n",
        Setup::Phones | Setup::PhonesAsDefault => {
            "quotas = { all_member_push_statistics = 0, all_member_push_loss = 0, push = 0, batch = 0 }\nbroadcasts_per_day = 0\n"
        }
    };
    if setup != Setup::Backends {
        app += &format!("client_key = {client_key}\n");
    }
    if setup == Setup::Phones {
        app += "registrations_per_second = 0\n";
    }
    app
}

/// Reads the log until it says where the server listens; passes its warnings on, then and later.
fn ready(log: ChildStderr) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let (found, ready) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            match (entry["level"].as_str(), addresses(&entry)) {
                (_, Some(addresses)) => found.send(addresses).unwrap_or_default(),
                (Some("INFO" | "DEBUG" | "TRACE"), None) => {}
                _ => {
                    // Nobody reads it if standard error is closed.
                    let _ = writeln!(std::io::stderr(), "server: {line}");
                }
            }
        }
    });
    match ready.recv_timeout(START_MAX) {
        Ok(addresses) => Ok(addresses),
        Err(mpsc::RecvTimeoutError::Timeout) => bail!("the server was not ready in {START_MAX:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the server ended before it was ready"),
    }
}

fn addresses(entry: &Value) -> Option<(SocketAddr, SocketAddr)> {
    let address = |name: &str| entry[name].as_str()?.parse().ok();
    (entry["message"] == "ready").then(|| Some((address("public")?, address("operator")?)))?
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn phones_are_configured_for_both_apps_and_backends_for_one() {
        let cli = crate::args::Cli::parse_from(["pushtally-load", "sockets"]);
        let written = |setup| {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let channels = "[[app.channel]]\nname = \"fcm\"\n";
            configuration(&cli.target, setup, [any, any], None, channels)
        };
        let count = |text: &str, part: &str| text.matches(part).count();
        for (setup, apps, client_keys, unlimited) in [
            (Setup::Backends, 1, 0, 0),
            (Setup::Phones, 2, 2, 2),
            (Setup::PhonesAsDefault, 2, 2, 0),
        ] {
            let text = written(setup);
            assert_eq!(count(&text, "[[app]]"), apps);
            // Of the first app, whatever follows.
            let first = text.split("[[app]]").nth(1).unwrap_or_default();
            assert_eq!(count(first, "[[app.channel]]"), 1);
            assert_eq!(count(&text, "client_key"), client_keys);
            assert_eq!(count(&text, "registrations_per_second = 0"), unlimited);
        }
    }

    #[test]
    fn the_log_says_where_the_server_listens() {
        let read = |line: &str| addresses(&serde_json::from_str(line).unwrap_or_default());
        let line = r#"{"level":"INFO","message":"ready","public":"127.0.0.1:1","operator":"127.0.0.1:2","apps":1}"#;
        let expected = (
            "127.0.0.1:1".parse().unwrap(),
            "127.0.0.1:2".parse().unwrap(),
        );
        assert_eq!(read(line), Some(expected));
        assert_eq!(read(&line.replace("ready", "other")), None);
        assert_eq!(read("no JSON"), None);
    }
}
