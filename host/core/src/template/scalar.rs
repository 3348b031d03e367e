//! What a plain YAML scalar means.
//!
//! Readers of YAML disagree: to Kubernetes' tools, which read YAML 1.1, `yes` is true and `0777` is 511; to readers of
//! YAML 1.2 both are something else. Here a plain scalar is accepted where all of them agree, and refused with a hint
//! where they do not, so that nobody is surprised. Quoted scalars are always text.

use serde_json::{Number, Value};

/// Why a plain scalar is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ambiguous {
    /// `yes`, `no`, `on`, `off`, `y`, `n`.
    Boolean,
    /// A number that is written in a way in which it would not be printed: `0777`, `1e3`, `1.10`, `0x1f`, `1_000`, `1:30`.
    Number,
}

impl Ambiguous {
    /// What to do about it.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Boolean => "some readers take this for a boolean: write true or false, or put it in quotes",
            Self::Number => {
                "readers disagree on whether this is a number, and which: write it plainly as it would be printed, \
                 or put it in quotes"
            }
        }
    }
}

/// The value of a plain scalar.
pub(super) fn resolve(text: &str) -> Result<Value, Ambiguous> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if text.len() <= 3 && ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Err(Ambiguous::Boolean);
    }
    if !looks_like_a_number(text) {
        return Ok(Value::String(text.to_owned()));
    }
    canonical(text).map(Value::Number).ok_or(Ambiguous::Number)
}

/// The number that prints exactly as `text`, if there is one.
fn canonical(text: &str) -> Option<Number> {
    let number = if let Ok(number) = text.parse::<i64>() {
        Number::from(number)
    } else if let Ok(number) = text.parse::<u64>() {
        Number::from(number)
    } else if text.contains('.') {
        Number::from_f64(text.parse().ok()?)?
    } else {
        return None;
    };
    (number.to_string() == text).then_some(number)
}

/// Whether any YAML reader takes `text` for a number.
fn looks_like_a_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return true;
    }
    let Some(first) = unsigned.bytes().next() else { return false };
    if !first.is_ascii_digit() && first != b'.' {
        return false;
    }
    based(unsigned) || decimal(unsigned) || sexagesimal(unsigned)
}

/// `0x1f`, `0o17`, `0b11`.
fn based(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('0') else { return false };
    let digits = |digits: &str, valid: fn(&u8) -> bool| !digits.is_empty() && digits.bytes().all(|b| valid(&b));
    match rest.split_at_checked(1) {
        Some(("x" | "X", rest)) => digits(rest, |b| b.is_ascii_hexdigit() || *b == b'_'),
        Some(("o" | "O", rest)) => digits(rest, |b| matches!(b, b'0'..=b'7' | b'_')),
        Some(("b" | "B", rest)) => digits(rest, |b| matches!(b, b'0' | b'1' | b'_')),
        _ => false,
    }
}

/// Digits with `_`, at most one point, at most one exponent, at least one digit.
fn decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && mantissa.bytes().any(|b| b.is_ascii_digit())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && exponent.bytes().all(|b| b.is_ascii_digit()))
}

/// `1:30`, in YAML 1.1 the number 90.
fn sexagesimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut more = 0;
    for part in parts {
        more += 1;
        let valid = matches!(part.len(), 1 | 2) && part.parse::<u8>().is_ok_and(|n| n < 60);
        if !valid {
            return false;
        }
    }
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    more > 0 && !first.is_empty() && digits(first) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_every_reader_agrees_on_has_a_type() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("true", json!(true)),
            ("False", json!(false)),
            ("0", json!(0)),
            ("-5", json!(-5)),
            ("8081", json!(8081)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("1.5", json!(1.5)),
            ("1.0", json!(1.0)),
            ("100m", json!("100m")),
            ("1.5Gi", json!("1.5Gi")),
            ("10.0.0.1", json!("10.0.0.1")),
            ("10.0.0.0/8", json!("10.0.0.0/8")),
            ("v1", json!("v1")),
            ("2026-01-02", json!("2026-01-02")),
            ("8080:8080", json!("8080:8080")),
            ("e3", json!("e3")),
            ("-", json!("-")),
            ("..", json!("..")),
            ("0xg", json!("0xg")),
            ("nothing", json!("nothing")),
        ] {
            assert_eq!(resolve(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused() {
        for text in ["yes", "No", "ON", "off", "y", "N"] {
            assert_eq!(resolve(text), Err(Ambiguous::Boolean), "{text}");
        }
        for text in [
            "0777",
            "007",
            "+1",
            "-0",
            "1_000",
            "0x1F",
            "0o17",
            "0b11",
            "1e3",
            "1E+3",
            "1.5e3",
            "1.10",
            ".5",
            "5.",
            "-.5",
            "1:30",
            "12:30:45",
            "08:00",
            ".inf",
            "-.INF",
            ".NaN",
            "18446744073709551616",
            "1.",
            "00",
        ] {
            assert_eq!(resolve(text), Err(Ambiguous::Number), "{text}");
        }
    }
}
