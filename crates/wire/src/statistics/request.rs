//! The requests of `all_member_push_statistics` and `all_member_push_loss` (a window and at most five tasks), and of
//! `normal_push_statistics` and `normal_push_loss` (a window).

use pushtally_model::Window;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::field::{self, Raw};
use crate::{TASK_IDS_MAX, WireError};

/// What a statistics query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsQuery {
    /// `[StartTime, EndTime)`.
    pub window: Window,
    /// Of what.
    pub asked: Asked,
}

/// Of what the counts are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All tasks together: `TaskID` is missing, null, `[]` or `[""]`.
    Overall,
    /// These tasks, each once, in the order of the request.
    Tasks(Vec<String>),
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "StartTime")]
    start: Raw<'a>,
    #[serde(borrow, rename = "EndTime")]
    end: Raw<'a>,
    #[serde(borrow, rename = "TaskID")]
    tasks: Raw<'a>,
}

impl StatisticsQuery {
    /// Reads a body. `span_s_max` is the longest window the app may ask for, in seconds.
    pub fn parse(body: &[u8], span_s_max: u32) -> Result<Self, WireError> {
        let Fields { start, end, tasks } = field::object(body)?;
        let window = window(start, end, span_s_max)?;
        let asked = tasks.map_or(Ok(Asked::Overall), asked)?;
        Ok(Self { window, asked })
    }
}

/// Reads a body of the `normal_*` queries, which ask of all message pushes together: `[StartTime, EndTime)`. Whatever else
/// it holds, a `TaskID` included, is ignored.
pub fn parse_window(body: &[u8], span_s_max: u32) -> Result<Window, WireError> {
    let Fields { start, end, .. } = field::object(body)?;
    window(start, end, span_s_max)
}

fn window(start: Raw<'_>, end: Raw<'_>, span_s_max: u32) -> Result<Window, WireError> {
    let start = field::second("StartTime", field::present("StartTime", start)?)?;
    let end = field::second("EndTime", field::present("EndTime", end)?)?;
    let window = Window::new(start, end).map_err(|_| WireError::WindowEmpty {
        start: start.0,
        end: end.0,
    })?;
    if end.0 - start.0 > span_s_max {
        return Err(WireError::WindowTooLong {
            start: start.0,
            end: end.0,
            span_s_max,
        });
    }
    Ok(window)
}

/// The bound counts ids as received, repetitions included.
fn asked(raw: &RawValue) -> Result<Asked, WireError> {
    let ids: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|_| field::refuse("TaskID", "an array of strings", raw))?;
    if ids.len() > TASK_IDS_MAX {
        return Err(WireError::TooManyTasks { count: ids.len() });
    }
    let mut tasks: Vec<String> = Vec::with_capacity(ids.len());
    for id in &ids {
        let text = field::text("TaskID", id)?;
        if text.is_empty() {
            if ids.len() == 1 {
                return Ok(Asked::Overall);
            }
            return Err(field::refuse(
                "TaskID",
                "ids that are not empty when there are several",
                raw,
            ));
        }
        if !tasks.iter().any(|task| *task == text) {
            tasks.push(text.into_owned());
        }
    }
    Ok(if tasks.is_empty() {
        Asked::Overall
    } else {
        Asked::Tasks(tasks)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use pushtally_model::{App, Second};

    fn parse(body: &str) -> Result<StatisticsQuery, WireError> {
        StatisticsQuery::parse(body.as_bytes(), App::STATISTICS_SPAN_S_MAX)
    }

    fn asking(tasks: &str) -> String {
        format!(r#"{{"StartTime":1741104000,"EndTime":1741795200{tasks}}}"#)
    }

    #[test]
    fn the_sample_is_read() {
        let body = include_bytes!("../../tests/fixtures/all_member_push_statistics.request.json");
        let query = StatisticsQuery::parse(body, App::STATISTICS_SPAN_S_MAX).unwrap();
        assert_eq!(
            query.window,
            Window::new(Second(1_741_104_000), Second(1_741_795_200)).unwrap()
        );
        assert_eq!(
            query.asked,
            Asked::Tasks(vec!["xxx-yyy-zzz".into(), "aaa-bbb-ccc".into()])
        );
    }

    #[test]
    fn tasks_are_distinct_and_none_means_overall() {
        let check = |tasks: &str, expected: &[&str]| {
            let asked = parse(&asking(tasks)).unwrap().asked;
            let expected = match expected {
                [] => Asked::Overall,
                ids => Asked::Tasks(ids.iter().map(|id| (*id).to_owned()).collect()),
            };
            assert_eq!(asked, expected, "{tasks}");
        };
        check("", &[]);
        check(r#","TaskID":null"#, &[]);
        check(r#","TaskID":[]"#, &[]);
        check(r#","TaskID":[""]"#, &[]);
        check(r#","taskid":["a"],"More":{"x":[1]}"#, &[]);
        check(r#","TaskID":["b","a","b","A","a"]"#, &["b", "a", "A"]);
        check(r#","TaskID":["\u0061\"\n"]"#, &["a\"\n"]);
    }

    #[test]
    fn faults_tell_the_field_and_the_value() {
        let check = |body: &str, code: Code, expected: &str| {
            let error = parse(body).unwrap_err();
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                (code, expected),
                "{body}"
            );
        };
        let bad = |tasks: &str, expected: &str| check(&asking(tasks), Code::BadRequest, expected);
        check("", Code::NotJson, "body is empty, send at least `{}`");
        check(" \n", Code::NotJson, "body is empty, send at least `{}`");
        check(
            "{",
            Code::NotJson,
            "body is not JSON, see line `1` column `1`",
        );
        check(
            "{} x",
            Code::NotJson,
            "body is not JSON, see line `1` column `4`",
        );
        check(
            "[1]",
            Code::BadRequest,
            "body must be a JSON object, not `[1]`",
        );
        check(
            "null",
            Code::BadRequest,
            "body must be a JSON object, not `null`",
        );
        check("{}", Code::BadRequest, "`StartTime` is missing");
        check(
            r#"{"StartTime":1}"#,
            Code::BadRequest,
            "`EndTime` is missing",
        );
        check(
            r#"{"StartTime":null,"EndTime":2}"#,
            Code::BadRequest,
            "`StartTime` is missing",
        );
        let repeated = "a field is given more than once: duplicate field `StartTime`";
        bad(r#","StartTime":1"#, repeated);
        bad(
            r#","TaskID":"a""#,
            r#"`TaskID` must be an array of strings, not `"a"`"#,
        );
        bad(
            r#","TaskID":{}"#,
            "`TaskID` must be an array of strings, not `{}`",
        );
        bad(r#","TaskID":[1]"#, "`TaskID` must be a string, not `1`");
        bad(
            r#","TaskID":["a",null]"#,
            "`TaskID` must be a string, not `null`",
        );
        let several = "`TaskID` must be ids that are not empty when there are several, not";
        bad(r#","TaskID":["","a"]"#, &format!(r#"{several} `["","a"]`"#));
        bad(r#","TaskID":["",""]"#, &format!(r#"{several} `["",""]`"#));
        bad(
            r#","TaskID":["a","a","a","a","a","a"]"#,
            "`TaskID` has `6` ids, more than `5`",
        );
    }

    #[test]
    fn times_are_whole_seconds_in_order_and_not_too_far_apart() {
        let check = |start: &str, end: &str, expected: &str| {
            let error = parse(&format!(r#"{{"StartTime":{start},"EndTime":{end}}}"#)).unwrap_err();
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                (Code::BadRequest, expected)
            );
        };
        check(
            "\"1741104000\"",
            "2",
            "`StartTime` must be an integer, not `\"1741104000\"`",
        );
        check("1.0", "2", "`StartTime` must be an integer, not `1.0`");
        check("1e9", "2", "`StartTime` must be an integer, not `1e9`");
        check("true", "2", "`StartTime` must be an integer, not `true`");
        check(
            "1",
            "9223372036854775808",
            "`EndTime` must be an integer, not `9223372036854775808`",
        );
        check(
            "-5",
            "2",
            "`StartTime` must be a Unix time in seconds from 1970 to 2106, not `-5`",
        );
        check(
            "5",
            "4294967296",
            "`EndTime` must be a Unix time in seconds from 1970 to 2106, not `4294967296`",
        );
        let ms = "`StartTime` must be in seconds, `1741104000000` looks like milliseconds";
        check("1741104000000", "1741795200000", ms);
        check("7", "7", "`StartTime` `7` must be before `EndTime` `7`");
        check("8", "7", "`StartTime` `8` must be before `EndTime` `7`");
        let span = "`StartTime` `0` and `EndTime` `2592001` are `2592001` seconds apart, more than `2592000`";
        check("0", "2592001", span);
        assert!(parse(r#"{"StartTime":0,"EndTime":2592000}"#).is_ok());
    }

    #[test]
    fn message_pushes_are_asked_for_by_a_window_alone() {
        let sample = include_bytes!("../../tests/fixtures/normal_push_statistics.request.json");
        let window = Window::new(Second(1_741_104_000), Second(1_741_795_200)).unwrap();
        let span_s_max = App::STATISTICS_SPAN_S_MAX;
        assert_eq!(parse_window(sample, span_s_max).unwrap(), window);
        let ignored = asking(r#","TaskID":7,"taskID":["a"]"#);
        assert_eq!(
            parse_window(ignored.as_bytes(), span_s_max).unwrap(),
            window
        );
        let error = parse_window(sample, App::LOSSES_SPAN_S_MAX).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (
                Code::BadRequest,
                "`StartTime` `1741104000` and `EndTime` `1741795200` are `691200` seconds apart, more than `604800`"
            )
        );
        let error = parse_window(br#"{"StartTime":1}"#, span_s_max).unwrap_err();
        assert_eq!(error.to_string(), "`EndTime` is missing");
    }
}
