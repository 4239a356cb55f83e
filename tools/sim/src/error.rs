//! What may go wrong between a phone and a server.

use std::io;

/// A call or a connection that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached, or the connection broke.
    #[error("the server cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// The WebSocket could not be opened, or broke.
    #[error("the socket failed: {0}")]
    Socket(#[source] Box<tokio_tungstenite::tungstenite::Error>),
    /// The server refused a call.
    #[error("the server refused with {status} `{code}`")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The last part of the problem's type; empty when the body names none.
        code: String,
        /// When to try again, in seconds.
        retry_after_s: Option<u32>,
    },
    /// The server said something that the protocol does not know.
    #[error("the server answered with `{0}`")]
    Strange(String),
    /// The server took longer than it may.
    #[error("the server did not answer in time")]
    Late,
}

impl From<tokio_tungstenite::tungstenite::Error> for Error {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        match error {
            tokio_tungstenite::tungstenite::Error::Io(error) => Self::Io(error),
            error => Self::Socket(Box::new(error)),
        }
    }
}
