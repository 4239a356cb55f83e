//! How long to wait before a call is tried again: a pure function.

use std::time::Duration;

/// The wait after the `failures`-th failure (from 1): doubled each time up to `max`, then shortened by up to half
/// as `roll` says, so that calls which failed together do not come back together.
pub(crate) fn delay(failures: u32, first: Duration, max: Duration, roll: u16) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let whole = first.saturating_mul(1_u32 << doublings).min(max);
    whole - (whole / 2).mul_f64(f64::from(roll) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_keep_at_least_half() {
        let check = |failures, roll, expected_ms| {
            let got = delay(
                failures,
                Duration::from_millis(200),
                Duration::from_secs(60),
                roll,
            );
            assert_eq!(
                got,
                Duration::from_millis(expected_ms),
                "{failures} failures, roll {roll}"
            );
        };
        check(1, 0, 200);
        check(1, u16::MAX, 100);
        check(2, 0, 400);
        check(9, 0, 51_200);
        check(10, 0, 60_000);
        check(u32::MAX, 0, 60_000);
        check(u32::MAX, u16::MAX, 30_000);
    }
}
