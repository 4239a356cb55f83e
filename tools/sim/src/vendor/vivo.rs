//! vivo's push service: `auth`, `send`, and `saveListPayload` with `pushToList`.
//!
//! JSON both ways; but for a failing server, refusals are HTTP 200 with a result. Where vivo's public pages give no number for a
//! broken rule, the nearest of those they do give is used: 10085 for texts, 10104 for other parameters. The hours in which
//! operation messages are taken (10071) are not played, so that a run does not depend on the time of day.

mod notice;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use md5::{Digest, Md5};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::memory::{Memory, Worth};
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken, hex};
use notice::{Notice, OTHER_RULE, Refusal, as_text};

/// How long an access lives.
const ACCESS_LIFE_MS: i64 = 24 * 3600 * 1000;
/// How far a timestamp may be off.
const TIMESTAMP_OFF_MS_MAX: u64 = 10 * 60 * 1000;
/// The most accesses that are asked for in one second.
const AUTHS_PER_S_MAX: usize = 10;
/// The fewest targets of a list.
const TARGETS_MIN: usize = 2;
/// The most targets of a list.
const TARGETS_MAX: usize = 1000;
/// The most saved payloads that are remembered: lists follow at once.
const PAYLOADS_MAX: usize = 10_000;
/// What is said with each success.
const SUCCESS: &str = "请求成功";

/// vivo's push service, for one app.
#[derive(Debug)]
pub struct VivoCounter {
    app_id: String,
    app_key: String,
    app_secret: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    /// When accesses were asked for in the last second.
    auths_ms: VecDeque<i64>,
    /// Payloads that lists name, oldest first.
    payloads: VecDeque<(String, Notice)>,
}

/// The body of a request.
type Body = Map<String, Value>;
/// The answer's body and what was taken, or why the call is refused.
type Outcome = Result<(Value, Vec<Taken>), Refusal>;

impl VivoCounter {
    /// Accepts one app's id, key and secret.
    #[must_use]
    pub fn new(
        app_id: impl Into<String>,
        app_key: impl Into<String>,
        app_secret: impl Into<String>,
    ) -> Self {
        Self {
            app_id: app_id.into(),
            app_key: app_key.into(),
            app_secret: app_secret.into(),
            state: Mutex::default(),
        }
    }

    fn outcome(&self, received: &Received) -> Outcome {
        let call = match received.path.as_str() {
            "/message/auth" => None,
            "/message/send" => Some(send as fn(&mut State, &Body) -> Outcome),
            "/message/saveListPayload" => Some(save as _),
            "/message/pushToList" => Some(push_to_list as _),
            _ => return Err(Refusal::Http(404)),
        };
        if received.method != "POST" {
            return Err(Refusal::Http(405));
        }
        if !received.is_of_type("application/json") {
            return Err(Refusal::Http(415));
        }
        let body: Body = serde_json::from_slice(&received.body).map_err(|_| Refusal::Http(400))?;
        let mut state = self.state.lock();
        let Some(call) = call else {
            return self.auth(&mut state, &body, received.now_ms);
        };
        let access = received.header("authtoken");
        if state.memory.worth(access, received.now_ms) != Worth::Good {
            return Err(Refusal::result(10000, "权限认证失败"));
        }
        if as_text(body.get("appId")) != self.app_id {
            return Err(Refusal::result(10045, "appId不合法"));
        }
        call(&mut state, &body)
    }

    /// Numbers of the parameters below 10206 are in the order in which they are checked: vivo's pages give the range alone.
    fn auth(&self, state: &mut State, body: &Body, now_ms: i64) -> Outcome {
        let parameter = |name: &str| as_text(body.get(name)).trim().to_owned();
        let parts = ["appId", "appKey", "timestamp"].map(parameter);
        let [app_id, app_key, timestamp] = &parts;
        let sign = parameter("sign");
        let time_ms: Option<i64> = timestamp.parse().ok();
        let is_near = time_ms.is_some_and(|ms| now_ms.abs_diff(ms) <= TIMESTAMP_OFF_MS_MAX);
        for (is_wrong, result, desc) in [
            (app_id.is_empty(), 10200, "appId不能为空"),
            (app_key.is_empty(), 10201, "appKey不能为空"),
            (timestamp.is_empty(), 10202, "timestamp不能为空"),
            (sign.is_empty(), 10203, "sign不能为空"),
            (*app_id != self.app_id, 10204, "appId不合法"),
            (*app_key != self.app_key, 10205, "appKey不合法"),
            (sign != self.signature(&parts), 10206, "sign不合法"),
            (!is_near, 10207, "timestamp不合法"),
        ] {
            if is_wrong {
                return Err(Refusal::result(result, desc));
            }
        }
        let auths_ms = &mut state.auths_ms;
        auths_ms.retain(|ms| now_ms.abs_diff(*ms) < 1000);
        if auths_ms.len() >= AUTHS_PER_S_MAX {
            return Err(Refusal::result(10250, "鉴权请求过快"));
        }
        auths_ms.push_back(now_ms);
        let access = state.memory.give_access("vt-", now_ms, ACCESS_LIFE_MS);
        let body = json!({"result": 0, "desc": SUCCESS, "authToken": access});
        Ok((body, Vec::new()))
    }

    /// Lower-case hexadecimal MD5 of id, key, time and secret, one after another.
    fn signature(&self, parts: &[String; 3]) -> String {
        let mut hasher = Md5::new();
        for part in parts {
            hasher.update(part);
        }
        hasher.update(self.app_secret.trim());
        hex(&hasher.finalize())
    }
}

/// To one `regId` or one `alias`.
fn send(state: &mut State, body: &Body) -> Outcome {
    let targets = ["regId", "alias"].map(|name| as_text(body.get(name)));
    let token = match &targets {
        [token, none] | [none, token] if none.is_empty() && !token.is_empty() => token,
        _ => return Err(Refusal::result(10054, "regId和alias必须有一个")),
    };
    let notice = Notice::read(body)?;
    let invalid = |status: u8| Refusal::Result {
        result: 10302,
        desc: "regId不合法",
        invalid_user: Some((token.clone(), status)),
    };
    match state.memory.fate(token) {
        _ if notice.is_test => return Err(invalid(4)),
        Fate::Bad => return Err(invalid(1)),
        Fate::Gone => return Err(invalid(2)),
        Fate::Rate => return Err(Refusal::result(10072, "发送速度过快")),
        Fate::Quota if notice.is_system => {
            return Err(Refusal::result(10073, "系统消息超出每日限额"));
        }
        Fate::Quota => return Err(Refusal::result(10070, "运营消息超出每日限额")),
        Fate::Fail => return Err(Refusal::Http(500)),
        Fate::Ordinary | Fate::Lost | Fate::Mute => {}
    }
    let task = task_id(state);
    let taken = notice.taken(token, &task, &notice.request_id, true);
    let body = json!({"result": 0, "desc": SUCCESS, "taskId": task});
    Ok((body, vec![taken]))
}

fn save(state: &mut State, body: &Body) -> Outcome {
    let notice = Notice::read(body)?;
    let task = task_id(state);
    if state.payloads.len() >= PAYLOADS_MAX {
        state.payloads.pop_front();
    }
    state.payloads.push_back((task.clone(), notice));
    let body = json!({"result": 0, "desc": SUCCESS, "taskId": task});
    Ok((body, Vec::new()))
}

/// To the targets of a saved payload. Only invalid ones are told from the others: any other trouble is the whole list's.
fn push_to_list(state: &mut State, body: &Body) -> Outcome {
    let tokens = list_targets(body)?;
    let (task, request_id) = (as_text(body.get("taskId")), notice::request_id(body)?);
    let is_test = notice::is_test(body)?;
    let payload = state.payloads.iter().find(|(known, _)| *known == task);
    let Some(notice) = payload.map(|(_, notice)| notice.clone()) else {
        return Err(Refusal::result(OTHER_RULE, "taskId不存在"));
    };
    let fates: Vec<Fate> = tokens
        .iter()
        .map(|token| state.memory.fate(token))
        .collect();
    if fates.contains(&Fate::Fail) {
        return Err(Refusal::Http(500));
    }
    if fates.contains(&Fate::Rate) {
        return Err(Refusal::result(10072, "发送速度过快"));
    }
    if fates.contains(&Fate::Quota) {
        return Err(Refusal::result(10252, "批量推送超出每日限额"));
    }
    let (mut invalid_users, mut taken) = (Vec::new(), Vec::new());
    for (token, fate) in tokens.iter().zip(fates) {
        let status = match fate {
            _ if is_test => Some(4),
            Fate::Bad => Some(1),
            Fate::Gone => Some(2),
            _ => None,
        };
        match status {
            Some(status) => invalid_users.push(json!({"status": status, "userid": token})),
            None => taken.push(notice.taken(token, &task, &request_id, false)),
        }
    }
    let mut body = json!({"result": 0, "desc": SUCCESS, "requestId": request_id});
    if !invalid_users.is_empty() {
        body["invalidUsers"] = Value::Array(invalid_users);
    }
    Ok((body, taken))
}

/// Of `regIds` or `aliases`, one of which is there.
fn list_targets(body: &Body) -> Result<Vec<String>, Refusal> {
    let wrong = Refusal::result(OTHER_RULE, "regIds长度必须在2到1000之间");
    let targets = match (body.get("regIds"), body.get("aliases")) {
        (Some(Value::Array(targets)), None) | (None, Some(Value::Array(targets))) => targets,
        _ => return Err(wrong),
    };
    let tokens = targets.iter().filter_map(Value::as_str);
    let tokens: Vec<String> = tokens
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
        .collect();
    let is_right = (TARGETS_MIN..=TARGETS_MAX).contains(&tokens.len());
    if is_right && tokens.len() == targets.len() {
        Ok(tokens)
    } else {
        Err(wrong)
    }
}

fn task_id(state: &mut State) -> String {
    (900_000 + state.memory.number()).to_string()
}

impl Counter for VivoCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        match self.outcome(received) {
            Ok((body, taken)) => (Answered::json(200, &body), taken),
            Err(refusal) => (refusal.answer(), Vec::new()),
        }
    }

    /// One call for each address, in it one entry for each task. Arrivals are all that is reported.
    fn receipts(&self, happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall> {
        let mut calls = BTreeMap::<&str, BTreeMap<(&str, &str), Vec<&str>>>::new();
        for (taken, happened) in happened {
            let is_told = !matches!(Fate::of(&taken.token), Fate::Lost | Fate::Mute);
            // Asked for by an address, or by the id of one that the console knows.
            let is_asked = !taken.receipts_url.is_empty() || !taken.receipt_kinds.is_empty();
            if *happened == Happened::Delivered && is_told && is_asked {
                let entries = calls.entry(&taken.receipts_url).or_default();
                let entry = entries.entry((&taken.request_id, &taken.mark));
                entry.or_default().push(&taken.token);
            }
        }
        let call = |(url, entries): (&str, BTreeMap<(&str, &str), Vec<&str>>)| {
            let entry = |((task, mark), tokens): ((&str, &str), Vec<&str>)| {
                let entry = json!({
                    "param": mark,
                    "targets": tokens.join(","),
                    "ackTime": now_ms,
                    "ackType": "0",
                });
                (task.to_owned(), entry)
            };
            let body: Map<String, Value> = entries.into_iter().map(entry).collect();
            ReceiptCall {
                url: url.to_owned(),
                headers: vec![("content-type", "application/json".to_owned())],
                body: Value::Object(body).to_string().into_bytes(),
            }
        };
        calls.into_iter().map(call).collect()
    }

    fn expire(&self) {
        self.state.lock().memory.expire();
    }
}
