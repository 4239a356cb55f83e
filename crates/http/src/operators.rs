//! Who may do what on the operator's listener: tokens with a name and a role.
//!
//! Without any, nobody is asked who they are. Health and metrics are for whoever reaches the listener.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use pushtally_model::Secret;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::problem::Problem;

/// What an operator may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Read,
    /// Push, and steer pushes.
    Send,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Send, Self::Admin];

    /// The name, as in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Send => "send",
            Self::Admin => "admin",
        }
    }
}

/// The operators that are known.
#[derive(Clone, Default)]
pub struct Operators(Arc<[Operator]>);

struct Operator {
    name: Arc<str>,
    role: Role,
    /// SHA-256: of one length, whatever is compared with it.
    token: [u8; 32],
}

impl fmt::Debug for Operators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operators").field(&self.0.len()).finish()
    }
}

/// Who asks; among a request's extensions when operators are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known(pub(crate) Arc<str>);

impl Operators {
    /// Operators by name, each with a role and a token.
    pub fn new<'a>(operators: impl IntoIterator<Item = (&'a str, Role, &'a Secret)>) -> Self {
        let operator = |(name, role, token): (&str, Role, &Secret)| Operator {
            name: name.into(),
            role,
            token: hash(token.expose().as_bytes()),
        };
        Self(operators.into_iter().map(operator).collect())
    }

    /// Whether anybody is asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who it is, if anybody is asked and may do this.
    fn admit(&self, headers: &HeaderMap, needed: Role) -> Result<Option<Known>, Problem> {
        if self.is_empty() {
            return Ok(None);
        }
        let given = hash(bearer(headers).ok_or_else(unknown)?);
        // All are looked at, so that the time says nothing of whose token it is nearly.
        let mut found = None;
        for operator in self.0.iter() {
            if bool::from(operator.token.ct_eq(&given)) {
                found = Some(operator);
            }
        }
        let operator = found.ok_or_else(unknown)?;
        if operator.role < needed {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "role",
                "The operator may not do this",
                format!(
                    "the role `{}` is needed, this token has `{}`",
                    needed.name(),
                    operator.role.name()
                ),
            ));
        }
        Ok(Some(Known(Arc::clone(&operator.name))))
    }
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The token of `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "The caller is not known",
        "an operator's token is needed, as `Authorization: Bearer TOKEN`",
    )
}

/// Stands before an endpoint: lets those through who may.
pub(crate) async fn guard(
    State((operators, needed)): State<(Operators, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    match operators.admit(request.headers(), needed) {
        Ok(known) => {
            if let Some(known) = known {
                request.extensions_mut().insert(known);
            }
            next.run(request).await
        }
        Err(problem) => {
            let is_unknown = problem.status == StatusCode::UNAUTHORIZED;
            let mut response = problem.into_response();
            if is_unknown {
                let scheme = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let value = HeaderValue::from_str(authorization).unwrap();
        [(AUTHORIZATION, value)].into_iter().collect()
    }

    #[test]
    fn a_token_is_somebody_who_may_do_what_the_role_says() {
        let (read, admin) = (Secret::new("r"), Secret::new("a"));
        let operators = Operators::new([("ann", Role::Read, &read), ("bob", Role::Admin, &admin)]);
        for (authorization, needed, expected) in [
            ("Bearer r", Role::Read, Ok("ann")),
            ("bearer r", Role::Read, Ok("ann")),
            ("Bearer r", Role::Send, Err("role")),
            ("Bearer r", Role::Admin, Err("role")),
            ("Bearer a", Role::Send, Ok("bob")),
            ("Bearer a", Role::Admin, Ok("bob")),
            ("Bearer ", Role::Read, Err("unauthorized")),
            ("Bearer A", Role::Read, Err("unauthorized")),
            ("Basic a", Role::Read, Err("unauthorized")),
            ("a", Role::Read, Err("unauthorized")),
        ] {
            let admitted = operators.admit(&headers(authorization), needed);
            let admitted = admitted.map(|known| known.unwrap().0.to_string());
            let found = admitted.as_deref().map_err(|problem| problem.code);
            assert_eq!(found, expected, "{authorization} {needed:?}");
        }
        let nobody = operators.admit(&HeaderMap::new(), Role::Read);
        assert_eq!(nobody.unwrap_err().code, "unauthorized");
        assert!(!format!("{operators:?}").contains("ann"));
        let unguarded = Operators::default().admit(&HeaderMap::new(), Role::Admin);
        assert_eq!(unguarded.unwrap(), None);
    }
}
