//! How long things took, in whole seconds, so that percentiles of many parts can be told together.
//!
//! Invariant: a bucket's bounds depend on nothing but its place, so that sketches merge by adding. Below 128 s each second has
//! its own; from there each doubling is divided into 64, so that what is told is at most 1/128 (0.8 %) from what was put in.

/// Values below it are told exactly: two octaves' worth of buckets, where a bucket is still a second wide.
const EXACT_BELOW: u32 = 128;
/// Buckets of a doubling.
const STEPS: u32 = 64;
/// Every value of a `u32` has its bucket: 128, and 64 for each of the doublings from 2^7 to 2^31. Some 14 KB.
const BUCKETS_MAX: usize = 128 + 25 * 64;

/// Counts by length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// As far as there is any.
    buckets: Vec<u64>,
    len: u64,
}

impl Sketch {
    /// What is told of a value of `v` seconds lies within `v / ERROR_DIVISOR` of it.
    pub const ERROR_DIVISOR: u32 = 2 * STEPS;

    /// Puts a value in.
    pub fn add(&mut self, seconds: u32) {
        let bucket = bucket(seconds);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
            self.len += 1;
        }
    }

    /// Puts all in that another holds.
    pub fn absorb(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.len += other.len;
    }

    /// How many values were put in.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether none was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The smallest value that `percent` (1 to 100) of all values do not exceed, as exact as a bucket; `None` when it is empty.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<u32> {
        let rank = u128::from(self.len) * u128::from(percent.min(100));
        let rank = rank.div_ceil(100).max(1);
        let mut seen = 0u128;
        let reaches = |count: &u64| {
            seen += u128::from(*count);
            seen >= rank
        };
        let bucket = self.buckets.iter().position(reaches)?;
        u32::try_from(bucket).ok().map(middle)
    }
}

/// The bucket of a value, below `BUCKETS_MAX`.
fn bucket(seconds: u32) -> usize {
    if seconds < EXACT_BELOW {
        return seconds as usize;
    }
    let doublings = seconds.ilog2() - EXACT_BELOW.ilog2();
    let step = (seconds >> (doublings + 1)) - STEPS;
    (EXACT_BELOW + doublings * STEPS + step) as usize
}

/// The value in the middle of a bucket.
fn middle(bucket: u32) -> u32 {
    debug_assert!((bucket as usize) < BUCKETS_MAX);
    let Some(above) = bucket.checked_sub(EXACT_BELOW) else {
        return bucket;
    };
    let width_bits = above / STEPS + 1;
    let first = (STEPS + above % STEPS) << width_bits;
    first + ((1 << width_bits) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Seconds of every size, as often small as large.
    fn seconds() -> impl Strategy<Value = Vec<u32>> {
        let one = (0..=32u32, any::<u32>()).prop_map(|(bits, value)| match bits {
            0 => 0,
            bits => value >> (32 - bits),
        });
        proptest::collection::vec(one, 0..300)
    }

    fn sketch(values: &[u32]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|value| sketch.add(*value));
        sketch
    }

    proptest! {
        #[test]
        fn parts_merged_in_any_order_are_the_whole(parts in proptest::collection::vec(seconds(), 0..6)) {
            let whole = sketch(&parts.concat());
            let (mut forth, mut back) = (Sketch::default(), Sketch::default());
            parts.iter().for_each(|part| forth.absorb(&sketch(part)));
            parts.iter().rev().for_each(|part| back.absorb(&sketch(part)));
            prop_assert_eq!(&forth, &whole);
            prop_assert_eq!(&back, &whole);
        }

        #[test]
        fn every_percentile_is_within_its_error_of_a_naive_sort(values in seconds(), percent in 1..=100u32) {
            let told = sketch(&values).percentile(percent);
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = (values.len() * percent as usize).div_ceil(100);
            let Some(exact) = rank.checked_sub(1).map(|rank| sorted[rank]) else {
                prop_assert_eq!(told, None);
                return Ok(());
            };
            let told = told.unwrap();
            prop_assert!(told.abs_diff(exact) <= exact / Sketch::ERROR_DIVISOR, "{} for {}", told, exact);
        }
    }

    #[test]
    fn every_bucket_is_of_its_own_middle_and_none_is_beyond_the_bound() {
        assert_eq!(bucket(u32::MAX) + 1, BUCKETS_MAX);
        for one in 0..BUCKETS_MAX {
            let middle = middle(u32::try_from(one).unwrap());
            assert_eq!(bucket(middle), one, "{middle} s");
        }
        for (bits, value) in (7..32u32).map(|bits| (bits, 1u32 << bits)) {
            assert_eq!(bucket(value), bucket(value - 1) + 1, "2^{bits}");
        }
    }
}
