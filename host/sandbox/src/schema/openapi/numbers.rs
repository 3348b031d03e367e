//! Numbers (`validator.go`, `values.go`).

use serde_json::Number as Json;

use super::{Found, Validation, types};
use crate::causes;
use crate::schema::formats::Format;
use crate::schema::node::{Node, Type, Types};
use crate::schema::number::{Number, go_float, go_number};
use crate::schema::path::Path;
use crate::status::Cause;

impl Validation<'_> {
    pub(super) fn number(&self, node: &Node, number: &Json, path: &Path<'_>) -> Found {
        let checks = &node.checks;
        let value = Number::of(number);
        let mut found = Found { causes: Vec::new(), matched: 1 };
        found.causes.extend(self.out_of_range(node, value, "Checked", path));
        if let Some(factor) = checks.multiple_of {
            let unfit = self.out_of_range(node, Number::Float(factor), "MultipleOf", path);
            let wrong = match value {
                Number::Int(value) if unfit.is_none() => {
                    let factor = Number::Float(factor).int();
                    (factor <= 0 || value % factor != 0).then(|| (factor <= 0, factor.to_string()))
                }
                _ => {
                    let value = value.float();
                    let times = if factor < 1.0 { 1.0 / factor * value } else { value / factor };
                    (factor <= 0.0 || !types::is_whole(times)).then(|| (factor <= 0.0, go_float(factor)))
                }
            };
            found.causes.extend(unfit);
            found.causes.extend(wrong.map(|(not_positive, factor)| {
                if not_positive {
                    let why = format!("factor MultipleOf declared for {} must be positive: {factor}", path.body());
                    causes::invalid_text(self.field(path), &factor, &why)
                } else {
                    let why = format!("{} in body should be a multiple of {factor}", path.body());
                    causes::invalid_text(self.field(path), &go_number(value), &why)
                }
            }));
        }
        if let Some(least) = checks.minimum {
            found.causes.extend(self.bound(node, value, least, checks.exclusive_minimum, &MINIMUM, path));
        }
        if let Some(most) = checks.maximum {
            found.causes.extend(self.bound(node, value, most, checks.exclusive_maximum, &MAXIMUM, path));
        }
        found
    }

    /// `IsValueValidAgainstRange`.
    fn out_of_range(&self, node: &Node, number: Number, what: &str, path: &Path<'_>) -> Option<Cause> {
        let format = node.checks.format.as_ref();
        let (ty, fits) = match (&node.types, format.map(|(format, _)| *format)) {
            (Types::One(Type::Integer), format) => {
                let int = match number {
                    Number::Int(int) => Some(int),
                    // A float is looked at as it is written in full: a fraction makes it none.
                    Number::Float(float) => format!("{float}").parse().ok(),
                };
                let fits = int.is_some_and(|int| format != Some(Format::Int32) || i32::try_from(int).is_ok());
                ("integer", fits)
            }
            (Types::One(Type::Number), Some(Format::Float)) => {
                ("number", number.float().abs() < 340_282_356_779_733_661_637_539_395_458_142_568_448.0)
            }
            _ => return None,
        };
        if fits {
            return None;
        }
        let path = path.body();
        Some(self.composite(&match format {
            Some((_, format)) => format!("{what} value must be of type {ty} with format {format} in {path}"),
            None => format!("{what} value must be of type {ty} (default format) in {path}"),
        }))
    }

    fn bound(
        &self,
        node: &Node,
        value: Number,
        bound: f64,
        exclusive: bool,
        kind: &Bound,
        path: &Path<'_>,
    ) -> Vec<Cause> {
        let unfit = self.out_of_range(node, Number::Float(bound), kind.what, path);
        let (order, bound) = match value {
            Number::Int(value) if unfit.is_none() => {
                let bound = Number::Float(bound).int();
                (Some(value.cmp(&bound)), bound.to_string())
            }
            _ => (value.float().partial_cmp(&bound), go_float(bound)),
        };
        let mut causes = Vec::from_iter(unfit);
        if order.is_some_and(|order| order == kind.wrong || (exclusive && order.is_eq())) {
            let words = if exclusive { kind.exclusive } else { kind.inclusive };
            let why = format!("{} in body should be {words} {bound}", path.body());
            causes.push(causes::invalid_text(self.field(path), &go_number(value), &why));
        }
        causes
    }
}

struct Bound {
    what: &'static str,
    wrong: std::cmp::Ordering,
    inclusive: &'static str,
    exclusive: &'static str,
}

const MINIMUM: Bound = Bound {
    what: "Minimum boundary",
    wrong: std::cmp::Ordering::Less,
    inclusive: "greater than or equal to",
    exclusive: "greater than",
};

const MAXIMUM: Bound = Bound {
    what: "Maximum boundary",
    wrong: std::cmp::Ordering::Greater,
    inclusive: "less than or equal to",
    exclusive: "less than",
};
