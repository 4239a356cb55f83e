//! OAuth's client credentials, as Huawei and HONOR ask for them: a form in, an access for an hour out.

use std::collections::HashMap;

use super::Received;

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
    let form = "application/x-www-form-urlencoded";
    if !received.header("content-type").starts_with(form) {
        return Asked::Badly("not a form");
    }
    let fields = form_urlencoded::parse(&received.body).into_owned();
    let fields: HashMap<String, String> = fields.collect();
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

/// What an access is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    Good,
    Expired,
    /// It was never given.
    None,
}

/// The accesses that were given, with their ends in Unix milliseconds.
#[derive(Debug, Default)]
pub(super) struct Accesses(HashMap<String, i64>);

impl Accesses {
    /// Gives another one. The earlier ones stay good.
    pub(super) fn give(&mut self, prefix: &str, now_ms: i64) -> String {
        let access = format!("{prefix}{:06}", self.0.len());
        let end_ms = now_ms.saturating_add(LIFE_S * 1000);
        self.0.insert(access.clone(), end_ms);
        access
    }

    pub(super) fn worth(&self, access: &str, now_ms: i64) -> Worth {
        match self.0.get(access) {
            Some(end_ms) if now_ms < *end_ms => Worth::Good,
            Some(_) => Worth::Expired,
            None => Worth::None,
        }
    }

    pub(super) fn expire(&mut self) {
        self.0.values_mut().for_each(|end_ms| *end_ms = i64::MIN);
    }
}

/// The access of an `Authorization: Bearer` header.
pub(super) fn bearer(received: &Received) -> Option<&str> {
    let access = received.header("authorization").strip_prefix("Bearer ")?;
    (!access.is_empty()).then_some(access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_lives_an_hour_and_others_live_beside_it() {
        let mut accesses = Accesses::default();
        let first = accesses.give("a/", 1000);
        let second = accesses.give("a/", 2000);
        assert_ne!(first, second);
        let end_ms = 1000 + LIFE_S * 1000;
        assert_eq!(accesses.worth(&first, end_ms - 1), Worth::Good);
        assert_eq!(accesses.worth(&first, end_ms), Worth::Expired);
        assert_eq!(accesses.worth(&second, end_ms), Worth::Good);
        assert_eq!(accesses.worth("a/", 0), Worth::None);
        accesses.expire();
        assert_eq!(accesses.worth(&second, 0), Worth::Expired);
    }
}
