//! Where counts come from: the ledger's pages, which know what is known now, or the log, which knows what was known when.

use pushtally_ledger::Tally;
use pushtally_model::{App, AppId, Scope, TaskKey, Window};
use pushtally_stats::Stats;

use super::kept::{Kept, KeptError, earliest_ms, kept};
use super::tallies::Counted;
use super::trace::Sources;

/// As of when counts are told.
#[derive(Debug, Clone, Copy)]
pub enum Numbers<'a> {
    /// As they are known now.
    Now(&'a Stats),
    /// As they were known at an earlier moment: of what was recorded in it or before.
    Then {
        /// What they are read from.
        sources: Sources<'a>,
        /// Whose they are.
        app: &'a App,
        /// The Unix millisecond.
        as_of_ms: i64,
    },
}

impl Numbers<'_> {
    /// The moment; `None` is now.
    pub(super) const fn as_of_ms(&self) -> Option<i64> {
        match self {
            Self::Now(_) => None,
            Self::Then { as_of_ms, .. } => Some(*as_of_ms),
        }
    }

    /// Refuses a moment that is further back than anything is kept.
    pub(super) async fn check(&self) -> Result<(), KeptError> {
        if let Self::Then {
            sources,
            app,
            as_of_ms,
        } = self
        {
            let earliest_ms = earliest_ms(*sources, app).await?;
            if *as_of_ms < earliest_ms {
                return Err(KeptError::OutOfReach { earliest_ms });
            }
        }
        Ok(())
    }

    /// The counts of a task in windows that follow each other.
    pub(super) async fn of_task(
        &self,
        app: AppId,
        (task, id): (TaskKey, &str),
        windows: &[Window],
    ) -> Result<Vec<Tally>, KeptError> {
        let scope = Scope::Task(task.number);
        let (sources, app, as_of_ms) = match self {
            Self::Now(stats) => return Ok(stats.tallies(app, scope, windows).await?),
            Self::Then {
                sources,
                app,
                as_of_ms,
            } => (*sources, *app, *as_of_ms),
        };
        let stats = sources.stats;
        match kept(sources, app, (task, id)).await? {
            Kept::All { recorded_from_ms } => {
                let told = stats.tallies_as_of(task, windows, as_of_ms, recorded_from_ms);
                Ok(told.await?)
            }
            // Its beginning is gone; but if nothing has come since, it is known.
            Kept::Since { .. } => {
                let now = stats.tallies(app.id, scope, windows).await?;
                match stats.changed_after(task, as_of_ms).await? {
                    None => Ok(now),
                    Some(earliest_ms) => Err(KeptError::OutOfReach { earliest_ms }),
                }
            }
        }
    }

    /// The counts of an app's family, or of one of its tasks, in windows that follow each other.
    pub(super) async fn of(
        &self,
        app: AppId,
        counted: &Counted,
        windows: &[Window],
    ) -> Result<Vec<Tally>, KeptError> {
        match (&counted.task, counted.key, self) {
            (Some(id), Some(key), _) => self.of_task(app, (key, id), windows).await,
            (Some(_), None, _) => Ok(vec![Tally::default(); windows.len()]),
            (None, _, Self::Now(stats)) => {
                let scope = Scope::Overall(app, counted.family);
                Ok(stats.tallies(app, scope, windows).await?)
            }
            (None, _, Self::Then { .. }) => Err(KeptError::WholeFamily),
        }
    }

    /// The same in one window.
    pub(super) async fn one_of(
        &self,
        app: AppId,
        counted: &Counted,
        window: Window,
    ) -> Result<Tally, KeptError> {
        let tallies = self.of(app, counted, &[window]).await?;
        Ok(tallies.into_iter().next().unwrap_or_default())
    }
}
