//! Documented replies and receipts, whole and mutated, through every vendor's readers: what holds for all of them is in
//! `fuzz/checks.rs`, which the fuzz targets share.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "../fuzz/checks.rs"]
mod checks;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// What a mutation puts somewhere: values that parsers stumble over, and words that mean something to a vendor.
const PIECES: [&str; 24] = [
    "null",
    "{}",
    "[]",
    "\"\"",
    "-1",
    "0",
    "9223372036854775808",
    "-9223372036854775808",
    "1e999",
    "0.5",
    "true",
    "\\u0000",
    "\\ud800",
    "\u{FEFF}",
    "%00",
    "%",
    "&",
    ",",
    "[[[[[[[[[[[[[[[[",
    "\"code\":0,",
    "\"result\":0,",
    "BadDeviceToken",
    "80300007",
    "20301",
];

#[derive(Debug, Clone)]
enum Mutation {
    Cut(u16),
    Flip(u16, u8),
    Remove(u16, u8),
    Repeat(u16, u8),
    Insert(u16, usize),
    Replace(u16, usize),
    /// The rest of another body in the place of this one's.
    Graft(u16, usize, u16),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<u16>;
    prop_oneof![
        at().prop_map(Mutation::Cut),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Flip(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, len)| Mutation::Remove(at, len)),
        (at(), any::<u8>()).prop_map(|(at, len)| Mutation::Repeat(at, len)),
        (at(), 0..PIECES.len()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (at(), 0..PIECES.len()).prop_map(|(at, piece)| Mutation::Replace(at, piece)),
        (at(), any::<usize>(), at()).prop_map(|(at, seed, from)| Mutation::Graft(at, seed, from)),
    ]
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>, seeds: &[(String, Vec<u8>)]) {
        let place = |at: u16, len: usize| usize::from(at) % (len + 1);
        let len = bytes.len();
        match *self {
            Self::Cut(at) => bytes.truncate(place(at, len)),
            Self::Flip(at, with) => {
                if let Some(byte) = bytes.get_mut(place(at, len)) {
                    *byte ^= with.max(1);
                }
            }
            Self::Remove(at, count) => {
                let from = place(at, len);
                bytes.drain(from..(from + usize::from(count)).min(len));
            }
            Self::Repeat(at, count) => {
                let from = place(at, len);
                let part = bytes[from..(from + usize::from(count)).min(len)].to_vec();
                bytes.splice(from..from, part);
            }
            Self::Insert(at, piece) => {
                let from = place(at, len);
                bytes.splice(from..from, PIECES[piece].bytes());
            }
            Self::Replace(at, piece) => {
                // A whole value: up to what ends one.
                let from = place(at, len);
                let rest = &bytes[from..];
                let end = rest.iter().position(|byte| b",}]&".contains(byte));
                let end = from + end.unwrap_or(rest.len());
                bytes.splice(from..end, PIECES[piece].bytes());
            }
            Self::Graft(at, seed, from) => {
                let (_, other) = &seeds[seed % seeds.len()];
                bytes.truncate(place(at, len));
                bytes.extend_from_slice(&other[place(from, other.len())..]);
            }
        }
    }
}

static REPLIES: LazyLock<Seeds> = LazyLock::new(|| seeds("reply"));
static RECEIPTS: LazyLock<Seeds> = LazyLock::new(|| seeds("receipt"));

/// The documented bodies of a target, by file name.
type Seeds = Vec<(String, Vec<u8>)>;

fn seeds(target: &str) -> Seeds {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let files = std::fs::read_dir(folder.join(target)).unwrap();
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        (name, std::fs::read(file.path()).unwrap())
    };
    let mut seeds: Vec<_> = files.map(read).collect();
    seeds.sort();
    seeds
}

/// Which vendors seeds are of, by the name before the first hyphen; their first byte must say the same.
fn vendors(seeds: &[(String, Vec<u8>)]) -> BTreeSet<&str> {
    let vendor = |(name, seed): &'_ (String, Vec<u8>)| {
        let (channel, _) = checks::picked(seed).unwrap();
        assert!(name.starts_with(channel.name()), "{name} is of {channel:?}");
        channel.name()
    };
    seeds.iter().map(vendor).collect()
}

#[test]
fn every_documented_body_is_understood() {
    assert_eq!(vendors(&REPLIES).len(), checks::VENDORS.len());
    for (name, seed) in REPLIES.iter() {
        assert_eq!(checks::reply(seed), Some(true), "{name}");
    }
    // Apple and Google send none.
    assert_eq!(vendors(&RECEIPTS).len(), checks::VENDORS.len() - 2);
    for (name, seed) in RECEIPTS.iter() {
        let read = checks::receipt(seed);
        assert!(read.is_some_and(|read| read > 0), "{name}: {read:?}");
    }
}

fn mutated(seeds: &Seeds, pick: usize, mutations: &[Mutation]) -> Vec<u8> {
    let (_, mut bytes) = seeds[pick % seeds.len()].clone();
    for mutation in mutations {
        mutation.apply(&mut bytes, seeds);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn mutated_replies_drop_no_token_unless_they_say_so(
        pick: usize,
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        checks::reply(&mutated(&REPLIES, pick, &mutations));
    }

    #[test]
    fn mutated_receipts_say_no_more_than_they_hold(
        pick: usize,
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        checks::receipt(&mutated(&RECEIPTS, pick, &mutations));
    }
}

/// Huawei's code says what became of each, and its contract not under which status.
#[test]
fn a_part_that_was_taken_is_believed_under_any_status_but_trouble() {
    let seed = REPLIES.iter().find(|(name, _)| name == "harmony-part");
    let (_, mut bytes) = seed.unwrap().clone();
    for status in 0..=u8::MAX {
        bytes[1] = status;
        checks::reply(&bytes);
    }
}
