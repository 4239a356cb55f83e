//! Their reply: counts by task, or why not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Counts, Place, QUOTED_LEN_MAX, TheirTask};

/// What a reply comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The tasks that it has a result for.
    Counted(BTreeMap<String, TheirTask>),
    Refused {
        code: i64,
        info: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    action_status: String,
    error_code: i64,
    #[serde(default)]
    error_info: String,
    results: Option<Vec<Outcome>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    #[serde(rename = "TaskID")]
    task: String,
    #[serde(flatten)]
    total: Wire,
    #[serde(default)]
    platform_statistics: Option<Vec<Row>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    event_type: u64,
    push_platform: u64,
    #[serde(flatten)]
    counts: Wire,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    total_count: u64,
    sent_count: u64,
    delivered_count: u64,
    click_count: u64,
}

impl From<Wire> for Counts {
    fn from(wire: Wire) -> Self {
        Self {
            planned: wire.total_count,
            sent: wire.sent_count,
            delivered: wire.delivered_count,
            clicked: wire.click_count,
        }
    }
}

/// Reads a reply to a question for these tasks, or says what about it cannot be read.
pub(crate) fn read(body: &[u8], asked: &[&str]) -> Result<Reply, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let start: String = String::from_utf8_lossy(body)
            .chars()
            .take(QUOTED_LEN_MAX)
            .collect();
        format!("{error}, in `{}`", start.escape_debug())
    })?;
    let Envelope {
        action_status,
        error_code,
        error_info,
        results,
    } = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if error_code != 0 || action_status != "OK" {
        let info = error_info.chars().take(QUOTED_LEN_MAX).collect();
        return Ok(Reply::Refused {
            code: error_code,
            info,
        });
    }
    let results = results.ok_or("`Results` is missing")?;
    let mut counted = BTreeMap::new();
    for outcome in results {
        if !asked.contains(&&*outcome.task) {
            let task: String = outcome.task.chars().take(QUOTED_LEN_MAX).collect();
            return Err(format!("`TaskID` `{task}` was not asked for"));
        }
        let mut rows: BTreeMap<Place, Counts> = BTreeMap::new();
        for row in outcome.platform_statistics.into_iter().flatten() {
            let place = Place {
                route: row.event_type,
                platform: row.push_platform,
            };
            let counts = rows.entry(place).or_default();
            *counts = counts.plus(row.counts.into());
        }
        let task = TheirTask {
            total: outcome.total.into(),
            rows,
        };
        if counted.insert(outcome.task.clone(), task).is_some() {
            return Err(format!("`TaskID` `{}` has two results", outcome.task));
        }
    }
    Ok(Reply::Counted(counted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] =
        include_bytes!("../../wire/tests/fixtures/all_member_push_statistics.reply.json");

    #[test]
    fn the_documented_sample_is_read() {
        let Ok(Reply::Counted(counted)) = read(SAMPLE, &["aaa-bbb-ccc", "xxx-yyy-zzz"]) else {
            panic!("not read");
        };
        assert_eq!(counted.len(), 2);
        let task = &counted["xxx-yyy-zzz"];
        let total = Counts {
            planned: 2670,
            sent: 2213,
            delivered: 532,
            clicked: 206,
        };
        assert_eq!(task.total, total);
        let apns = Place {
            route: 1,
            platform: 1,
        };
        let row = Counts {
            planned: 532,
            sent: 391,
            delivered: 0,
            clicked: 27,
        };
        assert_eq!(task.rows, BTreeMap::from([(apns, row)]));
    }

    #[test]
    fn a_refusal_is_a_code_and_its_text() {
        for (body, code, info) in [
            (
                r#"{"ActionStatus":"FAIL","ErrorInfo":"too fast","ErrorCode":60007}"#,
                60007,
                "too fast",
            ),
            (r#"{"ActionStatus":"FAIL","ErrorCode":91000}"#, 91000, ""),
            (
                r#"{"ActionStatus":"OK","ErrorCode":90100,"ErrorInfo":"x","Results":[]}"#,
                90100,
                "x",
            ),
        ] {
            let info = info.to_owned();
            let expected = Ok(Reply::Refused { code, info });
            assert_eq!(read(body.as_bytes(), &[]), expected, "{body}");
        }
    }

    #[test]
    fn what_is_not_as_documented_is_told_by_field_or_place() {
        let counts = r#""TotalCount":1,"SentCount":1,"DeliveredCount":0"#;
        let ok = |results: &str| {
            format!(r#"{{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","Results":{results}}}"#)
        };
        let one = |more: &str| ok(&format!(r#"[{{"TaskID":"t",{counts}{more}}}]"#));
        for (body, expected) in [
            (String::new(), "EOF while parsing"),
            ("<html>".to_owned(), "in `<html>`"),
            ("[]".to_owned(), "invalid"),
            (r#"{"ActionStatus":"OK"}"#.to_owned(), "ErrorCode"),
            (
                r#"{"ActionStatus":"OK","ErrorCode":0}"#.to_owned(),
                "`Results` is missing",
            ),
            (ok("5"), "invalid type"),
            (one(""), "ClickCount"),
            (one(r#","ClickCount":-1"#), "invalid value"),
            (one(r#","ClickCount":"1""#), "invalid type"),
            (
                one(r#","ClickCount":1,"PlatformStatistics":[{}]"#),
                "EventType",
            ),
            (
                ok(&format!(r#"[{{"TaskID":"u",{counts},"ClickCount":1}}]"#)),
                "`u` was not asked for",
            ),
            (
                ok(&format!(
                    r#"[{{"TaskID":"t",{counts},"ClickCount":1}},{{"TaskID":"t",{counts},"ClickCount":1}}]"#
                )),
                "`t` has two results",
            ),
        ] {
            let error = read(body.as_bytes(), &["t"]).unwrap_err();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    #[test]
    fn a_task_without_rows_and_one_without_a_result_are_no_fault() {
        let body = r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","Results":[
            {"TaskID":"t","TotalCount":0,"SentCount":0,"DeliveredCount":0,"ClickCount":0,"PlatformStatistics":null,"New":[1]}]}"#;
        let expected = BTreeMap::from([("t".to_owned(), TheirTask::default())]);
        let read = read(body.as_bytes(), &["t", "u"]);
        assert_eq!(read, Ok(Reply::Counted(expected)));
    }
}
