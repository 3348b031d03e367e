//! Lists of quantities: they are rounded up to thousandths, and one stands in for another.

use serde_json::{Map, Value, json};

use super::super::quantity::Quantity;
use super::Object;

/// Rounds up (`SetDefaults_ResourceList`).
pub(super) fn round_up(object: Option<&mut Object>, lists: &[&str]) {
    let Some(object) = object else { return };
    for name in lists {
        let amounts = object.get_mut(*name).and_then(Value::as_object_mut);
        for amount in amounts.into_iter().flat_map(Map::values_mut) {
            if let Some(Ok(mut quantity)) = amount.as_str().map(Quantity::parse) {
                quantity.round_up();
                *amount = json!(quantity.to_string());
            }
        }
    }
}

/// What one list does not say is what another one says.
pub(super) fn take_over(object: &mut Object, to: &str, from: &str) {
    let Some(Value::Object(from)) = object.get(from).cloned() else { return };
    if from.is_empty() {
        return;
    }
    if let Some(to) = super::part(object, to) {
        for (name, amount) in from {
            to.entry(name).or_insert(amount);
        }
    }
}
