//! Backup and restore: a consistent copy of a directory, taken while it is in use.
//!
//! Logs are copied as of one moment between two commits; tables never change. A backup is itself a data
//! directory. Relay queues are left out: what was passed on since would be passed on again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use pushtally_model::Entropy;

use crate::apps::LocalApps;
use crate::disk::{Disk, RealDisk};
use crate::engine::{LocalEngine, LocalOptions};
use crate::error::LocalError;
use crate::format::Format;
use crate::layout::{APPS, EVENTS, FORMAT, NAMES, PAGES, STATE, STATE_LOG, keep_private};
use crate::log::Moment;
use crate::tables::TableSet;

/// Bytes copied at once.
const COPY_LEN: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReport {
    /// Bytes of the logs, tables and state copied.
    pub bytes: u64,
    /// How long commits waited, in microseconds.
    pub pause_us: u128,
}

impl LocalEngine {
    /// Copies the directory into an empty or new one. Commits wait only while the moment is fixed.
    pub fn backup(&self, to: &Path) -> Result<BackupReport, LocalError> {
        make_empty(&*self.disk, to)?;
        let _kept_state = self.state.keep();
        let _kept = self.log.keep();
        let asked = Instant::now();
        // The state of the same moment: what it says was planned is in the log.
        let during = || (self.tables.set(), self.state.snapshot());
        let (moment, (tables, state)) = self.log.pause(during)?;
        let pause_us = asked.elapsed().as_micros();
        let state = state.map_err(|error| LocalError::Io {
            what: format!("read `{STATE}`"),
            source: std::io::Error::other(error),
        })?;
        let bytes = self.copy(&moment, &tables, to)?;
        let bytes = bytes + state.write(&self.disk, &to.join(STATE))?;
        let apps = LocalApps::open(&to.join(APPS))?;
        for app in self.apps.read()? {
            apps.write(&app)?;
        }
        apps.write_channels(&self.apps.read_channels()?)?;
        // The mark comes last: a copy without it is no data directory.
        Format::mark(&*self.disk, to, self.partitions)?;
        Ok(BackupReport { bytes, pause_us })
    }

    fn copy(&self, moment: &Moment, set: &Arc<TableSet>, to: &Path) -> Result<u64, LocalError> {
        let (events, names) = self.log.readers();
        let pages = to.join(PAGES);
        names.copy_to(&moment.names, &*self.disk, &to.join(NAMES))?;
        events.copy_to(&moment.events, &*self.disk, &to.join(EVENTS))?;
        self.disk
            .create_dir_all(&pages)
            .map_err(|e| LocalError::of_io("create", &pages, e))?;
        let mut bytes = moment
            .names
            .iter()
            .chain(&moment.events)
            .map(|(_, len)| len)
            .sum();
        for table in &set.tables {
            let (path, file) = table.file();
            let target = pages.join(path.file_name().unwrap_or_default());
            let created = self
                .disk
                .create_new(&target)
                .map_err(|e| LocalError::of_io("create", &target, e))?;
            let mut buffer = vec![0; COPY_LEN];
            let mut at = 0;
            loop {
                let read = file
                    .read_at(at, &mut buffer)
                    .map_err(|e| LocalError::of_io("read", path, e))?;
                if read == 0 {
                    break;
                }
                created
                    .write_at(at, &buffer[..read])
                    .map_err(|e| LocalError::of_io("write", &target, e))?;
                at += read as u64;
            }
            created
                .sync()
                .map_err(|e| LocalError::of_io("sync", &target, e))?;
            bytes += at;
        }
        set.manifest.write(&*self.disk, &pages)?;
        Ok(bytes)
    }
}

/// Copies a backup into an empty or new directory and checks every byte of the copy. Answers the pages in it.
pub fn restore(
    from: &Path,
    to: &Path,
    options: LocalOptions,
    entropy: &dyn Entropy,
) -> Result<u64, LocalError> {
    let disk = RealDisk;
    let format = from.join(FORMAT);
    if !disk
        .exists(&format)
        .map_err(|e| LocalError::of_io("look for", &format, e))?
    {
        return Err(LocalError::corrupt(
            from,
            0,
            "it is not a complete backup: it has no `FORMAT`",
        ));
    }
    make_empty(&disk, to)?;
    for part in [NAMES, EVENTS, PAGES] {
        copy_dir(&disk, &from.join(part), &to.join(part))?;
    }
    copy_file(&from.join(APPS), &to.join(APPS))?;
    // Backups of before there were devices have none; backups have no log of it, directories that were in use have.
    let exists = |path: &Path| {
        disk.exists(path)
            .map_err(|e| LocalError::of_io("look for", path, e))
    };
    if exists(&from.join(STATE))? {
        copy_file(&from.join(STATE), &to.join(STATE))?;
    }
    if exists(&from.join(STATE_LOG))? {
        copy_dir(&disk, &from.join(STATE_LOG), &to.join(STATE_LOG))?;
    }
    copy_file(&format, &to.join(FORMAT))?;
    disk.sync_dir(to)
        .map_err(|e| LocalError::of_io("sync", to, e))?;
    let engine = LocalEngine::open(to, options, entropy)?;
    engine.log.check()?;
    let pages = engine.tables.verify()?;
    engine.close()?;
    Ok(pages)
}

fn make_empty(disk: &dyn Disk, dir: &Path) -> Result<(), LocalError> {
    disk.create_dir_all(dir)
        .map_err(|e| LocalError::of_io("create", dir, e))?;
    match disk
        .list(dir)
        .map_err(|e| LocalError::of_io("list", dir, e))?
        .first()
    {
        None => keep_private(dir),
        Some(name) => Err(LocalError::Io {
            what: format!("use `{}`: it already holds `{name}`", dir.display()),
            source: std::io::ErrorKind::AlreadyExists.into(),
        }),
    }
}

fn copy_dir(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), LocalError> {
    disk.create_dir_all(to)
        .map_err(|e| LocalError::of_io("create", to, e))?;
    let names: Vec<PathBuf> = disk
        .list(from)
        .map_err(|e| LocalError::of_io("list", from, e))?
        .into_iter()
        .map(PathBuf::from)
        .collect();
    for name in names {
        copy_file(&from.join(&name), &to.join(&name))?;
    }
    disk.sync_dir(to)
        .map_err(|e| LocalError::of_io("sync", to, e))
}

fn copy_file(from: &Path, to: &Path) -> Result<(), LocalError> {
    std::fs::copy(from, to).map_err(|e| LocalError::of_io("copy", from, e))?;
    let file = std::fs::File::open(to).map_err(|e| LocalError::of_io("open", to, e))?;
    file.sync_all()
        .map_err(|e| LocalError::of_io("sync", to, e))
}
