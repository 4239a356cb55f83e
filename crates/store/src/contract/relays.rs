//! Relay queues.

use pushtally_model::AppId;

use super::APP;
use crate::ports::Engine;

/// A queue keeps the order and forgets only what is done.
pub(super) async fn relay_calls_wait_until_done(engine: Engine) {
    let mut places = Vec::new();
    for n in 0..5u8 {
        places.push(engine.relays.push(APP, vec![n; 10].into()).await.unwrap());
    }
    let cursor = engine.relays.cursor(APP).await.unwrap();
    let calls = engine.relays.read(APP, cursor, 2, 1000).await.unwrap();
    assert_eq!(
        calls
            .iter()
            .map(|call| (call.at, call.call[0]))
            .collect::<Vec<_>>(),
        [(places[0], 0), (places[1], 1)]
    );
    assert_eq!(
        engine.relays.read(APP, cursor, 9, 1).await.unwrap().len(),
        1,
        "at least one call, whatever its size"
    );
    engine.relays.done(APP, places[2]).await.unwrap();
    assert_eq!(engine.relays.cursor(APP).await.unwrap(), places[2]);
    assert_eq!(engine.relays.backlog(APP).await.unwrap().calls, 2);
    let rest = engine.relays.read(APP, places[2], 9, 1000).await.unwrap();
    assert_eq!(
        rest.iter().map(|call| call.call[0]).collect::<Vec<_>>(),
        [3, 4]
    );
    assert_eq!(
        engine.relays.backlog(AppId(7)).await.unwrap().calls,
        0,
        "queues do not cross apps"
    );
}
