//! Which events a run sends: a sequence that looks scattered and whose distinct events are known by construction.
//!
//! **Invariant.** The `n`-th new event of a task on a connection is a function of (task, n, connection) alone, and
//! two different `n` of one stage never give the same recipient until a connection's share of the recipients is used
//! up. So the distinct events of (task, stage) are `min(events of that stage, share)`, and no set is ever kept:
//! `n` counts up, a repeat takes an earlier `n` again, and the end counts by walking the `n` once more.

use crate::random::{Random, mix, scale};

/// Of 16 new events of a task in turn, their `PushStage`: 8 sent, 6 delivered, 2 clicked, each stage behind the one
/// before, so that nothing is delivered to whom nothing was sent.
const STAGES: [u8; 16] = [1, 1, 2, 1, 2, 1, 2, 3, 1, 1, 2, 1, 2, 1, 2, 3];
/// How many of each stage there are in one turn.
const TURN: [u32; 4] = [0, 8, 6, 2];
/// For each place of the turn, how many of the same stage came before it.
const BEFORE: [u32; 16] = [0, 1, 0, 2, 1, 3, 2, 0, 4, 5, 3, 6, 4, 7, 5, 1];
/// A prime beyond every number of recipients, so that its multiples visit all of them in a scattered order.
const STEP: u64 = 2_654_435_761;

/// An event that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) task: u32,
    pub(crate) recipient: u32,
    /// The event's second.
    pub(crate) at: u32,
    /// `PushStage`: 1 sent, 2 delivered, 3 clicked.
    pub(crate) stage: u8,
}

/// (`EventType`, `PushPlatform`) of a recipient: each has one device, a ninth of them online.
pub(crate) fn platform(recipient: u32) -> (u8, u8) {
    match (recipient % 9) as u8 {
        0 => (2, 0),
        platform => (1, platform),
    }
}

/// The `k`-th of a task's recipients, in an order of the task's own that visits all of them. The one division left is
/// what the client's hot loop spends most on.
pub(crate) fn recipient(task: u32, k: u64, recipients: u32) -> u32 {
    let offset = scale(mix(task.into()) as u32, recipients);
    let recipients = u64::from(recipients);
    let k = if k < recipients { k } else { k % recipients };
    ((k * STEP + u64::from(offset)) % recipients) as u32
}

/// What all connections' sequences have in common.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) recipients: u32,
    pub(crate) connections: u32,
    /// Event times lie in `[first_s, first_s + spread_s)`.
    pub(crate) first_s: u32,
    pub(crate) spread_s: u32,
    /// Of 2^16 events, how many repeat an earlier one.
    pub(crate) repeats: u32,
    pub(crate) tasks: Zipf,
}

/// The events of one connection, without end.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub(crate) shape: Shape,
    connection: u32,
    random: Random,
    /// New events so far, by task.
    new: Vec<u32>,
}

impl Sequence {
    pub(crate) fn new(shape: Shape, connection: u32, seed: u64) -> Self {
        Self {
            new: vec![0; shape.tasks.len()],
            random: Random::new(mix(seed ^ u64::from(connection))),
            shape,
            connection,
        }
    }

    pub(crate) fn next(&mut self) -> Event {
        let (first, second) = (self.random.next(), self.random.next());
        let task = self.shape.tasks.pick(first);
        let new = &mut self.new[task as usize];
        let repeats = *new > 0 && (second as u32 & 0xFFFF) < self.shape.repeats;
        let n = if repeats {
            scale(first as u32 ^ second as u32, *new)
        } else {
            *new += 1;
            *new - 1
        };
        let (stage, recipient) = self.nth(task, n);
        let at = self.shape.first_s + scale((second >> 32) as u32, self.shape.spread_s);
        Event {
            task,
            recipient,
            at,
            stage,
        }
    }

    /// Visits this connection's distinct events of a task: `PushStage` and recipient.
    pub(crate) fn distinct(&self, task: u32, mut add: impl FnMut(u8, u32)) {
        let share = self.shape.recipients / self.shape.connections;
        for n in 0..self.new[task as usize] {
            if place(n).1 < share {
                let (stage, recipient) = self.nth(task, n);
                add(stage, recipient);
            }
        }
    }

    fn nth(&self, task: u32, n: u32) -> (u8, u32) {
        let (stage, k) = place(n);
        let k = u64::from(k) * u64::from(self.shape.connections) + u64::from(self.connection);
        (stage, recipient(task, k, self.shape.recipients))
    }
}

/// The stage of a task's `n`-th new event, and how many of that stage came before.
fn place(n: u32) -> (u8, u32) {
    let at = (n % 16) as usize;
    let stage = STAGES[at];
    (stage, n / 16 * TURN[usize::from(stage)] + BEFORE[at])
}

/// Draws tasks by Zipf with one multiplication and one comparison (Vose's alias method).
#[derive(Debug, Clone)]
pub(crate) struct Zipf(Vec<Slot>);

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Below this, of 2^32, the slot stands for itself; else for its alias.
    keep: u32,
    alias: u32,
}

impl Zipf {
    pub(crate) fn new(tasks: u32, exponent: f64) -> Self {
        let weights: Vec<f64> = (1..=tasks)
            .map(|rank| f64::from(rank).powf(-exponent))
            .collect();
        let mean = weights.iter().sum::<f64>() / f64::from(tasks);
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..tasks).partition(|task| shares[*task as usize] < 1.0);
        let mut slots: Vec<Slot> = (0..tasks)
            .map(|alias| Slot {
                keep: u32::MAX,
                alias,
            })
            .collect();
        while let (Some(poor), Some(rich)) = (small.pop(), large.pop()) {
            let share = shares[poor as usize];
            slots[poor as usize] = Slot {
                keep: (share * f64::from(u32::MAX)) as u32,
                alias: rich,
            };
            shares[rich as usize] -= 1.0 - share;
            if shares[rich as usize] < 1.0 {
                small.push(rich);
            } else {
                large.push(rich);
            }
        }
        Self(slots)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn pick(&self, bits: u64) -> u32 {
        let task = scale((bits >> 32) as u32, self.0.len() as u32);
        let slot = self.0[task as usize];
        if bits as u32 <= slot.keep {
            task
        } else {
            slot.alias
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn shape(recipients: u32, connections: u32) -> Shape {
        Shape {
            recipients,
            connections,
            first_s: 1_000,
            spread_s: 100,
            repeats: 3_277,
            tasks: Zipf::new(20, 1.0),
        }
    }

    #[test]
    fn the_turn_is_what_its_tables_say() {
        let mut seen = [0; 4];
        for (n, stage) in STAGES.iter().enumerate() {
            assert_eq!(place(n as u32), (*stage, seen[usize::from(*stage)]));
            seen[usize::from(*stage)] += 1;
            assert!(seen[1] >= seen[2] && seen[2] >= seen[3]);
        }
        assert_eq!(seen, TURN);
    }

    /// 1,200 recipients are used up by the large tasks; 120,000 are not.
    #[test]
    fn distinct_events_are_known_without_a_set() {
        for recipients in [1_200, 120_000] {
            let mut sequences: Vec<_> = (0..4)
                .map(|connection| Sequence::new(shape(recipients, 4), connection, 7))
                .collect();
            let mut seen = HashSet::new();
            let mut repeats = 0;
            for _ in 0..20_000 {
                for sequence in &mut sequences {
                    let event = sequence.next();
                    assert!((1_000..1_100).contains(&event.at));
                    assert!(event.recipient < recipients);
                    repeats += u32::from(!seen.insert((event.task, event.stage, event.recipient)));
                }
            }
            let mut known = HashSet::new();
            for sequence in &sequences {
                for task in 0..20 {
                    sequence.distinct(task, |stage, recipient| {
                        assert!(known.insert((task, stage, recipient)), "counted twice");
                    });
                }
            }
            assert_eq!(known, seen);
            if recipients == 120_000 {
                assert!(
                    (3_500..4_500).contains(&repeats),
                    "{repeats} repeats of 80,000"
                );
            }
        }
    }

    #[test]
    fn tasks_are_drawn_by_their_rank() {
        let zipf = Zipf::new(100, 1.0);
        let mut random = Random::new(1);
        let mut drawn = [0_u32; 100];
        for _ in 0..1_000_000 {
            drawn[zipf.pick(random.next()) as usize] += 1;
        }
        let harmonic: f64 = (1..=100).map(|rank| 1.0 / f64::from(rank)).sum();
        for rank in [1, 2, 10, 100] {
            let expected = 1e6 / harmonic / f64::from(rank);
            let ratio = f64::from(drawn[rank as usize - 1]) / expected;
            assert!((0.9..1.1).contains(&ratio), "rank {rank}: {ratio}");
        }
    }
}
