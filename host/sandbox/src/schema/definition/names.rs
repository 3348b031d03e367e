//! The names of a kind.

use serde_json::Value;

use super::Object;
use crate::causes;
use crate::schema::parse::text;
use crate::status::Cause;
use crate::validation::names::dns1035_label;

/// Those that have to be there.
pub(super) fn required(names: &Object, path: &str, causes: &mut Vec<Cause>) {
    for name in ["plural", "singular", "kind", "listKind"] {
        if text(names, name).is_empty() {
            causes.push(causes::required(format!("{path}.{name}"), ""));
        }
    }
}

/// What is wrong with those that are there.
pub(super) fn check(names: &Object, path: &str, causes: &mut Vec<Cause>) {
    let mut one = |name: &str, mixed: bool| {
        let value = text(names, name);
        let lower = if mixed { value.to_lowercase() } else { value.to_owned() };
        let wrong = dns1035_label(&lower);
        if !value.is_empty() && !wrong.is_empty() {
            let prefix = if mixed { "may have mixed case, but should otherwise match: " } else { "" };
            causes.push(causes::invalid(format!("{path}.{name}"), value, &format!("{prefix}{}", wrong.join(","))));
        }
    };
    one("plural", false);
    one("singular", false);
    one("kind", true);
    one("listKind", true);
    let list = |name: &str, causes: &mut Vec<Cause>| {
        let items = names.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for (index, item) in items.enumerate() {
            let wrong = dns1035_label(item);
            if !wrong.is_empty() {
                causes.push(causes::invalid(format!("{path}.{name}[{index}]"), item, &wrong.join(",")));
            }
        }
    };
    list("shortNames", causes);
    let (kind, list_kind) = (text(names, "kind"), text(names, "listKind"));
    if !kind.is_empty() && kind == list_kind {
        let why = "kind and listKind may not be the same";
        causes.push(causes::invalid(format!("{path}.listKind"), list_kind, why));
    }
    list("categories", causes);
}
