//! The arrows between crates are those of the table in ARCHITECTURE.md, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The rows `| `crate` | `a`, `b` |` of the table under "Arrows".
fn documented() -> Arrows {
    let text = include_str!("../../../ARCHITECTURE.md");
    let (_, table) = text
        .split_once("| Crate | May depend on |")
        .expect("ARCHITECTURE.md has the table of arrows");
    let names = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut arrows = Arrows::new();
    for row in table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
    {
        let mut cells = row.split('|').skip(1);
        let (Some(from), Some(to)) = (cells.next(), cells.next()) else {
            continue;
        };
        for from in names(from) {
            arrows.insert(from, names(to).into_iter().collect());
        }
    }
    arrows
}

/// The normal dependencies between the workspace's packages.
fn real() -> Arrows {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let short = |name: &str| name.strip_prefix("pushtally-").map(str::to_owned);
    let mut arrows = Arrows::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let normal = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        let to = normal
            .filter_map(|dependency| short(dependency["name"].as_str()?))
            .collect();
        arrows.insert(
            short(package["name"].as_str().expect("name")).expect("our packages share a prefix"),
            to,
        );
    }
    arrows
}

#[test]
fn every_arrow_between_crates_is_documented() {
    let (documented, real) = (documented(), real());
    assert_eq!(
        real.keys().collect::<Vec<_>>(),
        documented.keys().collect::<Vec<_>>(),
        "crates in the table"
    );
    for (from, to) in &real {
        let undocumented: Vec<_> = to.difference(&documented[from]).collect();
        assert!(
            undocumented.is_empty(),
            "`{from}` must not depend on {undocumented:?}"
        );
    }
    for (from, forbidden) in [
        ("http", "store-local"),
        ("stats", "store-local"),
        ("receipt", "wire"),
        ("stats", "wire"),
    ] {
        assert!(
            !documented[from].contains(forbidden),
            "the table must never allow `{from}` to depend on `{forbidden}`"
        );
    }
}
