//! Judges a UserSig against a request, in the order in which the public libraries do.

use subtle::ConstantTimeEq as _;

use crate::claims::Signed;
use crate::document::Document;
use crate::{Claims, UserSigError, armor};

/// What a request says of itself, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The app that is called.
    pub sdkappid: u32,
    /// The account that calls.
    pub identifier: &'a str,
    /// The time, in Unix seconds.
    pub now_s: i64,
}

/// Checks a UserSig and returns its claims, which then hold.
///
/// `keys` are those of the app, any of which may have signed; empty ones do not count. The first fault is returned:
/// empty (70002), unreadable (70003), another app (70014), another account (70013), expired (70001), no key
/// (70016), wrong signature (70009). The last second of the lifetime is `time + expire`. A `time` in the future is
/// not refused.
pub fn check(usersig: &str, keys: &[&str], request: &Request<'_>) -> Result<Claims, UserSigError> {
    let deflated = armor::decode(armor::trim(usersig)?)?;
    let json = armor::inflate(&deflated)?;
    let document = Document::read(&json)?;
    require_app(&document, request)?;
    require_account(&document, request)?;
    require_unexpired(&document, request)?;
    require_signature(&document, keys)?;
    Ok(document.claims())
}

/// What a UserSig says when nothing but its form has been checked: anyone could have made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    /// Claims that nobody has to keep.
    pub claims: Claims,
}

/// Reads a UserSig without judging it. Fails with 70002 or 70003 only.
pub fn parse(usersig: &str) -> Result<Unverified, UserSigError> {
    let deflated = armor::decode(armor::trim(usersig)?)?;
    let json = armor::inflate(&deflated)?;
    let claims = Document::read(&json)?.claims();
    Ok(Unverified { claims })
}

pub(crate) fn require_app(
    document: &Document<'_>,
    request: &Request<'_>,
) -> Result<(), UserSigError> {
    if document.sdkappid == request.sdkappid {
        return Ok(());
    }
    Err(UserSigError::OtherApp {
        request: request.sdkappid,
        usersig: document.sdkappid,
    })
}

pub(crate) fn require_account(
    document: &Document<'_>,
    request: &Request<'_>,
) -> Result<(), UserSigError> {
    if document.identifier == request.identifier {
        return Ok(());
    }
    Err(UserSigError::OtherAccount {
        request: request.identifier.to_owned(),
        usersig: document.identifier.clone().into_owned(),
    })
}

pub(crate) fn require_unexpired(
    document: &Document<'_>,
    request: &Request<'_>,
) -> Result<(), UserSigError> {
    let &Document { time, expire, .. } = document;
    let now_s = request.now_s;
    // Both numbers are the sender's, so their sum may need more than 64 bits.
    if i128::from(now_s) <= i128::from(time) + i128::from(expire) {
        return Ok(());
    }
    Err(UserSigError::Expired {
        time,
        expire,
        now_s,
    })
}

pub(crate) fn require_signature(
    document: &Document<'_>,
    keys: &[&str],
) -> Result<(), UserSigError> {
    let signed = Signed {
        identifier: &document.identifier,
        sdkappid: document.sdkappid,
        time: document.time,
        expire: document.expire,
        userbuf: document
            .userbuf
            .as_ref()
            .map(|userbuf| userbuf.base64.as_ref()),
    };
    // An empty key is a gap in the settings; anyone could sign with it.
    let mut keys = keys.iter().filter(|key| !key.is_empty()).peekable();
    if keys.peek().is_none() {
        return Err(UserSigError::NoKey);
    }
    // Texts are compared, as the public libraries do, so a signature has one spelling. Only which key fits may
    // show in the time this takes, not how much of a signature does.
    if keys.any(|key| {
        signed
            .sign(key)
            .as_bytes()
            .ct_eq(document.sig.as_bytes())
            .into()
    }) {
        return Ok(());
    }
    Err(UserSigError::Signature)
}

#[cfg(test)]
mod tests;
