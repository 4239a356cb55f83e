//! Retention: what an app no longer wants kept is forgotten, by records in the log like any other change.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pushtally_ledger::{Page, PageKey, TaskPage, TaskState};
use pushtally_model::{AppId, Clock, Retention, Second, TaskKey, TaskNumber};
use pushtally_store::{Position, StoreError};

use crate::Stats;

/// What a run of retention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Tasks forgotten.
    pub tasks_forgotten: u64,
    /// Log segments dropped.
    pub segments_dropped: usize,
}

impl Stats {
    /// Forgets tasks and overall days whose every count is older than their app keeps counts, and drops log
    /// segments older than the longest that any app keeps traces, unless they hold something after `held`, which somebody
    /// has yet to read. Safe to repeat and to interrupt.
    pub async fn retain(
        &self,
        apps: &BTreeMap<AppId, Retention>,
        held: Option<&Position>,
        clock: &dyn Clock,
    ) -> Result<Retained, StoreError> {
        let now_ms = clock.now_ms();
        let today = clock.now().day();
        let before: BTreeMap<AppId, u32> = apps
            .iter()
            .filter_map(|(app, retention)| {
                Some((*app, today.saturating_sub(retention.counts_days?)))
            })
            .collect();
        let mut retained = Retained::default();
        if !before.is_empty() {
            self.snapshot().await?;
            for (app, task) in self.outdated(&before).await? {
                self.forget_task(app, task).await?;
                retained.tasks_forgotten += 1;
            }
            for (app, day) in &before {
                self.cut_days(*app, *day).await?;
            }
        }
        if let Some(days) = apps.values().map(|retention| retention.traces_days).max() {
            let kept_ms = i64::from(days) * i64::from(Second::DAY_S) * 1000;
            let mut included = self.engine().pages.installed().await?.included;
            if let Some(held) = held {
                for (log, included) in included.0.iter_mut().enumerate() {
                    *included = (*included).min(held.of(log));
                }
            }
            retained.segments_dropped = self
                .engine()
                .log
                .drop_before(&included, now_ms - kept_ms)
                .await?;
        }
        Ok(retained)
    }

    /// Tasks of these apps with nothing on or after the app's day.
    async fn outdated(
        &self,
        before: &BTreeMap<AppId, u32>,
    ) -> Result<Vec<(AppId, TaskKey)>, StoreError> {
        let mut outdated = Vec::new();
        let mut visit = |key, page| {
            let (PageKey::Task(number), Page::Task(page)) = (key, page) else {
                return ControlFlow::Break(());
            };
            if let Some(day) = before.get(&page.app)
                && last_day(&page).is_some_and(|last| last < *day)
            {
                outdated.push((
                    page.app,
                    TaskKey {
                        number,
                        kind: page.kind,
                        origin: page.origin,
                    },
                ));
            }
            ControlFlow::Continue(())
        };
        self.engine()
            .pages
            .scan(PageKey::Task(TaskNumber(0)), &mut visit)
            .await?;
        Ok(outdated)
    }
}

/// The last day with a count; `None` when nothing is kept.
fn last_day(page: &TaskPage) -> Option<u32> {
    match &page.state {
        TaskState::Small(run) => run.iter().map(|entry| entry.at.day()).max(),
        TaskState::Large { days, .. } => days.iter().map(|(day, _)| day).max(),
        TaskState::Forgotten => None,
    }
}
