//! What devices report, as events.

use pushtally_model::{AppId, Channel, Event, Number, Route, Second, TaskId, What};
use pushtally_store::StoreError;

use crate::gather::Tell;
use crate::health::count;
use crate::recent::Known;
use crate::{ClientReport, Online};

impl Online {
    /// Records a device's reports; answers the ids that are no task of this app, each once, after the others' events
    /// are durable. On an error none is known to be recorded; repeating the call is harmless. `Busy` when too much
    /// waits.
    pub async fn report(
        &self,
        app: AppId,
        number: Number,
        reports: &[ClientReport],
    ) -> Result<Vec<TaskId>, StoreError> {
        self.record(app, number, reports, Tell::AtOnce).await
    }

    /// As [`Self::report`], and says when to answer.
    pub(crate) async fn record(
        &self,
        app: AppId,
        number: Number,
        reports: &[ClientReport],
        tell: Tell,
    ) -> Result<Vec<TaskId>, StoreError> {
        let arrival_ms = self.parts.clock.now_ms();
        let mut unknown = Vec::new();
        let mut events = Vec::with_capacity(reports.len());
        let mut clamped = 0;
        for report in reports {
            let Some(task) = self.recent.find(app, &report.id).await? else {
                if !unknown.contains(&report.id) {
                    unknown.push(report.id.clone());
                }
                continue;
            };
            let (at, was_clamped) = event_time(arrival_ms, report.age_ms, task.accepted_at);
            clamped += u64::from(was_clamped);
            events.extend(event(app, number, task, report, at));
        }
        let recorded = events.len() as u64;
        if let Err(error) = self.gatherer.record(events, tell).await {
            count(&self.counters.reports_busy, reports.len() as u64);
            return Err(error);
        }
        count(&self.counters.reports_recorded, recorded);
        count(
            &self.counters.reports_unknown,
            reports.len() as u64 - recorded,
        );
        count(&self.counters.reports_clamped, clamped);
        Ok(unknown)
    }
}

fn event(
    app: AppId,
    number: Number,
    task: Known,
    report: &ClientReport,
    at: Second,
) -> Option<Event> {
    let route = match report.channel {
        Channel::Online => Route::Online,
        _ => Route::Offline,
    };
    let way = (route, report.channel);
    Event::new(app, task.key, number, way, What::Reached(report.stage), at)
}

/// When it happened: as long before its arrival as the client says, but not before the task. And whether that had to
/// be corrected.
fn event_time(arrival_ms: i64, age_ms: u32, accepted_at: Second) -> (Second, bool) {
    let arrival = Second::from_millis(arrival_ms).unwrap_or_default();
    let said = Second::from_millis(arrival_ms - i64::from(age_ms)).unwrap_or_default();
    let earliest = accepted_at.min(arrival);
    (said.max(earliest), said < earliest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_times_lie_between_the_task_and_the_arrival() {
        const ACCEPTED: Second = Second(1000);
        for (arrival_ms, age_ms, expected) in [
            (1_010_999, 0, (1010, false)),
            (1_010_000, 1, (1009, false)),
            (1_010_000, 10_000, (1000, false)),
            (1_010_000, 10_001, (1000, true)),
            (1_010_000, u32::MAX, (1000, true)),
            // A clock that was set back before the task began: still not in the future.
            (999_000, 0, (999, false)),
        ] {
            let (at, clamped) = event_time(arrival_ms, age_ms, ACCEPTED);
            assert_eq!((at.0, clamped), expected, "{arrival_ms} {age_ms}");
        }
    }
}
