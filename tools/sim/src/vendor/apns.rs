//! Apple's push service, one app on one of its two servers.
//!
//! What is left to the server around it: TLS, the limit of streams, GOAWAY. That a connection has one stream until a JWT was
//! good is asked of it here.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::memory::Memory;
use super::{Answered, Counter, Fate, Happened, ReceiptCall, Received, Taken};

/// The longest payload, in bytes.
const PAYLOAD_LEN_MAX: usize = 4096;

/// The same of a call.
const VOIP_PAYLOAD_LEN_MAX: usize = 5120;

/// The longest collapse id, in bytes.
const COLLAPSE_ID_LEN_MAX: usize = 64;

/// How old a JWT may be.
const JWT_AGE_MS_MAX: i64 = 3_600_000;

/// How far a JWT may come from the future. Apple says nothing; clocks differ.
const SKEW_MS_MAX: i64 = 60_000;

/// How long the next JWT of a key must wait.
const RESIGN_MS_MIN: i64 = 1_200_000;

/// Headers that may be there once.
const HEADERS: [&str; 7] = [
    "authorization",
    "apns-id",
    "apns-topic",
    "apns-push-type",
    "apns-priority",
    "apns-expiration",
    "apns-collapse-id",
];

/// What tokens of the sandbox start with; the rest is read as [`Fate::of`] reads any token.
const SANDBOX: &str = "sandbox-";

/// Which app, which server, and who may send.
#[derive(Debug, Clone)]
pub struct ApnsSettings {
    /// The team.
    pub team_id: String,
    /// The id of the team's key.
    pub key_id: String,
    /// The public half of the key, in PEM.
    pub public_key: String,
    /// The app's bundle id.
    pub bundle_id: String,
    /// Whether it is the server for published apps. The other one knows tokens that start with `sandbox-`, and no others.
    pub is_production: bool,
}

/// Apple's push service.
#[derive(Debug)]
pub struct ApnsCounter {
    settings: ApnsSettings,
    /// Further bundles of the team.
    bundle_ids: Vec<String>,
    key: DecodingKey,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// JWTs that were good when they came first.
    known: Vec<Known>,
    /// When the last new one was taken.
    signed_ms: Option<i64>,
    memory: Memory,
}

#[derive(Debug)]
struct Known {
    jwt: String,
    iat_ms: i64,
    is_expired: bool,
}

/// A refusal, with its reason's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal(u16, &'static str);

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
}

impl ApnsCounter {
    /// A server that takes pushes for this app.
    ///
    /// # Errors
    ///
    /// A key that is none.
    pub fn new(settings: ApnsSettings) -> Result<Self, jsonwebtoken::errors::Error> {
        let key = DecodingKey::from_ec_pem(settings.public_key.as_bytes())?;
        Ok(Self {
            settings,
            bundle_ids: Vec::new(),
            key,
            state: Mutex::default(),
        })
    }

    /// The same for another app of the team, too.
    #[must_use]
    pub fn with_bundle(mut self, bundle_id: &str) -> Self {
        self.bundle_ids.push(bundle_id.to_owned());
        self
    }

    /// What it makes of a push whose `apns-id` is good.
    fn take(&self, received: &Received) -> Result<Taken, Refusal> {
        let token = received.path.strip_prefix("/3/device/");
        let token = token.ok_or(Refusal(404, "BadPath"))?;
        if received.method != "POST" {
            return Err(Refusal(405, "MethodNotAllowed"));
        }
        let count = |name: &&str| received.headers.get_all(*name).iter().count();
        if HEADERS.iter().any(|name| count(name) > 1) {
            return Err(Refusal(400, "DuplicateHeaders"));
        }
        self.admit(received)?;
        let push_type = received.header("apns-push-type");
        self.check_topic(received.header("apns-topic"), push_type)?;
        check_headers(received, push_type)?;
        let aps = payload(&received.body, push_type)?;
        self.check_token(token)?;
        let (title, text) = alert(&aps["alert"]);
        Ok(Taken {
            token: token.to_owned(),
            title,
            text,
            collapse: received.header("apns-collapse-id").to_owned(),
            mark: String::new(),
            receipts_url: String::new(),
            receipt_kinds: String::new(),
            request_id: received.header("apns-id").to_owned(),
        })
    }

    /// Whether the JWT is good, and not one of too many.
    fn admit(&self, received: &Received) -> Result<(), Refusal> {
        let header = received.header("authorization");
        if header.is_empty() {
            return Err(Refusal(403, "MissingProviderToken"));
        }
        let invalid = Refusal(403, "InvalidProviderToken");
        let (scheme, jwt) = header.split_once(' ').ok_or(invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(invalid);
        }
        let now_ms = received.now_ms;
        let mut state = self.state.lock();
        let known = state.known.iter().find(|known| known.jwt == jwt);
        let is_new = known.is_none();
        let iat_ms = match known {
            Some(known) if known.is_expired => return Err(Refusal(403, "ExpiredProviderToken")),
            Some(known) => known.iat_ms,
            None => self.signed_ms(jwt).ok_or(invalid)?,
        };
        if iat_ms > now_ms.saturating_add(SKEW_MS_MAX) {
            return Err(invalid);
        }
        if is_old(iat_ms, now_ms) {
            return Err(Refusal(403, "ExpiredProviderToken"));
        }
        if is_new {
            let signed_ms = state.signed_ms;
            if signed_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < RESIGN_MS_MIN) {
                return Err(Refusal(429, "TooManyProviderTokenUpdates"));
            }
            state.known.retain(|known| !is_old(known.iat_ms, now_ms));
            state.signed_ms = Some(now_ms);
            state.known.push(Known {
                jwt: jwt.to_owned(),
                iat_ms,
                is_expired: false,
            });
        }
        Ok(())
    }

    /// When a JWT says that it was signed; `None` when the team's key did not sign it.
    fn signed_ms(&self, jwt: &str) -> Option<i64> {
        // The age is checked against the request's time, not against this machine's.
        let mut rules = Validation::new(Algorithm::ES256);
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Claims>(jwt, &self.key, &rules).ok()?;
        let is_ours = token.header.kid.as_deref() == Some(&self.settings.key_id)
            && token.claims.iss == self.settings.team_id;
        is_ours.then(|| token.claims.iat.saturating_mul(1000))
    }

    /// Another bundle's topic is not the team's; the bundle's with a suffix of another push type is no topic of this one.
    fn check_topic(&self, topic: &str, push_type: &str) -> Result<(), Refusal> {
        let suffix = suffix(push_type).ok_or(Refusal(400, "InvalidPushType"))?;
        if topic.is_empty() {
            return Err(Refusal(400, "MissingTopic"));
        }
        let mut bundle_ids = self.bundle_ids.iter().chain([&self.settings.bundle_id]);
        let of_team = bundle_ids.find_map(|id| {
            let rest = topic.strip_prefix(id.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then_some(rest)
        });
        match of_team {
            Some(rest) if rest == suffix => Ok(()),
            Some(_) => Err(Refusal(400, "BadTopic")),
            None => Err(Refusal(400, "TopicDisallowed")),
        }
    }

    /// The token's fate. Apple has no quota: `quota-` is one that is always too fast.
    fn check_token(&self, token: &str) -> Result<(), Refusal> {
        if token.is_empty() {
            return Err(Refusal(400, "MissingDeviceToken"));
        }
        let bad = Err(Refusal(400, "BadDeviceToken"));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
        let of_sandbox = token.strip_prefix(SANDBOX);
        if !token.bytes().all(plain) || of_sandbox.is_none() != self.settings.is_production {
            return bad;
        }
        let fate = self.state.lock().memory.fate(of_sandbox.unwrap_or(token));
        match fate {
            Fate::Bad => bad,
            Fate::Gone => Err(Refusal(410, "Unregistered")),
            Fate::Quota | Fate::Rate => Err(Refusal(429, "TooManyRequests")),
            Fate::Fail => Err(Refusal(500, "InternalServerError")),
            Fate::Ordinary | Fate::Lost | Fate::Mute => Ok(()),
        }
    }

    /// An id for a push that came without a good one, in the form of a UUID.
    fn next_id(&self) -> String {
        let number = self.state.lock().memory.number();
        format!("00000000-0000-4000-8000-{number:012x}")
    }
}

impl Counter for ApnsCounter {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        if received.http < 2 {
            // Apple closes the connection; a status is as much as can be answered here.
            return (answered(505, &[], None), Vec::new());
        }
        let given = received.header("apns-id");
        let taken = if received.headers.contains_key("apns-id") && !is_uuid(given) {
            Err(Refusal(400, "BadMessageId"))
        } else {
            self.take(received)
        };
        let id = if is_uuid(given) {
            given.to_owned()
        } else {
            self.next_id()
        };
        match taken {
            Ok(taken) => {
                let request_id = id.clone();
                let answer = answered(200, &[("apns-id", id)], None);
                (
                    answer,
                    vec![Taken {
                        request_id,
                        ..taken
                    }],
                )
            }
            Err(Refusal(status, reason)) => {
                let body = match status {
                    // Since when: a token that is gone is always gone just now.
                    410 => json!({"reason": reason, "timestamp": received.now_ms}),
                    _ => json!({"reason": reason}),
                };
                (
                    answered(status, &[("apns-id", id)], Some(&body)),
                    Vec::new(),
                )
            }
        }
    }

    fn receipts(&self, _: &[(Taken, Happened)], _: i64) -> Vec<ReceiptCall> {
        Vec::new()
    }

    /// Apple gives no access; the JWTs that it has seen are too old from now on, and a new one may come at once.
    fn expire(&self) {
        let mut state = self.state.lock();
        state.signed_ms = None;
        for known in &mut state.known {
            known.is_expired = true;
        }
    }

    /// Not before a JWT was good.
    fn trusts(&self, after: Option<&Received>) -> bool {
        after.is_some_and(|received| {
            let jwt = received.header("authorization").split_once(' ');
            let is_good = |known: &Known| {
                let Known {
                    jwt: seen, iat_ms, ..
                } = known;
                let is_same = jwt.is_some_and(|(_, jwt)| jwt == seen);
                is_same && !known.is_expired && !is_old(*iat_ms, received.now_ms)
            };
            self.state.lock().known.iter().any(is_good)
        })
    }
}

fn answered(status: u16, headers: &[(&'static str, String)], body: Option<&Value>) -> Answered {
    let mut answer = Answered {
        status,
        headers: headers.to_vec(),
        body: Vec::new(),
    };
    if let Some(body) = body {
        let json = ("content-type", "application/json".to_owned());
        answer.headers.push(json);
        answer.body = body.to_string().into_bytes();
    }
    answer
}

fn is_old(iat_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(iat_ms) > JWT_AGE_MS_MAX
}

/// What a push type's topic has behind the bundle id. `None` for what is no push type; Apple asks for one since iOS 13.
fn suffix(push_type: &str) -> Option<&'static str> {
    Some(match push_type {
        "alert" | "background" | "mdm" => "",
        "voip" => ".voip",
        "complication" => ".complication",
        "fileprovider" => ".pushkit.fileprovider",
        "location" => ".location-query",
        "liveactivity" => ".push-type.liveactivity",
        "pushtotalk" => ".voip-ptt",
        "widgets" => ".push-type.widgets",
        "controls" => ".push-type.controls",
        _ => return None,
    })
}

fn check_headers(received: &Received, push_type: &str) -> Result<(), Refusal> {
    // Absent is 10, and the background takes 5 alone.
    let priority = received.headers.contains_key("apns-priority");
    let priority = priority.then(|| received.header("apns-priority"));
    let is_good = match priority.unwrap_or("10") {
        "5" => true,
        "10" | "1" => push_type != "background",
        _ => false,
    };
    if !is_good {
        return Err(Refusal(400, "BadPriority"));
    }
    let expiration = received.header("apns-expiration");
    let has_expiration = received.headers.contains_key("apns-expiration");
    let is_number = expiration.bytes().all(|byte| byte.is_ascii_digit());
    if has_expiration && !(is_number && expiration.parse::<i64>().is_ok()) {
        return Err(Refusal(400, "BadExpirationDate"));
    }
    let collapse_id = received.headers.get("apns-collapse-id");
    if collapse_id.is_some_and(|id| id.is_empty() || id.len() > COLLAPSE_ID_LEN_MAX) {
        return Err(Refusal(400, "BadCollapseId"));
    }
    Ok(())
}

/// The payload's `aps`. Apple has no word for a payload that is no JSON or has none: it shows nothing, as an empty one.
fn payload(body: &[u8], push_type: &str) -> Result<Value, Refusal> {
    let len_max = match push_type {
        "voip" => VOIP_PAYLOAD_LEN_MAX,
        _ => PAYLOAD_LEN_MAX,
    };
    if body.len() > len_max {
        return Err(Refusal(413, "PayloadTooLarge"));
    }
    let mut payload: Value = serde_json::from_slice(body).unwrap_or_default();
    let aps = payload.get_mut("aps").map(Value::take);
    aps.filter(Value::is_object)
        .ok_or(Refusal(400, "PayloadEmpty"))
}

/// Title and text of an alert, which may be a text alone.
fn alert(alert: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if alert.is_string() {
        return (String::new(), text(alert));
    }
    (text(&alert["title"]), text(&alert["body"]))
}

/// Whether it is a canonical UUID in lower case.
fn is_uuid(id: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    id.len() == 36 && id.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests;
