//! How long ago a time is, for people.
//!
//! Facts: `HumanDuration` of `apimachinery/pkg/util/duration`; `translateTimestampSince` of `pkg/printers/internalversion`.

use jiff::{SignedDuration, Timestamp};

use crate::time;

/// Go's zero, the first second of the year 1, in seconds since 1970.
const ZERO: i64 = -62_135_596_800;

/// How long ago a time is; `<unknown>` if there is none.
pub(crate) fn since(text: &str, now: Timestamp) -> String {
    parse(text).map_or_else(|| "<unknown>".to_owned(), |then| human(now.duration_since(then)))
}

/// A time with its parts of a second, which events have. No time, or Go's zero, is none.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    time::read_exact(text).filter(|time| time.as_second() != ZERO || time.subsec_nanosecond() != 0)
}

/// A duration with two or three figures.
pub(crate) fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let two = |more: i64, unit: char, less: i64, part: char| {
        if less == 0 { format!("{more}{unit}") } else { format!("{more}{unit}{less}{part}") }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match () {
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 192 => two(days, 'd', hours % 24, 'h'),
        () if hours < 24 * 365 * 2 => format!("{days}d"),
        () if hours < 24 * 365 * 8 => two(years, 'y', days % 365, 'd'),
        () => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestHumanDuration` and `TestHumanDurationBoundaries` of duration_test.go.
    #[test]
    fn durations_have_few_figures() {
        let (second, minute, hour) = (1, 60, 3600);
        let (day, year) = (24 * hour, 24 * 365 * hour);
        for (seconds, expected) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (second, "1s"),
            (70 * second, "70s"),
            (119 * second, "119s"),
            (2 * minute, "2m"),
            (3 * minute, "3m"),
            (190 * second, "3m10s"),
            (10 * minute - second, "9m59s"),
            (10 * minute, "10m"),
            (47 * minute, "47m"),
            (3 * hour - second, "179m"),
            (3 * hour, "3h"),
            (3 * hour + minute, "3h1m"),
            (3 * hour + 45 * minute, "3h45m"),
            (8 * hour - second, "7h59m"),
            (8 * hour, "8h"),
            (48 * hour - second, "47h"),
            (48 * hour, "2d"),
            (49 * hour, "2d1h"),
            (8 * day - second, "7d23h"),
            (8 * day, "8d"),
            (9 * day, "9d"),
            (2 * year - second, "729d"),
            (2 * year, "2y"),
            (2 * year + day, "2y1d"),
            (3 * year + 10 * day, "3y10d"),
            (8 * year - day, "7y364d"),
            (8 * year, "8y"),
            (8 * year + 364 * day, "8y"),
        ] {
            assert_eq!(human(SignedDuration::from_secs(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn parts_of_a_second_count() {
        let now: Timestamp = "2026-11-24T12:00:10.4Z".parse().unwrap();
        assert_eq!(since("2026-11-24T12:00:00.500000Z", now), "9s");
        assert_eq!(since("2026-11-24T12:00:00Z", now), "10s");
        assert_eq!(since("2026-11-24T12:00:00.5+00:00", now), "9s");
        assert_eq!((since("", now), since("0001-01-01T00:00:00Z", now)), ("<unknown>".into(), "<unknown>".into()));
    }
}
