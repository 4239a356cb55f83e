//! The one place that names an engine: opens the one that the configuration chooses.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use pushtally_model::SystemEntropy;
use pushtally_store::{Engine, memory};
use pushtally_store_local::{BackupReport, LocalEngine, LocalOptions};

use crate::config::{Config, Storage};

/// An open engine: its ports, and what only the embedded one can do.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    local: Option<Arc<LocalEngine>>,
}

/// What an engine is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server, or a command that does little.
    Service,
    /// A command that changes or reads millions of rows, alone.
    Bulk,
}

/// Opens the engine that the configuration chooses, taking its lock.
pub(crate) fn open(config: &Config, purpose: Purpose) -> anyhow::Result<Opened> {
    match &config.storage {
        Storage::Local(dir) => {
            let options = match purpose {
                Purpose::Service => options(config),
                Purpose::Bulk => options(config).for_bulk(),
            };
            let local =
                tokio::task::block_in_place(|| LocalEngine::open(dir, options, &SystemEntropy))
                    .with_context(|| format!("storage `{}` cannot be opened", dir.display()))?;
            Ok(Opened {
                engine: local.engine(),
                local: Some(Arc::new(local)),
            })
        }
        Storage::Memory => Ok(Opened {
            engine: memory::engine(),
            local: None,
        }),
    }
}

/// Copies a backup into the storage folder of the configuration, which must be new or empty. Answers its pages.
pub(crate) fn restore(config: &Config, from: &Path) -> anyhow::Result<u64> {
    let Storage::Local(dir) = &config.storage else {
        bail!("only `local:` storage can be restored")
    };
    let restored = || pushtally_store_local::restore(from, dir, options(config), &SystemEntropy);
    let into = || {
        format!(
            "`{}` cannot be restored into `{}`",
            from.display(),
            dir.display()
        )
    };
    tokio::task::block_in_place(restored).with_context(into)
}

fn options(config: &Config) -> LocalOptions {
    LocalOptions {
        relay_bytes_max: config.relay.queue_bytes_max as u64,
        index_cache_bytes: config.index_bytes_max,
        ..LocalOptions::default()
    }
}

/// The bounds of the ledger over it.
pub(crate) fn ledger_options(config: &Config) -> pushtally_stats::Options {
    pushtally_stats::Options {
        memory_bytes_max: config.memory_bytes_max,
        waiting_events_max: config.waiting_events_max,
        snapshot_events: config.snapshot_events,
        snapshot_interval_ms: config.snapshot_interval_ms,
    }
}

impl Opened {
    /// Copies everything, consistently, into a new or empty folder while the engine is in use.
    pub(crate) fn backup(&self, to: &Path) -> anyhow::Result<BackupReport> {
        let Some(local) = &self.local else {
            bail!("only `local:` storage can be backed up")
        };
        Ok(tokio::task::block_in_place(|| local.backup(to))?)
    }

    /// Closes it, after everything that uses it has ended.
    pub(crate) fn close(&self) -> anyhow::Result<()> {
        match &self.local {
            Some(local) => Ok(tokio::task::block_in_place(|| local.close())?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_says_what_the_engine_does_by_default() {
        let said = options(&Config::defaults().unwrap());
        let default = LocalOptions::default();
        assert_eq!(said.index_cache_bytes, default.index_cache_bytes);
        assert_eq!(said.relay_bytes_max, default.relay_bytes_max);
    }
}
