//! Whom requests come from and how they prove it: whole request heads, signed.

use pushtally_model::{Clock as _, SystemClock};
use pushtally_usersig::{Claims, make};
use sha2::{Digest as _, Sha256};

/// Longer than any run.
const USERSIG_S: i64 = 7 * 86_400;

/// An app's secrets, and the host it is called under.
pub(crate) struct Access {
    pub(crate) host: String,
    pub(crate) app: u32,
    pub(crate) key: String,
    pub(crate) token: String,
    pub(crate) administrator: String,
}

impl Access {
    /// The head of a webhook call whose body has this length, in the documented form.
    pub(crate) fn events_head(&self, body_len: usize, request_time_s: u32) -> String {
        let sign = self.sign(request_time_s);
        let app = self.app;
        self.head(
            &format!(
                "/v1/events?SdkAppid={app}&CallbackCommand=Push.AllMemberPush&contenttype=json&Sign={sign}&RequestTime={request_time_s}"
            ),
            body_len,
        )
    }

    /// The head of a statistics query whose body has this length.
    pub(crate) fn statistics_head(&self, body_len: usize) -> String {
        self.command_head("all_member_push_statistics", body_len)
    }

    /// The head of a call of a command whose body has this length.
    pub(crate) fn command_head(&self, command: &str, body_len: usize) -> String {
        self.head(&self.command_path(command), body_len)
    }

    /// The path and the parameters of a command of the push service, as an administrator calls it.
    pub(crate) fn command_path(&self, command: &str) -> String {
        let Self {
            app, administrator, ..
        } = self;
        let claims = Claims {
            identifier: administrator.clone(),
            sdkappid: *app,
            time: now_s().into(),
            expire: USERSIG_S,
            userbuf: None,
        };
        let usersig = make(&self.key, &claims);
        format!(
            "/v4/timpush/{command}?sdkappid={app}&identifier={administrator}&usersig={usersig}&random=99999999&contenttype=json"
        )
    }

    /// The `Sign` of a webhook call: 64 hexadecimal digits.
    pub(crate) fn sign(&self, request_time_s: u32) -> String {
        let digest = Sha256::new()
            .chain_update(&self.token)
            .chain_update(request_time_s.to_string())
            .finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn head(&self, path: &str, body_len: usize) -> String {
        let host = &self.host;
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {body_len}\r\n\r\n"
        )
    }
}

/// The current second.
pub(crate) fn now_s() -> u32 {
    SystemClock::default().now().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_are_signed_as_the_documentation_publishes() {
        let access = Access {
            host: "127.0.0.1".to_owned(),
            app: 1,
            key: String::new(),
            token: "xxxxyyyy".to_owned(),
            administrator: "administrator".to_owned(),
        };
        let sign = "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061";
        assert_eq!(access.sign(1_669_872_112), sign);
        let head = access.events_head(7, 1_669_872_112);
        assert!(head.contains(&format!("&Sign={sign}&RequestTime=1669872112 HTTP/1.1\r\n")));
        assert!(head.ends_with("\r\nContent-Length: 7\r\n\r\n"));
    }
}
