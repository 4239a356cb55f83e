//! Huawei's Push Kit for HarmonyOS NEXT: version 3, by a service account's JWT alone, receipts in the form V2.
//!
//! Where the public contract is silent: a token of nobody (`gone-`) is of a platform that is not supported any more; the
//! rest is as in the Android service (see there), and what push types other than alerts hold is not looked into.

mod message;

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use self::message::Message;
use super::huawei::{
    Code, HuaweiCallback, HuaweiServiceAccount, Jwts, Refusal, TestMessages, check_content_type,
    flow_control, merged, nowhere, reported,
};
use super::memory::Memory;
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken, oauth};

/// How many test messages a day has.
const TEST_MESSAGES_MAX: usize = 1000;

/// An app as Huawei knows it.
#[derive(Debug, Clone)]
pub struct HarmonyAccount {
    /// Its project.
    pub project_id: String,
    /// Its package.
    pub package: String,
    /// Who signs for it.
    pub service_account: HuaweiServiceAccount,
    /// Addresses of receipts that a message may pick, by id.
    pub receipt_urls: BTreeMap<String, String>,
    /// What receipts are signed with; unsigned without.
    pub callback: Option<HuaweiCallback>,
}

/// Huawei's service for HarmonyOS NEXT.
#[derive(Debug)]
pub struct HarmonyCounter {
    account: HarmonyAccount,
    state: Mutex<State>,
}

/// Receipts are numbered from here on: one address may take Huawei's too, and no two may have the same nonce.
const FIRST_RECEIPT: u64 = 0x8000_0000;

#[derive(Debug)]
struct State {
    jwts: Jwts,
    memory: Memory,
    test_messages: TestMessages,
    answers: u64,
    receipts: u64,
}

impl HarmonyCounter {
    /// A service that knows one app.
    #[must_use]
    pub fn new(account: HarmonyAccount) -> Self {
        let state = State {
            jwts: Jwts::default(),
            memory: Memory::default(),
            test_messages: TestMessages::new(TEST_MESSAGES_MAX),
            answers: 0,
            receipts: FIRST_RECEIPT,
        };
        Self {
            account,
            state: Mutex::new(state),
        }
    }

    fn send(&self, state: &mut State, received: &Received) -> Result<Sent, Refusal> {
        check_content_type(received)?;
        // An OAuth access is no JWT, and is refused as a wrong one.
        let jwt = oauth::bearer(received).unwrap_or_default();
        let account = &self.account.service_account;
        state.jwts.check(account, jwt, received.now_ms)?;
        let message = Message::read(received.header("push-type"), &received.body)?;
        let url = match message.receipt_id.as_str() {
            "" => "",
            id => match self.account.receipt_urls.get(id) {
                Some(url) => url,
                None => return Err(Code::ReceiptAddress.says("receiptId is not configured")),
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
        let Sent { message, url } = match self.send(state, received) {
            Ok(sent) => sent,
            Err(Refusal { code, text }) => {
                return (
                    answer(code.status(), &code.number().to_string(), &text),
                    vec![],
                );
            }
        };
        if state.memory.strikes(&message.tokens, Fate::Rate) {
            return (flow_control(), vec![]);
        }
        let is_legal = |token: &&String| reason(token).is_none();
        let legal: Vec<_> = message.tokens.iter().filter(is_legal).collect();
        let illegal = illegal(&message.tokens);
        let failure = message.tokens.len() - legal.len();
        if legal.is_empty() {
            let text = json!({"failure": failure, "illegalTokens": illegal});
            let code = Code::AllTokens;
            let code_text = code.number().to_string();
            return (answer(code.status(), &code_text, &text.to_string()), vec![]);
        }
        let answered = if failure == 0 {
            answer(200, "80000000", "Success")
        } else {
            let success = legal.len();
            let text = json!({"illegalTokens": illegal, "success": success, "failure": failure});
            answer(200, "80100000", &text.to_string())
        };
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

/// Why a token is refused. The documented sample has blanks around a reason.
fn reason(token: &str) -> Option<&'static str> {
    match Fate::of(token) {
        Fate::Bad => Some(" tokenFormatError "),
        Fate::Gone => Some("tokenPlatformNotSupport"),
        _ => None,
    }
}

fn illegal(tokens: &[String]) -> Value {
    let mut by_reason = Map::new();
    for token in tokens {
        let Some(reason) = reason(token) else {
            continue;
        };
        let tokens = by_reason.entry(reason).or_insert_with(|| json!([]));
        if let Some(tokens) = tokens.as_array_mut() {
            tokens.push(json!(token));
        }
    }
    Value::Object(by_reason)
}

impl Counter for HarmonyCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let ours = format!("/v3/{}/messages:send", self.account.project_id);
        if received.method == "POST" && received.path == ours {
            self.answer_send(received)
        } else {
            (nowhere(), vec![])
        }
    }

    fn receipts(&self, happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall> {
        let mut state = self.state.lock();
        let statuses = reported(happened).map(|(taken, result)| {
            let body = json!({
                // What is reported here is alerts.
                "token": taken.token, "pushType": 0, "appPackageName": self.account.package,
                "biTag": taken.mark, "requestId": taken.request_id,
                "deliveryStatus": {"result": result, "timestamp": now_ms},
            });
            (taken.receipts_url.clone(), body)
        });
        let callback = self.account.callback.as_ref();
        merged(statuses.collect(), callback, &mut state.receipts, now_ms)
    }

    fn expire(&self) {
        self.state.lock().jwts.expire();
    }
}

#[cfg(test)]
mod tests;
