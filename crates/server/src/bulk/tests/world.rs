//! An installation to import into, with a folder of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pushtally_model::{App, AppId, FixedEntropy, ManualClock, Secret};
use pushtally_store::Directory;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::super::export::Written;
use super::super::import::Ended;
use super::super::{Counts, Export, Import, Kind};
use crate::acts::{Act, Acts, Done, Ledger};
use crate::config::{Config, Declared, Origin, Owned, Storage};
use crate::engine::{Opened, Purpose};
use crate::terminal::Bar;

pub(super) const APP: u32 = 7;

/// An installation with one app, and a folder of files.
pub(super) struct World {
    pub(super) runtime: Runtime,
    pub(super) opened: Opened,
    pub(super) acts: Acts,
    pub(super) app: App,
    pub(super) folder: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_bound(App::DEVICES_MAX)
    }

    pub(super) fn with_bound(devices_max: u64) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let mut config = Config::defaults().unwrap();
        config.storage = Storage::Memory;
        let opened = crate::engine::open(&config, Purpose::Service).unwrap();
        let mut app = App::new(AppId(APP), Secret::new("k"));
        app.devices_max = devices_max;
        let acts = runtime.block_on(acts(&opened, &app));
        Self {
            runtime,
            opened,
            acts,
            app,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn perform(&self, act: Act) -> anyhow::Result<Done> {
        Ok(self.runtime.block_on(self.acts.perform(act))?)
    }

    pub(super) fn import(&self, asked: &Import) -> anyhow::Result<Ended> {
        asked.run(&mut |act| self.perform(act), &mut Bar::new())
    }

    /// Imports a text; answers its counts as (new, changed, same, bad).
    pub(super) fn take(&self, kind: Kind, name: &str, text: &str) -> (u64, u64, u64, u64) {
        let ended = self.import(&import(kind, &self.write(name, text))).unwrap();
        of(ended.counts)
    }

    /// Exports everything of a kind as a text.
    pub(super) fn give(&self, kind: Kind, name: &str, with_tokens: bool) -> (String, Written) {
        let file = self.path(name);
        let asked = Export {
            kind,
            sdkappid: APP,
            file: file.clone(),
            format: None,
            with_tokens,
        };
        let written = asked.run(&mut |act| self.perform(act), &mut Bar::new());
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(file).unwrap();
        (text, written.unwrap())
    }

    pub(super) fn name_city(&self) {
        let names = [(0, "城市".to_owned()), (3, "level".to_owned())].to_vec();
        let act = Act::ImportStart {
            sdkappid: APP,
            kind: Kind::Attributes,
            file: String::new(),
            names,
        };
        assert!(self.perform(act).is_ok());
    }

    pub(super) fn audit(&self) -> Vec<(String, String)> {
        let audit = &self.opened.engine.audit;
        let entries = self
            .runtime
            .block_on(audit.entries(None, None, 100))
            .unwrap();
        let said = entries.into_iter().map(|entry| (entry.what, entry.target));
        said.collect()
    }
}

pub(super) async fn acts(opened: &Opened, app: &App) -> Acts {
    let declared = Declared {
        app: app.clone(),
        origin: Origin::File {
            path: Path::new("p.toml").into(),
            line: 1,
        },
    };
    Acts::new(
        opened.clone(),
        Ledger::Closed(pushtally_stats::Options::default()),
        Owned {
            apps: vec![declared],
            ..Owned::default()
        },
        Arc::<Directory>::default(),
        Arc::new(FixedEntropy(0xA5)),
        Arc::new(ManualClock::at_unix(1_764_136_800)),
    )
    .await
    .unwrap()
}

pub(super) fn import(kind: Kind, file: &Path) -> Import {
    Import {
        kind,
        sdkappid: APP,
        file: file.to_owned(),
        format: None,
        bad: None,
        from_start: false,
        replace: false,
        names: Vec::new(),
    }
}

pub(super) fn of(counts: Counts) -> (u64, u64, u64, u64) {
    (counts.new, counts.changed, counts.same, counts.bad)
}
