//! Which objects a plugin's selection means, and what of them it gets to see.

use std::collections::BTreeMap;

use kube_core::labels::{Expression, Selector, SelectorExt as _};
use serde_json::{Map, Value};

use crate::api::LabelOperator;
use crate::plugin::{Requirement, Selection};
use crate::pointer;

/// Operators of a [`Requirement`], as in a LabelSelector of Kubernetes.
pub const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];

/// The selector of these requirements, all of which have to be met. An operator that is none of [`OPERATORS`] is its error.
pub fn selector(requirements: &[Requirement]) -> Result<Selector, &str> {
    let expressions = requirements.iter().map(|requirement| {
        let operator = match &*requirement.operator {
            "In" => LabelOperator::In,
            "NotIn" => LabelOperator::NotIn,
            "Exists" => LabelOperator::Exists,
            "DoesNotExist" => LabelOperator::DoesNotExist,
            unknown => return Err(unknown),
        };
        Ok(expression(operator, &requirement.key, &requirement.values))
    });
    expressions.collect()
}

/// What a label has to be.
pub fn expression(operator: LabelOperator, key: &str, values: &[String]) -> Expression {
    let (key, values) = (key.to_owned(), values.iter().cloned().collect());
    match operator {
        LabelOperator::In => Expression::In(key, values),
        LabelOperator::NotIn => Expression::NotIn(key, values),
        LabelOperator::Exists => Expression::Exists(key),
        LabelOperator::DoesNotExist => Expression::DoesNotExist(key),
    }
}

/// Whether an object has the labels that a selection asks for.
pub fn has_labels(object: &Value, selector: &Selector) -> bool {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let labels: BTreeMap<String, String> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    selector.matches(&labels)
}

/// What a selection shows of an object: the fields that it names, besides apiVersion, kind, and name, namespace and uid in the
/// metadata; all of it, if it names none.
#[must_use]
pub fn shown(object: Value, selection: &Selection) -> Value {
    const ALWAYS: [&str; 5] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace", "/metadata/uid"];
    if selection.fields.is_empty() {
        return object;
    }
    let mut shown = Value::Object(Map::new());
    for field in ALWAYS.into_iter().chain(selection.fields.iter().map(String::as_str)) {
        if let Some(value) = object.pointer(field) {
            put(&mut shown, &object, field, value);
        }
    }
    shown
}

/// Puts `value` where `field` says, through objects only: an element of a list is shown with all of its list.
fn put(shown: &mut Value, object: &Value, field: &str, value: &Value) {
    let (mut place, mut source) = (shown, object);
    for token in field.split('/').skip(1) {
        let key = pointer::unescaped(token);
        let (Value::Object(fields), Some(inside)) = (place, source.as_object().and_then(|fields| fields.get(&key)))
        else {
            return;
        };
        let is_last = std::ptr::eq(inside, value);
        let whole_list = inside.is_array();
        if is_last || whole_list {
            fields.insert(key, inside.clone());
            return;
        }
        place = fields.entry(key).or_insert_with(|| Value::Object(Map::new()));
        source = inside;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn requirement(key: &str, operator: &str, values: &[&str]) -> Requirement {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Requirement { key: key.to_owned(), operator: operator.to_owned(), values }
    }

    fn with_fields(fields: &[&str]) -> Selection {
        let text = || String::from("x");
        Selection {
            id: text(),
            site: text(),
            group: text(),
            version: text(),
            kind: text(),
            namespace: text(),
            names: vec![],
            labels: vec![],
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
        }
    }

    #[test]
    fn all_requirements_have_to_be_met() {
        let object = json!({"metadata": {"labels": {"tier": "edge", "team": "harbour"}}});
        let meets = |requirements: &[Requirement]| has_labels(&object, &selector(requirements).unwrap());
        assert!(meets(&[]));
        assert!(meets(&[requirement("tier", "In", &["core", "edge"]), requirement("team", "Exists", &[])]));
        assert!(!meets(&[requirement("tier", "In", &["core", "edge"]), requirement("team", "NotIn", &["harbour"])]));
        assert!(meets(&[requirement("zone", "DoesNotExist", &[])]));
        assert!(!meets(&[requirement("zone", "In", &["a"])]));
        assert!(!has_labels(&json!({}), &selector(&[requirement("tier", "Exists", &[])]).unwrap()));
    }

    #[test]
    fn an_operator_that_nobody_knows_is_named() {
        assert_eq!(selector(&[requirement("tier", "Like", &[])]).unwrap_err(), "Like");
        assert!(OPERATORS.iter().all(|operator| selector(&[requirement("tier", operator, &["a"])]).is_ok()));
    }

    #[test]
    fn without_fields_all_is_shown() {
        let object = json!({"spec": {"a": 1}});
        assert_eq!(shown(object.clone(), &with_fields(&[])), object);
    }

    #[test]
    fn only_what_is_named_is_shown_and_who_it_is() {
        let object = json!({
            "apiVersion": "v1", "kind": "K",
            "metadata": {"name": "a", "uid": "u", "labels": {"a/b": "c", "d": "e"}, "annotations": {"x": "y"}},
            "spec": {"a": {"b": 1, "c": 2}, "list": [{"d": 1, "e": 2}]},
        });
        let metadata = json!({"name": "a", "uid": "u"});
        let seen = shown(object.clone(), &with_fields(&["/spec/a/b", "/spec/none", "/nothing/at/all"]));
        assert_eq!(seen, json!({"apiVersion": "v1", "kind": "K", "metadata": metadata, "spec": {"a": {"b": 1}}}));
        let seen = shown(object.clone(), &with_fields(&["/metadata/labels/a~1b", "/spec/list/0/d"]));
        assert_eq!(seen["metadata"]["labels"], json!({"a/b": "c"}));
        assert_eq!(seen["spec"], json!({"list": [{"d": 1, "e": 2}]}), "a list is shown whole");
        let seen = shown(object, &with_fields(&["/spec/a", "/spec/a/b"]));
        assert_eq!(seen["spec"], json!({"a": {"b": 1, "c": 2}}), "the wider of two");
    }
}
