//! Changes of state that are not events.

use pushtally_model::Kind;

use super::{Pages, task_of, total_of};
use crate::batch::Control;
use crate::changes::Changes;
use crate::page::{Page, PageKey};
use crate::task::TaskState;

pub(super) fn fold_control<P: Pages>(
    control: &Control,
    pages: &mut P,
    changes: &mut Changes,
) -> Result<(), P::Error> {
    let mut dropped = Vec::new();
    match *control {
        Control::ForgetTask { app, task } => {
            changes.whole.insert(PageKey::Task(task.number));
            let state = pages.change(PageKey::Task(task.number), None, |page| {
                std::mem::replace(task_of(page, app, task), TaskState::Forgotten)
            })?;
            if let TaskState::Large { shards, days } = state {
                dropped.extend(
                    shards
                        .into_iter()
                        .map(|shard| PageKey::Marks(task.number, shard)),
                );
                dropped.extend(
                    days.iter()
                        .map(|(day, _)| PageKey::TaskRows(task.number, day)),
                );
            }
        }
        Control::CutDays { app, before_day } => {
            for kind in Kind::ALL {
                changes.whole.insert(PageKey::Total(app, kind));
                let cut = pages.change(PageKey::Total(app, kind), None, |page| {
                    total_of(page).days.cut(before_day)
                })?;
                dropped.extend(
                    cut.into_iter()
                        .map(|day| PageKey::TotalRows(app, kind, day)),
                );
            }
        }
    }
    for key in dropped {
        changes.whole.insert(key);
        pages.change(key, Some(true), |page| *page = Page::Gone)?;
    }
    Ok(())
}
