//! Firebase Cloud Messaging, HTTP v1, one project: its token endpoint and `messages:send`.

mod check;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::memory::{Memory, Worth};
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken};
use check::{Message, Violation};

/// How long an access is good, as Google says it.
const ACCESS_GOOD_FOR_S: i64 = 3599;

/// The longest life of an assertion.
const ASSERTION_LIFE_S_MAX: i64 = 3600;

/// How far an assertion may come from the future.
const SKEW_S_MAX: i64 = 60;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// What a failure for a moment asks to wait, in seconds.
const RETRY_AFTER_S: &str = "1";

/// Which project, and who may send.
#[derive(Debug, Clone)]
pub struct FcmSettings {
    /// The project.
    pub project_id: String,
    /// The service account.
    pub client_email: String,
    /// The id of its key.
    pub private_key_id: String,
    /// The public half of its key, in PEM.
    pub public_key: String,
    /// The token endpoint as the service account's file names it; its path is answered here.
    pub token_uri: String,
}

/// Firebase Cloud Messaging.
#[derive(Debug)]
pub struct FcmCounter {
    settings: FcmSettings,
    key: DecodingKey,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    scope: String,
    aud: String,
    iat: i64,
    exp: i64,
}

impl FcmCounter {
    /// A service that takes pushes for this project.
    ///
    /// # Errors
    ///
    /// A key that is none.
    pub fn new(settings: FcmSettings) -> Result<Self, jsonwebtoken::errors::Error> {
        let key = DecodingKey::from_rsa_pem(settings.public_key.as_bytes())?;
        Ok(Self {
            settings,
            key,
            state: Mutex::default(),
        })
    }

    fn give_access(&self, received: &Received) -> Answered {
        if received.method != "POST" {
            return oauth_error("invalid_request", "only POST is taken");
        }
        let Some(form) = received.form() else {
            return oauth_error("invalid_request", "the body must be a form");
        };
        match form.get("grant_type").map(String::as_str) {
            Some(GRANT) => {}
            Some(_) => return oauth_error("unsupported_grant_type", "Invalid grant_type"),
            None => {
                return oauth_error(
                    "invalid_request",
                    "Required parameter is missing: grant_type",
                );
            }
        }
        let Some(assertion) = form.get("assertion") else {
            return oauth_error(
                "invalid_request",
                "Required parameter is missing: assertion",
            );
        };
        if let Err((error, description)) = self.check_assertion(assertion, received.now_ms) {
            return oauth_error(error, description);
        }
        let life_ms = ACCESS_GOOD_FOR_S * 1000;
        let mut state = self.state.lock();
        let access = state.memory.give_access("ya29.", received.now_ms, life_ms);
        drop(state);
        let body = json!({
            "access_token": access, "expires_in": ACCESS_GOOD_FOR_S, "token_type": "Bearer",
        });
        Answered::json(200, &body)
    }

    fn check_assertion(
        &self,
        assertion: &str,
        now_ms: i64,
    ) -> Result<(), (&'static str, &'static str)> {
        let invalid = |description| Err(("invalid_grant", description));
        // Times are checked against the request's time, not against this machine's.
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let Ok(token) = jsonwebtoken::decode::<Claims>(assertion, &self.key, &rules) else {
            return invalid("Invalid JWT Signature.");
        };
        let (kid, claims) = (token.header.kid.as_deref(), token.claims);
        if kid.is_some_and(|kid| kid != self.settings.private_key_id) {
            return invalid("Invalid JWT Signature.");
        }
        if claims.iss != self.settings.client_email {
            return invalid("Invalid grant: account not found");
        }
        if claims.aud != self.settings.token_uri {
            return invalid("Invalid JWT: Failed audience check.");
        }
        if !claims.scope.split(' ').any(|scope| scope == SCOPE) {
            return Err((
                "invalid_scope",
                "Invalid OAuth scope or ID token audience provided.",
            ));
        }
        let now_s = now_ms.div_euclid(1000);
        let life_s = claims.exp.saturating_sub(claims.iat);
        let is_now = claims.iat <= now_s.saturating_add(SKEW_S_MAX) && claims.exp > now_s;
        if !is_now || !(1..=ASSERTION_LIFE_S_MAX).contains(&life_s) {
            return invalid("Invalid JWT: Token must be a short-lived token (60 minutes)");
        }
        Ok(())
    }

    fn send(&self, project_id: &str, received: &Received) -> (Answered, Vec<Taken>) {
        match self.take(project_id, received) {
            Ok(Message { is_dry: true, .. } | Message { token: None, .. }) => {
                (self.sent(received.now_ms).1, Vec::new())
            }
            Ok(message) => {
                let (request_id, answer) = self.sent(received.now_ms);
                let taken = Taken {
                    token: message.token.unwrap_or_default(),
                    title: message.title,
                    text: message.text,
                    collapse: message.collapse,
                    mark: String::new(),
                    receipts_url: String::new(),
                    receipt_kinds: String::new(),
                    request_id,
                };
                (answer, vec![taken])
            }
            Err(answer) => (*answer, Vec::new()),
        }
    }

    fn take(&self, project_id: &str, received: &Received) -> Result<Message, Box<Answered>> {
        if !self.is_admitted(received) {
            let words = "Request had invalid authentication credentials.";
            return Err(error(401, "UNAUTHENTICATED", words, json!([])));
        }
        if project_id != self.settings.project_id {
            let words = "Permission 'cloudmessaging.messages.create' denied on resource";
            return Err(error(403, "PERMISSION_DENIED", words, json!([])));
        }
        if !received.is_of_type("application/json") {
            return Err(violated(&[Violation::new("", "the body must be JSON")]));
        }
        let message = Message::read(&received.body).map_err(|violations| violated(&violations))?;
        if let Some(token) = &message.token {
            self.check_token(token)?;
        }
        Ok(message)
    }

    fn is_admitted(&self, received: &Received) -> bool {
        let header = received.header("authorization").split_once(' ');
        header.is_some_and(|(scheme, access)| {
            let worth = self.state.lock().memory.worth(access, received.now_ms);
            scheme.eq_ignore_ascii_case("bearer") && worth == Worth::Good
        })
    }

    /// The token's fate. The quota is one of a minute, said in the same way as too fast; only `rate-` is told when to come
    /// back.
    fn check_token(&self, token: &str) -> Result<(), Box<Answered>> {
        let fate = self.state.lock().memory.fate(token);
        match fate {
            Fate::Gone => {
                let words = "Requested entity was not found.";
                Err(error(404, "NOT_FOUND", words, fcm_error("UNREGISTERED")))
            }
            Fate::Bad => {
                let words = "The registration token is not a valid FCM registration token";
                let details = fcm_error("INVALID_ARGUMENT");
                Err(error(400, "INVALID_ARGUMENT", words, details))
            }
            Fate::Quota => Err(quota()),
            Fate::Rate => Err(later(quota())),
            Fate::Fail => {
                let words = "The service is currently unavailable.";
                let details = fcm_error("UNAVAILABLE");
                Err(later(error(503, "UNAVAILABLE", words, details)))
            }
            Fate::Ordinary | Fate::Lost | Fate::Mute => Ok(()),
        }
    }

    /// A message's name, and the answer with it.
    fn sent(&self, now_ms: i64) -> (String, Answered) {
        let number = self.state.lock().memory.number();
        let project_id = &self.settings.project_id;
        let name = format!("projects/{project_id}/messages/0:{now_ms}%{number:016x}");
        let answer = Answered::json(200, &json!({"name": name}));
        (name, answer)
    }
}

impl Counter for FcmCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        if received.path == path(&self.settings.token_uri) {
            return (self.give_access(received), Vec::new());
        }
        let project_id = received.path.strip_prefix("/v1/projects/");
        let project_id = project_id.and_then(|rest| rest.strip_suffix("/messages:send"));
        match project_id {
            Some(project_id) if received.method == "POST" => self.send(project_id, received),
            _ => (
                *error(404, "NOT_FOUND", "Not found.", json!([])),
                Vec::new(),
            ),
        }
    }

    fn receipts(&self, _: &[(Taken, Happened)], _: i64) -> Vec<ReceiptCall> {
        Vec::new()
    }

    fn expire(&self) {
        self.state.lock().memory.expire();
    }
}

/// The path of an address.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..));
    let path = path.unwrap_or("/");
    path.split_once('?').map_or(path, |(path, _)| path)
}

fn oauth_error(error: &str, description: &str) -> Answered {
    let body = json!({"error": error, "error_description": description});
    Answered::json(400, &body)
}

fn error(code: u16, status: &str, words: &str, details: Value) -> Box<Answered> {
    let mut body = json!({"error": {"code": code, "message": words, "status": status}});
    // Google leaves out what is empty.
    if details
        .as_array()
        .is_some_and(|details| !details.is_empty())
    {
        body["error"]["details"] = details;
    }
    Box::new(Answered::json(code, &body))
}

fn fcm_error(code: &str) -> Value {
    json!([{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}])
}

fn quota() -> Box<Answered> {
    let details = json!([
        {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "QUOTA_EXCEEDED"},
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"subject": "project", "description": "too many messages"}]},
    ]);
    error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", details)
}

fn later(mut answer: Box<Answered>) -> Box<Answered> {
    let header = ("retry-after", RETRY_AFTER_S.to_owned());
    answer.headers.push(header);
    answer
}

fn violated(violations: &[Violation]) -> Box<Answered> {
    let fields: Vec<Value> = violations.iter().map(Violation::json).collect();
    let words = "Request contains an invalid argument.";
    let details =
        json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}]);
    error(400, "INVALID_ARGUMENT", words, details)
}

#[cfg(test)]
mod tests;
