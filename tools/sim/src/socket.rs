//! A WebSocket client with buffers so small that many thousands fit into one process.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::error::Error;
use crate::place::Place;

/// Holds a usual frame; a longer one makes more room for itself.
const READ_BUFFER: usize = 512;
/// The protocol's longest frame.
const FRAME_LEN_MAX: usize = 64 * 1024;
/// Frames of ours that the kernel does not take: beyond it, sending waits.
const WRITE_BUFFER_MAX: usize = 256 * 1024;

/// What came over a socket.
#[derive(Debug)]
pub enum Heard {
    /// A text or binary frame.
    Frame(Bytes),
    /// A ping or a pong. A ping is answered by the next [`Socket::hear`].
    Sign,
    /// The server closed, with this code; `None` when the connection ended without one.
    Closed(Option<u16>),
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens the WebSocket under this path.
    pub async fn open(
        place: &Place,
        path: &str,
        receive_buffer: Option<u32>,
    ) -> Result<Self, Error> {
        let (stream, _permit) = place.open(receive_buffer).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(Some(FRAME_LEN_MAX))
            .max_frame_size(Some(FRAME_LEN_MAX));
        let url = format!("ws://{}{path}", place.address);
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await?;
        Ok(Self(socket))
    }

    /// Sends a text frame.
    pub async fn say(&mut self, text: String) -> Result<(), Error> {
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// Sends a binary frame.
    pub async fn say_bytes(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        Ok(self.0.send(Message::binary(bytes)).await?)
    }

    /// Waits for what the server says next. May be dropped and asked again: nothing is lost.
    pub async fn hear(&mut self) -> Heard {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Heard::Frame(text.into()),
            Some(Ok(Message::Binary(bytes))) => Heard::Frame(bytes),
            Some(Ok(Message::Close(frame))) => {
                Heard::Closed(frame.map(|frame| u16::from(frame.code)))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Sign,
            Some(Err(_)) | None => Heard::Closed(None),
        }
    }

    /// Says goodbye and waits for the server's answer.
    pub async fn close(mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        if self.0.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = self.0.next().await {}
        }
    }
}
