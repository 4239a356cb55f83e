//! Who may call: the checks before a body is read, always in the same documented order.
//!
//! Method, parameters, app, host, proof of the caller, administrator, service, quota.

use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::{Method, Uri};
use pushtally_model::{App, AppId, Secret};
use pushtally_usersig as usersig;
use pushtally_wire::Parameters;
use pushtally_wire::webhook::{CallbackParameters, Proof};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::refusal::Refusal;
use crate::{Command, State};

/// Characters of a host that a refusal repeats: no host name is longer.
const HOST_LEN_MAX: usize = 253;

/// An administrator whose call was admitted.
#[derive(Debug)]
pub(crate) struct Administrator {
    /// Of this app.
    pub(crate) app: Arc<App>,
    /// The UserID, proved.
    pub(crate) identifier: String,
}

/// Admits an administrator's call of a `/v4` command.
pub(crate) fn admit(
    state: &State,
    command: Command,
    parts: &Parts,
) -> Result<Administrator, Refusal> {
    require_post(&parts.method)?;
    let parameters = Parameters::parse(query(&parts.uri))?;
    let app = find_app(state, parameters.app)?;
    require_host(&app, parts)?;
    require_administrator(state, &app, &parameters.identifier, &parameters.usersig)?;
    require_service(&app)?;
    state.quotas.take(&app, command)?;
    Ok(Administrator {
        app,
        identifier: parameters.identifier.into_owned(),
    })
}

/// Admits a webhook: signed with the app's callback token, or called by an administrator.
pub(crate) fn admit_webhook(
    state: &State,
    command: Command,
    parts: &Parts,
) -> Result<Arc<App>, Refusal> {
    require_post(&parts.method)?;
    let parameters = CallbackParameters::parse(query(&parts.uri))?;
    let app = find_app(state, parameters.app)?;
    require_host(&app, parts)?;
    match &parameters.proof {
        Proof::Signed {
            sign,
            request_time,
            request_time_s,
        } => {
            let token = app
                .callback_token
                .as_ref()
                .ok_or(Refusal::NoCallbackToken { app: app.id })?;
            require_recent(&app, *request_time_s, state.clock.now().0.into())?;
            require_sign(token, request_time, sign)?;
        }
        Proof::Administrator {
            identifier,
            usersig,
        } => require_administrator(state, &app, identifier, usersig)?,
    }
    require_service(&app)?;
    state.quotas.take(&app, command)?;
    Ok(app)
}

pub(crate) fn query(uri: &Uri) -> &str {
    uri.query().unwrap_or_default()
}

pub(crate) fn require_post(method: &Method) -> Result<(), Refusal> {
    if method == Method::POST {
        Ok(())
    } else {
        Err(Refusal::Method {
            method: method.clone(),
        })
    }
}

fn find_app(state: &State, app: AppId) -> Result<Arc<App>, Refusal> {
    state.directory.get(app).ok_or(Refusal::AppUnknown { app })
}

/// HTTP/2 names the host in `:authority`, HTTP/1 in `Host`. Ports and letter case do not count.
fn require_host(app: &App, parts: &Parts) -> Result<(), Refusal> {
    if app.hosts.is_empty() {
        return Ok(());
    }
    let header = || {
        parts
            .headers
            .get(HOST)
            .and_then(|value| value.to_str().ok())
    };
    let named = parts
        .uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(header)
        .unwrap_or_default();
    let host = without_port(named);
    if app
        .hosts
        .iter()
        .any(|allowed| without_port(allowed).eq_ignore_ascii_case(host))
    {
        return Ok(());
    }
    Err(Refusal::WrongHost {
        app: app.id,
        host: host.chars().take(HOST_LEN_MAX).collect(),
    })
}

/// An IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn require_administrator(
    state: &State,
    app: &App,
    identifier: &str,
    usersig: &str,
) -> Result<(), Refusal> {
    let keys: Vec<&str> = app.keys.iter().map(Secret::expose).collect();
    let now_s = state.clock.now().0.into();
    usersig::check(
        usersig,
        &keys,
        &usersig::Request {
            sdkappid: app.id.0,
            identifier,
            now_s,
        },
    )?;
    if app
        .administrators
        .iter()
        .any(|administrator| administrator == identifier)
    {
        return Ok(());
    }
    Err(Refusal::NotAdministrator {
        app: app.id,
        identifier: identifier.to_owned(),
    })
}

fn require_service(app: &App) -> Result<(), Refusal> {
    if app.enabled {
        Ok(())
    } else {
        Err(Refusal::Disabled { app: app.id })
    }
}

fn require_recent(app: &App, request_time_s: i64, now_s: i64) -> Result<(), Refusal> {
    let tolerance_s = app.callback_tolerance_s;
    if request_time_s.abs_diff(now_s) <= u64::from(tolerance_s) {
        return Ok(());
    }
    Err(Refusal::RequestTime {
        request_time_s,
        tolerance_s,
        now_s,
    })
}

/// `Sign` is the hexadecimal SHA-256 of the token followed by `RequestTime` as received.
fn require_sign(token: &Secret, request_time: &str, sign: &str) -> Result<(), Refusal> {
    let expected = signature(token, request_time);
    let received = digest_from_hex(sign).ok_or(Refusal::Sign)?;
    if bool::from(expected.as_slice().ct_eq(&received)) {
        Ok(())
    } else {
        Err(Refusal::Sign)
    }
}

/// The `Sign` of a call of our own.
pub(crate) fn sign(token: &Secret, request_time: &str) -> String {
    let signature = signature(token, request_time);
    signature.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signature(token: &Secret, request_time: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(token.expose())
        .chain_update(request_time)
        .finalize()
        .into()
}

fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != digest.len() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(nibble(*high)? << 4 | nibble(*low)?).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the webhook documentation publishes.
    const SIGN: &str = "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061";

    #[test]
    fn the_published_signature_fits_in_either_case_and_nothing_else_does() {
        let token = Secret::new("xxxxyyyy");
        let fits = |time: &str, sign: &str| require_sign(&token, time, sign).is_ok();
        assert!(fits("1669872112", SIGN));
        assert!(fits("1669872112", &SIGN.to_uppercase()));
        assert!(!fits("1669872113", SIGN));
        assert!(!fits("1669872112", &SIGN.replace('1', "2")));
        assert!(!fits("1669872112", &SIGN[..62]));
        assert!(!fits("1669872112", &format!("{SIGN}00")));
        assert!(!fits("1669872112", &format!("{}é", &SIGN[..62])));
        assert!(!fits("1669872112", ""));
        assert!(require_sign(&Secret::new("other"), "1669872112", SIGN).is_err());
    }

    #[test]
    fn request_times_are_within_the_tolerance_either_way() {
        let app = App::new(AppId(1), Secret::new("key"));
        for (request_time_s, fits) in [
            (700, true),
            (1300, true),
            (699, false),
            (1301, false),
            (i64::MAX, false),
        ] {
            assert_eq!(
                require_recent(&app, request_time_s, 1000).is_ok(),
                fits,
                "{request_time_s}"
            );
        }
    }

    #[test]
    fn hosts_are_compared_without_port_and_case() {
        let check = |allowed: &str, uri: &str, header: Option<&str>, fits: bool| {
            let mut app = App::new(AppId(1), Secret::new("key"));
            app.hosts = vec!["other.example".to_owned(), allowed.to_owned()];
            let mut request = http::Request::builder().uri(uri);
            if let Some(header) = header {
                request = request.header(HOST, header);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(
                require_host(&app, &parts).is_ok(),
                fits,
                "{allowed} {uri} {header:?}"
            );
        };
        check("push.example", "/v4", Some("push.example"), true);
        check("push.example", "/v4", Some("PUSH.example:8443"), true);
        check("push.example:443", "/v4", Some("push.example"), true);
        check("push.example", "https://push.example:9/v4", None, true);
        check(
            "push.example",
            "https://evil.example/v4",
            Some("push.example"),
            false,
        );
        check("push.example", "/v4", Some("evil.example"), false);
        check("push.example", "/v4", None, false);
        check("[::1]", "/v4", Some("[::1]:80"), true);
    }
}
