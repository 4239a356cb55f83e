//! OAuth's client credentials, as Huawei and HONOR ask for them: a form in, an access for an hour out.

use super::Received;
use super::memory::Memory;

/// How long an access lives.
pub(super) const LIFE_S: i64 = 3600;

/// Who may ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
}

/// What a request for access does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing.
    Well,
    /// It is no such request.
    Badly(&'static str),
    /// It is for another grant.
    OtherGrant,
    /// Nobody knows who asks.
    Stranger,
}

/// What a request for access is.
pub(super) fn asked(received: &Received, client: Client<'_>) -> Asked {
    let Some(fields) = received.form() else {
        return Asked::Badly("not a form");
    };
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    if field("client_id").is_empty() || field("client_secret").is_empty() {
        return Asked::Badly("client_id and client_secret are required");
    }
    if field("grant_type") != "client_credentials" {
        return Asked::OtherGrant;
    }
    if field("client_id") != client.id || field("client_secret") != client.secret {
        return Asked::Stranger;
    }
    Asked::Well
}

/// Gives an access.
pub(super) fn give(memory: &mut Memory, prefix: &str, received: &Received) -> String {
    memory.give_access(prefix, received.now_ms, LIFE_S * 1000)
}

/// The access of an `Authorization: Bearer` header.
pub(super) fn bearer(received: &Received) -> Option<&str> {
    let access = received.header("authorization").strip_prefix("Bearer ")?;
    (!access.is_empty()).then_some(access)
}
