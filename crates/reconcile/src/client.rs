//! Asks for their counts: one call after the other, no faster than is allowed.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pushtally_dial::{Dial, DialError, Targets, dial, trusting};
use pushtally_model::Window;
use rustls::pki_types::CertificateDer;

use crate::reply::{self, Reply};
use crate::request::{Signed, body};
use crate::{AskError, Pace, REPLY_LEN_MAX, TASKS_A_CALL, TheirTask};

/// The TaskID under which all tasks together are answered.
const OVERALL: &str = "";

/// How they are reached.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Where they may be.
    pub targets: Targets,
    /// Further authorities that are trusted, beside the usual ones.
    pub authorities: Vec<CertificateDer<'static>>,
    /// A call takes no longer, from the first byte to the last of the reply. Their own bound is 3 s.
    pub timeout: Duration,
    /// How fast is called.
    pub pace: Pace,
}

/// A client of one app.
#[derive(Debug)]
pub struct Client {
    http: Http<HttpsConnector<Dial>, Full<Bytes>>,
    signed: Signed,
    timeout: Duration,
    pace: Pace,
    calls: u32,
}

impl Client {
    /// A client that has not called yet.
    pub fn new(signed: Signed, settings: ClientSettings) -> Result<Self, AskError> {
        let ClientSettings {
            targets,
            authorities,
            timeout,
            pace,
        } = settings;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusting(&authorities)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(dial(targets, timeout));
        let http = Http::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            http,
            signed,
            timeout,
            pace,
            calls: 0,
        })
    }

    /// The counts of these tasks in this window. A task that they give no result for is missing. A call that may pass later
    /// is made again a few times, and `told` hears why and when.
    pub async fn counts(
        &mut self,
        window: Window,
        tasks: &[&str],
        mut told: impl FnMut(&AskError, Duration),
    ) -> Result<BTreeMap<String, TheirTask>, AskError> {
        let mut counted = BTreeMap::new();
        for some in tasks.chunks(TASKS_A_CALL) {
            counted.extend(self.insist(window, some, &mut told).await?);
        }
        Ok(counted)
    }

    /// The counts of all of their tasks together, in the same way.
    pub async fn overall(
        &mut self,
        window: Window,
        mut told: impl FnMut(&AskError, Duration),
    ) -> Result<TheirTask, AskError> {
        let mut counted = self.insist(window, &[], &mut told).await?;
        Ok(counted.remove(OVERALL).unwrap_or_default())
    }

    /// Calls until there is an answer or no hope for one.
    async fn insist(
        &mut self,
        window: Window,
        tasks: &[&str],
        told: &mut impl FnMut(&AskError, Duration),
    ) -> Result<BTreeMap<String, TheirTask>, AskError> {
        if self.calls > 0 {
            tokio::time::sleep(self.pace.gap).await;
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.call(window, tasks).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let wait = self.pace.again_after(tries).filter(|_| error.may_pass());
            let Some(wait) = wait else {
                return Err(error);
            };
            told(&error, wait);
            tokio::time::sleep(wait).await;
        }
    }

    async fn call(
        &mut self,
        window: Window,
        tasks: &[&str],
    ) -> Result<BTreeMap<String, TheirTask>, AskError> {
        self.calls = self.calls.wrapping_add(1);
        let host = || self.signed.host.name().to_owned();
        let unreachable = |why: String| AskError::Unreachable { host: host(), why };
        let request = Request::post(self.signed.url(self.calls))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body(window, tasks))))
            .map_err(|error| unreachable(error.to_string()))?;
        let exchange = async {
            let response = self.http.request(request).await;
            let response = response.map_err(|error| self.failed(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), REPLY_LEN_MAX)
                .collect()
                .await;
            let body = body.map_err(|error| unreachable(error.to_string()))?;
            Ok::<_, AskError>((status, body.to_bytes()))
        };
        let (status, body) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer?,
            Err(_) => {
                return Err(AskError::Late {
                    host: host(),
                    after: self.timeout,
                });
            }
        };
        if status != StatusCode::OK {
            return Err(AskError::Status {
                host: host(),
                status: status.as_u16(),
            });
        }
        let asked = if tasks.is_empty() { &[OVERALL] } else { tasks };
        match reply::read(&body, asked) {
            Ok(Reply::Counted(counted)) => Ok(counted),
            Ok(Reply::Refused { code, info }) => Err(AskError::Refused {
                host: host(),
                code,
                info,
            }),
            Err(why) => Err(AskError::Unreadable { host: host(), why }),
        }
    }

    /// The innermost cause: the layers above it only say that something failed. What may not be dialled, or is not trusted,
    /// stays so.
    fn failed(&self, error: &hyper_util::client::legacy::Error) -> AskError {
        let host = self.signed.host.name().to_owned();
        let mut inner: &dyn std::error::Error = error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        let why = match error.source() {
            Some(_) => format!("{error}: {inner}"),
            None => error.to_string(),
        };
        if is_untrusted(inner) {
            return AskError::Untrusted { host, why };
        }
        match inner.downcast_ref::<DialError>() {
            Some(DialError::Refused { .. }) => AskError::NotDialled { host, why },
            Some(DialError::Late(_)) | None => AskError::Unreachable { host, why },
        }
    }
}

/// Whether a certificate was refused. The connector wraps what TLS says in errors of input and output, which do not name it
/// as their source.
fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut inner = error;
    while let Some(wrapped) = inner.downcast_ref().and_then(std::io::Error::get_ref) {
        inner = wrapped;
    }
    let tls = inner.downcast_ref::<rustls::Error>();
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}
