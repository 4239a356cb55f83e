//! OPPO's push service: `auth`, `unicast`, `unicast_batch`, and `save_message_content` with `broadcast`.
//!
//! Every call is a form with JSON in it, every answer is HTTP 200 with a code. Audiences that need a register of phones (tags,
//! everybody) are refused as a missing right.

mod notice;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet, VecDeque};

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::memory::{Memory, Worth};
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken, hex};
use notice::{Notice, Refusal, whole_number};

/// How long an access lives.
const ACCESS_LIFE_MS: i64 = 24 * 3600 * 1000;
/// How far a timestamp may be off.
const TIMESTAMP_OFF_MS_MAX: u64 = 10 * 60 * 1000;
/// The most messages of a batch, and ids of a broadcast.
const TARGETS_MAX: usize = 1000;
/// The most saved contents that are remembered: broadcasts follow at once.
const CONTENTS_MAX: usize = 10_000;
/// What each path starts with.
const PATH: &str = "/server/v1";

/// OPPO's push service, for one app.
#[derive(Debug)]
pub struct OppoCounter {
    app_key: String,
    master_secret: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    /// Contents that broadcasts name, oldest first.
    contents: VecDeque<(String, Notice)>,
}

/// The fields of a form.
type Form = BTreeMap<String, String>;
/// The `data` of an answer and what was taken, or why the call is refused.
type Outcome = Result<(Value, Vec<Taken>), Refusal>;

impl OppoCounter {
    /// Accepts one app's key and secret.
    #[must_use]
    pub fn new(app_key: impl Into<String>, master_secret: impl Into<String>) -> Self {
        let (app_key, master_secret) = (app_key.into(), master_secret.into());
        Self {
            app_key,
            master_secret,
            state: Mutex::default(),
        }
    }

    /// `None` is a path that is not there.
    fn outcome(&self, received: &Received) -> Option<Outcome> {
        let call = received.path.strip_prefix(PATH)?;
        let send = match call {
            "/auth" => None,
            "/message/notification/unicast" => Some(unicast as fn(&mut State, &Form) -> Outcome),
            "/message/notification/unicast_batch" => Some(unicast_batch as _),
            "/message/notification/save_message_content" => Some(save as _),
            "/message/notification/broadcast" => Some(broadcast as _),
            _ => return None,
        };
        if received.method != "POST" {
            return Some(Err(Refusal(12)));
        }
        let form = match form(received) {
            Ok(form) => form,
            Err(refusal) => return Some(Err(refusal)),
        };
        let mut state = self.state.lock();
        Some(match send {
            None => self.auth(&mut state, &form, received.now_ms),
            Some(send) => {
                check_access(&state.memory, &form, received).and_then(|()| send(&mut state, &form))
            }
        })
    }

    fn auth(&self, state: &mut State, form: &Form, now_ms: i64) -> Outcome {
        let app_key = required(form, "app_key", 15)?;
        let sign = required(form, "sign", 17)?;
        let timestamp = required(form, "timestamp", 18)?;
        if app_key != self.app_key {
            return Err(Refusal(14));
        }
        let time_ms: Option<i64> = timestamp.parse().ok();
        let is_near = time_ms.is_some_and(|ms| now_ms.abs_diff(ms) <= TIMESTAMP_OFF_MS_MAX);
        if timestamp.len() != 13 || !is_near {
            return Err(Refusal(19));
        }
        if sign != signature(&[app_key, timestamp, &self.master_secret]) {
            return Err(Refusal(16));
        }
        let access = state.memory.give_access("ot-", now_ms, ACCESS_LIFE_MS);
        let data = json!({"auth_token": access, "create_time": now_ms});
        Ok((data, Vec::new()))
    }
}

/// Lower-case hexadecimal SHA-256 of all, one after another.
fn signature(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

/// A body of another type has no fields, as for any server that reads forms.
fn form(received: &Received) -> Result<Form, Refusal> {
    let Some(form) = received.form() else {
        return Ok(Form::new());
    };
    let content_type = received.header("content-type").to_ascii_lowercase();
    let (_, parameters) = content_type.split_once(';').unwrap_or_default();
    let charset = parameters.trim().strip_prefix("charset=");
    if charset.is_some_and(|charset| charset != "utf-8") || !received.body.is_ascii() {
        return Err(Refusal(25));
    }
    Ok(form)
}

/// A field that is there and says something; else the code that says it is missing.
fn required<'a>(form: &'a Form, name: &str, missing: i64) -> Result<&'a str, Refusal> {
    let value = form.get(name).filter(|value| !value.is_empty());
    value.map(String::as_str).ok_or(Refusal(missing))
}

/// As a field, or as a header, which some clients use.
fn check_access(memory: &Memory, form: &Form, received: &Received) -> Result<(), Refusal> {
    let header = received.header("auth_token");
    let access = required(form, "auth_token", 29);
    let access = access.or(if header.is_empty() {
        Err(Refusal(29))
    } else {
        Ok(header)
    })?;
    if memory.worth(access, received.now_ms) == Worth::Good {
        Ok(())
    } else {
        Err(Refusal(11))
    }
}

fn unicast(state: &mut State, form: &Form) -> Outcome {
    let message = required(form, "message", 40)?;
    let message: Value = serde_json::from_str(message).map_err(|_| Refusal(41))?;
    let (token, notice) = target(&message)?;
    let taken = take(state, token, &notice)?;
    Ok((json!({"messageId": taken.request_id}), vec![taken]))
}

/// Each message is judged alone: it has its own target and its own text.
fn unicast_batch(state: &mut State, form: &Form) -> Outcome {
    let messages = required(form, "messages", 40)?;
    let messages: Vec<Value> = serde_json::from_str(messages).map_err(|_| Refusal(41))?;
    if messages.is_empty() || messages.len() > TARGETS_MAX {
        return Err(Refusal(if messages.is_empty() { 40 } else { 41 }));
    }
    let (mut results, mut taken) = (Vec::new(), Vec::new());
    let mut ids = HashSet::new();
    for message in &messages {
        let outcome = target(message).and_then(|(token, notice)| {
            // The sender's id removes duplicates: of two in one batch, one is pushed.
            let id = &notice.app_message_id;
            if !id.is_empty() && !ids.insert(id.clone()) {
                return Err(Refusal(32));
            }
            take(state, token, &notice)
        });
        let token = message.get("target_value");
        results.push(match &outcome {
            Ok(taken) => json!({"messageId": taken.request_id, "registrationId": token}),
            Err(refusal) => json!({
                "registrationId": token,
                "errorCode": refusal.0,
                "errorMessage": refusal.text(),
            }),
        });
        taken.extend(outcome);
    }
    Ok((Value::Array(results), taken))
}

fn save(state: &mut State, form: &Form) -> Outcome {
    let fields = form.iter();
    let fields: Map<String, Value> = fields
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    let notice = Notice::read(&fields)?;
    let id = format!("m{}", state.memory.number());
    if state.contents.len() >= CONTENTS_MAX {
        state.contents.pop_front();
    }
    state.contents.push_back((id.clone(), notice));
    Ok((json!({"message_id": id}), Vec::new()))
}

/// To ids alone. Bad ones are listed under their code.
fn broadcast(state: &mut State, form: &Form) -> Outcome {
    let id = required(form, "message_id", 40)?;
    match required(form, "target_type", 40)? {
        "2" | "5" => {}
        "1" | "6" => return Err(Refusal(30)),
        _ => return Err(Refusal(41)),
    }
    let tokens: Vec<&str> = required(form, "target_value", 40)?.split(';').collect();
    if tokens.len() > TARGETS_MAX || tokens.contains(&"") {
        return Err(Refusal(41));
    }
    let content = state.contents.iter().find(|(known, _)| known == id);
    let notice = content.map(|(_, notice)| notice.clone());
    let notice = notice.ok_or(Refusal(31))?;
    let (mut taken, mut bad) = (Vec::new(), BTreeMap::<String, Vec<&str>>::new());
    for token in tokens {
        match refusal(state.memory.fate(token)) {
            None => taken.push(notice.taken(token, id)),
            Some(Refusal(code)) => bad.entry(code.to_string()).or_default().push(token),
        }
    }
    let task = format!("t{}", state.memory.number());
    let mut data = json!({"message_id": id, "task_id": task, "status": "call_success"});
    for (code, tokens) in bad {
        data[code.as_str()] = json!(tokens);
    }
    Ok((data, taken))
}

/// The target of a message and what it shows.
fn target(message: &Value) -> Result<(&str, Notice), Refusal> {
    let target_type = message.get("target_type").ok_or(Refusal(40))?;
    if !matches!(whole_number(target_type), Some(2 | 5)) {
        return Err(Refusal(41));
    }
    let token = message.get("target_value").and_then(Value::as_str);
    let token = token.filter(|token| !token.is_empty()).ok_or(Refusal(40))?;
    let notification = message.get("notification").and_then(Value::as_object);
    let notice = Notice::read(notification.ok_or(Refusal(40))?)?;
    Ok((token, notice))
}

fn take(state: &mut State, token: &str, notice: &Notice) -> Result<Taken, Refusal> {
    if let Some(refusal) = refusal(state.memory.fate(token)) {
        return Err(refusal);
    }
    let number = state.memory.number();
    Ok(notice.taken(token, &format!("3001-1-{number}-{number:06x}")))
}

/// Why a token of this fate is not taken. OPPO has one code for ids that were never one and for those that are no more.
const fn refusal(fate: Fate) -> Option<Refusal> {
    match fate {
        Fate::Gone | Fate::Bad => Some(Refusal(10000)),
        Fate::Rate => Some(Refusal(13)),
        Fate::Quota => Some(Refusal(33)),
        Fate::Fail => Some(Refusal(-1)),
        Fate::Ordinary | Fate::Lost | Fate::Mute => None,
    }
}

/// What a receipt calls it. There is none for clicks.
fn event_type(token: &str, happened: Happened) -> Option<&'static str> {
    match (Fate::of(token), happened) {
        (Fate::Mute, _) | (_, Happened::Clicked) => None,
        (Fate::Lost, _) | (_, Happened::Gone) => Some("regid_invalid"),
        (_, Happened::Delivered) => Some("push_arrive"),
    }
}

impl Counter for OppoCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let (body, taken) = match self.outcome(received) {
            Some(Ok((data, taken))) => {
                let body = json!({"code": 0, "message": "Success", "data": data});
                (body, taken)
            }
            Some(Err(refusal)) => {
                let body = json!({"code": refusal.0, "message": refusal.text(), "data": {}});
                (body, Vec::new())
            }
            None => {
                return (Answered::empty(404), Vec::new());
            }
        };
        (Answered::json(200, &body), taken)
    }

    /// One call for each address, in it one entry for each message and kind.
    fn receipts(&self, happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall> {
        let mut calls = BTreeMap::<&str, BTreeMap<(&str, &str, &str), Vec<&str>>>::new();
        for (taken, happened) in happened {
            let Some(event) = event_type(&taken.token, *happened) else {
                continue;
            };
            // The address comes with each push: without one, nothing is reported.
            if !taken.receipts_url.is_empty() {
                let entries = calls.entry(&taken.receipts_url).or_default();
                let entry = entries.entry((&taken.request_id, &taken.mark, event));
                entry.or_default().push(&taken.token);
            }
        }
        let call = |(url, entries): (&str, BTreeMap<_, Vec<&str>>)| {
            let entry = |((id, mark, event), tokens): ((&str, &str, &str), Vec<&str>)| {
                json!({
                    "messageId": id,
                    "appId": self.app_key,
                    "taskId": "",
                    "registrationIds": tokens.join(","),
                    "eventTime": now_ms.to_string(),
                    "param": mark,
                    "eventType": event,
                })
            };
            let body: Value = entries.into_iter().map(entry).collect();
            ReceiptCall {
                url: url.to_owned(),
                headers: vec![("content-type", "application/json".to_owned())],
                body: body.to_string().into_bytes(),
            }
        };
        calls.into_iter().map(call).collect()
    }

    fn expire(&self) {
        self.state.lock().memory.expire();
    }
}
