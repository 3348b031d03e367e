//! Kubernetes' `resource.Quantity`: read, added exactly, and written in its canonical form.
//!
//! A quantity is a whole number of billionths, as Kubernetes keeps it: what is finer is rounded away from zero. 128 bits
//! hold the sum of ten thousand million nodes at the largest size that Kubernetes knows.

use std::fmt;
use std::str::FromStr;

/// How a quantity was written, and how it is written again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `1e3`.
    DecimalExponent,
    /// `100m`, `5`, `2k`.
    #[default]
    DecimalSi,
    /// `16Gi`.
    BinarySi,
}

/// An amount of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Why a text is not a [`Quantity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a sign, digits and a suffix.
    #[error(
        "not a quantity: write digits and one of the suffixes n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei, or an exponent such as e3"
    )]
    Syntax,
    /// More digits than can be counted with.
    #[error("larger, or finer, than any quantity that can be counted with")]
    Range,
}

const NANO: i128 = 1_000_000_000;
/// The power of ten of a [`NANO`].
const NANO_DIGITS: i32 = 9;
/// Longer texts are not read: nobody writes 64 digits, and a hostile server might write millions.
const LONGEST: usize = 64;
/// Kubernetes caps binary quantities here.
const BINARY_CAP: i128 = i64::MAX as i128 * NANO;

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

impl Quantity {
    /// The sum; `None` if it cannot be counted with.
    ///
    /// The format is that of the parts, the binary one before the decimal one before the exponent where they differ; of
    /// nothing, it does not count.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let format = match (self.nanos, other.nanos) {
            (0, 0) => Format::default(),
            (0, _) => other.format,
            (_, 0) => self.format,
            _ => self.format.max(other.format),
        };
        Some(Self { nanos: self.nanos.checked_add(other.nanos)?, format })
    }

    /// Whether it is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST {
            return Err(QuantityError::Range);
        }
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return Err(QuantityError::Syntax);
        }
        let fraction = fraction.trim_end_matches('0');
        let mut mantissa: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = i128::from(digit - b'0');
            mantissa = mantissa.checked_mul(10).and_then(|m| m.checked_add(digit)).ok_or(QuantityError::Range)?;
        }
        let (power_of_two, power_of_ten, mut format) = suffix_of(suffix)?;
        let scaled = mantissa.checked_mul(1 << power_of_two).ok_or(QuantityError::Range)?;
        // At most 64 digits, so the length fits.
        let digits = i32::try_from(fraction.len()).map_err(|_| QuantityError::Range)?;
        let mut nanos = scale(scaled, power_of_ten.saturating_add(NANO_DIGITS - digits))?;
        if format == Format::BinarySi {
            nanos = nanos.min(BINARY_CAP);
            if nanos < NANO {
                format = Format::DecimalSi;
            }
        }
        Ok(Self { nanos: if negative { -nanos } else { nanos }, format })
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Power of two, power of ten and format of a suffix.
fn suffix_of(suffix: &str) -> Result<(u32, i32, Format), QuantityError> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((0, *power, Format::DecimalSi));
    }
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((*power, 0, Format::BinarySi));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).ok_or(QuantityError::Syntax)?;
    let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(QuantityError::Syntax);
    }
    Ok((0, exponent.parse().map_err(|_| QuantityError::Range)?, Format::DecimalExponent))
}

/// `value` × 10^`power`, rounded up. `value` is not negative.
fn scale(value: i128, power: i32) -> Result<i128, QuantityError> {
    if value == 0 {
        return Ok(0);
    }
    let Some(factor) = 10_i128.checked_pow(power.unsigned_abs()) else {
        // Too small to be seen is still something.
        return if power < 0 { Ok(1) } else { Err(QuantityError::Range) };
    };
    if power < 0 {
        Ok(value / factor + i128::from(value % factor != 0))
    } else {
        value.checked_mul(factor).ok_or(QuantityError::Range)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nanos, format } = *self;
        if nanos == 0 {
            return f.write_str("0");
        }
        let large = nanos.unsigned_abs() >= 1024 * NANO.unsigned_abs();
        if format == Format::BinarySi && large && nanos % NANO == 0 {
            let units = nanos / NANO;
            let found = BINARY.iter().rev().find(|(_, power)| units % (1 << power) == 0);
            return match found {
                Some((suffix, power)) => write!(f, "{}{suffix}", units / (1 << power)),
                None => write!(f, "{units}"),
            };
        }
        // There is no suffix beyond E, but there is always one more exponent.
        let most = if format == Format::DecimalExponent { i32::MAX } else { DECIMAL[DECIMAL.len() - 1].1 };
        let (mut number, mut power) = (nanos, -NANO_DIGITS);
        while power < most && number % 1000 == 0 {
            number /= 1000;
            power += 3;
        }
        match DECIMAL.iter().find(|(_, of)| *of == power) {
            Some((suffix, _)) if format != Format::DecimalExponent || power == 0 => write!(f, "{number}{suffix}"),
            _ => write!(f, "{number}e{power}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Quantity, QuantityError> {
        text.parse()
    }

    #[test]
    fn each_error_has_its_cause() {
        for text in [
            "", "-", "+", ".", "m", "1x", "1 ", " 1", "1.1.1", "1+1", "1ki", "1i", "1mi", "1e", "1e+", "1e1x", "1EE",
            "0x1", "--1", "１",
        ] {
            assert_eq!(parse(text), Err(QuantityError::Syntax), "{text}");
        }
        for text in ["1e40", "1e99999999999", &"9".repeat(40), &"1".repeat(65)] {
            assert_eq!(parse(text), Err(QuantityError::Range), "{text}");
        }
        assert_eq!(QuantityError::Range.to_string(), "larger, or finer, than any quantity that can be counted with");
    }

    #[test]
    fn a_sum_without_end_is_none() {
        let large = parse("100000000000E").unwrap();
        assert_eq!(large.checked_add(large), None);
    }

    #[test]
    fn formats_of_a_sum() {
        let sum = |a: &str, b: &str| parse(a).unwrap().checked_add(parse(b).unwrap()).unwrap().to_string();
        assert_eq!(sum("1Gi", "1Gi"), "2Gi");
        assert_eq!(sum("1Gi", "1024k"), sum("1024k", "1Gi"));
        assert_eq!(sum("1Gi", "1024k"), "1049576Ki");
        assert_eq!(sum("0Gi", "5k"), "5k");
        assert_eq!(sum("1e3", "1e3"), "2e3");
        assert_eq!(sum("1e3", "1k"), "2k");
        assert_eq!(sum("100m", "900m"), "1");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_equal(text in "[+-]?[0-9]{0,9}(\\.[0-9]{0,12})?(n|u|m||k|M|G|T|P|E|Ki|Mi|Gi|e-3|e6|E2)") {
            if let Ok(quantity) = parse(&text) {
                let again = parse(&quantity.to_string()).unwrap();
                prop_assert_eq!(again.nanos, quantity.nanos);
                prop_assert_eq!(again.to_string(), quantity.to_string());
            }
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,20}|[0-9eEinumkKMGTPi.+-]{0,70}") {
            let _ = parse(&text);
        }
    }
}
