//! Frames as the gateway sees them: what a WebSocket carries, without knowing which library speaks it.

use std::fmt;

use bytes::Bytes;

/// A frame, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text; UTF-8.
    Text(Bytes),
    /// A binary frame: this protocol has none.
    Binary,
    /// A ping. The socket answers those that arrive by itself.
    Ping,
    /// A pong.
    Pong,
    /// The end.
    Close {
        /// The close code.
        code: u16,
        /// Why; at most 123 bytes.
        reason: String,
    },
}

/// What is wrong with a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketFault {
    /// A frame is longer than may be.
    TooLarge,
    /// What arrives is no WebSocket frame, or a text that is not UTF-8.
    Malformed,
    /// The connection is gone.
    Gone,
}

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The server stops.
    Stop = 1001,
    /// Storage cannot answer now.
    Later = 1013,
    /// A frame is no frame of the protocol.
    Malformed = 4400,
    /// Phone, secret, account or UserSig is wrong.
    Unauthorized = 4401,
    /// The app's push service is off.
    Disabled = 4403,
    /// The version is not served.
    Version = 4406,
    /// No hello in time, or silence.
    Silent = 4408,
    /// A newer socket of the same device.
    Replaced = 4409,
    /// The device was unregistered.
    Unregistered = 4410,
    /// A frame is too large.
    TooLarge = 4413,
    /// Frames come too fast, or are taken too slowly.
    TooMany = 4429,
}

impl CloseCode {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Stop,
        Self::Later,
        Self::Malformed,
        Self::Unauthorized,
        Self::Disabled,
        Self::Version,
        Self::Silent,
        Self::Replaced,
        Self::Unregistered,
        Self::TooLarge,
        Self::TooMany,
    ];
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self as u16).fmt(f)
    }
}
