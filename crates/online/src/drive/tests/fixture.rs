//! A gateway with phones, tasks and a ledger that can be held back, and sockets in memory.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Sink, Stream};
use parking_lot::Mutex;
use pushtally_channel::{Message, Target};
use pushtally_model::*;
use pushtally_store::*;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::{Frame, Online, Parts, Settings, SocketFault, secret_hash};

pub(super) const APP: AppId = AppId(1_400_000_000);
pub(super) const OTHER_APP: AppId = AppId(1_400_000_001);
pub(super) const NOW_S: i64 = 1_764_136_800;
pub(super) const ACCEPTED_AT: Second = Second(NOW_S as u32 - 5);
pub(super) const SECRET: &str = "00112233445566778899aabbccddeeff";
const KEY: &str = "key";

/// Lets everything run that can, on the one thread of a test's runtime.
pub(super) async fn let_all_run() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

pub(super) fn hello(registration_id: &str) -> Value {
    json!({"type": "hello", "version": 1, "sdkappid": APP.0, "registration_id": registration_id, "secret": secret_of(registration_id)})
}

/// A secret of each phone's own.
fn secret_of(registration_id: &str) -> String {
    if registration_id == "phone-1" {
        return SECRET.to_owned();
    }
    let sum: u32 = registration_id.bytes().map(u32::from).sum();
    format!("{sum:032x}")
}

pub(super) fn usersig(identifier: &str) -> String {
    let claims = pushtally_usersig::Claims {
        identifier: identifier.to_owned(),
        sdkappid: APP.0,
        time: NOW_S,
        expire: 3600,
        userbuf: None,
    };
    pushtally_usersig::make(KEY, &claims)
}

pub(super) fn message(id: &str) -> Message {
    Message {
        app: APP,
        id: TaskId::new(id).unwrap(),
        number: 1,
        urgency: pushtally_model::Urgency::Bulk,
        data_id: "d".to_owned(),
        notification: Notification {
            title: "Title".to_owned(),
            desc: "Text".to_owned(),
            ext: "{}".to_owned(),
            online_only: false,
            ..Notification::default()
        },
        accepted_at: ACCEPTED_AT,
        deadline: Second(NOW_S as u32 + 3600),
    }
}

pub(super) fn targets(numbers: impl IntoIterator<Item = u32>) -> Vec<Target> {
    let target = |number| Target {
        number: Number(number),
        token: None,
        language: String::new(),
    };
    numbers.into_iter().map(target).collect()
}

pub(super) struct World {
    pub(super) online: Arc<Online>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) phones: Arc<Phones>,
    pub(super) ledger: Arc<Ledger>,
    directory: Arc<Directory>,
}

fn apps(enabled: bool) -> Vec<App> {
    let app = |id| {
        let mut app = App::new(id, Secret::new(KEY));
        app.enabled = enabled;
        app
    };
    vec![app(APP), app(OTHER_APP)]
}

async fn name_task(identities: &dyn Identities, origin: Origin, id: &str) {
    let kind = Kind::Push;
    let names = Names {
        tasks: vec![TaskName { kind, origin, id }],
        ..Names::default()
    };
    identities.resolve(APP, &names).await.unwrap();
}

async fn accept_task(tasks: &dyn Tasks, id: &str) {
    let message = message(id);
    let draft = TaskDraft {
        app: APP,
        id: message.id,
        kind: TaskKind::Broadcast,
        urgency: Urgency::Bulk,
        sender: "administrator".to_owned(),
        random: 1,
        body_hash: [0; 32],
        data_id: message.data_id,
        audience: Audience::Everyone,
        notification: message.notification,
        accepted_at: message.accepted_at,
        deadline: message.deadline,
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
    let accepted = tasks.accept_task(&draft, Some(&[0]), &limits).await;
    assert!(matches!(accepted, Ok(Accepted::New(_))));
}

impl World {
    pub(super) async fn new() -> Self {
        let engine = memory::engine();
        for (origin, id) in [(Origin::Own, "task-a"), (Origin::Imported, "task-imported")] {
            name_task(&*engine.identities, origin, id).await;
        }
        accept_task(&*engine.tasks, "task-a").await;
        let clock = Arc::new(ManualClock::at_unix(NOW_S));
        let phones = Arc::new(Phones::default());
        let ledger = Arc::new(Ledger::default());
        let directory = Arc::new(Directory::new(apps(true)));
        let parts = Parts {
            directory: Arc::clone(&directory),
            devices: phones.clone(),
            tasks: engine.tasks,
            identities: engine.identities,
            report: ledger.clone(),
            clock: clock.clone(),
        };
        Self {
            online: Online::new(parts, Settings::default()),
            clock,
            phones,
            ledger,
            directory,
        }
    }

    pub(super) fn disable(&self) {
        self.directory.replace(apps(false));
    }

    /// A socket without a hello.
    pub(super) fn open(&self) -> Client {
        let pipe = Arc::new(Pipe::default());
        let online = Arc::clone(&self.online);
        let server = ServerEnd(Arc::clone(&pipe));
        tokio::spawn(async move { online.serve(server).await });
        Client(pipe)
    }

    pub(super) async fn connect(&self, registration_id: &str) -> Client {
        self.connect_to(APP, registration_id).await
    }

    pub(super) async fn connect_to(&self, app: AppId, registration_id: &str) -> Client {
        let client = self.open();
        let mut hello = hello(registration_id);
        hello["sdkappid"] = json!(app.0);
        client.say(hello);
        let welcome = client.hear().await;
        assert_eq!(welcome["type"], "welcome");
        assert_eq!(
            (&welcome["version"], &welcome["ping_s"]),
            (&json!(1), &json!(60))
        );
        client
    }
}

/// Both directions of a socket.
#[derive(Default)]
struct Pipe {
    state: Mutex<PipeState>,
    changed: Notify,
}

#[derive(Default)]
struct PipeState {
    incoming: VecDeque<Frame>,
    hung_up: bool,
    buffered: Vec<Frame>,
    outgoing: VecDeque<Frame>,
    stuck: bool,
    ended: bool,
    wakers: Vec<Waker>,
}

struct ServerEnd(Arc<Pipe>);

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_waiters();
    }
}

impl Stream for ServerEnd {
    type Item = Result<Frame, SocketFault>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.state.lock();
        match state.incoming.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if state.hung_up => Poll::Ready(None),
            None => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Sink<Frame> for ServerEnd {
    type Error = SocketFault;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), SocketFault> {
        self.0.state.lock().buffered.push(frame);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        let mut state = self.0.state.lock();
        if state.stuck {
            state.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        let buffered = std::mem::take(&mut state.buffered);
        state.outgoing.extend(buffered);
        drop(state);
        self.0.changed.notify_waiters();
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        self.poll_flush(cx)
    }
}

/// The phone's end.
pub(super) struct Client(Arc<Pipe>);

impl Client {
    fn change(&self, change: impl FnOnce(&mut PipeState)) {
        let mut state = self.0.state.lock();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn say(&self, frame: Value) {
        let text = Bytes::from(frame.to_string());
        self.change(|state| state.incoming.push_back(Frame::Text(text)));
    }

    pub(super) fn pong(&self) {
        self.change(|state| state.incoming.push_back(Frame::Pong));
    }

    pub(super) fn hang_up(&self) {
        self.change(|state| state.hung_up = true);
    }

    /// Takes nothing more, or again.
    pub(super) fn stick(&self, stuck: bool) {
        self.change(|state| state.stuck = stuck);
    }

    pub(super) fn heard(&self) -> usize {
        self.0.state.lock().outgoing.len()
    }

    pub(super) fn unread(&self) -> usize {
        self.0.state.lock().incoming.len()
    }

    async fn frame(&self) -> Option<Frame> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.0.state.lock();
                if let Some(frame) = state.outgoing.pop_front() {
                    return Some(frame);
                }
                if state.ended {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// The next text.
    pub(super) async fn hear(&self) -> Value {
        match self.frame().await {
            Some(Frame::Text(text)) => serde_json::from_slice(&text).unwrap(),
            other => panic!("not a text: {other:?}"),
        }
    }

    pub(super) async fn pinged(&self) -> bool {
        matches!(self.frame().await, Some(Frame::Ping))
    }

    /// The end, after any pings.
    pub(super) async fn closed(&self) -> (u16, String) {
        loop {
            match self.frame().await {
                Some(Frame::Close { code, reason }) => return (code, reason),
                Some(Frame::Ping) => {}
                other => panic!("not the end: {other:?}"),
            }
        }
    }

    pub(super) async fn ended(&self) {
        while self.frame().await.is_some() {}
    }
}

/// A ledger that can be held back.
pub(super) struct Ledger {
    calls: Mutex<Vec<(Source, Vec<Event>)>>,
    called: Notify,
    gate: Semaphore,
    held: AtomicBool,
    refuses: AtomicBool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            calls: Mutex::default(),
            called: Notify::new(),
            gate: Semaphore::new(0),
            held: AtomicBool::default(),
            refuses: AtomicBool::default(),
        }
    }
}

impl Ledger {
    pub(super) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(super) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.gate.add_permits(1);
    }

    pub(super) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(super) fn calls(&self) -> Vec<(Source, Vec<Event>)> {
        self.calls.lock().clone()
    }

    pub(super) async fn called(&self, times: usize) {
        loop {
            let called = self.called.notified();
            if self.calls.lock().len() >= times {
                return;
            }
            called.await;
        }
    }
}

#[async_trait]
impl Report for Ledger {
    async fn report(&self, source: Source, events: Vec<Event>) -> Result<(), StoreError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::Busy {
                what: "the intake".to_owned(),
            });
        }
        self.calls.lock().push((source, events));
        self.called.notify_waiters();
        if self.held.load(Ordering::SeqCst) {
            self.gate.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

/// Phones `phone-1` to `phone-99` less one with devices of these numbers; `phone-unregistered` has none. The first
/// three are of accounts `user1` to `user3`.
#[derive(Default)]
pub(super) struct Phones {
    looks: AtomicUsize,
    forget_after: AtomicUsize,
}

impl Phones {
    /// The phone's device is there for so many looks.
    pub(super) fn forget_after_looks(&self, looks: usize) {
        self.forget_after.store(looks, Ordering::SeqCst);
    }
}

#[async_trait]
impl Devices for Phones {
    async fn find_phone(
        &self,
        app: AppId,
        id: &RegistrationId,
    ) -> Result<Option<Phone>, StoreError> {
        let secret = secret_hash(&Secret::new(secret_of(id.as_str()))).unwrap();
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        let forget_after = self.forget_after.load(Ordering::SeqCst);
        let device = match (app, id.as_str()) {
            (APP, "phone-unregistered") => None,
            (OTHER_APP, "phone-other") => Some(Number(1)),
            (APP, name) => match name.strip_prefix("phone-").map(str::parse) {
                Some(Ok(number)) if number < 99 => Some(Number(number)),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        if forget_after > 0 && looks == forget_after {
            return Ok(Some(Phone {
                secret,
                device: None,
            }));
        }
        Ok(Some(Phone { secret, device }))
    }

    async fn find_device(&self, _: AppId, number: Number) -> Result<Option<Device>, StoreError> {
        Ok(Some(Device {
            number,
            registration_id: RegistrationId::new(format!("phone-{number}")).unwrap(),
            account: Some(Account::new(format!("user{number}")).unwrap()),
            facts: DeviceFacts::default(),
            registered_at: Second(0),
            said_at: Second(0),
            dropped: Vec::new(),
        }))
    }

    async fn register_device(
        &self,
        _: AppId,
        _: &Registration,
        _: u64,
    ) -> Result<Registered, StoreError> {
        unreachable!("the gateway registers nobody")
    }

    async fn holders(&self, _: AppId, _: &[Addressed]) -> Result<Vec<Option<Number>>, StoreError> {
        unreachable!("the gateway asks for no token")
    }

    async fn drop_tokens(&self, _: AppId, _: &[DeadToken], _: Second) -> Result<u64, StoreError> {
        unreachable!("the gateway drops no token")
    }

    async fn restore_tokens(
        &self,
        _: AppId,
        _: &[Number],
        _: &Restoring,
        _: Second,
    ) -> Result<u64, StoreError> {
        unreachable!("the gateway restores no token")
    }

    async fn replace_tokens(
        &self,
        _: AppId,
        _: &[ReplacedToken],
        _: Second,
    ) -> Result<u64, StoreError> {
        unreachable!("the gateway replaces no token")
    }

    async fn forget_former_holders(&self, _: Second) -> Result<u64, StoreError> {
        unreachable!("the gateway asks for no token")
    }

    async fn import_devices(
        &self,
        _: AppId,
        _: &[Registration],
        _: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        unreachable!("the gateway imports nobody")
    }

    async fn update_device(
        &self,
        _: AppId,
        _: &RegistrationId,
        _: SecretHash,
        _: &DeviceChange,
    ) -> Result<Updated, StoreError> {
        unreachable!("the gateway changes nobody")
    }

    async fn unregister_device(
        &self,
        _: AppId,
        _: &RegistrationId,
        _: SecretHash,
        _: Second,
    ) -> Result<Unregistered, StoreError> {
        unreachable!("the gateway unregisters nobody")
    }

    async fn find_devices(&self, _: AppId, _: &[Number]) -> Result<Vec<Device>, StoreError> {
        unreachable!("the gateway looks for one at a time")
    }

    async fn devices_of_account(&self, _: AppId, _: &Account) -> Result<Vec<Device>, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn account_known(&self, _: AppId, _: &Account) -> Result<bool, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn device_shards(&self, _: AppId) -> Result<Vec<u16>, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn visit_shard(
        &self,
        _: AppId,
        _: u16,
        _: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn count_devices(&self, _: AppId) -> Result<u64, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError> {
        unreachable!("the gateway gives no numbers")
    }
}
