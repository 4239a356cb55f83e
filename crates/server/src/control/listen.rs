//! The listening end, in a running server.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Answer, CONNECTIONS_MAX, MESSAGE_LEN_MAX};
use crate::acts::{Act, Acts};

/// A control socket that is listening.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Control {
    /// Listens at the path. The caller holds the lock of the storage folder, so that a socket found there is stale.
    pub(crate) fn start(path: &Path, acts: Arc<Acts>) -> io::Result<Self> {
        let listener = bind(path)?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept(listener, acts, stop.clone()));
        Ok(Self {
            path: path.to_owned(),
            stop,
            task,
        })
    }

    /// Stops listening and removes the socket.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
        let _ = fs::remove_file(&self.path);
    }
}

/// Binds in a folder that only we can enter and moves the socket into place when its mode is right, so that there
/// is no moment in which others could connect.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let folder = path.parent().unwrap_or(Path::new("."));
    match fs::symlink_metadata(path) {
        Ok(facts) if !std::os::unix::fs::FileTypeExt::is_socket(&facts.file_type()) => {
            let told = format!("`{}` is something other than a socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, told));
        }
        Ok(_) | Err(_) => {}
    }
    let private = folder.join(".pushtally-control");
    let _ = fs::remove_dir_all(&private);
    fs::create_dir(&private)?;
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700))?;
    let made = private.join("s");
    let listener = UnixListener::bind(&made)?;
    fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
    fs::rename(&made, path)?;
    fs::remove_dir(&private)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, acts: Arc<Acts>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if is_ours(&stream) => {
                let acts = Arc::clone(&acts);
                tokio::spawn(async move {
                    serve(stream, acts).await;
                    drop(permit);
                });
            }
            Ok(_) => tracing::warn!("control connection of another user refused"),
            Err(error) => {
                tracing::warn!(%error, "control connection cannot be accepted");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Whether the caller is the same user, or root. The socket's mode says the same; two locks are better than one.
fn is_ours(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|caller| caller.uid() == ours || caller.uid() == 0)
}

async fn serve(stream: UnixStream, acts: Arc<Acts>) {
    let service = hyper::service::service_fn(move |request| {
        let acts = Arc::clone(&acts);
        async move { Ok::<_, Infallible>(answer(request, acts).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "control connection ended early");
    }
}

/// Performs an act to its end, also when the caller hangs up: whatever is done is in the audit.
async fn perform(acts: Arc<Acts>, act: Act) -> Answer {
    let performed = tokio::spawn(async move { acts.perform(act).await });
    match performed.await {
        Ok(Ok(done)) => Answer::Done(done),
        Ok(Err(error)) => Answer::Refused(error.to_string()),
        Err(error) => {
            tracing::error!(%error, "an act did not end");
            Answer::Refused("the act did not end, the server's log tells why".to_owned())
        }
    }
}

async fn answer(request: Request<Incoming>, acts: Arc<Acts>) -> Response<Full<Bytes>> {
    let (status, answer) = match Limited::new(request.into_body(), MESSAGE_LEN_MAX)
        .collect()
        .await
    {
        Ok(body) => match serde_json::from_slice::<Act>(&body.to_bytes()) {
            Ok(act) => (StatusCode::OK, perform(acts, act).await),
            // Only another release would send what this one cannot read.
            Err(_) => (
                StatusCode::BAD_REQUEST,
                Answer::Refused("the server is of another release".to_owned()),
            ),
        },
        Err(_) => (
            StatusCode::BAD_REQUEST,
            Answer::Refused("the act is cut or too long".to_owned()),
        ),
    };
    let mut response = Response::new(Full::new(
        serde_json::to_vec(&answer).unwrap_or_default().into(),
    ));
    *response.status_mut() = status;
    response
}
