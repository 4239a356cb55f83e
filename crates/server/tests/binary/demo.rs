//! The demo.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::fixture::{done, run};
use crate::server::pushtally;

/// What a demo's folder counted before its webhooks were played. A phone that is behind counts on two routes, so that how
/// many that are depends on the crowd.
fn counted_before(said: &str) -> u64 {
    let (_, rest) = said
        .split_once("Overall TotalCount of this folder: ")
        .unwrap();
    let (count, _) = rest.split_once(" before").unwrap();
    count.replace(',', "").parse().unwrap()
}

#[test]
fn a_demo_agrees_with_itself_and_continues_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // Two pushes and a batch to 100 phones, then the webhooks of a push to 3,000 devices.
    let small = ["demo", "--once", "--phones", "100", "--devices", "3000"];
    let first = done(dir, &small);
    assert!(
        !first.contains("DIFFER")
            && first.contains("no count differs")
            && (300..=600).contains(&counted_before(&first)),
        "{first}"
    );

    // Killed while it plays: at the first line of the funnel that shows webhooks.
    let mut child = pushtally(dir)
        .args(["demo", "--keep", "--phones", "100", "--devices", "200000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(" events/s")));
    child.kill().unwrap();
    child.wait().unwrap();

    let again = done(
        dir,
        &[small.as_slice(), &["--keep", "--seed", "7"]].concat(),
    );
    assert!(again.contains("no count differs"), "{again}");
    assert!(
        counted_before(&again) > counted_before(&first) + 3_000,
        "{again}"
    );
    let fresh = done(dir, &small);
    assert_eq!(counted_before(&fresh), counted_before(&first), "{fresh}");

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("thesis.txt"), "").unwrap();
    let refused = run(other.path(), &["demo", "--once", "--dir", "."]);
    assert!(
        refused.code == 1 && refused.err.contains("no demo has made"),
        "{}",
        refused.err
    );
}
