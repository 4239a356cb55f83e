//! Snapshots: immutable tables of pages, stacked newest first, and the manifest that names them.
//!
//! Invariant: the manifest names a set of complete, synced tables and the place in the log that they include.
//! It is replaced by rename, so a crash leaves the old set or the new one; files that it does not name are
//! remains of a crash and are removed at the next start. A page is the newest whole version in any table with
//! the additions of newer tables. Tables are merged in the background, which changes no page.

mod manifest;
mod merge;
mod table;
mod value;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pushtally_ledger::{Page, PageKey, StoredPage};
use pushtally_store::{Installed, Snapshot};

pub(crate) use manifest::Manifest;
use manifest::TableEntry;
use table::{Lookup, Table, TableWriter};
use value::Versions;

use crate::disk::Disk;
use crate::error::LocalError;

/// A key as stored.
type KeyBytes = [u8; PageKey::LEN];

/// The newest set of tables, newest first.
#[derive(Debug, Default)]
pub(crate) struct TableSet {
    pub(crate) manifest: Manifest,
    pub(crate) tables: Vec<Arc<Table>>,
}

/// The snapshotted pages of a directory.
#[derive(Debug)]
pub(crate) struct Tables {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    set: ArcSwap<TableSet>,
    generation: AtomicU64,
    /// Held while the set is replaced.
    changing: Mutex<()>,
    next_id: AtomicU64,
    /// Held by the one merge that may run.
    merging: Mutex<()>,
}

impl Tables {
    /// Opens the set that the manifest names. Changes nothing: [`Self::remove_unnamed`] does, once all is well.
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, LocalError> {
        disk.create_dir_all(dir)
            .map_err(|e| LocalError::of_io("create", dir, e))?;
        let manifest = Manifest::read(&*disk, dir)?;
        let mut tables = Vec::new();
        for entry in &manifest.tables {
            tables.push(Arc::new(Table::open(
                &*disk,
                &table_path(dir, entry.id),
                entry,
            )?));
        }
        let next_id = manifest
            .tables
            .iter()
            .map(|entry| entry.id + 1)
            .max()
            .unwrap_or(1);
        Ok(Self {
            disk,
            dir: dir.to_path_buf(),
            set: ArcSwap::from_pointee(TableSet { manifest, tables }),
            generation: AtomicU64::new(1),
            changing: Mutex::new(()),
            next_id: AtomicU64::new(next_id),
            merging: Mutex::new(()),
        })
    }

    /// Removes what a crash left behind: files that the manifest does not name.
    pub(crate) fn remove_unnamed(&self) -> Result<(), LocalError> {
        let set = self.set();
        let listed = self.disk.list(&self.dir);
        for name in listed.map_err(|e| LocalError::of_io("list", &self.dir, e))? {
            let mut named = set.manifest.tables.iter();
            let is_ours = name.ends_with(".table") || name.ends_with(".new");
            if is_ours && !named.any(|entry| name == table_name(entry.id)) {
                let path = self.dir.join(name);
                let removed = self.disk.remove(&path);
                removed.map_err(|e| LocalError::of_io("remove", &path, e))?;
            }
        }
        Ok(())
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self) -> Arc<TableSet> {
        self.set.load_full()
    }

    /// Reads pages of one set. Ascending keys read each block once.
    pub(crate) fn load_many(&self, keys: &[PageKey]) -> Result<Vec<Option<Page>>, LocalError> {
        let set = self.set.load();
        let mut lookups: Vec<(&Table, Lookup<'_>)> = set
            .tables
            .iter()
            .map(|table| (&**table, Lookup::new(table)))
            .collect();
        let mut pages = Vec::with_capacity(keys.len());
        let mut versions = Versions::default();
        for key in keys {
            let bytes = key.to_bytes();
            for (table, lookup) in &mut lookups {
                let found = lookup.get(&bytes)?;
                if found.map_or(Ok(false), |value| versions.take(*key, value, table))? {
                    break;
                }
            }
            pages.push(versions.unite());
        }
        Ok(pages)
    }

    /// What the newest snapshot includes.
    pub(crate) fn installed(&self) -> Installed {
        let set = self.set.load();
        let bytes = set.manifest.tables.iter().map(|entry| entry.bytes).sum();
        let Manifest {
            included,
            tasks_end,
            numbers_end,
            ..
        } = &set.manifest;
        Installed {
            included: included.clone(),
            tasks_end: *tasks_end,
            numbers_end: numbers_end.clone(),
            bytes,
        }
    }

    /// Writes a table of the snapshot's pages, then a manifest that names it.
    pub(crate) fn install(&self, snapshot: &Snapshot) -> Result<(), LocalError> {
        let (table, entry) = self.write_table(|writer| {
            let mut bytes = Vec::new();
            for StoredPage { key, form, page } in &snapshot.pages {
                bytes.clear();
                value::encode(*form, page, &mut bytes);
                writer.put(key.to_bytes(), &bytes)?;
            }
            Ok(())
        })?;
        self.replace(|set| {
            let mut manifest = set.manifest.clone();
            manifest.included = snapshot.included.clone();
            manifest.tasks_end = snapshot.tasks_end;
            manifest.numbers_end = snapshot.numbers_end.clone();
            let mut tables = set.tables.clone();
            if entry.entries > 0 {
                manifest.tables.insert(0, entry.clone());
                tables.insert(0, Arc::new(table));
            }
            TableSet { manifest, tables }
        })?;
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Writes a new table; one that could not be finished is removed, so that trying again costs no space.
    fn write_table(
        &self,
        fill: impl FnOnce(&mut TableWriter) -> Result<(), LocalError>,
    ) -> Result<(Table, TableEntry), LocalError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut writer = TableWriter::create(&*self.disk, &self.dir, id)?;
        let written = fill(&mut writer).and_then(|()| writer.finish());
        // Its name must be durable before a manifest can name it.
        let named = |file| {
            self.disk
                .sync_dir(&self.dir)
                .map_err(|e| LocalError::of_io("sync", &self.dir, e))
                .map(|()| file)
        };
        let written = written.and_then(named);
        if written.is_err() {
            // The error that matters is the first; a file left over is removed at the next start.
            let _ = self.disk.remove(&table_path(&self.dir, id));
        }
        written
    }

    /// Makes a new set durable, then current.
    fn replace(&self, change: impl FnOnce(&TableSet) -> TableSet) -> Result<(), LocalError> {
        let _one_at_a_time = self.changing.lock();
        let set = change(&self.set.load());
        set.manifest.write(&*self.disk, &self.dir)?;
        self.set.store(Arc::new(set));
        Ok(())
    }

    /// Bytes of the indexes of all tables.
    pub(crate) fn memory_bytes(&self) -> usize {
        let set = self.set.load();
        set.tables.iter().map(|table| table.index_bytes()).sum()
    }

    /// Visits every page from a key on, in order.
    pub(crate) fn scan(
        &self,
        from: PageKey,
        visit: &mut dyn FnMut(PageKey, Page) -> std::ops::ControlFlow<()>,
    ) -> Result<(), LocalError> {
        let set = self.set();
        let mut merged = merge::Merged::new(&set.tables, from.to_bytes())?;
        while let Some((key, page, _)) = merged.next_page()? {
            if visit(key, page).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Reads every block of every table and every page; answers how many pages.
    pub(crate) fn verify(&self) -> Result<u64, LocalError> {
        let mut pages = 0;
        self.scan(
            PageKey::Total(pushtally_model::AppId(0), pushtally_model::Kind::Push),
            &mut |_, _| {
                pages += 1;
                std::ops::ControlFlow::Continue(())
            },
        )?;
        Ok(pages)
    }
}

fn table_name(id: u64) -> String {
    format!("{id:020}.table")
}

fn table_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(table_name(id))
}

#[cfg(test)]
mod tests;
