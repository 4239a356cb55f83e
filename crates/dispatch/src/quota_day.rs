//! When a quota day began.

use pushtally_model::Second;

/// The first second of the day that holds `now`, for days that begin this many seconds before midnight UTC
/// (28,800 for UTC+8; negative for the west).
pub(crate) fn day_begins(now: Second, offset_s: i32) -> Second {
    let day = i64::from(Second::DAY_S);
    let local = i64::from(now.0) + i64::from(offset_s);
    let begins = local.div_euclid(day) * day - i64::from(offset_s);
    Second(u32::try_from(begins).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_local_midnight() {
        // 2025-11-26T00:00:00Z.
        const MIDNIGHT: u32 = 1_764_115_200;
        const HOUR: u32 = 3600;
        for (now, offset_s, expected) in [
            (MIDNIGHT, 0, MIDNIGHT),
            (MIDNIGHT + 24 * HOUR - 1, 0, MIDNIGHT),
            (MIDNIGHT, 28_800, MIDNIGHT - 8 * HOUR),
            (MIDNIGHT + 16 * HOUR - 1, 28_800, MIDNIGHT - 8 * HOUR),
            (MIDNIGHT + 16 * HOUR, 28_800, MIDNIGHT + 16 * HOUR),
            (MIDNIGHT, -5 * 3600, MIDNIGHT - 19 * HOUR),
            (MIDNIGHT + 5 * HOUR, -5 * 3600, MIDNIGHT + 5 * HOUR),
            (0, 28_800, 0),
        ] {
            assert_eq!(
                day_begins(Second(now), offset_s),
                Second(expected),
                "{now} {offset_s}"
            );
        }
    }
}
