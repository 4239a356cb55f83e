//! Calls to APNs, byte by byte.

use pushtally_model::{Environment, Notification, Second, Secret, TaskId};

use super::super::Environments;
use super::super::credentials::tests::sample;
use super::*;
use crate::given;

const NOW_MS: i64 = 1_795_313_600_123;

struct Case {
    notification: Notification,
    kind: TokenKind,
    environment: Environment,
    token: &'static str,
    environments: Environments,
}

impl Case {
    fn new(content: ApnsContent) -> Self {
        Self {
            notification: Notification {
                title: "Parcel".to_owned(),
                desc: "Arrives today".to_owned(),
                ext: r#"{"a":1}"#.to_owned(),
                apns: Some(Box::new(content)),
                ..Notification::default()
            },
            kind: TokenKind::Alert,
            environment: Environment::Production,
            token: "3f0c9a",
            environments: Environments::Both,
        }
    }

    fn call(&self) -> Result<Call, Failure> {
        let task = TaskId::new("t-1001").unwrap();
        let token = Secret::new(self.token);
        let post = Post {
            mark: "m1",
            receipts_url: "https://push.example.com/r",
            left_s: 3600,
            now_ms: NOW_MS,
            access: "j.w.t",
            ..given::post(&task, &self.notification)
        };
        let to = To {
            kind: self.kind,
            environment: self.environment,
            ..given::to(9, &token)
        };
        let mut credentials = sample();
        credentials.environments = self.environments;
        call(&credentials, &post, &[to])
    }

    fn body(&self) -> String {
        String::from_utf8(self.call().unwrap().body).unwrap()
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let headers = self.call().unwrap().headers.into_iter();
        let text = |(name, value): (_, Secret)| (name, value.expose().to_owned());
        headers.map(text).collect()
    }

    fn header(&self, name: &str) -> String {
        let mut headers = self.headers().into_iter();
        headers.find(|header| header.0 == name).unwrap().1
    }
}

fn activity(state: &str) -> ApnsContent {
    ApnsContent {
        live_activity: Some(LiveActivity {
            id: "la".to_owned(),
            ends: true,
            state: state.to_owned(),
            dismissed_at: Some(Second(1_795_320_000)),
        }),
        ..ApnsContent::default()
    }
}

#[test]
fn a_full_alert_byte_by_byte() {
    let mut case = Case::new(ApnsContent {
        counts: Some(true),
        title: "Your parcel".to_owned(),
        subtitle: "Acme".to_owned(),
        image: "https://example.com/i.png".to_owned(),
        mutable: true,
        sound: "ring.caf".to_owned(),
        interruption: Some(Interruption::TimeSensitive),
        ..ApnsContent::default()
    });
    case.notification.badge = Some(Badge::Set(3));
    let id = "97bd1793-f3fd-8cf8-a28f-b3e4a697b8e1";
    let call = case.call().unwrap();
    assert_eq!(call.url, "https://api.push.apple.com/3/device/3f0c9a");
    let expected = [
        ("apns-topic", "com.example.acme"),
        ("apns-push-type", "alert"),
        ("apns-id", id),
        ("apns-expiration", "1795317200"),
        ("apns-priority", "10"),
        ("apns-collapse-id", id),
        ("authorization", "bearer j.w.t"),
    ];
    let expected = expected.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(case.headers(), expected);
    assert_eq!(
        case.body(),
        concat!(
            r#"{"aps":{"alert":{"title":"Your parcel","subtitle":"Acme","body":"Arrives today"},"badge":3,"#,
            r#""sound":"ring.caf","interruption-level":"time-sensitive","mutable-content":1},"#,
            r#""ext":"{\"a\":1}","id":"t-1001","mark":"m1","image":"https://example.com/i.png"}"#
        )
    );
    assert_eq!(call, case.call().unwrap(), "a repetition is the same");
}

#[test]
fn what_is_not_said_is_not_sent() {
    let mut case = Case::new(ApnsContent::default());
    case.notification.apns = None;
    case.notification.ext.clear();
    case.notification.badge = Some(Badge::Add(1));
    assert_eq!(
        case.body(),
        r#"{"aps":{"alert":{"title":"Parcel","body":"Arrives today"},"sound":"default"},"id":"t-1001","mark":"m1"}"#
    );
}

#[test]
fn how_it_interrupts_and_sounds() {
    let check = |interruption, name: &str, expected: &str| {
        let body = Case::new(ApnsContent {
            interruption: Some(interruption),
            sound: name.to_owned(),
            ..ApnsContent::default()
        })
        .body();
        let from = body.find("},").unwrap() + 2;
        assert_eq!(&body[from..body.find("},\"ext").unwrap()], expected);
    };
    check(
        Interruption::Critical,
        "alarm.caf",
        r#""sound":{"critical":1,"name":"alarm.caf","volume":1.0},"interruption-level":"critical""#,
    );
    check(
        Interruption::Critical,
        "",
        r#""sound":{"critical":1,"name":"default","volume":1.0},"interruption-level":"critical""#,
    );
    check(
        Interruption::Passive,
        "",
        r#""interruption-level":"passive""#,
    );
    check(
        Interruption::Passive,
        "low.caf",
        r#""sound":"low.caf","interruption-level":"passive""#,
    );
    check(
        Interruption::Active,
        "",
        r#""sound":"default","interruption-level":"active""#,
    );
}

#[test]
fn a_silent_push_only_wakes() {
    let mut case = Case::new(ApnsContent {
        silent: true,
        sound: "ring.caf".to_owned(),
        mutable: true,
        ..ApnsContent::default()
    });
    case.notification.badge = Some(Badge::Set(3));
    assert_eq!(
        case.body(),
        r#"{"aps":{"content-available":1},"ext":"{\"a\":1}","id":"t-1001","mark":"m1"}"#
    );
    assert_eq!(case.header("apns-push-type"), "background");
    assert_eq!(case.header("apns-priority"), "5");
    assert_eq!(case.header("apns-topic"), "com.example.acme");
}

#[test]
fn a_calls_token_gets_a_call() {
    let mut case = Case::new(ApnsContent {
        silent: true,
        ..ApnsContent::default()
    });
    case.kind = TokenKind::Voip;
    assert_eq!(case.header("apns-push-type"), "voip");
    assert_eq!(case.header("apns-topic"), "com.example.acme.voip");
    assert_eq!(case.header("apns-priority"), "10");
    assert_eq!(
        case.body(),
        r#"{"aps":{"alert":{"title":"Parcel","body":"Arrives today"}},"ext":"{\"a\":1}","id":"t-1001","mark":"m1"}"#
    );
}

#[test]
fn a_live_activity_is_changed_by_its_own_token() {
    let mut case = Case::new(activity(r#" {"eta": 5} "#));
    case.kind = TokenKind::LiveActivity;
    assert_eq!(case.header("apns-push-type"), "liveactivity");
    assert_eq!(
        case.header("apns-topic"),
        "com.example.acme.push-type.liveactivity"
    );
    assert_eq!(
        case.body(),
        concat!(
            r#"{"aps":{"alert":{"title":"Parcel","body":"Arrives today"},"timestamp":1795313600,"event":"end","#,
            r#""content-state":{"eta": 5},"dismissal-date":1795320000}}"#
        )
    );
    case.notification.title.clear();
    case.notification.desc.clear();
    assert!(case.body().starts_with(r#"{"aps":{"timestamp""#));
    for state in ["", "[1]", "{", "{} {}"] {
        let mut case = Case::new(activity(state));
        case.kind = TokenKind::LiveActivity;
        assert!(matches!(case.call(), Err(Failure::Rejected(_))), "{state}");
    }
    let mut case = Case::new(ApnsContent::default());
    case.kind = TokenKind::LiveActivity;
    assert!(matches!(case.call(), Err(Failure::Rejected(_))));
}

#[test]
fn the_environment_of_the_token_says_where_to_call() {
    let mut case = Case::new(ApnsContent::default());
    case.environment = Environment::Sandbox;
    let url = case.call().unwrap().url;
    assert_eq!(url, "https://api.sandbox.push.apple.com/3/device/3f0c9a");
    case.environments = Environments::Production;
    assert!(matches!(case.call(), Err(Failure::Misconfigured(_))));
}

#[test]
fn a_payload_fits_to_the_byte_or_is_refused() {
    let check = |kind, max: usize| {
        let mut case = Case::new(ApnsContent::default());
        case.kind = kind;
        case.notification.ext.clear();
        let rest = max - case.body().len() - r#""ext":"","#.len();
        case.notification.ext = "x".repeat(rest);
        assert_eq!(case.body().len(), max);
        case.notification.ext.push('x');
        let text = format!("PayloadTooLarge: {} bytes, at most {max}", max + 1);
        let expected = Failure::Rejected(Said::new(413, text));
        assert_eq!(case.call(), Err(expected));
    };
    check(TokenKind::Alert, 4096);
    check(TokenKind::Voip, 5120);
}

#[test]
fn a_token_that_cannot_stand_in_an_address_is_a_bad_one() {
    for token in ["", "a/b", "..", "a?b", "ключ", "a b"] {
        let mut case = Case::new(ApnsContent::default());
        case.token = token;
        let expected = Failure::Targets(Said::new(400, "BadDeviceToken"));
        assert_eq!(case.call(), Err(expected), "{token}");
    }
}
