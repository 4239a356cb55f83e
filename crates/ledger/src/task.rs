//! What is kept of a task.
//!
//! Invariant: a small task's run is strictly ascending by (cell, device) and is both its marks and its
//! tallies; a large task's marks and rows are pages of their own, named by `shards` and `days`. A task grows
//! once, when its run would pass `SMALL_TASK_ENTRIES_MAX`, and never shrinks.

use pushtally_model::{AppId, Cell, Kind, LossId, Number, Origin, Second, TaskKey};

use crate::days::Days;
use crate::wire::{DecodeError, Reader, put_signed, put_varint};

/// Adding to a run moves half of it, so beyond about this length pages of marks and rows are cheaper.
pub const SMALL_TASK_ENTRIES_MAX: usize = 1024;

/// One mark of a small task, with all that its tallies need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Route, channel, lane.
    pub cell: Cell,
    /// The device.
    pub number: Number,
    /// When.
    pub at: Second,
    /// Why, for a loss.
    pub loss: LossId,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// Whose it is.
    pub app: AppId,
    /// The family it counts in.
    pub kind: Kind,
    /// Who made it.
    pub origin: Origin,
    /// What is kept.
    pub state: TaskState,
}

/// How a task is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// One run, ascending by (cell, device).
    Small(Vec<Entry>),
    /// Marks by shard and rows by day are pages of their own.
    Large {
        /// The shards that have marks, ascending.
        shards: Vec<u16>,
        /// Counts by day.
        days: Days,
    },
    /// Nothing is kept but that it was; its events are too late.
    Forgotten,
}

impl TaskPage {
    /// A task that nothing is known of yet.
    #[must_use]
    pub fn new(app: AppId, key: TaskKey) -> Self {
        Self {
            app,
            kind: key.kind,
            origin: key.origin,
            state: TaskState::Small(Vec::new()),
        }
    }
}

impl TaskPage {
    /// Adds what a newer addition holds. A forgotten task takes nothing in.
    pub(crate) fn absorb(&mut self, newer: Self) {
        match (&mut self.state, newer.state) {
            (TaskState::Small(run), TaskState::Small(mut added)) => {
                run.append(&mut added);
                run.sort_by_key(|entry| (entry.cell, entry.number));
            }
            (
                TaskState::Large { shards, days },
                TaskState::Large {
                    shards: added,
                    days: counts,
                },
            ) => {
                shards.extend(added);
                shards.sort_unstable();
                shards.dedup();
                days.absorb(&counts);
            }
            (TaskState::Forgotten, _) => {}
            // A task that grew was stored whole, so an addition never differs in kind from what it is added to.
            (state, newer) => *state = newer,
        }
    }
}

const STATE_SMALL: u8 = 0;
const STATE_LARGE: u8 = 1;
const STATE_FORGOTTEN: u8 = 2;

impl TaskPage {
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.state {
            TaskState::Small(run) => run.capacity() * size_of::<Entry>(),
            TaskState::Large { shards, days } => shards.capacity() * 2 + days.heap_bytes(),
            TaskState::Forgotten => 0,
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let state = match self.state {
            TaskState::Small(_) => STATE_SMALL,
            TaskState::Large { .. } => STATE_LARGE,
            TaskState::Forgotten => STATE_FORGOTTEN,
        };
        let kind = u8::from(self.kind == Kind::Message);
        let origin = u8::from(self.origin == Origin::Own);
        out.push(state | kind << 4 | origin << 5);
        put_varint(out, self.app.0.into());
        match &self.state {
            TaskState::Small(run) => encode_run(run, out),
            TaskState::Large { shards, days } => {
                put_varint(out, shards.len() as u64);
                for shard in shards {
                    put_varint(out, (*shard).into());
                }
                days.encode(out);
            }
            TaskState::Forgotten => {}
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = reader.byte()?;
        let kind = if head & 0x10 == 0 {
            Kind::Push
        } else {
            Kind::Message
        };
        let origin = if head & 0x20 == 0 {
            Origin::Imported
        } else {
            Origin::Own
        };
        let app = AppId(reader.u32()?);
        let state = match head & 0xF {
            STATE_SMALL => TaskState::Small(decode_run(reader)?),
            STATE_LARGE => {
                let mut shards = Vec::new();
                for _ in 0..reader.len()? {
                    shards.push(reader.u16()?);
                }
                TaskState::Large {
                    shards,
                    days: Days::decode(reader)?,
                }
            }
            STATE_FORGOTTEN => TaskState::Forgotten,
            _ => return Err(reader.impossible("state of a task")),
        };
        Ok(Self {
            app,
            kind,
            origin,
            state,
        })
    }
}

fn encode_run(run: &[Entry], out: &mut Vec<u8>) {
    put_varint(out, run.len() as u64);
    let (mut number, mut at) = (0i64, 0i64);
    for entry in run {
        out.push(entry.cell.byte());
        put_signed(out, i64::from(entry.number.0) - number);
        put_signed(out, i64::from(entry.at.0) - at);
        (number, at) = (entry.number.0.into(), entry.at.0.into());
        if entry.cell.lane().stage().is_none() {
            put_varint(out, entry.loss.0.into());
        }
    }
}

fn decode_run(reader: &mut Reader<'_>) -> Result<Vec<Entry>, DecodeError> {
    let len = reader.len()?;
    let mut run = Vec::with_capacity(len);
    let (mut number, mut at) = (0i64, 0i64);
    for _ in 0..len {
        let cell = Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?;
        number = number
            .checked_add(reader.signed()?)
            .ok_or_else(|| reader.impossible("device"))?;
        at = at
            .checked_add(reader.signed()?)
            .ok_or_else(|| reader.impossible("time"))?;
        let number = u32::try_from(number).map_err(|_| reader.impossible("device"))?;
        let at = Second::from_unix(at).ok_or_else(|| reader.impossible("time"))?;
        let loss = if cell.lane().stage().is_none() {
            LossId(reader.u32()?)
        } else {
            LossId::NONE
        };
        run.push(Entry {
            cell,
            number: Number(number),
            at,
            loss,
        });
    }
    if run.is_sorted_by_key(|entry| (entry.cell, entry.number)) {
        Ok(run)
    } else {
        Err(reader.impossible("order of a run"))
    }
}
