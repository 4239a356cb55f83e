//! The segment log when nothing goes wrong: positions, segments, dropping, the chain, readers and copies.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use pushtally_store_local::LocalError;
use pushtally_store_local::disk::sim::SimDisk;
use pushtally_store_local::disk::{Disk, RealDisk};
use pushtally_store_local::segments::{
    FRAME_LEN_MAX, Opened, SegmentLog, SegmentOptions, SegmentReader,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Where the mark of a segment lies.
const MARK_AT: u64 = 512;

const OPTIONS: SegmentOptions = SegmentOptions {
    segment_len_max: 4096,
    ..SegmentOptions::new(*b"test-log", 1, 64)
};

fn open(disk: &Arc<dyn Disk>, dir: &Path) -> SegmentLog {
    SegmentLog::open(Arc::clone(disk), dir, OPTIONS)
        .unwrap()
        .log
}

fn sim() -> Arc<dyn Disk> {
    Arc::new(SimDisk::new(0))
}

fn payload(position: u64) -> Vec<u8> {
    position.to_le_bytes().repeat(1 + position as usize % 90)
}

fn fill(log: &mut SegmentLog, up_to: u64) {
    for position in log.next_position()..=up_to {
        assert_eq!(log.append(&payload(position)).unwrap(), position);
    }
}

fn positions(reader: &SegmentReader, from: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    reader
        .replay(from, &mut |position, bytes| {
            assert_eq!(bytes, payload(position));
            seen.push(position);
            Ok(())
        })
        .unwrap();
    seen
}

#[test]
fn replay_starts_anywhere_and_readers_see_what_was_appended() {
    let mut log = open(&sim(), Path::new("/log"));
    let reader = log.reader();
    assert_eq!((reader.first_position(), reader.next_position()), (1, 1));
    fill(&mut log, 100);
    assert!(log.files().len() > 5);
    for from in 0..103 {
        assert_eq!(
            positions(&reader, from),
            (from.max(1)..=100).collect::<Vec<_>>()
        );
    }
    let bytes: usize = (1..=100).map(|position| payload(position).len() + 18).sum();
    assert_eq!((log.bytes(), reader.next_position()), (bytes as u64, 101));
}

#[test]
fn a_read_stops_when_told_and_goes_on_from_a_place() {
    let mut log = open(&sim(), Path::new("/log"));
    fill(&mut log, 100);
    let reader = log.reader();
    let mut near = None;
    let mut seen = Vec::new();
    while seen.len() < 100 {
        let mut taken = 0;
        let from = seen.len() as u64 + 1;
        reader
            .read(from, near, &mut |place, bytes| {
                if taken == 7 {
                    return Ok(ControlFlow::Break(()));
                }
                assert_eq!(bytes, payload(place.position));
                taken += 1;
                seen.push(place.position);
                near = Some(place);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
    }
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
}

#[test]
fn dropping_removes_whole_segments_and_keeps_the_chain() {
    let disk = sim();
    let dir = Path::new("/log");
    let mut log = open(&disk, dir);
    fill(&mut log, 60);
    let files = log.files().len();
    assert_eq!(log.drop_before(1).unwrap(), 0);
    let dropped = log.drop_before(30).unwrap();
    assert!(dropped > 0 && log.first_position() <= 30);
    let digest = log.digest();
    drop(log);
    let mut log = open(&disk, dir);
    assert_eq!(log.digest(), digest);
    let first = log.first_position();
    assert_eq!(
        positions(&log.reader(), 0),
        (first..=60).collect::<Vec<_>>()
    );
    let report = log.verify().unwrap();
    assert_eq!(
        (report.frames, report.segments),
        (61 - first, files - dropped)
    );
    assert_eq!(report.digest, digest);
    log.drop_before(u64::MAX).unwrap();
    assert_eq!(log.files().len(), 1, "the segment that is written stays");
    fill(&mut log, 120);
    log.verify().unwrap();
}

#[test]
fn the_digest_tells_histories_apart_and_survives_opening() {
    let mut digests = BTreeSet::new();
    for changed in 0..40 {
        let disk = sim();
        let dir = Path::new("/log");
        let mut log = open(&disk, dir);
        for position in 1..=40 {
            let mut bytes = payload(position);
            bytes[0] ^= u8::from(position == changed);
            log.append(&bytes).unwrap();
        }
        let digest = log.digest();
        assert!(digests.insert(digest));
        log.seal().unwrap();
        assert_eq!(log.digest(), digest);
        assert_eq!(open(&disk, dir).digest(), digest);
        let mut log = open(&disk, dir);
        log.append(b"more").unwrap();
        assert!(digests.insert(log.digest()));
    }
}

#[test]
fn a_sealed_log_is_as_long_as_its_frames_and_goes_on_afterwards() {
    let disk = SimDisk::new(0);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let dir = Path::new("/log");
    let mut log = open(&shared, dir);
    fill(&mut log, 5);
    log.seal().unwrap();
    log.seal().unwrap();
    for (path, len) in log.files() {
        assert_eq!(disk.contents(&path).unwrap().len() as u64, len);
    }
    fill(&mut log, 10);
    drop(log);
    let mut log = open(&shared, dir);
    log.seal().unwrap();
    drop(log);
    assert_eq!(positions(&open(&shared, dir).reader(), 1).len(), 10);
}

#[test]
fn payloads_beyond_the_bound_are_refused() {
    let mut log = open(&sim(), Path::new("/log"));
    let error = log.append(&vec![0; FRAME_LEN_MAX + 1]).unwrap_err();
    assert!(matches!(
        error,
        LocalError::TooLarge {
            max: FRAME_LEN_MAX,
            ..
        }
    ));
    log.append(&vec![1; FRAME_LEN_MAX]).unwrap();
    log.append(&[]).unwrap();
    assert_eq!(log.verify().unwrap().frames, 2);
}

#[test]
fn a_copy_is_the_log_as_it_was_whatever_was_appended_since() {
    let disk = sim();
    let mut log = open(&disk, Path::new("/log"));
    for at in [1, 60, 120, 199] {
        fill(&mut log, at);
        let (files, digest, next) = (log.files(), log.digest(), log.next_position());
        fill(&mut log, at + 40);
        let to = format!("/copy-{at}");
        log.reader()
            .copy_to(&files, &*disk, Path::new(&to))
            .unwrap();
        let mut copy = open(&disk, Path::new(&to));
        assert_eq!((copy.digest(), copy.next_position()), (digest, next));
        fill(&mut copy, next + 40);
        copy.verify().unwrap();
    }
}

#[test]
fn readers_on_other_threads_see_prefixes_while_the_writer_writes_and_drops() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let dir = dir.path().join("log");
    let Opened { mut log, .. } = SegmentLog::open(Arc::clone(&disk), &dir, OPTIONS).unwrap();
    let reader = log.reader();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            while reader.next_position() <= 300 {
                let floor = reader.next_position();
                let mut last = None;
                // A segment may be dropped while it is being walked to; everything kept is dense and reaches far enough.
                let replayed = reader.replay(floor, &mut |position, bytes| {
                    assert_eq!(bytes, payload(position));
                    assert!(last.is_none_or(|last| position == last + 1));
                    last = Some(position);
                    Ok(())
                });
                replayed.unwrap();
            }
        });
        for position in 1..=300 {
            fill(&mut log, position);
            log.drop_before(position.saturating_sub(100)).unwrap();
        }
        reading.join().unwrap();
    });
    log.seal().unwrap();
    drop(log);
    let log = open(&disk, &dir);
    assert_eq!(*positions(&log.reader(), 0).last().unwrap(), 300);
}

#[test]
fn a_mark_that_is_half_written_disturbs_no_reader_until_its_segment_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let dir = dir.path().join("log");
    let Opened { mut log, .. } = SegmentLog::open(Arc::clone(&disk), &dir, OPTIONS).unwrap();
    fill(&mut log, 1);
    let reader = log.reader();
    let (written, _) = reader.files().last().unwrap().clone();
    let file = disk.open(&written).unwrap();
    let mut mark = [0; 16];
    file.read_at(MARK_AT, &mut mark).unwrap();
    file.write_at(MARK_AT, &[0xA5; 8]).unwrap();
    assert_eq!(positions(&reader, 0), [1]);
    file.write_at(MARK_AT, &mark).unwrap();
    let mut position = 1;
    while reader.files().len() == 1 {
        position += 1;
        fill(&mut log, position);
    }
    file.write_at(MARK_AT, &[0xA5; 8]).unwrap();
    let read = reader.replay(0, &mut |_, _| Ok(()));
    assert!(matches!(read, Err(LocalError::Corrupt { .. })), "{read:?}");
}
