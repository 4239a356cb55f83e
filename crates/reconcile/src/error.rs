//! What can go wrong with asking.

use std::time::Duration;

/// A `--host` that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is no host name and no URL.
    #[error(
        "`{0}` is no host name, such as `adminapisgp.im.qcloud.com`, and no `https://` URL of one"
    )]
    NotAHost(String),
    /// A UserSig would travel in the clear.
    #[error("`{0}` is called without TLS: that is for a simulator on this machine only")]
    Clear(String),
}

/// Why there are no counts of theirs.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The client cannot be made.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Nothing that was dialled, or the connection failed.
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// The innermost cause.
        why: String,
    },
    /// Its address is none that may be dialled.
    #[error("`{host}`: {why}")]
    NotDialled {
        /// The host.
        host: String,
        /// Which, and what it is.
        why: String,
    },
    /// It does not prove that it is who was called.
    #[error(
        "`{host}` is not trusted: {why}; a private authority's certificate is named with `--ca-file`"
    )]
    Untrusted {
        /// The host.
        host: String,
        /// What is wrong with its certificate.
        why: String,
    },
    /// No answer in time.
    #[error("`{host}` did not answer within {after:?}")]
    Late {
        /// The host.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// An answer, but no 200.
    #[error("`{host}` answered with HTTP status {status}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// The answer is not what is documented.
    #[error("`{host}` gave an answer that cannot be read: {why}")]
    Unreadable {
        /// The host.
        host: String,
        /// Field and value, or where the JSON ends.
        why: String,
    },
    /// They say no.
    #[error("`{host}` refused with {code} `{info}`{}", hint(*code))]
    Refused {
        /// The host.
        host: String,
        /// Their `ErrorCode`.
        code: i64,
        /// Their `ErrorInfo`.
        info: String,
    },
}

impl AskError {
    /// Whether the same call may well be answered later: too many calls, trouble on their side, or on the way.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Tls(_) | Self::NotDialled { .. } | Self::Untrusted { .. } => false,
            Self::Unreachable { .. } | Self::Late { .. } | Self::Unreadable { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Refused { code, .. } => matches!(
                code,
                // Too frequent; time-outs and internal errors that ask to be tried again.
                60007
                    | 60008
                    | 60011
                    | 60014
                    | 60018
                    | 60019
                    | 70169
                    | 70500
                    | 90102
                    | 90992
                    | 90994
                    | 90995
                    | 91000
            ),
        }
    }
}

/// What an operator can do about a documented code.
const fn hint(code: i64) -> &'static str {
    match code {
        60006 | 60012 | 60026 | 70014 | 70020 => {
            ": is `--sdkappid` right, and `--host` that of the app's region?"
        }
        60007 | 60011 | 60018 | 60019 => ": does something else call this command as well?",
        60010 | 90009 => ": `--identifier` must be an administrator of the app",
        60021 => ": this machine's address is not on the list of the app's console",
        60020 | 90045 => ": push is not enabled for the app, or its package has expired",
        70001 | 70003 | 70005 | 70009 | 70013 | 70016 | 70050 => {
            ": is the key that of the app, and this machine's clock right?"
        }
        90100 => ": they keep 30 days; a later `--from` may do",
        _ => "",
    }
}
