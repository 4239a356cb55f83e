//! How often, how many, and whose address counts. Time moves when the test moves it.

use std::sync::atomic::Ordering;

use pushtally_http::{Limits, TrustedProxies};
use serde_json::json;

use super::fixture::{
    APP, OTHER_APP, OTHER_SECRET, SECRET, Server, app, no_limits, one, registration, usersig, with,
};

const SECOND_NS: u64 = 1_000_000_000;

fn post() -> http::request::Builder {
    http::Request::post(format!("/v1/devices?sdkappid={APP}"))
}

#[tokio::test]
async fn an_address_is_told_when_to_come_again_and_others_are_not_held_up() {
    let server = Server::start(vec![app(APP)], Limits::default()).await;
    let body = || registration("phone", "user1").to_string().into_bytes();
    let mut statuses = Vec::new();
    for _ in 0..50 {
        statuses.push(server.call_from("192.0.2.1", post(), body()).await.status);
    }
    assert_eq!(statuses[0], 201);
    assert!(
        statuses[1..].iter().all(|status| *status == 200),
        "{statuses:?}"
    );
    let late = server.call_from("192.0.2.1", post(), body()).await;
    assert_eq!((late.status, late.code()), (429, "too-many"));
    assert_eq!(late.header("retry-after"), Some("1"));
    // Changes, guesses and nonsense count too.
    for request in [
        one("PATCH", APP, "phone", SECRET),
        one("DELETE", APP, "phone", SECRET),
        post(),
    ] {
        assert_eq!(
            server
                .call_from("192.0.2.1", request, Vec::new())
                .await
                .status,
            429
        );
    }
    assert_eq!(server.everything().await.len(), 1);
    assert_eq!(
        server.call_from("192.0.2.2", post(), body()).await.status,
        200
    );
    // Reports do not: a whole office or carrier may be behind the address.
    let reports = json!({"registration_id": "phone", "reports": [{"id": "t", "stage": "clicked"}]});
    for (secret, status) in [(OTHER_SECRET, 401), (SECRET, 200)] {
        let request = http::Request::post(format!("/v1/reports?sdkappid={APP}"))
            .header("authorization", format!("Bearer {secret}"));
        let body = reports.to_string().into_bytes();
        let answer = server.call_from("192.0.2.1", request, body).await;
        assert_eq!(answer.status, status);
    }
    server.ns.fetch_add(SECOND_NS / 10, Ordering::SeqCst);
    assert_eq!(
        server
            .call_from("192.0.2.1", post(), b"nonsense".to_vec())
            .await
            .status,
        400
    );
    assert_eq!(
        server.call_from("192.0.2.1", post(), body()).await.status,
        429
    );
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_counts_and_elsewhere_the_peer() {
    let limits = Limits {
        registrations_per_address: 1,
        trusted_proxies: TrustedProxies::parse(&["10.0.0.0/8"]).unwrap(),
        ..Limits::default()
    };
    let server = Server::start(vec![app(APP)], limits).await;
    let calls = async |peer: &str, forwarded: &dyn Fn(usize) -> String| {
        let mut admitted = 0;
        for call in 0..20 {
            let request = post().header("x-forwarded-for", forwarded(call));
            let answer = server.call_from(peer, request, b"{}".to_vec()).await;
            admitted += usize::from(answer.status != 429);
        }
        admitted
    };
    let changing = |call: usize| format!("198.51.100.{call}");
    let behind = |call: usize| format!("198.51.100.{call}, 203.0.113.1");
    assert_eq!(calls("10.0.0.1", &changing).await, 20);
    assert_eq!(
        calls("192.0.2.1", &changing).await,
        5,
        "no proxy, not believed"
    );
    assert_eq!(
        calls("10.0.0.2", &behind).await,
        5,
        "what the client made up"
    );
}

#[tokio::test]
async fn an_apps_registrations_are_bounded_and_strangers_do_not_use_them_up() {
    let mut slow = app(APP);
    slow.registrations_per_second = 2;
    let server = Server::start(vec![slow, app(OTHER_APP)], no_limits()).await;
    let stranger = with(
        registration("phone", "user1"),
        "client_key",
        Some(json!("x")),
    );
    for _ in 0..20 {
        assert_eq!(server.register(&stranger).await.status, 401);
    }
    let body = registration("phone", "user1");
    assert_eq!(server.register(&body).await.status, 201);
    assert_eq!(server.register(&body).await.status, 200);
    let late = server.register(&body).await;
    assert_eq!((late.status, late.code()), (429, "too-many"));
    assert_eq!(late.header("retry-after"), Some("1"));
    let theirs = with(
        body.clone(),
        "usersig",
        Some(json!(usersig(OTHER_APP, "user1"))),
    );
    assert_eq!(server.register_in(OTHER_APP, &theirs).await.status, 201);
    server.ns.fetch_add(SECOND_NS / 2, Ordering::SeqCst);
    assert_eq!(server.register(&body).await.status, 200);
}

#[tokio::test]
async fn a_full_app_takes_no_new_device_and_keeps_those_it_has() {
    let mut small = app(APP);
    small.devices_max = 2;
    let server = Server::start(vec![small], no_limits()).await;
    assert_eq!(
        server.register(&registration("one", "user1")).await.status,
        201
    );
    assert_eq!(
        server.register(&registration("two", "user1")).await.status,
        201
    );
    let before = server.everything().await;
    let full = server.register(&registration("three", "user1")).await;
    assert_eq!((full.status, full.code()), (507, "full"));
    assert_eq!(server.everything().await, before);
    assert_eq!(
        server.register(&registration("two", "user1")).await.status,
        200
    );
    assert_eq!(
        server.register(&registration("two", "user2")).await.status,
        201
    );
    server.unregister("one", SECRET).await;
    assert_eq!(
        server
            .register(&registration("three", "user1"))
            .await
            .status,
        201
    );
}
