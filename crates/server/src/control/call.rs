//! The calling end, in the command line.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Answer, MESSAGE_LEN_MAX};
use crate::acts::{Act, Done};

/// Why a call over the socket did not do its act.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("control socket `{}` {why}", path.display())]
    NotOurs { path: PathBuf, why: &'static str },
    #[error("control socket `{}` cannot be used", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the running server did not answer")]
    Cut(#[from] hyper::Error),
    #[error("the running server gave an answer that this release does not know")]
    Unknown,
    /// The server's own words.
    #[error("{0}")]
    Refused(String),
}

/// Has the running server perform an act; `None` when no server listens at the path.
pub(crate) async fn call(path: &Path, act: &Act) -> Result<Option<Done>, CallError> {
    let told = |source| CallError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(facts) => check_ours(path, &facts)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(error)),
    }
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        // A server that was killed leaves its socket behind.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(told(error)),
    };
    let body = serde_json::to_vec(act).map_err(|_| CallError::Unknown)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/act");
    let response = sender.send_request(request).await?;
    let answer = Limited::new(response.into_body(), MESSAGE_LEN_MAX)
        .collect()
        .await;
    let answer = answer.map_err(|_| CallError::Unknown)?.to_bytes();
    match serde_json::from_slice(&answer) {
        Ok(Answer::Done(done)) => Ok(Some(done)),
        Ok(Answer::Refused(why)) => Err(CallError::Refused(why)),
        Err(_) => Err(CallError::Unknown),
    }
}

/// Keys travel over the socket, so it must be one that nobody else could have put there or listens to.
fn check_ours(path: &Path, facts: &fs::Metadata) -> Result<(), CallError> {
    let ours = rustix::process::geteuid().as_raw();
    let why = if !facts.file_type().is_socket() {
        "is not a socket"
    } else if facts.uid() != ours && ours != 0 {
        "belongs to another user"
    } else if facts.mode() & 0o077 != 0 {
        "is open to other users"
    } else {
        return Ok(());
    };
    Err(CallError::NotOurs {
        path: path.to_owned(),
        why,
    })
}
