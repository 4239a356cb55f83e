//! What the server itself counts, from `GET /metrics` on its operator listener: the latency histogram of one command, and
//! allocations, if it was built to count them.

use anyhow::Context as _;

use crate::client::Connection;
use crate::report::Report;
use crate::target::Target;

const COMMAND: &str = r#"command="all_member_push_statistics""#;

/// How many requests took at most so many seconds, ascending; the last bound is infinite.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram(Vec<(f64, u64)>);

impl Histogram {
    /// What the server counted so far; `None` when its operator listener is not known.
    pub(crate) fn read(target: &Target) -> anyhow::Result<Option<Self>> {
        Ok(page(target)?.as_deref().map(Self::parse))
    }

    fn parse(page: &str) -> Self {
        let bucket = |line: &str| {
            let (labels, count) = line
                .strip_prefix("pushtally_request_seconds_bucket{")?
                .rsplit_once("} ")?;
            let (_, bound) = labels.split_once(r#"le=""#)?;
            let (bound, _) = bound.split_once('"')?;
            let bound = bound.parse().unwrap_or(f64::INFINITY);
            labels
                .contains(COMMAND)
                .then(|| Some((bound, count.parse().ok()?)))?
        };
        Self(page.lines().filter_map(bucket).collect())
    }

    /// What was counted since an earlier reading.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let earlier = |bound: f64| {
            before
                .0
                .iter()
                .find(|(at, _)| *at == bound)
                .map_or(0, |(_, count)| *count)
        };
        Self(
            self.0
                .iter()
                .map(|(bound, count)| (*bound, count - earlier(*bound)))
                .collect(),
        )
    }

    /// The two bounds between which the latency lies that this share of requests did not exceed, in seconds.
    fn quantile_s(&self, share: f64) -> Option<(f64, f64)> {
        let (_, all) = self.0.last()?;
        let rank = (*all as f64 * share).ceil() as u64;
        let at = self.0.iter().position(|(_, count)| *count >= rank.max(1))?;
        let lower = at.checked_sub(1).map_or(0.0, |at| self.0[at].0);
        Some((lower, self.0[at].0))
    }

    /// Tells the server-side latencies, as exactly as the histogram knows them.
    pub(crate) fn report(&self, name: &str, report: &mut Report) {
        for (share, label) in [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")] {
            if let Some((from, to)) = self.quantile_s(share) {
                report.fact(
                    &format!("{name} {label}"),
                    &format!("{} to {} ms", from * 1e3, to * 1e3),
                );
            }
        }
    }
}

/// The page; `None` when its operator listener is not known.
fn page(target: &Target) -> anyhow::Result<Option<String>> {
    let Some(operator) = target.operator else {
        return Ok(None);
    };
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {operator}\r\n\r\n");
    let mut connection =
        Connection::open(operator).context("the operator listener cannot be reached")?;
    let page = connection
        .call(request.as_bytes())
        .context("metrics cannot be read")?;
    Ok(Some(String::from_utf8_lossy(page).into_owned()))
}

/// How often and how much a server has allocated that counts it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allocations {
    calls: u64,
    bytes: u64,
}

impl Allocations {
    /// What the server counted so far; `None` when it does not count them.
    pub(crate) fn read(target: &Target) -> anyhow::Result<Option<Self>> {
        Ok(page(target)?.as_deref().and_then(Self::parse))
    }

    fn parse(page: &str) -> Option<Self> {
        let counter = |name: &str| {
            let mut counts = page.lines().filter_map(|line| line.strip_prefix(name));
            counts.find_map(|count| count.trim().parse().ok())
        };
        Some(Self {
            calls: counter("pushtally_allocations_total ")?,
            bytes: counter("pushtally_allocated_bytes_total ")?,
        })
    }

    /// Tells what was allocated since an earlier reading, by operation.
    pub(crate) fn report(self, before: Self, operations: u64, unit: &str, report: &mut Report) {
        let operations = operations.max(1) as f64;
        let calls = (self.calls - before.calls) as f64 / operations;
        let bytes = (self.bytes - before.bytes) as f64 / operations;
        report.figure("server allocations", calls, &format!("/{unit}"));
        report.figure("server allocated", bytes, &format!("bytes/{unit}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_read_and_subtracted() {
        let page = |counts: [u64; 3]| {
            format!(
                "# TYPE x y\npushtally_request_seconds_bucket{{le=\"0.0001\",command=\"events\"}} 9\n\
                 pushtally_request_seconds_bucket{{le=\"0.0001\",{COMMAND}}} {}\n\
                 pushtally_request_seconds_bucket{{le=\"0.001\",{COMMAND}}} {}\n\
                 pushtally_request_seconds_bucket{{le=\"+Inf\",{COMMAND}}} {}\n# EOF\n",
                counts[0], counts[1], counts[2]
            )
        };
        let before = Histogram::parse(&page([50, 60, 60]));
        let after = Histogram::parse(&page([148, 159, 160]));
        let since = after.since(&before);
        assert_eq!(since.0, [(0.0001, 98), (0.001, 99), (f64::INFINITY, 100)]);
        assert_eq!(since.quantile_s(0.5), Some((0.0, 0.0001)));
        assert_eq!(since.quantile_s(0.99), Some((0.0001, 0.001)));
        assert_eq!(since.quantile_s(1.0), Some((0.001, f64::INFINITY)));
        assert_eq!(Histogram(Vec::new()).quantile_s(0.5), None);
    }

    #[test]
    fn allocations_are_read_where_they_are_counted() {
        let page = "# TYPE pushtally_allocations counter\npushtally_allocations_total 12\n\
                    # TYPE pushtally_allocated_bytes counter\npushtally_allocated_bytes_total 640\n# EOF\n";
        let (calls, bytes) = (12, 640);
        assert_eq!(Allocations::parse(page), Some(Allocations { calls, bytes }));
        assert_eq!(Allocations::parse("# EOF\n"), None);
    }
}
