//! Quantities: `500m`, `1Gi`, `2e3`.
//!
//! Facts: `k8s.io/apimachinery/pkg/api/resource/{quantity,suffix,amount}.go`. They are held in billionths, as exactly as Go's;
//! of more than 10^29, which Go can hold, reading fails here.

use std::cmp::Ordering;
use std::fmt;

const FORM: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const BILLION: i128 = 1_000_000_000;
/// The exponents of thousand from the smallest part on.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// An amount.
#[derive(Debug, Clone)]
pub(super) struct Quantity {
    billionths: i128,
    form: Form,
    /// As it was said, where that is how Go would write it too.
    said: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Decimal,
    Exponent,
    Binary,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Form,
    Suffix,
    Number,
}

impl Wrong {
    /// As Go says it.
    pub(super) fn told(self) -> String {
        match self {
            Self::Form => FORM,
            Self::Suffix => "unable to parse quantity's suffix",
            Self::Number => "unable to parse numeric part of quantity",
        }
        .to_owned()
    }
}

impl Quantity {
    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let Parts { negative, whole, fraction, suffix } = Parts::of(text)?;
        let (form, exponent) = interpret(suffix)?;
        let digits = format!("{whole}{fraction}");
        let places = digits.len();
        let number: i128 = digits.parse().map_err(|_| Wrong::Number)?;
        let scale = if form == Form::Binary { 0 } else { exponent }
            - i32::try_from(fraction.len()).map_err(|_| Wrong::Number)?;
        let most = i128::from(i64::MAX) * BILLION;
        let mut billionths = if form == Form::Binary {
            number.checked_mul(1_i128 << exponent).map_or(Ok(most), |number| scaled(number, scale).or(Ok(most)))?
        } else {
            scaled(number, scale)?
        };
        let precise = match form {
            Form::Binary => {
                fraction.is_empty() && 15 - i32::try_from(places).unwrap_or(i32::MAX) - exponent * 3 / 10 > 0
            }
            _ => places <= 18,
        };
        // Only what fits a small number keeps its text.
        let kept = precise
            && scale >= -9
            && match form {
                Form::Binary => number & 7 != 0,
                _ => scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0'),
            };
        let mut form = form;
        if form == Form::Binary && !kept {
            billionths = billionths.min(most);
            if !precise && billionths > 0 && billionths < BILLION {
                form = Form::Decimal;
            }
        }
        let said = kept.then(|| text.to_owned());
        Ok(Self { billionths: if negative { -billionths } else { billionths }, form, said })
    }

    /// Less than, equal to or more than zero.
    pub(super) fn sign(&self) -> Ordering {
        self.billionths.cmp(&0)
    }

    /// Which of two is more.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.billionths.cmp(&other.billionths)
    }

    /// Whether it has no fraction but for less than a thousandth.
    pub(super) fn is_whole(&self) -> bool {
        away_from_zero(self.billionths, BILLION / 1000) % 1000 == 0
    }

    /// Rounded up to thousandths, as defaults do.
    pub(super) fn round_up(&mut self) {
        let thousandth = BILLION / 1000;
        if self.billionths % thousandth != 0 {
            self.billionths = away_from_zero(self.billionths, thousandth) * thousandth;
            self.said = None;
        }
    }

    /// The sum of two, in the form of the first.
    pub(super) fn add(&mut self, other: &Self) {
        self.billionths = self.billionths.saturating_add(other.billionths);
        self.said = None;
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(said) = &self.said {
            return f.write_str(said);
        }
        if self.billionths == 0 {
            return f.write_str("0");
        }
        let whole = self.billionths % BILLION == 0;
        if self.form == Form::Binary && whole && self.billionths.abs() >= 1024 * BILLION {
            let (mut number, mut power) = (self.billionths / BILLION, 0);
            while number % 1024 == 0 && power + 1 < BINARY.len() {
                number /= 1024;
                power += 1;
            }
            return write!(f, "{number}{}", BINARY.get(power).unwrap_or(&""));
        }
        let (mut number, mut thousands) = (self.billionths, 0);
        while number % 1000 == 0 {
            number /= 1000;
            thousands += 1;
        }
        if self.form == Form::Exponent && thousands != 3 {
            let exponent = i32::try_from(thousands).unwrap_or_default() * 3 - 9;
            return write!(f, "{number}e{exponent}");
        }
        // What is beyond the last suffix loses it, as in Go.
        write!(f, "{number}{}", DECIMAL.get(thousands).unwrap_or(&""))
    }
}

struct Parts<'t> {
    negative: bool,
    whole: &'t str,
    fraction: &'t str,
    suffix: &'t str,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Result<Self, Wrong> {
        if text.is_empty() {
            return Err(Wrong::Form);
        }
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, rest) = digits(rest.trim_start_matches('0'));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let (_, rest) = split(suffix, |char| "eEinumkKMGTP".contains(char));
        let (_, rest) = digits(rest.strip_prefix(['-', '+']).unwrap_or(rest));
        if !rest.is_empty() {
            return Err(Wrong::Form);
        }
        Ok(Self { negative, whole: if whole.is_empty() { "0" } else { whole }, fraction, suffix })
    }
}

fn digits(text: &str) -> (&str, &str) {
    split(text, |char| char.is_ascii_digit())
}

fn split(text: &str, inside: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|char| !inside(char)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// What a suffix means: a power of ten, or of two.
fn interpret(suffix: &str) -> Result<(Form, i32), Wrong> {
    let place =
        |suffixes: &[&str]| suffixes.iter().position(|one| *one == suffix).and_then(|place| i32::try_from(place).ok());
    if let Some(place) = place(&DECIMAL) {
        return Ok((Form::Decimal, place * 3 - 9));
    }
    if let Some(place) = place(&BINARY) {
        return Ok((Form::Binary, place * 10));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).filter(|rest| !rest.is_empty()).ok_or(Wrong::Suffix)?;
    exponent.parse().map(|exponent| (Form::Exponent, exponent)).map_err(|_| Wrong::Suffix)
}

/// A number times a power of ten, in billionths. What is smaller than one is one.
fn scaled(number: i128, scale: i32) -> Result<i128, Wrong> {
    if number == 0 {
        return Ok(0);
    }
    let scale = scale.saturating_add(9);
    let factor = 10_i128.checked_pow(scale.unsigned_abs());
    match factor {
        Some(factor) if scale >= 0 => number.checked_mul(factor).ok_or(Wrong::Number),
        Some(factor) => Ok(away_from_zero(number, factor)),
        None if scale >= 0 => Err(Wrong::Number),
        None => Ok(1),
    }
}

/// Divided, rounded away from zero.
fn away_from_zero(number: i128, by: i128) -> i128 {
    number / by + number.signum() * i128::from(number % by != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_as_go_writes_them() {
        for (text, written) in [
            ("0", "0"),
            ("00", "0"),
            ("1", "1"),
            ("500m", "500m"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("1.500", "1.500"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("100000", "100k"),
            ("+5", "+5"),
            ("-5", "-5"),
            ("4Gi", "4Gi"),
            ("1024Mi", "1Gi"),
            ("8Gi", "8Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("2e3", "2e3"),
            ("2000e0", "2e3"),
            ("1E3", "1E3"),
            ("1E", "1E"),
            ("0.1n", "1n"),
            ("16Ei", "9223372036854775807"),
            ("20E", "20E"),
            ("1000E", "1"),
            ("999999999999999999Ti", "9223372036854775807"),
        ] {
            assert_eq!(Quantity::parse(text).map(|read| read.to_string()), Ok(written.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_told() {
        for (text, wrong) in [
            ("", Wrong::Form),
            ("lots", Wrong::Form),
            ("1 Gi", Wrong::Form),
            ("1Gb", Wrong::Form),
            ("1Kn", Wrong::Suffix),
            ("1e", Wrong::Suffix),
            ("1e30", Wrong::Number),
        ] {
            assert_eq!(Quantity::parse(text).map(|read| read.to_string()), Err(wrong), "{text}");
        }
    }

    #[test]
    fn parts_of_a_thousandth_are_rounded_up() {
        for (text, rounded, whole) in [
            ("1m", "1m", false),
            ("1u", "1m", false),
            ("-1u", "-1m", false),
            ("1.0000001", "1001m", false),
            ("2", "2", true),
        ] {
            let mut quantity = Quantity::parse(text).unwrap();
            assert_eq!(quantity.is_whole(), whole, "{text}");
            quantity.round_up();
            assert_eq!(quantity.to_string(), rounded, "{text}");
        }
    }

    #[test]
    fn quantities_are_compared_by_what_they_are() {
        let quantity = |text| Quantity::parse(text).unwrap();
        assert_eq!(quantity("1Gi").compare(&quantity("1024Mi")), Ordering::Equal);
        assert_eq!(quantity("1G").compare(&quantity("1Gi")), Ordering::Less);
        assert_eq!(quantity("-1").sign(), Ordering::Less);
        let mut sum = quantity("500m");
        sum.add(&quantity("1"));
        assert_eq!(sum.to_string(), "1500m");
    }
}
