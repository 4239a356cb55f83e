//! What a call to the app is answered, as the documentation says. Pure.

use std::collections::BTreeMap;

use pushtally_usersig::{Request, check};
use serde_json::{Value, json};

use super::{ChatRow, ChatSettings};

/// The longest window, in seconds: documented as 30 days.
const SPAN_S_MAX: i64 = 30 * 86_400;
/// TaskIDs that a call may name: documented.
const TASKS_MAX: usize = 5;

/// A call.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) code: u32,
    pub(super) body: String,
}

impl Asked<'_> {
    /// The TaskIDs that it names.
    pub(super) fn tasks(&self) -> Vec<String> {
        let body: Value = serde_json::from_slice(self.body).unwrap_or_default();
        let tasks = body["TaskID"].as_array().into_iter().flatten();
        tasks
            .filter_map(|task| task.as_str().map(str::to_owned))
            .collect()
    }
}

pub(super) fn failure(code: u32, info: &str) -> String {
    json!({"ActionStatus": "FAIL", "ErrorCode": code, "ErrorInfo": info}).to_string()
}

/// Answers. The order of the checks is not documented; this is the order of their gateway's codes.
pub(super) fn judge(
    settings: &ChatSettings,
    asked: &Asked<'_>,
    is_too_fast: bool,
    now_s: i64,
) -> Judged {
    match counted(settings, asked, is_too_fast, now_s) {
        Ok(body) => Judged { code: 0, body },
        Err((code, info)) => Judged {
            code,
            body: failure(code, &info),
        },
    }
}

type Refusal = (u32, String);

fn counted(
    settings: &ChatSettings,
    asked: &Asked<'_>,
    is_too_fast: bool,
    now_s: i64,
) -> Result<String, Refusal> {
    let refuse = |code, info: &str| Err((code, info.to_owned()));
    if asked.method != "POST" {
        return refuse(60002, "not a POST");
    }
    if asked.path != "/v4/timpush/all_member_push_statistics" {
        return refuse(60009, "no such command");
    }
    sign_in(settings, asked.query, now_s)?;
    if is_too_fast {
        return refuse(60007, "rest call frequency exceeded");
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(asked.body) else {
        return refuse(60003, "not a JSON object");
    };
    let time = |name: &str| body.get(name).and_then(Value::as_i64);
    let (Some(start), Some(end)) = (time("StartTime"), time("EndTime")) else {
        return refuse(90100, "StartTime and EndTime must be integers");
    };
    if start >= end || end - start > SPAN_S_MAX {
        return refuse(90100, "time range");
    }
    let tasks = asked.tasks();
    if tasks.len() > TASKS_MAX {
        return refuse(90100, "too many TaskID");
    }
    // Without any it is asked for all of them together.
    let ids = if tasks.is_empty() {
        vec![String::new()]
    } else {
        tasks
    };
    let results: Vec<Value> = ids
        .iter()
        .map(|id| result(&settings.rows, id, start, end))
        .collect();
    let reply = json!({
        "ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "sucess", "Results": results,
    });
    Ok(reply.to_string())
}

/// Checks the URL and the UserSig.
fn sign_in(settings: &ChatSettings, query: &str, now_s: i64) -> Result<(), Refusal> {
    let fields: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let field = |name: &str| {
        let field = fields.get(name).filter(|value| !value.is_empty());
        field.ok_or_else(|| (60025, format!("{name} is missing")))
    };
    let sdkappid: u32 = field("sdkappid")?
        .parse()
        .map_err(|_| (60025, "sdkappid is no number".to_owned()))?;
    let (identifier, usersig) = (field("identifier")?, field("usersig")?);
    let random = field("random")?.parse::<u32>();
    random.map_err(|_| (60025, "random is no 32-bit number".to_owned()))?;
    if field("contenttype")? != "json" {
        return Err((60025, "contenttype is not json".to_owned()));
    }
    if sdkappid != settings.sdkappid {
        return Err((70020, "the SDKAppID does not exist".to_owned()));
    }
    let request = Request {
        sdkappid,
        identifier,
        now_s,
    };
    check(usersig, &[&settings.key], &request)
        .map_err(|error| (error.code(), error.to_string()))?;
    if !settings.administrators.contains(identifier) {
        return Err((90009, "not an administrator".to_owned()));
    }
    Ok(())
}

/// The counts of a task, or of all when its id is empty.
fn result(rows: &[ChatRow], id: &str, start: i64, end: i64) -> Value {
    let mut by_place: BTreeMap<(u64, u64), [u64; 4]> = BTreeMap::new();
    let mut total = [0; 4];
    let within =
        |row: &&ChatRow| (id.is_empty() || row.task == id) && (start..end).contains(&row.at);
    for row in rows.iter().filter(within) {
        let counts = by_place.entry((row.event_type, row.platform)).or_default();
        for (nth, count) in row.counts.iter().enumerate() {
            counts[nth] += count;
            total[nth] += count;
        }
    }
    let counts = |[planned, sent, delivered, clicked]: [u64; 4]| {
        json!({
            "TotalCount": planned, "SentCount": sent, "DeliveredCount": delivered, "ClickCount": clicked,
        })
    };
    let rows = by_place.into_iter().map(|((route, platform), of)| {
        let mut row = counts(of);
        row["EventType"] = route.into();
        row["PushPlatform"] = platform.into();
        row
    });
    let rows: Vec<Value> = rows.collect();
    let mut result = counts(total);
    result["TaskID"] = id.into();
    result["PlatformStatistics"] = rows.into();
    result
}

#[cfg(test)]
mod tests {
    use pushtally_usersig::{Claims, make};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn settings() -> ChatSettings {
        let row = |task: &str, at, platform, counts| ChatRow {
            task: task.to_owned(),
            at,
            event_type: 1,
            platform,
            counts,
        };
        let mut settings = ChatSettings::new(7, "key");
        settings.rows = vec![
            row("a", 10, 4, [5, 4, 3, 2]),
            row("a", 20, 4, [1, 1, 0, 0]),
            row("a", 20, 1, [1, 0, 0, 0]),
            row("b", 20, 1, [9, 0, 0, 0]),
        ];
        settings
    }

    fn query(identifier: &str, key: &str) -> String {
        let claims = Claims {
            identifier: identifier.to_owned(),
            sdkappid: 7,
            time: NOW,
            expire: 60,
            userbuf: None,
        };
        let usersig = make(key, &claims);
        format!("sdkappid=7&identifier={identifier}&usersig={usersig}&random=1&contenttype=json")
    }

    fn ask(query: &str, body: &str) -> Judged {
        let asked = Asked {
            method: "POST",
            path: "/v4/timpush/all_member_push_statistics",
            query,
            body: body.as_bytes(),
        };
        judge(&settings(), &asked, false, NOW)
    }

    #[test]
    fn counts_are_those_of_the_window_by_platform() {
        let query = query("administrator", "key");
        let judged = ask(&query, r#"{"StartTime":0,"EndTime":21,"TaskID":["a","c"]}"#);
        let reply: Value = serde_json::from_str(&judged.body).unwrap();
        assert_eq!(reply["Results"][0]["TotalCount"], 7);
        let rows = reply["Results"][0]["PlatformStatistics"]
            .as_array()
            .unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (&rows[1]["PushPlatform"], &rows[1]["SentCount"]),
            (&json!(4), &json!(5))
        );
        assert_eq!(reply["Results"][1]["TotalCount"], 0);
        let judged = ask(&query, r#"{"StartTime":11,"EndTime":21}"#);
        let reply: Value = serde_json::from_str(&judged.body).unwrap();
        assert_eq!(
            (
                &reply["Results"][0]["TaskID"],
                &reply["Results"][0]["TotalCount"]
            ),
            (&json!(""), &json!(11))
        );
    }

    #[test]
    fn what_is_not_as_documented_is_refused() {
        let good = query("administrator", "key");
        let body = r#"{"StartTime":0,"EndTime":21,"TaskID":["a"]}"#;
        for (query, body, code) in [
            (good.clone(), body, 0),
            (good.replace("&random=1", ""), body, 60025),
            (good.replace("json", "xml"), body, 60025),
            (good.replace("=7&", "=8&"), body, 70020),
            (query("somebody", "key"), body, 90009),
            (query("administrator", "other"), body, 70009),
            (good.clone(), "", 60003),
            (good.clone(), r#"{"StartTime":0}"#, 90100),
            (good.clone(), r#"{"StartTime":5,"EndTime":5}"#, 90100),
            (good.clone(), r#"{"StartTime":0,"EndTime":2592001}"#, 90100),
            (
                good.clone(),
                r#"{"StartTime":0,"EndTime":9,"TaskID":["1","2","3","4","5","6"]}"#,
                90100,
            ),
        ] {
            assert_eq!(ask(&query, body).code, code, "{query} {body}");
        }
    }
}
