//! Bounds: of numbers, of lengths, of counts. A bound that admits more is no break.

use std::cmp::Ordering;

use serde_json::Value;

use super::problem::Problem;
use super::schema::Schema;

/// The bounds that are counts, with the type that they hold for. A least one that is absent is 0.
const LEAST: [(&str, &str); 3] = [("minLength", "string"), ("minItems", "array"), ("minProperties", "object")];
const MOST: [(&str, &str); 3] = [("maxLength", "string"), ("maxItems", "array"), ("maxProperties", "object")];

/// The bounds that are new or tighter. One that holds for no value of the old type does not count.
pub(super) fn compare(old: Schema<'_>, new: Schema<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let kind = old.kind();
    for (keyword, _) in LEAST.into_iter().filter(|(_, name)| kind.has(name)) {
        let (was, is) = (old.get(keyword), new.get(keyword));
        let none = Value::from(0);
        let wider = is.is_none_or(|is| at_most(is, was.unwrap_or(&none)));
        problems.extend(narrowed(keyword, was, is, wider));
    }
    for (keyword, _) in MOST.into_iter().filter(|(_, name)| kind.has(name)) {
        let (was, is) = (old.get(keyword), new.get(keyword));
        let wider = is.is_none_or(|is| was.is_some_and(|was| at_most(was, is)));
        problems.extend(narrowed(keyword, was, is, wider));
    }
    if kind.has("number") {
        problems.extend(limit(old, new, "minimum", "exclusiveMinimum", Ordering::Less));
        problems.extend(limit(old, new, "maximum", "exclusiveMaximum", Ordering::Greater));
        let (was, is) = (old.get("multipleOf"), new.get("multipleOf"));
        let wider = is.is_none_or(|is| was.is_some_and(|was| is_multiple(was, is)));
        problems.extend(narrowed("multipleOf", was, is, wider));
    }
    if kind.has("array") && new.flag("uniqueItems") && !old.flag("uniqueItems") {
        problems.push(Problem::Added { keyword: "uniqueItems".to_owned(), new: Value::Bool(true) });
    }
    problems
}

/// A number's limit, which may be one that the number must not be equal to. `wider` is how a limit that admits more
/// compares with one that admits less.
fn limit(old: Schema<'_>, new: Schema<'_>, keyword: &str, exclusive: &str, wider: Ordering) -> Option<Problem> {
    let (was, is) = (old.get(keyword), new.get(keyword)?);
    match was.and_then(|was| order(is, was)) {
        Some(Ordering::Equal) => (new.flag(exclusive) && !old.flag(exclusive))
            .then(|| Problem::Added { keyword: exclusive.to_owned(), new: Value::Bool(true) }),
        Some(found) if found == wider => None,
        _ => narrowed(keyword, was, Some(is), false),
    }
}

fn narrowed(keyword: &str, old: Option<&Value>, new: Option<&Value>, wider: bool) -> Option<Problem> {
    if wider { None } else { Problem::difference(keyword, old, new) }
}

fn at_most(low: &Value, high: &Value) -> bool {
    order(low, high).is_some_and(Ordering::is_le)
}

/// Whole numbers are compared as such: a float does not hold all of them.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// Whether every multiple of `old` is one of `new`. Of fractions that is known only if they are equal.
fn is_multiple(old: &Value, new: &Value) -> bool {
    /// Up to here a float is every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |value: &Value| value.as_f64().filter(|value| value.fract() == 0.0 && (1.0..EXACT).contains(value));
    order(old, new) == Some(Ordering::Equal) || whole(old).zip(whole(new)).is_some_and(|(old, new)| old % new == 0.0)
}
