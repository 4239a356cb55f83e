//! A history that several runs send: Zipf tasks, scattered recipients, repeats, and the counts that must come of it.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use crate::access::now_s;
use crate::args::ShapeArgs;
use crate::bodies::{EVENTS_LEN, task_name};
use crate::intake::{self, Plan, Sent, turns};
use crate::report::Report;
use crate::sequence::{Event, Sequence, Shape, Zipf, platform};
use crate::statistics::{Comparison, Counts, SPAN_S, Statistics};
use crate::target::Target;

/// Seconds over which a filled ledger lies; the rest of the 30 days that one query spans is left for late events before
/// and a run after.
pub(crate) const FILLED_S: u32 = SPAN_S - 86_400;
/// Seconds that an event of a filled ledger may be late: so that all still lie in the 30 days.
const FILLED_LATE_S_MAX: u32 = 43_200;

/// When events happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// When they are told.
    Now,
    /// Over 29 days, in the order in which they are told, ending now.
    Days,
}

/// What the tasks of a history are called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) run: u32,
    pub(crate) tasks: u32,
}

/// The sequences of all connections, and what has been sent of them.
pub(crate) struct History {
    pub(crate) names: Names,
    times: Times,
    /// No event is before.
    first_s: u32,
    sequences: Vec<Sequence>,
    /// Whether every recipient was sent the one task beyond the others.
    known: bool,
}

impl History {
    pub(crate) fn new(args: &ShapeArgs, times: Times) -> Self {
        let now_s = now_s();
        let run = args.run.unwrap_or(now_s);
        let (since_s, spread_s) = match times {
            Times::Now => (now_s, args.late_s),
            Times::Days => (now_s - FILLED_S, args.late_s.min(FILLED_LATE_S_MAX)),
        };
        let shape = Shape {
            // Every connection's share must be whole.
            recipients: args.recipients.next_multiple_of(args.connections),
            connections: args.connections,
            first_s: since_s - spread_s,
            spread_s,
            repeats: (args.repeats.clamp(0.0, 100.0) * 655.36) as u32,
            tasks: Zipf::new(args.tasks, args.zipf),
        };
        Self {
            names: Names {
                run,
                tasks: args.tasks,
            },
            times,
            first_s: shape.first_s,
            sequences: (0..args.connections)
                .map(|connection| Sequence::new(shape.clone(), connection, run.into()))
                .collect(),
            known: false,
        }
    }

    /// Lets what is sent from now on happen now.
    pub(crate) fn continue_now(&mut self) {
        self.times = Times::Now;
    }

    /// Sends so many events more, rounded up to whole calls; a rate is in events a second.
    pub(crate) fn send(
        &mut self,
        target: &Target,
        events: u64,
        rate: Option<f64>,
        until: Option<Instant>,
    ) -> anyhow::Result<Sent> {
        let plan = Plan {
            run: self.names.run,
            task_time_s: self.first_s,
            calls: events.div_ceil(EVENTS_LEN as u64),
            rate: rate.map(|rate| rate / EVENTS_LEN as f64),
            until,
        };
        let (times, share) = (self.times, events / self.sequences.len().max(1) as u64);
        let source = |sequence| moving(sequence, times, share);
        let mut sources: Vec<_> = self.sequences.iter_mut().map(source).collect();
        intake::run(target, &plan, &mut sources)
    }

    /// Sends every recipient the one task beyond the others, so that all are known from then on.
    pub(crate) fn send_known(&mut self, target: &Target) -> anyhow::Result<Sent> {
        let recipients = u64::from(self.recipients());
        let plan = Plan {
            run: self.names.run,
            task_time_s: self.first_s,
            calls: recipients.div_ceil(EVENTS_LEN as u64),
            rate: None,
            until: None,
        };
        let (next, task, at) = (AtomicU64::new(0), self.names.tasks, self.first_s);
        let event = |index: u64| Event {
            task,
            recipient: index as u32,
            at,
            stage: 1,
        };
        let mut sources: Vec<_> = self
            .sequences
            .iter()
            .map(|_| turns(&next, recipients, event))
            .collect();
        self.known = true;
        intake::run(target, &plan, &mut sources)
    }

    /// Compares every task's counts with the endpoint's.
    pub(crate) fn compare(&self, target: &Target, report: &mut Report) -> anyhow::Result<()> {
        let mut statistics = Statistics::open(target)?;
        let mut comparison = Comparison::default();
        let beyond = self
            .known
            .then(|| (self.name(self.names.tasks), self.known_counts()));
        let tasks = (0..self.names.tasks).map(|task| (self.name(task), self.counts(task)));
        comparison.tasks(&mut statistics, self.first_s, tasks.chain(beyond))?;
        comparison.finish("tasks", report)
    }

    /// How many recipients the events so far were about, without those that were only made known.
    pub(crate) fn recipients_covered(&self) -> u64 {
        let mut seen = vec![0_u64; self.recipients() as usize / 64 + 1];
        for sequence in &self.sequences {
            for task in 0..self.names.tasks {
                sequence.distinct(task, |_, recipient| {
                    seen[recipient as usize / 64] |= 1 << (recipient % 64)
                });
            }
        }
        seen.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn name(&self, task: u32) -> String {
        task_name(self.names.run, task)
    }

    fn recipients(&self) -> u32 {
        self.sequences
            .first()
            .map_or(0, |sequence| sequence.shape.recipients)
    }

    fn counts(&self, task: u32) -> Counts {
        let mut counts = Counts::new();
        for sequence in &self.sequences {
            sequence.distinct(task, |stage, recipient| {
                count(&mut counts, stage, recipient)
            });
        }
        counts
    }

    fn known_counts(&self) -> Counts {
        let mut counts = Counts::new();
        for recipient in 0..self.recipients() {
            count(&mut counts, 1, recipient);
        }
        counts
    }
}

/// A sequence whose times move on, looked at once a call; `share` is how many events it will be asked for.
fn moving(sequence: &mut Sequence, times: Times, share: u64) -> impl FnMut() -> Event {
    let mut sent = 0;
    move || {
        if sent % EVENTS_LEN as u64 == 0 {
            let ago_s = match times {
                Times::Now => 0,
                Times::Days => {
                    let left = share.saturating_sub(sent);
                    (u64::from(FILLED_S) * left / share.max(1)) as u32
                }
            };
            sequence.shape.first_s = now_s() - ago_s - sequence.shape.spread_s;
        }
        sent += 1;
        sequence.next()
    }
}

/// Counts a distinct event: what was sent is planned, too.
pub(crate) fn count(counts: &mut Counts, stage: u8, recipient: u32) {
    let row = counts.entry(platform(recipient)).or_default();
    row[usize::from(stage)] += 1;
    row[0] += u64::from(stage == 1);
}
