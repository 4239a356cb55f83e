//! Feeds arbitrary text to both readers of URL parameters. Run with `cargo fuzz run parameters` in `crates/wire`.
//!
//! Nothing may panic, and a refusal says nothing of a UserSig or a signature.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_wire::Parameters;
use pushtally_wire::webhook::CallbackParameters;

fuzz_target!(|query: &str| {
    let _ = Parameters::parse(query);
    let _ = CallbackParameters::parse(query);
    // Long enough not to stand in a message by chance.
    const SECRET: &str = "a-secret-that-no-message-may-repeat";
    for name in ["usersig", "Sign"] {
        let query = format!("{query}&{name}={SECRET}");
        let told = [
            Parameters::parse(&query).err().map(|fault| format!("{fault} {fault:?}")),
            CallbackParameters::parse(&query).err().map(|fault| format!("{fault} {fault:?}")),
        ];
        for told in told.into_iter().flatten() {
            assert!(!told.contains(SECRET), "{told}");
        }
    }
});
