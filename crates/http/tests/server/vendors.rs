//! A server of an app with an account at each vendor that sends receipts, and what these send.

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
pub(crate) const CALLBACK_KEY: &str = "c2VjcmV0a2V5MDAwMDAwMDAwMDAwMDAwMDA=";
/// What Huawei and HarmonyOS are answered.
pub(crate) const SUCCESS: &str =
    r#"{"code":"0","message":"success","errno":"0","errmsg":"success"}"#;

/// A vendor with its number on the wire, its credentials, and a receipt that says delivered.
pub(crate) struct Given {
    pub(crate) channel: Channel,
    pub(crate) platform: u64,
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
    pub(crate) given: Vec<Given>,
    pub(crate) mark: String,
}

impl Bench {
    pub(crate) async fn start() -> Self {
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

pub(crate) fn signature(at_ms: i64, nonce: &str, key: &str) -> String {
    let key = STANDARD.decode(key).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{at_ms}{nonce}cbuser").as_bytes());
    let value = STANDARD.encode(mac.finalize().into_bytes());
    format!("timestamp={at_ms};nonce={nonce};value={value}")
}
