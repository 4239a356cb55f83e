//! Meizu Push: signed forms, up to 100 pushIds in a call; HTTP 200 and a code for whatever it thinks of.
//!
//! Top-level codes and those of single pushIds overlap but do not mean the same: a call for one token gets the former,
//! one for several the latter, so that a client meets both. Codes are from the contract's rows; which of a row's it is
//! was chosen here.

mod form;
mod receipts;
#[cfg(test)]
mod tests;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::memory::Memory;
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken};
use form::{Message, Refusal};

/// The app that the counter serves.
#[derive(Debug, Clone, Default)]
pub struct MeizuApp {
    /// Its AppId.
    pub app_id: String,
    /// Its AppSecret.
    pub app_secret: String,
    /// The receipt token that its console shows.
    pub receipt_token: String,
    /// The addresses for receipts that its console knows; any is taken when there are none.
    pub callbacks: Vec<String>,
}

/// Meizu's service for one app.
#[derive(Debug)]
pub struct MeizuCounter {
    app: MeizuApp,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    messages: u64,
}

/// A refusal of a token: its code of a call for it alone, and among others.
struct OfToken {
    alone: &'static str,
    among: &'static str,
}

impl MeizuCounter {
    /// For this app.
    #[must_use]
    pub fn new(app: MeizuApp) -> Self {
        let state = Mutex::default();
        Self { app, state }
    }

    /// What becomes of the tokens of a message that is well formed.
    fn send(&self, message: &Message) -> (Answered, Vec<Taken>) {
        let mut state = self.state.lock();
        let mut value: Map<String, Value> = Map::new();
        let mut good = Vec::new();
        for token in &message.tokens {
            match state.refusal(token) {
                None => good.push(token),
                Some(refusal) if message.tokens.len() == 1 => {
                    let refusal = Refusal::new(refusal.alone, "pushId refused");
                    return (refused(&refusal), Vec::new());
                }
                Some(refusal) => {
                    let ids = value.entry(refusal.among).or_insert_with(|| json!([]));
                    if let Value::Array(ids) = ids {
                        ids.push(json!(token));
                    }
                }
            }
        }
        state.messages += 1;
        let id = format!("NS{:014}_0_1", state.messages);
        let taken = good.into_iter().map(|token| message.taken(token, &id));
        let answered = answered("200", "", Value::Object(value), &id);
        (answered, taken.collect())
    }
}

impl State {
    fn refusal(&mut self, token: &str) -> Option<OfToken> {
        let (alone, among) = match self.memory.fate(token) {
            // Meizu's receipts cannot tell of a token that is gone: nothing is ever heard of it.
            Fate::Ordinary | Fate::Lost | Fate::Mute => return None,
            Fate::Gone => ("110002", "110002"),
            Fate::Bad => ("110003", "110003"),
            // Haste is of a whole call; of one token among others it is overload.
            Fate::Rate => ("110010", "519"),
            Fate::Quota => ("110019", "110011"),
            Fate::Fail => ("500", "513"),
        };
        Some(OfToken { alone, among })
    }
}

fn answered(code: &str, message: &str, value: Value, id: &str) -> Answered {
    let body = json!({
        "code": code,
        "message": message,
        "value": value,
        "msgId": id,
        "redirect": "",
    });
    Answered::json(200, &body)
}

fn refused(refusal: &Refusal) -> Answered {
    answered(refusal.code, &refusal.reason, json!({}), "")
}

impl Counter for MeizuCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        const PREFIX: &str = "/garcia/api/server/push";
        let path = received.path.strip_prefix(PREFIX).unwrap_or_default();
        let refusal = match (path, received.method.as_str()) {
            ("/varnished/pushByPushId", "POST") => match Message::read(&self.app, received) {
                Ok(message) => return self.send(&message),
                Err(refusal) => refusal,
            },
            ("/unvarnished/pushByPushId", "POST") => {
                Refusal::new("110053", "pass-through is not available")
            }
            ("/varnished/pushByPushId", _) => {
                return (Answered::json(405, &json!({})), Vec::new());
            }
            _ => return (Answered::json(404, &json!({})), Vec::new()),
        };
        (refused(&refusal), Vec::new())
    }

    fn receipts(&self, happened: &[(Taken, Happened)], _now_ms: i64) -> Vec<ReceiptCall> {
        receipts::calls(&self.app.receipt_token, happened)
    }

    /// There is none: every request is signed by itself.
    fn expire(&self) {}
}
