//! Feeds arbitrary bytes to the reader of webhook bodies. Run with `cargo fuzz run events` in `crates/wire`.
//!
//! Nothing may panic, and what passes is within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_model::Second;
use pushtally_wire::webhook::EventBatch;
use pushtally_wire::{EVENTS_MAX, NAME_LEN_MAX};

const NOW: Second = Second(1_741_104_000);

fuzz_target!(|body: &[u8]| {
    let Ok(batch) = EventBatch::parse(body) else { return };
    assert!((1..=EVENTS_MAX).contains(&batch.len()));
    let mut checked = 0;
    for event in batch.check(NOW) {
        checked += 1;
        let Ok(event) = event else { continue };
        assert!((1..=NAME_LEN_MAX).contains(&event.task.len()));
        assert!((1..=NAME_LEN_MAX).contains(&event.account.len()));
    }
    assert_eq!(checked, batch.len());
});
