//! Leave to call HONOR: OAuth with the client's secret.

use super::Credentials;
use crate::contract::{Failure, Said, SignIn};
use crate::oauth;

pub(super) fn sign_in(credentials: &Credentials) -> Result<SignIn, Failure> {
    let (id, secret) = (&credentials.client_id, &credentials.client_secret);
    if id.is_empty() || secret.expose().is_empty() {
        let text = "`client_id` and `client_secret` are needed";
        return Err(Failure::Misconfigured(Said::new(0, text)));
    }
    Ok(SignIn::Ask(oauth::ask(&credentials.token_url, id, secret)))
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
