//! A WebSocket as the gateway wants it: a stream and a sink of its frames.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use pushtally_online::{FRAME_LEN_MAX, Frame, SocketFault};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Utf8Bytes};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::limits::{SOCKET_READ_LEN, SOCKET_WRITE_LEN, SOCKET_WRITE_LEN_MAX};

/// A WebSocket after its handshake, on the server's side.
pub(super) struct Frames<I>(WebSocketStream<I>);

impl<I: AsyncRead + AsyncWrite + Unpin> Frames<I> {
    pub(super) async fn new(io: I) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(SOCKET_READ_LEN)
            .write_buffer_size(SOCKET_WRITE_LEN)
            .max_write_buffer_size(SOCKET_WRITE_LEN_MAX)
            .max_message_size(Some(FRAME_LEN_MAX))
            .max_frame_size(Some(FRAME_LEN_MAX));
        Self(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await)
    }

    pub(super) fn into_inner(self) -> I {
        self.0.into_inner()
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Stream for Frames<I> {
    type Item = Result<Frame, SocketFault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(message.map(|message| message.map(received).map_err(|error| fault(&error))))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Sink<Frame> for Frames<I> {
    type Error = SocketFault;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        Pin::new(&mut self.0).poll_ready(cx).map_err(gone)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), SocketFault> {
        let message = match frame {
            Frame::Text(text) => {
                Message::Text(Utf8Bytes::try_from(text).map_err(|_| SocketFault::Gone)?)
            }
            Frame::Binary => Message::Binary(Bytes::new()),
            Frame::Ping => Message::Ping(Bytes::new()),
            Frame::Pong => Message::Pong(Bytes::new()),
            Frame::Close { code, reason } => Message::Close(Some(CloseFrame {
                code: code.into(),
                reason: reason.into(),
            })),
        };
        Pin::new(&mut self.0).start_send(message).map_err(gone)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(gone)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        Pin::new(&mut self.0).poll_close(cx).map_err(gone)
    }
}

fn received(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Ping(_) => Frame::Ping,
        Message::Pong(_) => Frame::Pong,
        Message::Close(frame) => Frame::Close {
            code: frame.map_or(1005, |frame| frame.code.into()),
            reason: String::new(),
        },
        // A raw frame is only ever sent.
        Message::Binary(_) | Message::Frame(_) => Frame::Binary,
    }
}

/// What does not arrive as it should.
fn fault(error: &Error) -> SocketFault {
    match error {
        Error::Capacity(_) => SocketFault::TooLarge,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => SocketFault::Gone,
        Error::Protocol(_) | Error::Utf8(_) => SocketFault::Malformed,
        _ => SocketFault::Gone,
    }
}

/// Whatever cannot be written is not worth telling apart.
fn gone(_: Error) -> SocketFault {
    SocketFault::Gone
}
