//! Makes and checks UserSigs (TLSSigAPIv2): the tokens with which an app's servers and clients prove who they are.
//!
//! A UserSig is a JSON object, compressed with zlib, written in a URL-safe base64. Inside, an HMAC-SHA256 with
//! the app's key covers the account, the app and the lifetime. Nothing here knows which apps exist or what an
//! account may do, and nothing reads a clock: keys and time are arguments.

mod armor;
mod check;
mod claims;
mod document;
mod error;
mod explain;

pub use check::{Request, Unverified, check, parse};
pub use claims::{Claims, IdentifierError, make, validate_identifier};
pub use error::{Illegality, UserSigError};
pub use explain::{Explanation, Outcome, Step, explain};

// The bounds of this crate. A UserSig is read before anything about its sender is known, so each bound is also
// what a stranger can make us spend.

/// Longest UserSig that is read, in characters. Usual ones have 150 to 400; this leaves room for a userbuf of 4 KiB
/// made by a library that stores without compressing.
pub const USERSIG_LEN_MAX: usize = 8 * 1024;

/// Longest JSON that is inflated, in bytes. `USERSIG_LEN_MAX` characters stored uncompressed are 6 KiB, so only a
/// text that compresses unusually well comes near; a zip bomb stops here.
pub const INFLATED_LEN_MAX: usize = 16 * 1024;

/// Longest account identifier that [`validate_identifier`] accepts, in bytes: the documented length of a UserID.
pub const IDENTIFIER_LEN_MAX: usize = 32;

/// How many characters of a text from a UserSig an error message repeats: enough to recognise an account, too few
/// to flood a log.
const QUOTED_LEN_MAX: usize = 64;
