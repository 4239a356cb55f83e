//! Feeds arbitrary bytes to the reader of statistics queries. Run with `cargo fuzz run statistics` in `crates/wire`.
//!
//! Nothing may panic, and what passes is within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_model::App;
use pushtally_wire::TASK_IDS_MAX;
use pushtally_wire::statistics::{Asked, StatisticsQuery};

fuzz_target!(|body: &[u8]| {
    let Ok(query) = StatisticsQuery::parse(body, App::STATISTICS_SPAN_S_MAX) else { return };
    let span = query.window.end().0 - query.window.start().0;
    assert!((1..=App::STATISTICS_SPAN_S_MAX).contains(&span));
    if let Asked::Tasks(tasks) = query.asked {
        assert!((1..=TASK_IDS_MAX).contains(&tasks.len()));
        let distinct = tasks.iter().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(distinct.len(), tasks.len());
    }
});
