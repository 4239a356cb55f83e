//! Events of some devices over all tasks.

use std::collections::BTreeSet;

use pushtally_ledger::{Batch, Record, Recorded, Section};
use pushtally_model::{
    AppId, Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Second, Source,
    TaskKey, TaskNumber,
};

use super::APP;
use crate::ports::Engine;

/// `visit_devices` gives the events of some devices of one app that were recorded since, and where they came from.
pub(super) async fn events_of_devices_come_back_in_order(engine: Engine) {
    let wanted = BTreeSet::from([Number(3), Number(70_003)]);
    let mut expected = Vec::new();
    for n in 0..30 {
        let event = |app, number| Event {
            app,
            task: TaskKey {
                number: TaskNumber(n % 4),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            cell: Cell::new(Route::Offline, Channel::Fcm, Lane::LostBeforeSent),
            number: Number(number),
            at: Second(1_700_000_000 + n),
            loss: LossId(n + 2),
        };
        let other = AppId(APP.0 + 1);
        let mut events = vec![event(APP, n + 4), event(other, 3), event(other, 70_003)];
        let number = if n % 3 == 0 { 70_003 } else { 3 };
        if n % 5 != 0 {
            events.push(event(APP, number));
        }
        let recorded_ms = 1_700_000_000_000 + i64::from(n);
        let section = Section::new(Source::Vendor, events);
        let of_them = section
            .events()
            .iter()
            .filter(|one| one.app == APP && wanted.contains(&one.number));
        expected.extend(of_them.map(|event| Recorded {
            recorded_ms,
            source: Source::Vendor,
            event: *event,
        }));
        let batch = Batch {
            recorded_ms,
            records: vec![Record::Events(section)],
        };
        engine.log.append(&batch).await.unwrap();
        // What an engine learns of its log by reading must not hide what comes after.
        assert_eq!(
            found(&engine, &wanted, 0).await,
            expected,
            "after batch {n}"
        );
        let nobody = BTreeSet::from([Number(140_000)]);
        assert_eq!(found(&engine, &nobody, 0).await, []);
    }
    assert!(expected.len() > 20);
    let since = expected[5].recorded_ms;
    expected.retain(|one| one.recorded_ms >= since);
    assert_eq!(found(&engine, &wanted, since).await, expected);
}

async fn found(engine: &Engine, devices: &BTreeSet<Number>, from_ms: i64) -> Vec<Recorded> {
    let mut found = Vec::new();
    let mut visit = |recorded| found.push(recorded);
    let visited = engine.log.visit_devices(APP, devices, from_ms, &mut visit);
    visited.await.unwrap();
    found
}
