//! Devices: the pairing of a phone's RegistrationID and an account, with the tokens that reach it.

use crate::{Channel, Number, Second, Secret};

/// A name from outside that is no longer than a bound and holds no control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {len_max} bytes without control characters")]
pub struct NameError {
    /// The longest name, in bytes.
    pub len_max: usize,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $len_max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The longest one, in bytes.
            pub const LEN_MAX: usize = $len_max;

            /// Takes a name in, if it is within its bounds.
            pub fn new(name: impl Into<String>) -> Result<Self, $crate::NameError> {
                let name = name.into();
                if name.is_empty() || name.len() > Self::LEN_MAX || name.chars().any(char::is_control) {
                    return Err($crate::NameError { len_max: Self::LEN_MAX });
                }
                Ok(Self(name))
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name;

name!(
    /// What a phone's installation of an app calls itself.
    RegistrationId,
    128
);
name!(
    /// An account of an app: its UserID.
    Account,
    128
);
/// A phone that nobody is signed in on is an account of its own name.
impl From<&RegistrationId> for Account {
    fn from(phone: &RegistrationId) -> Self {
        const { assert!(RegistrationId::LEN_MAX <= Self::LEN_MAX) };
        Self(phone.0.clone())
    }
}

/// The phone that an account of this name would be.
impl From<&Account> for RegistrationId {
    fn from(account: &Account) -> Self {
        const { assert!(Account::LEN_MAX <= Self::LEN_MAX) };
        Self(account.0.clone())
    }
}

name!(
    /// A task's public name.
    TaskId,
    128
);

/// What a token is for. A device has at most one token of each (channel, kind).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TokenKind {
    /// Ordinary notifications.
    Alert = 0,
    /// Calls (APNs only).
    Voip = 1,
    /// A Live Activity (APNs only).
    LiveActivity = 2,
}

/// Which of a vendor's environments gave a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Environment {
    /// Published apps.
    Production = 0,
    /// Apps under development.
    Sandbox = 1,
}

/// What a vendor addresses a device by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The vendor. Never `Unknown` or `Online`.
    pub channel: Channel,
    /// What it is for.
    pub kind: TokenKind,
    /// The token itself.
    pub value: Secret,
    /// Which of the app's credentials it belongs to; 0 when the client did not say.
    pub cert_id: u32,
    /// Where it was given.
    pub environment: Environment,
}

impl Token {
    /// The longest token, in bytes: Huawei's and FCM's stay well below.
    pub const LEN_MAX: usize = 4096;
}

/// Whether the phone's owner lets the app show notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Permission {
    /// The client did not say.
    #[default]
    Unknown = 0,
    /// Shown.
    Granted = 1,
    /// Not shown.
    Denied = 2,
}

/// What a client says of its device. Texts are empty when it did not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceFacts {
    /// At most one of each (channel, kind), ordered by them.
    pub tokens: Vec<Token>,
    /// The vendor that would reach it, said without a token (registration with the vendor failed).
    pub vendor: Option<Channel>,
    /// The phone's model.
    pub model: String,
    /// Its operating system.
    pub system: String,
    /// The operating system's version.
    pub system_version: String,
    /// The app's version.
    pub app_version: String,
    /// The version of the client library.
    pub sdk_version: String,
    /// Whether notifications are shown.
    pub notifications: Permission,
    /// Language tag, such as `zh-Hans` or `en`.
    pub language: String,
}

impl DeviceFacts {
    /// The longest of the texts, in bytes.
    pub const TEXT_LEN_MAX: usize = 64;
    /// Tokens a device may have: every vendor's alert token, and two more kinds of APNs.
    pub const TOKENS_MAX: usize = 12;

    /// The token that ordinary notifications go to: the first in the order of channels.
    #[must_use]
    pub fn alert_token(&self) -> Option<&Token> {
        self.tokens
            .iter()
            .find(|token| token.kind == TokenKind::Alert)
    }
}

/// A registered device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its number in every record.
    pub number: Number,
    /// The phone.
    pub registration_id: RegistrationId,
    /// The account; `None` is a phone that nobody has signed in on.
    pub account: Option<Account>,
    /// What the client said.
    pub facts: DeviceFacts,
    /// When it was registered.
    pub registered_at: Second,
    /// When it said last which tokens it has, other than those it had.
    pub said_at: Second,
    /// Tokens that it had and of which a vendor said that they reach nobody; until it says something new of itself.
    pub dropped: Vec<DroppedToken>,
}

/// A token that was taken from its device, kept so that it can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedToken {
    /// The token.
    pub token: Token,
    /// When it was dropped; 0 of one from before this was kept.
    pub at: Second,
}

impl Device {
    /// Whether all tokens that ordinary notifications could go to were dropped: it has none to try, and waiting for one
    /// is the client's turn.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        let is_alert = |dropped: &DroppedToken| dropped.token.kind == TokenKind::Alert;
        self.facts.alert_token().is_none() && self.dropped.iter().any(is_alert)
    }
}

/// What decides over which routes a device is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The channel of its alert token.
    pub token: Option<Channel>,
    /// The vendor that it says would reach it.
    pub vendor: Option<Channel>,
    /// Whether its vendor said that nothing reaches it.
    pub is_dropped: bool,
}

impl Reach {
    /// A device's.
    #[must_use]
    pub fn of(device: &Device) -> Self {
        let facts = &device.facts;
        Self {
            token: facts.alert_token().map(|token| token.channel),
            vendor: facts.vendor,
            is_dropped: device.is_dropped(),
        }
    }

    /// The offline channel that a device counts on, whether or not it can be sent to.
    #[must_use]
    pub fn offline(self) -> Channel {
        let known = self.token.or(self.vendor);
        known
            .filter(|channel| *channel != Channel::Online)
            .unwrap_or(Channel::Unknown)
    }
}

/// What sending to a device over one channel needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Its number.
    pub number: Number,
    /// Where else it could be reached.
    pub reach: Reach,
    /// Its tokens of the channel, by kind.
    pub tokens: Vec<Token>,
    /// The kinds of tokens of the channel that were dropped.
    pub dropped: Vec<TokenKind>,
    /// Language tag; empty when unknown.
    pub language: String,
}

impl Addressee {
    /// A device's, over this channel.
    #[must_use]
    pub fn of(device: Device, channel: Channel) -> Self {
        let reach = Reach::of(&device);
        let mut tokens = device.facts.tokens;
        tokens.retain(|token| token.channel == channel);
        let dropped = device.dropped.iter().map(|dropped| &dropped.token);
        let dropped = dropped.filter(|token| token.channel == channel);
        Self {
            number: device.number,
            reach,
            tokens,
            dropped: dropped.map(|token| token.kind).collect(),
            language: device.facts.language,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_in_bytes_and_hold_no_control_characters() {
        for (name, fits) in [
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            ("界".repeat(42), true),
            ("界".repeat(43), false),
            (String::new(), false),
            ("a\nb".to_owned(), false),
            ("a b@ü".to_owned(), true),
        ] {
            assert_eq!(RegistrationId::new(name.clone()).is_ok(), fits, "{name}");
        }
    }
}
