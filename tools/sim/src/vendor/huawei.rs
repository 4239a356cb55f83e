//! Huawei's Push Kit for Android: access by OAuth or a service account's JWT, messages by its versions 1 and 2, receipts
//! in the form V1.
//!
//! Where the public contract is silent: flow control (`rate-`) is an empty 503 and a failure of Huawei's own (`fail-`) a
//! 500 with its code, for the whole request; a day's limit (`quota-`) is told by receipt, status 102, as no code says it; a
//! strange client is refused by HTTP 401; what else is wrong by 400.

mod account;
pub(super) mod message;
mod refusal;
mod test_messages;

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::json;

pub(super) use account::Jwts;
#[cfg(test)]
pub(super) use account::tests as account_tests;
pub use account::{HuaweiCallback, HuaweiServiceAccount};
pub(super) use refusal::{Code, Refusal};
pub(super) use test_messages::TestMessages;

use self::message::Message;
use super::memory::{Memory, Worth};
use super::oauth::{self, Asked, Client};
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken};

/// How many test messages a day has.
const TEST_MESSAGES_MAX: usize = 500;
/// The most statuses of a receipt.
const STATUSES_MAX: usize = 100;

/// An app as Huawei knows it.
#[derive(Debug, Clone)]
pub struct HuaweiAccount {
    /// The app's id, which is also the client's.
    pub app_id: String,
    /// Its secret.
    pub app_secret: String,
    /// Its project.
    pub project_id: String,
    /// Who signs JWTs for it, if anybody does.
    pub service_account: Option<HuaweiServiceAccount>,
    /// Whether it may send with urgency HIGH.
    pub has_high_right: bool,
    /// Addresses of receipts that a message may pick, by id.
    pub receipt_urls: BTreeMap<String, String>,
    /// What receipts are signed with; unsigned without.
    pub callback: Option<HuaweiCallback>,
}

/// Huawei's service.
#[derive(Debug)]
pub struct HuaweiCounter {
    account: HuaweiAccount,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    jwts: Jwts,
    memory: Memory,
    test_messages: TestMessages,
    answers: u64,
    receipts: u64,
}

impl HuaweiCounter {
    /// A service that knows one app.
    #[must_use]
    pub fn new(account: HuaweiAccount) -> Self {
        let state = State {
            jwts: Jwts::default(),
            memory: Memory::default(),
            test_messages: TestMessages::new(TEST_MESSAGES_MAX),
            answers: 0,
            receipts: 0,
        };
        Self {
            account,
            state: Mutex::new(state),
        }
    }

    fn give(&self, received: &Received) -> Answered {
        let client = Client {
            id: &self.account.app_id,
            secret: &self.account.app_secret,
        };
        let refused = |status, error: u32, sub_error: u32, text: &str| {
            let body = json!({"error": error, "sub_error": sub_error, "error_description": text});
            Answered::json(status, &body)
        };
        match oauth::asked(received, client) {
            Asked::Well => {
                let access = oauth::give(&mut self.state.lock().memory, "hw/", received);
                // Huawei escapes slashes.
                let access = access.replace('/', "\\/");
                let life_s = oauth::LIFE_S;
                let body = format!(
                    r#"{{"access_token":"{access}","expires_in":{life_s},"token_type":"Bearer"}}"#
                );
                Answered {
                    body: body.into_bytes(),
                    ..Answered::json(200, &json!({}))
                }
            }
            Asked::Badly(text) => refused(400, 1101, 20_001, text),
            Asked::OtherGrant => refused(400, 1101, 20_063, "unsupported grant_type"),
            Asked::Stranger => refused(401, 1101, 20_044, "client_secret does not match"),
        }
    }

    fn authorise(&self, state: &mut State, received: &Received) -> Result<(), Refusal> {
        let now_ms = received.now_ms;
        let Some(access) = oauth::bearer(received) else {
            return Err(Code::Auth.says("no bearer"));
        };
        if let Some(account) = &self.account.service_account
            && access.split('.').count() == 3
        {
            return state.jwts.check(account, access, now_ms);
        }
        match state.memory.worth(access, now_ms) {
            Worth::Good => Ok(()),
            Worth::Expired => Err(Code::OAuthExpired.says("the access has expired")),
            Worth::None => Err(Code::Auth.says("nobody was given this access")),
        }
    }

    /// The tokens that took it, and those that are illegal.
    fn send(&self, state: &mut State, received: &Received) -> Result<Sent, Refusal> {
        check_content_type(received)?;
        self.authorise(state, received)?;
        let message = Message::read(&received.body)?;
        if message.is_urgent && !self.account.has_high_right {
            return Err(Code::NoHighRight.says("no right to send with urgency HIGH"));
        }
        let url = match message.receipt_id.as_str() {
            "" => "",
            id => match self.account.receipt_urls.get(id) {
                Some(url) => url,
                None => return Err(Code::ReceiptAddress.says("receipt_id is not configured")),
            },
        };
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
        let url = url.to_owned();
        Ok(Sent { message, url })
    }

    fn answer_send(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let state = &mut *self.state.lock();
        state.answers += 1;
        let request_id = format!("{}{:06}", received.now_ms, state.answers);
        let answer = |status, code: &str, text: &str| {
            let body = json!({"code": code, "msg": text, "requestId": request_id});
            Answered::json(status, &body)
        };
        let refuse = |refusal: Refusal| {
            let code = refusal.code.number().to_string();
            (answer(refusal.code.status(), &code, &refusal.text), vec![])
        };
        let Sent { message, url } = match self.send(state, received) {
            Ok(sent) => sent,
            Err(refusal) => return refuse(refusal),
        };
        if state.memory.strikes(&message.tokens, Fate::Rate) {
            return (flow_control(), vec![]);
        }
        let is_illegal = |token: &&String| matches!(Fate::of(token), Fate::Gone | Fate::Bad);
        let (illegal, legal): (Vec<_>, Vec<_>) = message.tokens.iter().partition(is_illegal);
        if legal.is_empty() {
            return refuse(Code::AllTokens.says("All the tokens are invalid"));
        }
        let answered = if illegal.is_empty() {
            answer(200, "80000000", "Success")
        } else {
            let text = json!({"success": legal.len(), "failure": illegal.len(), "illegal_tokens": illegal});
            answer(200, "80100000", &text.to_string())
        };
        if message.is_check {
            return (answered, vec![]);
        }
        let taken = legal.into_iter().map(|token| Taken {
            token: token.clone(),
            title: message.title.clone(),
            text: message.text.clone(),
            collapse: message.collapse.clone(),
            mark: message.mark.clone(),
            receipts_url: url.clone(),
            receipt_kinds: String::new(),
            request_id: request_id.clone(),
        });
        (answered, taken.collect())
    }
}

struct Sent {
    message: Message,
    url: String,
}

impl Counter for HuaweiCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let HuaweiAccount {
            app_id, project_id, ..
        } = &self.account;
        let path = received.path.as_str();
        let send = |id: &str| path.strip_suffix("/messages:send") == Some(id);
        match received.method.as_str() {
            "POST" if ["/oauth2/v3/token", "/oauth2/v2/token"].contains(&path) => {
                (self.give(received), vec![])
            }
            "POST" if send(&format!("/v1/{app_id}")) || send(&format!("/v2/{project_id}")) => {
                self.answer_send(received)
            }
            _ => (nowhere(), vec![]),
        }
    }

    fn receipts(&self, happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall> {
        let mut state = self.state.lock();
        let app_id = &self.account.app_id;
        let statuses = reported(happened).map(|(taken, status)| {
            let body = json!({
                "biTag": taken.mark, "appid": app_id, "token": taken.token, "status": status,
                "timestamp": now_ms, "requestId": taken.request_id,
            });
            (taken.receipts_url.clone(), body)
        });
        let callback = self.account.callback.as_ref();
        merged(statuses.collect(), callback, &mut state.receipts, now_ms)
    }

    fn expire(&self) {
        let mut state = self.state.lock();
        state.memory.expire();
        state.jwts.expire();
    }
}

/// What is not there: another address, method, app or project.
pub(super) const fn nowhere() -> Answered {
    Answered::empty(404)
}

pub(super) const fn flow_control() -> Answered {
    Answered::empty(503)
}

pub(super) fn check_content_type(received: &Received) -> Result<(), Refusal> {
    if received.is_of_type("application/json") {
        Ok(())
    } else {
        Err(Code::Payload.says("the content type is not application/json"))
    }
}

/// What is reported of what happened, with its status: 0 delivered, 2 the app is not installed, 102 the day's limit.
pub(super) fn reported(happened: &[(Taken, Happened)]) -> impl Iterator<Item = (&Taken, i64)> {
    happened.iter().filter_map(|(taken, happened)| {
        let status = match (happened, Fate::of(&taken.token)) {
            // Clicks are not reported.
            (Happened::Clicked, _) | (_, Fate::Mute) => return None,
            (Happened::Gone, _) | (_, Fate::Lost) => 2,
            (Happened::Delivered, Fate::Quota) => 102,
            (Happened::Delivered, _) => 0,
        };
        Some((taken, status))
    })
}

/// As few calls as the vendor makes, in order: one address each, and so many statuses.
pub(super) fn merged(
    statuses: Vec<(String, serde_json::Value)>,
    callback: Option<&HuaweiCallback>,
    receipts: &mut u64,
    now_ms: i64,
) -> Vec<ReceiptCall> {
    let mut by_url = BTreeMap::<String, Vec<serde_json::Value>>::new();
    for (url, status) in statuses {
        by_url.entry(url).or_default().push(status);
    }
    let mut calls = Vec::new();
    for (url, statuses) in by_url {
        for statuses in statuses.chunks(STATUSES_MAX) {
            *receipts += 1;
            let mut headers = vec![("content-type", "application/json".to_owned())];
            if let Some(callback) = callback {
                // A UUID that no other receipt has.
                let nonce = format!("{receipts:08x}-0000-4000-8000-{:012x}", now_ms.max(0));
                headers.push(("x-huawei-callback-id", callback.sign(now_ms, &nonce)));
            }
            calls.push(ReceiptCall {
                url: url.clone(),
                headers,
                body: json!({ "statuses": statuses }).to_string().into_bytes(),
            });
        }
    }
    calls
}

#[cfg(test)]
mod tests;
