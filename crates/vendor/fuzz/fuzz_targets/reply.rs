//! Feeds arbitrary bytes to every vendor's reader of replies, those to sign-ins included. Run with
//! `cargo fuzz run reply fuzz/corpus/reply fuzz/seeds/reply` in `crates/vendor`.

#![no_main]

#[path = "../checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    checks::reply(data);
});
