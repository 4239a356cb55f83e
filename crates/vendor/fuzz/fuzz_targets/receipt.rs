//! Feeds arbitrary bytes to every vendor's reader of receipts. Run with
//! `cargo fuzz run receipt fuzz/corpus/receipt fuzz/seeds/receipt` in `crates/vendor`.

#![no_main]

#[path = "../checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    checks::receipt(data);
});
