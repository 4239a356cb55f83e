//! Feeds arbitrary bytes to the reader of waiting calls. Run with `cargo fuzz run call` in `crates/webhook`.
//!
//! Nothing may panic, and what passes survives being written again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use pushtally_webhook::Call;

fuzz_target!(|bytes: &[u8]| {
    let Ok(call) = Call::decode(Bytes::copy_from_slice(bytes)) else { return };
    assert_eq!(Call::decode(call.encode()).as_ref(), Ok(&call));
});
