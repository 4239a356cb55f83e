//! Everything behind `/v1/devices` over the in-memory engine, called without a socket.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use http::request::Builder;
use http_body_util::BodyExt as _;
use pushtally_audience::{Audience, Registrar};
use pushtally_http::{
    Limits, Metrics, Operators, Peer, Quotas, Recorder, State, Throttles, Turns, operator_router,
    public_router,
};
use pushtally_model::{App, AppId, Device, ManualClock, Secret, SystemEntropy};
use pushtally_online::{Online, Parts, Settings};
use pushtally_receipt::{self as receipt, Importer, Inbox};
use pushtally_stats::{Options, Stats};
use pushtally_store::{Directory, Engine, memory};
use pushtally_usersig::Claims;
use pushtally_webhook::RelayCounters;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::dispatch::dispatch;

/// Every field of a registration.
pub(crate) const FIELDS: [&str; 14] = [
    "client_key",
    "registration_id",
    "secret",
    "account",
    "usersig",
    "tokens",
    "vendor",
    "model",
    "system",
    "system_version",
    "app_version",
    "sdk_version",
    "notifications",
    "language",
];
pub(crate) const APP: AppId = AppId(1_400_000_000);
pub(crate) const OTHER_APP: AppId = AppId(1_400_000_001);
pub(crate) const NOBODYS_APP: AppId = AppId(7);
pub(crate) const NOW_S: i64 = 1_764_136_800;
pub(crate) const CLIENT_KEY: &str = "in-every-copy";
pub(crate) const SECRET: &str = "00112233445566778899aabbccddeeff";
pub(crate) const OTHER_SECRET: &str = "ffeeddccbbaa99887766554433221100";

pub(crate) struct Server {
    pub(crate) state: Arc<State>,
    pub(crate) engine: Engine,
    pub(crate) ns: Arc<AtomicU64>,
    pub(crate) public: Router,
    operator: Router,
}

/// An answer: status, headers, body.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(other, _)| other == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// The last part of a problem's `type`.
    pub(crate) fn code(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default()
    }
}

pub(crate) fn app(id: AppId) -> App {
    let mut app = App::new(id, Secret::new(format!("key of {id}")));
    app.client_key = Some(Secret::new(CLIENT_KEY));
    app
}

pub(crate) fn no_limits() -> Limits {
    Limits {
        registrations_per_address: 0,
        ..Limits::default()
    }
}

impl Server {
    pub(crate) async fn start(apps: Vec<App>, limits: Limits) -> Self {
        let engine = memory::engine();
        let clock = Arc::new(ManualClock::at_unix(NOW_S));
        let stats = Stats::open(engine.clone(), clock.clone(), Options::default())
            .await
            .unwrap();
        let directory = Arc::new(Directory::new(apps));
        let parts = Parts {
            directory: directory.clone(),
            devices: engine.devices.clone(),
            tasks: engine.tasks.clone(),
            identities: engine.identities.clone(),
            report: stats.clone(),
            clock: clock.clone(),
        };
        let ns = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&ns);
        let entropy = Arc::new(SystemEntropy);
        let online = Online::new(parts, Settings::default());
        let dispatch = dispatch(&engine, &stats, &online, clock.clone()).await;
        let dead = dispatch.dead_tokens();
        let state = Arc::new(State {
            directory,
            identities: engine.identities.clone(),
            importer: Importer::new(engine.identities.clone(), stats.clone()),
            receipts: Inbox::new(
                std::collections::BTreeMap::new(),
                receipt::Recorder::new(&engine, stats.clone(), dead, clock.clone()),
            ),
            stats,
            registrar: Registrar::new(engine.devices.clone(), clock.clone(), entropy),
            online,
            dispatch,
            audience: Audience::new(engine.devices.clone(), engine.accounts.clone()),
            accounts: engine.accounts.clone(),
            forgettings: engine.forgettings.clone(),
            tasks: engine.tasks.clone(),
            audit: Arc::new(Recorder::new(engine.audit.clone(), clock.clone())),
            entropy: Arc::new(SystemEntropy),
            hooked: pushtally_webhook::HookCounters::default(),
            relays: engine.relays.clone(),
            relayed: RelayCounters::default(),
            clock,
            metrics: Arc::new(Metrics::default()),
            quotas: Quotas::default(),
            turns: Turns::default(),
            operators: Operators::default(),
            throttles: Throttles::with_time(move || time.load(Ordering::SeqCst)),
            ready: Arc::new(|| Ok(())),
            limits,
        });
        Self {
            public: public_router(state.clone()),
            operator: operator_router(state.clone()),
            state,
            engine,
            ns,
        }
    }

    /// With both apps and no limit on addresses.
    pub(crate) async fn open() -> Self {
        Self::start(vec![app(APP), app(OTHER_APP)], no_limits()).await
    }

    pub(crate) async fn call_from(&self, peer: &str, builder: Builder, body: Vec<u8>) -> Answer {
        let peer: IpAddr = peer.parse().unwrap();
        let request = builder.extension(Peer(peer)).body(Body::from(body));
        let response = self.public.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
        let headers = headers.collect();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            body,
        }
    }

    pub(crate) async fn call(&self, builder: Builder, body: Vec<u8>) -> Answer {
        self.call_from("192.0.2.1", builder, body).await
    }

    pub(crate) async fn register(&self, body: &Value) -> Answer {
        self.register_in(APP, body).await
    }

    pub(crate) async fn register_in(&self, app: AppId, body: &Value) -> Answer {
        let request = http::Request::post(format!("/v1/devices?sdkappid={app}"));
        self.call(request, body.to_string().into_bytes()).await
    }

    pub(crate) async fn change(&self, phone: &str, secret: &str, body: &Value) -> Answer {
        let request = one("PATCH", APP, phone, secret);
        self.call(request, body.to_string().into_bytes()).await
    }

    pub(crate) async fn unregister(&self, phone: &str, secret: &str) -> Answer {
        self.call(one("DELETE", APP, phone, secret), Vec::new())
            .await
    }

    /// Everything that is stored of devices.
    pub(crate) async fn everything(&self) -> Vec<(AppId, Device)> {
        let mut all = Vec::new();
        for app in [APP, OTHER_APP, NOBODYS_APP] {
            for shard in self.engine.devices.device_shards(app).await.unwrap() {
                let mut visit = |device| {
                    all.push((app, device));
                    ControlFlow::Continue(())
                };
                let visited = self.engine.devices.visit_shard(app, shard, &mut visit);
                visited.await.unwrap();
            }
        }
        all
    }

    /// A line of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> Option<String> {
        let request = http::Request::get("/metrics").body(Body::empty()).unwrap();
        let response = self.operator.clone().oneshot(request).await.unwrap();
        let page = response.into_body().collect().await.unwrap().to_bytes();
        let page = String::from_utf8(page.to_vec()).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    }
}

pub(crate) fn one(method: &str, app: AppId, phone: &str, secret: &str) -> Builder {
    http::Request::builder()
        .method(method)
        .uri(format!("/v1/devices/{phone}?sdkappid={app}"))
        .header("authorization", format!("Bearer {secret}"))
}

pub(crate) fn usersig(app: AppId, account: &str) -> String {
    usersig_until(app, account, 3600)
}

pub(crate) fn usersig_until(app: AppId, account: &str, expire: i64) -> String {
    let claims = Claims {
        identifier: account.to_owned(),
        sdkappid: app.0,
        time: NOW_S,
        expire,
        userbuf: None,
    };
    pushtally_usersig::make(&format!("key of {app}"), &claims)
}

/// A whole registration, as in the protocol's page.
pub(crate) fn registration(phone: &str, account: &str) -> Value {
    json!({
        "client_key": CLIENT_KEY,
        "registration_id": phone,
        "secret": SECRET,
        "account": account,
        "usersig": usersig(APP, account),
        "tokens": [
            {"channel": "fcm", "token": format!("fcm of {phone}")},
            {"channel": "apns", "kind": "alert", "token": format!("apns of {phone}"), "cert_id": 11345, "environment": "production"},
        ],
        "vendor": "apns",
        "model": "iPhone17,1",
        "system": "iOS",
        "system_version": "26.1",
        "app_version": "3.2.0",
        "sdk_version": "1.0.0",
        "notifications": "granted",
        "language": "zh-Hans",
    })
}

/// The same with one field different; `None` leaves it out.
pub(crate) fn with(mut body: Value, field: &str, value: Option<Value>) -> Value {
    let object = body.as_object_mut().unwrap();
    match value {
        Some(value) => drop(object.insert(field.to_owned(), value)),
        None => drop(object.remove(field)),
    }
    body
}
