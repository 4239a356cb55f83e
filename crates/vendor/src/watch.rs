//! What happens on the way of one notification, for an operator who tries an account out. Holds no secret: of an address
//! its host and path, without a token that stands in it.

use std::time::Duration;

use http::Uri;
use parking_lot::Mutex;

use crate::client::CallError;
use crate::contract::{Call, Failure, Read, Said, To, Verdict};

/// What stands in the place of a token.
const HIDDEN: &str = "…";

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The account lets nothing through for so long: its rate, a spent quota, or failures before.
    Held(Duration),
    /// Leave to call.
    Access(Leave),
    /// There is no leave to call: what the vendor said, or what is wrong with the key.
    NoAccess(Failure),
    /// The message was refused here, before any call.
    NotMade(Failure),
    /// A call began.
    Called {
        /// The host, with the port if it is not the usual one.
        host: String,
        /// The path, without the query and without tokens.
        path: String,
    },
    /// It was answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// What that means.
        answer: Answer,
    },
    /// It was not.
    NotAnswered {
        /// Why.
        text: String,
        /// Whether the vendor may have heard it all the same.
        heard: bool,
    },
}

/// Where leave to call came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Calls carry all they need.
    NotNeeded,
    /// It was got before and is good.
    Kept,
    /// It was signed here, now.
    Signed,
    /// The vendor gave it, now.
    Given,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A part of it is done; another call is needed.
    More,
    /// What became of the one target.
    Ended {
        /// That.
        verdict: Verdict,
        /// The vendor's name of the request or message; empty when it gave none.
        request_id: String,
    },
    /// The call did not do what was asked.
    Failed(Failure),
}

/// Notes what happens. Of a call to several targets only the first is told of.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Vec<Seen>>);

impl Watch {
    pub(crate) fn saw(&self, seen: Seen) {
        self.0.lock().push(seen);
    }

    pub(crate) fn called(&self, call: &Call, targets: &[To<'_>]) {
        let url = call.url.parse::<Uri>().unwrap_or_default();
        let mut path = url.path().to_owned();
        for target in targets {
            let token = target.token.expose();
            if !token.is_empty() {
                path = path.replace(token, HIDDEN);
            }
        }
        // Not the authority: a name and a password may stand in it.
        let host = match (url.host(), url.port_u16()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => String::new(),
        };
        self.saw(Seen::Called { host, path });
    }

    pub(crate) fn answered(&self, status: u16, read: &Read) {
        let answer = match read {
            Read::Next(_) => Answer::More,
            Read::Each {
                verdicts,
                request_id,
            } => match verdicts.first() {
                Some(verdict) => Answer::Ended {
                    verdict: verdict.clone(),
                    request_id: request_id.clone(),
                },
                None => Answer::Failed(Failure::Unknown(Said::new(0, "the reply is of no target"))),
            },
            Read::All(failure) => Answer::Failed(failure.clone()),
        };
        self.saw(Seen::Answered { status, answer });
    }

    pub(crate) fn not_answered(&self, error: &CallError) {
        let (text, heard) = match error {
            CallError::NotSent(text) | CallError::Unheard(text) => (text.clone(), false),
            CallError::Unclear(text) => (text.clone(), true),
        };
        self.saw(Seen::NotAnswered { text, heard });
    }

    pub(crate) fn into_seen(self) -> Vec<Seen> {
        self.0.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::{Environment, Number, Secret, TokenKind};

    use super::*;

    #[test]
    fn a_call_is_told_without_its_token_and_query() {
        let token = Secret::new("t0ken");
        let to = To {
            number: Number(1),
            token: &token,
            kind: TokenKind::Alert,
            environment: Environment::Production,
        };
        let check = |url: &str, host: &str, path: &str| {
            let watch = Watch::default();
            watch.called(&Call::of(url, Vec::new()), &[to]);
            let seen = Seen::Called {
                host: host.to_owned(),
                path: path.to_owned(),
            };
            assert_eq!(watch.into_seen(), [seen]);
        };
        check(
            "https://a.example:8443/3/device/t0ken",
            "a.example:8443",
            "/3/device/…",
        );
        check(
            "https://a.example/send?access_token=t0ken",
            "a.example",
            "/send",
        );
        check("https://me:s3cr3t@a.example/send", "a.example", "/send");
        check("no address", "", "/");
    }
}
