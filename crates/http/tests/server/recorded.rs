//! What tests of numbers from the log stand on: imported events of a platform, and a push of our own with events that the
//! test records itself.

use pushtally_dispatch::Turn;
use pushtally_model::{
    Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Second, TaskKey,
};
use pushtally_store::Claim;

use super::fixture::{APP, Server, credentials, event};
use super::series::ago;

/// A webhook event of task `t…` and account `a…` on a platform, which happened so many seconds ago.
pub(crate) fn imported(
    (task, account, platform): (u8, u8, u8),
    (stage, err_code): (u8, i64),
    seconds: i64,
) -> String {
    let event = event(&format!("t{task}"), &format!("a{account}"), stage, err_code);
    let platform = format!(r#""PushPlatform":{platform}"#);
    ago(&event.replace(r#""PushPlatform":1"#, &platform), seconds)
}

/// A push of our own to an account without a token, accepted and not planned yet.
pub(crate) async fn own_task(server: &Server) -> String {
    super::push::register(&server.engine, "a").await;
    let path = format!("/v4/timpush/batch?{}", credentials());
    let body = r#"{"From_Account":"administrator","MsgRandom":1,"To_Account":["a"],"OfflinePushInfo":{"Title":"t"}}"#;
    let reply = server.post(&path, body).await;
    reply["TaskId"].as_str().unwrap().to_owned()
}

/// Plans, sends and ends what is accepted.
pub(crate) async fn work(server: &Server) {
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
}

/// The number of a task that is planned.
pub(crate) async fn key_of(server: &Server, id: &str) -> TaskKey {
    let found = server.state.identities.find_task(APP, Kind::Push, id).await;
    let key = found.unwrap().unwrap();
    assert_eq!(key.origin, Origin::Own);
    key
}

/// That a device reached a lane of a task.
pub(crate) fn reached(
    task: TaskKey,
    (channel, lane): (Channel, Lane),
    number: u32,
    at: Second,
) -> Event {
    Event {
        app: APP,
        task,
        cell: Cell::new(Route::Offline, channel, lane),
        number: Number(number),
        at,
        loss: LossId::NONE,
    }
}
