use std::collections::BTreeSet;

use proptest::prelude::*;
use pushtally_model::{AppId, Cell, Kind, LossId, Number, Origin, Source, TaskKey, TaskNumber};

use super::*;
use crate::codec::Recorded;

const LANES: [Lane; 5] = [
    Lane::Planned,
    Lane::Sent,
    Lane::Delivered,
    Lane::Clicked,
    Lane::LostBeforeSent,
];

fn entry(origin: Origin, (channel, number, lane, at): (Channel, u32, Lane, u32)) -> TaskEntry {
    let task = TaskKey {
        number: TaskNumber(1),
        kind: Kind::Push,
        origin,
    };
    TaskEntry::Event(Recorded {
        recorded_ms: 0,
        source: Source::Import,
        event: Event {
            app: AppId(1),
            task,
            cell: Cell::new(Route::Offline, channel, lane),
            number: Number(number),
            at: Second(at),
            loss: LossId(0),
        },
    })
}

/// Every device's first counted seconds, the plain way, and from them what every step took: values and clamped ones.
#[derive(Default)]
struct Naive {
    first: BTreeMap<(Channel, u32, u8), u32>,
}

impl Naive {
    fn add(&mut self, origin: Origin, (channel, number, lane, at): (Channel, u32, Lane, u32)) {
        let has = |lane: Lane| self.first.contains_key(&(channel, number, lane as u8));
        let counts = match lane {
            _ if has(lane) => false,
            _ if origin == Origin::Imported => true,
            Lane::Planned => true,
            Lane::Sent => has(Lane::Planned) && !has(Lane::LostBeforeSent),
            Lane::LostBeforeSent => has(Lane::Planned) && !has(Lane::Sent),
            _ => has(Lane::Planned),
        };
        if counts {
            self.first.insert((channel, number, lane as u8), at);
        }
    }

    fn step(&self, channel: Channel, from: Lane, to: Lane, window: Window) -> (Vec<u32>, u64) {
        let (mut taken, mut clamped) = (Vec::new(), 0);
        for ((of, number, lane), end) in &self.first {
            if (*of, *lane) != (channel, to as u8) || !window.contains(Second(*end)) {
                continue;
            }
            if let Some(begin) = self.first.get(&(channel, *number, from as u8)) {
                clamped += u64::from(end < begin);
                taken.push(end.saturating_sub(*begin));
            }
        }
        (taken, clamped)
    }
}

fn span_of((taken, clamped): (Vec<u32>, u64)) -> Span {
    let mut span = Span {
        clamped,
        ..Span::default()
    };
    taken.iter().for_each(|seconds| span.sketch.add(*seconds));
    span
}

proptest! {
    #[test]
    fn the_steps_of_any_history_are_those_of_a_naive_pairing(
        own in any::<bool>(),
        window in (0..900u32, 1..900u32),
        history in proptest::collection::vec((0..2usize, 0..40u32, 0..5usize, 0..1_000u32), 0..300),
    ) {
        let origin = if own { Origin::Own } else { Origin::Imported };
        let window = Window::new(Second(window.0), Second(window.0 + window.1)).unwrap();
        let mut latencies = Latencies::new(window, usize::MAX);
        let mut naive = Naive::default();
        let channels = [Channel::Fcm, Channel::Apns];
        for (channel, number, lane, at) in history {
            // Over three shards.
            let one = (channels[channel], number * 5_000, LANES[lane], at);
            latencies.add(&entry(origin, one));
            naive.add(origin, one);
        }
        let told = latencies.finish().unwrap();
        for channel in channels {
            let expected = Latency {
                delivery: span_of(naive.step(channel, Lane::Sent, Lane::Delivered, window)),
                click: span_of(naive.step(channel, Lane::Delivered, Lane::Clicked, window)),
            };
            let of = told.get(&(Route::Offline, channel)).cloned().unwrap_or_default();
            prop_assert_eq!(of, expected);
        }
        prop_assert!(told.len() <= channels.len());
    }
}

#[test]
fn more_devices_than_may_be_kept_are_told_of_as_too_many() {
    let fill = |times_max| {
        let mut latencies = Latencies::new(Window::all(), times_max);
        for number in 0..10 {
            for lane in [Lane::Sent, Lane::Delivered, Lane::Clicked] {
                latencies.add(&entry(
                    Origin::Imported,
                    (Channel::Fcm, number, lane, number),
                ));
            }
        }
        latencies.finish()
    };
    assert!(fill(9).is_none());
    let all = fill(10).unwrap();
    assert_eq!(all[&(Route::Offline, Channel::Fcm)].click.sketch.len(), 10);
}

#[test]
fn a_forgotten_task_has_none() {
    let mut latencies = Latencies::new(Window::all(), 10);
    for lane in [Lane::Sent, Lane::Delivered] {
        latencies.add(&entry(Origin::Imported, (Channel::Fcm, 1, lane, 5)));
    }
    latencies.add(&TaskEntry::Forgotten { recorded_ms: 1 });
    for lane in [Lane::Sent, Lane::Delivered] {
        latencies.add(&entry(Origin::Imported, (Channel::Fcm, 2, lane, 5)));
    }
    assert_eq!(latencies.finish(), Some(BTreeMap::new()));
}

/// Two million devices of a broadcast in nine channels, scattered, every one sent to and half of them delivered.
#[test]
fn a_broadcast_to_two_million_takes_some_tens_of_megabytes() {
    const DEVICES: u32 = 2_000_000;
    let channels = Channel::ALL;
    let mut latencies = Latencies::new(Window::all(), usize::MAX);
    let of = |number: u32| channels[number as usize * 7 % channels.len()];
    for number in 0..DEVICES {
        let one = (of(number), number, Lane::Sent, number / 30_000);
        latencies.add(&entry(Origin::Imported, one));
    }
    let sent = latencies.times_bytes();
    for n in 0..DEVICES / 2 {
        let number = (n * 3) % DEVICES;
        let one = (of(number), number, Lane::Delivered, n / 10_000);
        latencies.add(&entry(Origin::Imported, one));
    }
    let most = sent.max(latencies.times_bytes());
    assert!(most < 32 << 20, "{most} bytes");
    let distinct: BTreeSet<u32> = (0..DEVICES / 2).map(|n| (n * 3) % DEVICES).collect();
    let told = latencies.finish().unwrap();
    let pairs: u64 = told.values().map(|of| of.delivery.sketch.len()).sum();
    assert_eq!(pairs, distinct.len() as u64);
}
