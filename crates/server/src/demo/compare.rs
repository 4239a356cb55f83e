//! Counts as the endpoint answers them, and two of them side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::plan::PROFILES;

/// TotalCount, SentCount, DeliveredCount, ClickCount.
pub(super) type Row = [u64; 4];

/// Rows by (EventType, PushPlatform).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) rows: BTreeMap<(u8, u8), Row>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    error_code: i64,
    error_info: String,
    #[serde(default)]
    results: Vec<ReplyResult>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplyResult {
    #[serde(flatten)]
    counts: ReplyCounts,
    platform_statistics: Vec<ReplyRow>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplyRow {
    event_type: u8,
    push_platform: u8,
    #[serde(flatten)]
    counts: ReplyCounts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplyCounts {
    total_count: u64,
    sent_count: u64,
    delivered_count: u64,
    click_count: u64,
}

impl ReplyCounts {
    fn row(&self) -> Row {
        [
            self.total_count,
            self.sent_count,
            self.delivered_count,
            self.click_count,
        ]
    }
}

impl Counts {
    /// Reads the one result of a reply, whose totals must be the sum of its rows.
    pub(super) fn from_reply(body: &[u8]) -> anyhow::Result<Self> {
        let mut results = Self::all_from_reply(body)?;
        match (results.pop(), results.len()) {
            (Some(result), 0) => Ok(result),
            (_, more) => bail!("the reply has {} results", more + 1),
        }
    }

    /// Reads all results of a reply, whose totals must be the sums of their rows.
    pub(super) fn all_from_reply(body: &[u8]) -> anyhow::Result<Vec<Self>> {
        let reply: Reply = serde_json::from_slice(body).context("the reply cannot be read")?;
        if reply.error_code != 0 {
            bail!(
                "the endpoint answered {} {}",
                reply.error_code,
                reply.error_info
            );
        }
        reply.results.iter().map(Self::from_result).collect()
    }

    fn from_result(result: &ReplyResult) -> anyhow::Result<Self> {
        let rows = result.platform_statistics.iter();
        let counts = Self {
            rows: rows
                .map(|row| ((row.event_type, row.push_platform), row.counts.row()))
                .collect(),
        };
        if counts.total() != result.counts.row() {
            bail!(
                "the reply's totals {:?} are not the sum of its rows",
                result.counts.row()
            );
        }
        Ok(counts)
    }

    /// The sum of all rows.
    pub(super) fn total(&self) -> Row {
        self.rows.values().fold(Row::default(), |sum, row| {
            std::array::from_fn(|at| sum[at] + row[at])
        })
    }

    /// Row by row, together.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (key, row) in &other.rows {
            let known = sum.rows.entry(*key).or_default();
            *known = std::array::from_fn(|at| known[at] + row[at]);
        }
        sum
    }

    fn row(&self, key: (u8, u8)) -> Row {
        self.rows.get(&key).copied().unwrap_or_default()
    }
}

/// A table of both, at most 80 wide, that ends with the totals and the sum of all differences.
pub(super) fn table(who: &str, played: &Counts, answered: &Counts) -> String {
    let mut out = String::new();
    let heads = ["TotalCount", "SentCount", "DeliveredCount", "ClickCount"];
    let _ = write!(out, "{:15}", "");
    heads.iter().for_each(|head| _ = write!(out, "{head:<15}"));
    let _ = write!(out, "\n{:<15}", "channel");
    heads
        .iter()
        .for_each(|_| _ = write!(out, "{who:>6} {:>6}  ", "answer"));
    let _ = writeln!(out, "diff");
    let mut keys: Vec<(u8, u8)> = played
        .rows
        .keys()
        .chain(answered.rows.keys())
        .copied()
        .collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        line(&mut out, &name(key), played.row(key), answered.row(key));
    }
    line(&mut out, "all", played.total(), answered.total());
    out
}

fn line(out: &mut String, name: &str, played: Row, answered: Row) {
    let _ = write!(out, "{name:<15}");
    for (played, answered) in played.iter().zip(answered) {
        let _ = write!(out, "{played:>6} {answered:>6}  ");
    }
    let difference: u64 = played
        .iter()
        .zip(answered)
        .map(|(played, answered)| played.abs_diff(answered))
        .sum();
    let _ = writeln!(out, "{difference:>4}");
}

fn name(key: (u8, u8)) -> String {
    let known = PROFILES
        .iter()
        .find(|profile| (profile.event_type, profile.push_platform) == key);
    match known {
        // HarmonyOS NEXT is Huawei on this wire.
        Some(profile) if profile.event_type == 1 => format!("offline {}", profile.name),
        Some(profile) => profile.name.to_owned(),
        None if key == (1, 0) => "offline, unknown".to_owned(),
        None => format!("type {} pf {}", key.0, key.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"sucess","Results":[{"TaskID":"t",
        "TotalCount":5,"SentCount":4,"DeliveredCount":1,"ClickCount":2,"PlatformStatistics":[
        {"EventType":1,"PushPlatform":1,"TotalCount":3,"SentCount":3,"DeliveredCount":0,"ClickCount":2},
        {"EventType":2,"PushPlatform":0,"TotalCount":2,"SentCount":1,"DeliveredCount":1,"ClickCount":0}]}]}"#;

    #[test]
    fn replies_are_read_and_their_totals_checked() {
        let counts = Counts::from_reply(REPLY.as_bytes()).unwrap();
        assert_eq!(
            counts.rows,
            BTreeMap::from([((1, 1), [3, 3, 0, 2]), ((2, 0), [2, 1, 1, 0])])
        );
        assert_eq!(counts.plus(&counts).total(), [10, 8, 2, 4]);
        let wrong = REPLY.replace("\"TotalCount\":5", "\"TotalCount\":6");
        assert!(
            Counts::from_reply(wrong.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("not the sum")
        );
        let refused = br#"{"ActionStatus":"FAIL","ErrorCode":60007,"ErrorInfo":"too frequent"}"#;
        assert!(
            Counts::from_reply(refused)
                .unwrap_err()
                .to_string()
                .contains("60007")
        );
    }

    #[test]
    fn the_table_shows_both_and_every_difference() {
        let answered = Counts::from_reply(REPLY.as_bytes()).unwrap();
        let mut played = answered.clone();
        played.rows.insert((1, 1), [3, 2, 1, 2]);
        let table = table("played", &played, &answered);
        assert!(
            table.lines().all(|line| line.trim_end().len() <= 80),
            "{table}"
        );
        assert!(
            table
                .lines()
                .any(|line| line.starts_with("offline APNs") && line.ends_with("   2")),
            "{table}"
        );
        assert!(
            table
                .lines()
                .any(|line| line.starts_with("online ") && line.ends_with("   0")),
            "{table}"
        );
    }
}
