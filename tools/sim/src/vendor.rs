//! The vendors' push services as simulators: they take what the vendors would take, refuse what they would refuse, and
//! answer and report as the vendors' public contracts say, bad days included.
//!
//! Written from those contracts, not from the clients under test: nothing here uses their code. A [`Counter`] is pure but
//! for what it keeps of its own callers; the server around it owns sockets, time and receipts.

mod apns;
mod fcm;
mod fields;
mod fleet;
mod harmony;
mod honor;
mod huawei;
mod meizu;
mod memory;
mod oauth;
mod oppo;
mod script;
mod service;
mod streams;
mod vivo;
mod xiaomi;

use std::collections::BTreeMap;

use http::HeaderMap;

pub use apns::{ApnsCounter, ApnsSettings};
pub use fcm::{FcmCounter, FcmSettings};
pub use fleet::{Fleet, Vendor};
pub use harmony::{HarmonyAccount, HarmonyCounter};
pub use honor::{HonorAccount, HonorCounter};
pub use huawei::{HuaweiAccount, HuaweiCallback, HuaweiCounter, HuaweiServiceAccount};
pub use meizu::{MeizuApp, MeizuCounter};
pub use oppo::OppoCounter;
pub use script::{Deed, NoStep, Step};
pub use service::{MessageCounts, Service, ServiceCounts, ServiceSettings};
pub use vivo::VivoCounter;
pub use xiaomi::{XiaomiApp, XiaomiCounter};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The HTTP version: 1 or 2.
    pub http: u8,
    /// Now, in Unix milliseconds.
    pub now_ms: i64,
}

impl Received {
    /// A header's text; empty when it is not there or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether its body is of this type, whatever the type's parameters are.
    fn is_of_type(&self, wanted: &str) -> bool {
        let given = self.header("content-type").split(';').next();
        given
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case(wanted)
    }

    /// The fields of a form; `None` when it is none.
    fn form(&self) -> Option<BTreeMap<String, String>> {
        let fields = form_urlencoded::parse(&self.body).into_owned();
        self.is_of_type("application/x-www-form-urlencoded")
            .then(|| fields.collect())
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// Headers; `content-length` is added.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answered {
    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// A status and nothing else.
    const fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A push that a vendor took for one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The token.
    pub token: String,
    /// The title that would be shown.
    pub title: String,
    /// The text that would be shown.
    pub text: String,
    /// What repetitions have in common by the vendor's rules: two with the same one show one notification. Empty when
    /// the request said nothing of the kind.
    pub collapse: String,
    /// What receipts echo; empty when the request said nothing.
    pub mark: String,
    /// Where receipts go, of the vendors that are told with each push; empty otherwise.
    pub receipts_url: String,
    /// What the request asks receipts of, as the vendor numbers it; empty when it does not choose.
    pub receipt_kinds: String,
    /// The vendor's name of the message or request.
    pub request_id: String,
}

/// What a phone behind a vendor did with a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happened {
    /// It arrived.
    Delivered,
    /// It was clicked.
    Clicked,
    /// The app is not there any more.
    Gone,
}

/// A receipt to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptCall {
    /// Where; empty is the address that the app's console says.
    pub url: String,
    /// Headers, `content-type` among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a token asks the simulator to do, by its prefix. A token of none of them is an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Taken.
    Ordinary,
    /// `gone-`: refused as the vendor refuses a token that reaches nobody any more.
    Gone,
    /// `bad-`: refused as the vendor refuses what was never a token of it.
    Bad,
    /// `rate-`: refused as too fast, the first time that it is asked for; taken afterwards.
    Rate,
    /// `quota-`: refused because the day's quota is used up.
    Quota,
    /// `fail-`: the vendor fails (HTTP 5xx, or its code for that), the first time; taken afterwards.
    Fail,
    /// `lost-`: taken, and reported by receipt as gone, by the vendors whose receipts can say so.
    Lost,
    /// `mute-`: taken, and nothing is ever reported.
    Mute,
}

impl Fate {
    /// The fate that a token's prefix asks for.
    #[must_use]
    pub fn of(token: &str) -> Self {
        for (prefix, fate) in [
            ("gone-", Self::Gone),
            ("bad-", Self::Bad),
            ("rate-", Self::Rate),
            ("quota-", Self::Quota),
            ("fail-", Self::Fail),
            ("lost-", Self::Lost),
            ("mute-", Self::Mute),
        ] {
            if token.starts_with(prefix) {
                return fate;
            }
        }
        Self::Ordinary
    }
}

/// One vendor's service.
pub trait Counter: Send + Sync + std::fmt::Debug {
    /// Answers a request, and says what was taken by it: the tokens of an answer that says so, no others.
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>);

    /// The receipt of things that happened at one time to pushes for one address: merged as the vendor merges, in one call
    /// at least. Empty for a vendor without receipts, or that reports nothing of the kind.
    fn receipts(&self, happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall>;

    /// Makes every access that it gave expire now.
    fn expire(&self);

    /// Whether a connection of HTTP/2 may carry more than one request at once, after this request or from its beginning.
    fn trusts(&self, _: Option<&Received>) -> bool {
        true
    }
}
