//! The daily job: what is older than an app keeps is dropped, by records in the log like everything else.

use std::sync::Arc;
use std::time::Duration;

use pushtally_model::{App, Clock, Second};
use pushtally_stats::Stats;
use pushtally_store::Directory;

/// How often it is looked whether a new day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Runs for ever: once after the start, then once for each new day (UTC).
pub(crate) async fn run(stats: Arc<Stats>, directory: Arc<Directory>, clock: Arc<dyn Clock>) {
    let mut done_for = None;
    loop {
        let today = clock.now().day();
        if done_for != Some(today) {
            retain(&stats, &directory, today).await;
            drop_log(&stats, &directory, clock.now_ms()).await;
            done_for = Some(today);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Drops each app's counts of days before those it keeps.
async fn retain(stats: &Stats, directory: &Directory, today: u32) {
    for app in directory.all().values() {
        let Some(before) = first_kept_day(app, today) else {
            continue;
        };
        if let Err(error) = stats.cut_days(app.id, before).await {
            tracing::warn!(app = %app.id, %error, "old counts cannot be dropped, tried again tomorrow");
        }
    }
}

fn first_kept_day(app: &App, today: u32) -> Option<u32> {
    app.retention
        .counts_days
        .map(|days| today.saturating_sub(days))
}

/// Drops log segments that the snapshot includes and that no app's traces need.
async fn drop_log(stats: &Stats, directory: &Directory, now_ms: i64) {
    let engine = stats.engine();
    let dropped = async {
        let included = engine.pages.installed().await?.included;
        engine
            .log
            .drop_before(&included, now_ms - longest_traces_ms(directory))
            .await
    };
    match dropped.await {
        Ok(0) => {}
        Ok(segments) => tracing::info!(segments, "old log segments dropped"),
        Err(error) => {
            tracing::warn!(%error, "old log segments cannot be dropped, tried again tomorrow");
        }
    }
}

/// The log is one for all apps, so the app that keeps traces longest decides.
fn longest_traces_ms(directory: &Directory) -> i64 {
    let apps = directory.all();
    let kept = apps.values().map(|app| app.retention.traces_days);
    let days = kept
        .max()
        .unwrap_or_else(|| pushtally_model::Retention::default().traces_days);
    i64::from(days) * i64::from(Second::DAY_S) * 1000
}

#[cfg(test)]
mod tests {
    use pushtally_model::{AppId, Retention, Secret};

    use super::*;

    fn app(id: u32, counts_days: Option<u32>, traces_days: u32) -> App {
        App {
            retention: Retention {
                counts_days,
                traces_days,
            },
            ..App::new(AppId(id), Secret::new("k"))
        }
    }

    #[test]
    fn days_before_the_kept_ones_go() {
        assert_eq!(first_kept_day(&app(1, None, 30), 20_000), None);
        assert_eq!(first_kept_day(&app(1, Some(365), 30), 20_000), Some(19_635));
        assert_eq!(first_kept_day(&app(1, Some(365), 30), 100), Some(0));
    }

    #[test]
    fn the_app_that_keeps_traces_longest_decides() {
        const DAY_MS: i64 = 86_400_000;
        assert_eq!(longest_traces_ms(&Directory::default()), 30 * DAY_MS);
        assert_eq!(
            longest_traces_ms(&Directory::new([app(1, None, 7), app(2, None, 90)])),
            90 * DAY_MS
        );
    }
}
