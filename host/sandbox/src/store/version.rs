//! Resource versions as requests write them, and what is wrong with them.
//!
//! Messages are those of `storage/api_object_versioner.go`, `storage/errors.go`, `storage/interfaces.go`,
//! `storage/etcd3/errors.go` and `storage/cacher/watch_cache.go`.

use std::num::IntErrorKind;

use crate::status::{Cause, Failure};

/// A resource version that is no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoVersion(String);

impl NoVersion {
    /// What a list answers.
    pub(super) fn in_list(&self) -> Failure {
        Failure::bad_request(format!("invalid resource version: {}", self.0))
    }

    /// What a get or a watch answers: nobody turns the error into something better.
    pub(super) fn elsewhere(&self) -> Failure {
        Failure::new(500, "", self.0.clone())
    }
}

/// Reads a resource version; none and `0` are 0.
pub(super) fn parse(version: &str) -> Result<u64, NoVersion> {
    if version.is_empty() {
        return Ok(0);
    }
    // Rust would take a sign, Go does not.
    let parsed = if version.starts_with('+') { None } else { Some(version.parse::<u64>()) };
    let why = match parsed {
        Some(Ok(version)) => return Ok(version),
        Some(Err(error)) if *error.kind() == IntErrorKind::PosOverflow => "value out of range",
        _ => "invalid syntax",
    };
    Err(NoVersion(format!(
        "resourceVersion: Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: {why}"
    )))
}

/// 504: the revision has not come yet. A server says so after it waited 3 seconds for it, and then `retry` is 1; where it asks
/// etcd it says so at once, and then it is 0.
pub(super) fn too_large(wanted: u64, newest: u64, retry: u32) -> Failure {
    let message = format!("Timeout: Too large resource version: {wanted}, current: {newest}");
    let cause = Cause {
        reason: "ResourceVersionTooLarge",
        message: "Too large resource version".to_owned(),
        field: String::new(),
    };
    Failure::new(504, "Timeout", message).because(vec![cause]).after(retry)
}

/// 410: a watch wants to begin where nobody knows any more what happened since.
pub(super) fn too_old(wanted: u64, oldest: u64) -> Failure {
    Failure::expired(format!("too old resource version: {wanted} ({oldest})"))
}

/// 410: a list of a revision that was compacted.
pub(super) fn list_too_old() -> Failure {
    Failure::expired("The resourceVersion for the provided list is too old.")
}

/// 410: the next page of a list whose revision was compacted.
pub(super) fn continue_too_old() -> Failure {
    Failure::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
         the continue parameter, or use the continue token in this response to retrieve the remainder of the results. \
         Continuing with the provided token results in an inconsistent list - objects that were created, modified, or \
         deleted between the time the first chunk was returned and now may show up in the list.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!((parse(""), parse("0"), parse("18446744073709551615")), (Ok(0), Ok(0), Ok(u64::MAX)));
        let message = |version| parse(version).unwrap_err().0;
        assert_eq!(
            message("a"),
            r#"resourceVersion: Invalid value: "a": strconv.ParseUint: parsing "a": invalid syntax"#
        );
        assert_eq!(
            message("+1"),
            r#"resourceVersion: Invalid value: "+1": strconv.ParseUint: parsing "+1": invalid syntax"#
        );
        assert_eq!(
            message("18446744073709551616"),
            r#"resourceVersion: Invalid value: "18446744073709551616": strconv.ParseUint: parsing "18446744073709551616": value out of range"#
        );
    }
}
