//! Mi Push: a static secret, forms, up to 1,000 regids in a call; HTTP 200 and a code for whatever it thinks of.
//!
//! Stricter where the contract leaves a choice: texts are shorter than their limits in UTF-16 units, and the echo has 64
//! bytes, the older of two limits. Codes are from the contract's rows; which of a row's it is was chosen here.

mod form;
mod receipts;
#[cfg(test)]
mod tests;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::memory::Memory;
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken};
use form::{Message, Refusal};

/// The app that the counter serves.
#[derive(Debug, Clone, Default)]
pub struct XiaomiApp {
    /// Its AppSecret.
    pub app_secret: String,
    /// Its package.
    pub package: String,
    /// The channels that its console knows; any is taken when there are none.
    pub channels: Vec<String>,
}

/// Xiaomi's service for one app.
#[derive(Debug)]
pub struct XiaomiCounter {
    app: XiaomiApp,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    messages: u64,
    sent: u64,
}

impl XiaomiCounter {
    /// For this app.
    #[must_use]
    pub fn new(app: XiaomiApp) -> Self {
        let state = Mutex::default();
        Self { app, state }
    }

    /// What becomes of the tokens of a message that is well formed.
    fn send(&self, message: &Message) -> (Answered, Vec<Taken>) {
        let mut state = self.state.lock();
        if let Some(answered) = state.refusal(&message.tokens) {
            return (answered, Vec::new());
        }
        let is_bad = |token: &&String| matches!(Fate::of(token), Fate::Gone | Fate::Bad);
        let (bad, good): (Vec<_>, Vec<_>) = message.tokens.iter().partition(is_bad);
        state.messages += 1;
        let trace_id = format!("Xcm{:08}", state.messages);
        if good.is_empty() {
            let refusal = Refusal::new(20_301, "No valid targets!");
            return (refused(&refusal, &trace_id), Vec::new());
        }
        state.sent += good.len() as u64;
        let id = format!("scm{:08}_sim", state.messages);
        let mut data = json!({
            "id": id,
            "day_quota": "100000",
            "day_acked": state.sent.to_string(),
        });
        if !bad.is_empty() {
            let bad: Vec<_> = bad.into_iter().map(String::as_str).collect();
            data["bad_regids"] = Value::from(bad.join(","));
        }
        let body = json!({
            "result": "ok",
            "trace_id": trace_id,
            "code": 0,
            "description": "成功",
            "info": format!("Received push messages for {} REGID", message.tokens.len()),
            "data": data,
        });
        let taken = good.into_iter().map(|token| message.taken(token, &id));
        (Answered::json(200, &body), taken.collect())
    }
}

impl State {
    /// Why the whole call is refused: Xiaomi knows no haste, quota or failure of one token, so a token that asks for it
    /// gets it for all.
    fn refusal(&mut self, tokens: &[String]) -> Option<Answered> {
        if self.memory.strikes(tokens, Fate::Fail) {
            return Some(Answered {
                status: 500,
                headers: vec![("content-type", "text/plain".to_owned())],
                body: b"Internal Server Error".to_vec(),
            });
        }
        let refusal = if self.memory.strikes(tokens, Fate::Rate) {
            Refusal::new(10_027, "Too frequent")
        } else if tokens.iter().any(|token| Fate::of(token) == Fate::Quota) {
            Refusal::new(200_001, "Over quota: quota 100000, used 100000")
        } else {
            return None;
        };
        self.messages += 1;
        Some(refused(&refusal, &format!("Xcm{:08}", self.messages)))
    }
}

fn refused(refusal: &Refusal, trace_id: &str) -> Answered {
    let body = json!({
        "result": "error",
        "code": refusal.code,
        "reason": refusal.reason,
        "trace_id": trace_id,
        "description": "发送消息失败",
    });
    Answered::json(200, &body)
}

impl Counter for XiaomiCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let is_known = matches!(
            received.path.as_str(),
            "/v2/message/regid" | "/v3/message/regid"
        );
        if !is_known || received.method != "POST" {
            let status = if is_known { 405 } else { 404 };
            return (Answered::json(status, &json!({})), Vec::new());
        }
        match Message::read(&self.app, received) {
            Ok(message) => self.send(&message),
            Err(refusal) => (refused(&refusal, "Xcm00000000"), Vec::new()),
        }
    }

    fn receipts(&self, happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall> {
        receipts::calls(happened, now_ms)
    }

    /// There is none: the secret does not expire.
    fn expire(&self) {}
}
