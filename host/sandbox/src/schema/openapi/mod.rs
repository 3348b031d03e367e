//! Whether a value is what a schema allows: `kube-openapi/pkg/validation/validate`, in its order and its words.
//!
//! A server validates an update with ratcheting (KEP-4008): what is wrong and was so before is no error. That holds for places
//! that can be found again in the old object; below `allOf`, `anyOf`, `oneOf` and `not` there is none.

mod numbers;
mod scalars;
mod types;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::correlation::{Keyed, unchanged};
use super::node::{Additional, Node};
use super::path::Path;
use crate::causes;
use crate::quote::quote;
use crate::status::Cause;

/// What is wrong with a value. `base` is where the value is; `old` what was there before, for ratcheting.
pub(super) fn validate(node: &Node, value: &Value, old: Option<&Value>, base: &str) -> Vec<Cause> {
    let validation = Validation { base };
    let mut causes = validation.correlated(node, value, old, &Path::OBJECT, true).causes;
    // The same error can be found on several ways.
    let mut seen = BTreeSet::new();
    causes.retain(|cause| seen.insert((cause.field.clone(), cause.message.clone())));
    causes
}

/// What was found: errors, and how many checks were made, by which the best of several schemas is chosen.
#[derive(Default)]
struct Found {
    causes: Vec<Cause>,
    matched: u32,
}

impl Found {
    fn merge(&mut self, other: Self) {
        self.matched += other.matched;
        if self.causes.is_empty() {
            self.causes = other.causes;
        } else {
            self.causes.extend(other.causes);
        }
    }

    fn wrong(cause: Cause) -> Self {
        Self { causes: vec![cause], matched: 0 }
    }

    fn is_valid(&self) -> bool {
        self.causes.is_empty()
    }
}

/// Where messages are about.
struct Validation<'b> {
    base: &'b str,
}

impl Validation<'_> {
    /// The place as `field.Error` names it.
    fn field(&self, path: &Path<'_>) -> String {
        let body = path.body();
        let name = body.trim_start_matches('.');
        match (self.base, name) {
            ("", "") => "<nil>".to_owned(),
            ("", name) => name.to_owned(),
            (base, "") => base.to_owned(),
            (base, name) => format!("{base}.{name}"),
        }
    }

    /// An error that is about no one field.
    fn composite(&self, message: &str) -> Cause {
        causes::invalid(if self.base.is_empty() { "<nil>" } else { self.base }, "", message)
    }

    /// A value whose old value is known.
    fn correlated(&self, node: &Node, value: &Value, old: Option<&Value>, path: &Path<'_>, root: bool) -> Found {
        let mut found = self.value(node, value, old, path, root);
        if !found.is_valid() && old.is_some_and(|old| unchanged(value, old, node)) {
            found.causes.clear();
        }
        found
    }

    fn value(&self, node: &Node, value: &Value, old: Option<&Value>, path: &Path<'_>, root: bool) -> Found {
        let mut found = Found::default();
        let checks = &node.checks;
        let step = |found: &mut Found, one: Found| {
            found.merge(one);
            found.matched += 1;
        };
        if value.is_null() {
            found.merge(self.types(node, value, path));
            found.merge(self.one_of_values(node, value, path));
            return found;
        }
        if types::applies(node) {
            step(&mut found, self.types(node, value, path));
        }
        step(&mut found, self.composed(node, value, path));
        match value {
            Value::String(text) => {
                step(&mut found, self.text(checks, text, path));
                if let Some((format, name)) = &checks.format
                    && format.of_strings()
                {
                    step(&mut found, self.format(*format, name, text, path));
                }
            }
            Value::Number(number) => step(&mut found, self.number(node, number, path)),
            Value::Array(items) => step(&mut found, self.list(node, items, old, path)),
            Value::Null | Value::Bool(_) | Value::Object(_) => {}
        }
        step(&mut found, self.one_of_values(node, value, path));
        if let Value::Object(fields) = value {
            step(&mut found, self.object(node, fields, old, path, root));
        }
        found.matched += 1;
        found
    }

    /// `anyOf`, `oneOf`, `allOf`, `not`.
    fn composed(&self, node: &Node, value: &Value, path: &Path<'_>) -> Found {
        let mut found = Found::default();
        let checks = &node.checks;
        let one = |schema: &Node| self.value(schema, value, None, path, false);
        if !checks.any_of.is_empty() {
            let mut best: Option<Found> = None;
            let mut valid = None;
            for schema in &checks.any_of {
                let result = one(schema);
                if result.is_valid() {
                    valid = Some(result);
                    break;
                }
                if best.as_ref().is_none_or(|best| result.matched > best.matched) {
                    best = Some(result);
                }
            }
            if valid.is_none() {
                let path = quote(&path.body());
                found.causes.push(self.composite(&format!("{path} must validate at least one schema (anyOf)")));
            }
            if let Some(result) = valid.or(best) {
                found.merge(result);
            }
        }
        if !checks.one_of.is_empty() {
            let (mut best, mut first, mut valid): (Option<Found>, Option<Found>, usize) = (None, None, 0);
            for schema in &checks.one_of {
                let result = one(schema);
                if result.is_valid() {
                    valid += 1;
                    best = None;
                    first.get_or_insert(result);
                } else if valid == 0 && best.as_ref().is_none_or(|best| result.matched > best.matched) {
                    best = Some(result);
                }
            }
            if valid != 1 {
                let why = match valid {
                    0 => "Found none valid".to_owned(),
                    many => format!("Found {many} valid alternatives"),
                };
                let path = quote(&path.body());
                let message = format!("{path} must validate one and only one schema (oneOf). {why}");
                found.causes.push(self.composite(&message));
            }
            if let Some(result) = if valid == 1 { first } else { best } {
                found.merge(result);
            }
        }
        if !checks.all_of.is_empty() {
            let mut valid = 0;
            for schema in &checks.all_of {
                let result = one(schema);
                valid += usize::from(result.is_valid());
                found.merge(result);
            }
            if valid != checks.all_of.len() {
                let none = if valid == 0 { ". None validated" } else { "" };
                let path = quote(&path.body());
                found.causes.push(self.composite(&format!("{path} must validate all the schemas (allOf){none}")));
            }
        }
        if let Some(not) = &checks.not
            && one(not).is_valid()
        {
            found.causes.push(self.composite(&format!("{} must not validate the schema (not)", quote(&path.body()))));
        }
        found.matched += 1;
        found
    }

    fn list(&self, node: &Node, items: &[Value], old: Option<&Value>, path: &Path<'_>) -> Found {
        let mut found = Found::default();
        if let Some(schema) = &node.items {
            let keyed = Keyed::of(node, old);
            for (index, item) in items.iter().enumerate() {
                found.merge(self.correlated(schema, item, keyed.get(item), &path.index(index), false));
            }
        }
        let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
        if let Some(least) = node.checks.min_items.filter(|least| size < *least) {
            let why = format!("{} in body should have at least {least} items", path.body());
            found.causes.push(causes::invalid_value(self.field(path), &Value::from(size), &why));
        }
        if let Some(most) = node.checks.max_items.filter(|most| size > *most) {
            found.causes.push(causes::too_many(self.field(path), size, most));
        }
        found.matched += 1;
        found
    }

    fn object(
        &self,
        node: &Node,
        fields: &Map<String, Value>,
        old: Option<&Value>,
        path: &Path<'_>,
        root: bool,
    ) -> Found {
        let mut found = Found::default();
        let checks = &node.checks;
        let size = i64::try_from(fields.len()).unwrap_or(i64::MAX);
        if let Some(least) = checks.min_properties.filter(|least| size < *least) {
            let why = format!("{} in body should have at least {least} properties", path.body());
            found.causes.push(causes::invalid_value(self.field(path), &Value::from(size), &why));
        }
        if let Some(most) = checks.max_properties.filter(|most| size > *most) {
            found.causes.push(causes::too_many(self.field(path), size, most));
        }
        let old = old.and_then(Value::as_object);
        // `apiVersion` and `kind` of an object cannot be seen to change.
        let before =
            |name: &str| old.and_then(|old| old.get(name)).filter(|_| !(root && matches!(name, "kind" | "apiVersion")));
        if let Some(Additional::Schema(schema)) = &node.additional {
            for (name, value) in fields.iter().filter(|(name, _)| !node.properties.contains_key(*name)) {
                found.merge(self.correlated(schema, value, before(name), &path.key(name), false));
            }
        }
        for (name, value) in fields {
            if let Some(schema) = node.properties.get(name) {
                found.merge(self.correlated(schema, value, before(name), &path.child(name), false));
            }
        }
        for name in checks.required.iter().filter(|name| !fields.contains_key(*name)) {
            found.causes.push(causes::required(self.field(&path.child(name)), ""));
        }
        found
    }
}
