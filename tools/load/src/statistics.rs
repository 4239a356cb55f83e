//! The statistics endpoint: asks, understands the reply, and compares it with what is known.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::client::Connection;
use crate::report::Report;
use crate::target::Target;

/// `ErrorCode` of a call that its quota does not allow yet.
const TOO_FREQUENT: i64 = 60007;
/// The documented quota is a call a second.
const QUOTA_PAUSE: Duration = Duration::from_millis(1_050);
/// Tasks of one query: the documented most.
pub(crate) const TASKS_LEN: usize = 5;
/// Seconds that one query may span.
pub(crate) const SPAN_S: u32 = 30 * 86_400;
/// Differences that are told one by one.
const TOLD_MAX: u32 = 10;

/// Planned, sent, delivered, clicked, by (`EventType`, `PushPlatform`); only rows with a count.
pub(crate) type Counts = BTreeMap<(u8, u8), [u64; 4]>;

/// Asks the endpoint on a connection of its own.
pub(crate) struct Statistics<'a> {
    target: &'a Target,
    connection: Connection,
}

impl<'a> Statistics<'a> {
    pub(crate) fn open(target: &'a Target) -> anyhow::Result<Self> {
        Ok(Self {
            target,
            connection: Connection::open(target.address)?,
        })
    }

    /// The counts of at most five tasks, or of all with none given, in `[start_s, end_s)`.
    pub(crate) fn ask(
        &mut self,
        tasks: &[String],
        start_s: u32,
        end_s: u32,
    ) -> anyhow::Result<Vec<Counts>> {
        let body = body(tasks, start_s, end_s);
        let request = self.target.access.statistics_head(body.len()) + &body;
        loop {
            let reply = self.connection.call(request.as_bytes())?;
            let reply: Value = serde_json::from_slice(reply).context("the reply is no JSON")?;
            match reply["ErrorCode"].as_i64() {
                Some(0) => return results(&reply, tasks),
                Some(TOO_FREQUENT) => thread::sleep(QUOTA_PAUSE),
                _ => bail!("the query was refused: {reply}"),
            }
        }
    }
}

/// A query's body; its length depends on the lengths of the names only.
pub(crate) fn body(tasks: &[String], start_s: u32, end_s: u32) -> String {
    let ids = match tasks {
        [] => String::new(),
        tasks => format!("\"{}\"", tasks.join("\",\"")),
    };
    format!(r#"{{"StartTime":{start_s:010},"EndTime":{end_s:010},"TaskID":[{ids}]}}"#)
}

pub(crate) fn results(reply: &Value, tasks: &[String]) -> anyhow::Result<Vec<Counts>> {
    let results = reply["Results"]
        .as_array()
        .context("the reply has no Results")?;
    let overall = [String::new()];
    let names = if tasks.is_empty() { &overall } else { tasks };
    ensure!(
        results.len() == names.len(),
        "the reply has {} results for {} tasks",
        results.len(),
        names.len()
    );
    results
        .iter()
        .zip(names)
        .map(|(result, name)| {
            ensure!(
                result["TaskID"] == name.as_str(),
                "the results stand in another order: {result}"
            );
            counts(result).with_context(|| format!("a result cannot be read: {result}"))
        })
        .collect()
}

/// A result's rows, whose sums must be its totals.
fn counts(result: &Value) -> anyhow::Result<Counts> {
    let four = |value: &Value| -> anyhow::Result<[u64; 4]> {
        let count = |name: &str| {
            value[name]
                .as_u64()
                .with_context(|| format!("{name} is missing"))
        };
        Ok([
            count("TotalCount")?,
            count("SentCount")?,
            count("DeliveredCount")?,
            count("ClickCount")?,
        ])
    };
    let mut rows = Counts::new();
    let mut sums = [0; 4];
    for row in result["PlatformStatistics"]
        .as_array()
        .context("PlatformStatistics is missing")?
    {
        let small = |name: &str| {
            row[name]
                .as_u64()
                .and_then(|number| u8::try_from(number).ok())
                .with_context(|| format!("{name} is missing"))
        };
        let counted = four(row)?;
        for (sum, count) in sums.iter_mut().zip(counted) {
            *sum += count;
        }
        let twice = rows.insert((small("EventType")?, small("PushPlatform")?), counted);
        ensure!(twice.is_none(), "a row stands twice");
    }
    ensure!(
        sums == four(result)?,
        "the totals are not the sums of the rows"
    );
    Ok(rows)
}

/// Compares answers with what is known, and tells the first differences.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    compared: u64,
    differing: u32,
}

impl Comparison {
    pub(crate) fn compare(&mut self, what: &str, expected: &Counts, counted: &Counts) {
        self.compared += 1;
        if expected == counted {
            return;
        }
        self.differing += 1;
        if self.differing <= TOLD_MAX {
            // Standard error may be closed; the exit code still says it.
            let _ = writeln!(
                std::io::stderr(),
                "differs: {what}\n  expected {expected:?}\n  counted  {counted:?}"
            );
        }
    }

    /// Compares tasks with the endpoint, five a call; expected counts are made as they are needed.
    pub(crate) fn tasks(
        &mut self,
        statistics: &mut Statistics<'_>,
        start_s: u32,
        tasks: impl Iterator<Item = (String, Counts)>,
    ) -> anyhow::Result<()> {
        let mut waiting: VecDeque<(String, Counts)> = VecDeque::new();
        let mut tasks = tasks.fuse();
        loop {
            waiting.extend(tasks.by_ref().take(TASKS_LEN));
            if waiting.is_empty() {
                return Ok(());
            }
            let names: Vec<String> = waiting.iter().map(|(name, _)| name.clone()).collect();
            let answers = statistics.ask(&names, start_s, start_s + SPAN_S)?;
            for ((name, expected), counted) in waiting.drain(..).zip(answers) {
                self.compare(&name, &expected, &counted);
            }
        }
    }

    /// Fails when anything differed.
    pub(crate) fn finish(&self, what: &str, report: &mut Report) -> anyhow::Result<()> {
        report.count(&format!("{what} compared"), self.compared, "");
        report.count(&format!("{what} that differ"), self.differing.into(), "");
        ensure!(
            self.differing == 0,
            "{} of {} {what} differ",
            self.differing,
            self.compared
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"sucess","Results":[{"TaskID":"a",
        "TotalCount":5,"SentCount":4,"DeliveredCount":0,"ClickCount":1,"PlatformStatistics":[
        {"EventType":1,"PushPlatform":1,"TotalCount":3,"SentCount":2,"DeliveredCount":0,"ClickCount":1},
        {"EventType":2,"PushPlatform":0,"TotalCount":2,"SentCount":2,"DeliveredCount":0,"ClickCount":0}]}]}"#;

    #[test]
    fn replies_are_read_and_checked() {
        let read = |text: &str, task: &str| {
            results(&serde_json::from_str(text).unwrap(), &[task.to_owned()])
        };
        let expected = Counts::from([((1, 1), [3, 2, 0, 1]), ((2, 0), [2, 2, 0, 0])]);
        assert_eq!(read(SAMPLE, "a").unwrap(), [expected]);
        assert!(read(SAMPLE, "b").is_err());
        assert!(read(&SAMPLE.replace(":5", ":6"), "a").is_err());
        assert!(read(&SAMPLE.replace("\"ClickCount\":1}", "\"Click\":1}"), "a").is_err());
    }

    #[test]
    fn bodies_are_those_of_the_documentation() {
        let tasks = ["a".to_owned(), "b".to_owned()];
        assert_eq!(
            body(&tasks, 1_741_104_000, 1_741_795_200),
            r#"{"StartTime":1741104000,"EndTime":1741795200,"TaskID":["a","b"]}"#
        );
        assert!(body(&[], 1_741_104_000, 1_741_795_200).ends_with("[]}"));
    }

    #[test]
    fn a_difference_fails_the_comparison() {
        let mut comparison = Comparison::default();
        let counts = Counts::from([((1, 1), [1, 1, 0, 0])]);
        comparison.compare("same", &counts, &counts);
        assert!(comparison.finish("tasks", &mut Report::new(true)).is_ok());
        comparison.compare("other", &counts, &Counts::new());
        assert!(comparison.finish("tasks", &mut Report::new(true)).is_err());
    }
}
