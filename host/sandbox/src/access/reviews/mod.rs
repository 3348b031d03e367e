//! The reviews of `authorization.k8s.io` and `authentication.k8s.io`: an object in, the object with its `status` out.
//!
//! Nothing is stored. What the server does for every object that is created (the namespace, `managedFields`) it has done before.

mod access;
mod rules;
#[cfg(test)]
mod tests;
mod token;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use self::access::{local_subject_access, self_subject_access, subject_access};
pub use self::rules::self_subject_rules;
pub use self::token::token;
use super::tokens::request::written;
use super::user::User;

/// Answers a SelfSubjectReview: who the client is.
pub fn self_subject(user: &User, now: Timestamp, review: &Value) -> Value {
    json!({
        "apiVersion": review.get("apiVersion").cloned().unwrap_or_else(|| json!("authentication.k8s.io/v1")),
        "kind": "SelfSubjectReview",
        "metadata": {"creationTimestamp": written(now)},
        "status": {"userInfo": user_info(user)},
    })
}

/// A user as `UserInfo`; what is empty is left out.
fn user_info(user: &User) -> Value {
    let mut info = Map::new();
    for (name, value) in [("username", &user.name), ("uid", &user.uid)] {
        if !value.is_empty() {
            info.insert(name.to_owned(), json!(value));
        }
    }
    if !user.groups.is_empty() {
        info.insert("groups".to_owned(), json!(user.groups));
    }
    if !user.extra.is_empty() {
        info.insert("extra".to_owned(), json!(user.extra));
    }
    Value::Object(info)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A field that is there and no `null`.
fn present<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).filter(|field| !field.is_null())
}
