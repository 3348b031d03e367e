//! Durations as Go reads them: `1h30m`, `1.5s`.
//!
//! Facts: `time.ParseDuration`, and `kube-openapi/pkg/validation/strfmt/duration.go` for the words that a schema takes besides.

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of a duration, if it is one to `time.ParseDuration`.
pub(super) fn read(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|character: char| character == '.' || character.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let number: u64 = if whole.is_empty() { 0 } else { whole.parse().ok().filter(|number| *number <= 1 << 63)? };
        let mut nanoseconds = number.checked_mul(*unit).filter(|nanoseconds| *nanoseconds <= 1 << 63)?;
        nanoseconds += part(fraction, *unit);
        total = total.checked_add(nanoseconds).filter(|total| *total <= 1 << 63)?;
        rest = after;
    }
    if negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

/// What a fraction of a unit is, with as many digits as fit, as Go counts.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go converts the same way"
)]
fn part(fraction: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in fraction.bytes() {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
        match next.filter(|next| *next <= 1 << 63) {
            Some(next) => value = next,
            None => break,
        }
        scale *= 10.0;
    }
    if value == 0 { 0 } else { (value as f64 * (unit as f64 / scale)) as u64 }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The other words for units, and whether what begins with the last of them is one too.
const WORDS: [&[&str]; 8] = [
    &["ns", "nano"],
    &["us", "µs", "micro"],
    &["ms", "milli"],
    &["s", "sec"],
    &["m", "min"],
    &["h", "hr", "hour"],
    &["d", "day"],
    &["w", "wk", "week"],
];

/// Whether a text has the format `duration`: what Go reads, or somewhere in it numbers with words such as `2 weeks`.
pub(super) fn is_format(text: &str) -> bool {
    if read(text).is_some() {
        return true;
    }
    let mut found = false;
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (number, after) = digits(rest.get(start..).unwrap_or_default());
        let unit = after.trim_start_matches(['\t', '\n', '\x0C', '\r', ' ']);
        let letter = |character: char| character.is_ascii_alphabetic() || character == 'µ';
        let end = unit.find(|character| !letter(character)).unwrap_or(unit.len());
        let Some((unit, after_unit)) = unit.split_at_checked(end) else { return false };
        if unit.is_empty() {
            rest = after;
            continue;
        }
        if number.parse::<i64>().is_err() {
            return false;
        }
        let unit = unit.to_lowercase();
        found |= WORDS
            .iter()
            .any(|words| words.contains(&unit.as_str()) || words.last().is_some_and(|last| unit.starts_with(last)));
        rest = after_unit;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `parseDurationTests` and `parseDurationErrorTests` of Go's `time`.
    #[test]
    fn durations_are_read_as_go_does() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("5s", 5_000_000_000),
            ("1478s", 1_478_000_000_000),
            ("-5s", -5_000_000_000),
            ("+0", 0),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("1.004s", 1_004_000_000),
            ("3h30m", 12_600_000_000_000),
            ("10.5s4m", 250_500_000_000),
            ("-2m3.4s", -123_400_000_000),
            ("39h9m14.425s", 140_954_425_000_000),
            ("12µs", 12_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("0.100000000000000000000h", 360_000_000_000),
        ] {
            assert_eq!(read(text), Some(nanoseconds), "{text}");
        }
        for text in [
            "",
            "3",
            "-",
            "s",
            ".",
            "-.",
            ".s",
            "+.s",
            "1d",
            "9223372036854775810ns",
            "-9223372036854775809ns",
            "3000000h",
            "1 h",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    /// From `TestDurationParser` of strfmt.
    #[test]
    fn a_schema_takes_more_words() {
        for good in ["1ns", "1 nanosecond", "2 weeks", "3 d", "1 hr", "10m", "1 wk and more", "1 secs"] {
            assert!(is_format(good), "{good}");
        }
        for bad in ["", "a", "1", "1 foo", "minute"] {
            assert!(!is_format(bad), "{bad}");
        }
    }
}
