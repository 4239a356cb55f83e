//! Who a phone is: its RegistrationID, its secret, and the account on it.

use crate::dice::Dice;

/// How a phone proves itself to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proof {
    /// By its device secret.
    #[default]
    Secret,
    /// By the UserSig of the account that is bound to it.
    UserSig,
}

/// An account and what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    /// The account.
    pub account: String,
    /// Its UserSig for the app.
    pub usersig: String,
}

impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binding")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Who a phone is.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// 1 to 128 bytes.
    pub registration_id: Box<str>,
    /// 32 hexadecimal digits, made by the phone itself.
    pub secret: Box<str>,
    /// The account signed in on it.
    pub binding: Option<Box<Binding>>,
    /// How it opens its socket; `UserSig` needs a binding.
    pub proof: Proof,
    /// What a vendor calls it by.
    pub token: Option<Box<VendorToken>>,
}

/// A vendor's name, and the token that it gave to a phone.
#[derive(Clone, PartialEq, Eq)]
pub struct VendorToken {
    /// `apns`, `xiaomi` and so on.
    pub channel: &'static str,
    /// The token.
    pub token: String,
}

impl std::fmt::Debug for VendorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VendorToken")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// The `index`-th phone of the crowd with this name: the same name, seed and index make the same phone.
    #[must_use]
    pub fn numbered(crowd: &str, seed: u64, index: u32) -> Self {
        let mut dice = Dice::new(!seed, index);
        Self {
            registration_id: format!("{crowd}-{index:06}").into(),
            secret: format!("{:016x}{:016x}", dice.next(), dice.next()).into(),
            binding: None,
            proof: Proof::Secret,
            token: None,
        }
    }

    /// The same phone with a vendor's token.
    #[must_use]
    pub fn reached_by(mut self, token: VendorToken) -> Self {
        self.token = Some(Box::new(token));
        self
    }

    /// The same phone with an account signed in.
    #[must_use]
    pub fn bound(mut self, account: String, usersig: String) -> Self {
        self.binding = Some(Box::new(Binding { account, usersig }));
        self
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("registration_id", &self.registration_id)
            .field("binding", &self.binding)
            .field("proof", &self.proof)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_of_a_crowd_differ_and_can_be_made_again() {
        let phone = |seed, index| Identity::numbered("crowd", seed, index);
        assert_eq!(phone(1, 2), phone(1, 2));
        assert_ne!(phone(1, 2).secret, phone(1, 3).secret);
        assert_ne!(phone(1, 2).secret, phone(2, 2).secret);
        assert_eq!(phone(1, 2).secret.len(), 32);
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = VendorToken {
            channel: "fcm",
            token: "token!".to_owned(),
        };
        let phone = Identity::numbered("crowd", 1, 1).bound("user".into(), "proof!".into());
        let phone = phone.reached_by(token);
        let shown = format!("{phone:?}");
        assert!(!shown.contains("proof!") && !shown.contains(&*phone.secret));
        assert!(
            !shown.contains("token!") && shown.contains("fcm"),
            "{shown}"
        );
    }
}
