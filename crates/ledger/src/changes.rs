//! What the fold changed since the last snapshot, kept as additions rather than as whole pages.
//!
//! Marks unite and counts add up, so a snapshot stores only what is new: its size follows the events since
//! the one before, not the pages that they touched. Pages changed in any other way (grown, forgotten, cut)
//! are named in `whole` and stored as they are.

mod fresh;

use std::collections::BTreeSet;
use std::sync::Arc;

use pushtally_model::{AppId, Kind, Scope};

use crate::days::Days;
use crate::marks::MarksPage;
use crate::page::{Page, PageKey};
use crate::rows::{DayPage, Delta, sum_equal};
use crate::task::{Entry, TaskPage, TaskState};
pub(crate) use fresh::Fresh;
use fresh::{Group, Run};

/// How a stored page relates to older stored versions of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It replaces them.
    Whole,
    /// It is added to them.
    Addition,
}

/// A page as a snapshot stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPage {
    /// Its name.
    pub key: PageKey,
    /// How it relates to what is stored already.
    pub form: Form,
    /// The page or addition.
    pub page: Arc<Page>,
}

/// Everything changed since the last cut.
#[derive(Debug, Default)]
pub struct Changes {
    pub(crate) fresh: Fresh,
    pub(crate) overall: Vec<(AppId, Kind, Delta)>,
    pub(crate) whole: BTreeSet<PageKey>,
}

impl Changes {
    /// Makes room for this many runs of events at once: a list that grows while it is used holds its readers up.
    #[must_use]
    pub fn with_room(runs: usize) -> Self {
        Self {
            fresh: Fresh::with_room(runs),
            ..Self::default()
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.whole.is_empty()
    }

    /// Moves another's changes behind these.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.fresh.append(&mut other.fresh);
        self.overall.append(&mut other.overall);
        self.whole.append(&mut other.whole);
    }

    /// Approximate bytes of memory in use.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.fresh.bytes() + self.overall.len() * size_of::<(AppId, Kind, Delta)>()
    }

    /// The pages that must be stored whole: read them at the moment of the cut.
    pub fn whole(&self) -> impl Iterator<Item = PageKey> + '_ {
        self.whole.iter().copied()
    }

    /// The pages to store, in key order; `whole` has those named by [`Self::whole`].
    #[must_use]
    pub fn into_pages(mut self, whole: Vec<(PageKey, Arc<Page>)>) -> Vec<StoredPage> {
        let mut pages: Vec<StoredPage> = whole
            .into_iter()
            .map(|(key, page)| StoredPage {
                key,
                form: Form::Whole,
                page,
            })
            .collect();
        let mut add = |key: PageKey, page: Page| {
            if !self.whole.contains(&key) {
                pages.push(StoredPage {
                    key,
                    form: Form::Addition,
                    page: Arc::new(page),
                });
            }
        };
        let (groups, runs) = self.fresh.into_ordered();
        let mut large = None;
        for runs in runs.chunk_by(|a, b| a.group == b.group) {
            let Some(group) = runs.first().and_then(|run| groups.get(run.group as usize)) else {
                continue;
            };
            if !group.small {
                large = Some(group.task.number);
                add_large(group, runs, &mut add);
            } else if large != Some(group.task.number) {
                add_small(group, runs, &mut add);
            }
        }
        self.overall
            .sort_unstable_by_key(|(app, kind, delta)| (*app, *kind, *delta));
        for chunk in self
            .overall
            .chunk_by(|a, b| (a.0, a.1, a.2.at.day()) == (b.0, b.1, b.2.at.day()))
        {
            let Some((app, kind, first)) = chunk.first() else {
                continue;
            };
            let deltas = sum_equal(chunk.iter().map(|(_, _, delta)| *delta).collect());
            add(
                PageKey::TotalRows(*app, *kind, first.at.day()),
                rows_of(&deltas),
            );
        }
        pages.sort_unstable_by_key(|stored| stored.key);
        pages
    }
}

/// The additions of a task that is one run, from what counted in it.
fn add_small(group: &Group, runs: &[Run], add: &mut impl FnMut(PageKey, Page)) {
    let mut page = TaskPage::new(group.app, group.task);
    let mut entries: Vec<Entry> = runs.iter().flat_map(Run::entries).collect();
    entries.sort_unstable_by_key(|entry| (entry.cell, entry.number));
    page.state = TaskState::Small(entries);
    add(PageKey::Task(group.task.number), Page::Task(page));
}

/// The additions of a task that has pages of marks and rows, from what counted in it, ordered by (shard, cell, device). What
/// counted while it was small is among it: growing moves it there.
fn add_large(group: &Group, runs: &[Run], add: &mut impl FnMut(PageKey, Page)) {
    let (mut page, task) = (TaskPage::new(group.app, group.task), group.task.number);
    let (mut shards, mut deltas) = (Vec::new(), Vec::new());
    for runs in runs.chunk_by(|a, b| a.shard() == b.shard()) {
        let Some(first) = runs.first() else { continue };
        shards.push(first.shard());
        let marks = MarksPage::of_ordered(runs.iter().flat_map(Run::marks));
        add(PageKey::Marks(task, first.shard()), Page::Marks(marks));
        // Summed a shard at a time, so that a large task's are never one each.
        deltas.extend(sum_equal(runs.iter().map(Run::delta).collect()));
    }
    let deltas = sum_equal(deltas);
    let mut days = Days::default();
    for day in deltas.chunk_by(|a, b| a.at.day() == b.at.day()) {
        days.add(day[0].at.day(), day);
        add(
            PageKey::rows(Scope::Task(task), day[0].at.day()),
            rows_of(day),
        );
    }
    page.state = TaskState::Large { shards, days };
    add(PageKey::Task(task), Page::Task(page));
}

fn rows_of(deltas: &[Delta]) -> Page {
    let mut rows = DayPage::default();
    rows.add(deltas);
    Page::Rows(Box::new(rows))
}
