//! What is kept of a task and of an app's kind as a whole.
//!
//! Invariant: a small task's run is strictly ascending by (cell, device) and is both its marks and its
//! tallies; a large task's marks and rows are pages of their own, named by `shards` and `days`. A task grows
//! once, when its run would pass `SMALL_TASK_ENTRIES_MAX`, and never shrinks.

use std::collections::BTreeMap;

use pushtally_model::{AppId, Cell, Kind, LossId, Number, Origin, Second, TaskKey};

use crate::rows::{Delta, add_total};
use crate::slots::SlotSet;
use crate::wire::{DecodeError, Reader, put_signed, put_varint};

/// About 1,024 devices with four stages each: every `batch` and every message push stays below.
pub const SMALL_TASK_ENTRIES_MAX: usize = 4096;

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

/// Counts by day: the coarsest resolution, and the list of days that have rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Days(BTreeMap<u32, Vec<(Cell, LossId, u64)>>);

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

/// The marks of one (task, shard): a set of slots for each cell.
#[derive(Debug, Clone, Default)]
pub struct MarksPage {
    /// Ascending; `sets` has the same length. Apart, so that finding a cell touches one line of memory.
    cells: Vec<Cell>,
    sets: Vec<SlotSet>,
    /// Bytes of the sets on the heap, kept up to date so that nobody has to walk them.
    sets_bytes: usize,
}

impl PartialEq for MarksPage {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells && self.sets == other.sets
    }
}

impl Eq for MarksPage {}

/// All tasks of one kind of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalPage {
    /// Counts by day.
    pub days: Days,
    /// What became of the events recorded.
    pub counters: Counters,
}

/// What became of every event recorded: they sum to the events in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Counted.
    pub fresh: u64,
    /// Already counted before.
    pub duplicate: u64,
    /// Of a forgotten task.
    pub too_late: u64,
    /// Delivered or clicked without having been planned there (own tasks only).
    pub unmatched: u64,
    /// A second end of the same device and channel (own tasks only).
    pub ended_before: u64,
}

impl Counters {
    /// Every event recorded.
    #[must_use]
    pub const fn recorded(&self) -> u64 {
        self.fresh + self.duplicate + self.too_late + self.unmatched + self.ended_before
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.fresh += other.fresh;
        self.duplicate += other.duplicate;
        self.too_late += other.too_late;
        self.unmatched += other.unmatched;
        self.ended_before += other.ended_before;
    }
}

impl TaskPage {
    /// A task that nothing is known of yet.
    #[must_use]
    pub fn new(app: AppId, key: TaskKey) -> Self {
        Self { app, kind: key.kind, origin: key.origin, state: TaskState::Small(Vec::new()) }
    }
}

impl Days {
    /// Adds counts of one day.
    pub fn add(&mut self, day: u32, deltas: &[Delta]) {
        let totals = self.0.entry(day).or_default();
        for delta in deltas {
            add_total(totals, delta.cell, delta.loss, delta.count.into());
        }
    }

    /// Adds another's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (day, totals) in &other.0 {
            let kept = self.0.entry(*day).or_default();
            for (cell, loss, count) in totals {
                add_total(kept, *cell, *loss, *count);
            }
        }
    }

    /// Whether the day has counts.
    #[must_use]
    pub fn contains(&self, day: u32) -> bool {
        self.0.contains_key(&day)
    }

    /// The days that have counts, ascending, with their totals by (cell, loss).
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[(Cell, LossId, u64)])> {
        self.0.iter().map(|(day, totals)| (*day, totals.as_slice()))
    }

    /// The same for days in a range.
    pub(crate) fn range(&self, days: std::ops::Range<u32>) -> impl Iterator<Item = &(Cell, LossId, u64)> {
        let days = days.start..days.end.max(days.start);
        self.0.range(days).flat_map(|(_, totals)| totals)
    }

    /// Drops the days before one; answers which.
    pub(crate) fn cut(&mut self, before_day: u32) -> Vec<u32> {
        let keep = self.0.split_off(&before_day);
        std::mem::replace(&mut self.0, keep).into_keys().collect()
    }

    fn heap_bytes(&self) -> usize {
        self.0.values().map(|totals| 64 + totals.capacity() * 16).sum()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        let mut last = 0;
        for (day, totals) in &self.0 {
            put_varint(out, u64::from(day - last));
            last = *day;
            put_varint(out, totals.len() as u64);
            for (cell, loss, count) in totals {
                out.push(cell.byte());
                put_varint(out, loss.0.into());
                put_varint(out, *count);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut days = BTreeMap::new();
        let mut day = 0u32;
        for _ in 0..reader.len()? {
            day = day.checked_add(reader.u32()?).ok_or_else(|| reader.impossible("day"))?;
            let mut totals = Vec::new();
            for _ in 0..reader.len()? {
                let cell = Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?;
                totals.push((cell, LossId(reader.u32()?), reader.varint()?));
            }
            days.insert(day, totals);
        }
        Ok(Self(days))
    }
}

impl MarksPage {
    /// Marks a slot; `false` when it was marked already.
    #[inline]
    pub fn insert(&mut self, cell: Cell, slot: u16) -> bool {
        let at = match self.cells.binary_search(&cell) {
            Ok(at) => at,
            Err(at) => {
                self.cells.insert(at, cell);
                self.sets.insert(at, SlotSet::default());
                at
            }
        };
        let set = &mut self.sets[at];
        let before = set.heap_bytes();
        let fresh = set.insert(slot);
        self.sets_bytes = self.sets_bytes + set.heap_bytes() - before;
        fresh
    }

    /// Adds another page's marks.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (cell, slots) in other.cells() {
            for slot in slots.iter() {
                self.insert(cell, slot);
            }
        }
    }

    /// Whether a slot is marked.
    #[must_use]
    pub fn contains(&self, cell: Cell, slot: u16) -> bool {
        self.cells.binary_search(&cell).is_ok_and(|at| self.sets[at].contains(slot))
    }

    /// The cells that have marks, ascending.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, &SlotSet)> {
        self.cells.iter().copied().zip(&self.sets)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.cells.capacity() + self.sets.capacity() * size_of::<SlotSet>() + self.sets_bytes
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.cells.len() as u64);
        for (cell, slots) in self.cells() {
            out.push(cell.byte());
            slots.encode(out);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut page = Self::default();
        for _ in 0..reader.len()? {
            page.cells.push(Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?);
            page.sets.push(SlotSet::decode(reader)?);
        }
        page.sets_bytes = page.sets.iter().map(SlotSet::heap_bytes).sum();
        if page.cells.is_sorted() { Ok(page) } else { Err(reader.impossible("order of cells")) }
    }
}

impl TotalPage {
    /// Adds another part's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.days.absorb(&other.days);
        self.counters.add(&other.counters);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.days.heap_bytes()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Counters { fresh, duplicate, too_late, unmatched, ended_before } = self.counters;
        for counter in [fresh, duplicate, too_late, unmatched, ended_before] {
            put_varint(out, counter);
        }
        self.days.encode(out);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let counters = Counters {
            fresh: reader.varint()?,
            duplicate: reader.varint()?,
            too_late: reader.varint()?,
            unmatched: reader.varint()?,
            ended_before: reader.varint()?,
        };
        Ok(Self { counters, days: Days::decode(reader)? })
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
            (TaskState::Large { shards, days }, TaskState::Large { shards: added, days: counts }) => {
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
        let kind = if head & 0x10 == 0 { Kind::Push } else { Kind::Message };
        let origin = if head & 0x20 == 0 { Origin::Imported } else { Origin::Own };
        let app = AppId(reader.u32()?);
        let state = match head & 0xF {
            STATE_SMALL => TaskState::Small(decode_run(reader)?),
            STATE_LARGE => {
                let mut shards = Vec::new();
                for _ in 0..reader.len()? {
                    shards.push(reader.u16()?);
                }
                TaskState::Large { shards, days: Days::decode(reader)? }
            }
            STATE_FORGOTTEN => TaskState::Forgotten,
            _ => return Err(reader.impossible("state of a task")),
        };
        Ok(Self { app, kind, origin, state })
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
        number = number.checked_add(reader.signed()?).ok_or_else(|| reader.impossible("device"))?;
        at = at.checked_add(reader.signed()?).ok_or_else(|| reader.impossible("time"))?;
        let number = u32::try_from(number).map_err(|_| reader.impossible("device"))?;
        let at = Second::from_unix(at).ok_or_else(|| reader.impossible("time"))?;
        let loss = if cell.lane().stage().is_none() { LossId(reader.u32()?) } else { LossId::NONE };
        run.push(Entry { cell, number: Number(number), at, loss });
    }
    if run.is_sorted_by_key(|entry| (entry.cell, entry.number)) {
        Ok(run)
    } else {
        Err(reader.impossible("order of a run"))
    }
}
