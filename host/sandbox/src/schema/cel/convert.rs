//! Conversions between types: `int('5')`, `duration('1h')`.

use jiff::Timestamp;

use super::eval::{Error, NO_OVERLOAD};
use super::value::Val;
use crate::schema::duration;
use crate::schema::number::go_float;
use crate::time;

/// `name(of)`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "these are the conversions of the language, within their ranges"
)]
pub(super) fn convert<'v>(name: &str, of: &Val<'v>) -> Result<Val<'v>, Error> {
    let out = |what: &str| format!("{what} overflow");
    Ok(match (name, of) {
        ("int", Val::Int(_))
        | ("uint", Val::Uint(_))
        | ("double", Val::Double(_))
        | ("string", Val::Text(_))
        | ("bool", Val::Bool(_))
        | ("duration", Val::Duration(_))
        | ("timestamp", Val::Timestamp(_)) => of.clone(),
        ("int", Val::Uint(value)) => Val::Int(i64::try_from(*value).map_err(|_| out("integer"))?),
        ("int", Val::Double(value)) => {
            // The ends themselves are no numbers that a float tells from their neighbours.
            if !value.is_finite() || *value <= i64::MIN as f64 || *value >= i64::MAX as f64 {
                return Err(out("integer"));
            }
            Val::Int(*value as i64)
        }
        ("int", Val::Timestamp(time)) => Val::Int(time.as_second()),
        ("int", Val::Text(text)) => Val::Int(number(text).ok_or_else(|| not(of, "int"))?),
        ("uint", Val::Int(value)) => Val::Uint(u64::try_from(*value).map_err(|_| out("unsigned integer"))?),
        ("uint", Val::Double(value)) => {
            if !value.is_finite() || *value < 0.0 || *value >= u64::MAX as f64 {
                return Err(out("unsigned integer"));
            }
            Val::Uint(*value as u64)
        }
        ("uint", Val::Text(text)) => {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            Val::Uint(text.parse().ok().filter(|_| digits).ok_or_else(|| not(of, "uint"))?)
        }
        ("double", Val::Int(value)) => Val::Double(*value as f64),
        ("double", Val::Uint(value)) => Val::Double(*value as f64),
        ("double", Val::Text(text)) => Val::Double(text.parse().map_err(|_| not(of, "double"))?),
        ("string", Val::Int(value)) => Val::Text(value.to_string().into()),
        ("string", Val::Uint(value)) => Val::Text(value.to_string().into()),
        ("string", Val::Double(value)) => Val::Text(go_float(*value).into()),
        ("string", Val::Bool(value)) => Val::Text(value.to_string().into()),
        ("bool", Val::Text(text)) => Val::Bool(match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return Err(not(of, "bool")),
        }),
        ("duration", Val::Text(text)) => {
            Val::Duration(duration::read(text).ok_or_else(|| not(of, "google.protobuf.Duration"))?)
        }
        ("timestamp", Val::Text(text)) => {
            Val::Timestamp(time::read_exact(text).ok_or_else(|| not(of, "google.protobuf.Timestamp"))?)
        }
        ("timestamp", Val::Int(seconds)) => {
            Val::Timestamp(Timestamp::from_second(*seconds).map_err(|_| out("timestamp"))?)
        }
        _ => return Err(NO_OVERLOAD.to_owned()),
    })
}

/// A whole number as `strconv.ParseInt` reads it.
fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    text.parse().ok().filter(|_| !digits.is_empty())
}

fn not(of: &Val<'_>, wanted: &str) -> Error {
    format!("type conversion error from '{}' to '{wanted}'", of.type_name())
}
