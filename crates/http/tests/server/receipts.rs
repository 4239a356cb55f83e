//! Vendors' receipts: what the address answers, and what counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::Full;
use pushtally_channel::ValveLimits;
use pushtally_model::{
    Channel, DeviceFacts, Environment, Event, FixedEntropy, ManualClock, Number, RegistrationId,
    Route, Second, Secret, Source, Stage, TaskId, Token, TokenKind, What,
};
use pushtally_online::secret_hash;
use pushtally_receipt::Marks;
use pushtally_store::{Directory, Engine, Registered, Registration, Report as _, memory};
use pushtally_vendor::{
    Account, AccountSettings, Carrier, ClientSettings, Marker, SharedAccess, vendor,
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::fixture::{APP, NOW_S, Server, Setup, app, around, send, task};

pub(crate) const KEY: &str = "receipts-key";
const CALLBACK_KEY: &str = "c2VjcmV0a2V5MDAwMDAwMDAwMDAwMDAwMDA=";
/// What Huawei and HarmonyOS are answered.
pub(crate) const SUCCESS: &str =
    r#"{"code":"0","message":"success","errno":"0","errmsg":"success"}"#;

/// A vendor with its number on the wire, its credentials, and a receipt that says delivered.
struct Given {
    channel: Channel,
    platform: u64,
    credentials: Value,
    body: fn(mark: &str, token: &str) -> String,
}

fn given() -> Vec<Given> {
    let given = |channel, platform, credentials, body| Given {
        channel,
        platform,
        credentials,
        body,
    };
    vec![
        given(
            Channel::Xiaomi,
            2,
            json!({"app_secret": "s", "package": "p"}),
            |mark, token| {
                let message = json!({"m1": {"param": mark, "type": 1, "targets": token, "timestamp": NOW_S * 1000}});
                form("data", &message.to_string())
            },
        ),
        given(
            Channel::Huawei,
            3,
            json!({"client_id": "1", "client_secret": "s", "callback_user": "cbuser", "callback_key": CALLBACK_KEY}),
            |mark, token| statuses(0, mark, token),
        ),
        given(
            Channel::Meizu,
            5,
            json!({"app_id": "1", "app_secret": "s"}),
            |mark, token| {
                let message = json!({"m1-1": {"param": mark, "type": 1, "targets": [token]}});
                form("cb", &message.to_string())
            },
        ),
        given(
            Channel::Oppo,
            6,
            json!({"app_key": "k", "master_secret": "s"}),
            |mark, token| {
                json!([{"param": mark, "registrationIds": token, "eventType": "push_arrive", "eventTime": NOW_S * 1000}])
                    .to_string()
            },
        ),
        given(
            Channel::Vivo,
            7,
            json!({"app_id": "1", "app_key": "k", "app_secret": "s"}),
            |mark, token| {
                json!({"m1": {"param": mark, "targets": token, "ackTime": NOW_S * 1000}})
                    .to_string()
            },
        ),
        given(
            Channel::Honor,
            8,
            json!({"app_id": "1", "client_id": "2", "client_secret": "s"}),
            |mark, token| statuses(40_000_002, mark, token),
        ),
        given(
            Channel::Harmony,
            3,
            json!({"project_id": "1", "key_id": "k", "private_key": "p", "sub_account": "1"}),
            |mark, token| {
                let result = json!({"result": 0, "timestamp": NOW_S * 1000});
                json!({"statuses": [{"biTag": mark, "token": token, "deliveryStatus": result}]})
                    .to_string()
            },
        ),
    ]
}

fn statuses(status: u32, mark: &str, token: &str) -> String {
    let entry = json!({"biTag": mark, "token": token, "status": status, "timestamp": NOW_S * 1000});
    json!({"statuses": [entry]}).to_string()
}

fn form(name: &str, value: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair(name, value).finish()
}

/// A server of an app with an account at each vendor, and a push that was planned on each for a phone of its own.
pub(crate) struct Bench {
    pub(crate) server: Server,
    given: Vec<Given>,
    pub(crate) mark: String,
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(memory::engine(), None).await
    }

    /// With an address that receipts go to that are not ours, for every vendor.
    pub(crate) async fn start_with(engine: Engine, relay_to: Option<&str>) -> Self {
        let given = given();
        let mut app = app();
        app.receipts_key = Some(Secret::new(KEY));
        let marks = Arc::new(Marks::new(Arc::new(Directory::new([app.clone()]))));
        let vendors = carriers(&marks, relay_to);
        let key = task(&engine, "task").await;
        let setup = Setup {
            apps: vec![app],
            engine: engine.clone(),
            vendors,
            ..Setup::default()
        };
        let server = Server::start(setup).await;
        let mut planned = Vec::new();
        for given in &given {
            let number = register(&engine, given.channel).await;
            let way = (Route::Offline, given.channel);
            let what = What::Reached(Stage::Planned);
            let at = Second(NOW_S as u32);
            planned.extend(Event::new(APP, key, number, way, what, at));
        }
        server
            .state
            .stats
            .report(Source::Us, planned)
            .await
            .unwrap();
        let id = TaskId::new("task").unwrap();
        let stored = engine
            .tasks
            .find_stored_task(APP, &id)
            .await
            .unwrap()
            .unwrap();
        let mark = marks.mark(APP, stored.seq.0, NOW_S * 1000);
        Self {
            server,
            given,
            mark,
        }
    }

    /// A vendor's receipt that another system's mark came back with.
    pub(crate) fn body_of_others(&self, channel: Channel) -> String {
        (self.of(channel).body)("their-mark", "their-token")
    }

    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.given.iter().map(|given| given.channel).collect()
    }

    fn of(&self, channel: Channel) -> &Given {
        let mut given = self.given.iter();
        given.find(|given| given.channel == channel).unwrap()
    }

    pub(crate) fn body(&self, channel: Channel) -> String {
        (self.of(channel).body)(&self.mark, &token(channel))
    }

    pub(crate) async fn post(&self, channel: Channel, body: &str) -> (u16, Value) {
        self.post_signed(channel, body, Some(&self.signature("n")))
            .await
    }

    /// With the header of a signature, which only Huawei looks at.
    pub(crate) async fn post_signed(
        &self,
        channel: Channel,
        body: &str,
        signature: Option<&str>,
    ) -> (u16, Value) {
        let mut request = http::Request::post(path(channel.name(), &APP.to_string(), KEY))
            .header("host", "push.example");
        if let Some(signature) = signature {
            request = request.header("x-huawei-callback-id", signature);
        }
        let body = Full::new(Bytes::from(body.to_owned()));
        send(self.server.public, request.body(body).unwrap()).await
    }

    /// Huawei's signature of now.
    pub(crate) fn signature(&self, nonce: &str) -> String {
        signature(NOW_S * 1000, nonce, CALLBACK_KEY)
    }

    /// What was delivered, by vendor's number.
    pub(crate) async fn delivered(&self) -> BTreeMap<u64, u64> {
        let reply = self.server.statistics(&around(r#"["task"]"#)).await;
        let rows = reply["Results"][0]["PlatformStatistics"].as_array();
        let rows = rows.cloned().unwrap_or_default();
        let count = |row: &Value, name: &str| row[name].as_u64().unwrap();
        rows.iter()
            .map(|row| (count(row, "PushPlatform"), count(row, "DeliveredCount")))
            .filter(|(_, delivered)| *delivered > 0)
            .collect()
    }
}

/// An account of the app with each vendor that sends receipts.
pub(crate) fn carriers(
    marks: &Arc<Marks>,
    relay_to: Option<&str>,
) -> BTreeMap<Channel, Arc<Carrier>> {
    let of = |given: Given| {
        let carrier = carrier(&given, Arc::clone(marks) as _, relay_to);
        (given.channel, carrier)
    };
    given().into_iter().map(of).collect()
}

fn carrier(given: &Given, marker: Arc<dyn Marker>, relay_to: Option<&str>) -> Arc<Carrier> {
    let settings = AccountSettings {
        client: ClientSettings {
            timeout: Duration::from_secs(1),
            authorities: Vec::new(),
            http2_only: false,
            proxy: None,
            targets: pushtally_vendor::Targets::anywhere(),
        },
        limits: ValveLimits {
            rate: 100,
            ..ValveLimits::default()
        },
        calls_max: 1,
        receipts_url: Secret::new(""),
        receipts_relay_to: relay_to.map(Secret::new),
        shared_access: SharedAccess::default(),
    };
    let clock = Arc::new(ManualClock::at_unix(NOW_S));
    let vendor = vendor(given.channel, &given.credentials.to_string()).unwrap();
    let entropy = Arc::new(FixedEntropy(7));
    let account = Account::new(vendor, &settings, Arc::clone(&clock) as _, entropy).unwrap();
    let accounts = BTreeMap::from([((APP, 1), Arc::new(account))]);
    Arc::new(Carrier::new(accounts, marker, clock))
}

pub(crate) fn token(channel: Channel) -> String {
    format!("token-{}", channel.name())
}

pub(crate) async fn register(engine: &Engine, channel: Channel) -> Number {
    let token = Token {
        channel,
        kind: TokenKind::Alert,
        value: Secret::new(token(channel)),
        cert_id: 1,
        environment: Environment::Production,
    };
    let registration = Registration {
        registration_id: RegistrationId::new(channel.name()).unwrap(),
        account: None,
        secret: secret_hash(&Secret::new("00112233445566778899aabbccddeeff")).unwrap(),
        facts: DeviceFacts {
            tokens: vec![token],
            ..DeviceFacts::default()
        },
        at: Second(NOW_S as u32),
    };
    let registered = engine.devices.register_device(APP, &registration, 1_000);
    match registered.await.unwrap() {
        Registered::New { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn path(vendor: &str, sdkappid: &str, key: &str) -> String {
    format!("/v3/offline_push_report/{vendor}/{sdkappid}/{key}")
}

fn signature(at_ms: i64, nonce: &str, key: &str) -> String {
    let key = STANDARD.decode(key).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{at_ms}{nonce}cbuser").as_bytes());
    let value = STANDARD.encode(mac.finalize().into_bytes());
    format!("timestamp={at_ms};nonce={nonce};value={value}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vendors_receipt_counts_once_and_is_answered_as_it_wants() {
    let bench = Bench::start().await;
    for repetition in 0..2 {
        for given in &bench.given {
            let channel = given.channel;
            let signature = bench.signature(&format!("n-{repetition}"));
            let answer = bench
                .post_signed(channel, &bench.body(channel), Some(&signature))
                .await;
            let expected = match channel {
                Channel::Huawei | Channel::Harmony => serde_json::from_str(SUCCESS).unwrap(),
                Channel::Honor => json!({"code": "0", "message": "success"}),
                _ => json!(""),
            };
            assert_eq!(answer, (200, expected), "{channel:?}");
        }
        let mut expected = BTreeMap::new();
        for given in &bench.given {
            *expected.entry(given.platform).or_insert(0) += 1;
        }
        assert_eq!(bench.delivered().await, expected, "after {repetition}");
    }
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_not_the_whole_address_finds_nothing_there() {
    let bench = Bench::start().await;
    let app = APP.to_string();
    let body = bench.body(Channel::Honor);
    let call = async |method: &str, path: String| {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "push.example");
        let body = Full::new(Bytes::from(body.clone()));
        let (status, answer) = send(bench.server.public, request.body(body).unwrap()).await;
        assert!(!answer.to_string().contains(KEY), "{answer}");
        (
            status,
            answer["type"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let mut unlike = Vec::new();
    for (vendor, sdkappid, key) in [
        ("honor", app.as_str(), "receipts-kez"),
        ("honor", app.as_str(), "receipts-key2"),
        ("honor", app.as_str(), "receipts-ke"),
        ("honor", "1400000001", KEY),
        ("honor", "x", KEY),
        ("honor", "-1", KEY),
        ("nokia", app.as_str(), KEY),
        ("HONOR", app.as_str(), KEY),
        // They send none.
        ("apns", app.as_str(), KEY),
        ("fcm", app.as_str(), KEY),
        // No address of receipts, but with the key in it.
        ("honor", app.as_str(), ""),
        ("honor", app.as_str(), "receipts-key/"),
        ("honor", app.as_str(), "receipts-key/more"),
        ("honor", "", KEY),
    ] {
        for method in ["POST", "GET"] {
            let (status, kind) = call(method, path(vendor, sdkappid, key)).await;
            assert_eq!(status, 404, "{method} {vendor} {sdkappid} {key}");
            unlike.push(kind);
        }
    }
    // Nor does the answer say what was wrong.
    unlike.dedup();
    assert_eq!(unlike.len(), 1, "{unlike:?}");
    for method in ["GET", "PUT", "DELETE"] {
        let (status, _) = call(method, path("honor", &app, KEY)).await;
        assert_eq!(status, 405, "{method}");
    }
    assert_eq!(bench.delivered().await, BTreeMap::new());
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_without_a_key_or_an_account_takes_no_receipts() {
    let mut with_key = app();
    with_key.receipts_key = Some(Secret::new(KEY));
    for app in [app(), with_key] {
        let setup = Setup {
            apps: vec![app],
            ..Setup::default()
        };
        let server = Server::start(setup).await;
        for key in [KEY, "x"] {
            let request = http::Request::post(path("honor", &APP.to_string(), key));
            let request = request.header("host", "x").body(Full::new(Bytes::new()));
            let (status, _) = send(server.public, request.unwrap()).await;
            assert_eq!(status, 404);
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_none_are_refused_and_bad_entries_hold_up_no_good_one() {
    let bench = Bench::start().await;
    for (at, given) in bench.given.iter().enumerate() {
        let channel = given.channel;
        for (nth, body) in ["", "x", "{", "null", "\u{FFFD}"].into_iter().enumerate() {
            let signature = bench.signature(&format!("bad-{at}-{nth}"));
            let (status, answer) = bench.post_signed(channel, body, Some(&signature)).await;
            assert_eq!(status, 400, "{channel:?} {body:?}: {answer}");
            let title = answer["title"].as_str();
            assert_eq!(title, Some("The request is malformed"), "{channel:?}");
        }
    }
    assert_eq!(bench.delivered().await, BTreeMap::new());

    // One that is good among those that are not: the vendor is told that all is well, or it would send it for ever.
    let good: Value = serde_json::from_str(&bench.body(Channel::Honor)).unwrap();
    let good = &good["statuses"][0];
    let body = json!({"statuses": [7, {"token": ""}, good, {"status": 40_000_002}, null]});
    let (status, _) = bench.post(Channel::Honor, &body.to_string()).await;
    assert_eq!(status, 200);
    let of_nobody = json!({"statuses": [{"token": "nobodys", "status": 40_000_002, "biTag": "x"}]});
    let (status, _) = bench.post(Channel::Honor, &of_nobody.to_string()).await;
    assert_eq!(status, 200);
    assert_eq!(bench.delivered().await, BTreeMap::from([(8, 1)]));
    let metrics = http::Request::get("/metrics").header("host", "x");
    let metrics = metrics.body(Full::new(Bytes::new())).unwrap();
    let (_, metrics) = send(bench.server.operator, metrics).await;
    let metrics = metrics.as_str().unwrap();
    for (result, count) in [("recorded", 1), ("unmatched", 1), ("bad", 4)] {
        let line = format!(r#"receipts_total{{channel="honor",result="{result}"}} {count}"#);
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_bound_is_refused_whole() {
    let bench = Bench::start().await;
    let good: Value = serde_json::from_str(&bench.body(Channel::Honor)).unwrap();
    let padded = |len: usize| {
        let mut body = good.clone();
        body["padding"] = json!("");
        let without = body.to_string().len();
        body["padding"] = json!("x".repeat(len - without));
        body.to_string()
    };
    let (status, answer) = bench.post(Channel::Honor, &padded((2 << 20) + 1)).await;
    assert_eq!(status, 413, "{answer}");
    assert_eq!(bench.delivered().await, BTreeMap::new());
    let (status, _) = bench.post(Channel::Honor, &padded(2 << 20)).await;
    assert_eq!(status, 200);
    assert_eq!(bench.delivered().await, BTreeMap::from([(8, 1)]));
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_huawei_did_not_sign_now_and_once_counts_nothing() {
    let bench = Bench::start().await;
    let (channel, body) = (Channel::Huawei, bench.body(Channel::Huawei));
    let good = bench.signature("n-1");
    let now_ms = NOW_S * 1000;
    let other_key = STANDARD.encode("another key");
    for (what, bad) in [
        ("none", None),
        ("empty", Some(String::new())),
        ("another key's", Some(signature(now_ms, "n-1", &other_key))),
        ("another nonce", Some(good.replace("n-1", "n-2"))),
        (
            "too old",
            Some(signature(now_ms - 600_001, "n-1", CALLBACK_KEY)),
        ),
        (
            "of the future",
            Some(signature(now_ms + 600_001, "n-1", CALLBACK_KEY)),
        ),
        ("cut", Some(good[..good.len() - 8].to_owned())),
    ] {
        let (status, answer) = bench.post_signed(channel, &body, bad.as_deref()).await;
        assert_eq!(status, 400, "{what}: {answer}");
        assert!(!answer.to_string().contains(CALLBACK_KEY), "{answer}");
    }
    assert_eq!(bench.delivered().await, BTreeMap::new());
    let (status, _) = bench.post_signed(channel, &body, Some(&good)).await;
    assert_eq!(status, 200);
    // Whoever heard it once cannot say something else with it, but a vendor that did not hear the answer says it again.
    let other = body.replace("\"status\":0", "\"status\":2");
    assert_ne!(other, body);
    let (status, _) = bench.post_signed(channel, &other, Some(&good)).await;
    assert_eq!(status, 400);
    for again in [good, bench.signature("n-3")] {
        let (status, _) = bench.post_signed(channel, &body, Some(&again)).await;
        assert_eq!(status, 200, "{again}");
    }
    assert_eq!(bench.delivered().await, BTreeMap::from([(3, 1)]));
    bench.server.stop().await;
}
