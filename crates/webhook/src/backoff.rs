//! How long to wait before a call is tried again: a pure function.

use std::time::Duration;

/// The wait after the `failures`-th failure (from 1): doubled each time up to `max`, then shortened by up to half
/// as `roll` says, so that calls which failed together do not come back together.
pub(crate) fn delay(failures: u32, first: Duration, max: Duration, roll: u16) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let whole = first.saturating_mul(1_u32 << doublings).min(max);
    whole - (whole / 2).mul_f64(f64::from(roll) / f64::from(u16::MAX))
}

/// Of a call's own failures, those that count for its wait: no more than the receiver has had in a row over all calls, since
/// one that answers others is there; but a fourth of them always, since it may be this call that it cannot take.
pub(crate) fn weigh(own: u32, in_a_row: u32) -> u32 {
    own.min(in_a_row.max(own.div_ceil(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_answers_others_is_asked_again_soon_and_a_call_it_never_takes_is_not() {
        assert_eq!(weigh(1, 1), 1);
        assert_eq!(weigh(4, 1), 1, "every second call is dropped");
        assert_eq!(weigh(6, 16), 6, "nothing is answered");
        assert_eq!(weigh(6, 0), 2, "another was answered meanwhile");
        assert_eq!(weigh(36, 1), 9, "only this one is not taken");
    }

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
