//! Feeds arbitrary bytes to the readers of all kinds of pages. Run with `cargo fuzz run page` in `crates/ledger`.
//!
//! Nothing may panic, and what passes survives being written again and united with itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_ledger::{Page, PageKey};

fuzz_target!(|input: ([u8; PageKey::LEN], &[u8])| {
    let (key, bytes) = input;
    let Some(key) = PageKey::from_bytes(key) else { return };
    let mut united = Vec::new();
    let alone = Page::unite(key, &[bytes], &mut united);
    let Ok(page) = Page::decode(key, bytes) else {
        assert!(alone.is_err());
        return;
    };
    let mut written = Vec::new();
    page.encode(&mut written);
    let read = Page::decode(key, &written).expect("what was written can be read");
    let mut again = Vec::new();
    read.encode(&mut again);
    assert_eq!(written, again);
    assert_eq!((alone, united), (Ok(()), written));
    // Rows have no room for twice their largest count, and say so loudly.
    if !matches!(key, PageKey::TotalRows(..) | PageKey::TaskRows(..)) {
        Page::unite(key, &[bytes, bytes], &mut Vec::new()).expect("both can be read");
    }
    assert!(page.bytes() > 0);
});
