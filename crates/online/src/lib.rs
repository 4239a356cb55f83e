//! The socket gateway: the session's state machine, who is connected, and what devices report.
//!
//! It knows frames, not HTTP: `http` upgrades a request and hands the socket over. Itself a channel.
