//! Sends one call to its receiver, once, and says how that went. No retry, no redirect.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pushtally_dial::{Dial, Targets, dial, trusting};

use crate::settings::{ANSWER_LEN_MAX, CONNECTION_IDLE_MAX};

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Status 200, or another 2xx where that says the same.
    PassedOn,
    /// The receiver understood the call and does not want it.
    Refused(StatusCode),
    /// Anything that may be better next time, and what it was.
    Failed(String),
}

/// What is sent: made once for a call and repeated at each try.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) url: Uri,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: HeaderMap,
    /// Whether any 2xx says that it was taken. The documents of webhooks ask for 200; vendors take what they get.
    pub(crate) any_success: bool,
    pub(crate) body: Bytes,
}

#[derive(Debug, Clone)]
pub(crate) struct Sender {
    client: Client<HttpsConnector<Dial>, Full<Bytes>>,
    timeout: Duration,
}

impl Sender {
    /// Nothing is dialled but these targets. A call takes no longer than this; so many connections to one receiver are kept for reuse.
    pub(crate) fn new(
        targets: Targets,
        timeout: Duration,
        kept_max: usize,
    ) -> Result<Self, rustls::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusting(&[])?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(dial(targets, timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(CONNECTION_IDLE_MAX)
            .pool_max_idle_per_host(kept_max)
            .build(connector);
        Ok(Self { client, timeout })
    }

    /// Sends a parcel and waits for the answer, both within the timeout of a call.
    pub(crate) async fn send(&self, parcel: &Parcel) -> Answer {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(parcel.url.clone());
        if let Some(content_type) = &parcel.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(headers) = request.headers_mut() {
            headers.extend(parcel.headers.clone());
        }
        let request = match request.body(Full::new(parcel.body.clone())) {
            Ok(request) => request,
            Err(error) => return Answer::Failed(error.to_string()),
        };
        let exchange = async {
            let response = self.client.request(request).await?;
            let status = response.status();
            // What the receiver says besides its status changes nothing, but reading it keeps the connection.
            let _ = Limited::new(response.into_body(), ANSWER_LEN_MAX)
                .collect()
                .await;
            Ok(status)
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(status)) => judge(status, parcel.any_success),
            Ok(Err(error)) => Answer::Failed(reason(&error)),
            Err(_) => Answer::Failed(format!("no answer within {:?}", self.timeout)),
        }
    }
}

/// 408 and 429 ask to come back later; every other 4xx would be the same next time.
fn judge(status: StatusCode, any_success: bool) -> Answer {
    match status {
        StatusCode::OK => Answer::PassedOn,
        _ if any_success && status.is_success() => Answer::PassedOn,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Answer::Failed(status.to_string())
        }
        _ if status.is_client_error() => Answer::Refused(status),
        _ => Answer::Failed(status.to_string()),
    }
}

/// The innermost cause: the layers above it only say that something failed.
fn reason(error: &hyper_util::client::legacy::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    match error.source() {
        Some(_) => format!("{error}: {inner}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_counts_and_only_a_clear_no_refuses() {
        let check_for = |any_success: bool, status: u16, expected: fn(&Answer) -> bool| {
            let answer = judge(StatusCode::from_u16(status).unwrap(), any_success);
            assert!(expected(&answer), "{status}: {answer:?}");
        };
        let check = |status, expected| check_for(false, status, expected);
        check(200, |answer| *answer == Answer::PassedOn);
        for status in [200, 201, 202, 204] {
            check_for(true, status, |answer| *answer == Answer::PassedOn);
        }
        check_for(true, 302, |answer| matches!(answer, Answer::Failed(_)));
        check_for(true, 404, |answer| matches!(answer, Answer::Refused(_)));
        for status in [201, 204, 301, 302, 307, 408, 429, 500, 502, 503] {
            check(status, |answer| matches!(answer, Answer::Failed(_)));
        }
        for status in [400, 401, 403, 404, 405, 410, 413, 422] {
            check(status, |answer| matches!(answer, Answer::Refused(_)));
        }
    }
}
