//! HONOR's push service: access by OAuth, messages without a wrapper, receipts of deliveries.
//!
//! Where the public contract is silent: codes are Huawei's, which HONOR's appear to mirror, with HTTP 401 for access and
//! 200 for what is wrong in a message; a timestamp may be ten minutes off; flow control (`rate-`) is an empty 503 and a
//! failure of HONOR's own (`fail-`) a 500 for the whole request; a bad token is among `failTokens`, one of nobody among
//! `expireTokens`; a day's limit (`quota-`) and a token that is lost are told by a receipt's status that is not the known
//! one; its form of receipts has no signature.

mod message;

use parking_lot::Mutex;
use serde_json::{Value, json};

use self::message::Message;
use super::huawei::{Code, Refusal, TestMessages, check_content_type, flow_control, nowhere};
use super::memory::{Memory, Worth};
use super::oauth::{self, Asked, Client};
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken};

/// How many test messages a day has.
const TEST_MESSAGES_MAX: usize = 1000;
/// How far off a request's timestamp may be.
const OFF_MS_MAX: u64 = 600_000;
/// The most statuses of a receipt, as with Huawei.
const STATUSES_MAX: usize = 100;
const DELIVERED: i64 = 40_000_002;
/// Stands for every status that nobody has documented.
const NOT_DELIVERED: i64 = 40_000_099;

/// An app as HONOR knows it.
#[derive(Debug, Clone)]
pub struct HonorAccount {
    /// The app's id.
    pub app_id: String,
    /// Who asks for access.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// HONOR's service.
#[derive(Debug)]
pub struct HonorCounter {
    account: HonorAccount,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    memory: Memory,
    test_messages: TestMessages,
    answers: u64,
}

impl HonorCounter {
    /// A service that knows one app.
    #[must_use]
    pub fn new(account: HonorAccount) -> Self {
        let state = State {
            memory: Memory::default(),
            test_messages: TestMessages::new(TEST_MESSAGES_MAX),
            answers: 0,
        };
        Self {
            account,
            state: Mutex::new(state),
        }
    }

    fn give(&self, received: &Received) -> Answered {
        let client = Client {
            id: &self.account.client_id,
            secret: &self.account.client_secret,
        };
        let refused = |error: &str, text: &str| {
            let body = json!({"error": error, "error_description": text});
            Answered::json(400, &body)
        };
        match oauth::asked(received, client) {
            Asked::Well => {
                let access = oauth::give(&mut self.state.lock().memory, "ht-", received);
                let body = json!({
                    "access_token": access, "expires_in": oauth::LIFE_S, "token_type": "Bearer",
                });
                Answered::json(200, &body)
            }
            Asked::Badly(text) => refused("invalid_request", text),
            Asked::OtherGrant => refused("unsupported_grant_type", "client_credentials only"),
            Asked::Stranger => refused("unauthorized_client", "Invalid client secret"),
        }
    }

    fn send(&self, state: &mut State, received: &Received) -> Result<Message, Refusal> {
        check_content_type(received)?;
        let access = oauth::bearer(received).unwrap_or_default();
        match state.memory.worth(access, received.now_ms) {
            Worth::Good => {}
            Worth::Expired => return Err(Code::OAuthExpired.says("the access has expired")),
            Worth::None => return Err(Code::Auth.says("nobody was given this access")),
        }
        let timestamp = received.header("timestamp").parse::<i64>();
        let timestamp = timestamp.map_err(|_| Code::Parameter.says("timestamp is required"))?;
        if timestamp.abs_diff(received.now_ms) > OFF_MS_MAX {
            return Err(Code::Parameter.says("timestamp is another time's"));
        }
        let message = Message::read(&received.body)?;
        if message.is_test
            && !state
                .test_messages
                .take(message.tokens.len(), received.now_ms)
        {
            return Err(Code::TestTraffic.says("the day's test messages are sent"));
        }
        if state.memory.strikes(&message.tokens, Fate::Fail) {
            return Err(Code::Internal.says("system inner error"));
        }
        Ok(message)
    }

    fn answer_send(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let state = &mut *self.state.lock();
        state.answers += 1;
        let request_id = format!("hr-{}-{:06}", received.now_ms, state.answers);
        let message = match self.send(state, received) {
            Ok(message) => message,
            Err(refusal) => return (refused(&refusal, &request_id), vec![]),
        };
        if state.memory.strikes(&message.tokens, Fate::Rate) {
            return (flow_control(), vec![]);
        }
        let of = |fate| {
            let tokens = message.tokens.iter();
            let tokens = tokens.filter(move |token| Fate::of(token) == fate);
            tokens.collect::<Vec<_>>()
        };
        let (failed, expired) = (of(Fate::Bad), of(Fate::Gone));
        let refused = |token: &&String| matches!(Fate::of(token), Fate::Bad | Fate::Gone);
        let legal = message.tokens.iter().filter(|token| !refused(token));
        let legal: Vec<_> = legal.collect();
        let is_whole = failed.is_empty() && expired.is_empty();
        let (code, text) = match (legal.is_empty(), is_whole) {
            (true, _) => (Code::AllTokens.number(), "all tokens are invalid"),
            (false, true) => (200, "success"),
            (false, false) => (80_100_000, "part success"),
        };
        let mut data = json!({"sendResult": !legal.is_empty(), "requestId": request_id});
        if let (false, Some(data)) = (is_whole, data.as_object_mut()) {
            data.insert("failTokens".to_owned(), json!(failed));
            data.insert("expireTokens".to_owned(), json!(expired));
        }
        let body = json!({"code": code, "message": text, "data": data});
        let taken = legal.into_iter().map(|token| Taken {
            token: token.clone(),
            title: message.title.clone(),
            text: message.text.clone(),
            collapse: message.collapse.clone(),
            mark: message.mark.clone(),
            receipts_url: String::new(),
            receipt_kinds: String::new(),
            request_id: request_id.clone(),
        });
        (Answered::json(200, &body), taken.collect())
    }
}

fn refused(refusal: &Refusal, request_id: &str) -> Answered {
    let status = match refusal.code.status() {
        400 => 200,
        status => status,
    };
    let body = json!({
        "code": refusal.code.number(), "message": refusal.text,
        "data": {"sendResult": false, "requestId": request_id},
    });
    Answered::json(status, &body)
}

impl Counter for HonorCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let ours = format!("/api/v1/{}/sendMessage", self.account.app_id);
        match (received.method.as_str(), received.path.as_str()) {
            (
                "POST",
                // The second is the older one.
                "/auth/token" | "/auth/realms/developer/protocol/openid-connect/token",
            ) => (self.give(received), vec![]),
            ("POST", path) if path == ours => self.answer_send(received),
            _ => (nowhere(), vec![]),
        }
    }

    fn receipts(&self, happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall> {
        let statuses = happened.iter().filter_map(|(taken, happened)| {
            let status = match (happened, Fate::of(&taken.token)) {
                (Happened::Clicked, _) | (_, Fate::Mute) => return None,
                (Happened::Gone, _) | (_, Fate::Lost | Fate::Quota) => NOT_DELIVERED,
                (Happened::Delivered, _) => DELIVERED,
            };
            Some(json!({
                "biTag": taken.mark, "appid": self.account.app_id, "token": taken.token,
                "status": status, "timestamp": now_ms, "requestId": taken.request_id,
            }))
        });
        let statuses: Vec<Value> = statuses.collect();
        let calls = statuses.chunks(STATUSES_MAX).map(|statuses| ReceiptCall {
            url: String::new(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: json!({ "statuses": statuses }).to_string().into_bytes(),
        });
        calls.collect()
    }

    fn expire(&self) {
        self.state.lock().memory.expire();
    }
}

#[cfg(test)]
mod tests;
