//! What is to happen to a device, and how each vendor says so. Pure.
//!
//! The codes are those of the vendors' contracts, as docs/CHANNELS.md lists them; nothing here asks the server.

use crate::args::VendorName;

/// What is to happen to a device in the push to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fate {
    /// Its vendor takes the push; it arrives.
    Ordinary,
    /// The same, after its vendor has said that this was too fast.
    Rate,
    /// Its token reaches nobody any more.
    Gone,
    /// Its token was never one.
    Bad,
    /// It has had its day's share: said at once, or by a receipt.
    Limit,
    /// Taken; then a receipt says that the app is not there any more.
    Lost,
    /// Taken; nothing is ever heard of it.
    Mute,
    /// It has no token, and says of which vendor it is.
    NoToken,
    /// It has no token, and nobody knows of which vendor it is.
    NoVendor,
    /// Its token is of an account that the app does not have.
    NoCredentials,
    /// Its account is deleted after it was planned and before it was sent to.
    Leaver,
    /// As an ordinary one. Further pushes, which expire, are cancelled and are revoked, are to it as well.
    Late,
}

/// Of a thousand devices so many have each fate, in this order; the others are ordinary. Vendors' tokens that are dead stay few: of
/// too many at once the server would believe none.
const PERMILLE: [(Fate, u64); 11] = [
    (Fate::Gone, 20),
    (Fate::Bad, 10),
    (Fate::Rate, 5),
    (Fate::Limit, 10),
    (Fate::Lost, 10),
    (Fate::Mute, 10),
    (Fate::NoToken, 10),
    (Fate::NoVendor, 5),
    (Fate::NoCredentials, 10),
    (Fate::Leaver, 10),
    (Fate::Late, 30),
];

/// Who is down while accounts are deleted, and while pushes expire, are cancelled and are revoked.
pub(super) const DOWN: VendorName = VendorName::Oppo;

/// Whether a vendor's receipts tell of arrivals, and of clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tells {
    pub(super) arrivals: bool,
    pub(super) clicks: bool,
}

/// How a device ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The code that it is lost with before it is sent to.
    pub(super) lost_before: Option<i64>,
    /// The code that it is lost with after it was sent to.
    pub(super) lost_after: Option<i64>,
    /// Whether it is reported as delivered.
    pub(super) delivered: bool,
}

impl Fate {
    /// The fate of a share, 0 to 999, of a vendor's devices.
    pub(super) fn of(vendor: VendorName, share: u64) -> Self {
        let mut end = 0;
        for (fate, permille) in PERMILLE {
            end += permille;
            if share < end {
                return match fate {
                    Self::Limit if !has_limit(vendor) => Self::Ordinary,
                    Self::Leaver | Self::Late if vendor != DOWN => Self::Ordinary,
                    fate => fate,
                };
            }
        }
        Self::Ordinary
    }

    /// What a token starts with to have it.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Rate => "rate-",
            Self::Gone => "gone-",
            Self::Bad => "bad-",
            Self::Limit => "quota-",
            Self::Lost => "lost-",
            Self::Mute => "mute-",
            Self::Ordinary
            | Self::NoToken
            | Self::NoVendor
            | Self::NoCredentials
            | Self::Leaver
            | Self::Late => "",
        }
    }

    /// How a device of this vendor ends.
    pub(super) fn end(self, vendor: VendorName) -> End {
        let sent = End {
            lost_before: None,
            lost_after: None,
            delivered: false,
        };
        let before = |code| End {
            lost_before: Some(code),
            ..sent
        };
        let after = |code| End {
            lost_after: Some(code),
            ..sent
        };
        let arrives = End {
            delivered: tells(vendor).arrivals,
            ..sent
        };
        match self {
            Self::Ordinary | Self::Rate | Self::Late => arrives,
            Self::Gone => before(dead_codes(vendor)[0]),
            Self::Bad => before(dead_codes(vendor)[1]),
            Self::Limit => match vendor {
                // It says so at once; the others by a receipt.
                VendorName::Meizu => before(110_011),
                _ => after(102),
            },
            Self::Lost => match lost_code(vendor) {
                Some(code) => after(code),
                None => sent,
            },
            Self::Mute => sent,
            Self::NoCredentials => before(-1),
            Self::NoToken | Self::NoVendor => before(-2),
            Self::Leaver => before(-5),
        }
    }
}

/// What its receipts tell.
pub(super) const fn tells(vendor: VendorName) -> Tells {
    let (arrivals, clicks) = match vendor {
        VendorName::Xiaomi | VendorName::Meizu => (true, true),
        VendorName::Huawei
        | VendorName::Harmony
        | VendorName::Oppo
        | VendorName::Vivo
        | VendorName::Honor => (true, false),
        VendorName::Apns | VendorName::Fcm => (false, false),
    };
    Tells { arrivals, clicks }
}

/// The number that the statistics have for it. HarmonyOS is shown under Huawei's.
pub(super) const fn platform(vendor: VendorName) -> u8 {
    match vendor {
        VendorName::Apns => 1,
        VendorName::Xiaomi => 2,
        VendorName::Huawei | VendorName::Harmony => 3,
        VendorName::Fcm => 4,
        VendorName::Meizu => 5,
        VendorName::Oppo => 6,
        VendorName::Vivo => 7,
        VendorName::Honor => 8,
    }
}

/// Who knows a limit of one device's day. With the others a limit is the app's, and nothing is lost by it.
const fn has_limit(vendor: VendorName) -> bool {
    matches!(
        vendor,
        VendorName::Huawei | VendorName::Harmony | VendorName::Meizu
    )
}

/// The code of a token that reaches nobody any more, and of one that was never one.
const fn dead_codes(vendor: VendorName) -> [i64; 2] {
    match vendor {
        VendorName::Apns => [410, 400],
        // Told in a list of the tokens that were passed over, without a code.
        VendorName::Xiaomi => [0, 0],
        // Of a call that reached others.
        VendorName::Huawei | VendorName::Harmony | VendorName::Honor => [80_100_000, 80_100_000],
        VendorName::Fcm => [404, 400],
        VendorName::Meizu => [110_002, 110_003],
        VendorName::Oppo => [10_000, 10_000],
        VendorName::Vivo => [2, 1],
    }
}

/// The code of the receipt that says that the app is not there any more; `None` where none says so.
const fn lost_code(vendor: VendorName) -> Option<i64> {
    match vendor {
        VendorName::Xiaomi => Some(16),
        VendorName::Huawei | VendorName::Harmony => Some(2),
        // A name, without a code.
        VendorName::Oppo => Some(0),
        // HONOR says that it did not arrive, not that it never will.
        VendorName::Apns
        | VendorName::Fcm
        | VendorName::Meizu
        | VendorName::Vivo
        | VendorName::Honor => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn shares_are_divided_as_written() {
        for vendor in VendorName::value_variants() {
            let fates: Vec<Fate> = (0..1_000).map(|share| Fate::of(*vendor, share)).collect();
            let count = |fate| fates.iter().filter(|other| **other == fate).count();
            assert_eq!(count(Fate::Gone), 20);
            assert_eq!(count(Fate::Late), if *vendor == DOWN { 30 } else { 0 });
            assert_eq!(count(Fate::Limit), if has_limit(*vendor) { 10 } else { 0 });
            assert!(count(Fate::Ordinary) > 850);
        }
    }

    #[test]
    fn a_device_ends_once() {
        for vendor in VendorName::value_variants() {
            for share in 0..1_000 {
                let end = Fate::of(*vendor, share).end(*vendor);
                let ends = [
                    end.lost_before.is_some(),
                    end.lost_after.is_some(),
                    end.delivered,
                ];
                assert!(
                    ends.iter().filter(|is| **is).count() <= 1,
                    "{vendor:?} {share}"
                );
            }
        }
    }
}
