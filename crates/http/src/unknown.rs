//! Whatever no route knows: an envelope too, never the router's own bare 404 or 405.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use pushtally_wire::{Code, failure};

use crate::admission::require_post;
use crate::refusal::Refusal;
use crate::reply::{answer, json};
use crate::{Command, State};

/// Characters of a path that the refusal repeats.
const PATH_LEN_MAX: usize = 128;

/// On the public listener.
pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    let (method, uri) = (request.method(), request.uri());
    let mut response = answer(
        &state,
        Command::Unknown,
        std::future::ready(refuse(method, uri.path())),
    )
    .await;
    if method == Method::CONNECT {
        // A 200 would open a tunnel and have no body.
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    response
}

/// On the operator listener, whose statuses are real.
pub(crate) async fn handle_operator(request: extract::Request) -> Response {
    let path = request.uri().path().chars().take(PATH_LEN_MAX).collect();
    let info = Refusal::UnknownCommand { path }.to_string();
    json(
        StatusCode::NOT_FOUND,
        failure(Code::UnknownCommand, &info).into(),
    )
}

fn refuse(method: &Method, path: &str) -> Result<Bytes, Refusal> {
    require_post(method)?;
    Err(Refusal::UnknownCommand {
        path: path.chars().take(PATH_LEN_MAX).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_is_checked_before_the_command() {
        let code = |method: &Method, path: &str| refuse(method, path).unwrap_err().code();
        assert_eq!(code(&Method::GET, "/v4/x/y"), Code::HttpParse);
        assert_eq!(code(&Method::POST, "/v4/x/y"), Code::UnknownCommand);
        let text = refuse(&Method::POST, &"/é".repeat(1000))
            .unwrap_err()
            .to_string();
        assert!(text.chars().count() < 200, "{text}");
    }
}
