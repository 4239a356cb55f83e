use super::*;
use crate::live::tests::task;

const NOW: Second = Second(50);

fn insert(addressed: &mut Addressed, seq: u32, devices: &[u32]) {
    let devices = devices.iter().map(|device| Number(*device)).collect();
    addressed.insert(TaskSeq(seq.into()), task(seq, 100), devices);
}

fn of(addressed: &Addressed, device: u32, now: Second) -> Vec<u64> {
    let tasks = addressed.of(Number(device), now);
    tasks.map(|(seq, _)| seq.0).collect()
}

/// Every place is taken once, and no device is known without a task.
fn check(addressed: &Addressed) {
    let places = addressed.of_device.values().map(Vec::len).sum::<usize>();
    assert_eq!(places, addressed.devices);
    assert!(addressed.of_device.values().all(|tasks| !tasks.is_empty()));
}

#[test]
fn a_device_has_its_own_newest_first_whatever_order_they_came_in() {
    let mut addressed = Addressed::default();
    for (seq, devices) in [(5, &[1, 2][..]), (3, &[1]), (9, &[2, 3]), (7, &[1, 3])] {
        insert(&mut addressed, seq, devices);
    }
    check(&addressed);
    assert_eq!(of(&addressed, 1, NOW), [7, 5, 3]);
    assert_eq!(of(&addressed, 2, NOW), [9, 5]);
    assert_eq!(of(&addressed, 4, NOW), [0; 0]);
    assert_eq!(of(&addressed, 1, Second(100)), [0; 0]);
    addressed.remove(TaskSeq(5));
    addressed.remove(TaskSeq(5));
    // Planned once more, after an interruption.
    insert(&mut addressed, 7, &[3]);
    check(&addressed);
    assert_eq!(of(&addressed, 1, NOW), [3]);
    assert_eq!(of(&addressed, 3, NOW), [9, 7]);
    assert!(addressed.get(TaskSeq(5)).is_none());
}

#[test]
fn the_newest_of_all_and_of_a_device_are_kept() {
    let mut addressed = Addressed::default();
    let end = ADDRESSED_TASKS_MAX as u32 + 5;
    for seq in 0..end {
        assert_eq!(addressed.has_room(), seq < ADDRESSED_TASKS_MAX as u32);
        insert(&mut addressed, seq, &[seq, 1_000_000]);
    }
    check(&addressed);
    assert_eq!(addressed.tasks.len(), ADDRESSED_TASKS_MAX);
    assert_eq!(of(&addressed, 4, NOW), [0; 0]);
    assert_eq!(of(&addressed, 5, NOW), [5]);
    let newest = (0..u64::from(end)).rev().take(LIVE_TASKS_MAX);
    assert_eq!(of(&addressed, 1_000_000, NOW), newest.collect::<Vec<_>>());
}

#[test]
fn tasks_with_many_devices_are_fewer() {
    let mut addressed = Addressed::default();
    let devices: Vec<u32> = (0..500).collect();
    let fit = (ADDRESSED_DEVICES_MAX / devices.len()) as u32;
    for seq in 0..fit + 2 {
        insert(&mut addressed, seq, &devices);
    }
    check(&addressed);
    assert_eq!(addressed.tasks.len(), fit as usize);
    assert!(addressed.get(TaskSeq(1)).is_none() && addressed.get(TaskSeq(2)).is_some());
}
