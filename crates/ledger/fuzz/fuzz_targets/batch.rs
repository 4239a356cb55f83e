//! Feeds arbitrary bytes to the reader of batches. Run with `cargo fuzz run batch` in `crates/ledger`.
//!
//! Nothing may panic, and what passes survives being written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_ledger::{decode, encode};

fuzz_target!(|bytes: &[u8]| {
    let Ok(batch) = decode(bytes) else { return };
    let mut written = Vec::new();
    encode(&batch, &mut written);
    assert_eq!(decode(&written).as_ref(), Ok(&batch));
});
