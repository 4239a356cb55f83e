//! Whose a token was, second by second, as a look at every device told: what former holders are compared with.

use std::collections::BTreeMap;

use pushtally_model::{Number, Second};
use pushtally_store::holding::FORMER_MAX;

type Entries = Vec<(Second, Option<Number>)>;

/// By (app, token): who has it from a second on.
#[derive(Default)]
pub(crate) struct Diary(BTreeMap<(usize, u8), Entries>);

impl Diary {
    pub(crate) fn note(&mut self, app: usize, token: u8, now: Second, holder: Option<Number>) {
        let entries = self.0.entry((app, token)).or_default();
        if entries.last().map(|(_, last)| *last) != Some(holder) {
            entries.push((now, holder));
        }
    }

    pub(crate) fn holder(&self, app: usize, token: u8) -> Option<Number> {
        self.0.get(&(app, token))?.last()?.1
    }

    /// Whose it was at every second that matters, within the bound: of the last who had it by the end of that second.
    pub(crate) fn of(&self, app: usize, token: u8) -> Vec<(Second, Option<Number>)> {
        let entries = self.0.get(&(app, token)).map_or(&[][..], Vec::as_slice);
        let mut answers = Vec::new();
        for (from, _) in entries
            .iter()
            .skip(entries.len().saturating_sub(FORMER_MAX))
        {
            for second in [*from, Second(from.0 + 1)] {
                let by_then = entries.iter().filter(|(from, _)| *from <= second);
                let holder = by_then.rev().find_map(|(_, holder)| *holder);
                answers.extend(holder.map(|holder| (second, Some(holder))));
            }
        }
        answers
    }
}
