//! Relay queues: nothing pushed is lost, nothing that is not done is skipped, callers share syncs, bounds hold.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use pushtally_model::{AppId, Channel};
use pushtally_store::RelayLine;
use pushtally_store_local::LocalError;
use pushtally_store_local::disk::sim::{Dice, SimDisk};
use pushtally_store_local::disk::{Disk, DiskFile};
use pushtally_store_local::relay_queue::{Backlog, CALL_LEN_MAX, RelayQueue};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

const DIR: &str = "/data/relay";
const APP: AppId = AppId(1_400_000_001);
const ALL: usize = usize::MAX;
const HISTORIES: u64 = 1000;

fn open(disk: &SimDisk, bytes_max: u64) -> Result<RelayQueue, LocalError> {
    RelayQueue::open(Arc::new(disk.clone()), Path::new(DIR), bytes_max)
}

fn numbers(queue: &RelayQueue, after: u64) -> Vec<u64> {
    let calls = queue.read(APP, after, ALL, ALL).unwrap();
    calls.into_iter().map(|(number, _)| number).collect()
}

#[test]
fn calls_come_back_in_order_within_the_limits() {
    let queue = open(&SimDisk::new(0), 1 << 20).unwrap();
    assert_eq!(queue.read(APP, 0, 9, 9).unwrap(), []);
    assert_eq!(
        (queue.cursor(APP), queue.backlog(APP)),
        (0, Backlog::default())
    );
    queue.done(APP, 7).unwrap();
    let pushed: Vec<u64> = (0..50)
        .map(|len| queue.push(APP, &vec![7; len]).unwrap())
        .collect();
    assert!(pushed.is_sorted_by(|a, b| a < b));
    assert_eq!(numbers(&queue, 0), pushed);
    for (index, number) in pushed.iter().enumerate() {
        assert_eq!(numbers(&queue, *number), pushed[index + 1..]);
    }
    assert_eq!(queue.read(APP, 0, 3, ALL).unwrap().len(), 3);
    assert_eq!(queue.read(APP, 0, 0, ALL).unwrap().len(), 0);
    assert_eq!(
        queue.read(APP, pushed[9], ALL, 21).unwrap().len(),
        2,
        "10 + 11 bytes"
    );
    assert_eq!(
        queue.read(APP, pushed[9], ALL, 1).unwrap().len(),
        1,
        "one always fits"
    );
    assert_eq!(queue.lines(), [RelayLine::Webhooks(APP)]);
}

#[test]
fn the_cursor_moves_forward_only_and_never_beyond_what_was_pushed() {
    let disk = SimDisk::new(0);
    let queue = open(&disk, 1 << 20).unwrap();
    let pushed: Vec<u64> = (0..10).map(|_| queue.push(APP, b"call").unwrap()).collect();
    assert_eq!(
        queue.backlog(APP),
        Backlog {
            calls: 10,
            bytes: 80
        }
    );
    queue.done(APP, pushed[3]).unwrap();
    queue.done(APP, pushed[1]).unwrap();
    assert_eq!(queue.cursor(APP), pushed[3]);
    assert_eq!(
        queue.backlog(APP),
        Backlog {
            calls: 6,
            bytes: 48
        }
    );
    queue.close().unwrap();
    let queue = open(&disk, 1 << 20).unwrap();
    assert_eq!(
        (queue.cursor(APP), queue.backlog(APP).calls),
        (pushed[3], 6)
    );
    queue.done(APP, u64::MAX).unwrap();
    assert_eq!(
        (queue.cursor(APP), queue.backlog(APP)),
        (pushed[9], Backlog::default())
    );
    let next = queue.push(APP, b"call").unwrap();
    assert_eq!(numbers(&queue, queue.cursor(APP)), [next]);
}

#[test]
fn a_lost_or_foreign_cursor_repeats_calls_and_skips_none() {
    let disk = SimDisk::new(0);
    let queue = open(&disk, 1 << 20).unwrap();
    let pushed: Vec<u64> = (0..10).map(|_| queue.push(APP, b"call").unwrap()).collect();
    queue.done(APP, pushed[9]).unwrap();
    queue.close().unwrap();
    let cursor = Path::new(DIR).join(APP.to_string()).join("cursor");
    let ahead = disk.contents(&cursor).unwrap();

    disk.put(&cursor, &[1; 700]);
    let queue = open(&disk, 1 << 20).unwrap();
    assert_eq!((queue.cursor(APP), queue.backlog(APP).calls), (0, 10));

    let younger = SimDisk::new(0);
    let queue = open(&younger, 1 << 20).unwrap();
    let before: Vec<u64> = (0..3).map(|_| queue.push(APP, b"call").unwrap()).collect();
    drop(queue);
    younger.put(&cursor, &ahead);
    let queue = open(&younger, 1 << 20).unwrap();
    assert_eq!(queue.backlog(APP).calls, 0);
    let next = queue.push(APP, b"new").unwrap();
    assert!(next > before[2] && next > queue.cursor(APP));
    assert_eq!(
        queue.read(APP, queue.cursor(APP), ALL, ALL).unwrap(),
        [(next, b"new".to_vec())]
    );
}

#[test]
fn a_vendors_receipts_wait_beside_their_apps_calls_and_are_there_after_a_restart() {
    let disk = SimDisk::new(9);
    let receipts = RelayLine::Receipts(APP, Channel::Huawei);
    let queue = open(&disk, u64::MAX).unwrap();
    queue.push(APP, b"webhook").unwrap();
    let place = queue.push(receipts, b"receipt").unwrap();
    queue.done(APP, u64::MAX).unwrap();
    queue.close().unwrap();
    drop(queue);
    let queue = open(&disk, u64::MAX).unwrap();
    assert_eq!(queue.lines(), [RelayLine::Webhooks(APP), receipts]);
    let waiting = queue.read(receipts, 0, 9, 99).unwrap();
    assert_eq!(waiting, [(place, b"receipt".to_vec())]);
    assert_eq!(queue.backlog(APP).calls, 0);
}

#[test]
fn a_full_queue_refuses_and_takes_again_when_calls_are_done() {
    let disk = SimDisk::new(0);
    let queue = open(&disk, 100).unwrap();
    let first = queue.push(APP, &[1; 46]).unwrap();
    queue.push(APP, &[2; 46]).unwrap();
    let error = queue.push(APP, b"").unwrap_err();
    assert!(
        matches!(
            error,
            LocalError::QueueFull {
                bytes: 104,
                max: 100
            }
        ),
        "{error}"
    );
    queue.push(AppId(2), &[3; 90]).unwrap();
    drop(queue);
    let queue = open(&disk, 100).unwrap();
    queue.push(APP, b"").unwrap_err();
    queue.done(APP, first).unwrap();
    queue.push(APP, &[4; 46]).unwrap();
    let error = queue.push(APP, &vec![0; CALL_LEN_MAX + 1]).unwrap_err();
    assert!(matches!(error, LocalError::TooLarge { .. }));
}

#[test]
fn consumed_segments_are_freed_and_the_count_goes_on() {
    let disk = SimDisk::new(0);
    let dir = Path::new(DIR).join(APP.to_string());
    let queue = open(&disk, 1 << 30).unwrap();
    let mut pushed = Vec::new();
    for step in 0..40_u8 {
        pushed.push(queue.push(APP, &vec![step; 1 << 20]).unwrap());
    }
    let files = disk.list(&dir).unwrap().len();
    assert!(files >= 4, "three segments and a cursor");
    for (index, number) in pushed.iter().enumerate() {
        let next = queue.read(APP, queue.cursor(APP), 1, ALL).unwrap();
        assert_eq!((next[0].0, next[0].1[0]), (*number, index as u8));
        queue.done(APP, *number).unwrap();
        assert_eq!(queue.backlog(APP).calls, 39 - index as u64);
    }
    assert!(disk.list(&dir).unwrap().len() < files);
    drop(queue);
    disk.crash(3);
    let queue = open(&disk, 1 << 30).unwrap();
    assert!(queue.cursor(APP) <= pushed[39]);
    let last = queue.push(APP, b"more").unwrap();
    assert!(last > pushed[39]);
    queue.done(APP, last).unwrap();
    assert_eq!(queue.backlog(APP), Backlog::default());
}

/// A disk whose syncs wait until they are let through, and are counted.
#[derive(Debug)]
struct GatedDisk {
    disk: SimDisk,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    is_shut: Mutex<bool>,
    opened: Condvar,
    syncs: AtomicU64,
}

#[derive(Debug)]
struct GatedFile {
    file: Box<dyn DiskFile>,
    gate: Arc<Gate>,
}

impl GatedDisk {
    fn gated(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(GatedFile {
            file,
            gate: Arc::clone(&self.gate),
        })
    }
}

impl Disk for GatedDisk {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.gated(self.disk.create_new(path)?))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.gated(self.disk.open(path)?))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }
}

impl DiskFile for GatedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }
    fn sync(&self) -> io::Result<()> {
        self.gate.syncs.fetch_add(1, Ordering::SeqCst);
        let is_shut = self.gate.is_shut.lock().unwrap();
        drop(
            self.gate
                .opened
                .wait_while(is_shut, |is_shut| *is_shut)
                .unwrap(),
        );
        self.file.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

#[test]
fn callers_that_wait_for_a_sync_share_the_next_one() {
    const CALLERS: u64 = 9;
    let gate = Arc::new(Gate::default());
    let disk = GatedDisk {
        disk: SimDisk::new(0),
        gate: Arc::clone(&gate),
    };
    let queue = RelayQueue::open(Arc::new(disk), Path::new(DIR), 1000).unwrap();
    queue.push(APP, b"first").unwrap();
    queue.done(APP, u64::MAX).unwrap();
    let syncs = gate.syncs.load(Ordering::SeqCst);
    *gate.is_shut.lock().unwrap() = true;
    let numbers = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| scope.spawn(|| queue.push(APP, b"123456").unwrap()))
            .collect();
        // A call that can never fit tells how much is in the queue or waiting to be.
        loop {
            match queue.push(APP, &[0; 1000]) {
                Err(LocalError::QueueFull { bytes, .. }) if bytes == 1004 + CALLERS * 10 => break,
                Err(LocalError::QueueFull { .. }) => std::thread::yield_now(),
                other => unreachable!("{other:?}"),
            }
        }
        assert_eq!(
            queue.backlog(APP),
            Backlog::default(),
            "nothing counts before its sync"
        );
        *gate.is_shut.lock().unwrap() = false;
        gate.opened.notify_all();
        let mut numbers: Vec<u64> = callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect();
        numbers.sort_unstable();
        numbers
    });
    // The first caller went alone, or with those that came before its write; the others together.
    assert!(gate.syncs.load(Ordering::SeqCst) - syncs <= 2);
    assert!(numbers.is_sorted_by(|a, b| a < b));
    assert_eq!(
        queue.backlog(APP),
        Backlog {
            calls: CALLERS,
            bytes: CALLERS * 10
        }
    );
}

#[test]
fn many_threads_push_and_consume_and_every_call_comes_once_and_in_its_threads_order() {
    const THREADS: u32 = 8;
    const CALLS: u32 = 200;
    let disk = SimDisk::new(0);
    let queue = open(&disk, 1 << 20).unwrap();
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let queue = &queue;
            scope.spawn(move || {
                for call in 0..CALLS {
                    let bytes = [thread.to_le_bytes(), call.to_le_bytes()].concat();
                    queue.push(APP, &bytes).unwrap();
                }
            });
        }
        while seen.values().sum::<u32>() < THREADS * CALLS {
            for (number, call) in queue.read(APP, queue.cursor(APP), 10, 1000).unwrap() {
                let (thread, call) = call.split_first_chunk::<4>().unwrap();
                let next = seen.entry(u32::from_le_bytes(*thread)).or_default();
                assert_eq!(u32::from_le_bytes(call.try_into().unwrap()), *next);
                *next += 1;
                queue.done(APP, number).unwrap();
            }
        }
    });
    assert_eq!(queue.backlog(APP), Backlog::default());
}

#[derive(Default)]
struct Model {
    /// Acknowledged and not done.
    kept: BTreeMap<u64, Vec<u8>>,
    in_doubt: Vec<Vec<u8>>,
    done: u64,
}

fn check(queue: &RelayQueue, app: AppId, model: &mut Model, seed: u64) {
    let cursor = queue.cursor(app);
    assert!(
        cursor <= model.done,
        "seed {seed}: the cursor skipped calls"
    );
    let calls = queue.read(app, cursor, ALL, ALL).unwrap();
    let stored: usize = calls.iter().map(|(_, call)| call.len() + 4).sum();
    let backlog = Backlog {
        calls: calls.len() as u64,
        bytes: stored as u64,
    };
    assert_eq!(queue.backlog(app), backlog, "seed {seed}");
    let mut found: BTreeMap<u64, Vec<u8>> = calls
        .into_iter()
        .filter(|(number, _)| *number > model.done)
        .collect();
    for (number, call) in &model.kept {
        assert_eq!(
            found.remove(number).as_ref(),
            Some(call),
            "seed {seed}: a call is missing"
        );
    }
    for (number, call) in found {
        assert!(
            model.in_doubt.contains(&call),
            "seed {seed}: nobody pushed this"
        );
        model.kept.insert(number, call);
    }
    model.in_doubt.clear();
}

#[test]
fn random_histories_with_crashes_lose_no_call_and_skip_none() {
    for seed in 0..HISTORIES {
        let mut dice = Dice::new(seed);
        let disk = SimDisk::new(seed);
        let apps = [AppId(7), AppId(8)];
        let mut models = [Model::default(), Model::default()];
        for round in 0..8 {
            let queue = loop {
                if round < 7 && dice.one_in(3) {
                    disk.cut_power_at(dice.below(15) + 1);
                }
                match open(&disk, 1 << 20) {
                    Ok(queue) => break queue,
                    Err(LocalError::Io { .. }) => disk.crash(dice.roll()),
                    Err(error) => unreachable!("seed {seed}: {error}"),
                }
            };
            // A cut that was set and did not come must not come during the check.
            disk.cut_power_at(u64::MAX);
            for (app, model) in apps.into_iter().zip(&mut models) {
                check(&queue, app, model, seed);
            }
            match dice.below(4) {
                0 => disk.cut_power_at(dice.below(80) + 1),
                1 => disk.fail_sync(dice.below(40) + 1),
                2 => disk.set_space(Some(dice.below(4000))),
                _ => {}
            }
            for _ in 0..dice.below(40) {
                let which = dice.below(2) as usize;
                let (app, model) = (apps[which], &mut models[which]);
                if dice.one_in(3) {
                    let index = dice.below(4) as usize;
                    let Some(up_to) = model.kept.keys().nth(index).copied() else {
                        continue;
                    };
                    model.done = up_to;
                    model.kept = model.kept.split_off(&(up_to + 1));
                    let _ = queue.done(app, up_to);
                } else {
                    let call = dice.roll().to_le_bytes().repeat(dice.below(60) as usize);
                    match queue.push(app, &call) {
                        Ok(number) => {
                            assert!(number > model.done);
                            assert!(model.kept.insert(number, call).is_none());
                        }
                        Err(LocalError::DiskFull { .. }) => disk.set_space(None),
                        Err(_) => model.in_doubt.push(call),
                    }
                }
            }
            if dice.one_in(3) {
                let _ = queue.close();
            }
            disk.set_space(None);
            drop(queue);
            disk.crash(dice.roll());
        }
    }
}
