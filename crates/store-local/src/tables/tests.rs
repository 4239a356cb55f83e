//! Snapshots on a simulated disk: after any crash the last acknowledged one is there, or the one in doubt.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use pushtally_ledger::{Form, MarksPage, Page, PageKey, StoredPage};
use pushtally_model::{AppId, Cell, Channel, Kind, Lane, Route, TaskNumber};
use pushtally_store::{Position, Snapshot};

use super::Tables;
use crate::disk::sim::{Dice, SimDisk};
use crate::error::LocalError;

const DIR: &str = "/data/pages";
const HISTORIES: u64 = 400;

type Model = BTreeMap<PageKey, Page>;

fn marks(slots: &[u16]) -> Page {
    let mut page = MarksPage::default();
    for slot in slots {
        page.insert(Cell::new(Route::Offline, Channel::Vivo, Lane::Sent), *slot);
    }
    Page::Marks(page)
}

fn open(disk: &SimDisk) -> Result<Tables, LocalError> {
    let tables = Tables::open(Arc::new(disk.clone()), Path::new(DIR))?;
    tables.remove_unnamed()?;
    Ok(tables)
}

fn random_snapshot(dice: &mut Dice, included: u64) -> Snapshot {
    let mut pages = BTreeMap::new();
    for _ in 0..dice.below(40) {
        let key = PageKey::Marks(TaskNumber(dice.below(12) as u32), dice.below(3) as u16);
        let slots: Vec<u16> = (0..dice.below(900))
            .map(|_| dice.below(60_000) as u16)
            .collect();
        let (form, page) = match dice.below(6) {
            0 => (Form::Whole, Page::Gone),
            1 => (Form::Whole, marks(&slots)),
            _ => (Form::Addition, marks(&slots)),
        };
        pages.insert(
            key,
            StoredPage {
                key,
                form,
                page: Arc::new(page),
            },
        );
    }
    Snapshot {
        included: Position::single(included),
        pages: pages.into_values().collect(),
        ..Snapshot::default()
    }
}

fn apply(model: &mut Model, snapshot: &Snapshot) {
    for stored in &snapshot.pages {
        let page = Page::clone(&stored.page);
        match (stored.form, model.get_mut(&stored.key)) {
            (Form::Addition, Some(older)) => older.absorb(page),
            _ => drop(model.insert(stored.key, page)),
        }
    }
    model.retain(|_, page| *page != Page::Gone);
}

fn read(tables: &Tables) -> Model {
    let mut found = Model::new();
    let from = PageKey::Total(AppId(0), Kind::Push);
    tables
        .scan(from, &mut |key, page| {
            found.insert(key, page);
            ControlFlow::Continue(())
        })
        .unwrap();
    let keys: Vec<PageKey> = found.keys().copied().collect();
    assert_eq!(
        tables.load_many(&keys).unwrap(),
        found.values().cloned().map(Some).collect::<Vec<_>>()
    );
    found
}

fn merge(tables: &Tables, all: bool) -> Result<(), LocalError> {
    while tables.merge_like()? {}
    if all { tables.merge_all() } else { Ok(()) }
}

fn run(seed: u64) {
    let mut dice = Dice::new(seed);
    let disk = SimDisk::new(seed);
    let (mut model, mut included) = (Model::new(), 0);
    let mut tables = open(&disk).unwrap();
    for step in 1..=dice.below(25) + 2 {
        let snapshot = random_snapshot(&mut dice, included + 1);
        // A cut that does not come during this step must not come in a later one.
        let mut power_is_off = dice.one_in(4);
        match dice.below(4) {
            _ if power_is_off => disk.cut_power_at(1 + dice.below(20)),
            1 if dice.one_in(3) => disk.set_space(Some(dice.below(40_000))),
            _ => {}
        }
        let installed = tables.install(&snapshot);
        let mut after = model.clone();
        apply(&mut after, &snapshot);
        if installed.is_ok() {
            (model, included) = (after.clone(), included + 1);
            power_is_off |= merge(&tables, dice.one_in(9)).is_err();
        }
        let is_full = matches!(installed, Err(LocalError::DiskFull { .. }));
        disk.set_space(None);
        if is_full {
            tables.install(&snapshot).unwrap();
            (model, included) = (after.clone(), included + 1);
        }
        power_is_off |= installed.is_err() && !is_full;
        if power_is_off || dice.one_in(3) {
            disk.crash(seed ^ step);
            tables = open(&disk).unwrap();
            let found = tables.installed().included.of(0);
            assert!(
                found == included || found == included + 1,
                "seed {seed}: {found} after {included}"
            );
            if found > included {
                (model, included) = (after, found);
            }
        }
        assert_eq!(read(&tables), model, "seed {seed}");
    }
}

#[test]
fn a_crash_leaves_the_last_snapshot_or_the_one_in_doubt() {
    for seed in 0..HISTORIES {
        run(seed);
    }
}

#[test]
fn a_flipped_bit_is_never_read_as_data() {
    let disk = SimDisk::new(1);
    let tables = open(&disk).unwrap();
    let page = StoredPage {
        key: PageKey::Marks(TaskNumber(1), 0),
        form: Form::Whole,
        page: Arc::new(marks(&[1, 2, 3, 700])),
    };
    tables
        .install(&Snapshot {
            included: Position::single(1),
            pages: vec![page],
            ..Snapshot::default()
        })
        .unwrap();
    let expected = read(&tables);
    drop(tables);
    for name in ["MANIFEST", "00000000000000000001.table"] {
        let path = Path::new(DIR).join(name);
        let bits = disk.contents(&path).unwrap().len() as u64 * 8;
        for bit in 0..bits {
            let fork = disk.fork();
            fork.flip_bit(&path, bit);
            let found = open(&fork).and_then(|tables| tables.verify().map(|_| tables));
            match found {
                Err(LocalError::Corrupt { .. } | LocalError::NewerVersion { .. }) => {}
                Err(error) => panic!("{name} bit {bit}: {error}"),
                // White space at the very end of the manifest says nothing.
                Ok(tables) => assert_eq!(read(&tables), expected, "{name} bit {bit}"),
            }
        }
    }
}
