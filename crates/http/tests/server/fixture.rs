//! A server to talk to, and ways to talk to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pushtally_audience::{Audience, Registrar};
use pushtally_http::{
    Limits, Metrics, Operators, Quotas, Recorder, State, Throttles, Turns, operator_router,
    public_router, serve,
};
use pushtally_model::{
    App, AppId, Channel, Clock as _, DeviceFacts, Kind, ManualClock, Notification, Number,
    OnUnknown, Origin, Quota, RegistrationId, Second, Secret, SystemEntropy, TaskDraft, TaskId,
    TaskKey, TaskKind, Urgency,
};
use pushtally_online::{Online, Parts, Settings, secret_hash};
use pushtally_receipt::{self as receipt, Importer, Inbox};
use pushtally_stats::{Options, Stats};
use pushtally_store::{
    AcceptLimits, Directory, Engine, Names, Registered, Registration, TaskName, memory,
};
use pushtally_usersig::Claims;
use pushtally_vendor::Carrier;
use pushtally_webhook::RelayCounters;
use rustls::ServerConfig;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::dispatch::dispatch;

pub(crate) const APP: AppId = AppId(1_400_000_000);
pub(crate) const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
pub(crate) const TOKEN: &str = "xxxxyyyy";
pub(crate) const NOW_S: i64 = 1_741_200_000;
pub(crate) const LOSSES: &str = "/v4/timpush/all_member_push_loss";
pub(crate) const STATISTICS: &str = "/v4/timpush/all_member_push_statistics";

/// What may differ from test to test.
pub(crate) struct Setup {
    pub(crate) apps: Vec<App>,
    pub(crate) engine: Engine,
    pub(crate) relayed: RelayCounters,
    pub(crate) vendors: BTreeMap<Channel, Arc<Carrier>>,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) limits: Limits,
    pub(crate) sockets: Settings,
    pub(crate) ready: Result<(), String>,
    pub(crate) operators: Operators,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            apps: vec![app()],
            engine: memory::engine(),
            relayed: RelayCounters::default(),
            vendors: BTreeMap::new(),
            tls: None,
            limits: Limits::default(),
            sockets: Settings::default(),
            ready: Ok(()),
            operators: Operators::default(),
        }
    }
}

/// An app without a quota on statistics and with a callback token.
pub(crate) fn app() -> App {
    let mut app = App::new(APP, Secret::new(KEY));
    app.callback_token = Some(Secret::new(TOKEN));
    app.quotas.insert(
        "all_member_push_statistics".to_owned(),
        Quota { per_second: 0 },
    );
    app
}

pub(crate) struct Server {
    pub(crate) public: SocketAddr,
    pub(crate) operator: SocketAddr,
    pub(crate) state: Arc<State>,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) quota_ns: Arc<AtomicU64>,
    stop: Vec<oneshot::Sender<()>>,
    running: Vec<JoinHandle<usize>>,
}

/// How long a server waits for its connections in the end.
pub(crate) const GRACE: Duration = Duration::from_secs(20);

impl Server {
    pub(crate) async fn start(setup: Setup) -> Self {
        let Setup {
            apps,
            engine,
            relayed,
            vendors,
            tls,
            limits,
            sockets,
            ready,
            operators,
        } = setup;
        let clock = Arc::new(ManualClock::at_unix(NOW_S));
        let stats = Stats::open(engine.clone(), clock.clone(), Options::default())
            .await
            .unwrap();
        let quota_ns = Arc::new(AtomicU64::new(0));
        let ns = Arc::clone(&quota_ns);
        let directory = Arc::new(Directory::new(apps));
        let parts = Parts {
            directory: Arc::clone(&directory),
            devices: engine.devices.clone(),
            tasks: engine.tasks.clone(),
            identities: engine.identities.clone(),
            report: stats.clone(),
            clock: clock.clone(),
        };
        let online = Online::new(parts, sockets);
        let dispatch = dispatch(&engine, &stats, &online, clock.clone()).await;
        let dead = dispatch.dead_tokens();
        let state = Arc::new(State {
            directory,
            registrar: Registrar::new(
                engine.devices.clone(),
                clock.clone(),
                Arc::new(SystemEntropy),
            ),
            online,
            dispatch,
            audience: Audience::new(engine.devices.clone(), engine.accounts.clone()),
            accounts: engine.accounts.clone(),
            forgettings: engine.forgettings.clone(),
            tasks: engine.tasks.clone(),
            audit: Arc::new(Recorder::new(engine.audit.clone(), clock.clone())),
            entropy: Arc::new(SystemEntropy),
            identities: engine.identities.clone(),
            importer: Importer::new(engine.identities.clone(), stats.clone()),
            receipts: Inbox::new(
                vendors,
                receipt::Recorder::new(&engine, stats.clone(), dead, clock.clone()),
            ),
            stats,
            hooked: pushtally_webhook::HookCounters::default(),
            relays: engine.relays.clone(),
            relayed,
            clock: clock.clone(),
            metrics: Arc::new(Metrics::default()),
            turns: Turns::default(),
            operators,
            throttles: Throttles::default(),
            quotas: Quotas::with_time(move || ns.load(Ordering::SeqCst)),
            ready: Arc::new(move || ready.clone()),
            limits: limits.clone(),
        });
        let mut server = Self {
            public: SocketAddr::from(([0; 4], 0)),
            operator: SocketAddr::from(([0; 4], 0)),
            state: Arc::clone(&state),
            engine,
            clock,
            quota_ns,
            stop: Vec::new(),
            running: Vec::new(),
        };
        server.public = server
            .listen(public_router(Arc::clone(&state)), tls, limits.clone())
            .await;
        server.operator = server.listen(operator_router(state), None, limits).await;
        server
    }

    async fn listen(
        &mut self,
        router: axum::Router,
        tls: Option<Arc<ServerConfig>>,
        limits: Limits,
    ) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        self.running.push(tokio::spawn(serve(
            vec![listener],
            router,
            tls,
            limits,
            stopped,
            GRACE,
        )));
        self.stop.push(stop);
        address
    }

    /// Stops; answers how many connections were cut off.
    pub(crate) async fn stop(self) -> usize {
        drop(self.stop);
        let mut cut = 0;
        for running in self.running {
            cut += running.await.unwrap();
        }
        self.state.stats.close().await.unwrap();
        cut
    }

    /// A statistics call by the administrator.
    pub(crate) async fn statistics(&self, body: &str) -> Value {
        self.post(&format!("{STATISTICS}?{}", credentials()), body)
            .await
    }

    /// A call for losses by the administrator.
    pub(crate) async fn losses(&self, body: &str) -> Value {
        self.post(&format!("{LOSSES}?{}", credentials()), body)
            .await
    }

    /// A signed webhook call.
    pub(crate) async fn import(&self, body: &str) -> Value {
        self.post(&format!("/v1/events?{}", self.signed()), body)
            .await
    }

    /// The query of a signed webhook call made now.
    pub(crate) fn signed(&self) -> String {
        let time = self.clock.now().0;
        let sign = hex(&Sha256::digest(format!("{TOKEN}{time}")));
        format!(
            "SdkAppid={APP}&CallbackCommand=Push.AllMemberPush&contenttype=json&Sign={sign}&RequestTime={time}"
        )
    }

    /// Any POST to the public listener; the status is always 200.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Value {
        let request = http::Request::post(path).header("host", "push.example:8080");
        let (status, json) = send(
            self.public,
            request
                .body(Full::new(Bytes::from(body.to_owned())))
                .unwrap(),
        )
        .await;
        assert_eq!(status, 200);
        json
    }
}

/// Registers a phone and answers its device's number.
pub(crate) async fn register(engine: &Engine, registration_id: &str, secret: &str) -> Number {
    let registration = Registration {
        registration_id: RegistrationId::new(registration_id).unwrap(),
        account: None,
        secret: secret_hash(&Secret::new(secret)).unwrap(),
        facts: DeviceFacts::default(),
        at: Second(NOW_S as u32),
    };
    let registered = engine
        .devices
        .register_device(APP, &registration, 1_000_000);
    match registered.await.unwrap() {
        Registered::New { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

/// Accepts a task for everyone and answers how events name it.
pub(crate) async fn task(engine: &Engine, id: &str) -> TaskKey {
    let draft = TaskDraft {
        app: APP,
        id: TaskId::new(id).unwrap(),
        kind: TaskKind::Broadcast,
        urgency: Urgency::Bulk,
        sender: "administrator".to_owned(),
        random: 1,
        body_hash: [0; 32],
        data_id: String::new(),
        audience: pushtally_model::Audience::Everyone,
        notification: Notification::default(),
        accepted_at: Second(NOW_S as u32),
        deadline: Second(NOW_S as u32 + 3600),
        on_unknown: OnUnknown::default(),
        message: None,
    };
    let limits = AcceptLimits {
        broadcasts_per_day: None,
        day_begins: Second(0),
        now_ms: NOW_S * 1000,
        broadcast_gap_ms: 0,
        open_tasks_max: 10,
    };
    engine
        .tasks
        .accept_task(&draft, Some(&[0]), &limits)
        .await
        .unwrap();
    let (kind, origin) = (Kind::Push, Origin::Own);
    let names = Names {
        tasks: vec![TaskName { kind, origin, id }],
        ..Names::default()
    };
    engine.identities.resolve(APP, &names).await.unwrap().tasks[0]
}

/// The administrator's URL parameters.
pub(crate) fn credentials() -> String {
    credentials_of(
        "administrator",
        &usersig(KEY, "administrator", APP.0, NOW_S),
    )
}

pub(crate) fn credentials_of(identifier: &str, usersig: &str) -> String {
    format!(
        "sdkappid={APP}&identifier={identifier}&usersig={usersig}&random=99999999&contenttype=json"
    )
}

pub(crate) fn usersig(key: &str, identifier: &str, sdkappid: u32, time: i64) -> String {
    let claims = Claims {
        identifier: identifier.to_owned(),
        sdkappid,
        time,
        expire: 86_400,
        userbuf: None,
    };
    pushtally_usersig::make(key, &claims)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: http::Request<Full<Bytes>>) -> (u16, Value) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    drop(sender);
    let _ = driver.await.unwrap();
    (
        status,
        serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).as_ref())),
    )
}

/// Writes bytes as they are and reads until the server closes.
pub(crate) async fn raw_bytes(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

/// The same, of what is answered with text.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> String {
    String::from_utf8(raw_bytes(address, request).await).unwrap()
}

pub(crate) fn code(reply: &Value) -> u64 {
    let status = &reply["ActionStatus"];
    let code = reply["ErrorCode"].as_u64().unwrap();
    assert_eq!(status, if code == 0 { "OK" } else { "FAIL" }, "{reply}");
    code
}

/// A webhook event of the sample's shape.
pub(crate) fn event(task: &str, account: &str, stage: u8, err_code: i64) -> String {
    format!(
        r#"{{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"{task}","TaskTime":{NOW_S},"EventTime":{NOW_S},"To_Account":"{account}","PushPlatform":1,"PushStage":{stage},"ErrCode":{err_code},"ErrInfo":"OK"}}"#
    )
}

pub(crate) fn events(events: &[String]) -> String {
    format!(r#"{{"Events":[{}]}}"#, events.join(","))
}

/// A query of the hour around the events.
pub(crate) fn around(tasks: &str) -> String {
    format!(
        r#"{{"StartTime":{},"EndTime":{},"TaskID":{tasks}}}"#,
        NOW_S - 1800,
        NOW_S + 1800
    )
}
