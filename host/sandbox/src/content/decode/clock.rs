//! What is wrong with a time, in the words of Go's `time.Parse`: it names what is left of the text and the part of the form that
//! does not fit.
//!
//! Facts: `time/format.go`. `metav1.Time` has any fraction or none, `metav1.MicroTime` six digits.

use jiff::Timestamp;

use crate::quote::quote;
use crate::time;

/// The parts of a time up to the seconds: their form, and which number each may be at most.
const PARTS: [(&str, &str, u32); 11] = [
    ("2006", "", u32::MAX),
    ("-", "", 0),
    ("01", "month", 12),
    ("-", "", 0),
    ("02", "day", 31),
    ("T", "", 0),
    ("15", "hour", 23),
    (":", "", 0),
    ("04", "minute", 59),
    (":", "", 0),
    ("05", "second", 59),
];

/// Reads a time, to the second or to the millionth of one.
pub(super) fn read(text: &str, micro: bool) -> Result<Timestamp, String> {
    walk(text, micro).map_err(|wrong| told(text, micro, wrong))?;
    let read = if micro { time::read_exact(text) } else { time::read(text) };
    // Every part is in reach by itself, so that only the day can be too late for its month.
    read.ok_or_else(|| told(text, micro, Wrong::Range("day")))
}

#[derive(Clone, Copy)]
enum Wrong<'t> {
    /// What is left, and the part of the form.
    Part(&'t str, &'static str),
    Range(&'static str),
    More(&'t str),
}

fn told(text: &str, micro: bool, wrong: Wrong<'_>) -> String {
    let text = quote(text);
    let form = if micro { "2006-01-02T15:04:05.000000Z07:00" } else { "2006-01-02T15:04:05Z07:00" };
    match wrong {
        Wrong::Part(rest, part) => {
            format!("parsing time {text} as \"{form}\": cannot parse {} as \"{part}\"", quote(rest))
        }
        Wrong::Range(part) => format!("parsing time {text}: {part} out of range"),
        Wrong::More(rest) => format!("parsing time {text}: extra text: {}", quote(rest)),
    }
}

fn walk(text: &str, micro: bool) -> Result<(), Wrong<'_>> {
    let mut rest = text;
    for (part, name, most) in PARTS {
        let length = part.len();
        let number = !matches!(part, "-" | "T" | ":");
        let Some((head, tail)) = rest.split_at_checked(length) else { return Err(Wrong::Part(rest, part)) };
        if number {
            let Some(read) = digits(head) else { return Err(Wrong::Part(rest, part)) };
            if read > most || name == "month" && read == 0 {
                return Err(Wrong::Range(name));
            }
        } else if head != part {
            return Err(Wrong::Part(rest, part));
        }
        rest = tail;
    }
    if micro {
        let fraction = rest.strip_prefix('.').and_then(|rest| rest.split_at_checked(6));
        rest = match fraction {
            Some((head, tail)) if digits(head).is_some() => tail,
            _ => return Err(Wrong::Part(rest, ".000000")),
        };
    } else if let Some(fraction) = rest.strip_prefix(['.', ','])
        && fraction.starts_with(|char: char| char.is_ascii_digit())
    {
        rest = fraction.trim_start_matches(|char: char| char.is_ascii_digit());
    }
    zone(rest)
}

/// `Z`, or `+01:00`.
fn zone(rest: &str) -> Result<(), Wrong<'_>> {
    let bad = || Wrong::Part(rest, "Z07:00");
    let more = if let Some(more) = rest.strip_prefix('Z') {
        more
    } else {
        let (offset, more) = rest.split_at_checked(6).ok_or_else(bad)?;
        let (hours, minutes) =
            offset.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':')).ok_or_else(bad)?;
        let (hours, minutes) = digits(hours).zip(digits(minutes)).filter(|_| hours.len() == 2).ok_or_else(bad)?;
        if hours > 24 {
            return Err(Wrong::Range("time zone offset hour"));
        }
        if minutes >= 60 {
            return Err(Wrong::Range("time zone offset minute"));
        }
        more
    };
    if more.is_empty() { Ok(()) } else { Err(Wrong::More(more)) }
}

fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
