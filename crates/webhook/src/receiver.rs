//! A real receiver on this machine, for tests: it hears calls and reacts as a script says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) path_and_query: String,
    pub(crate) content_type: Option<String>,
    /// What a vendor signed.
    pub(crate) signature: Option<String>,
    pub(crate) body: Bytes,
}

/// What the receiver does with the n-th call it hears, from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reaction {
    Answer(u16),
    Hang,
    /// The connection is closed without an answer.
    Close,
}

type Script = dyn Fn(usize, &Heard) -> Reaction + Send + Sync;

pub(crate) struct Receiver {
    address: SocketAddr,
    pub(crate) heard: Arc<Mutex<Vec<Heard>>>,
}

impl Receiver {
    pub(crate) async fn new(
        script: impl Fn(usize, &Heard) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        tokio::spawn(listen(listener, Arc::clone(&heard), Arc::new(script)));
        Self { address, heard }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often each body was heard.
    pub(crate) fn bodies(&self) -> BTreeMap<Bytes, usize> {
        let mut bodies = BTreeMap::new();
        for heard in self.heard.lock().iter() {
            *bodies.entry(heard.body.clone()).or_default() += 1;
        }
        bodies
    }
}

async fn listen(listener: TcpListener, heard: Arc<Mutex<Vec<Heard>>>, script: Arc<Script>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (heard, script) = (Arc::clone(&heard), Arc::clone(&script));
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (heard, script) = (Arc::clone(&heard), Arc::clone(&script));
            async move {
                let (head, body) = request.into_parts();
                let header = |name: &str| {
                    let value = head.headers.get(name)?;
                    Some(value.to_str().unwrap().to_owned())
                };
                let call = Heard {
                    path_and_query: head.uri.path_and_query().unwrap().to_string(),
                    content_type: header("content-type"),
                    signature: header("x-huawei-callback-id"),
                    body: body.collect().await.unwrap().to_bytes(),
                };
                let reaction = {
                    let mut heard = heard.lock();
                    heard.push(call.clone());
                    script(heard.len() - 1, &call)
                };
                match reaction {
                    Reaction::Hang => std::future::pending().await,
                    Reaction::Close => Err(std::io::Error::other("closed")),
                    Reaction::Answer(status) => {
                        let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
                        *response.status_mut() = StatusCode::from_u16(status).unwrap();
                        Ok::<_, std::io::Error>(response)
                    }
                }
            }
        });
        let serve = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(serve);
    }
}
