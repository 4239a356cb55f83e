//! How far back the log tells of a task: what is read from it is told only if nothing of the task can be missing.

use pushtally_model::{App, Origin, Scope, Second, TaskKey, Window};
use pushtally_store::StoreError;
use pushtally_wire::EVENT_TIME_AHEAD_S_MAX;

use super::trace::{Sources, begun};
use crate::limits::CLOCK_STEP_S;

/// Why something cannot be told from the log.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The log is not kept so long, or the task began before what is kept of it.
    #[error(
        "that is not kept any more: Unix millisecond `{earliest_ms}` is the earliest that can be told of"
    )]
    OutOfReach {
        /// From when on it can, in Unix milliseconds.
        earliest_ms: i64,
    },
    /// Whole families are asked for, of which that would be reading everything.
    #[error("name tasks: as known at an earlier moment whole families cannot be told")]
    WholeFamily,
    /// A task has more devices than are looked at together.
    #[error("a task has more than `{devices_max}` devices that wait for a delivery or a click")]
    TooManyDevices {
        /// The bound.
        devices_max: usize,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the log has of a task.
pub(super) enum Kept {
    /// All of it, recorded at this Unix millisecond or later.
    All { recorded_from_ms: i64 },
    /// What was recorded at this Unix millisecond or later; there may have been more before.
    Since { earliest_ms: i64 },
}

/// The earliest Unix millisecond from which on the log surely has everything: as long ago as the app's traces are kept, and
/// no earlier than what there is.
pub(super) async fn earliest_ms(sources: Sources<'_>, app: &App) -> Result<i64, StoreError> {
    let kept_s = app.retention.traces_days.saturating_mul(Second::DAY_S);
    let reach_ms = i64::from(sources.now.0.saturating_sub(kept_s)) * 1000;
    let first_ms = sources.stats.kept_from_ms().await?;
    Ok(first_ms.map_or(reach_ms, |first_ms| first_ms.max(reach_ms)))
}

/// What the log has of a task, whose TaskId or PushID this is.
pub(super) async fn kept(
    sources: Sources<'_>,
    app: &App,
    (task, id): (TaskKey, &str),
) -> Result<Kept, StoreError> {
    let earliest_ms = earliest_ms(sources, app).await?;
    let since = Kept::Since { earliest_ms };
    if let Some(begun) = begun(sources, app.id, (task, id)).await? {
        let begun_ms = i64::from(begun.0) * 1000;
        // A machine's clock may have been set back since it was accepted.
        let recorded_from_ms = begun_ms - i64::from(CLOCK_STEP_S) * 1000;
        return Ok(if begun_ms < earliest_ms {
            since
        } else {
            Kept::All { recorded_from_ms }
        });
    }
    let all = Kept::All {
        recorded_from_ms: i64::MIN,
    };
    if sources.stats.kept_from_ms().await?.is_none() {
        return Ok(all);
    }
    if task.origin == Origin::Own {
        return Ok(since);
    }
    // Nobody knows when it began. But what was recorded before happened before, as far as clocks agree.
    let end_ms = earliest_ms + EVENT_TIME_AHEAD_S_MAX * 1000 + 1000;
    let end = Second::from_millis(end_ms).unwrap_or(Second(u32::MAX));
    let Ok(before) = Window::new(Second(0), end) else {
        return Ok(all);
    };
    let scope = Scope::Task(task.number);
    let before = sources.stats.tally(app.id, scope, before).await?;
    Ok(if before.cells().next().is_none() {
        all
    } else {
        since
    })
}
