//! What happens to metadata, request by request.

mod creating;
mod deleting;
mod laws;
mod updating;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::metadata::Object;
use super::*;
use crate::status::{Cause, Failure};

/// Nothing else is wrong.
struct Anything;

impl Rules for Anything {
    fn content(&self, _: &Object, _: Option<&Object>) -> Vec<Cause> {
        Vec::new()
    }
}

fn custom(status: bool) -> Kind<'static> {
    Kind { group: "x.io", kind: "Thing", plural: "things", namespaced: true, facts: Facts::custom(status) }
}

fn of(group: &'static str, kind: &'static str, plural: &'static str) -> Kind<'static> {
    let namespaced = !matches!(kind, "Namespace" | "CustomResourceDefinition" | "ClusterRole");
    Kind { group, kind, plural, namespaced, facts: builtin(group, plural).unwrap() }
}

fn map(value: Value) -> Object {
    let Value::Object(map) = value else { panic!("no object") };
    map
}

fn now() -> Timestamp {
    "2026-11-23T10:00:00.7Z".parse().unwrap()
}

const NOW: &str = "2026-11-23T10:00:00Z";

fn told(result: Result<impl std::fmt::Debug, Failure>) -> (u16, &'static str, String) {
    let failure = result.unwrap_err();
    (failure.code, failure.reason, failure.message.clone())
}
