//! Feeds arbitrary text to everything that reads a UserSig. Run with `cargo fuzz run check` in `crates/usersig`.
//!
//! Nothing may panic, and nothing may pass: the fuzzer does not know the key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_usersig::{Request, check, explain, parse};

const KEY: &str = "a key that is not in the corpus";

fuzz_target!(|usersig: &str| {
    let parsed = parse(usersig);
    let identifier = parsed.as_ref().map_or("", |unverified| unverified.claims.identifier.as_str());
    let sdkappid = parsed.as_ref().map_or(0, |unverified| unverified.claims.sdkappid);
    let request = Request { sdkappid, identifier, now_s: 1_700_000_000 };
    let checked = check(usersig, &[KEY], &request);
    assert!(checked.is_err());
    let explanation = explain(usersig, &[KEY], Some(&request));
    assert_eq!(explanation.fault(), checked.as_ref().err());
    let _ = explanation.to_string();
});
