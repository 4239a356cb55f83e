//! Sizes as people write them: `64KiB`, `1.5GiB`, `512MB`, `4096`.

const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Bytes of a size, or `None` when it is none. Units are case-sensitive, so that `m` never means mega.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), *unit)))
        .unwrap_or((text, 1));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 3 {
        return None;
    }
    if number.ends_with('.') || (unit == 1 && !fraction.is_empty()) {
        return None;
    }
    let thousandths: u64 = format!("{fraction:0<3}").parse().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    whole.checked_add(unit / 1_000 * thousandths + unit % 1_000 * thousandths / 1_000)
}

/// A size in the largest unit that divides it.
pub(crate) fn show(bytes: u64) -> String {
    let fitting = UNITS[..4]
        .iter()
        .rev()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    fitting.map_or_else(
        || format!("{bytes}B"),
        |(name, unit)| format!("{}{name}", bytes / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_written() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(parse(text), expected, "{text}");
        check("0", Some(0));
        check("4096", Some(4096));
        check("4096B", Some(4096));
        check("64KiB", Some(65_536));
        check(" 64 KiB ", Some(65_536));
        check("1GiB", Some(1 << 30));
        check("1.5GiB", Some(3 << 29));
        check("2.25MB", Some(2_250_000));
        check("1kB", Some(1000));
        check("16TiB", Some(16 << 40));
        for wrong in [
            "",
            "B",
            "-1",
            "1gib",
            "1KB",
            "1K",
            "1 2MB",
            "1.MB",
            ".5MB",
            "1.5",
            "0x10",
            "99999999999TiB",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn sizes_are_shown_as_they_can_be_read() {
        for (bytes, text) in [
            (0, "0B"),
            (1000, "1000B"),
            (1 << 10, "1KiB"),
            (3 << 29, "1536MiB"),
            (1 << 40, "1TiB"),
        ] {
            assert_eq!(show(bytes), text);
            assert_eq!(parse(text), Some(bytes));
        }
    }
}
