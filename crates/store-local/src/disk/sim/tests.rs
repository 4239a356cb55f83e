//! The simulated disk keeps what was synced and may lose anything else.

use super::*;
use std::collections::BTreeSet;

fn disk_with_synced_file() -> (SimDisk, Box<dyn DiskFile>) {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/d")).unwrap();
    let file = disk.create_new(Path::new("/d/a")).unwrap();
    file.write_at(0, &[1; 1024]).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    (disk, file)
}

#[test]
fn a_crash_keeps_any_subset_of_unsynced_sectors_and_all_that_was_synced() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let (disk, file) = disk_with_synced_file();
        file.write_at(512, &[2; 1024]).unwrap();
        disk.crash(seed);
        assert!(file.len().is_err(), "descriptors do not outlive a crash");
        let bytes = disk.contents(Path::new("/d/a")).unwrap();
        assert!(bytes[..512].iter().all(|byte| *byte == 1));
        seen.insert((bytes.len(), bytes[512], bytes.get(1024).copied()));
    }
    let all = [
        (1024, 1, None),
        (1024, 2, None),
        (1536, 1, Some(0)),
        (1536, 1, Some(2)),
    ];
    for case in all
        .into_iter()
        .chain([(1536, 2, Some(0)), (1536, 2, Some(2))])
    {
        assert!(seen.contains(&case), "{case:?} was never seen");
    }
}

#[test]
fn a_name_survives_only_when_its_directory_was_synced() {
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let (disk, _) = disk_with_synced_file();
        disk.create_new(Path::new("/d/b")).unwrap().sync().unwrap();
        disk.remove(Path::new("/d/a")).unwrap();
        disk.crash(seed);
        seen.insert(disk.list(Path::new("/d")).unwrap());
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn what_a_failed_sync_lost_stays_lost_however_often_one_syncs() {
    let mut lost = 0;
    for seed in 0..50 {
        let (disk, _) = disk_with_synced_file();
        let disk = SimDisk {
            state: Arc::new(Mutex::new(disk.state().clone())),
        };
        disk.state().dice = Dice::new(seed);
        let file = disk.open(Path::new("/d/a")).unwrap();
        file.write_at(0, &[3; 512]).unwrap();
        disk.fail_sync(1);
        file.sync().unwrap_err();
        file.sync().unwrap();
        let mut byte = [0];
        file.read_at(0, &mut byte).unwrap();
        assert_eq!(byte, [3], "the cache still shows it");
        disk.crash(seed);
        lost += usize::from(disk.contents(Path::new("/d/a")).unwrap()[0] == 1);
    }
    assert!((1..50).contains(&lost));
}

#[test]
fn space_runs_out_in_the_middle_of_a_write_and_comes_back_with_removal() {
    let (disk, file) = disk_with_synced_file();
    disk.set_space(Some(100));
    let error = file.write_at(1000, &[4; 200]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 1124);
    disk.remove(Path::new("/d/a")).unwrap();
    let other = disk.create_new(Path::new("/d/b")).unwrap();
    other.write_at(0, &[5; 1124]).unwrap();
    other.write_at(1124, &[5]).unwrap_err();
}

#[test]
fn the_power_goes_at_the_nth_change() {
    let (disk, file) = disk_with_synced_file();
    disk.cut_power_at(2);
    file.write_at(0, &[6]).unwrap();
    file.sync().unwrap_err();
    file.read_at(0, &mut [0]).unwrap_err();
    disk.crash(0);
    disk.open(Path::new("/d/a"))
        .unwrap()
        .write_at(0, &[7])
        .unwrap();
}
