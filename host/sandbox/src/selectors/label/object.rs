//! The object form of a label selector: `{matchLabels: {…}, matchExpressions: [{key, operator, values}]}`.
//!
//! Facts: `LabelSelectorAsSelector` (`pkg/apis/meta/v1/helpers.go`) to read one, `ValidateLabelSelector`
//! (`pkg/apis/meta/v1/validation/validation.go`) to refuse one.

use serde_json::Value;

use super::LabelSelector;
use super::requirement::{Operator, Requirement};
use crate::causes::{forbidden, invalid, invalid_value, required};
use crate::quote::quote;
use crate::status::Cause;
use crate::validation::labels_wrong;
use crate::validation::names::{label_key, label_value};

/// Reads a selector object; see [`LabelSelector::from_object`].
pub(super) fn read(object: Option<&Value>) -> Result<LabelSelector, String> {
    let Some(object) = object.filter(|object| !object.is_null()) else {
        return Ok(LabelSelector::nothing());
    };
    let mut requirements = Vec::new();
    for (key, value) in object.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        requirements.push(Requirement::new(key, Operator::Equals, vec![value.as_str().unwrap_or_default()])?);
    }
    for expression in object.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let (key, operator, values) = parts(expression);
        let Some(operator) = operator_of(operator) else {
            return Err(format!("{} is not a valid label selector operator", quote(operator)));
        };
        requirements.push(Requirement::new(key, operator, values)?);
    }
    Ok(LabelSelector::of(requirements))
}

/// What is wrong with a selector object, as `ValidateLabelSelector` says it.
pub fn validate(object: &Value, path: &str) -> Vec<Cause> {
    let mut wrong = labels_wrong(object.get("matchLabels").and_then(Value::as_object), &format!("{path}.matchLabels"));
    let expressions = object.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    for (index, expression) in expressions.enumerate() {
        wrong.extend(validate_requirement(expression, &format!("{path}.matchExpressions[{index}]"), false));
    }
    wrong
}

/// What is wrong with one expression. `*SubjectAccessReview`s let operators pass that they do not know.
pub fn validate_requirement(expression: &Value, path: &str, unknown_operators: bool) -> Vec<Cause> {
    let (key, operator, values) = parts(expression);
    let mut wrong = Vec::new();
    match operator_of(operator) {
        Some(Operator::In | Operator::NotIn) => {
            if values.is_empty() {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                wrong.push(required(format!("{path}.values"), why));
            }
        }
        Some(_) => {
            if !values.is_empty() {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                wrong.push(forbidden(format!("{path}.values"), why));
            }
        }
        None if unknown_operators => {}
        None => {
            let field = format!("{path}.operator");
            wrong.push(invalid_value(field, &Value::from(operator), "not a valid selector operator"));
        }
    }
    wrong.extend(label_key(key).iter().map(|why| invalid(format!("{path}.key"), key, why)));
    for (index, value) in values.iter().enumerate() {
        wrong.extend(label_value(value).iter().map(|why| invalid(format!("{path}.values[{index}]"), value, why)));
    }
    wrong
}

/// The operators that an object can have.
fn operator_of(name: &str) -> Option<Operator> {
    Some(match name {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        _ => return None,
    })
}

fn parts(expression: &Value) -> (&str, &str, Vec<&str>) {
    let text = |name| expression.get(name).and_then(Value::as_str).unwrap_or_default();
    let values = expression.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    (text("key"), text("operator"), values.collect())
}
