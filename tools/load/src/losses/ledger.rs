//! What the two endpoints tell of tasks in a window, understood and checked in itself.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::client::Connection;
use crate::statistics::body;
use crate::target::Target;

/// Counts by `EventType` and `PushPlatform`, losses by code as well; only those that are not 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Planned, sent, delivered, clicked.
    pub(super) rows: BTreeMap<(u8, u8), [u64; 4]>,
    /// Lost between planned and sent.
    pub(super) before: BTreeMap<(u8, u8, i64), u64>,
    /// Lost between sent and delivered.
    pub(super) after: BTreeMap<(u8, u8, i64), u64>,
}

impl Counts {
    /// Planned, sent, and lost before sending, of all rows.
    pub(super) fn ends(&self) -> [u64; 3] {
        let sum = |stage: usize| self.rows.values().map(|row| row[stage]).sum();
        [sum(0), sum(1), self.before.values().sum()]
    }

    /// Adds those of another window.
    pub(super) fn add(&mut self, other: &Self) {
        for (at, row) in &other.rows {
            let sum = self.rows.entry(*at).or_default();
            for (sum, count) in sum.iter_mut().zip(row) {
                *sum += count;
            }
        }
        for (sums, losses) in [
            (&mut self.before, &other.before),
            (&mut self.after, &other.after),
        ] {
            for (at, count) in losses {
                *sums.entry(*at).or_default() += count;
            }
        }
    }

    /// What differs from what is expected, by name.
    pub(super) fn differences(&self, expected: &Self) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |what: String, counted: u64, expected: u64| {
            if counted != expected {
                told.push(format!("{what}: {counted} counted, {expected} expected"));
            }
        };
        let stages = ["planned", "sent", "delivered", "clicked"];
        for at in keys(&self.rows, &expected.rows) {
            let row = |counts: &Self| counts.rows.get(&at).copied().unwrap_or_default();
            let (route, platform) = at;
            for ((stage, counted), expected) in stages.iter().zip(row(self)).zip(row(expected)) {
                let what = format!("{stage}, EventType {route}, PushPlatform {platform}");
                tell(what, counted, expected);
            }
        }
        for (stage, counted, expected) in [
            ("sent", &self.before, &expected.before),
            ("delivered", &self.after, &expected.after),
        ] {
            for at in keys(counted, expected) {
                let count =
                    |losses: &BTreeMap<_, u64>| losses.get(&at).copied().unwrap_or_default();
                let (route, platform, code) = at;
                let what = format!(
                    "lost before {stage}, EventType {route}, PushPlatform {platform}, ErrCode {code}"
                );
                tell(what, count(counted), count(expected));
            }
        }
        told
    }
}

fn keys<K: Ord + Copy, V>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> Vec<K> {
    let mut keys: Vec<K> = one.keys().chain(other.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Asks both endpoints on a connection of its own.
pub(super) struct Ledger<'a> {
    target: &'a Target,
    connection: Connection,
}

impl<'a> Ledger<'a> {
    pub(super) fn open(target: &'a Target) -> anyhow::Result<Self> {
        Ok(Self {
            target,
            connection: Connection::open(target.address)?,
        })
    }

    /// The counts of at most five tasks, in their order, in `[start_s, end_s)`. Losses are asked for after stages, so that of
    /// a task that moves they may tell more.
    pub(super) fn ask(
        &mut self,
        tasks: &[String],
        start_s: u32,
        end_s: u32,
    ) -> anyhow::Result<Vec<Counts>> {
        let body = body(tasks, start_s, end_s);
        let stages = self.results("all_member_push_statistics", &body)?;
        let losses = self.results("all_member_push_loss", &body)?;
        ensure!(
            stages.len() == tasks.len() && losses.len() == tasks.len(),
            "{} tasks were asked for, {} and {} answered",
            tasks.len(),
            stages.len(),
            losses.len()
        );
        let mut all = Vec::new();
        for ((task, stages), losses) in tasks.iter().zip(&stages).zip(&losses) {
            for result in [stages, losses] {
                ensure!(
                    result["TaskID"] == **task,
                    "`{task}` is answered with {result}"
                );
            }
            let read = || {
                Ok::<_, anyhow::Error>(Counts {
                    rows: rows(stages)?,
                    before: listed(losses, "ReadyToSendLoss")?,
                    after: listed(losses, "PostSendDeliveredLoss")?,
                })
            };
            let told = || format!("task `{task}` in [{start_s}, {end_s})");
            all.push(read().with_context(told)?);
        }
        Ok(all)
    }

    fn results(&mut self, command: &str, body: &str) -> anyhow::Result<Vec<Value>> {
        let request = self.target.access.command_head(command, body.len()) + body;
        let reply = self.connection.call(request.as_bytes())?;
        let reply: Value = serde_json::from_slice(reply).context("the reply is no JSON")?;
        match (&reply["ErrorCode"], reply["Results"].as_array()) {
            (code, Some(results)) if *code == 0 => Ok(results.clone()),
            _ => bail!("`{command}` was refused: {reply}"),
        }
    }
}

/// The rows of a result, whose totals must be their sums.
fn rows(result: &Value) -> anyhow::Result<BTreeMap<(u8, u8), [u64; 4]>> {
    let names = ["TotalCount", "SentCount", "DeliveredCount", "ClickCount"];
    let counts = |value: &Value| {
        let mut counts = [0; 4];
        for (count, name) in counts.iter_mut().zip(names) {
            *count = value[name]
                .as_u64()
                .with_context(|| format!("no `{name}`"))?;
        }
        Ok::<_, anyhow::Error>(counts)
    };
    let (mut rows, mut sums) = (BTreeMap::new(), [0; 4]);
    for row in result["PlatformStatistics"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let counted = counts(row)?;
        for (sum, count) in sums.iter_mut().zip(counted) {
            *sum += count;
        }
        let twice = rows.insert(place(row)?, counted);
        ensure!(twice.is_none(), "a row stands twice: {row}");
    }
    let total = counts(result)?;
    ensure!(
        total == sums,
        "the total is {total:?}, its rows sum to {sums:?}"
    );
    Ok(rows)
}

/// The losses of a list by platform, whose sums the list without platforms must be.
fn listed(result: &Value, name: &str) -> anyhow::Result<BTreeMap<(u8, u8, i64), u64>> {
    let each = |name: &str| {
        let list = result[name].as_array();
        list.cloned().with_context(|| format!("no `{name}`"))
    };
    let read = |loss: &Value| {
        let code = loss["ErrCode"].as_str().and_then(|code| code.parse().ok());
        let read = code.zip(loss["ErrCount"].as_u64());
        read.with_context(|| format!("`{name}` has {loss}"))
    };
    let (mut losses, mut sums) = (BTreeMap::new(), BTreeMap::<i64, u64>::new());
    for loss in each(&format!("Platform{name}"))? {
        let (code, count) = read(&loss)?;
        ensure!(count > 0, "a loss of nobody: {loss}");
        let (route, platform) = place(&loss)?;
        *losses.entry((route, platform, code)).or_default() += count;
        *sums.entry(code).or_default() += count;
    }
    let mut totals = BTreeMap::<i64, u64>::new();
    for loss in each(name)? {
        let (code, count) = read(&loss)?;
        *totals.entry(code).or_default() += count;
    }
    ensure!(
        totals == sums,
        "`{name}` is {totals:?}, its platforms sum to {sums:?}"
    );
    Ok(losses)
}

fn place(row: &Value) -> anyhow::Result<(u8, u8)> {
    let number = |name: &str| {
        row[name]
            .as_u64()
            .and_then(|number| u8::try_from(number).ok())
    };
    let place = number("EventType").zip(number("PushPlatform"));
    place.with_context(|| format!("a row without a place: {row}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_by_name() {
        let counted = Counts {
            rows: BTreeMap::from([((1, 4), [9, 7, 0, 0])]),
            before: BTreeMap::from([((1, 4, -2), 2)]),
            after: BTreeMap::new(),
        };
        assert_eq!(counted.differences(&counted), Vec::<String>::new());
        assert_eq!(counted.ends(), [9, 7, 2]);
        let mut expected = counted.clone();
        expected.rows.insert((1, 4), [9, 8, 0, 0]);
        expected.before = BTreeMap::from([((1, 4, -1), 2)]);
        let told = counted.differences(&expected);
        assert_eq!(
            told,
            [
                "sent, EventType 1, PushPlatform 4: 7 counted, 8 expected",
                "lost before sent, EventType 1, PushPlatform 4, ErrCode -2: 2 counted, 0 expected",
                "lost before sent, EventType 1, PushPlatform 4, ErrCode -1: 0 counted, 2 expected",
            ]
        );
        let mut sum = Counts::default();
        sum.add(&counted);
        sum.add(&counted);
        assert_eq!(sum.ends(), [18, 14, 4]);
    }

    #[test]
    fn totals_must_be_the_sums_of_their_rows() {
        let counts = |n: u64| {
            json!({
                "TotalCount": n, "SentCount": n, "DeliveredCount": 0, "ClickCount": 0, "EventType": 1, "PushPlatform": 4,
            })
        };
        let mut result = counts(5);
        result["PlatformStatistics"] = json!([counts(5)]);
        assert_eq!(
            rows(&result).unwrap(),
            BTreeMap::from([((1, 4), [5, 5, 0, 0])])
        );
        result["PlatformStatistics"] = json!([counts(4)]);
        assert!(rows(&result).is_err());
        let loss =
            |n: u64| json!({"ErrCode": "-2", "ErrCount": n, "EventType": 1, "PushPlatform": 4});
        let lists = |total: u64| json!({"L": [loss(total)], "PlatformL": [loss(2)]});
        assert_eq!(
            listed(&lists(2), "L").unwrap(),
            BTreeMap::from([((1, 4, -2), 2)])
        );
        assert!(listed(&lists(3), "L").is_err());
        assert!(listed(&json!({"L": []}), "L").is_err());
    }
}
