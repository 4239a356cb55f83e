//! `push` and `batch`: what is accepted is stored, what is refused is not, and both are in the audit.

use std::sync::Arc;

use async_trait::async_trait;
use pushtally_model::{
    Account, AppId, Audience, DeviceFacts, RegistrationId, Second, TaskId, TaskKind,
};
use pushtally_store::{Audit, AuditEntry, Engine, Registration, SecretHash, StoreError, memory};
use serde_json::{Value, json};

use super::fixture::{
    APP, KEY, NOW_S, Server, Setup, app, code, credentials, credentials_of, send, usersig,
};

const PUSH: &str = "/v4/timpush/push";
const BATCH: &str = "/v4/timpush/batch";

fn body(random: u32) -> String {
    format!(
        r#"{{"From_Account":"administrator","MsgRandom":{random},"OfflinePushInfo":{{"Title":"t","Desc":"d"}}}}"#
    )
}

fn batch(to: &str) -> String {
    body(7).replace("{\"From", &format!("{{\"To_Account\":{to},\"From"))
}

async fn push(server: &Server, body: &str) -> Value {
    server
        .post(&format!("{PUSH}?{}", credentials()), body)
        .await
}

async fn send_batch(server: &Server, body: &str) -> Value {
    server
        .post(&format!("{BATCH}?{}", credentials()), body)
        .await
}

/// A device of this account is registered.
pub(crate) async fn register(engine: &Engine, account: &str) {
    let registration = Registration {
        registration_id: RegistrationId::new(format!("phone of {account}")).unwrap(),
        account: Some(Account::new(account).unwrap()),
        secret: SecretHash([7; 32]),
        facts: DeviceFacts::default(),
        at: Second(1),
    };
    engine
        .devices
        .register_device(APP, &registration, 100)
        .await
        .unwrap();
}

async fn audit(server: &Server) -> Vec<AuditEntry> {
    server.engine.audit.entries(None, None, 100).await.unwrap()
}

async fn tasks(server: &Server) -> usize {
    server
        .engine
        .tasks
        .list_tasks(None, None, 100)
        .await
        .unwrap()
        .len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_push_is_stored_under_its_task_id() {
    let server = Server::start(Setup::default()).await;
    let body = body(0x00bc_614e).replace("\"Title\"", "\"PushFlag\":1,\"Title\"");
    let body = body.replace("{\"From", "{\"DataId\":\"mine\",\"MsgLifeTime\":60,\"From");
    let reply = push(&server, &body).await;
    assert_eq!(code(&reply), 0);
    let id = reply["TaskId"].as_str().unwrap();
    let begins = format!("{:x}_{:x}_", NOW_S, APP.0);
    assert!(id.starts_with(&begins) && id.ends_with("_bc614e"), "{id}");
    let id = TaskId::new(id).unwrap();
    let stored = server.engine.tasks.find_stored_task(APP, &id).await;
    let draft = stored.unwrap().unwrap().draft;
    assert_eq!(draft.kind, TaskKind::Broadcast);
    assert_eq!(draft.audience, Audience::Everyone);
    assert_eq!(
        (draft.sender.as_str(), draft.data_id.as_str()),
        ("administrator", "mine")
    );
    assert!(draft.notification.online_only);
    assert_eq!(draft.deadline.0 - draft.accepted_at.0, 60);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_push_of_the_second_is_the_same_task() {
    let server = Server::start(Setup::default()).await;
    let first = push(&server, &body(1)).await;
    assert_eq!(push(&server, &body(1)).await, first);
    assert_eq!(tasks(&server).await, 1);
    assert_eq!(audit(&server).await.len(), 1, "one call to the audit, too");
    let other = push(&server, &body(2)).await;
    assert_eq!(code(&other), 90024);
    assert_eq!(other["TaskId"], "");
    server.clock.advance_ms(1000);
    assert_eq!(code(&push(&server, &body(1)).await), 90024);
    server.clock.advance_ms(1);
    let later = push(&server, &body(1)).await;
    assert_eq!(code(&later), 0);
    assert_ne!(later["TaskId"], first["TaskId"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pushes_of_a_day_are_counted_and_batches_are_not() {
    let mut app = app();
    app.broadcasts_per_day = 2;
    let server = Server::start(Setup {
        apps: vec![app],
        ..Setup::default()
    })
    .await;
    register(&server.engine, "a").await;
    for expected in [0, 0, 90047] {
        assert_eq!(code(&push(&server, &body(1)).await), expected);
        server.clock.advance_ms(2000);
    }
    assert_eq!(code(&send_batch(&server, &batch(r#"["a"]"#)).await), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_has_at_most_ten_kibibytes_and_a_batch_more_for_its_accounts() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let of_len = |body: &str, len: usize| {
        let filling = len - body.len();
        body.replace("\"t\"", &format!("\"t{}\"", "x".repeat(filling)))
    };
    assert_eq!(code(&push(&server, &of_len(&body(1), 10_240)).await), 0);
    let reply = push(&server, &of_len(&body(1), 10_241)).await;
    let expected = json!({
        "ActionStatus": "FAIL", "ErrorInfo": "push is longer than `10240` bytes", "ErrorCode": 90056, "TaskId": "",
    });
    assert_eq!(reply, expected);
    let names = |count: usize| format!("[{}\"a\"]", "\"nobody\",".repeat(count));
    assert_eq!(code(&send_batch(&server, &batch(&names(499))).await), 0);
    let long = format!("[\"a\",\"{}\"]", "x".repeat(128 * 1024));
    assert_eq!(code(&send_batch(&server, &batch(&long)).await), 60003);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_do_not_exist_are_named() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    register(&server.engine, "b").await;
    let unknown = |name: &str| json!({"To_Account": name, "ErrorCode": 70107, "ErrorInfo": "the account does not exist"});
    let some = send_batch(&server, &batch(r#"["x","b","","a","b","phone of a"]"#)).await;
    assert_eq!(code(&some), 0);
    assert_eq!(some["ErrorList"], json!([unknown("x"), unknown("")]));
    let id = TaskId::new(some["TaskId"].as_str().unwrap()).unwrap();
    assert!(id.as_str().starts_with("batch_"));
    let stored = server.engine.tasks.find_stored_task(APP, &id).await;
    let names = ["b", "a", "phone of a"].map(|name| Account::new(name).unwrap());
    assert_eq!(
        stored.unwrap().unwrap().draft.audience,
        Audience::Accounts(names.to_vec())
    );
    let none = send_batch(&server, &batch(r#"["x","y"]"#)).await;
    assert_eq!((code(&none), &none["TaskId"]), (70107, &json!("")));
    assert_eq!(none["ErrorList"], json!([unknown("x"), unknown("y")]));
    let all = send_batch(&server, &batch(r#"["a"]"#)).await;
    assert_eq!(all.get("ErrorList"), None);
    assert_eq!(tasks(&server).await, 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_administrator_of_the_app_sends_and_strangers_leave_no_trace() {
    let mut other = pushtally_model::App::new(AppId(5), pushtally_model::Secret::new("second"));
    other.administrators = vec!["boss".to_owned()];
    let server = Server::start(Setup {
        apps: vec![app(), other],
        ..Setup::default()
    })
    .await;
    for path in [PUSH, BATCH, "/v4/all_member_push/im_push"] {
        let check = async |query: String, expected: u64| {
            let reply = server.post(&format!("{path}?{query}"), &body(1)).await;
            assert_eq!(
                (code(&reply), &reply["TaskId"]),
                (expected, &json!("")),
                "{path} {query}"
            );
        };
        let signed =
            |key: &str, name: &str, app: u32| credentials_of(name, &usersig(key, name, app, NOW_S));
        check(signed(KEY, "nobody", APP.0), 90009).await;
        check(signed("second", "boss", APP.0), 70009).await;
        check(signed("second", "boss", 5), 70014).await;
        check(
            "sdkappid=9&identifier=a&usersig=b&random=1&contenttype=json".to_owned(),
            70020,
        )
        .await;
    }
    assert_eq!(audit(&server).await, []);
    assert_eq!(tasks(&server).await, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_tells_who_did_what_and_holds_no_secret() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let accepted = push(&server, &body(1)).await;
    let refused = push(&server, "{}").await;
    let sent = send_batch(&server, &batch(r#"["a"]"#)).await;
    assert_eq!(
        [code(&accepted), code(&refused), code(&sent)],
        [0, 90005, 0]
    );
    let entries = audit(&server).await;
    let told: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| (entry.what.as_str(), entry.target.as_str(), entry.code))
        .collect();
    let id = |reply: &Value| reply["TaskId"].as_str().unwrap().to_owned();
    assert_eq!(
        told,
        [
            ("push", id(&accepted).as_str(), 0),
            ("push", "", 90005),
            ("batch", id(&sent).as_str(), 0),
        ]
    );
    for entry in &entries {
        assert_eq!(
            (entry.who.as_str(), entry.app),
            ("administrator", Some(APP))
        );
        assert_eq!(entry.body_hash.len(), 64);
        assert_eq!(entry.from, "127.0.0.1");
    }
    let sig = usersig(KEY, "administrator", APP.0, NOW_S);
    let all = format!("{entries:?}");
    assert!(!all.contains(&sig) && !all.contains(KEY), "{all}");
    server.stop().await;
}

/// An audit that cannot be written.
struct Broken;

#[async_trait]
impl Audit for Broken {
    async fn append_entry(&self, _: &AuditEntry) -> Result<u64, StoreError> {
        Err(StoreError::Full {
            what: "the audit".to_owned(),
        })
    }

    async fn entries(
        &self,
        _: Option<AppId>,
        _: Option<u64>,
        _: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        Ok(Vec::new())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_push_is_never_answered_as_failed() {
    let mut engine = memory::engine();
    engine.audit = Arc::new(Broken);
    let server = Server::start(Setup {
        engine,
        ..Setup::default()
    })
    .await;
    assert_eq!(code(&push(&server, &body(1)).await), 0);
    assert_eq!(tasks(&server).await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_have_a_quota_a_second_and_pushes_one_of_their_own() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let mut codes = Vec::new();
    for _ in 0..31 {
        codes.push(code(&send_batch(&server, &batch(r#"["a"]"#)).await));
    }
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 30);
    assert_eq!(codes.last(), Some(&60007));
    let (_, page) = send(
        server.operator,
        http::Request::get("/metrics")
            .header("host", "x")
            .body(Default::default())
            .unwrap(),
    )
    .await;
    let page = page.as_str().unwrap();
    for line in [
        r#"pushtally_pushes_total{app="1400000000",command="batch",result="accepted"} 30"#,
        r#"pushtally_requests_total{command="batch",code="60007"} 1"#,
        "pushtally_dispatch_failed 0",
        "pushtally_dispatch_tasks_open 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    server.stop().await;
}
