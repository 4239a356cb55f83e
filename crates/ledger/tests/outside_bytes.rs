//! Whatever bytes are stored where a page is expected, the readers answer, and never panic.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use proptest::prelude::*;
use pushtally_ledger::{MarksPage, Page, PageKey};
use pushtally_model::{AppId, Cell, Kind, TaskNumber};

const KEYS: [PageKey; 5] = [
    PageKey::Total(AppId(1), Kind::Push),
    PageKey::Task(TaskNumber(1)),
    PageKey::Marks(TaskNumber(1), 0),
    PageKey::TotalRows(AppId(1), Kind::Message, 20_000),
    PageKey::TaskRows(TaskNumber(1), 20_000),
];

fn encoded(page: &Page) -> Vec<u8> {
    let mut bytes = Vec::new();
    page.encode(&mut bytes);
    bytes
}

/// What can be read can be written and read again, and uniting it with nothing is the same.
fn read(key: PageKey, bytes: &[u8]) {
    let mut united = Vec::new();
    let alone = Page::unite(key, &[bytes], &mut united);
    let Ok(page) = Page::decode(key, bytes) else {
        assert!(alone.is_err());
        return;
    };
    let written = encoded(&page);
    let again = Page::decode(key, &written).unwrap();
    assert_eq!(written, encoded(&again));
    assert_eq!((alone, united), (Ok(()), written));
    // Rows have no room for twice their largest count, and say so loudly.
    if !matches!(key, PageKey::TotalRows(..) | PageKey::TaskRows(..)) {
        Page::unite(key, &[bytes, bytes], &mut Vec::new()).unwrap();
    }
}

/// Found by fuzzing: a counter near the end of `u64`, to which a second part could not be added.
#[test]
fn counts_that_nothing_could_be_added_to_are_refused() {
    let mut bytes = vec![1];
    bytes.extend([0xFF; 9]);
    bytes.extend([1, 0, 0, 0, 0, 0]);
    for key in KEYS {
        assert!(Page::decode(key, &bytes).is_err());
    }
}

/// Found by looking where the fuzzer had: the same second of one cell twice, whose sum may not fit.
#[test]
fn a_cell_that_stands_in_an_hour_twice_is_refused() {
    let count_max = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
    let series = [&[0x08, 0, 1, 1][..], &count_max].concat();
    let hours = |series: &[Vec<u8>]| {
        let mut bytes = vec![1, series.len() as u8];
        bytes.extend(series.concat());
        bytes.extend([0; 23]);
        bytes
    };
    let key = PageKey::TaskRows(TaskNumber(1), 20_000);
    assert!(Page::decode(key, &hours(std::slice::from_ref(&series))).is_ok());
    let twice = hours(&[series.clone(), series]);
    assert!(Page::decode(key, &twice).is_err());
    assert!(Page::unite(key, &[&twice], &mut Vec::new()).is_err());
}

proptest! {
    #[test]
    fn arbitrary_pages_are_refused_without_panic(
        format in 0..3u8, bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [vec![format], bytes].concat();
        KEYS.into_iter().for_each(|key| read(key, &bytes));
    }

    /// Small numbers, as counts and differences are, reach further into a reader than any bytes do.
    #[test]
    fn pages_of_small_numbers_are_refused_without_panic(
        bytes in proptest::collection::vec(0..12u8, 0..120),
    ) {
        let bytes = [vec![1], bytes].concat();
        KEYS.into_iter().for_each(|key| read(key, &bytes));
    }

    #[test]
    fn nearly_sound_marks_are_refused_without_panic(
        marks in proptest::collection::vec((any::<u8>(), any::<u16>()), 1..60),
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut page = MarksPage::default();
        for (cell, slot) in marks {
            if let Some(cell) = Cell::from_byte(cell) {
                page.insert(cell, slot);
            }
        }
        let mut bytes = encoded(&Page::Marks(page));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at + 1);
        }
        read(PageKey::Marks(TaskNumber(1), 0), &bytes);
    }
}
