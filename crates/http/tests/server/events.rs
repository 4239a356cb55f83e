//! `/v1/events`: proofs, bad events among good ones, relays, and what storage refuses.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pushtally_model::{Kind, Origin};
use pushtally_store::{
    Names, RelayBacklog, RelayCall, RelayLine, RelayQueue, StoreError, TaskName, memory,
};
use pushtally_webhook::Call;

use super::fixture::{
    APP, KEY, NOW_S, Server, Setup, app, around, code, credentials, event, events, usersig,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_prove_themselves() {
    let server = Server::start(Setup::default()).await;
    let body = events(&[event("t1", "a", 1, 0)]);
    let check = async |query: &str, expected: u64| {
        let reply = server.post(&format!("/v1/events?{query}"), &body).await;
        assert_eq!(code(&reply), expected, "{query}: {reply}");
    };
    let signed = server.signed();
    check(&signed, 0).await;
    check(&credentials(), 0).await;
    check(
        &format!("{signed}&ClientIP=127.0.0.1&OptPlatform=RESTAPI"),
        0,
    )
    .await;
    check(&signed.replace("Push.AllMemberPush", "Push.TagPush"), 60009).await;
    check(&signed.replace(&format!("SdkAppid={APP}&"), ""), 60012).await;
    check(&signed.replace("SdkAppid=14", "SdkAppid=15"), 70020).await;
    check(&format!("SdkAppid={APP}"), 60025).await;
    check(&signed.replace("RequestTime", "requesttime"), 60025).await;
    check(
        &signed.replace(&NOW_S.to_string(), &(NOW_S + 1).to_string()),
        70009,
    )
    .await;
    check(
        &signed.replace(&NOW_S.to_string(), &(NOW_S - 301).to_string()),
        70001,
    )
    .await;
    let nobody = usersig(KEY, "nobody", APP.0, NOW_S);
    check(
        &format!("sdkappid={APP}&identifier=nobody&usersig={nobody}"),
        90009,
    )
    .await;
    let mut without_token = app();
    without_token.callback_token = None;
    server.state.directory.replace([without_token.clone()]);
    check(&signed, 70016).await;
    without_token.enabled = false;
    server.state.directory.replace([without_token]);
    check(&credentials(), 90045).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_events_count_and_bad_ones_are_named() {
    let server = Server::start(Setup::default()).await;
    let own = TaskName {
        kind: Kind::Push,
        origin: Origin::Own,
        id: "mine",
    };
    server
        .engine
        .identities
        .resolve(
            APP,
            &Names {
                tasks: vec![own],
                ..Names::default()
            },
        )
        .await
        .unwrap();
    let body = events(&[
        event("mine", "a", 1, 0),
        event("t1", "a", 1, 0),
        "{}".to_owned(),
        event("t1", "b", 4, 0),
        event("t1", "c", 1, 0),
        event("mine", "b", 1, 0),
    ]);
    let reply = server.import(&body).await;
    assert_eq!(code(&reply), 90100);
    let own = "the task was created by this server, its events cannot be imported";
    let expected = format!(
        "`4` of `6` events are refused, the others count; event `0`: {own}; event `2`: `CallbackCommand` is missing; \
         event `3`: `PushStage` must be 1, 2 or 3, not `4`; event `5`: {own}"
    );
    assert_eq!(reply["ErrorInfo"], expected);
    assert_eq!(
        server.statistics(&around(r#"["t1"]"#)).await["Results"][0]["SentCount"],
        2
    );
    assert_eq!(
        server.statistics(&around(r#"["mine"]"#)).await["Results"][0]["TotalCount"],
        0
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_which_nothing_can_count_are_refused() {
    let server = Server::start(Setup::default()).await;
    for (body, expected) in [
        (String::new(), 60003),
        ("{\"Events\":".to_owned(), 60003),
        ("{}".to_owned(), 90100),
        (events(&[]), 90100),
        (events(&vec![event("t1", "a", 1, 0); 101]), 90100),
        (" ".repeat(1024 * 1024 + 1), 60003),
    ] {
        assert_eq!(code(&server.import(&body).await), expected);
    }
    assert_eq!(
        server.statistics(&around("[]")).await["Results"][0]["TotalCount"],
        0
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_calls_are_relayed_byte_for_byte() {
    let mut relaying = app();
    relaying.relay_to = Some("https://backend.example/hook".to_owned());
    let server = Server::start(Setup {
        apps: vec![relaying],
        ..Setup::default()
    })
    .await;
    let query = server.signed();
    let sound = format!(" {} ", events(&[event("t1", "a", 1, 0)]));
    let partly = events(&[event("t1", "a", 1, 0), "17".to_owned()]);
    assert_eq!(code(&server.import(&sound).await), 0);
    assert_eq!(code(&server.import(&partly).await), 90100);
    assert_eq!(code(&server.import("{}").await), 90100);
    let waiting = server
        .engine
        .relays
        .read(APP.into(), 0, 10, usize::MAX)
        .await
        .unwrap();
    let bodies: Vec<Bytes> = vec![sound.into(), partly.into()];
    assert_eq!(waiting.len(), 2, "a body refused whole is not relayed");
    for (call, body) in waiting.iter().zip(bodies) {
        let expected = Call {
            query: query.clone(),
            content_type: None,
            headers: Vec::new(),
            body,
        };
        assert_eq!(call.call, expected.encode());
    }
    server.stop().await;
}

/// A relay queue that refuses everything for a reason.
pub(crate) struct Refusing(pub(crate) StoreError);

#[async_trait]
impl RelayQueue for Refusing {
    async fn push(&self, _: RelayLine, _: Bytes) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }

    async fn read(
        &self,
        _: RelayLine,
        _: u64,
        _: usize,
        _: usize,
    ) -> Result<Vec<RelayCall>, StoreError> {
        Err(self.0.clone())
    }

    async fn done(&self, _: RelayLine, _: u64) -> Result<(), StoreError> {
        Err(self.0.clone())
    }

    async fn cursor(&self, _: RelayLine) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }

    async fn backlog(&self, _: RelayLine) -> Result<RelayBacklog, StoreError> {
        Err(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_storage_refuses_has_documented_codes() {
    let what = || "/some/where".to_owned();
    for (error, expected) in [
        (StoreError::Busy { what: what() }, 60018),
        (StoreError::Full { what: what() }, 90102),
        (StoreError::Io { what: what() }, 91000),
    ] {
        let mut relaying = app();
        relaying.relay_to = Some("https://backend.example/hook".to_owned());
        let mut engine = memory::engine();
        engine.relays = Arc::new(Refusing(error));
        let server = Server::start(Setup {
            apps: vec![relaying],
            engine,
            ..Setup::default()
        })
        .await;
        let reply = server.import(&events(&[event("t1", "a", 1, 0)])).await;
        assert_eq!(code(&reply), expected);
        assert!(!reply.to_string().contains("some"), "{reply}");
        server.stop().await;
    }
}
