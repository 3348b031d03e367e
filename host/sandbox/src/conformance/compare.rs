//! Two runs, field by field.

use std::fmt;

use serde_json::Value;

use super::{Answer, Answers};

/// An annotation that kcp's watches of metadata alone show, empty, now and then: in one run and not in the next, and on one event
/// or another.
const BY_CHANCE: &str = "/metadata/annotations/kcp.io/original-api-version";

/// A field that is not the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The full name of the step.
    pub step: String,
    /// Where it is: `code`, `headers/…`, `body/…`.
    pub path: String,
    /// What the real server says; nothing if it does not have it.
    pub real: Option<Value>,
    /// What the sandbox says.
    pub sandbox: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map_or("(nothing)".to_owned(), shortened);
        writeln!(f, "{}: {}", self.step, self.path)?;
        writeln!(f, "    real:    {}", shown(&self.real))?;
        write!(f, "    sandbox: {}", shown(&self.sandbox))
    }
}

/// As much of a value as somebody will read.
fn shortened(value: &Value) -> String {
    const MOST: usize = 600;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} … ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text,
    }
}

/// The differences between a real server and the sandbox, in the order of the steps' names.
pub fn compare(real: &Answers, sandbox: &Answers) -> Vec<Difference> {
    let mut differences = Vec::new();
    let names = real.steps.keys().chain(sandbox.steps.keys().filter(|name| !real.steps.contains_key(*name)));
    for name in names {
        let mut found = Found { step: name, differences: &mut differences };
        match (real.steps.get(name), sandbox.steps.get(name)) {
            (Some(real), Some(sandbox)) => found.answers(real, sandbox),
            (real, sandbox) => {
                let whole = |answer: Option<&Answer>| answer.map(|answer| Value::from(answer.code));
                found.add("", whole(real), whole(sandbox));
            }
        }
    }
    differences
}

struct Found<'a> {
    step: &'a str,
    differences: &'a mut Vec<Difference>,
}

impl Found<'_> {
    fn add(&mut self, path: &str, real: Option<Value>, sandbox: Option<Value>) {
        let nothing = |value: &Option<Value>| value.as_ref().is_none_or(|value| value == "");
        if path.ends_with(BY_CHANCE) && nothing(&real) && nothing(&sandbox) {
            return;
        }
        self.differences.push(Difference { step: self.step.to_owned(), path: path.to_owned(), real, sandbox });
    }

    fn answers(&mut self, real: &Answer, sandbox: &Answer) {
        if real.code != sandbox.code {
            self.add("code", Some(real.code.into()), Some(sandbox.code.into()));
        }
        let names = real.headers.keys().chain(sandbox.headers.keys().filter(|name| !real.headers.contains_key(*name)));
        for name in names {
            let (real, sandbox) = (real.headers.get(name), sandbox.headers.get(name));
            if real != sandbox {
                let value = |header: Option<&String>| header.map(|text| Value::from(text.as_str()));
                self.add(&format!("headers/{name}"), value(real), value(sandbox));
            }
        }
        self.values("body", &real.body, &sandbox.body);
    }

    fn values(&mut self, path: &str, real: &Value, sandbox: &Value) {
        match (real, sandbox) {
            (Value::Object(one), Value::Object(other)) => {
                for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
                    let path = format!("{path}/{name}");
                    match (one.get(name), other.get(name)) {
                        (Some(one), Some(other)) => self.values(&path, one, other),
                        (one, other) => self.add(&path, one.cloned(), other.cloned()),
                    }
                }
            }
            (Value::Array(one), Value::Array(other)) => {
                for at in 0..one.len().max(other.len()) {
                    let path = format!("{path}/{at}");
                    match (one.get(at), other.get(at)) {
                        (Some(one), Some(other)) => self.values(&path, one, other),
                        (one, other) => self.add(&path, one.cloned(), other.cloned()),
                    }
                }
            }
            (one, other) if one == other => {}
            (one, other) => self.add(path, Some(one.clone()), Some(other.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::Kind;
    use super::*;

    fn answers(body: &Value) -> Answers {
        let answer: Answer = serde_json::from_value(json!({"code": 200, "headers": {}, "body": body})).unwrap();
        let steps = BTreeMap::from([("a/b".to_owned(), answer)]);
        Answers { server: Kind::Kcp, version: String::new(), date: String::new(), steps }
    }

    fn found(real: &Value, sandbox: &Value) -> Vec<String> {
        compare(&answers(real), &answers(sandbox)).into_iter().map(|difference| difference.path).collect()
    }

    #[test]
    fn what_kcp_shows_by_chance_counts_only_where_it_says_something() {
        let with = |value: &str| json!({"metadata": {"annotations": {"a": "b", "kcp.io/original-api-version": value}}});
        let without = json!({"metadata": {"annotations": {"a": "b"}}});
        assert!(found(&without, &with("")).is_empty() && found(&with(""), &without).is_empty());
        assert_eq!(found(&without, &with("v1")), ["body/metadata/annotations/kcp.io/original-api-version"]);
        assert_eq!(found(&json!({"a": 1}), &json!({"a": 2})), ["body/a"]);
    }
}
