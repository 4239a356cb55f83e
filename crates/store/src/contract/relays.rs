//! Relay queues.

use pushtally_model::{AppId, Channel};

use super::APP;
use crate::RelayLine;
use crate::ports::Engine;

const LINE: RelayLine = RelayLine::Webhooks(APP);

/// A queue keeps the order and forgets only what is done.
pub(super) async fn relay_calls_wait_until_done(engine: Engine) {
    let mut places = Vec::new();
    for n in 0..5u8 {
        places.push(engine.relays.push(LINE, vec![n; 10].into()).await.unwrap());
    }
    let cursor = engine.relays.cursor(LINE).await.unwrap();
    let calls = engine.relays.read(LINE, cursor, 2, 1000).await.unwrap();
    assert_eq!(
        calls
            .iter()
            .map(|call| (call.at, call.call[0]))
            .collect::<Vec<_>>(),
        [(places[0], 0), (places[1], 1)]
    );
    assert_eq!(
        engine.relays.read(LINE, cursor, 9, 1).await.unwrap().len(),
        1,
        "at least one call, whatever its size"
    );
    engine.relays.done(LINE, places[2]).await.unwrap();
    assert_eq!(engine.relays.cursor(LINE).await.unwrap(), places[2]);
    assert_eq!(engine.relays.backlog(LINE).await.unwrap().calls, 2);
    let rest = engine.relays.read(LINE, places[2], 9, 1000).await.unwrap();
    assert_eq!(
        rest.iter().map(|call| call.call[0]).collect::<Vec<_>>(),
        [3, 4]
    );
    for other in [
        RelayLine::Webhooks(AppId(7)),
        RelayLine::Receipts(APP, Channel::Huawei),
    ] {
        let backlog = engine.relays.backlog(other).await.unwrap();
        assert_eq!(backlog.calls, 0, "{other}: queues cross no lines");
        assert_eq!(engine.relays.cursor(other).await.unwrap(), 0);
    }
    let receipts = RelayLine::Receipts(APP, Channel::Honor);
    let place = engine.relays.push(receipts, vec![9].into()).await.unwrap();
    assert_eq!(engine.relays.backlog(LINE).await.unwrap().calls, 2);
    let calls = engine.relays.read(receipts, 0, 9, 1000).await.unwrap();
    let read: Vec<_> = calls.iter().map(|call| (call.at, call.call[0])).collect();
    assert_eq!(read, [(place, 9)]);
}
