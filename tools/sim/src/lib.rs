//! A phone as a scriptable simulator: it registers, connects, acknowledges, clicks, misbehaves, and counts what it saw.
//!
//! It speaks the device protocol as docs/DEVICE-PROTOCOL.md says and shares no code with the server.
