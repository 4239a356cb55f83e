//! Latencies of a run, kept one by one so that percentiles are exact.

use std::time::Duration;

/// Latencies, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u64>);

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0
            .push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The latency that this share of all did not exceed, in milliseconds; 1.0 is the highest, and none give 0.
    pub(crate) fn quantiles_ms(&mut self, shares: &[f64]) -> Vec<f64> {
        self.0.sort_unstable();
        let rank = |share: f64| ((self.0.len() as f64 * share).ceil() as usize).saturating_sub(1);
        let at = |share: &f64| self.0.get(rank(*share)).map_or(0.0, |ns| *ns as f64 / 1e6);
        shares.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let mut latencies = Latencies::default();
        for ms in (1..=1_000).rev() {
            latencies.add(Duration::from_millis(ms));
        }
        assert_eq!(
            latencies.quantiles_ms(&[0.5, 0.99, 0.999, 1.0]),
            [500.0, 990.0, 999.0, 1_000.0]
        );
        assert_eq!(Latencies::default().quantiles_ms(&[0.5]), [0.0]);
    }
}
