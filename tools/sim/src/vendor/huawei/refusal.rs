//! Huawei's codes, which HONOR's appear to mirror.

use super::super::fields::Wrong;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::vendor) struct Refusal {
    pub(in crate::vendor) code: Code,
    pub(in crate::vendor) text: String,
}

/// The codes that refuse a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(in crate::vendor) enum Code {
    Parameter = 80_100_001,
    OneToken = 80_100_002,
    Payload = 80_100_003,
    Ttl = 80_100_004,
    CollapseKey = 80_100_013,
    Structure = 80_100_020,
    Auth = 80_200_001,
    OAuthExpired = 80_200_003,
    JwtExpired = 80_200_005,
    AllTokens = 80_300_007,
    TooLong = 80_300_008,
    TokenCount = 80_300_010,
    NoHighRight = 80_300_011,
    ReceiptAddress = 80_300_013,
    TestTraffic = 80_300_029,
    TestTokens = 80_300_030,
    JwtLife = 80_300_036,
    Internal = 81_000_001,
}

impl Code {
    pub(in crate::vendor) fn number(self) -> u32 {
        self as u32
    }

    /// The HTTP status. Which code has which is documented for a few only: authentication 401, what fails 500, what is
    /// wrong in the request 400.
    pub(in crate::vendor) fn status(self) -> u16 {
        match self {
            Self::Auth | Self::OAuthExpired | Self::JwtExpired => 401,
            Self::Internal => 500,
            _ => 400,
        }
    }

    pub(in crate::vendor) fn says(self, text: impl Into<String>) -> Refusal {
        let text = text.into();
        Refusal { code: self, text }
    }
}

/// A field that is not what it must be is a wrong parameter where nothing more special is documented.
impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        Code::Parameter.says(wrong)
    }
}
