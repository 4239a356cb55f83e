use http::{HeaderMap, HeaderName};
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;

use super::*;

mod streams;

const PRIVATE_KEY: &str = include_str!("../../../tests/keys/ec.pem");
const PUBLIC_KEY: &str = include_str!("../../../tests/keys/ec.pub.pem");

const NOW_MS: i64 = 1_795_313_700_000;
const MINUTE_MS: i64 = 60_000;
const ID: &str = "6f2e8b8e-9b0c-4d1a-8a54-0a5a1f2f7c11";
const BODY: &str = r#"{"aps":{"alert":{"title":"Parcel","body":"Arrives today"}},"mid":"n-1001"}"#;

fn counter(is_production: bool) -> ApnsCounter {
    ApnsCounter::new(ApnsSettings {
        team_id: "TEAM123456".to_owned(),
        key_id: "ABC123DEFG".to_owned(),
        public_key: PUBLIC_KEY.to_owned(),
        bundle_id: "com.example.acme".to_owned(),
        is_production,
    })
    .unwrap()
}

fn jwt(kid: &str, iss: &str, iat_ms: i64) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(kid.to_owned());
    let key = EncodingKey::from_ec_pem(PRIVATE_KEY.as_bytes()).unwrap();
    let claims = json!({"iss": iss, "iat": iat_ms / 1000});
    format!(
        "bearer {}",
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    )
}

fn good_jwt(iat_ms: i64) -> String {
    jwt("ABC123DEFG", "TEAM123456", iat_ms)
}

fn push(token: &str, jwt: &str, headers: &[(&str, &str)]) -> Received {
    let mut all = HeaderMap::new();
    let usual = [
        ("authorization", jwt),
        ("apns-topic", "com.example.acme"),
        ("apns-push-type", "alert"),
        ("apns-id", ID),
    ];
    for (name, value) in usual.iter().chain(headers) {
        let name: HeaderName = name.parse().unwrap();
        match *value {
            "-" => drop(all.remove(name)),
            value => drop(all.insert(name, value.parse().unwrap())),
        }
    }
    Received {
        method: "POST".to_owned(),
        path: format!("/3/device/{token}"),
        headers: all,
        body: BODY.as_bytes().to_vec(),
        http: 2,
        now_ms: NOW_MS,
    }
}

fn reason(answer: &Answered) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let reason = body["reason"].as_str().unwrap_or_default();
    format!("{} {reason}", answer.status).trim().to_owned()
}

/// A push of the usual token with these headers changed.
fn with(headers: &[(&str, &str)]) -> String {
    let push = push("t1", &good_jwt(NOW_MS), headers);
    reason(&counter(true).answer(&push).0)
}

#[test]
fn a_good_push_is_taken_under_its_id() {
    let counter = counter(true);
    let jwt = good_jwt(NOW_MS);
    let (answer, taken) = counter.answer(&push("t1", &jwt, &[("apns-collapse-id", "order-42")]));
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.headers, [("apns-id", ID.to_owned())]);
    let [taken] = &taken[..] else {
        panic!("{taken:?}");
    };
    assert_eq!(
        (
            &*taken.token,
            &*taken.title,
            &*taken.text,
            &*taken.collapse,
            &*taken.request_id
        ),
        ("t1", "Parcel", "Arrives today", "order-42", ID)
    );
    let (answer, taken) = counter.answer(&push("t1", &jwt, &[("apns-id", "-")]));
    assert!(is_uuid(&answer.headers[0].1));
    assert_eq!(answer.headers[0].1, taken[0].request_id);
}

#[test]
fn http_1_is_refused() {
    let mut push = push("t1", &good_jwt(NOW_MS), &[]);
    push.http = 1;
    assert_eq!(counter(true).answer(&push).0.status, 505);
}

#[test]
fn paths_and_methods_are_checked() {
    let counter = counter(true);
    let good = push("t1", &good_jwt(NOW_MS), &[]);
    let check = |push: &Received, expected: &str| {
        assert_eq!(reason(&counter.answer(push).0), expected);
    };
    let method = "GET".to_owned();
    check(
        &Received {
            method,
            ..good.clone()
        },
        "405 MethodNotAllowed",
    );
    let path = "/3/devices/t1".to_owned();
    check(
        &Received {
            path,
            ..good.clone()
        },
        "404 BadPath",
    );
    let path = "/3/device/".to_owned();
    check(
        &Received {
            path,
            ..good.clone()
        },
        "400 MissingDeviceToken",
    );
    let path = "/3/device/a/b".to_owned();
    check(
        &Received {
            path,
            ..good.clone()
        },
        "400 BadDeviceToken",
    );
    let mut twice = good;
    twice
        .headers
        .append("apns-topic", "com.example.acme".parse().unwrap());
    check(&twice, "400 DuplicateHeaders");
}

#[test]
fn a_jwt_is_the_teams_and_not_old() {
    let check = |jwt: &str, expected: &str| {
        let answer = counter(true).answer(&push("t1", jwt, &[])).0;
        assert_eq!(reason(&answer), expected, "{jwt}");
    };
    check(&good_jwt(NOW_MS), "200");
    check(&good_jwt(NOW_MS).replace("bearer", "Bearer"), "200");
    check(&good_jwt(NOW_MS - 60 * MINUTE_MS), "200");
    check(
        &good_jwt(NOW_MS - 60 * MINUTE_MS - 1000),
        "403 ExpiredProviderToken",
    );
    check(&good_jwt(NOW_MS + MINUTE_MS), "200");
    check(
        &good_jwt(NOW_MS + 2 * MINUTE_MS),
        "403 InvalidProviderToken",
    );
    check(
        &jwt("ABC123DEFX", "TEAM123456", NOW_MS),
        "403 InvalidProviderToken",
    );
    check(
        &jwt("ABC123DEFG", "TEAM123457", NOW_MS),
        "403 InvalidProviderToken",
    );
    check("-", "403 MissingProviderToken");
    check("bearer", "403 InvalidProviderToken");
    check("bearer x.y.z", "403 InvalidProviderToken");
    check(
        &good_jwt(NOW_MS).replace("bearer", "basic"),
        "403 InvalidProviderToken",
    );
    // Signed by nobody we know.
    let mut forged = good_jwt(NOW_MS);
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    check(&forged, "403 InvalidProviderToken");
}

#[test]
fn a_key_signs_anew_every_20_minutes_at_most() {
    let counter = counter(true);
    let answer = |jwt: &str, now_ms| {
        let push = Received {
            now_ms,
            ..push("t1", jwt, &[])
        };
        reason(&counter.answer(&push).0)
    };
    let (first, second) = (good_jwt(NOW_MS), good_jwt(NOW_MS + MINUTE_MS));
    assert_eq!(answer(&first, NOW_MS), "200");
    let too_soon = NOW_MS + 20 * MINUTE_MS - 1;
    assert_eq!(answer(&second, too_soon), "429 TooManyProviderTokenUpdates");
    assert_eq!(answer(&first, too_soon), "200");
    assert_eq!(answer(&second, too_soon + 1), "200");
    // The one before goes on being good.
    assert_eq!(answer(&first, too_soon + 2), "200");
    assert_eq!(
        answer(&first, NOW_MS + 61 * MINUTE_MS),
        "403 ExpiredProviderToken"
    );
}

#[test]
fn what_has_expired_may_be_signed_anew_at_once() {
    let counter = counter(true);
    let answer = |jwt: &str| reason(&counter.answer(&push("t1", jwt, &[])).0);
    let (first, second) = (good_jwt(NOW_MS - MINUTE_MS), good_jwt(NOW_MS));
    assert_eq!(answer(&first), "200");
    counter.expire();
    assert_eq!(answer(&first), "403 ExpiredProviderToken");
    assert_eq!(answer(&second), "200");
}

#[test]
fn a_topic_is_the_bundles_and_the_push_types() {
    let check = |push_type: &str, topic: &str, expected: &str| {
        let headers = [
            ("apns-push-type", push_type),
            ("apns-topic", topic),
            ("apns-priority", "5"),
        ];
        assert_eq!(with(&headers), expected, "{push_type} {topic}");
    };
    check("background", "com.example.acme", "200");
    check("voip", "com.example.acme.voip", "200");
    check(
        "liveactivity",
        "com.example.acme.push-type.liveactivity",
        "200",
    );
    check("complication", "com.example.acme.complication", "200");
    check("voip", "com.example.acme", "400 BadTopic");
    check("alert", "com.example.acme.voip", "400 BadTopic");
    check("alert", "com.example.acmes", "400 TopicDisallowed");
    check("alert", "com.example", "400 TopicDisallowed");
    check("alert", "-", "400 MissingTopic");
    check("-", "com.example.acme", "400 InvalidPushType");
    check("Alert", "com.example.acme", "400 InvalidPushType");
}

#[test]
fn headers_are_what_apple_says() {
    let check = |name: &str, value: &str, expected: &str| {
        assert_eq!(with(&[(name, value)]), expected, "{name} {value}");
    };
    check(
        "apns-id",
        "6F2E8B8E-9B0C-4D1A-8A54-0A5A1F2F7C11",
        "400 BadMessageId",
    );
    check("apns-id", "n-1", "400 BadMessageId");
    check("apns-priority", "10", "200");
    check("apns-priority", "5", "200");
    check("apns-priority", "1", "200");
    check("apns-priority", "7", "400 BadPriority");
    check("apns-push-type", "background", "400 BadPriority");
    check("apns-expiration", "0", "200");
    check("apns-expiration", "1795400000", "200");
    check("apns-expiration", "-1", "400 BadExpirationDate");
    check("apns-expiration", "soon", "400 BadExpirationDate");
    check("apns-expiration", "", "400 BadExpirationDate");
    check("apns-collapse-id", &"c".repeat(64), "200");
    check("apns-collapse-id", &"c".repeat(65), "400 BadCollapseId");
}

#[test]
fn payloads_have_limits() {
    let check = |push_type: &str, body: String, expected: &str| {
        let topic = match push_type {
            "voip" => "com.example.acme.voip",
            _ => "com.example.acme",
        };
        let headers = [("apns-push-type", push_type), ("apns-topic", topic)];
        let push = Received {
            body: body.into_bytes(),
            ..push("t1", &good_jwt(NOW_MS), &headers)
        };
        assert_eq!(reason(&counter(true).answer(&push).0), expected);
    };
    let sized = |len: usize| format!(r#"{{"aps":{{"alert":"{}"}}}}"#, "a".repeat(len - 20));
    check("alert", sized(4096), "200");
    check("alert", sized(4097), "413 PayloadTooLarge");
    check("voip", sized(5120), "200");
    check("voip", sized(5121), "413 PayloadTooLarge");
    for empty in ["", "{}", "[]", "text", r#"{"aps":1}"#] {
        check("alert", empty.to_owned(), "400 PayloadEmpty");
    }
}

#[test]
fn tokens_meet_their_fates() {
    let check = |is_production, token: &str, expected: [&str; 2]| {
        let counter = counter(is_production);
        let push = push(token, &good_jwt(NOW_MS), &[]);
        let answers = [(); 2].map(|()| reason(&counter.answer(&push).0));
        assert_eq!(answers, expected, "{token}");
    };
    check(true, "t1", ["200", "200"]);
    check(true, "bad-1", ["400 BadDeviceToken"; 2]);
    check(true, "gone-1", ["410 Unregistered"; 2]);
    check(true, "rate-1", ["429 TooManyRequests", "200"]);
    check(true, "fail-1", ["500 InternalServerError", "200"]);
    check(true, "quota-1", ["429 TooManyRequests"; 2]);
    check(true, "lost-1", ["200", "200"]);
    check(true, "mute-1", ["200", "200"]);
    check(true, "sandbox-1", ["400 BadDeviceToken"; 2]);
    check(false, "t1", ["400 BadDeviceToken"; 2]);
    check(false, "sandbox-1", ["200", "200"]);
    check(false, "sandbox-gone-1", ["410 Unregistered"; 2]);
}

#[test]
fn gone_says_since_when_in_milliseconds() {
    let push = push("gone-1", &good_jwt(NOW_MS), &[]);
    let (answer, taken) = counter(true).answer(&push);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body, json!({"reason": "Unregistered", "timestamp": NOW_MS}));
    assert_eq!(answer.headers[0], ("apns-id", ID.to_owned()));
    assert!(taken.is_empty());
}

proptest! {
    #[test]
    fn any_request_is_answered(
        method: String, path: String, authorization in "[ -~]{0,80}", body: Vec<u8>, http: u8, now_ms: i64,
    ) {
        let counter = counter(true);
        for path in [path.clone(), format!("/3/device/{path}")] {
            for jwt in [&authorization, &good_jwt(NOW_MS)] {
                let mut push = push("t1", jwt, &[]);
                push.headers.insert("apns-collapse-id", http::HeaderValue::from_bytes(&[200]).unwrap());
                let push = Received { method: method.clone(), path: path.clone(), body: body.clone(), http, now_ms, ..push };
                let (answer, taken) = counter.answer(&push);
                prop_assert_eq!(taken.len(), usize::from(answer.status == 200));
                let post = Received { method: "POST".to_owned(), http: 2, now_ms: NOW_MS, ..push };
                let (answer, taken) = counter.answer(&post);
                prop_assert_eq!(taken.len(), usize::from(answer.status == 200));
            }
        }
    }
}
