//! The index as a scan of the records gives it: to make it where there is none, and to compare it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pushtally_model::{AccountKind, AppId, Device, Labels, Number, Tag};
use pushtally_store::labelling::{TagUse, index_keys, owner};
use pushtally_store::{IndexKey, Slots};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::super::devices::shards;
use super::super::labels::labels_of;
use super::super::rows::Row;
use super::super::tables::{
    APPS, ActError, Bytes, DEVICES, INDEX, LABELS, TAGS, keys_of_app, owner_of, tag_key,
};
use super::key::{page_key, page_of, shard_key};
use super::moves::{Fresh, readable};
use super::{put_page, slots};

type Bitmaps = BTreeMap<IndexKey, Slots>;

/// The bitmaps of a shard. A row that cannot be read is in none.
fn scan(
    devices: &impl ReadableTable<(u32, u32), Bytes>,
    labels: &impl ReadableTable<Bytes, Bytes>,
    app: AppId,
    shard: u16,
) -> Result<Bitmaps, redb::Error> {
    let first = u32::from(shard) << 16;
    let mut bitmaps = Bitmaps::new();
    for row in devices.range((app.0, first)..=(app.0, first | 0xFFFF))? {
        let Ok(device) = Device::decode(row?.1.value()) else {
            continue;
        };
        let (kind, name) = owner(&device);
        let of_owner = readable(labels_of(labels, app, kind, name.as_str()))?;
        for key in index_keys(&device, &of_owner.unwrap_or_default()) {
            let slot = u32::from(device.number.slot());
            bitmaps.entry(key).or_default().insert(slot);
        }
    }
    Ok(bitmaps)
}

/// Makes the pages of a database that has none, a shard after the other.
pub(in super::super) fn build(write: &WriteTransaction) -> Result<(), redb::Error> {
    let apps: Vec<AppId> = {
        let table = write.open_table(APPS)?;
        let apps = table.iter()?.map(|row| Ok(AppId(row?.0.value())));
        apps.collect::<Result<_, redb::StorageError>>()?
    };
    let (devices, labels) = (write.open_table(DEVICES)?, write.open_table(LABELS)?);
    let mut pages = write.open_table(INDEX)?;
    for app in apps {
        for shard in readable(shards(&devices, app))?.unwrap_or_default() {
            for (key, bitmap) in scan(&devices, &labels, app, shard)? {
                put_page(&mut pages, &page_key(app, shard, &key), &bitmap)?;
            }
        }
    }
    Ok(())
}

/// How the index of an app differs from a scan of its records, at most `max` differences, each shard as of one moment.
pub(in super::super) fn verify(
    moment: &mut dyn FnMut() -> Result<(ReadTransaction, Fresh), ActError>,
    app: AppId,
    max: usize,
) -> Result<Vec<String>, ActError> {
    let (read, _) = moment()?;
    let mut found: BTreeSet<u16> = shards(&read.open_table(DEVICES)?, app)?
        .into_iter()
        .collect();
    found.extend(indexed_shards(&read, app)?);
    let mut differences = verify_tags(&read, app, max)?;
    drop(read);
    for shard in found {
        let (read, fresh) = moment()?;
        let (devices, labels) = (read.open_table(DEVICES)?, read.open_table(LABELS)?);
        let records = scan(&devices, &labels, app, shard)?;
        let index = indexed(&read, &fresh, app, shard, &mut differences)?;
        compare(shard, &records, &index, max, &mut differences);
        if differences.len() >= max {
            break;
        }
    }
    differences.truncate(max);
    Ok(differences)
}

/// The shards that have pages: from each to the first page beyond it.
fn indexed_shards(read: &ReadTransaction, app: AppId) -> Result<Vec<u16>, redb::Error> {
    let table = read.open_table(INDEX)?;
    let end = keys_of_app(app).1;
    let mut shards = Vec::new();
    let mut next = Some(0);
    while let Some(shard) = next {
        let from = shard_key(app, shard);
        let page = table.range(from.as_slice()..end.as_slice())?.next();
        let Some(page) = page else {
            break;
        };
        let page = page?;
        let Some((high, low)) = page.0.value().get(4).zip(page.0.value().get(5)) else {
            break;
        };
        let found = u16::from_be_bytes([*high, *low]);
        shards.push(found);
        next = found.checked_add(1);
    }
    Ok(shards)
}

/// The bitmaps of a shard as the index has them.
fn indexed(
    read: &ReadTransaction,
    fresh: &Fresh,
    app: AppId,
    shard: u16,
    differences: &mut Vec<String>,
) -> Result<Bitmaps, redb::Error> {
    let table = read.open_table(INDEX)?;
    let from = shard_key(app, shard);
    let to = match shard.checked_add(1) {
        Some(next) => shard_key(app, next),
        None => keys_of_app(app).1,
    };
    let mut bitmaps = Bitmaps::new();
    for page in table.range(from.as_slice()..to.as_slice())? {
        let (key, page) = page?;
        match (page_of(key.value()), slots(page.value())) {
            (Some((_, _, of)), Ok(page)) => drop(bitmaps.insert(of, page)),
            _ => differences.push(format!("shard `{shard}`: a page cannot be read")),
        }
    }
    for (key, moves) in fresh.of((app, shard)).into_iter().flatten() {
        let page = Arc::new(bitmaps.remove(key).unwrap_or_default());
        let moved = moves.apply(&page);
        if !moved.is_empty() {
            bitmaps.insert(key.clone(), (*moved).clone());
        }
    }
    Ok(bitmaps)
}

fn compare(
    shard: u16,
    records: &Bitmaps,
    index: &Bitmaps,
    max: usize,
    differences: &mut Vec<String>,
) {
    let none = Slots::new();
    let keys: BTreeSet<&IndexKey> = records.keys().chain(index.keys()).collect();
    for key in keys {
        let of = |bitmaps: &'_ Bitmaps| bitmaps.get(key).unwrap_or(&none).clone();
        let (records, index) = (of(records), of(index));
        let sides = [
            (&index - &records, "is in the index, not in the records"),
            (&records - &index, "is in the records, not in the index"),
        ];
        for (slots, how) in sides {
            for slot in slots {
                if differences.len() >= max {
                    return;
                }
                let number = Number(u32::from(shard) << 16 | slot);
                differences.push(format!("device `{number}` under {}: {how}", named(key)));
            }
        }
    }
}

fn named(key: &IndexKey) -> String {
    match key {
        IndexKey::Registered => "all registered".to_owned(),
        IndexKey::Kind(AccountKind::User) => "devices of users".to_owned(),
        IndexKey::Kind(AccountKind::Phone) => "phones that nobody is signed in on".to_owned(),
        IndexKey::Reachable(channel) => format!("reachable through {channel:?}"),
        IndexKey::Tag(tag) => format!("tag `{tag}`"),
        IndexKey::Attribute(index, value) => format!("attribute {} = `{value}`", index.get()),
    }
}

/// Whether who has each tag is what the labels say.
fn verify_tags(read: &ReadTransaction, app: AppId, max: usize) -> Result<Vec<String>, redb::Error> {
    let (labels, tags) = (read.open_table(LABELS)?, read.open_table(TAGS)?);
    let (from, to) = keys_of_app(app);
    let mut counted: BTreeMap<Tag, TagUse> = BTreeMap::new();
    for row in labels.range(from.as_slice()..to.as_slice())? {
        let (key, row) = row?;
        let (Some((_, kind, _)), Ok(labels)) = (owner_of(key.value()), Labels::decode(row.value()))
        else {
            continue;
        };
        for tag in labels.tags {
            let none = TagUse { kind, accounts: 0 };
            counted.entry(tag).or_insert(none).accounts += 1;
        }
    }
    let mut differences = Vec::new();
    let mut known = 0;
    for row in tags.range(from.as_slice()..to.as_slice())? {
        row?;
        known += 1;
    }
    for (tag, used) in &counted {
        let row = tags.get(tag_key(app, tag).as_slice())?;
        let found = row.and_then(|row| TagUse::decode(row.value()).ok());
        if found.as_ref() != Some(used) && differences.len() < max {
            let accounts = found.map_or(0, |found| found.accounts);
            differences.push(format!(
                "tag `{tag}`: `{}` accounts have it, `{accounts}` are counted",
                used.accounts
            ));
        }
    }
    if known > counted.len() {
        let more = known - counted.len();
        differences.push(format!("`{more}` tags are counted that no account has"));
    }
    Ok(differences)
}
