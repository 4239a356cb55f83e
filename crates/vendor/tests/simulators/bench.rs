//! A vendor beside its simulator: what goes over the wire between them is theirs, what is seen of it is kept here.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use pushtally_channel::{Channel as _, Message, Outcome, Target, ValveLimits};
use pushtally_model::{
    AppId, Channel, Clock as _, Environment, FixedEntropy, ManualClock, Notification, Number,
    Second, Secret, SystemClock, TaskId, Token, TokenKind, Urgency,
};
use pushtally_sim::vendor::{
    Answered, Counter, Happened, ReceiptCall, Received, Service, ServiceSettings, Taken,
};
use pushtally_vendor::{
    Account, AccountSettings, Carrier, ClientSettings, Marker, Proxy, Receipts, SharedAccess,
    Vendor, vendor,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use crate::given::Given;

pub(crate) const APP: AppId = AppId(1_400_000_001);
/// As long as a mark may be.
pub(crate) const MARK: &str = "m-abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKL";
/// For how long a valve stays closed the first time.
pub(crate) const CLOSED: Duration = Duration::from_millis(500);
/// How long a test waits for what comes by itself before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Addresses that are known once sockets are open.
#[derive(Debug)]
pub(crate) struct Urls {
    pub(crate) vendor: String,
    pub(crate) receipts: String,
}

/// A simulator that is made when its address is known, and what it was asked and took.
#[derive(Debug)]
struct Recorder {
    counter: OnceLock<Box<dyn Counter>>,
    clock: Arc<ManualClock>,
    calls: Mutex<Vec<String>>,
    taken: Mutex<Vec<Taken>>,
}

impl Recorder {
    fn counter(&self) -> &dyn Counter {
        &**self.counter.get().unwrap()
    }

    /// The vendor's day is ours.
    fn at_our_time(&self, received: &Received) -> Received {
        Received {
            now_ms: self.clock.now_ms(),
            ..received.clone()
        }
    }
}

impl Counter for Recorder {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        let received = &self.at_our_time(received);
        let (answered, taken) = self.counter().answer(received);
        self.calls.lock().push(received.path.clone());
        self.taken.lock().extend(taken.iter().cloned());
        (answered, taken)
    }

    fn receipts(&self, happened: &[(Taken, Happened)], _: i64) -> Vec<ReceiptCall> {
        self.counter().receipts(happened, self.clock.now_ms())
    }

    fn expire(&self) {
        self.counter().expire();
    }

    fn trusts(&self, after: Option<&Received>) -> bool {
        let after = after.map(|received| self.at_our_time(received));
        self.counter().trusts(after.as_ref())
    }
}

/// What takes a vendor's receipts, and answers as that vendor wants.
#[derive(Debug)]
struct Sink {
    answer: (u16, &'static str),
    received: Mutex<Vec<Received>>,
}

impl Counter for Sink {
    fn answer(&self, received: &Received) -> (Answered, Vec<Taken>) {
        self.received.lock().push(received.clone());
        let (status, body) = self.answer;
        let answered = Answered {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        (answered, Vec::new())
    }

    fn receipts(&self, _: &[(Taken, Happened)], _: i64) -> Vec<ReceiptCall> {
        Vec::new()
    }

    fn expire(&self) {}
}

#[derive(Debug)]
struct SameMark;

impl Marker for SameMark {
    fn mark(&self, _: AppId, _: u64, _: i64) -> String {
        MARK.to_owned()
    }
}

/// A vendor, its simulator, and what takes its receipts.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) channel: Channel,
    pub(crate) service: Service,
    /// Stands still until the test moves it, for both sides.
    clock: Arc<ManualClock>,
    recorder: Arc<Recorder>,
    pub(crate) carrier: Carrier,
    credentials: Value,
    settings: AccountSettings,
    /// The same as the carrier's.
    vendor: Box<dyn Vendor>,
    sink: Arc<Sink>,
    _sink_service: Service,
}

impl Bench {
    pub(crate) async fn of(channel: Channel) -> Self {
        Self::with(channel, |_| {}).await
    }

    /// With other credentials than the simulator knows.
    pub(crate) async fn with(channel: Channel, change: impl FnOnce(&mut Value)) -> Self {
        Self::made(Given::of(channel), channel, None, |_| {}, change).await
    }

    /// Behind a proxy; with TLS, or as the vendor has it.
    pub(crate) async fn behind(
        proxy: Proxy,
        channel: Channel,
        tls: bool,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let given = Given::of(channel);
        let tls = tls || given.tls;
        Self::made(Given { tls, ..given }, channel, Some(proxy), |_| {}, change).await
    }

    /// With a service that is set up otherwise.
    pub(crate) async fn served(
        channel: Channel,
        set_up: impl FnOnce(&mut ServiceSettings),
    ) -> Self {
        Self::made(Given::of(channel), channel, None, set_up, |_| {}).await
    }

    async fn made(
        given: Given,
        channel: Channel,
        proxy: Option<Proxy>,
        set_up: impl FnOnce(&mut ServiceSettings),
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let quiet = ServiceSettings {
            delay: Duration::from_millis(5),
            ..ServiceSettings::default()
        };
        // What is answered to receipts does not depend on credentials, but only a vendor can say it.
        let unused = Urls {
            vendor: "http://localhost".to_owned(),
            receipts: String::new(),
        };
        let unused = vendor(channel, &(given.credentials)(&unused).to_string()).unwrap();
        let sink = Arc::new(Sink {
            answer: unused.receipt_answer(),
            received: Mutex::default(),
        });
        let sink_service = Service::start(Arc::clone(&sink) as _, quiet.clone());
        let sink_service = sink_service.await.unwrap();
        let receipts = format!("{}/receipts", sink_service.url());
        let now = SystemClock::default().now();
        let clock = Arc::new(ManualClock::at_unix(now.0.into()));
        let recorder = Arc::new(Recorder {
            counter: OnceLock::new(),
            clock: Arc::clone(&clock),
            calls: Mutex::default(),
            taken: Mutex::default(),
        });
        let mut settings = ServiceSettings {
            tls: given.tls,
            click_one_in: 3,
            repeat_one_in: 2,
            receipts_url: receipts.clone(),
            ..quiet
        };
        set_up(&mut settings);
        let service = Service::start(Arc::clone(&recorder) as _, settings);
        let service = service.await.unwrap();
        let urls = Urls {
            vendor: service.url(),
            receipts,
        };
        recorder.counter.set((given.counter)(&urls)).unwrap();
        let mut credentials = (given.credentials)(&urls);
        change(&mut credentials);
        let authority = service.certificate().map(|pem| {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
            certificate.unwrap()
        });
        let settings = AccountSettings {
            client: ClientSettings {
                timeout: Duration::from_secs(10),
                authorities: authority.into_iter().collect(),
                http2_only: channel == Channel::Apns,
                proxy,
                targets: pushtally_vendor::Targets::anywhere(),
            },
            limits: ValveLimits {
                rate: 0,
                failures_max: 3,
                closed_min: CLOSED,
                closed_max: CLOSED * 4,
            },
            calls_max: 32,
            receipts_url: Secret::new(urls.receipts),
            receipts_relay_to: None,
            shared_access: SharedAccess::default(),
        };
        let carrier = Carrier::new(BTreeMap::new(), Arc::new(SameMark), Arc::clone(&clock) as _);
        let mut bench = Self {
            channel,
            service,
            clock,
            recorder,
            carrier,
            vendor: vendor(channel, &credentials.to_string()).unwrap(),
            credentials,
            settings,
            sink,
            _sink_service: sink_service,
        };
        bench.set_account(7, |_| {});
        bench
    }

    /// Another account of the app, or this one anew.
    pub(crate) fn set_account(&mut self, cert_id: u32, change: impl FnOnce(&mut Value)) {
        let mut credentials = self.credentials.clone();
        change(&mut credentials);
        let vendor = vendor(self.channel, &credentials.to_string()).unwrap();
        // Nothing is left to chance: who waits waits for the longest.
        let entropy = Arc::new(FixedEntropy(0xFF));
        let clock = Arc::clone(&self.clock) as _;
        // The one before is gone before there is another.
        self.carrier.remove_account(APP, cert_id);
        let account = Account::new(vendor, &self.settings, clock, entropy).unwrap();
        self.carrier.put_account(APP, cert_id, &Arc::new(account));
    }

    pub(crate) fn message(&self, id: &str, notification: &Notification) -> Message {
        let now = self.clock.now();
        Message {
            app: APP,
            id: TaskId::new(id).unwrap(),
            number: 1,
            urgency: Urgency::Urgent,
            data_id: String::new(),
            notification: notification.clone(),
            accepted_at: now,
            deadline: Second(now.0 + 86_400),
        }
    }

    /// One push of this id to these tokens.
    pub(crate) async fn send(&self, id: &str, tokens: &[&str]) -> Vec<Outcome> {
        let message = self.message(id, &plain());
        let targets = self.targets(tokens);
        self.carrier.send(&message, &targets).await.outcomes
    }

    /// In portions, as whoever has many sends them.
    pub(crate) async fn send_message(&self, message: &Message, targets: &[Target]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(targets.len());
        for targets in targets.chunks(self.carrier.targets_max()) {
            outcomes.extend(self.carrier.send(message, targets).await.outcomes);
        }
        outcomes
    }

    pub(crate) fn targets(&self, tokens: &[&str]) -> Vec<Target> {
        let target = |(number, token): (u32, &&str)| self.target(number, token);
        (1..).zip(tokens).map(target).collect()
    }

    pub(crate) fn target(&self, number: u32, token: &str) -> Target {
        Target {
            number: Number(number),
            token: Some(Token {
                channel: self.channel,
                kind: TokenKind::Alert,
                value: Secret::new(token),
                cert_id: 7,
                environment: Environment::Production,
            }),
            language: String::new(),
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The paths of the calls since the last look.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.recorder.calls.lock())
    }

    /// What was taken since the last look.
    pub(crate) fn take_taken(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.recorder.taken.lock())
    }

    /// The vendor is not there any more, nor are its connections. The access that it gave is still kept.
    pub(crate) async fn stop(&mut self) {
        let other = Service::start(Arc::clone(&self.recorder) as _, ServiceSettings::default());
        drop(std::mem::replace(&mut self.service, other.await.unwrap()));
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap();
        self.clock.advance_ms(by_ms);
    }

    /// Every receipt that came up to now, as the vendor reads it.
    pub(crate) fn receipts(&self) -> Vec<Receipts> {
        let received = self.sink.received.lock();
        let read = |received: &Received| {
            let read = self
                .vendor
                .receipts(&received.headers, &received.body, self.clock.now_ms());
            read.unwrap_or_else(|error| {
                let body = String::from_utf8_lossy(&received.body);
                panic!("{:?}: {error}: {body}", self.channel)
            })
        };
        received.iter().map(read).collect()
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let wait = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, wait).await;
        assert!(ended.is_ok(), "{:?}: {what} takes too long", self.channel);
    }
}

pub(crate) fn plain() -> Notification {
    Notification {
        title: "Parcel".to_owned(),
        desc: "Arrives today".to_owned(),
        ..Notification::default()
    }
}
