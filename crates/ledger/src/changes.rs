//! What the fold changed since the last snapshot, kept as additions rather than as whole pages.
//!
//! Marks unite and counts add up, so a snapshot stores only what is new: its size follows the events since
//! the one before, not the pages that they touched. Pages changed in any other way (grown, forgotten, cut)
//! are named in `whole` and stored as they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use pushtally_model::{AppId, Event, Kind, Scope};

use crate::days::Days;
use crate::marks::MarksPage;
use crate::page::{Page, PageKey};
use crate::rows::{DayPage, Delta, sum_equal};
use crate::task::{Entry, TaskPage, TaskState};

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

/// An event that counted, and where: in a small task's run, or in pages of marks and rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fresh {
    pub(crate) event: Event,
    pub(crate) small: bool,
}

/// Everything changed since the last cut.
#[derive(Debug, Default)]
pub struct Changes {
    pub(crate) fresh: Vec<Fresh>,
    pub(crate) overall: Vec<(AppId, Kind, Delta)>,
    pub(crate) whole: BTreeSet<PageKey>,
}

impl Changes {
    /// Makes room for this many events at once: a list that grows while it is used holds its readers up.
    #[must_use]
    pub fn with_room(events: usize) -> Self {
        Self {
            fresh: Vec::with_capacity(events),
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

    /// Approximate bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.fresh.capacity() * size_of::<Fresh>()
            + self.overall.capacity() * size_of::<(AppId, Kind, Delta)>()
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
        self.fresh.sort_unstable_by_key(|Fresh { event, .. }| {
            // (task, shard, cell, slot) as one comparable number.
            u128::from(event.task.number.0) << 40
                | u128::from(event.number.shard()) << 24
                | u128::from(event.cell.byte()) << 16
                | u128::from(event.number.slot())
        });
        for task in self
            .fresh
            .chunk_by(|a, b| a.event.task.number == b.event.task.number)
        {
            add_task(task, &mut add);
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

/// One task's additions, from its fresh events ordered by (shard, cell, device).
fn add_task(fresh: &[Fresh], add: &mut impl FnMut(PageKey, Page)) {
    let Some(first) = fresh.first() else { return };
    let (app, task) = (first.event.app, first.event.task);
    let mut page = TaskPage::new(app, task);
    let large: Vec<Event> = fresh
        .iter()
        .filter(|fresh| !fresh.small)
        .map(|fresh| fresh.event)
        .collect();
    if large.is_empty() {
        let entry = |e: &Event| Entry {
            cell: e.cell,
            number: e.number,
            at: e.at,
            loss: e.loss,
        };
        let mut run: Vec<Entry> = fresh.iter().map(|fresh| entry(&fresh.event)).collect();
        run.sort_unstable_by_key(|entry| (entry.cell, entry.number));
        page.state = TaskState::Small(run);
        return add(PageKey::Task(task.number), Page::Task(page));
    }
    let mut shards = Vec::new();
    for events in large.chunk_by(|a, b| a.number.shard() == b.number.shard()) {
        let marks =
            MarksPage::of_ordered(events.iter().map(|event| (event.cell, event.number.slot())));
        shards.push(events[0].number.shard());
        add(
            PageKey::Marks(task.number, events[0].number.shard()),
            Page::Marks(marks),
        );
    }
    let deltas = sum_equal(large.iter().map(Delta::of).collect());
    let mut days = Days::default();
    for day in deltas.chunk_by(|a, b| a.at.day() == b.at.day()) {
        days.add(day[0].at.day(), day);
        add(
            PageKey::rows(Scope::Task(task.number), day[0].at.day()),
            rows_of(day),
        );
    }
    page.state = TaskState::Large { shards, days };
    add(PageKey::Task(task.number), Page::Task(page));
}

fn rows_of(deltas: &[Delta]) -> Page {
    let mut rows = DayPage::default();
    rows.add(deltas);
    Page::Rows(Box::new(rows))
}
