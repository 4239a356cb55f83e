//! Who performs acts: the running server, or an engine that is opened here, once, when none runs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use pushtally_model::{SystemClock, SystemEntropy};
use tokio::runtime::Runtime;

use super::{COMMAND_THREADS, runtime};
use crate::acts::{Act, Acts, Done, Ledger};
use crate::config::Config;
use crate::engine::{Opened, Purpose};
use crate::{control, engine, logs};

/// Performs acts one after the other, all of them in the same place.
struct Performer<'a> {
    config: &'a Config,
    purpose: Purpose,
    runtime: Runtime,
    place: Place,
}

enum Place {
    /// Nobody was asked yet.
    Unknown,
    /// A server listens here.
    Server(PathBuf),
    /// No server runs: the engine is open.
    Here(Box<Here>),
}

struct Here {
    acts: Acts,
    opened: Opened,
}

impl<'a> Performer<'a> {
    fn new(config: &'a Config, purpose: Purpose) -> anyhow::Result<Self> {
        logs::start_quietly(&config.log);
        Ok(Self {
            config,
            purpose,
            runtime: runtime(COMMAND_THREADS)?,
            place: Place::Unknown,
        })
    }

    /// Performs an act. The first one decides where.
    fn perform(&mut self, act: Act) -> anyhow::Result<Done> {
        let (config, purpose) = (self.config, self.purpose);
        let place = &mut self.place;
        self.runtime.block_on(async {
            if matches!(place, Place::Unknown) {
                if let Some(path) = &config.listen.control_socket
                    && let Some(done) = control::call(path, &act).await?
                {
                    *place = Place::Server(path.clone());
                    return Ok(done);
                }
                *place = Place::Here(Box::new(open(config, purpose).await?));
            }
            match place {
                Place::Unknown => bail!("nobody performs acts"),
                Place::Server(path) => {
                    let done = control::call(path, &act).await?;
                    done.context("the server that did the first part runs no more")
                }
                Place::Here(here) => Ok(here.acts.perform(act).await?),
            }
        })
    }

    /// Closes what was opened.
    fn close(self) -> anyhow::Result<()> {
        let Place::Here(here) = self.place else {
            return Ok(());
        };
        let opened = here.opened.clone();
        drop(here);
        self.runtime.block_on(async { opened.close() })
    }
}

async fn open(config: &Config, purpose: Purpose) -> anyhow::Result<Here> {
    let opened = engine::open(config, purpose)?;
    let acts = Acts::new(
        opened.clone(),
        Ledger::Closed(engine::ledger_options(config)),
        config.owned(),
        Arc::default(),
        Arc::new(SystemEntropy),
        Arc::new(SystemClock::default()),
    )
    .await?;
    Ok(Here { acts, opened })
}

/// Performs one act.
pub(super) fn perform(config: &Config, act: Act) -> anyhow::Result<Done> {
    perform_all(config, Purpose::Service, |perform| perform(act))
}

/// Performs what somebody asks for, then closes what was opened.
pub(super) fn perform_all<R>(
    config: &Config,
    purpose: Purpose,
    asked: impl FnOnce(&mut dyn FnMut(Act) -> anyhow::Result<Done>) -> anyhow::Result<R>,
) -> anyhow::Result<R> {
    let mut performer = Performer::new(config, purpose)?;
    let done = asked(&mut |act| performer.perform(act));
    performer.close()?;
    done
}
