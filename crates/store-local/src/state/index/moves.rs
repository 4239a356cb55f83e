//! What moves in the index when rows change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use pushtally_model::{Account, AccountKind, AppId, Device, Labels, Number, RegistrationId};
use pushtally_store::labelling::{index_keys, label_keys, owner};
use pushtally_store::{IndexKey, Slots};
use redb::Value;

use super::super::changes::Before;
use super::super::devices::{device, numbers_of_account, phone};
use super::super::labels::labels_of;
use super::super::rows::Row;
use super::super::tables::{ActError, DEVICES_ID, LABELS_ID, Tables, owner_of};

/// A device that comes into a bitmap, or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Move {
    app: AppId,
    number: Number,
    key: IndexKey,
    comes: bool,
}

/// The slots that came and went.
#[derive(Debug, Clone, Default)]
pub(super) struct Moves {
    come: Slots,
    gone: Slots,
}

impl Moves {
    /// A page with these moves.
    pub(super) fn apply(&self, page: &Arc<Slots>) -> Arc<Slots> {
        let mut page = (**page).clone();
        page |= &self.come;
        page -= &self.gone;
        Arc::new(page)
    }
}

pub(super) type ShardMoves = HashMap<IndexKey, Moves>;

/// What the collections take for each bitmap with moves, about.
const MOVES_BYTES: usize = 300;

/// Every move that the pages do not have. Copies share what they have in common.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Fresh {
    shards: BTreeMap<(AppId, u16), Arc<ShardMoves>>,
    bytes: usize,
}

impl Fresh {
    pub(in super::super) fn note(&mut self, moved: Move) {
        let shard = (moved.app, moved.number.shard());
        let moves = Arc::make_mut(self.shards.entry(shard).or_default());
        let before = moves.len();
        let moves_of_key = moves.entry(moved.key).or_default();
        let slot = u32::from(moved.number.slot());
        let (into, from) = if moved.comes {
            (&mut moves_of_key.come, &mut moves_of_key.gone)
        } else {
            (&mut moves_of_key.gone, &mut moves_of_key.come)
        };
        into.insert(slot);
        from.remove(slot);
        self.bytes += size_of::<u32>() + MOVES_BYTES * (moves.len() - before);
    }

    pub(in super::super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = (AppId, u16)> {
        self.shards.keys().copied()
    }

    pub(super) fn of(&self, shard: (AppId, u16)) -> Option<&ShardMoves> {
        self.shards.get(&shard).map(|moves| &**moves)
    }

    pub(super) fn forget(&mut self, shard: (AppId, u16)) -> Arc<ShardMoves> {
        let gone = self.shards.remove(&shard).unwrap_or_default();
        if self.shards.is_empty() {
            self.bytes = 0;
        }
        gone
    }
}

/// What moves, given what the changed rows were before. A row that cannot be read is in no bitmap: whoever asks for it
/// hears of it.
pub(in super::super) fn moves_of(
    tables: &Tables<'_>,
    before: Before,
) -> Result<Vec<Move>, redb::Error> {
    let (devices, owners) = sorted(before);
    let mut moves = Vec::new();
    for ((app, number), before) in &devices {
        let after = readable(device(&*tables.devices, *app, *number))?.flatten();
        let was = keys(tables, *app, before.as_ref(), &owners)?;
        let is = keys(tables, *app, after.as_ref(), &BTreeMap::new())?;
        note(&mut moves, *app, *number, &was, &is);
    }
    for ((app, kind, name), before) in &owners {
        let after = labels(tables, *app, *kind, name)?;
        let (was, is) = (label_keys(before), label_keys(&after));
        for number in devices_of(tables, *app, *kind, name)? {
            if !devices.contains_key(&(*app, number)) {
                note(&mut moves, *app, number, &was, &is);
            }
        }
    }
    Ok(moves)
}

type DevicesBefore = BTreeMap<(AppId, Number), Option<Device>>;
type OwnersBefore = BTreeMap<(AppId, AccountKind, String), Labels>;

fn sorted(before: Before) -> (DevicesBefore, OwnersBefore) {
    let (mut devices, mut owners) = (BTreeMap::new(), BTreeMap::new());
    for ((table, key), row) in before {
        match table {
            DEVICES_ID => {
                let (app, number) = <(u32, u32)>::from_bytes(&key);
                let device = row.and_then(|row| Device::decode(&row).ok());
                devices.insert((AppId(app), Number(number)), device);
            }
            LABELS_ID => {
                if let Some((app, kind, name)) = owner_of(&key) {
                    let labels = row.and_then(|row| Labels::decode(&row).ok());
                    owners.insert((app, kind, name.to_owned()), labels.unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    (devices, owners)
}

/// What a device is under, with the labels that its owner has now, or had before.
fn keys(
    tables: &Tables<'_>,
    app: AppId,
    device: Option<&Device>,
    before: &OwnersBefore,
) -> Result<BTreeSet<IndexKey>, redb::Error> {
    let Some(device) = device else {
        return Ok(BTreeSet::new());
    };
    let (kind, name) = owner(device);
    let owner = (app, kind, name.as_str().to_owned());
    match before.get(&owner) {
        Some(labels) => Ok(index_keys(device, labels)),
        None => Ok(index_keys(device, &labels(tables, app, kind, &owner.2)?)),
    }
}

fn labels(
    tables: &Tables<'_>,
    app: AppId,
    kind: AccountKind,
    name: &str,
) -> Result<Labels, redb::Error> {
    let labels = readable(labels_of(&*tables.labels, app, kind, name))?;
    Ok(labels.unwrap_or_default())
}

/// The registered devices whose labels are those of a name.
fn devices_of(
    tables: &Tables<'_>,
    app: AppId,
    kind: AccountKind,
    name: &str,
) -> Result<Vec<Number>, redb::Error> {
    let found = match kind {
        AccountKind::User => {
            let Ok(account) = Account::new(name) else {
                return Ok(Vec::new());
            };
            readable(numbers_of_account(&*tables.accounts, app, &account))?
        }
        AccountKind::Phone => {
            let Ok(registration_id) = RegistrationId::new(name) else {
                return Ok(Vec::new());
            };
            let phone = readable(phone(&*tables.phones, app, &registration_id))?.flatten();
            let Some(number) = phone.and_then(|phone| phone.device) else {
                return Ok(Vec::new());
            };
            let device = readable(device(&*tables.devices, app, number))?.flatten();
            let nobody = device.is_some_and(|device| device.account.is_none());
            nobody.then(|| vec![number])
        }
    };
    Ok(found.unwrap_or_default())
}

fn note(
    moves: &mut Vec<Move>,
    app: AppId,
    number: Number,
    was: &BTreeSet<IndexKey>,
    is: &BTreeSet<IndexKey>,
) {
    for (keys, comes) in [(was.difference(is), false), (is.difference(was), true)] {
        moves.extend(keys.map(|key| Move {
            app,
            number,
            key: key.clone(),
            comes,
        }));
    }
}

/// What was read, `None` where the row cannot be.
pub(super) fn readable<T>(read: Result<T, ActError>) -> Result<Option<T>, redb::Error> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(ActError::Refused(_)) => Ok(None),
        Err(ActError::Broken(error)) => Err(error),
    }
}
