//! What OPPO's answers mean: HTTP 200 with a code for the call, and one for each message that was refused.

use std::collections::HashMap;

use serde_json::Value;

use crate::contract::{Failure, Post, Read, Reply, Said, To, Verdict};
use crate::json::{self, integer};
use crate::text::{tokens, without};

/// What a reply to `unicast_batch` means.
pub(super) fn read(post: &Post<'_>, targets: &[To<'_>], reply: &Reply) -> Read {
    let secrets: Vec<&str> = tokens(targets).chain([post.access]).collect();
    let body = match taken(reply, &secrets) {
        Ok(body) => body,
        Err(failure) => return Read::All(failure),
    };
    let items = body.get("data").and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    let mut of_token = by_token(items);
    let results: Vec<Option<&Value>> = targets
        .iter()
        .map(|to| next(of_token.get_mut(to.token.expose())?))
        .collect();
    if results.iter().all(Option::is_none) {
        let said = Said::new(0, "it says nothing of any message");
        return Read::All(Failure::Unknown(said));
    }
    if let Some(failure) = of_all(&results) {
        return Read::All(failure);
    }
    let mut items = results.iter().flatten();
    let request_id = items.find_map(|item| item.get("messageId")?.as_str());
    Read::Each {
        verdicts: results
            .iter()
            .map(|item| verdict(*item, &secrets))
            .collect(),
        // Every message has its own; the first one leads the operator to the others.
        request_id: request_id.unwrap_or_default().to_owned(),
    }
}

/// The body of a call that was taken, or why it was not.
pub(super) fn taken(reply: &Reply, secrets: &[&str]) -> Result<Value, Failure> {
    let body = json::object(reply)?;
    match (reply.status, integer(&body["code"])) {
        (200, Some(0)) => Ok(body),
        (status, Some(0) | None) => {
            let said = Said::new(status.into(), "the reply has no code that fits");
            Err(Failure::Unknown(said))
        }
        (_, Some(code)) => {
            let (failure, name) = row(code);
            let text = match json::text(&body["message"]) {
                "" => name,
                text => text,
            };
            let text = without(text, secrets.iter().copied());
            let mut failure = failure(Said::new(code, text));
            if let Failure::Busy { after, .. } = &mut failure {
                *after = reply.retry_after();
            }
            Err(failure)
        }
    }
}

/// The items of each token, in order. A token that two devices have is there twice.
fn by_token(items: &[Value]) -> HashMap<&str, Vec<&Value>> {
    let mut of_token: HashMap<&str, Vec<&Value>> = HashMap::with_capacity(items.len());
    // From behind, so that the first one is taken off the end.
    for item in items.iter().rev() {
        if let Some(token) = item.get("registrationId").and_then(Value::as_str) {
            of_token.entry(token).or_default().push(item);
        }
    }
    of_token
}

/// The next item of a token; the last one speaks for all that follow, should OPPO merge them.
fn next<'a>(items: &mut Vec<&'a Value>) -> Option<&'a Value> {
    if items.len() > 1 {
        items.pop()
    } else {
        items.first().copied()
    }
}

/// The code of an item that was refused.
fn refusal(item: &Value) -> Option<i64> {
    let code = integer(&item["errorCode"]);
    code.filter(|code| *code != 0)
}

/// A refusal of every item alike that is not about tokens or messages holds for the whole call.
fn of_all(results: &[Option<&Value>]) -> Option<Failure> {
    let mut codes = results.iter().map(|item| item.and_then(refusal));
    let code = codes.next()??;
    if !codes.all(|other| other == Some(code)) {
        return None;
    }
    let (failure, name) = row(code);
    match failure(Said::new(code, name)) {
        Failure::Targets(_) | Failure::Rejected(_) | Failure::Unknown(_) => None,
        failure => Some(failure),
    }
}

fn verdict(item: Option<&Value>, secrets: &[&str]) -> Verdict {
    let message = item.and_then(|item| item.get("messageId"));
    let Some(code) = item.and_then(refusal) else {
        return match message.and_then(Value::as_str) {
            Some(id) if !id.is_empty() => Verdict::Sent,
            // Not known to be sent. Asking again is safe: OPPO knows the message by its `app_message_id`.
            _ => Verdict::Later {
                said: Said::new(0, "it says nothing of this message"),
                after: None,
            },
        };
    };
    let (failure, name) = row(code);
    let text = || {
        let text = item.and_then(|item| item.get("errorMessage"));
        let text = text.and_then(Value::as_str).unwrap_or(name);
        without(text, secrets.iter().copied())
    };
    // The table's name where there is one: OPPO's texts may differ from token to token, and losses are kept by text.
    match failure(Said::new(code, name)) {
        Failure::Targets(said) => Verdict::Gone(said),
        Failure::Busy { said, after } | Failure::Limited { said, after } => {
            Verdict::Later { said, after }
        }
        // Of some messages of a call only: the repetition is told whether it holds for all.
        Failure::Access(said) | Failure::Spent(said) => Verdict::Later { said, after: None },
        Failure::Misconfigured(said) | Failure::Rejected(said) => Verdict::Rejected(said),
        Failure::Unknown(_) => Verdict::Rejected(Said::new(code, text())),
    }
}

/// What a code means of a call, and what we call it.
fn row(code: i64) -> (fn(Said) -> Failure, &'static str) {
    let busy = |said| Failure::Busy { said, after: None };
    match code {
        -1 => (busy, "service unavailable"),
        -2 => (busy, "flow control"),
        13 => (busy, "too many calls"),
        55 => (busy, "too frequent"),
        11 => (Failure::Access, "auth_token not valid"),
        29 => (Failure::Access, "auth_token missing"),
        33 => (Failure::Spent, "daily limit"),
        34 => (Failure::Spent, "daily limit of pictures"),
        14..=18 => (Failure::Misconfigured, "key or sign refused"),
        19 => (Failure::Misconfigured, "timestamp refused"),
        26 => (Failure::Misconfigured, "this server's address refused"),
        27 | 28 | 30 => (Failure::Misconfigured, "the app has no right"),
        67 => (Failure::Misconfigured, "category refused"),
        10_000 => (Failure::Targets, "registration id not valid"),
        12 | 20..=25 | 31 | 32 | 40 | 41 | 51 | 59 => (Failure::Rejected, "arguments refused"),
        10_001..=20_000 => (Failure::Rejected, "message refused"),
        _ => (Failure::Unknown, "code not known"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::given::{Given, reply};

    fn read_of(tokens: &[&str], status: u16, body: &str) -> Read {
        let given = Given::new(tokens);
        read(&given.post(), &given.targets(), &reply(status, body))
    }

    #[test]
    fn the_sample_of_the_reference_tells_each_token() {
        let body = super::super::tests::REPLY;
        assert_eq!(
            read_of(&["CN_bbbb", "CN_aaaa"], 200, body),
            Read::Each {
                verdicts: vec![
                    Verdict::Gone(Said::new(10_000, "registration id not valid")),
                    Verdict::Sent,
                ],
                request_id: "3001-1-1-6500aa".to_owned(),
            }
        );
    }

    #[test]
    fn codes_of_the_call_have_their_treatment() {
        let check = |code: i64, expected: fn(Said) -> Failure| {
            for body in [
                format!(r#"{{"code":{code},"message":"said"}}"#),
                format!(r#"{{"code":"{code}","message":"said","data":null}}"#),
            ] {
                let expected = Read::All(expected(Said::new(code, "said")));
                assert_eq!(read_of(&["CN_aaaa"], 200, &body), expected, "{body}");
            }
        };
        for code in [-1, -2, 13, 55] {
            check(code, |said| Failure::Busy { said, after: None });
        }
        for code in [11, 29] {
            check(code, Failure::Access);
        }
        for code in [14, 15, 16, 17, 18, 19, 26, 27, 28, 30, 67] {
            check(code, Failure::Misconfigured);
        }
        for code in [33, 34] {
            check(code, Failure::Spent);
        }
        for code in [
            12, 20, 21, 22, 23, 24, 25, 31, 32, 40, 41, 51, 59, 10_001, 20_000,
        ] {
            check(code, Failure::Rejected);
        }
        check(10_000, Failure::Targets);
        for code in [1, 10, 56, 9_999, 20_001] {
            check(code, Failure::Unknown);
        }
    }

    #[test]
    fn what_is_no_code_is_not_taken_for_an_answer() {
        let check = |status, body: &str| {
            let read = read_of(&["CN_aaaa"], status, body);
            assert!(
                matches!(&read, Read::All(Failure::Unknown(said)) if said.code == i64::from(status)),
                "{body} {read:?}"
            );
        };
        for body in ["", "<html>", "{}", r#"{"code":null}"#, "[]", "0"] {
            check(200, body);
        }
        check(404, r#"{"code":0,"data":[]}"#);
        assert_eq!(
            read_of(&["CN_aaaa"], 401, r#"{"code":11}"#),
            Read::All(Failure::Access(Said::new(11, "auth_token not valid")))
        );
    }

    #[test]
    fn trouble_is_over_when_it_says() {
        let given = Given::new(&["CN_aaaa"]);
        let mut reply = reply(503, r#"{"code":0}"#);
        reply.headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(
            read(&given.post(), &given.targets(), &reply),
            Read::All(Failure::Busy {
                said: Said::new(503, "overloaded or failed"),
                after: Some(Duration::from_secs(7)),
            })
        );
    }

    /// A taken call with an item for each code; 0 is a message that was sent.
    fn items(codes: &[i64]) -> (Vec<String>, String) {
        let tokens: Vec<_> = (0..codes.len()).map(|at| format!("CN_{at}")).collect();
        let items: Vec<_> = tokens
            .iter()
            .zip(codes)
            .map(|(token, code)| match code {
                0 => format!(r#"{{"registrationId":"{token}","messageId":"m-{token}"}}"#),
                _ => format!(
                    r#"{{"registrationId":"{token}","errorCode":"{code}","errorMessage":"no {token}"}}"#
                ),
            })
            .collect();
        let body = format!(r#"{{"code":0,"data":[{}]}}"#, items.join(","));
        (tokens, body)
    }

    fn read_items(codes: &[i64]) -> Read {
        let (tokens, body) = items(codes);
        let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
        read_of(&tokens, 200, &body)
    }

    #[test]
    fn codes_of_some_messages_are_theirs_alone() {
        let check = |code: i64, expected: fn(&Verdict) -> bool| {
            let Read::Each { verdicts, .. } = read_items(&[0, code]) else {
                panic!("{code}: not each");
            };
            assert_eq!(verdicts[0], Verdict::Sent, "{code}");
            assert!(expected(&verdicts[1]), "{code}: {:?}", verdicts[1]);
        };
        check(10_000, |verdict| matches!(verdict, Verdict::Gone(_)));
        for code in [-1, -2, 13, 55, 11, 29, 33, 34] {
            check(code, |verdict| matches!(verdict, Verdict::Later { .. }));
        }
        for code in [14, 19, 26, 28, 67, 12, 41, 10_001, 777] {
            check(code, |verdict| matches!(verdict, Verdict::Rejected(_)));
        }
    }

    #[test]
    fn a_code_of_all_messages_is_of_the_call_unless_it_is_about_them() {
        let check = |code: i64, expected: fn(&Read) -> bool| {
            let read = read_items(&[code, code]);
            assert!(expected(&read), "{code}: {read:?}");
        };
        check(33, |read| matches!(read, Read::All(Failure::Spent(_))));
        check(11, |read| matches!(read, Read::All(Failure::Access(_))));
        check(-2, |read| matches!(read, Read::All(Failure::Busy { .. })));
        check(28, |read| {
            matches!(read, Read::All(Failure::Misconfigured(_)))
        });
        for code in [10_000, 10_001, 41, 777] {
            check(code, |read| matches!(read, Read::Each { .. }));
        }
    }

    #[test]
    fn what_is_said_names_no_token() {
        let Read::Each { verdicts, .. } = read_items(&[0, 777]) else {
            panic!("not each");
        };
        assert_eq!(verdicts[1], Verdict::Rejected(Said::new(777, "no *")));
        assert_eq!(
            read_of(&["CN_a"], 200, r#"{"code":41,"message":"CN_a, at-0001"}"#),
            Read::All(Failure::Rejected(Said::new(41, "*, *")))
        );
    }

    #[test]
    fn a_message_that_it_says_nothing_of_is_asked_for_again() {
        let body = r#"{"code":0,"data":[{"registrationId":"CN_a","messageId":"m1"},{"registrationId":"CN_b"},7]}"#;
        let Read::Each { verdicts, .. } = read_of(&["CN_a", "CN_b", "CN_c"], 200, body) else {
            panic!("not each");
        };
        assert_eq!(verdicts[0], Verdict::Sent);
        for verdict in &verdicts[1..] {
            assert!(matches!(verdict, Verdict::Later { .. }), "{verdict:?}");
        }
        for body in [
            r#"{"code":0}"#,
            r#"{"code":0,"data":{"messageId":"m1"}}"#,
            r#"{"code":0,"data":[{"registrationId":"CN_x","messageId":"m1"}]}"#,
        ] {
            let read = read_of(&["CN_a"], 200, body);
            assert!(
                matches!(read, Read::All(Failure::Unknown(_))),
                "{body}: {read:?}"
            );
        }
    }

    #[test]
    fn a_token_of_two_devices_has_two_results_or_one_for_both() {
        let sent = r#"{"registrationId":"CN_a","messageId":"m1"}"#;
        let refused = r#"{"registrationId":"CN_a","errorCode":10001}"#;
        let verdicts = |items: &str| {
            let body = format!(r#"{{"code":0,"data":[{items}]}}"#);
            match read_of(&["CN_a", "CN_a"], 200, &body) {
                Read::Each { verdicts, .. } => verdicts,
                other => panic!("{other:?}"),
            }
        };
        let two = verdicts(&format!("{sent},{refused}"));
        assert_eq!(two[0], Verdict::Sent);
        assert!(matches!(two[1], Verdict::Rejected(_)));
        assert_eq!(verdicts(sent), [Verdict::Sent, Verdict::Sent]);
    }
}
