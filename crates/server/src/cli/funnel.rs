//! The lines of a funnel's table, as `pushtally stats` and `pushtally task show` print it.

use pushtally_http::operations::Counts;

/// What stands above the columns.
pub(super) fn head() -> String {
    format!(
        "{:<8} {:<8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "route", "channel", "planned", "sent", "delivered", "clicked", "lost", "in flight"
    )
}

/// What counts on a route and channel, or in total.
pub(super) fn row(route: &str, channel: &str, counts: &Counts) -> String {
    let &Counts {
        planned,
        sent,
        delivered,
        clicked,
        lost,
        in_flight,
    } = counts;
    format!(
        "{route:<8} {channel:<8} {planned:>10} {sent:>10} {delivered:>10} {clicked:>10} {lost:>10} {in_flight:>10}"
    )
}
