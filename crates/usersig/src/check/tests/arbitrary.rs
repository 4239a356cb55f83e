//! What altered and arbitrary UserSigs may never do: panic, or pass with claims that nobody signed.

use proptest::prelude::*;

use super::*;

/// Whatever is accepted says what was signed.
fn assert_no_forgery(altered: &str) {
    if let Ok(claims) = check(altered, &[KEY], &XIAOJUN) {
        assert_eq!(claims, xiaojun(), "{altered}");
    }
}

#[test]
fn altered_byte_never_alters_the_claims() {
    let go_style = format!("{{{}}}\n", FIELDS.join(","));
    for usersig in [NPM.to_owned(), PYPI.to_owned(), wrap(&go_style, 0)] {
        for position in 0..usersig.len() {
            let mut altered = usersig.clone().into_bytes();
            for byte in b' '..=b'~' {
                altered[position] = byte;
                assert_no_forgery(std::str::from_utf8(&altered).unwrap());
            }
        }
        let deflated = armor::decode(&usersig).unwrap();
        for position in 0..deflated.len() {
            for bit in 0..8 {
                let mut altered = deflated.clone();
                altered[position] ^= 1 << bit;
                assert_no_forgery(&encode(&altered));
            }
        }
    }
    for position in 0..go_style.len() {
        for byte in b' '..=b'~' {
            let mut altered = go_style.clone().into_bytes();
            altered[position] = byte;
            assert_no_forgery(&encode(&deflate(&altered, 0)));
        }
    }
}

proptest! {
    #[test]
    fn what_is_made_is_accepted(
        identifier in any::<String>(),
        key in ".{1,200}",
        sdkappid: u32,
        time in 0..i64::MAX,
        expire in 0..i64::MAX,
        userbuf in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..1024)),
    ) {
        let claims = Claims { identifier, sdkappid, time, expire, userbuf };
        let usersig = make(&key, &claims);
        let request = Request { sdkappid, identifier: &claims.identifier, now_s: time };
        let checked = check(&usersig, &["other", &key], &request);
        prop_assert_eq!(checked.as_ref(), Ok(&claims));
        prop_assert_eq!(parse(&usersig).map(|unverified| unverified.claims), Ok(claims));
    }

    #[test]
    fn arbitrary_text_never_passes(usersig in any::<String>()) {
        prop_assert!(check(&usersig, &[KEY], &XIAOJUN).is_err());
        let _ = crate::explain(&usersig, &[KEY], Some(&XIAOJUN)).to_string();
    }

    #[test]
    fn arbitrary_bytes_never_pass_in_any_layer(bytes in proptest::collection::vec(any::<u8>(), 0..2048), level in 0..=9_u32) {
        for usersig in [encode(&bytes), encode(&deflate(&bytes, level)), String::from_utf8_lossy(&bytes).into_owned()] {
            let checked = check(&usersig, &[KEY], &XIAOJUN);
            prop_assert!(checked.is_err());
            let explanation = crate::explain(&usersig, &[KEY], Some(&XIAOJUN));
            prop_assert_eq!(explanation.fault(), checked.as_ref().err());
        }
    }

    #[test]
    fn spliced_usersigs_never_forge(start in 0..NPM.len(), length in 0..64_usize, insert in "[A-Za-z0-9*_-]{0,64}") {
        let end = (start + length).min(NPM.len());
        assert_no_forgery(&format!("{}{insert}{}", &NPM[..start], &NPM[end..]));
    }
}
