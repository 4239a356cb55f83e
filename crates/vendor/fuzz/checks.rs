//! What holds whatever a vendor says: shared by the fuzz targets and by the test that mutates documented bodies.
//!
//! The first byte picks the vendor, the second (of a reply) its status; `seeds/` holds documented bodies behind such bytes.

#![allow(dead_code, reason = "each target uses a part")]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use pushtally_model::{
    AppId, Channel, Environment, Notification, Number, Secret, TaskId, TokenKind,
};
use pushtally_vendor::{
    Arrival, Failure, Post, Read, ReceiptError, Receipts, Reply, Said, To, Vendor, Verdict, vendor,
};
use serde_json::{Value, json};

/// In the order of the first byte: `0` is the first.
pub(crate) const VENDORS: [Channel; 9] = [
    Channel::Apns,
    Channel::Xiaomi,
    Channel::Huawei,
    Channel::Fcm,
    Channel::Meizu,
    Channel::Oppo,
    Channel::Vivo,
    Channel::Honor,
    Channel::Harmony,
];

/// In the order of the second byte: `0` is the first.
const STATUSES: [u16; 10] = [200, 400, 401, 403, 404, 405, 410, 413, 429, 503];

/// The longest text that is kept of what a vendor says, in UTF-16 units.
const SAID_LEN_MAX: usize = 200;

/// A key that no seed and no fuzzer has signed with.
const CALLBACK_KEY: &str = "a2V5LW5vdC1pbi10aGUtY29ycHVz";

const NOW_MS: i64 = 1_795_313_700_123;

fn credentials(channel: Channel) -> Value {
    match channel {
        Channel::Apns => {
            json!({"team_id": "T", "key_id": "K", "private_key": "p", "bundle_id": "b"})
        }
        Channel::Xiaomi => json!({"app_secret": "s", "package": "p"}),
        Channel::Huawei => json!({"client_id": "1", "client_secret": "s"}),
        Channel::Fcm => {
            json!({"project_id": "p", "private_key_id": "k", "private_key": "p", "client_email": "e"})
        }
        Channel::Meizu => json!({"app_id": "1", "app_secret": "s"}),
        Channel::Oppo => json!({"app_key": "k", "master_secret": "s"}),
        Channel::Vivo => json!({"app_id": "1", "app_key": "k", "app_secret": "s"}),
        Channel::Honor => json!({"app_id": "1", "client_id": "2", "client_secret": "s"}),
        Channel::Harmony => {
            json!({"project_id": "1", "key_id": "k", "private_key": "p", "sub_account": "1"})
        }
        Channel::Unknown | Channel::Online => unreachable!("not in the list"),
    }
}

fn made(channel: Channel, more: &[(&str, &str)]) -> Box<dyn Vendor> {
    let mut credentials = credentials(channel);
    for (name, value) in more {
        credentials[*name] = json!(value);
    }
    match vendor(channel, &credentials.to_string()) {
        Ok(vendor) => vendor,
        Err(error) => unreachable!("{channel:?}: {error}"),
    }
}

/// The tokens of the documented bodies.
const fn tokens(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Apns => &["3f0c9a77"],
        Channel::Fcm => &["tok:1aaaa"],
        Channel::Xiaomi => &["rA+1", "rB+2"],
        Channel::Huawei | Channel::Harmony => &["HWTOKENAAAA", "HWTOKENBBBB"],
        Channel::Meizu => &["P1aaaa", "P2bbbb"],
        Channel::Oppo => &["CN_aaaa", "CN_bbbb"],
        Channel::Vivo => &["vr-1aaa", "vr-2bbb"],
        Channel::Honor => &["HNTOKENAAAA", "HNTOKENBBBB"],
        Channel::Unknown | Channel::Online => &[],
    }
}

/// The vendor that a first byte picks, and the rest.
pub(crate) fn picked(data: &[u8]) -> Option<(Channel, &[u8])> {
    let (first, rest) = data.split_first()?;
    let at = usize::from(first.wrapping_sub(b'0')) % VENDORS.len();
    Some((*VENDORS.get(at)?, rest))
}

/// Everything that a reply can be taken for. `None` for bytes that are none; else whether it was understood.
pub(crate) fn reply(data: &[u8]) -> Option<bool> {
    let (channel, rest) = picked(data)?;
    let (second, body) = rest.split_first()?;
    let status = *STATUSES.get(usize::from(second.wrapping_sub(b'0')) % STATUSES.len())?;
    let reply = Reply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body),
    };
    let vendor = made(channel, &[]);
    let is_of_sign_in = signed_in(&*vendor, &reply);
    let notification = Notification {
        title: "Parcel".to_owned(),
        desc: "Arrives today".to_owned(),
        ..Notification::default()
    };
    let task = TaskId::new("t1").ok()?;
    let post = Post {
        app: AppId(7),
        task: &task,
        notification: &notification,
        title: &notification.title,
        text: &notification.desc,
        mark: "n-1001",
        receipts_url: "",
        left_s: 3_600,
        now_ms: NOW_MS,
        access: "access-1",
    };
    let tokens: Vec<Secret> = tokens(channel).iter().map(|it| Secret::new(*it)).collect();
    let to = |(number, token)| To {
        number: Number(number),
        token,
        kind: TokenKind::Alert,
        environment: Environment::Production,
    };
    let targets: Vec<To<'_>> = (1..).zip(&tokens).map(to).collect();
    let mut is_understood = is_of_sign_in;
    // All of them, and one alone: some vendors answer the two in other forms.
    for targets in [targets.as_slice(), targets.get(..1)?] {
        for step in 0..3 {
            let read = vendor.read(&post, targets, step, &reply);
            check_read(&read, targets, &reply);
            is_understood |= !matches!(read, Read::All(Failure::Unknown(_)));
        }
    }
    Some(is_understood)
}

fn signed_in(vendor: &dyn Vendor, reply: &Reply) -> bool {
    match vendor.signed_in(reply) {
        Ok(access) => {
            assert!(reply.status == 200, "access with status {}", reply.status);
            assert!(HeaderValue::from_str(access.value.expose()).is_ok());
            assert!(!access.value.expose().is_empty() && access.good_for_s > 0);
            true
        }
        // Of a sign-in there is no token and no message that it could be about.
        Err(Failure::Targets(said) | Failure::Rejected(said)) => panic!("of a sign-in: {said:?}"),
        Err(failure) => !matches!(failure, Failure::Unknown(_)),
    }
}

fn check_read(read: &Read, targets: &[To<'_>], reply: &Reply) {
    let is_trouble = reply.status == 429 || reply.status >= 500;
    let is_object = serde_json::from_slice::<Value>(&reply.body).is_ok_and(|it| it.is_object());
    let may_drop = is_object && !is_trouble;
    match read {
        Read::Next(call) => {
            assert!(call.url.parse::<http::Uri>().is_ok(), "{}", call.url);
            assert!(is_object && reply.status == 200);
        }
        Read::Each { verdicts, .. } => {
            assert_eq!(verdicts.len(), targets.len());
            for verdict in verdicts {
                match verdict {
                    Verdict::Sent => assert!(reply.status == 200 || may_drop),
                    Verdict::Gone(said)
                    | Verdict::GoneSince(said, _)
                    | Verdict::OtherEnvironment(said) => {
                        assert!(may_drop, "a token is dropped: {verdict:?}");
                        check_said(said, targets);
                    }
                    Verdict::Rejected(said) | Verdict::Later { said, .. } => {
                        check_said(said, targets);
                    }
                }
            }
        }
        Read::All(failure) => match failure {
            Failure::Targets(said) => {
                assert!(may_drop, "a token is dropped: {failure:?}");
                check_said(said, targets);
            }
            Failure::Access(said)
            | Failure::Busy { said, .. }
            | Failure::Limited { said, .. }
            | Failure::Spent(said)
            | Failure::Misconfigured(said)
            | Failure::Rejected(said)
            | Failure::Unknown(said) => check_said(said, targets),
        },
    }
}

fn check_said(said: &Said, targets: &[To<'_>]) {
    assert!(said.text.encode_utf16().count() <= SAID_LEN_MAX, "{said:?}");
    assert!(!said.text.contains(char::is_control), "{said:?}");
    for to in targets {
        let token = to.token.expose();
        assert!(!said.text.contains(token), "a token is shown: {said:?}");
    }
}

/// Everything that a receipt can be taken for, behind a line with its signature, if it has one. `None` for bytes that are
/// none; else how many entries were read.
pub(crate) fn receipt(data: &[u8]) -> Option<usize> {
    let (channel, rest) = picked(data)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (signature, body) = (rest.get(..end)?, rest.get(end + 1..)?);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(signature) {
        headers.insert("x-huawei-callback-id", value);
    }
    let secret = match channel {
        Channel::Huawei | Channel::Harmony => {
            &[("callback_user", "u"), ("callback_key", CALLBACK_KEY)][..]
        }
        Channel::Meizu => &[("receipt_token", CALLBACK_KEY)],
        _ => &[],
    };
    if !secret.is_empty() {
        let read = made(channel, secret).receipts(&headers, body, NOW_MS);
        assert!(
            matches!(read, Err(ReceiptError::Signature(_))),
            "{channel:?} takes what nobody signed: {read:?}"
        );
    }
    let read = made(channel, &[]).receipts(&headers, body, NOW_MS);
    Some(read.map_or(0, |receipts| check_receipts(&receipts, body)))
}

fn check_receipts(receipts: &Receipts, body: &[u8]) -> usize {
    assert!(receipts.nonce.is_empty(), "nothing was to be checked");
    // Each entry that was read or refused was said.
    assert!(receipts.receipts.len() + receipts.bad <= body.len());
    assert!(!receipts.receipts.is_empty() || receipts.bad == 0);
    for receipt in &receipts.receipts {
        assert!(!receipt.token.expose().is_empty());
        match &receipt.arrival {
            Arrival::Delivered | Arrival::Clicked => {}
            Arrival::Lost(said) | Arrival::Gone(said) | Arrival::Pending(said) => {
                check_said(said, &[]);
                assert!(!said.text.contains(receipt.token.expose()) || said.text.len() < 40);
            }
            Arrival::Replaced(token) => assert!(!token.expose().is_empty()),
        }
    }
    receipts.receipts.len()
}
