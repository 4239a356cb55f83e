//! The fold: a batch of the log changes the pages, each event at most once.
//!
//! Invariant: for every (task, device, route, channel, lane) the first event recorded, and no other, is
//! added to the task's tallies and to the overall tallies of its kind, at its own event time. Own tasks obey
//! two more rules: a device ends once on a channel (sent, or lost before sending), and delivered and clicked
//! count only where it was planned. Imported tasks do not: each stage stands on its own evidence.

mod control;
mod own;
mod small;

use std::collections::BTreeMap;

use pushtally_model::{AppId, Event, Kind, Scope, TaskKey};

use crate::batch::{Batch, Record, Section};
use crate::changes::{Changes, Fresh};
use crate::days::{Counters, Days, TotalPage};
use crate::marks::MarksPage;
use crate::page::{Page, PageKey};
use crate::rows::{Delta, sum_equal};
use crate::task::{Entry, SMALL_TASK_ENTRIES_MAX, TaskPage, TaskState};
use control::fold_control;
pub(crate) use own::check_own;
use small::fold_small;

/// Events of one section from which on two threads share the work: what handing it over costs is then lost in it.
const SHARED_EVENTS_MIN: usize = 2048;

/// Half of a section, for a second hand to fold. Its tasks are in no other half.
#[derive(Debug)]
pub struct Half(Vec<Event>);

/// What became of a half.
#[derive(Debug)]
pub struct HalfFolded<E> {
    result: Result<(), E>,
    changes: Changes,
    pending: Pending,
}

/// Waits for a half that another thread folds.
pub type Waiting<E> = Box<dyn FnOnce() -> HalfFolded<E>>;

impl Half {
    /// Folds it.
    pub fn fold<P: Pages>(self, pages: &mut P) -> HalfFolded<P::Error> {
        let (mut changes, mut pending) = (Changes::default(), Pending::new());
        let result = fold_tasks(&self.0, pages, &mut changes, &mut pending);
        HalfFolded {
            result,
            changes,
            pending,
        }
    }
}

/// The state that the fold changes.
pub trait Pages: Sized + Send {
    /// Why a page could not be had.
    type Error: Send;

    /// Gives half of a section to a second hand on the same state, which folds it at the same time; hands it back when
    /// there is none. The two never change the same page.
    fn share(&mut self, half: Half) -> Result<Waiting<Self::Error>, Half> {
        Err(half)
    }

    /// Changes a page; one that does not exist is `Page::Gone` on the way in.
    ///
    /// `exists` is what the fold knows from the page that names this one: `Some(false)` spares a look-up.
    fn change<R>(
        &mut self,
        key: PageKey,
        exists: Option<bool>,
        change: impl FnOnce(&mut Page) -> R,
    ) -> Result<R, Self::Error>;
}

/// What a batch did, by app and kind.
pub type Folded = BTreeMap<(AppId, Kind), Counters>;

/// Folds one batch and adds what it changed to `changes`. After an error the pages are half changed and must
/// not be used again.
pub fn fold<P: Pages>(
    batch: &Batch,
    pages: &mut P,
    changes: &mut Changes,
) -> Result<Folded, P::Error> {
    let mut folded = Folded::new();
    let mut pending = Pending::new();
    for record in &batch.records {
        match record {
            Record::Events(section) => fold_section(section, pages, changes, &mut pending)?,
            Record::Calls(_) => {}
            Record::Control(control) => {
                // A control changes what was counted before it, so all of that must be there.
                fold_overall(&mut pending, pages, changes, &mut folded)?;
                fold_control(control, pages, changes)?;
            }
        }
    }
    fold_overall(&mut pending, pages, changes, &mut folded)?;
    Ok(folded)
}

/// What a batch adds to the overall pages, gathered so that each is changed once.
type Pending = BTreeMap<(AppId, Kind), (Counters, Vec<Delta>)>;

fn fold_overall<P: Pages>(
    pending: &mut Pending,
    pages: &mut P,
    changes: &mut Changes,
    folded: &mut Folded,
) -> Result<(), P::Error> {
    for ((app, kind), (counters, deltas)) in std::mem::take(pending) {
        let deltas = sum_equal(deltas);
        changes
            .overall
            .extend(deltas.iter().map(|delta| (app, kind, *delta)));
        changes.whole.insert(PageKey::Total(app, kind));
        let mut known = Vec::new();
        pages.change(PageKey::Total(app, kind), None, |page| {
            let total = total_of(page);
            total.counters.add(&counters);
            for day in days(&deltas) {
                known.push(total.days.contains(day[0].at.day()));
                total.days.add(day[0].at.day(), day);
            }
        })?;
        for (day, exists) in days(&deltas).zip(known) {
            add_rows(pages, Scope::Overall(app, kind), exists, day)?;
        }
        folded.entry((app, kind)).or_default().add(&counters);
    }
    Ok(())
}

/// Tasks share no page but the overall ones, which come later; so two threads may take half of them each.
fn fold_section<P: Pages>(
    section: &Section,
    pages: &mut P,
    changes: &mut Changes,
    pending: &mut Pending,
) -> Result<(), P::Error> {
    let events = section.events();
    if events.len() < SHARED_EVENTS_MIN {
        return fold_tasks(events, pages, changes, pending);
    }
    let (first, second) = events.split_at(task_boundary(events, events.len() / 2));
    let Ok(wait) = pages.share(Half(second.to_vec())) else {
        return fold_tasks(events, pages, changes, pending);
    };
    let here = fold_tasks(first, pages, changes, pending);
    let mut there = wait();
    changes.append(&mut there.changes);
    for (family, (counters, mut deltas)) in there.pending {
        let (sums, gathered) = pending.entry(family).or_default();
        sums.add(&counters);
        gathered.append(&mut deltas);
    }
    here.and(there.result)
}

/// The first place at or after `at` where a task begins.
fn task_boundary(events: &[Event], at: usize) -> usize {
    let Some(split) = at.checked_sub(1).and_then(|before| events.get(before)) else {
        return 0;
    };
    let same = |event: &&Event| (event.app, event.task) == (split.app, split.task);
    at + events[at..].iter().take_while(same).count()
}

fn fold_tasks<P: Pages>(
    events: &[Event],
    pages: &mut P,
    changes: &mut Changes,
    pending: &mut Pending,
) -> Result<(), P::Error> {
    for events in events.chunk_by(|a, b| (a.app, a.task) == (b.app, b.task)) {
        let Some(first) = events.first() else {
            continue;
        };
        let (app, kind) = (first.app, first.task.kind);
        let (sums, deltas) = pending.entry((app, kind)).or_default();
        let counters = fold_task(app, first.task, events, pages, changes, deltas)?;
        sums.add(&counters);
    }
    Ok(())
}

/// What the task's page said the events must do next.
enum Next {
    /// Counted in the page itself, or too late.
    Done,
    /// Marks and rows are pages of their own; the shards that have some.
    Marks(Vec<u16>),
    /// The run has outgrown the page and must be spread over pages.
    Grow(Vec<Entry>),
}

/// Events of one task, ordered by (cell, device). Adds the fresh ones to `changes`, and what they count to `counted`.
fn fold_task<P: Pages>(
    app: AppId,
    task: TaskKey,
    events: &[Event],
    pages: &mut P,
    changes: &mut Changes,
    counted: &mut Vec<Delta>,
) -> Result<Counters, P::Error> {
    let mut counters = Counters::default();
    let from = changes.fresh.mark();
    let fresh = &mut changes.fresh;
    let next = pages.change(PageKey::Task(task.number), None, |page| {
        match task_of(page, app, task) {
            TaskState::Forgotten => {
                counters.too_late += events.len() as u64;
                Next::Done
            }
            TaskState::Large { shards, .. } => Next::Marks(shards.clone()),
            TaskState::Small(run) => {
                fold_small(run, events, task.origin, &mut counters, fresh);
                if run.len() > SMALL_TASK_ENTRIES_MAX {
                    // It stays until its pages are there, so that a reader finds one or the other.
                    Next::Grow(run.clone())
                } else {
                    Next::Done
                }
            }
        }
    })?;
    match next {
        Next::Done => counted.extend(fresh.deltas_from(from)),
        Next::Grow(run) => {
            // What growing moves behind the fresh ones was counted before.
            counted.extend(fresh.deltas_from(from));
            grow((app, task), &run, pages, changes)?;
        }
        Next::Marks(mut shards) => {
            let known = shards.len();
            fold_marks(task, events, &mut shards, pages, &mut counters, fresh)?;
            let deltas = sum_equal(fresh.deltas_from(from).collect());
            counted.extend_from_slice(&deltas);
            add_to_large(
                task,
                (shards.len() > known).then_some(shards),
                &deltas,
                pages,
            )?;
        }
    }
    Ok(counters)
}

fn fold_marks<P: Pages>(
    task: TaskKey,
    events: &[Event],
    shards: &mut Vec<u16>,
    pages: &mut P,
    counters: &mut Counters,
    fresh: &mut Fresh,
) -> Result<(), P::Error> {
    // A page is looked for once, whatever cells its events have; the order within a cell stays.
    let mut by_shard: Vec<&Event> = events.iter().collect();
    by_shard.sort_by_key(|event| event.number.shard());
    for events in by_shard.chunk_by(|a, b| a.number.shard() == b.number.shard()) {
        let Some(first) = events.first() else {
            continue;
        };
        let shard = first.number.shard();
        let found = shards.binary_search(&shard);
        if let Err(at) = found {
            shards.insert(at, shard);
        }
        let key = PageKey::Marks(task.number, shard);
        pages.change(key, Some(found.is_ok()), |page| {
            let marks = marks_of(page);
            for event in events {
                mark(marks, event, counters, fresh);
            }
        })?;
    }
    Ok(())
}

/// Marks one event of a large task, if it counts.
fn mark(marks: &mut MarksPage, event: &Event, counters: &mut Counters, fresh: &mut Fresh) {
    let (cell, slot) = (event.cell, event.number.slot());
    let refused = check_own(event.task.origin, cell, |cell| marks.contains(cell, slot));
    if let Some(refused) = refused.filter(|_| !marks.contains(cell, slot)) {
        refused.count(counters);
    } else if marks.insert(cell, slot) {
        counters.fresh += 1;
        fresh.push(event, false);
    } else {
        counters.duplicate += 1;
    }
}

/// Spreads a small task's run over pages of marks and rows. Nothing is fresh: all of it is counted.
fn grow<P: Pages>(
    (app, task): (AppId, TaskKey),
    run: &[Entry],
    pages: &mut P,
    changes: &mut Changes,
) -> Result<(), P::Error> {
    let mut shards: Vec<u16> = Vec::new();
    let event = |e: &Entry| Event {
        app,
        task,
        cell: e.cell,
        number: e.number,
        at: e.at,
        loss: e.loss,
    };
    changes.whole.insert(PageKey::Task(task.number));
    for entry in run {
        changes.fresh.push(&event(entry), false);
    }
    for entries in run.chunk_by(|a, b| (a.cell, a.number.shard()) == (b.cell, b.number.shard())) {
        let Some(first) = entries.first() else {
            continue;
        };
        let shard = first.number.shard();
        let found = shards.binary_search(&shard);
        if let Err(at) = found {
            shards.insert(at, shard);
        }
        pages.change(
            PageKey::Marks(task.number, shard),
            Some(found.is_ok()),
            |page| {
                let marks = marks_of(page);
                for entry in entries {
                    marks.insert(first.cell, entry.number.slot());
                }
            },
        )?;
    }
    let deltas = sum_equal(run.iter().map(|entry| Delta::of(&event(entry))).collect());
    let mut sums = Days::default();
    for day in days(&deltas) {
        sums.add(day[0].at.day(), day);
        add_rows(pages, Scope::Task(task.number), false, day)?;
    }
    pages.change(PageKey::Task(task.number), Some(true), |page| {
        if let Page::Task(page) = page {
            page.state = TaskState::Large { shards, days: sums };
        }
    })
}

/// Adds counts to a large task's days and rows, and its new list of shards if that changed.
fn add_to_large<P: Pages>(
    task: TaskKey,
    shards: Option<Vec<u16>>,
    deltas: &[Delta],
    pages: &mut P,
) -> Result<(), P::Error> {
    if deltas.is_empty() {
        return Ok(());
    }
    let mut known = Vec::new();
    pages.change(PageKey::Task(task.number), Some(true), |page| {
        let Page::Task(TaskPage {
            state:
                TaskState::Large {
                    shards: kept,
                    days: sums,
                },
            ..
        }) = page
        else {
            return;
        };
        if let Some(shards) = shards {
            *kept = shards;
        }
        for day in days(deltas) {
            known.push(sums.contains(day[0].at.day()));
            sums.add(day[0].at.day(), day);
        }
    })?;
    for (day, exists) in days(deltas).zip(known) {
        add_rows(pages, Scope::Task(task.number), exists, day)?;
    }
    Ok(())
}

fn add_rows<P: Pages>(
    pages: &mut P,
    scope: Scope,
    exists: bool,
    day: &[Delta],
) -> Result<(), P::Error> {
    pages.change(
        PageKey::rows(scope, day[0].at.day()),
        Some(exists),
        |page| {
            if let Page::Gone = page {
                *page = Page::Rows(Box::default());
            }
            if let Page::Rows(rows) = page {
                rows.add(day);
            }
        },
    )
}

/// Ordered deltas by day, none of them empty.
fn days(deltas: &[Delta]) -> impl Iterator<Item = &[Delta]> {
    deltas.chunk_by(|a, b| a.at.day() == b.at.day())
}

fn task_of(page: &mut Page, app: AppId, task: TaskKey) -> &mut TaskState {
    if !matches!(page, Page::Task(_)) {
        *page = Page::Task(TaskPage::new(app, task));
    }
    match page {
        Page::Task(page) => &mut page.state,
        Page::Total(_) | Page::Marks(_) | Page::Rows(_) | Page::Gone => {
            unreachable!("made a task just above")
        }
    }
}

fn marks_of(page: &mut Page) -> &mut MarksPage {
    if !matches!(page, Page::Marks(_)) {
        *page = Page::Marks(MarksPage::default());
    }
    match page {
        Page::Marks(marks) => marks,
        Page::Total(_) | Page::Task(_) | Page::Rows(_) | Page::Gone => {
            unreachable!("made marks just above")
        }
    }
}

fn total_of(page: &mut Page) -> &mut TotalPage {
    if !matches!(page, Page::Total(_)) {
        *page = Page::Total(TotalPage::default());
    }
    match page {
        Page::Total(total) => total,
        Page::Task(_) | Page::Marks(_) | Page::Rows(_) | Page::Gone => {
            unreachable!("made a total just above")
        }
    }
}
