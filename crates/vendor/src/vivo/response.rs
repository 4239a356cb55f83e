//! What vivo's answers mean: HTTP 200 with a result, and the users of a list that are not valid.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::{Credentials, request};
use crate::contract::{Failure, Post, Read, Reply, Said, To, Verdict};
use crate::json::{self, integer};
use crate::text::{tokens, without};

/// Operation messages outside 07:00 to 23:00.
const AT_NIGHT: i64 = 10_071;
const HOUR_MS: i64 = 3_600_000;

/// A body in vivo's form.
pub(super) struct Answer {
    result: i64,
    body: Value,
}

impl Answer {
    /// Reads the form, whatever it says.
    pub(super) fn read(reply: &Reply) -> Result<Self, Failure> {
        let body = json::object(reply)?;
        match (reply.status, integer(&body["result"])) {
            (200, Some(result)) => Ok(Self { result, body }),
            (status, Some(0) | None) => {
                let said = Said::new(status.into(), "the reply has no result that fits");
                Err(Failure::Unknown(said))
            }
            (_, Some(result)) => Ok(Self { result, body }),
        }
    }

    /// The body of what was taken, or why it was not.
    pub(super) fn taken(self, reply: &Reply, secrets: &[&str]) -> Result<Value, Failure> {
        if self.result == 0 {
            Ok(self.body)
        } else {
            Err(self.refusal(reply, secrets))
        }
    }

    fn refusal(&self, reply: &Reply, secrets: &[&str]) -> Failure {
        let (failure, _) = row(self.result);
        let mut failure = failure(self.said(secrets));
        if let Failure::Busy { after, .. } = &mut failure {
            *after = reply.retry_after();
        }
        failure
    }

    fn said(&self, secrets: &[&str]) -> Said {
        let (_, name) = row(self.result);
        let text = match json::text(&self.body["desc"]) {
            "" => name,
            text => text,
        };
        Said::new(self.result, without(text, secrets.iter().copied()))
    }

    /// The users that are not valid and their status, 0 where it is not said: one of a single send, many of a list.
    fn invalid(&self) -> HashMap<&str, i64> {
        let many = self.body.get("invalidUsers").and_then(Value::as_array);
        let many = many.map(Vec::as_slice).unwrap_or_default();
        let users = many.iter().chain(self.body.get("invalidUser"));
        users
            .filter_map(|user| {
                let status = integer(&user["status"]);
                Some((user.get("userid")?.as_str()?, status.unwrap_or(0)))
            })
            .collect()
    }
}

/// What the reply to `saveListPayload` means.
pub(super) fn read_saved(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
    reply: &Reply,
) -> Read {
    let secrets = secrets(post, targets);
    let answer = match Answer::read(reply) {
        Ok(answer) => answer,
        Err(failure) => return Read::All(failure),
    };
    if answer.result == AT_NIGHT {
        return in_the_morning(post, targets, &answer, &secrets);
    }
    match answer.taken(reply, &secrets) {
        Ok(body) => match text(&body, "taskId") {
            task_id if task_id.is_empty() => {
                let said = Said::new(0, "saved, but no taskId");
                Read::All(Failure::Unknown(said))
            }
            task_id => Read::Next(request::to_list(credentials, post, targets, &task_id)),
        },
        Err(failure) => Read::All(failure),
    }
}

/// What the reply to `send` or `pushToList` means.
pub(super) fn read_sent(post: &Post<'_>, targets: &[To<'_>], reply: &Reply) -> Read {
    let secrets = secrets(post, targets);
    let answer = match Answer::read(reply) {
        Ok(answer) => answer,
        Err(failure) => return Read::All(failure),
    };
    if answer.result == AT_NIGHT {
        return in_the_morning(post, targets, &answer, &secrets);
    }
    let invalid = answer.invalid();
    let verdicts: Vec<_> = targets
        .iter()
        .map(|to| {
            invalid
                .get(to.token.expose())
                .map(|status| of_invalid(*status))
        })
        .collect();
    let is_said_of_all = verdicts.iter().all(Option::is_some);
    let is_taken = answer.result == 0 || (is_about_targets(answer.result) && is_said_of_all);
    if !is_taken {
        return Read::All(answer.refusal(reply, &secrets));
    }
    // Receipts name the task. The reply to a list does not; what it names is our own id of the request.
    let task_id = text(&answer.body, "taskId");
    let request_id = if task_id.is_empty() {
        text(&answer.body, "requestId")
    } else {
        task_id
    };
    let verdicts = verdicts.into_iter();
    Read::Each {
        verdicts: verdicts
            .map(|verdict| verdict.unwrap_or(Verdict::Sent))
            .collect(),
        request_id,
    }
}

fn secrets<'a>(post: &Post<'a>, targets: &[To<'a>]) -> Vec<&'a str> {
    tokens(targets).chain([post.access]).collect()
}

/// A name that may come as a number.
fn text(body: &Value, name: &str) -> String {
    match body.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Nothing is wrong with the message or the channel: it goes when the day begins.
fn in_the_morning(post: &Post<'_>, targets: &[To<'_>], answer: &Answer, secrets: &[&str]) -> Read {
    let later = Verdict::Later {
        said: answer.said(secrets),
        after: until_seven(post.now_ms),
    };
    Read::Each {
        verdicts: vec![later; targets.len()],
        request_id: String::new(),
    }
}

/// How long it is until 07:00 in China, whose clock is taken to be meant; `None` when that clock says it is day.
fn until_seven(now_ms: i64) -> Option<Duration> {
    const DAY_MS: i64 = 24 * HOUR_MS;
    let of_day_ms = now_ms.saturating_add(8 * HOUR_MS).rem_euclid(DAY_MS);
    if (7 * HOUR_MS..23 * HOUR_MS).contains(&of_day_ms) {
        return None;
    }
    let wait_ms = (7 * HOUR_MS - of_day_ms).rem_euclid(DAY_MS);
    u64::try_from(wait_ms).ok().map(Duration::from_millis)
}

fn of_invalid(status: i64) -> Verdict {
    match status {
        1 => Verdict::Gone(Said::new(status, "regId does not exist")),
        2 => Verdict::Gone(Said::new(status, "uninstalled or unsubscribed")),
        // It may come back: the token stays.
        3 => Verdict::Rejected(Said::new(status, "offline for 90 days")),
        4 => Verdict::Rejected(Said::new(status, "no test user")),
        _ => Verdict::Rejected(Said::new(status, "regId not valid")),
    }
}

fn is_about_targets(result: i64) -> bool {
    let (failure, name) = row(result);
    matches!(failure(Said::new(result, name)), Failure::Targets(_))
}

/// What a result means of a call, and what we call it.
fn row(result: i64) -> (fn(Said) -> Failure, &'static str) {
    let busy = |said| Failure::Busy { said, after: None };
    match result {
        10_000 => (Failure::Access, "authToken not valid"),
        10_040 => (busy, "busy"),
        10_072 => (busy, "too frequent"),
        10_250 => (busy, "signing in too often"),
        AT_NIGHT => (busy, "operation messages go from 07:00 to 23:00"),
        10_043 | 10_045 => (Failure::Misconfigured, "the app has no right"),
        10_094 => (Failure::Misconfigured, "appId refused"),
        10_096 | 10_097 => (Failure::Misconfigured, "category refused"),
        10_200..=10_205 => (Failure::Misconfigured, "sign-in refused"),
        10_206 => (Failure::Misconfigured, "sign refused"),
        10_207 => (Failure::Misconfigured, "timestamp refused"),
        10_054 | 10_302 => (Failure::Targets, "regId not valid"),
        10_070 => (Failure::Spent, "daily limit of operation messages"),
        10_073 => (Failure::Spent, "daily limit of system messages"),
        10_252 => (Failure::Spent, "daily limit of lists"),
        10_254 => (Failure::Spent, "daily limit of pushes to everyone"),
        10_085 | 10_104 => (Failure::Rejected, "content refused"),
        _ => (Failure::Unknown, "result not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::credentials;
    use super::*;
    use crate::given::{Given, reply};

    fn read_of(tokens: &[&str], status: u16, body: &str) -> Read {
        let given = Given::new(tokens);
        read_sent(&given.post(), &given.targets(), &reply(status, body))
    }

    fn saved_of(tokens: &[&str], status: u16, body: &str) -> Read {
        let given = Given::new(tokens);
        let reply = reply(status, body);
        read_saved(&credentials(), &given.post(), &given.targets(), &reply)
    }

    fn each(verdicts: Vec<Verdict>, request_id: &str) -> Read {
        let request_id = request_id.to_owned();
        Read::Each {
            verdicts,
            request_id,
        }
    }

    #[test]
    fn the_samples_of_the_reference_tell_each_target() {
        let uninstalled = Verdict::Gone(Said::new(2, "uninstalled or unsubscribed"));
        for (tokens, body, expected) in [
            (
                vec!["vr-1"],
                r#"{"result":0,"desc":"请求成功","taskId":"900002"}"#,
                each(vec![Verdict::Sent], "900002"),
            ),
            (
                vec!["vr-1"],
                r#"{"result":10302,"desc":"regId不合法","invalidUser":{"userid":"vr-1","status":1}}"#,
                each(
                    vec![Verdict::Gone(Said::new(1, "regId does not exist"))],
                    "",
                ),
            ),
            (
                vec!["vr-1", "vr-2"],
                r#"{"result":0,"desc":"请求成功","requestId":"n-1001-l1","invalidUsers":[{"status":2,"userid":"vr-2"}]}"#,
                each(vec![Verdict::Sent, uninstalled], "n-1001-l1"),
            ),
        ] {
            assert_eq!(read_of(&tokens, 200, body), expected, "{body}");
        }
    }

    #[test]
    fn results_have_their_treatment_at_every_step() {
        let check = |result: i64, expected: fn(Said) -> Failure| {
            for body in [
                format!(r#"{{"result":{result},"desc":"said","taskId":"9"}}"#),
                format!(r#"{{"result":"{result}","desc":"said"}}"#),
            ] {
                let expected = Read::All(expected(Said::new(result, "said")));
                assert_eq!(read_of(&["vr-1"], 200, &body), expected, "{body}");
                assert_eq!(read_of(&["vr-1", "vr-2"], 200, &body), expected);
                assert_eq!(saved_of(&["vr-1", "vr-2"], 200, &body), expected);
            }
        };
        check(10_000, Failure::Access);
        for result in [10_040, 10_072, 10_250] {
            check(result, |said| Failure::Busy { said, after: None });
        }
        for result in [
            10_043, 10_045, 10_094, 10_096, 10_097, 10_200, 10_206, 10_207,
        ] {
            check(result, Failure::Misconfigured);
        }
        for result in [10_054, 10_302] {
            check(result, Failure::Targets);
        }
        for result in [10_070, 10_073, 10_252, 10_254] {
            check(result, Failure::Spent);
        }
        for result in [10_085, 10_104] {
            check(result, Failure::Rejected);
        }
        for result in [1, -1, 10_001, 10_208] {
            check(result, Failure::Unknown);
        }
    }

    #[test]
    fn a_saved_message_goes_to_its_list() {
        for body in [
            r#"{"result":0,"desc":"请求成功","taskId":"900001"}"#,
            r#"{"result":"0","taskId":900001}"#,
        ] {
            let Read::Next(call) = saved_of(&["vr-1", "vr-2"], 200, body) else {
                panic!("{body}: nothing follows");
            };
            let sent: Value = serde_json::from_slice(&call.body).unwrap();
            assert_eq!(sent["taskId"], "900001");
            assert_eq!(sent["regIds"], serde_json::json!(["vr-1", "vr-2"]));
        }
        let read = saved_of(&["vr-1", "vr-2"], 200, r#"{"result":0}"#);
        assert!(matches!(read, Read::All(Failure::Unknown(_))), "{read:?}");
    }

    #[test]
    fn only_tokens_that_are_gone_are_dropped() {
        let check = |status: &str, expected: fn(&Verdict) -> bool| {
            let body = format!(
                r#"{{"result":0,"invalidUsers":[{{"status":{status},"userid":"vr-2"}},{{}},3]}}"#
            );
            let Read::Each { verdicts, .. } = read_of(&["vr-1", "vr-2"], 200, &body) else {
                panic!("{status}: not each");
            };
            assert_eq!(verdicts[0], Verdict::Sent);
            assert!(expected(&verdicts[1]), "{status}: {:?}", verdicts[1]);
        };
        for status in ["1", "2", r#""2""#] {
            check(status, |verdict| matches!(verdict, Verdict::Gone(_)));
        }
        for status in ["3", "4", "9", "null"] {
            check(status, |verdict| matches!(verdict, Verdict::Rejected(_)));
        }
    }

    #[test]
    fn a_list_of_none_but_invalid_users_is_told_apart_from_one_that_says_less() {
        let one = r#"{"userid":"vr-1","status":1}"#;
        let two = r#"{"userid":"vr-2","status":3}"#;
        let of = |users: &str| {
            let body = format!(r#"{{"result":10302,"desc":"no","invalidUsers":[{users}]}}"#);
            read_of(&["vr-1", "vr-2"], 200, &body)
        };
        let Read::Each { verdicts, .. } = of(&format!("{one},{two}")) else {
            panic!("not each");
        };
        assert!(matches!(verdicts[0], Verdict::Gone(_)));
        assert!(matches!(verdicts[1], Verdict::Rejected(_)));
        let said = Said::new(10_302, "no");
        assert_eq!(of(one), Read::All(Failure::Targets(said)));
    }

    #[test]
    fn at_night_operation_messages_wait_for_the_morning() {
        let check = |hour: i64, expected_h: Option<u64>| {
            // 1795276800000 is midnight in China.
            let now_ms = 1_795_276_800_000 + hour * HOUR_MS;
            let expected = expected_h.map(|hours| Duration::from_secs(hours * 3_600));
            assert_eq!(until_seven(now_ms), expected, "{hour}");
        };
        check(0, Some(7));
        check(6, Some(1));
        check(7, None);
        check(22, None);
        check(23, Some(8));
        let body = r#"{"result":10071,"desc":"said"}"#;
        for read in [
            read_of(&["vr-1", "vr-2"], 200, body),
            saved_of(&["vr-1", "vr-2"], 200, body),
        ] {
            let later = Verdict::Later {
                said: Said::new(10_071, "said"),
                after: None,
            };
            assert_eq!(read, each(vec![later.clone(), later], ""));
        }
    }

    #[test]
    fn what_is_no_result_is_not_taken_for_an_answer() {
        let check = |status, body: &str| {
            let read = read_of(&["vr-1"], status, body);
            assert!(
                matches!(&read, Read::All(Failure::Unknown(said)) if said.code == i64::from(status)),
                "{body} {read:?}"
            );
        };
        for body in ["", "<html>", "{}", r#"{"result":null}"#, "[]"] {
            check(200, body);
        }
        check(302, r#"{"result":0,"taskId":"1"}"#);
        let refused = r#"{"result":10000}"#;
        let access = Failure::Access(Said::new(10_000, "authToken not valid"));
        assert_eq!(read_of(&["vr-1"], 401, refused), Read::All(access));
    }

    #[test]
    fn trouble_is_over_when_it_says() {
        let given = Given::new(&["vr-1"]);
        let mut reply = reply(500, r#"{"result":0}"#);
        reply.headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(
            read_sent(&given.post(), &given.targets(), &reply),
            Read::All(Failure::Busy {
                said: Said::new(500, "overloaded or failed"),
                after: Some(Duration::from_secs(7)),
            })
        );
    }

    #[test]
    fn what_is_said_names_no_token() {
        let body = r#"{"result":10085,"desc":"vr-1 at-0001"}"#;
        let said = Said::new(10_085, "* *");
        let read = read_of(&["vr-1"], 200, body);
        assert_eq!(read, Read::All(Failure::Rejected(said)));
    }
}
