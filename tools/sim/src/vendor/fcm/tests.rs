use http::{HeaderMap, HeaderName};
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;

use super::*;

const PRIVATE_KEY: &str = include_str!("../../../tests/keys/rsa.pem");
const PUBLIC_KEY: &str = include_str!("../../../tests/keys/rsa.pub.pem");

const NOW_MS: i64 = 1_795_313_700_123;
const NOW_S: i64 = 1_795_313_700;
const TOKEN_URI: &str = "http://127.0.0.1:1/oauth/token";

fn counter() -> FcmCounter {
    FcmCounter::new(FcmSettings {
        project_id: "acme-1".to_owned(),
        client_email: "push@acme-1.example".to_owned(),
        private_key_id: "k1".to_owned(),
        public_key: PUBLIC_KEY.to_owned(),
        token_uri: TOKEN_URI.to_owned(),
    })
    .unwrap()
}

fn claims() -> Value {
    json!({"iss": "push@acme-1.example", "scope": SCOPE, "aud": TOKEN_URI, "iat": NOW_S, "exp": NOW_S + 3600})
}

fn assertion(kid: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = kid.map(str::to_owned);
    let key = EncodingKey::from_rsa_pem(PRIVATE_KEY.as_bytes()).unwrap();
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

fn received(path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Received {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        all.insert(name, value.parse().unwrap());
    }
    Received {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: all,
        body: body.into(),
        http: 2,
        now_ms: NOW_MS,
    }
}

fn asking(grant: &str, assertion: &str) -> Received {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", grant)
        .append_pair("assertion", assertion)
        .finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    received("/oauth/token", &headers, form)
}

fn access(counter: &FcmCounter) -> String {
    let (answer, _) = counter.answer(&asking(GRANT, &assertion(Some("k1"), &claims())));
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (&body["expires_in"], &body["token_type"]),
        (&json!(3599), &json!("Bearer"))
    );
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

fn pushing(access: &str, body: &Value) -> Received {
    let headers = [
        ("content-type", "application/json; charset=UTF-8"),
        ("authorization", access),
    ];
    received(
        "/v1/projects/acme-1/messages:send",
        &headers,
        body.to_string(),
    )
}

fn body(answer: &Answered) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn to(token: &str) -> Value {
    json!({"message": {"token": token, "notification": {"title": "Parcel", "body": "Arrives today"}}})
}

#[test]
fn an_assertion_is_the_accounts_and_of_now() {
    let counter = counter();
    let check = |grant: &str, assertion: &str, expected: &str| {
        let (answer, _) = counter.answer(&asking(grant, assertion));
        let error = body(&answer)["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(answer.status, if expected.is_empty() { 200 } else { 400 });
        assert_eq!(error, expected);
    };
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        assertion(Some("k1"), &claims)
    };
    check(GRANT, &assertion(Some("k1"), &claims()), "");
    check(GRANT, &assertion(None, &claims()), "");
    check(GRANT, &assertion(Some("k2"), &claims()), "invalid_grant");
    check("client_credentials", "", "unsupported_grant_type");
    check(GRANT, "x.y.z", "invalid_grant");
    check(
        GRANT,
        &with("iss", json!("other@acme-1.example")),
        "invalid_grant",
    );
    check(
        GRANT,
        &with("aud", json!("https://oauth2.googleapis.com/token")),
        "invalid_grant",
    );
    check(
        GRANT,
        &with("scope", json!("https://www.googleapis.com/auth/cloud")),
        "invalid_scope",
    );
    check(GRANT, &with("scope", json!(format!("a {SCOPE}"))), "");
    check(GRANT, &with("exp", json!(NOW_S + 3601)), "invalid_grant");
    check(GRANT, &with("exp", json!(NOW_S)), "invalid_grant");
    check(GRANT, &with("iat", json!(NOW_S + 61)), "invalid_grant");
    check(GRANT, &with("iat", json!("now")), "invalid_grant");
    let mut no_form = asking(GRANT, &assertion(None, &claims()));
    no_form.headers.clear();
    assert_eq!(
        body(&counter.answer(&no_form).0)["error"],
        "invalid_request"
    );
}

#[test]
fn an_access_is_good_for_an_hour_or_until_it_expires() {
    let counter = counter();
    let access = access(&counter);
    let at = |access: &str, now_ms| {
        let push = Received {
            now_ms,
            ..pushing(access, &to("t1"))
        };
        let (answer, _) = counter.answer(&push);
        (answer.status, body(&answer)["error"]["status"].clone())
    };
    let refused = (401, json!("UNAUTHENTICATED"));
    assert_eq!(at(&access, NOW_MS + 3_598_999).0, 200);
    assert_eq!(at(&access, NOW_MS + 3_599_000), refused);
    assert_eq!(at("Bearer other", NOW_MS), refused);
    assert_eq!(at(&access.replace("Bearer", "Basic"), NOW_MS), refused);
    counter.expire();
    assert_eq!(at(&access, NOW_MS), refused);
    assert_eq!(at(&super::tests::access(&counter), NOW_MS).0, 200);
}

#[test]
fn a_good_message_is_taken_under_its_name() {
    let counter = counter();
    let access = access(&counter);
    // The reference's sample.
    let sample = json!({"validate_only": false, "message": {"token": "fcmTok:APA91bEXAMPLE",
        "notification": {"title": "Parcel", "body": "Arrives today"}, "data": {"mid": "n-1001"},
        "android": {"priority": "HIGH", "ttl": "3600s", "collapse_key": "order",
            "restricted_package_name": "com.example.acme",
            "notification": {"channel_id": "orders", "tag": "order-42", "notification_priority": "PRIORITY_HIGH"}},
        "apns": {"headers": {"apns-priority": "10"}, "payload": {"aps": {"sound": "default"}}},
        "fcm_options": {"analytics_label": "n-1001"}}});
    let (answer, taken) = counter.answer(&pushing(&access, &sample));
    assert_eq!(answer.status, 200, "{}", body(&answer));
    let [taken] = &taken[..] else {
        panic!("{taken:?}");
    };
    assert_eq!(
        (&*taken.token, &*taken.title, &*taken.text, &*taken.collapse),
        (
            "fcmTok:APA91bEXAMPLE",
            "Parcel",
            "Arrives today",
            "order-42"
        )
    );
    assert_eq!(body(&answer)["name"], taken.request_id);
    assert!(
        taken
            .request_id
            .starts_with("projects/acme-1/messages/0:1795313700123%")
    );
    // JSON's names are good, too, and Android's texts go before the common ones.
    let camel = json!({"message": {"token": "t", "notification": {"title": "a", "body": "b"},
        "android": {"collapseKey": "k", "notification": {"title": "c", "channelId": "x"}}}});
    let (_, taken) = counter.answer(&pushing(&access, &camel));
    assert_eq!(
        (&*taken[0].title, &*taken[0].text, &*taken[0].collapse),
        ("c", "b", "k")
    );
    // What is only to be checked reaches nobody.
    let mut dry = to("t1");
    dry["validate_only"] = json!(true);
    let (answer, taken) = counter.answer(&pushing(&access, &dry));
    assert_eq!((answer.status, taken.len()), (200, 0));
}

#[test]
fn a_message_that_is_wrong_is_refused_by_its_field() {
    let counter = counter();
    let access = access(&counter);
    let check = |message: Value, field: &str| {
        let (answer, taken) = counter.answer(&pushing(&access, &json!({"message": message})));
        let body = body(&answer);
        let details = &body["error"]["details"][0];
        assert_eq!(answer.status, 400, "{message}");
        assert_eq!(
            details["@type"],
            "type.googleapis.com/google.rpc.BadRequest"
        );
        assert_eq!(details["fieldViolations"][0]["field"], field, "{message}");
        assert!(taken.is_empty());
    };
    check(json!({}), "message");
    check(json!({"token": ""}), "message");
    check(json!({"token": "t", "topic": "x"}), "message");
    check(
        json!({"token": "t", "notifcation": {}}),
        "message.notifcation",
    );
    check(
        json!({"token": "t", "notification": 1}),
        "message.notification",
    );
    check(
        json!({"token": "t", "notification": {"title": 1}}),
        "message.notification.title",
    );
    check(
        json!({"token": "t", "notification": {"text": "x"}}),
        "message.notification.text",
    );
    check(json!({"token": "t", "data": {"n": 1}}), "message.data.n");
    check(
        json!({"token": "t", "data": {"from": "x"}}),
        "message.data.from",
    );
    check(json!({"token": "t", "data": "x"}), "message.data");
    check(
        json!({"token": "t", "android": {"priority": "high"}}),
        "message.android.priority",
    );
    for ttl in [
        json!("3600"),
        json!(3600),
        json!("-1s"),
        json!("2419201s"),
        json!("1e3s"),
        json!("s"),
    ] {
        check(
            json!({"token": "t", "android": {"ttl": ttl}}),
            "message.android.ttl",
        );
    }
    check(
        json!({"token": "t", "android": {"notification": {"notification_priority": "HIGH"}}}),
        "message.android.notification.notification_priority",
    );
    check(
        json!({"token": "t", "fcm_options": {"analytics_label": "a b"}}),
        "message.fcm_options.analytics_label",
    );
    check(
        json!({"token": "t", "data": {"d": "d".repeat(4096)}}),
        "message",
    );
    check(
        json!({"topic": "t", "data": {"d": "d".repeat(2048)}}),
        "message",
    );
    let no_json = received(
        "/v1/projects/acme-1/messages:send",
        &[
            ("content-type", "application/json"),
            ("authorization", &access),
        ],
        "{",
    );
    assert_eq!(counter.answer(&no_json).0.status, 400);
}

#[test]
fn another_project_or_path_is_refused() {
    let counter = counter();
    let push = pushing(&access(&counter), &to("t1"));
    let at = |path: &str, method: &str| {
        let push = Received {
            path: path.to_owned(),
            method: method.to_owned(),
            ..push.clone()
        };
        let answer = counter.answer(&push).0;
        (answer.status, body(&answer)["error"]["status"].clone())
    };
    let send = "/v1/projects/acme-2/messages:send";
    assert_eq!(at(send, "POST"), (403, json!("PERMISSION_DENIED")));
    assert_eq!(at("/fcm/send", "POST"), (404, json!("NOT_FOUND")));
    assert_eq!(
        at("/v1/projects/acme-1/messages:send", "GET"),
        (404, json!("NOT_FOUND"))
    );
}

#[test]
fn tokens_meet_their_fates() {
    let counter = counter();
    let access = access(&counter);
    let check = |token: &str, expected: [(u16, &str); 2]| {
        let answers = [(); 2].map(|()| {
            let (answer, taken) = counter.answer(&pushing(&access, &to(token)));
            assert_eq!(taken.len(), usize::from(answer.status == 200));
            let detail = body(&answer)["error"]["details"][0]["errorCode"].clone();
            (
                answer.status,
                detail.as_str().unwrap_or_default().to_owned(),
            )
        });
        assert_eq!(
            answers.each_ref().map(|(status, code)| (*status, &**code)),
            expected
        );
    };
    check("t1", [(200, ""); 2]);
    check("gone-1", [(404, "UNREGISTERED"); 2]);
    check("bad-1", [(400, "INVALID_ARGUMENT"); 2]);
    check("quota-1", [(429, "QUOTA_EXCEEDED"); 2]);
    check("rate-1", [(429, "QUOTA_EXCEEDED"), (200, "")]);
    check("fail-1", [(503, "UNAVAILABLE"), (200, "")]);
    check("lost-1", [(200, ""); 2]);
    check("mute-1", [(200, ""); 2]);
    let (answer, _) = counter.answer(&pushing(&access, &to("fail-2")));
    assert!(answer.headers.contains(&("retry-after", "1".to_owned())));
}

#[test]
fn an_address_has_a_path() {
    for (url, expected) in [
        ("https://oauth2.googleapis.com/token", "/token"),
        ("http://127.0.0.1:1/a/b?c", "/a/b"),
        ("http://127.0.0.1:1", "/"),
        ("/token", "/token"),
        ("", "/"),
    ] {
        assert_eq!(path(url), expected, "{url}");
    }
}

proptest! {
    #[test]
    fn any_request_is_answered(method: String, path: String, header in "[ -~]{0,40}", body: Vec<u8>, now_ms: i64) {
        let counter = counter();
        let access = access(&counter);
        for path in [&*path, "/oauth/token", "/v1/projects/acme-1/messages:send"] {
            for content_type in ["application/json", "application/x-www-form-urlencoded"] {
                for (method, now_ms, access) in [(&*method, now_ms, &header), ("POST", NOW_MS, &access)] {
                    let headers = [("content-type", content_type), ("authorization", &**access)];
                    let push = received(path, &headers, body.clone());
                    let _ = counter.answer(&Received { method: method.to_owned(), now_ms, ..push });
                }
            }
        }
    }

    #[test]
    fn any_message_is_answered(name in "[a-zA-Z_]{0,20}", text: String, number: i64) {
        let counter = counter();
        let access = access(&counter);
        for value in [json!(text), json!(number), json!({&*name: text}), json!([text]), json!(null)] {
            for part in ["message", "notification", "android", "data", "fcm_options"] {
                let message = json!({"token": text, &*name: value, part: value, "android": {part: value}});
                let _ = counter.answer(&pushing(&access, &json!({"message": message, part: value})));
            }
        }
    }
}
