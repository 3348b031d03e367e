//! How one value of a query is read.

use std::num::IntErrorKind::{NegOverflow, PosOverflow};

use super::super::query::Query;
use crate::quote::quote;
use crate::status::Failure;

/// Only `0` and `false` are false.
pub(in super::super) fn is_true(value: &str) -> bool {
    value != "0" && !value.eq_ignore_ascii_case("false")
}

/// A number, if there is one.
pub(super) fn integer(query: &Query<'_>, key: &str) -> Result<Option<i64>, Failure> {
    let Some(value) = query.first(key) else { return Ok(None) };
    let number = value.parse::<i64>().map_err(|error| {
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Failure::bad_request(format!("strconv.ParseInt: parsing {}: {why}", quote(value)))
    })?;
    Ok(Some(number))
}

/// A boolean, if there is one.
pub(super) fn boolean(query: &Query<'_>, key: &str) -> Option<bool> {
    query.first(key).map(is_true)
}
