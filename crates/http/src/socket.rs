//! `GET /v1/online`: a request becomes a socket, and is handed to the gateway.
//!
//! HTTP/1.1 only, as the protocol says. Browsers send no CORS preflight for sockets.

mod frames;
mod handshake;

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use pushtally_online::{Online, Seat};
use tokio::io::AsyncWriteExt as _;

use self::frames::Frames;
use crate::State;
use crate::cors::open;
use crate::limits::SOCKETS_FULL_RETRY_S;
use crate::problem::Problem;

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    mut request: extract::Request,
) -> Response {
    match upgrade(&state, &mut request) {
        Ok(response) => response,
        Err(problem) => {
            let mut response = open(problem.into_response());
            if response.status() == StatusCode::UPGRADE_REQUIRED {
                let headers = response.headers_mut();
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            }
            response
        }
    }
}

fn upgrade(state: &State, request: &mut extract::Request) -> Result<Response, Problem> {
    let accept = handshake::accept(request.method(), request.version(), request.headers())?;
    let seat = state.online.seat().ok_or_else(full)?;
    tokio::spawn(serve(
        Arc::clone(&state.online),
        seat,
        hyper::upgrade::on(request),
    ));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

fn full() -> Problem {
    let mut problem = Problem::overloaded(SOCKETS_FULL_RETRY_S);
    problem.detail = "as many sockets are open as may be, try again later".into();
    problem
}

/// One socket, from the handshake to its end.
async fn serve(online: Arc<Online>, seat: Seat, upgrade: OnUpgrade) {
    match upgrade.await {
        Ok(upgraded) => converse(&online, upgraded).await,
        Err(error) => tracing::debug!(%error, "a connection did not become a socket"),
    }
    drop(seat);
}

async fn converse(online: &Online, upgraded: Upgraded) {
    let mut frames = Frames::new(TokioIo::new(upgraded)).await;
    online.serve(&mut frames).await;
    // Lingers, so that the peer reads why before the connection ends. A failure means that it has gone already.
    let _ = frames.into_inner().shutdown().await;
}
