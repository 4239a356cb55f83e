//! The section `[storage]`: the engine, its bounds, and the keys of what is kept encrypted.

use super::reader::Reader;
use super::{MIB, Origin, Storage, TIB, secret, within};
use crate::channels::{Key, Vault};

/// The section on storage, without the vault.
pub(super) struct StorageSection {
    pub(super) engine: Storage,
    pub(super) memory_bytes_max: usize,
    pub(super) index_bytes_max: usize,
    pub(super) forget_within_s: u32,
}

pub(super) fn read(section: Reader<'_>, notes: &mut Vec<String>) -> (StorageSection, Vault) {
    within(section, |storage| {
        let (url, origin) = storage.text("url");
        let engine = match url.split_once(':') {
            Some(("local", dir)) if !dir.is_empty() => Storage::Local(origin.resolve(dir)),
            Some(("memory", "")) => Storage::Memory,
            _ => {
                storage.refuse(&origin, "url", &url, "`local:DIRECTORY` or `memory:`");
                Storage::Memory
            }
        };
        let read = StorageSection {
            engine,
            memory_bytes_max: storage.size("memory_max", 64 * MIB..=TIB),
            index_bytes_max: storage.size("index_max", MIB..=TIB),
            forget_within_s: storage.integer("forget_within_s", 10..=2_592_000, "seconds"),
        };
        (read, read_vault(storage, notes))
    })
}

fn read_vault(storage: &mut Reader<'_>, notes: &mut Vec<String>) -> Vault {
    const KEY: &str = "credentials_key";
    const KEY_FILE: &str = "credentials_key_file";
    let file = storage.peek_text(KEY_FILE);
    let file = file.filter(|(path, _)| !path.is_empty());
    if let Some((path, at)) = &file
        && secret::is_open_to_all(at, path)
    {
        notes.push(format!(
            "{at}: `{path}` can be read by everybody, `chmod 600` is better"
        ));
    }
    let at = file.or_else(|| storage.peek_text(KEY));
    let secrets = secret::take(storage, KEY, KEY_FILE).unwrap_or_default();
    let keys: Option<Vec<Key>> = secrets.iter().map(Key::parse).collect();
    if keys.is_none() {
        let at = at.map_or(Origin::Default, |(_, at)| at);
        let allowed = "32 bytes in hexadecimal or base64, or several such keys, the newest first";
        storage.refuse(&at, KEY, "(hidden)", allowed);
    }
    Vault::new(keys.unwrap_or_default())
}
