//! Access to HONOR: OAuth with the client's secret.

use super::Credentials;
use crate::contract::{Failure, SignIn};
use crate::oauth;

pub(super) use crate::oauth::read as signed_in;

/// Asks for access.
pub(super) fn sign_in(credentials: &Credentials) -> Result<SignIn, Failure> {
    credentials.check()?;
    Ok(SignIn::Ask(oauth::ask(
        &credentials.token_url,
        &credentials.client_id,
        &credentials.client_secret,
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_secret_is_exchanged_when_there_is_one() {
        let sign_in = |secret: &str| {
            let json = json!({"app_id": "1", "client_id": "2", "client_secret": secret});
            sign_in(&serde_json::from_value(json).unwrap())
        };
        let Ok(SignIn::Ask(call)) = sign_in("s") else {
            panic!("not asked");
        };
        assert_eq!(call.url, "https://iam.developer.honor.com/auth/token");
        assert_eq!(
            String::from_utf8(call.body).unwrap(),
            "grant_type=client_credentials&client_id=2&client_secret=s"
        );
        assert!(matches!(sign_in(""), Err(Failure::Misconfigured(_))));
    }
}
