//! Fields that are wrong, and the answer made of them (`apimachinery/pkg/util/validation/field/errors.go`).

use serde_json::Value;

use crate::status::{Cause, Failure};

/// A value that may not be. `shown` is the value as JSON.
pub(super) fn invalid(field: &str, shown: &Value, why: &str) -> Cause {
    let message = format!("Invalid value: {shown}: {why}");
    Cause { reason: "FieldValueInvalid", message, field: field.to_owned() }
}

/// A value that has to be.
pub(super) fn required(field: &str, why: &str) -> Cause {
    let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
    Cause { reason: "FieldValueRequired", message, field: field.to_owned() }
}

/// A value that may not be set now.
pub(super) fn forbidden(field: &str, why: &str) -> Cause {
    Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {why}"), field: field.to_owned() }
}

/// A value that is none of those there are.
pub(super) fn unsupported(field: &str, shown: &Value, supported: &str) -> Cause {
    let message = format!("Unsupported value: {shown}: supported values: {supported}");
    Cause { reason: "FieldValueNotSupported", message, field: field.to_owned() }
}

/// 422, if anything is wrong. What is said twice is a cause twice, but in the message once: servers check metadata more than
/// once.
pub(super) fn judge(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Result<(), Failure> {
    if causes.is_empty() {
        return Ok(());
    }
    let mut once: Vec<Cause> = Vec::new();
    for cause in &causes {
        if !once.contains(cause) {
            once.push(cause.clone());
        }
    }
    let message = Failure::invalid(group, kind, name, once).message.clone();
    Err(Failure::new(422, "Invalid", message).about(group, kind, name).because(causes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_is_one_message() {
        let twice = vec![required("a", ""), required("a", ""), forbidden("b", "no")];
        let failure = judge("apps", "Deployment", "x", twice).unwrap_err();
        assert_eq!(failure.message, r#"Deployment.apps "x" is invalid: [a: Required value, b: Forbidden: no]"#);
        assert_eq!(failure.causes.len(), 3);
    }
}
