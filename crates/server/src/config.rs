//! The configuration: the compiled-in defaults, over them the file, over it the environment, checked as a whole.
//!
//! `config.default.toml` is the reference manual. What is here only gives it types; every message names the line
//! (or variable), the key, the value received and what is allowed.

mod apps;
mod channels;
mod env;
mod listen;
mod operators;
mod print;
mod reader;
mod secret;
mod size;
mod storage;
mod tree;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use apps::{Declared, WEBHOOK_CALLS_PER_SECOND_MAX};
pub(crate) use channels::{
    CERT_ID_DEFAULT, ChannelSettings, DeclaredChannel, read_authorities,
    read_given as read_given_channel, written as written_channel,
};
pub(crate) use secret::read_file as read_secret_file;
pub(crate) use tree::Origin;

use pushtally_channel::BrakeLimits;
use pushtally_dial::Targets;
use pushtally_http::{Operators, TrustedProxies};
use reader::{Problems, Reader};
use tree::{Malformed, Table};

use crate::channels::Vault;

/// The annotated default file.
pub(crate) const DEFAULT: &str = include_str!("config.default.toml");

/// The variable that names the configuration file.
const PATH_VARIABLE: &str = "PUSHTALLY_CONFIG";
/// The file that is read when nothing names one.
const PATH_DEFAULT: &str = "pushtally.toml";
const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("configuration `{}` cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{}", problems.join("\n"))]
    Wrong { problems: Vec<String> },
}

/// Which engine keeps everything, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// The embedded engine in a folder.
    Local(PathBuf),
    /// Nothing survives the process.
    Memory,
}

impl Storage {
    /// The folder, if there is one.
    pub(crate) fn dir(&self) -> Option<&Path> {
        match self {
            Self::Local(dir) => Some(dir),
            Self::Memory => None,
        }
    }
}

/// Where the server listens.
#[derive(Debug, Clone)]
pub(crate) struct Listen {
    pub(crate) public: SocketAddr,
    pub(crate) operator: SocketAddr,
    /// `None` only when nothing is stored and no path is set.
    pub(crate) control_socket: Option<PathBuf>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// How vendors reach the public listener; empty when they cannot.
    pub(crate) public_url: String,
}

/// PEM files of the public listener.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// Bounds of the listeners.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) connections_max: usize,
    pub(crate) sockets_max: usize,
    pub(crate) handshake: Duration,
    pub(crate) idle: Duration,
    pub(crate) body_read: Duration,
    /// 0 is no limit.
    pub(crate) registrations_per_address: u32,
}

/// Bounds of the relays.
#[derive(Debug, Clone)]
pub(crate) struct Relay {
    pub(crate) queue_bytes_max: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) timeout: Duration,
}

/// Bounds of the webhooks.
#[derive(Debug, Clone)]
pub(crate) struct Webhooks {
    pub(crate) in_flight_max: usize,
    pub(crate) timeout: Duration,
    pub(crate) wait_s_max: u32,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: tracing::Level,
}

/// What the configuration owns, and what acts on apps and on their accounts with vendors need of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owned {
    pub(crate) apps: Vec<Declared>,
    pub(crate) channels: Vec<DeclaredChannel>,
    /// What opens the accounts that are stored.
    pub(crate) vault: Vault,
    /// How vendors reach the public listener; empty when they cannot.
    pub(crate) public_url: String,
    /// Where they may be.
    pub(crate) targets: Targets,
    /// Seconds within which what is forgotten is erased.
    pub(crate) forget_within_s: u32,
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file that was read, if any.
    pub(crate) file: Option<PathBuf>,
    pub(crate) storage: Storage,
    pub(crate) memory_bytes_max: usize,
    pub(crate) index_bytes_max: usize,
    /// Seconds within which what is forgotten is erased.
    pub(crate) forget_within_s: u32,
    pub(crate) listen: Listen,
    pub(crate) limits: Limits,
    pub(crate) waiting_events_max: usize,
    pub(crate) snapshot_events: u64,
    pub(crate) snapshot_interval_ms: u64,
    /// Which addresses are dialled.
    pub(crate) targets: Targets,
    pub(crate) relay: Relay,
    pub(crate) brake: BrakeLimits,
    pub(crate) webhooks: Webhooks,
    pub(crate) log: Log,
    /// 0 is one for each processor.
    pub(crate) workers: usize,
    pub(crate) stop_grace: Duration,
    /// Who may do what on the operator's listener; nobody is asked when it is empty.
    pub(crate) operators: Operators,
    pub(crate) apps: Vec<Declared>,
    pub(crate) channels: Vec<DeclaredChannel>,
    /// What opens the accounts that are stored.
    pub(crate) vault: Vault,
    /// Advice that is no error.
    pub(crate) notes: Vec<String>,
    tree: Table,
}

impl Config {
    /// Finds and reads the configuration: `path`, else the file that `PUSHTALLY_CONFIG` names, else
    /// `./pushtally.toml` if it is there, else the defaults; over it `PUSHTALLY__…` of the variables.
    pub(crate) fn load(
        path: Option<&Path>,
        variables: Vec<(String, String)>,
    ) -> Result<Self, ConfigError> {
        let named = variables
            .iter()
            .find(|(name, _)| name == PATH_VARIABLE)
            .map(|(_, path)| PathBuf::from(path));
        let path = match path.map(Path::to_owned).or(named) {
            Some(path) => Some(path),
            None => Some(PathBuf::from(PATH_DEFAULT)).filter(|path| path.exists()),
        };
        let text = match &path {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                    path: path.clone(),
                    source,
                })?
            }
            None => String::new(),
        };
        Self::from_text(path, &text, variables)
    }

    /// The compiled-in defaults alone.
    #[cfg(test)]
    pub(crate) fn defaults() -> Result<Self, ConfigError> {
        Self::from_text(None, "", Vec::new())
    }

    fn from_text(
        path: Option<PathBuf>,
        text: &str,
        variables: Vec<(String, String)>,
    ) -> Result<Self, ConfigError> {
        let shown = path.clone().unwrap_or_default();
        let mut tree = parse(Path::new("config.default.toml"), DEFAULT, |_| {
            Origin::Default
        })?;
        let shared: Arc<Path> = shown.as_path().into();
        let over = parse(&shown, text, |line| Origin::File {
            path: Arc::clone(&shared),
            line,
        })?;
        tree::overlay(&mut tree, over);
        let mut over = env::tree(variables);
        env::overlay_apps(&mut tree, &mut over);
        tree::overlay(&mut tree, over);
        let problems = Problems::default();
        let config = read(path, tree, &problems);
        match problems.into_inner() {
            problems if problems.is_empty() => Ok(config),
            problems => Err(ConfigError::Wrong { problems }),
        }
    }

    /// What it owns, for acts.
    pub(crate) fn owned(&self) -> Owned {
        Owned {
            apps: self.apps.clone(),
            channels: self.channels.clone(),
            vault: self.vault.clone(),
            public_url: self.listen.public_url.clone(),
            targets: self.targets.clone(),
            forget_within_s: self.forget_within_s,
        }
    }

    /// Every value with where it comes from, secrets hidden.
    pub(crate) fn print(&self) -> String {
        print::print(&self.tree)
    }
}

fn parse(path: &Path, text: &str, origin: impl Fn(usize) -> Origin) -> Result<Table, ConfigError> {
    tree::parse(text, &origin).map_err(|malformed| malformed.of(path))
}

impl Malformed {
    fn of(self, path: &Path) -> ConfigError {
        ConfigError::Malformed {
            path: path.to_owned(),
            line: self.line,
            message: self.message,
        }
    }
}

fn read_targets(outgoing: &mut Reader<'_>) -> Targets {
    let mut allowed = Vec::new();
    if let Some((networks, origin)) = outgoing.texts_if_any("allow_networks") {
        for text in networks {
            match text.parse() {
                Ok(network) => allowed.push(network),
                Err(error) => {
                    let wanted = format!("a list of networks: {error}");
                    outgoing.refuse(&origin, "allow_networks", &text, &wanted);
                }
            }
        }
    }
    match outgoing.flag_if_any("allow_private") {
        Some(true) => Targets::anywhere(),
        Some(false) | None => Targets::public_and(allowed),
    }
}

fn read(file: Option<PathBuf>, tree: Table, problems: &Problems) -> Config {
    let mut root = Reader::root(tree.clone(), problems);
    let mut notes = Vec::new();
    let (storage, vault) = storage::read(root.section("storage"), &mut notes);
    let listen = listen::read(root.section("listen"), &storage.engine);
    let limits = read_limits(root.section("limits"));
    let waiting_events_max = within(root.section("intake"), |intake| {
        intake.integer("waiting_events_max", 1_000..=10_000_000, "events") as usize
    });
    let (snapshot_events, interval_s) = within(root.section("snapshot"), |snapshot| {
        let events = snapshot.integer("events", 10_000..=100_000_000, "events");
        (
            u64::from(events),
            snapshot.integer("interval_s", 1..=3_600, "seconds"),
        )
    });
    let targets = within(root.section("outgoing"), read_targets);
    let relay = within(root.section("relay"), |relay| Relay {
        queue_bytes_max: relay.size("queue_max", MIB..=TIB),
        in_flight_max: relay.integer("in_flight_max", 1..=256, "calls") as usize,
        timeout: seconds(relay, "timeout_s", 60),
    });
    let brake = within(root.section("brake"), |brake| BrakeLimits {
        outcomes_min: brake.integer("answers_min", 1..=1_000_000, "answers"),
        gone_percent_max: brake.integer("gone_percent_max", 1..=100, "percent") as u8,
        window_ms: i64::from(brake.integer("window_s", 10..=86_400, "seconds")) * 1_000,
        released_ms: i64::from(brake.integer("released_s", 0..=2_592_000, "seconds")) * 1_000,
    });
    let webhooks = within(root.section("webhook"), |webhook| Webhooks {
        in_flight_max: webhook.integer("in_flight_max", 1..=256, "calls") as usize,
        timeout: seconds(webhook, "timeout_s", 60),
        wait_s_max: webhook.integer("wait_s", 60..=2_592_000, "seconds"),
    });
    let log = read_log(root.section("log"));
    let workers = within(root.section("runtime"), |runtime| {
        runtime.integer("workers", 0..=256, "threads") as usize
    });
    let stop_grace = within(root.section("stop"), |stop| {
        Duration::from_secs(stop.integer("grace_s", 0..=600, "seconds").into())
    });
    let operators = operators::read(&mut root, problems, &mut notes);
    let (apps, channels) = apps::read(&mut root, problems, &mut notes);
    root.finish();
    Config {
        file,
        operators,
        storage: storage.engine,
        memory_bytes_max: storage.memory_bytes_max,
        index_bytes_max: storage.index_bytes_max,
        forget_within_s: storage.forget_within_s,
        listen,
        limits,
        waiting_events_max,
        snapshot_events,
        snapshot_interval_ms: u64::from(interval_s) * 1_000,
        targets,
        relay,
        brake,
        webhooks,
        log,
        workers,
        stop_grace,
        apps,
        channels,
        vault,
        notes,
        tree,
    }
}

/// Reads a section and refuses what is left of it.
fn within<T>(mut section: Reader<'_>, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
    let value = read(&mut section);
    section.finish();
    value
}

fn seconds(section: &mut Reader<'_>, key: &'static str, most: u32) -> Duration {
    Duration::from_secs(section.integer(key, 1..=most, "seconds").into())
}

fn read_limits(section: Reader<'_>) -> Limits {
    within(section, |limits| Limits {
        connections_max: limits.integer("connections_max", 1..=1_000_000, "connections") as usize,
        sockets_max: limits.integer("sockets_max", 1..=1_000_000, "sockets") as usize,
        handshake: seconds(limits, "handshake_timeout_s", 600),
        idle: seconds(limits, "idle_timeout_s", 3_600),
        body_read: seconds(limits, "body_timeout_s", 600),
        registrations_per_address: limits.integer(
            "registrations_per_address",
            0..=1_000_000,
            "calls a second",
        ),
    })
}

fn read_log(section: Reader<'_>) -> Log {
    use tracing::Level;
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    within(section, |log| Log {
        format: log
            .choice(
                "format",
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )
            .unwrap_or(LogFormat::Text),
        level: log.choice("level", &levels).unwrap_or(Level::INFO),
    })
}

#[cfg(test)]
mod tests;
