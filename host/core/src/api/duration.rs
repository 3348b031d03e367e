//! A length of time as people write it in manifests: `30s`, `10m`, `1h30m`.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time, written as Go's `time.Duration` is: numbers with the units `h`, `m`, `s`, `ms`, largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// Why a text is not a [`Duration`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DurationError {
    /// Not of the form `1h30m`.
    #[error("`{0}` is not a duration: write numbers with the units h, m, s or ms, such as `90s` or `1h30m`")]
    Syntax(String),
    /// More than 64 bits of milliseconds.
    #[error("`{0}` is longer than any duration that can be kept")]
    TooLong(String),
}

/// The form the API server accepts. At most 32 characters, so that the sum fits into 64 bits with room to spare.
const PATTERN: &str = "^([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$";

impl Duration {
    /// That many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// As the standard library has it.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        Self(value)
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || DurationError::Syntax(text.chars().take(40).collect());
        let too_long = || DurationError::TooLong(text.chars().take(40).collect());
        let mut rest = text;
        let mut millis: u64 = 0;
        let mut largest = 4;
        if rest.is_empty() {
            return Err(syntax());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at(letters);
            let (rank, factor) = match unit {
                "h" => (3, 3_600_000),
                "m" => (2, 60_000),
                "s" => (1, 1_000),
                "ms" => (0, 1),
                _ => return Err(syntax()),
            };
            if rank >= largest || number.is_empty() {
                return Err(syntax());
            }
            largest = rank;
            let number: u64 = number.parse().map_err(|_| too_long())?;
            millis = number.checked_mul(factor).and_then(|part| millis.checked_add(part)).ok_or_else(too_long)?;
            rest = tail;
        }
        Ok(Self(std::time::Duration::from_millis(millis)))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        let parts = [
            (millis / 3_600_000, "h"),
            (millis / 60_000 % 60, "m"),
            (millis / 1_000 % 60, "s"),
            (millis % 1_000, "ms"),
        ];
        parts.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN, "minLength": 2, "maxLength": 32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_writes_and_prints_it_back() {
        for (text, millis) in [("30s", 30_000), ("10m", 600_000), ("1h30m", 5_400_000), ("1500ms", 1_500), ("0s", 0)] {
            let parsed: Duration = text.parse().unwrap();
            assert_eq!(parsed.get().as_millis(), millis, "{text}");
            assert_eq!(parsed.to_string().parse::<Duration>().unwrap(), parsed);
        }
        assert_eq!("90s".parse::<Duration>().unwrap().to_string(), "1m30s");
    }

    #[test]
    fn refuses_what_the_schema_refuses() {
        for text in ["", "10", "m", "1d", "1m1h", "1s1s", "-1s", "1.5h", "1 s"] {
            assert_eq!(text.parse::<Duration>(), Err(DurationError::Syntax(text.to_owned())), "{text}");
        }
        let long = "99999999999999999999h";
        assert_eq!(long.parse::<Duration>(), Err(DurationError::TooLong(long.to_owned())));
    }
}
