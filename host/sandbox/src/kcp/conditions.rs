//! Conditions of kcp's own shape: with a severity, without an observed generation, `Ready` first and the others by type.
//!
//! Facts: `sdk/apis/third_party/conditions/util/conditions` of kcp.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::{Object, of};
use crate::time;

/// What a condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    status: &'static str,
    severity: &'static str,
    reason: String,
    message: String,
}

/// How bad it is that a condition is false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Somebody has to do something.
    Error,
    /// Something may be wrong.
    Warning,
    /// It will pass.
    Info,
}

impl Said {
    /// It is as it should be.
    pub(crate) fn yes() -> Self {
        Self { status: "True", severity: "", reason: String::new(), message: String::new() }
    }

    /// It is not.
    pub(crate) fn no(reason: &str, severity: Severity, message: impl Into<String>) -> Self {
        let severity = match severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
            Severity::Info => "Info",
        };
        Self { status: "False", severity, reason: reason.to_owned(), message: message.into() }
    }
}

/// Sets a condition. Its time changes only if it says something else.
pub(crate) fn set(status: &mut Object, now: Timestamp, kind: &str, said: &Said) {
    let mut all = status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = [("severity", said.severity), ("reason", said.reason.as_str()), ("message", said.message.as_str())];
    let same =
        |one: &Value| of(one, "status") == said.status && fields.iter().all(|(name, text)| of(one, name) == *text);
    if all.iter().any(|one| of(one, "type") == kind && same(one)) {
        return;
    }
    let mut condition = json!({"type": kind, "status": said.status, "lastTransitionTime": time::written(now)});
    for (name, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
        condition[name] = json!(text);
    }
    all.retain(|one| of(one, "type") != kind);
    all.push(condition);
    all.sort_by(|one, other| {
        let key = |condition| (of(condition, "type") != "Ready", of(condition, "type"));
        key(one).cmp(&key(other))
    });
    status.insert("conditions".to_owned(), Value::Array(all));
}

/// A condition.
pub(crate) fn get<'v>(status: &'v Object, kind: &str) -> Option<&'v Value> {
    status.get("conditions").and_then(Value::as_array)?.iter().find(|one| of(one, "type") == kind)
}

/// Whether a condition is true.
pub(crate) fn is_true(status: &Object, kind: &str) -> bool {
    get(status, kind).is_some_and(|one| of(one, "status") == "True")
}

/// Whether a condition is false.
pub(crate) fn is_false(status: &Object, kind: &str) -> bool {
    get(status, kind).is_some_and(|one| of(one, "status") == "False")
}

/// Sets `Ready` to what one condition says, if there is that condition.
pub(crate) fn summarize(status: &mut Object, now: Timestamp, kind: &str) {
    if let Some(said) = get(status, kind).map(said) {
        set(status, now, "Ready", &said);
    }
}

/// Sets a condition to what another object's says.
pub(crate) fn mirror(status: &mut Object, now: Timestamp, condition: &Value) {
    set(status, now, of(condition, "type"), &said(condition));
}

fn said(condition: &Value) -> Said {
    let one_of = |field: &str, known: [&'static str; 3]| known.into_iter().find(|one| of(condition, field) == *one);
    Said {
        status: one_of("status", ["True", "False", "Unknown"]).unwrap_or("Unknown"),
        severity: one_of("severity", ["Error", "Warning", "Info"]).unwrap_or_default(),
        reason: of(condition, "reason").to_owned(),
        message: of(condition, "message").to_owned(),
    }
}
