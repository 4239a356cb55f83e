//! Accounts and devices: who is registered, and whom a push addresses.
//!
//! It knows neither HTTP nor sockets. `http` registers through it, `dispatch` evaluates audiences through it.

mod evaluate;

pub use evaluate::Audience;
