//! Merging: several tables read as one, and the background merge that keeps them few.

use std::sync::Arc;

use pushtally_ledger::{Form, Page, PageKey};

use super::table::{Entries, Table};
use super::value::Versions;
use super::{KeyBytes, TableSet, Tables, table_path};
use crate::error::LocalError;

/// Tables of like size are merged when there are this many of them.
const LIKE_MAX: usize = 4;
/// An older table joins a merge while it is at most this many times the newer ones together.
const LIKE_FACTOR: u64 = 2;

/// A place in one table.
struct Place<'a> {
    table: &'a Table,
    block: usize,
    bytes: Vec<u8>,
    at: usize,
    next: Option<(KeyBytes, std::ops::Range<usize>)>,
}

impl<'a> Place<'a> {
    fn new(table: &'a Table, from: KeyBytes) -> Result<Self, LocalError> {
        let block = table.block_of(&from).unwrap_or(0);
        let mut place = Self {
            table,
            block,
            bytes: table.read(block)?,
            at: 0,
            next: None,
        };
        place.step()?;
        while place.next.as_ref().is_some_and(|(key, _)| *key < from) {
            place.step()?;
        }
        Ok(place)
    }

    fn step(&mut self) -> Result<(), LocalError> {
        loop {
            if let Some((key, value)) = Entries(&self.bytes[self.at..]).next() {
                let start = self.at + key.len() + 4;
                self.at = start + value.len();
                self.next = Some((key, start..self.at));
                return Ok(());
            }
            self.block += 1;
            if self.block >= self.table.blocks_len() {
                self.next = None;
                return Ok(());
            }
            (self.bytes, self.at) = (self.table.read(self.block)?, 0);
        }
    }
}

/// Several tables, newest first, read as one in key order.
pub(super) struct Merged<'a>(Vec<Place<'a>>);

impl<'a> Merged<'a> {
    pub(super) fn new(tables: &'a [Arc<Table>], from: KeyBytes) -> Result<Self, LocalError> {
        tables
            .iter()
            .map(|table| Place::new(table, from))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The next key; its versions are then at the fronts of the tables that have it.
    fn next_key(&self) -> Option<KeyBytes> {
        self.0
            .iter()
            .filter_map(|place| place.next.as_ref().map(|(key, _)| *key))
            .min()
    }

    /// The next page, and whether its oldest version here is an addition to still older ones.
    pub(super) fn next_page(&mut self) -> Result<Option<(PageKey, Page, Form)>, LocalError> {
        while let Some(bytes) = self.next_key() {
            let mut versions = Versions::default();
            let mut form = Form::Addition;
            for place in &mut self.0 {
                if let Some((_, value)) = place.next.as_ref().filter(|(found, _)| *found == bytes) {
                    let key = place.table.key(bytes)?;
                    if form == Form::Addition
                        && versions.take(key, &place.bytes[value.clone()], place.table)?
                    {
                        form = Form::Whole;
                    }
                    place.step()?;
                }
            }
            if let (Some(page), Some(key)) = (versions.unite(), PageKey::from_bytes(bytes)) {
                return Ok(Some((key, page, form)));
            }
        }
        Ok(None)
    }

    /// The next key and its stored value, its versions united; copied as it is when there is only one. The
    /// value is empty when the key was removed.
    fn next_value(&mut self, out: &mut Vec<u8>) -> Result<Option<KeyBytes>, LocalError> {
        let Some(bytes) = self.next_key() else {
            return Ok(None);
        };
        out.clear();
        let has = |place: &&mut Place<'_>| {
            place
                .next
                .as_ref()
                .is_some_and(|(found, _)| *found == bytes)
        };
        let mut places: Vec<&mut Place<'a>> = self.0.iter_mut().filter(has).collect();
        let stored = places.iter().filter_map(|place| {
            let (_, range) = place.next.as_ref()?;
            Some(&place.bytes[range.clone()])
        });
        places[0].table.unite(bytes, stored, out)?;
        for place in &mut places {
            place.step()?;
        }
        Ok(Some(bytes))
    }
}

impl Tables {
    /// Merges the newest tables when enough of them are of like size; answers whether it did.
    pub(crate) fn merge_like(&self) -> Result<bool, LocalError> {
        let _one_at_a_time = self.merging.lock();
        let set = self.set();
        let mut like = 0;
        let mut bytes = 0;
        for entry in &set.manifest.tables {
            if like > 0 && entry.bytes > bytes * LIKE_FACTOR {
                break;
            }
            bytes += entry.bytes;
            like += 1;
        }
        if like < LIKE_MAX {
            return Ok(false);
        }
        self.merge(&set, like)?;
        Ok(true)
    }

    /// Merges all tables into one: the smallest form on disk.
    pub(crate) fn merge_all(&self) -> Result<(), LocalError> {
        let _one_at_a_time = self.merging.lock();
        let set = self.set();
        if set.tables.len() > 1 {
            self.merge(&set, set.tables.len())
        } else {
            Ok(())
        }
    }

    /// Merges the newest `count` tables of a set. Tables installed meanwhile stay on top.
    fn merge(&self, set: &TableSet, count: usize) -> Result<(), LocalError> {
        let keep_removals = count < set.tables.len();
        let (table, entry) = self.write_table(|writer| {
            let mut merged = Merged::new(&set.tables[..count], [0; _])?;
            let mut value = Vec::new();
            while let Some(key) = merged.next_value(&mut value)? {
                if keep_removals || !value.is_empty() {
                    writer.put(key, &value)?;
                }
            }
            Ok(())
        })?;
        let table = Arc::new(table);
        let oldest: Vec<u64> = set.manifest.tables[..count]
            .iter()
            .map(|entry| entry.id)
            .collect();
        self.replace(|current| {
            let mut manifest = current.manifest.clone();
            let mut tables = current.tables.clone();
            let from = manifest
                .tables
                .iter()
                .position(|entry| oldest.contains(&entry.id))
                .unwrap_or(0);
            manifest.tables.splice(
                from..from + count,
                (entry.entries > 0).then(|| entry.clone()),
            );
            tables.splice(
                from..from + count,
                (entry.entries > 0).then(|| Arc::clone(&table)),
            );
            TableSet { manifest, tables }
        })?;
        for id in oldest {
            let path = table_path(&self.dir, id);
            self.disk
                .remove(&path)
                .map_err(|e| LocalError::of_io("remove", &path, e))?;
        }
        Ok(())
    }
}
