//! What was recorded hours and days ago, in the folder that a real process opens afterwards: an engine over it whose clock
//! the test sets, because nothing shorter than a day is ever dropped from a log.

use std::path::Path;
use std::sync::Arc;

use pushtally_model::{
    Account, AppId, Audience, Cell, Channel, Clock as _, Event, Kind, Lane, LossId, ManualClock,
    Notification, Number, OnUnknown, Origin, Route, Second, Source, SystemEntropy, TaskDraft,
    TaskId, TaskKey, TaskKind, Urgency,
};
use pushtally_stats::{Options, Stats};
use pushtally_store::{AcceptLimits, Engine, Names, Report as _, TaskName};
use pushtally_store_local::{LocalEngine, LocalOptions};

use crate::{APP, now_s};

/// Each of these tasks was sent to the device of each account so long ago; a batch for each, and a segment of the log for
/// each batch. Everything is in a snapshot then.
pub(crate) async fn record(
    dir: &Path,
    ago_s: u64,
    (origin, tasks): (Origin, &[&str]),
    accounts: &[String],
) {
    let clock = Arc::new(ManualClock::at_unix((now_s() - ago_s) as i64));
    let options = LocalOptions {
        segment_len_max: 1,
        ..LocalOptions::default()
    };
    let local = LocalEngine::open(&dir.join("data"), options, &SystemEntropy).unwrap();
    let stats = Stats::open(local.engine(), clock.clone(), Options::default())
        .await
        .unwrap();
    let mut numbers = Vec::new();
    for account in accounts {
        let account = Account::new(account.clone()).unwrap();
        let devices = &stats.engine().devices;
        let found = devices.devices_of_account(AppId(APP), &account).await;
        numbers.extend(found.unwrap().iter().map(|device| device.number));
    }
    for task in tasks {
        if origin == Origin::Own {
            accept(stats.engine(), task, clock.now()).await;
        }
        let key = key_of(stats.engine(), origin, task).await;
        let sent = |number: &Number| Event {
            app: AppId(APP),
            task: key,
            cell: Cell::new(Route::Offline, Channel::Fcm, Lane::Sent),
            number: *number,
            at: clock.now(),
            loss: LossId::NONE,
        };
        let events = numbers.iter().map(sent).collect();
        stats.report(Source::Us, events).await.unwrap();
    }
    stats.close().await.unwrap();
    local.close().unwrap();
}

/// Stores a task that is done.
async fn accept(engine: &Engine, id: &str, at: Second) {
    let draft = TaskDraft {
        app: AppId(APP),
        id: TaskId::new(id).unwrap(),
        kind: TaskKind::Batch,
        urgency: Urgency::Bulk,
        sender: "administrator".to_owned(),
        random: 1,
        body_hash: std::array::from_fn(|n| id.as_bytes().get(n).copied().unwrap_or(0)),
        data_id: format!("run {id}"),
        audience: Audience::Everyone,
        notification: Notification::default(),
        accepted_at: at,
        deadline: Second(at.0 + 100),
        on_unknown: OnUnknown::default(),
        message: None,
    };
    let limits = AcceptLimits {
        broadcasts_per_day: None,
        day_begins: Second(0),
        now_ms: i64::from(at.0) * 1000,
        broadcast_gap_ms: 0,
        open_tasks_max: 1,
    };
    let accepted = engine.tasks.accept_task(&draft, Some(&[]), &limits);
    accepted.await.unwrap();
}

async fn key_of(engine: &Engine, origin: Origin, id: &str) -> TaskKey {
    let task = TaskName {
        kind: Kind::Push,
        origin,
        id,
    };
    let names = Names {
        tasks: vec![task],
        ..Names::default()
    };
    let resolved = engine.identities.resolve(AppId(APP), &names).await;
    resolved.unwrap().tasks[0]
}
