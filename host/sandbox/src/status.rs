//! How a request fails: the `metav1.Status` that a Kubernetes API server answers with.
//!
//! Codes, reasons and messages are those of `k8s.io/apimachinery/pkg/api/errors`: clients branch on the reason, people read
//! the message.

use std::fmt;
use std::ops::Deref;

use serde_json::{Map, Value, json};

use crate::causes;
use crate::quote::{aggregate, quote};

/// One field that is wrong, as an item of `Status.details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A `metav1.CauseType`, such as `FieldValueRequired`.
    pub reason: &'static str,
    /// What is wrong, without the field's path.
    pub message: String,
    /// The field's path, such as `spec.replicas`.
    pub field: String,
}

/// What an answer that is no success says. It is a box, so that a `Result` with it stays as small as its success.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(Box<Told>);

/// The content of a [`Failure`].
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// HTTP status code.
    pub code: u16,
    /// A `metav1.StatusReason`; empty for the ones that have none.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// API group of what was asked for.
    pub group: String,
    /// What it was about: the plural of the resource, or the kind where a server says so (`Invalid`).
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Uid of the object, where a precondition on it failed.
    pub uid: String,
    /// The fields that are wrong.
    pub causes: Vec<Cause>,
    /// Seconds after which the client may ask again; 0 says nothing.
    pub retry_after: u32,
    /// `details` are there even if there is nothing to say in them.
    pub detailed: bool,
}

impl Deref for Failure {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl Failure {
    /// A failure without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Told {
            code,
            reason,
            message: message.into(),
            group: String::new(),
            kind: String::new(),
            name: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after: 0,
            detailed: false,
        }))
    }

    /// Says what it is about: the group, the resource (or kind) and the name.
    #[must_use]
    pub fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        group.clone_into(&mut self.0.group);
        kind.clone_into(&mut self.0.kind);
        name.clone_into(&mut self.0.name);
        self
    }

    /// Adds the fields that are wrong.
    #[must_use]
    pub fn because(mut self, causes: Vec<Cause>) -> Self {
        self.0.causes = causes;
        self
    }

    /// Says after how many seconds to ask again.
    #[must_use]
    pub fn after(mut self, seconds: u32) -> Self {
        self.0.retry_after = seconds;
        self
    }

    /// Has `details`, even if there is nothing to say in them.
    #[must_use]
    pub fn detailed(mut self) -> Self {
        self.0.detailed = true;
        self
    }

    /// 404: there is no such object. `resource` is the plural.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {} not found", qualified(group, resource), quote(name));
        Self::new(404, "NotFound", message).about(group, resource, name)
    }

    /// 404: the server knows no such path.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409: an object of this name is there already.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {} already exists", qualified(group, resource), quote(name));
        Self::new(409, "AlreadyExists", message).about(group, resource, name)
    }

    /// 409: the object is not as the client believed.
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {}: {why}", qualified(group, resource), quote(name));
        Self::new(409, "Conflict", message).about(group, resource, name)
    }

    /// 403: `message` says who may not do what.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", qualified(group, resource))
        } else {
            format!("{} {} is forbidden: {why}", qualified(group, resource), quote(name))
        };
        Self::new(403, "Forbidden", message).about(group, resource, name)
    }

    /// 401: nobody knows this client.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 422: fields are wrong. An error that is there twice, since servers check metadata more than once, is said once in the
    /// message and is twice among the causes, as `errors.NewInvalid` does it.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let told: Vec<String> = causes.iter().map(causes::text).collect();
        let mut message = format!("{} {} is invalid", qualified(group, kind), quote(name));
        if !told.is_empty() {
            message.push_str(": ");
            message.push_str(&aggregate(&told));
        }
        Self::new(422, "Invalid", message).about(group, kind, name).because(causes)
    }

    /// [`Self::invalid`], if anything is wrong.
    pub fn if_wrong(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Result<(), Self> {
        if causes.is_empty() { Ok(()) } else { Err(Self::invalid(group, kind, name, causes)) }
    }

    /// 410: what the client wants to go on from is no longer known.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 501: a real server has an answer here, this one does not. `what` says what is missing.
    pub fn not_in_sandbox(what: &str) -> Self {
        Self::new(501, "NotImplemented", format!("the sandbox does not do this: {what}"))
    }

    /// The body of the answer.
    pub fn to_status(&self) -> Value {
        let mut details = Map::new();
        for (key, value) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), json!(value));
            }
        }
        if !self.causes.is_empty() {
            let causes: Vec<Value> = self
                .causes
                .iter()
                .map(|cause| {
                    let mut shown = json!({"reason": cause.reason, "message": cause.message});
                    if !cause.field.is_empty() {
                        shown["field"] = json!(cause.field);
                    }
                    shown
                })
                .collect();
            details.insert("causes".to_owned(), Value::Array(causes));
        }
        if self.retry_after > 0 {
            details.insert("retryAfterSeconds".to_owned(), json!(self.retry_after));
        }
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if !details.is_empty() || self.detailed {
            status["details"] = Value::Object(details);
        }
        status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Failure {}

/// `resource.group`, or the resource alone for the core group.
fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_names_each_field() {
        let cause =
            |field: &str| Cause { reason: "FieldValueRequired", message: "Required value".into(), field: field.into() };
        let failure =
            Failure::invalid("apps", "Deployment", "web", vec![cause("spec.selector"), cause("spec.template")]);
        assert_eq!(
            failure.message,
            r#"Deployment.apps "web" is invalid: [spec.selector: Required value, spec.template: Required value]"#
        );
        assert_eq!(failure.to_status()["details"]["causes"][1]["field"], "spec.template");
    }

    #[test]
    fn a_repeated_error_is_said_once_and_counted_twice() {
        let twice = vec![causes::required("a", ""), causes::required("a", ""), causes::forbidden("b", "no")];
        let failure = Failure::invalid("apps", "Deployment", "x", twice);
        assert_eq!(failure.message, r#"Deployment.apps "x" is invalid: [a: Required value, b: Forbidden: no]"#);
        assert_eq!(failure.causes.len(), 3);
        let one = Failure::invalid("", "Secret", "a", vec![causes::required("x", ""), causes::required("x", "")]);
        assert_eq!(one.message, r#"Secret "a" is invalid: x: Required value"#);
    }

    #[test]
    fn a_cause_that_is_about_no_field_names_none() {
        let cause = Cause { reason: "ResourceVersionTooLarge", message: "m".into(), field: String::new() };
        let status = Failure::bad_request("no").because(vec![cause]).to_status();
        assert_eq!(status["details"]["causes"], json!([{"reason": "ResourceVersionTooLarge", "message": "m"}]));
    }

    #[test]
    fn details_may_be_there_and_empty() {
        assert_eq!(Failure::bad_request("no").detailed().to_status()["details"], json!({}));
    }

    #[test]
    fn a_status_has_only_what_is_known() {
        let status = Failure::bad_request("no").to_status();
        assert_eq!(
            status,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": "BadRequest", "code": 400})
        );
    }
}
