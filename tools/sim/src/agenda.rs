//! What a phone has shown and what it still has to say about it. Pure: times are milliseconds that the caller gives.
//!
//! **Invariant.** Every report that a phone wants to make is either due (on the agenda), waiting for its answer, or
//! confirmed. A lost connection and `busy` move it from waiting back to due, so nothing is forgotten and nothing is sent
//! twice at once unless it is the phone's habit.

use std::sync::Arc;

use crate::behaviour::Habits;
use crate::frame::{Outgoing, Report, Stage};
use crate::seen::{PushSeen, Seen};

/// Reports of one frame: the protocol's bound.
const REPORTS_MAX: usize = 100;

/// A push that the phone has shown, or must not show.
#[derive(Debug)]
struct Shown {
    push: Arc<PushSeen>,
    /// It was revoked, before or after it came.
    taken_back: bool,
    delivered: bool,
    clicked: bool,
}

/// Something to say about a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Saying {
    /// Which of the shown.
    shown: u32,
    stage: Stage,
    /// When it happened.
    at_ms: u64,
}

/// A phone's memory and plans.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    shown: Vec<Shown>,
    due: Vec<(u64, Saying)>,
    waiting: Vec<(u64, Saying)>,
    seq: u64,
}

impl Agenda {
    /// A push came. True when it is new, and so shown.
    pub(crate) fn show(&mut self, id: &str, habits: &Habits, seen: &Seen, now_ms: u64) -> bool {
        seen.add(&seen.frames);
        let known = self.shown.iter().position(|shown| shown.push.id() == id);
        let index = known.unwrap_or_else(|| {
            let push = seen.push(id);
            seen.add(&push.shown);
            self.remember(push, false)
        });
        let shown = &self.shown[index];
        if known.is_some() && !shown.taken_back {
            seen.add(&shown.push.repeats);
        }
        let mut plan = |stage, times, delay_ms: u32| {
            let at_ms = now_ms + u64::from(delay_ms);
            let saying = Saying {
                shown: index as u32,
                stage,
                at_ms: if stage == Stage::Clicked {
                    at_ms
                } else {
                    now_ms
                },
            };
            self.due.extend((0..times).map(|_| (at_ms, saying)));
        };
        plan(Stage::Delivered, habits.acks, habits.ack_delay_ms);
        if known.is_none() {
            plan(Stage::Clicked, habits.clicks, habits.click_delay_ms);
        }
        known.is_none()
    }

    fn remember(&mut self, push: Arc<PushSeen>, taken_back: bool) -> usize {
        self.shown.push(Shown {
            push,
            taken_back,
            delivered: false,
            clicked: false,
        });
        self.shown.len() - 1
    }

    /// A push was revoked: it is shown no more, or never, and nobody taps it any more.
    pub(crate) fn take_back(&mut self, id: &str, replaced: bool, seen: &Seen) {
        let Some(index) = self.shown.iter().position(|shown| shown.push.id() == id) else {
            self.remember(seen.push(id), true);
            return;
        };
        let shown = &mut self.shown[index];
        if std::mem::replace(&mut shown.taken_back, true) {
            return;
        }
        seen.add(&shown.push.revoked);
        if replaced {
            seen.add(&shown.push.replaced);
        }
        self.due
            .retain(|(_, saying)| (saying.shown, saying.stage) != (index as u32, Stage::Clicked));
    }

    /// When something is due next.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.due.iter().map(|(at_ms, _)| *at_ms).min()
    }

    /// Writes one frame of what is due; a report that is due several times goes into several frames.
    pub(crate) fn say(&mut self, seen: &Seen, now_ms: u64) -> Option<String> {
        let mut said: Vec<Saying> = Vec::new();
        self.due.retain(|(at_ms, saying)| {
            let fits = *at_ms <= now_ms
                && said.len() < REPORTS_MAX
                && !said
                    .iter()
                    .any(|other| (other.shown, other.stage) == (saying.shown, saying.stage));
            if fits {
                said.push(*saying);
            }
            !fits
        });
        if said.is_empty() {
            return None;
        }
        self.seq += 1;
        let reports = said
            .iter()
            .filter_map(|saying| {
                let shown = self.shown.get(saying.shown as usize)?;
                seen.add(&seen.reports);
                Some(Report {
                    id: shown.push.id(),
                    stage: saying.stage,
                    age: now_ms.saturating_sub(saying.at_ms),
                })
            })
            .collect();
        let text = Outgoing::Report {
            seq: self.seq,
            reports,
        }
        .text();
        let seq = self.seq;
        self.waiting
            .extend(said.into_iter().map(|saying| (seq, saying)));
        Some(text)
    }

    /// The server confirmed a frame.
    pub(crate) fn confirm(&mut self, seq: u64, unknown: impl Fn(&str) -> bool, seen: &Seen) {
        let answered = self.take(seq);
        if answered.is_empty() {
            seen.add(&seen.strange);
        }
        for saying in answered {
            let Some(shown) = self.shown.get_mut(saying.shown as usize) else {
                continue;
            };
            if unknown(shown.push.id()) {
                seen.add(&seen.unknown);
                continue;
            }
            let (before, count) = match saying.stage {
                Stage::Delivered => (&mut shown.delivered, &shown.push.delivered),
                Stage::Clicked => (&mut shown.clicked, &shown.push.clicked),
            };
            if !std::mem::replace(before, true) {
                seen.add(count);
            }
            seen.add(&seen.confirmed);
        }
    }

    /// The server was too busy for a frame: it is due again.
    pub(crate) fn postpone(&mut self, seq: u64, at_ms: u64, seen: &Seen) {
        let refused = self.take(seq);
        let count = if refused.is_empty() {
            &seen.strange
        } else {
            &seen.busy
        };
        seen.add(count);
        self.due
            .extend(refused.into_iter().map(|saying| (at_ms, saying)));
    }

    /// The connection is gone: whatever has no answer is due again, over the next one.
    pub(crate) fn disconnect(&mut self) {
        for (_, saying) in self.waiting.drain(..) {
            let is_due =
                |(_, due): &(u64, Saying)| (due.shown, due.stage) == (saying.shown, saying.stage);
            if !self.due.iter().any(is_due) {
                self.due.push((saying.at_ms, saying));
            }
        }
    }

    fn take(&mut self, seq: u64) -> Vec<Saying> {
        let mut taken = Vec::new();
        self.waiting.retain(|(waiting, saying)| {
            let answered = *waiting == seq;
            if answered {
                taken.push(*saying);
            }
            !answered
        });
        taken
    }
}

#[cfg(test)]
mod tests;
