//! Seconds as people read them.

use pushtally_model::{Second, date};

const DAY_S: u32 = Second::DAY_S;

/// A Unix second as `2026-01-31 23:59:59`, in UTC.
pub(super) fn moment(second: u32) -> String {
    Second(second).date_time(0)
}

/// The second that a text means: a Unix second, a UTC date with a time, or so many minutes, hours or days before `now`.
pub(super) fn parse_moment(text: &str, now: u32) -> Option<u32> {
    if let Ok(second) = text.parse() {
        return Some(second);
    }
    let ago = |unit, second: u32| Some((text.strip_suffix(unit)?.parse::<u32>().ok()?, second));
    if let Some((count, unit)) = ago('m', 60).or(ago('h', 3600)).or(ago('d', DAY_S)) {
        return now.checked_sub(count.checked_mul(unit)?);
    }
    let (date, time) = text.trim_end_matches('Z').split_once([' ', 'T'])?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    if !(1970..=2106).contains(&year)
        || month > 12
        || day > 31
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let day = days(year, month, day)?;
    let of_day = hour * 3600 + minute * 60 + second;
    day.checked_mul(DAY_S)?.checked_add(of_day)
}

fn numbers(text: &str, between: char) -> Option<[u32; 3]> {
    let numbers: Option<Vec<u32>> = text.split(between).map(|part| part.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// Days from 1970 to a date that there is.
fn days(year: u32, month: u32, day: u32) -> Option<u32> {
    let of_march = if month > 2 { month - 3 } else { month + 9 };
    let from_march = year - u32::from(month <= 2);
    let leaps = from_march / 4 - from_march / 100 + from_march / 400;
    let days = (365 * from_march + leaps + (153 * of_march + 2) / 5 + day).checked_sub(719_469)?;
    (date(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_dates() {
        for (second, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_764_136_800, "2025-11-26 06:00:00"),
            (u32::MAX, "2106-02-07 06:28:15"),
        ] {
            assert_eq!(moment(second), expected);
            assert_eq!(parse_moment(expected, 0), Some(second));
        }
    }

    #[test]
    fn moments_are_seconds_dates_or_so_long_ago() {
        for (text, expected) in [
            ("1700000000", Some(1_700_000_000)),
            ("90m", Some(994_600)),
            ("2h", Some(992_800)),
            ("3d", Some(740_800)),
            ("12d", None),
            ("4294967295d", None),
            ("2026-01-31T23:59:59Z", Some(1_769_903_999)),
            ("2026-02-30 00:00:00", None),
            ("2026-13-01 00:00:00", None),
            ("2026-00-01 00:00:00", None),
            ("2026-01-01 24:00:00", None),
            ("2106-02-07 06:28:16", None),
            ("2026-01-01", None),
            ("yesterday", None),
            ("", None),
            ("h", None),
            ("-5", None),
        ] {
            assert_eq!(parse_moment(text, 1_000_000), expected, "{text}");
        }
    }
}
