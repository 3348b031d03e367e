//! Times as `metav1.Time` has them: read as RFC 3339, written in UTC, in whole seconds.
//!
//! jiff reads more than Go does (a space for the `T`, no seconds), so the form is looked at here and the calendar is jiff's.
//! Times that jiff cannot hold, of the last day of the year 9999, count as no times.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Whole seconds of a time, if that is one to Go's `time.Parse(time.RFC3339, …)`.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    read_parts(text).map(|(time, _)| time)
}

/// A time to the nanosecond; more digits do not count.
pub(crate) fn read_exact(text: &str) -> Option<Timestamp> {
    let (time, fraction) = read_parts(text)?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    time.checked_add(SignedDuration::from_nanos(digits.parse().ok()?)).ok()
}

/// Whole seconds, and the digits after them.
fn read_parts(text: &str) -> Option<(Timestamp, &str)> {
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?.map(|number| i8::try_from(number).ok());
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|char: char| char.is_ascii_digit());
            let digits = fraction.strip_suffix(rest)?;
            (!digits.is_empty()).then_some((digits, rest))?
        }
        None => ("", rest),
    };
    let offset = match rest {
        "Z" => 0,
        _ => {
            let (sign, rest) = match rest.strip_prefix('-') {
                Some(rest) => (-1, rest),
                None => (1, rest.strip_prefix('+')?),
            };
            let [hours, minutes] = numbers(rest, ':', [2, 2])?.map(i32::from);
            (hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))?
        }
    };
    let local = DateTime::new(year, month, day, hour?, minute?, second?, 0).ok()?;
    Some((Offset::from_seconds(offset).ok()?.to_timestamp(local).ok()?, fraction))
}

/// A time as it is written.
pub(crate) fn written(time: Timestamp) -> String {
    Offset::UTC.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as `metav1.MicroTime` writes it: to the millionth of a second.
pub(crate) fn written_micro(time: Timestamp) -> String {
    Offset::UTC.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Numbers of these lengths, of four digits at the most, with a sign between them, and nothing after.
fn numbers<const N: usize>(text: &str, between: char, lengths: [usize; N]) -> Option<[i16; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part =
            parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_in_utc() {
        for (text, utc) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
            ("2024-03-01T01:30:00+02:00", "2024-02-29T23:30:00Z"),
            ("1969-12-31T23:00:00.999-01:30", "1970-01-01T00:30:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(written(read(text).unwrap()), utc, "{text}");
        }
        assert_eq!(read("2026-11-24T09:41:00Z").unwrap().as_second(), 1_795_513_260);
    }

    #[test]
    fn fractions_are_read_where_they_are_asked_for() {
        for (text, nanoseconds) in [("00Z", 0), ("00.5Z", 500_000_000), ("00.123456789123+01:00", 123_456_789)] {
            let time = read_exact(&format!("2024-01-01T00:00:{text}")).unwrap();
            assert_eq!(time.subsec_nanosecond(), nanoseconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2024-01-01",
            "2024-01-01 00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-1-01T00:00:00Z",
            "2024-01-01T00:00:00+2:00",
            "2024-01-01T00:00:00Z ",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_is_read_as_it_is_written() {
        for day in (-719_000..800_000).step_by(37) {
            let time = Timestamp::from_second(day * 86_400 + 61).unwrap();
            assert_eq!(read(&written(time)), Some(time));
        }
    }
}
