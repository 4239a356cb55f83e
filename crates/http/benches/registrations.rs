//! How long the handler of a registration takes, without sockets and without a disk:
//! `cargo bench -p pushtally-http --bench registrations`. One thread; the engine is the one in memory.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a measurement prints and reads the clock, and needs only a part of the tests' fixture"
)]

#[path = "../tests/shared/dispatch.rs"]
mod dispatch;
#[path = "../tests/devices/fixture.rs"]
mod fixture;

use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use fixture::{APP, Server, registration, with};
use pushtally_http::Peer;
use tower::ServiceExt as _;

/// Phones that are known; their bodies are called in turn.
const PHONES: usize = 1_000;
/// Calls that are measured, after as many that are not.
const CALLS: usize = 100_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::open().await;
        let all: Vec<_> = (0..PHONES)
            .map(|phone| {
                registration(
                    &format!("379C2F0D-290D-47AE-94D1-{phone:012}"),
                    &format!("user{phone}"),
                )
            })
            .collect();
        for body in &all {
            assert_eq!(server.register(body).await.status, 201);
        }
        let unsigned = |body| with(with(body, "account", None), "usersig", None);
        measure(&server, "repeated, with an account", &all, 200).await;
        let strangers: Vec<_> = all
            .iter()
            .map(|body| with(body.clone(), "client_key", Some("no".into())))
            .collect();
        measure(&server, "wrong client key", &strangers, 401).await;
        let without: Vec<_> = all.into_iter().map(unsigned).collect();
        for body in &without {
            assert_eq!(server.register(body).await.status, 201);
        }
        measure(&server, "repeated, without an account", &without, 200).await;
    });
}

async fn measure(server: &Server, what: &str, bodies: &[serde_json::Value], status: u16) {
    let bodies: Vec<Bytes> = bodies.iter().map(|body| body.to_string().into()).collect();
    let uri: http::Uri = format!("/v1/devices?sdkappid={APP}").parse().unwrap();
    for measured in [false, true] {
        let start = Instant::now();
        for call in 0..CALLS {
            let mut request = http::Request::new(Body::from(bodies[call % bodies.len()].clone()));
            *request.method_mut() = http::Method::POST;
            *request.uri_mut() = uri.clone();
            request.extensions_mut().insert(Peer([192, 0, 2, 1].into()));
            let response = server.public.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status);
        }
        if measured {
            let each_us = start.elapsed().as_secs_f64() * 1e6 / CALLS as f64;
            println!(
                "{what}: {each_us:.2} µs a call, {} bytes of body",
                bodies[0].len()
            );
        }
    }
}
