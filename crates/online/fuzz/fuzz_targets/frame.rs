//! Feeds arbitrary bytes to what reads frames and reports. Run with `cargo fuzz run frame` in `crates/online`.
//!
//! Nothing may panic, and what passes is within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_online::{ClientFrame, ClientReport, parse, parse_reports};

fn check(reports: &[ClientReport]) {
    assert!((1..=100).contains(&reports.len()));
    for report in reports {
        assert!((1..=128).contains(&report.id.as_str().len()));
        assert!(report.age_ms <= 2_592_000_000);
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(ClientFrame::Report { seq, reports }) = parse(bytes) {
        assert!(seq < 1 << 53);
        check(&reports);
    }
    if let Ok(body) = parse_reports(bytes) {
        check(&body.reports);
    }
    if let Err(error) = parse(bytes) {
        assert!(error.to_string().len() < 1024);
    }
});
