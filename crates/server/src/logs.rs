//! Log lines: text or JSON on standard error. Secrets cannot reach them, since their types hide themselves.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::LevelFilter;

use crate::config::{Log, LogFormat};

/// For commands that answer and end: what is not at least a warning would only hide the answer.
pub(crate) fn start_quietly(log: &Log) {
    start(&Log {
        level: log.level.min(tracing::Level::WARN),
        ..log.clone()
    });
}

/// Sets the process's logging up; a second call changes nothing.
pub(crate) fn start(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(log.level))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging was set up before");
    }
}
