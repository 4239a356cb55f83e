//! Accounts and devices: who is registered, and whom a push addresses.
//!
//! It knows neither HTTP nor sockets. `http` registers through it, `dispatch` evaluates audiences through it.

mod evaluate;
mod fitting;
mod register;
pub mod tokens;

pub use evaluate::Audience;
pub use register::{
    DeviceSecret, Enrolled, Enrolment, FieldError, Imported, RegisterError, Registrar, Said,
    SaidFacts, SaidToken,
};
