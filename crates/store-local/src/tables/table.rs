//! One immutable table: pages in key order, in checksummed blocks, with an index of the blocks at the end.
//!
//! Layout: header (magic, format), blocks of (key, u32 length, bytes)*, the index of (first key, offset,
//! length, CRC-32C)*, a footer of fixed length that places and checks the index. An empty value is a removal.

use std::path::{Path, PathBuf};

use pushtally_ledger::{Page, PageKey};

use super::{KeyBytes, TableEntry, table_path, value};
use crate::disk::{Disk, DiskFile};
use crate::error::LocalError;

const MAGIC: [u8; 8] = *b"PTTABLE\0";
const FORMAT: u32 = 1;
const HEADER_LEN: u64 = 12;
const FOOTER_LEN: u64 = 8 + 8 + 4 + 8;
/// A block is closed at this size: one read brings in about that much.
const BLOCK_LEN: usize = 16 * 1024;
/// Written bytes are synced this often, so that a large snapshot does not hold up the log's fsync.
const SYNC_EVERY: usize = 4 * 1024 * 1024;
/// Blocks are gathered into writes of this size.
const WRITE_LEN: usize = 512 * 1024;
const ENTRY_LEN: usize = PageKey::LEN + 8 + 4 + 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    first: KeyBytes,
    offset: u64,
    len: u32,
    crc: u32,
}

/// A table, open for reading.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    blocks: Vec<Block>,
}

impl Table {
    /// Opens a finished table.
    pub(super) fn open(
        disk: &dyn Disk,
        path: &Path,
        entry: &TableEntry,
    ) -> Result<Self, LocalError> {
        let io = |act: &'static str| move |e| LocalError::of_io(act, path, e);
        let file = disk.open(path).map_err(io("open"))?;
        let len = file.len().map_err(io("measure"))?;
        let damaged = |offset, why: String| LocalError::corrupt(path, offset, why);
        if len != entry.bytes || len < HEADER_LEN + FOOTER_LEN {
            return Err(damaged(
                len,
                format!("it has `{len}` bytes, written were `{}`", entry.bytes),
            ));
        }
        let mut header = [0; HEADER_LEN as usize];
        file.read_at(0, &mut header).map_err(io("read"))?;
        let format = u32_at(&header, 8);
        if header[..8] != MAGIC {
            return Err(damaged(
                0,
                "its first bytes are not those of a table".into(),
            ));
        }
        if format > FORMAT {
            return Err(LocalError::NewerVersion {
                path: path.to_path_buf(),
                found: format,
                known: FORMAT,
            });
        }
        let mut footer = [0; FOOTER_LEN as usize];
        file.read_at(len - FOOTER_LEN, &mut footer)
            .map_err(io("read"))?;
        let (offset, index_len, crc) =
            (u64_at(&footer, 0), u64_at(&footer, 8), u32_at(&footer, 16));
        if footer[20..] != MAGIC || offset.checked_add(index_len) != Some(len - FOOTER_LEN) {
            return Err(damaged(
                len - FOOTER_LEN,
                "its footer does not place its index".into(),
            ));
        }
        let mut index = vec![0; index_len as usize];
        file.read_at(offset, &mut index).map_err(io("read"))?;
        if crc32c::crc32c(&index) != crc {
            return Err(damaged(offset, "the checksum of its index is wrong".into()));
        }
        let blocks = index.chunks_exact(ENTRY_LEN).map(Block::decode).collect();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            blocks,
        })
    }

    /// The file, for backups.
    pub(crate) fn file(&self) -> (&Path, &dyn DiskFile) {
        (&self.path, &*self.file)
    }

    /// The last block whose first key is not above this one.
    pub(super) fn block_of(&self, key: &KeyBytes) -> Option<usize> {
        self.blocks
            .partition_point(|block| block.first <= *key)
            .checked_sub(1)
    }

    pub(super) fn index_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>()
    }

    pub(super) fn blocks_len(&self) -> usize {
        self.blocks.len()
    }

    /// Reads a block and checks it.
    pub(super) fn read(&self, at: usize) -> Result<Vec<u8>, LocalError> {
        let Some(block) = self.blocks.get(at) else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; block.len as usize];
        let read = self.file.read_at(block.offset, &mut bytes);
        let read = read.map_err(|e| LocalError::of_io("read", &self.path, e))?;
        if read != bytes.len() || crc32c::crc32c(&bytes) != block.crc {
            return Err(LocalError::corrupt(
                &self.path,
                block.offset,
                "the checksum of a block is wrong",
            ));
        }
        Ok(bytes)
    }

    /// The page behind a value.
    pub(super) fn decode(&self, key: PageKey, value: &[u8]) -> Result<Page, LocalError> {
        Page::decode(key, value)
            .map_err(|e| LocalError::corrupt(&self.path, 0, format!("page {key:?}: {e}")))
    }

    /// Appends the value that several values of a key make up, newest first; nothing for a removed key.
    pub(super) fn unite<'v>(
        &self,
        key: KeyBytes,
        values: impl Iterator<Item = &'v [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), LocalError> {
        let key = self.key(key)?;
        value::unite(key, values, out)
            .map_err(|e| LocalError::corrupt(&self.path, 0, format!("page {key:?}: {e}")))
    }

    /// The key behind its bytes.
    pub(super) fn key(&self, key: KeyBytes) -> Result<PageKey, LocalError> {
        PageKey::from_bytes(key)
            .ok_or_else(|| LocalError::corrupt(&self.path, 0, format!("key {key:?} is unknown")))
    }
}

/// Looks keys up in one table, keeping the last block it read.
pub(super) struct Lookup<'a> {
    table: &'a Table,
    block: Option<(usize, Vec<u8>)>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        Self { table, block: None }
    }

    /// The value of a key, if the table has one; empty for a removal.
    pub(super) fn get(&mut self, key: &KeyBytes) -> Result<Option<&[u8]>, LocalError> {
        let Some(at) = self.table.block_of(key) else {
            return Ok(None);
        };
        if self.block.as_ref().is_none_or(|(kept, _)| *kept != at) {
            self.block = Some((at, self.table.read(at)?));
        }
        let block = self.block.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let found = Entries(block).find(|(found, _)| found >= key);
        Ok(found
            .filter(|(found, _)| found == key)
            .map(|(_, value)| value))
    }
}

/// The entries of a checked block.
pub(super) struct Entries<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (KeyBytes, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = self.0.split_first_chunk::<{ PageKey::LEN }>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        self.0 = rest;
        Some((*key, value))
    }
}

/// A table being written.
#[derive(Debug)]
pub(super) struct TableWriter {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    id: u64,
    blocks: Vec<Block>,
    block: Vec<u8>,
    first: KeyBytes,
    last: Option<KeyBytes>,
    buffer: Vec<u8>,
    written: u64,
    unsynced: usize,
    entries: u64,
}

impl TableWriter {
    pub(super) fn create(disk: &dyn Disk, dir: &Path, id: u64) -> Result<Self, LocalError> {
        let path = table_path(dir, id);
        let file = disk
            .create_new(&path)
            .map_err(|e| LocalError::of_io("create", &path, e))?;
        let mut buffer = Vec::with_capacity(WRITE_LEN + BLOCK_LEN);
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&FORMAT.to_le_bytes());
        Ok(Self {
            path,
            file,
            id,
            blocks: Vec::new(),
            block: Vec::with_capacity(2 * BLOCK_LEN),
            first: [0; PageKey::LEN],
            last: None,
            buffer,
            written: 0,
            unsynced: 0,
            entries: 0,
        })
    }

    /// Adds an entry; keys must ascend.
    pub(super) fn put(&mut self, key: KeyBytes, value: &[u8]) -> Result<(), LocalError> {
        if self.last.is_some_and(|last| last >= key) {
            return Err(LocalError::corrupt(
                &self.path,
                self.written,
                format!("key {key:?} is out of order"),
            ));
        }
        self.last = Some(key);
        if self.block.is_empty() {
            self.first = key;
        }
        self.block.extend_from_slice(&key);
        self.block
            .extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.block.extend_from_slice(value);
        self.entries += 1;
        if self.block.len() >= BLOCK_LEN {
            self.close_block()
        } else {
            Ok(())
        }
    }

    fn close_block(&mut self) -> Result<(), LocalError> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.blocks.push(Block {
            first: self.first,
            offset: self.written + self.buffer.len() as u64,
            len: self.block.len() as u32,
            crc: crc32c::crc32c(&self.block),
        });
        self.buffer.append(&mut self.block);
        if self.buffer.len() >= WRITE_LEN {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), LocalError> {
        let written = self.file.write_at(self.written, &self.buffer);
        written.map_err(|e| LocalError::of_io("write", &self.path, e))?;
        self.written += self.buffer.len() as u64;
        self.unsynced += self.buffer.len();
        self.buffer.clear();
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), LocalError> {
        self.file
            .sync()
            .map_err(|e| LocalError::of_io("sync", &self.path, e))
    }

    /// Writes the index and syncs; the file's name is the caller's to make durable.
    pub(super) fn finish(mut self) -> Result<(Table, TableEntry), LocalError> {
        self.close_block()?;
        let mut index = Vec::with_capacity(self.blocks.len() * ENTRY_LEN);
        self.blocks
            .iter()
            .for_each(|block| block.encode(&mut index));
        let offset = self.written + self.buffer.len() as u64;
        self.buffer.extend_from_slice(&index);
        self.buffer.extend_from_slice(&offset.to_le_bytes());
        self.buffer
            .extend_from_slice(&(index.len() as u64).to_le_bytes());
        self.buffer
            .extend_from_slice(&crc32c::crc32c(&index).to_le_bytes());
        self.buffer.extend_from_slice(&MAGIC);
        self.flush()?;
        self.sync()?;
        let entry = TableEntry {
            id: self.id,
            bytes: self.written,
            entries: self.entries,
        };
        Ok((
            Table {
                path: self.path,
                file: self.file,
                blocks: self.blocks,
            },
            entry,
        ))
    }
}

impl Block {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first);
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut first = [0; PageKey::LEN];
        first.copy_from_slice(&bytes[..PageKey::LEN]);
        Self {
            first,
            offset: u64_at(bytes, PageKey::LEN),
            len: u32_at(bytes, PageKey::LEN + 8),
            crc: u32_at(bytes, PageKey::LEN + 12),
        }
    }
}

/// A little-endian integer of a buffer that is long enough.
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk::<8>()
        .map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk::<4>()
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}
