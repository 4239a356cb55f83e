//! The demo as its server's client: signed callbacks and queries with a UserSig, over the loopback.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use pushtally_model::{App, Second, Secret};
use pushtally_usersig::{Claims, make};
use sha2::{Digest as _, Sha256};

/// How long an answer may take; far beyond any that is right.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long the UserSig of the printed lines lasts.
const USERSIG_S: i64 = 86_400;
const STATISTICS: &str = "all_member_push_statistics";

/// Calls one app on one server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    base: String,
    app: u32,
    token: Secret,
    administrator: String,
    usersig: String,
}

impl Client {
    pub(super) fn new(server: SocketAddr, app: &App, now: Second) -> anyhow::Result<Self> {
        let (Some(key), Some(token)) = (app.keys.first(), app.callback_token.clone()) else {
            bail!(
                "app `{}` of the kept folder has no key or no callback token",
                app.id
            );
        };
        let administrator = app
            .administrators
            .first()
            .context("the app has no administrator")?
            .clone();
        let claims = Claims {
            identifier: administrator.clone(),
            sdkappid: app.id.0,
            time: now.0.into(),
            expire: USERSIG_S,
            userbuf: None,
        };
        Ok(Self {
            http: Http::builder(TokioExecutor::new()).build_http(),
            base: format!("http://{server}"),
            app: app.id.0,
            token,
            administrator,
            usersig: make(key.expose(), &claims),
        })
    }

    /// The URL of the statistics query.
    pub(super) fn query_url(&self) -> String {
        self.command_url(STATISTICS)
    }

    /// The URL of a command of the documented contract.
    pub(super) fn command_url(&self, command: &str) -> String {
        let Self {
            base,
            app,
            administrator,
            usersig,
            ..
        } = self;
        format!(
            "{base}/v4/timpush/{command}?sdkappid={app}&identifier={administrator}&usersig={usersig}&random=1&contenttype=json"
        )
    }

    /// The same with the UserSig cut, for reading.
    pub(super) fn shown_url(&self) -> String {
        let start: String = self.usersig.chars().take(12).collect();
        self.query_url()
            .replace(&self.usersig, &format!("{start}…"))
    }

    /// The URL of a callback that an administrator sends by hand.
    pub(super) fn events_url(&self) -> String {
        let Self {
            base,
            app,
            administrator,
            usersig,
            ..
        } = self;
        format!(
            "{base}/v1/events?SdkAppid={app}&contenttype=json&identifier={administrator}&usersig={usersig}"
        )
    }

    /// The URL of a callback in the documented form, signed for this second.
    pub(super) fn callback_url(&self, now: Second) -> String {
        let Self {
            base, app, token, ..
        } = self;
        let digest = Sha256::new()
            .chain_update(token.expose())
            .chain_update(now.to_string())
            .finalize();
        let sign: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let command = "CallbackCommand=Push.AllMemberPush&contenttype=json";
        format!("{base}/v1/events?SdkAppid={app}&{command}&Sign={sign}&RequestTime={now}")
    }

    /// Gives an order to the operator's listener.
    pub(super) async fn order(&self, operator: SocketAddr, path: &str) -> anyhow::Result<()> {
        let url = format!("http://{operator}{path}");
        self.post(&url, Vec::new()).await.map(drop)
    }

    /// Posts a body and answers the reply's.
    pub(super) async fn post(&self, url: &str, body: Vec<u8>) -> anyhow::Result<Bytes> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(Bytes::from(body)))?;
        let exchange = async {
            let response = self
                .http
                .request(request)
                .await
                .context("the server cannot be reached")?;
            if response.status() != StatusCode::OK {
                bail!("the server answered {}", response.status());
            }
            Ok(response
                .into_body()
                .collect()
                .await
                .context("the answer was cut")?
                .to_bytes())
        };
        tokio::time::timeout(ANSWER_MAX, exchange)
            .await
            .context("the server did not answer")?
    }
}
