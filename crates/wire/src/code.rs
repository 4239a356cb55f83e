//! The table of public error codes: a row each, with number, name, text and reference.
//!
//! `docs/COMPATIBILITY.md` lists every row for operators; a test here fails when one is missing there.

macro_rules! codes {
    ($($number:literal $name:ident $text:literal $reference:literal,)*) => {
        /// A public error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Code {
            $(#[doc = $text] $name = $number,)*
        }

        impl Code {
            /// Every code this release answers with, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, as in metrics and logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it means, for callers who get no more specific text.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Where it is documented: a page of the reference, or a decision of ours.
            #[must_use]
            pub const fn reference(self) -> &'static str {
                match self { $(Self::$name => $reference,)* }
            }
        }
    };
}

codes! {
    0 Ok "success" "every page",
    60002 HttpParse "the HTTP request or its URL cannot be read, or its method is not POST" "34348",
    60003 NotJson "the body is not valid JSON, or longer than allowed" "34348",
    60007 TooFrequent "the command is called more often than its quota allows" "34348",
    60008 RequestIncomplete "the body did not arrive completely and in time" "34348",
    60009 UnknownCommand "there is no such command" "34348",
    60012 AppIdMissing "sdkappid is missing" "34348",
    60018 Overloaded "too many requests are waiting, try again later" "34348",
    60025 BadParameter "a URL parameter is missing or malformed" "34348",
    60026 WrongHost "the app may not be called under this domain" "34348",
    70001 UserSigExpired "the UserSig or the webhook signature has expired" "34348",
    70002 UserSigEmpty "the UserSig is empty" "34348",
    70003 UserSigIllegal "the UserSig cannot be read" "34348",
    70009 SignatureWrong "the signature does not fit" "34348",
    70013 OtherAccount "the request's identifier differs from the UserSig's" "34348",
    70014 OtherApp "the request's sdkappid differs from the UserSig's" "34348",
    70016 NoKey "the app has no key to check with" "34348",
    70020 AppUnknown "the app does not exist" "34348",
    70107 AccountUnknown "the account does not exist" "67553",
    70402 AccountRequestBad "a field of the body cannot be read" "34953",
    90001 Malformed "a field of the body cannot be read" "67553",
    90002 MessageBad "an element of MsgBody cannot be read" "37166",
    90003 ToAccountMissing "To_Account is missing" "34348",
    90005 RandomBad "MsgRandom is missing or no integer" "67553",
    90007 MessageNotArray "MsgBody is no array" "37166",
    90009 NotAdministrator "the caller must be an administrator of the app" "71894",
    90011 TooManyAccounts "To_Account has more than 500 accounts" "34348",
    90018 TooManyEntries "the request names more than 100 accounts" "60565",
    90020 TagTooLong "a tag is longer than 50 bytes" "37166",
    90022 SameTag "TagsOr and TagsAnd have a tag in common" "37166",
    90024 TooSoon "pushes must be more than a second apart" "74196",
    90026 LifeTimeTooLong "MsgLifeTime is more than seven days" "37166",
    90028 ToAccountNotArray "To_Account is no array of strings" "34348",
    90029 ToAccountEmpty "To_Account is empty" "34348",
    90032 TooManyTags "more tags than a condition, a call, an account or an app may have" "37166",
    90033 AttributeBad "an attribute is unknown, or its name or value is not allowed" "60563",
    90035 OtherKind "the tag or attribute fits the other type of account" "60565",
    90039 TagsAndAttributes "a condition has tags and attributes" "37166",
    90040 TagEmpty "a tag is empty" "37166",
    90044 LifeTimeNotInteger "MsgLifeTime is no integer" "37166",
    90045 PushDisabled "push is not enabled for the app" "71894",
    90047 DayFull "the pushes of the day are used up" "74196",
    90049 TaskUnknown "the app has no task of this TaskId" "60571",
    90050 RevokedBefore "the task is revoked already" "60571",
    90051 RevokeTooFrequent "revoke is called more often than its quota allows" "60571",
    90052 TaskTooOld "the task was accepted more than 24 hours ago" "60571",
    90056 PushTooLong "the push is longer than 10 KiB" "74196",
    90057 DataIdTooLong "DataId is longer than 64 bytes" "67553",
    90100 BadRequest "a request parameter is invalid" "71894",
    90102 DiskFull "internal error, try again: the disk is full" "71894",
    91000 Internal "internal error, see the text" "71894",
}

impl Code {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The code of a number, if this release answers with it.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        let page = include_str!("../../../docs/COMPATIBILITY.md");
        for code in Code::ALL.iter().filter(|code| **code != Code::Ok) {
            let row = format!("| {} | {} |", code.number(), code.name());
            assert!(
                page.contains(&row),
                "docs/COMPATIBILITY.md has no row `{row}`"
            );
        }
    }

    #[test]
    fn numbers_ascend_and_come_back() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert!(!code.text().is_empty());
            assert!(!code.reference().is_empty());
        }
        assert_eq!(Code::from_number(1), None);
    }
}
