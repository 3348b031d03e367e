//! How long something is ago, for people (`duration.HumanDuration`).

use jiff::SignedDuration;

/// Such as `2m30s`, `5h`, `3d`.
pub(super) fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    if duration.as_secs_f64() <= -2.0 {
        return "<invalid>".to_owned();
    }
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let two = |large: i64, unit: char, small: i64, small_unit: char| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{small_unit}") }
    };
    match (seconds, minutes, hours) {
        (..0, _, _) => "0s".to_owned(),
        (..120, _, _) => format!("{seconds}s"),
        (_, ..10, _) => two(minutes, 'm', seconds % 60, 's'),
        (_, ..180, _) => format!("{minutes}m"),
        (_, _, ..8) => two(hours, 'h', minutes % 60, 'm'),
        (_, _, ..48) => format!("{hours}h"),
        (_, _, ..192) => two(hours / 24, 'd', hours % 24, 'h'),
        (_, _, ..17_520) => format!("{}d", hours / 24),
        (_, _, ..70_080) => two(hours / 24 / 365, 'y', hours / 24 % 365, 'd'),
        _ => format!("{}y", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestHumanDuration`.
    #[test]
    fn durations_are_told_for_people() {
        let (minute, hour, day) = (60, 3600, 86_400);
        for (seconds, text) in [
            (0, "0s"),
            (1, "1s"),
            (-1, "0s"),
            (-2, "<invalid>"),
            (70, "70s"),
            (3 * minute, "3m"),
            (3 * minute + 5, "3m5s"),
            (10 * minute, "10m"),
            (70 * minute, "70m"),
            (3 * hour + 45 * minute, "3h45m"),
            (10 * hour, "10h"),
            (47 * hour, "47h"),
            (3 * day, "3d"),
            (3 * day + hour, "3d1h"),
            (9 * day, "9d"),
            (2 * 365 * day, "2y"),
            (3 * 365 * day + 10 * day, "3y10d"),
            (9 * 365 * day + 10 * day, "9y"),
        ] {
            assert_eq!(human(SignedDuration::from_secs(seconds)), text);
        }
    }
}
