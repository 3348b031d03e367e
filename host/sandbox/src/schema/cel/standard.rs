//! What the functions do.
//!
//! Facts: cel-go's `common/stdlib`, `common/types`, `ext/{strings,sets}.go`, and `apiserver/pkg/cel/library/{lists,regex}.go`.

use std::cmp::Ordering;
use std::rc::Rc;

use jiff::tz::Offset;

use super::equality::{compare, contains, equal};
use super::eval::{Error, Evaluation, NO_OVERLOAD};
use super::value::Val;
use super::{convert, text};
use crate::schema::re2;

/// `name(args)`.
pub(super) fn global<'v>(name: &str, args: &[Val<'v>], evaluation: &Evaluation<'v>) -> Result<Val<'v>, Error> {
    match (name, args) {
        ("matches", [on, _]) => method(name, on, args.get(1..).unwrap_or_default(), evaluation),
        ("size", [of]) => size(of),
        ("type", [of]) => Ok(Val::Type(of.type_name())),
        ("dyn", [of]) => Ok(of.clone()),
        (name, [of]) => {
            if let Val::Text(text) = of {
                evaluation.pay(text.len() / 10)?;
            }
            convert::convert(name, of)
        }
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn size<'v>(of: &Val<'v>) -> Result<Val<'v>, Error> {
    let size = of.len().ok_or(NO_OVERLOAD)?;
    i64::try_from(size).map(Val::Int).map_err(|_| "integer overflow".to_owned())
}

/// `on.name(args)`.
pub(super) fn method<'v>(
    name: &str,
    on: &Val<'v>,
    args: &[Val<'v>],
    evaluation: &Evaluation<'v>,
) -> Result<Val<'v>, Error> {
    match (on, name, args) {
        (_, "size", []) => size(on),
        (Val::Text(of), "matches" | "find" | "findAll", [Val::Text(pattern), rest @ ..]) => {
            evaluation.pay((of.len() / 10 + 1).saturating_mul(pattern.len() / 4 + 1))?;
            let compiled;
            let regex = match evaluation.patterns.get(&**pattern) {
                Some(regex) => regex,
                None => {
                    compiled = re2::compile(pattern)?;
                    &compiled
                }
            };
            let text =
                |found: Option<regex::Match<'_>>| found.map_or_else(String::new, |found| found.as_str().to_owned());
            Ok(match (name, rest) {
                ("matches", []) => Val::Bool(regex.is_match(of)),
                ("find", []) => Val::Text(text(regex.find(of)).into()),
                ("findAll", []) => Val::List(Rc::new(
                    regex.find_iter(of).map(|found| Val::Text(found.as_str().to_owned().into())).collect(),
                )),
                ("findAll", [Val::Int(most)]) => {
                    let most = usize::try_from(*most).unwrap_or(usize::MAX);
                    let found = regex.find_iter(of).take(most);
                    Val::List(Rc::new(found.map(|found| Val::Text(found.as_str().to_owned().into())).collect()))
                }
                _ => return Err(NO_OVERLOAD.to_owned()),
            })
        }
        (Val::Text(of), name, args) => text::method(name, of, args, evaluation),
        (Val::Items(..) | Val::List(_), name, args) => list(name, on, args, evaluation),
        (Val::Duration(nanoseconds), name, []) => Ok(Val::Int(match name {
            "getHours" => nanoseconds / 3_600_000_000_000,
            "getMinutes" => nanoseconds / 60_000_000_000,
            "getSeconds" => nanoseconds / 1_000_000_000,
            "getMilliseconds" => nanoseconds / 1_000_000,
            _ => return Err(NO_OVERLOAD.to_owned()),
        })),
        (Val::Timestamp(time), name, []) => {
            let time = Offset::UTC.to_datetime(*time);
            Ok(Val::Int(match name {
                "getFullYear" => i64::from(time.year()),
                "getMonth" => i64::from(time.month()) - 1,
                "getDate" => i64::from(time.day()),
                "getDayOfMonth" => i64::from(time.day()) - 1,
                "getDayOfWeek" => i64::from(time.weekday().to_sunday_zero_offset()),
                "getDayOfYear" => i64::from(time.day_of_year()) - 1,
                "getHours" => i64::from(time.hour()),
                "getMinutes" => i64::from(time.minute()),
                "getSeconds" => i64::from(time.second()),
                "getMilliseconds" => i64::from(time.millisecond()),
                _ => return Err(NO_OVERLOAD.to_owned()),
            }))
        }
        (Val::Optional(of), "hasValue", []) => Ok(Val::Bool(of.is_some())),
        (Val::Optional(Some(of)), "value", []) | (Val::Optional(Some(of)), "orValue", [_]) => Ok((**of).clone()),
        (Val::Optional(None), "value", []) => Err("optional.none() dereference".to_owned()),
        (Val::Optional(None), "orValue", [other]) => Ok(other.clone()),
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn list<'v>(name: &str, on: &Val<'v>, args: &[Val<'v>], evaluation: &Evaluation<'v>) -> Result<Val<'v>, Error> {
    evaluation.pay(on.len().unwrap_or_default())?;
    let elements = || on.elements().into_iter().flatten();
    match (name, args) {
        ("join", []) => text::join(elements(), "", evaluation),
        ("join", [Val::Text(between)]) => text::join(elements(), between, evaluation),
        ("indexOf" | "lastIndexOf", [wanted]) => {
            let mut found = -1;
            for (index, element) in (0_i64..).zip(elements()) {
                if equal(wanted, &element?, evaluation)? {
                    found = index;
                    if name == "indexOf" {
                        break;
                    }
                }
            }
            Ok(Val::Int(found))
        }
        ("isSorted", []) => {
            let mut before: Option<Val<'v>> = None;
            for element in elements() {
                let element = element?;
                if let Some(before) = &before
                    && compare(before, &element, evaluation)? == Ordering::Greater
                {
                    return Ok(Val::Bool(false));
                }
                before = Some(element);
            }
            Ok(Val::Bool(true))
        }
        ("min" | "max", []) => {
            let wanted = if name == "min" { Ordering::Less } else { Ordering::Greater };
            let mut best: Option<Val<'v>> = None;
            for element in elements() {
                let element = element?;
                let better = match &best {
                    Some(best) => compare(&element, best, evaluation)? == wanted,
                    None => true,
                };
                if better {
                    best = Some(element);
                }
            }
            best.ok_or_else(|| format!("{name} called on empty list"))
        }
        ("sum", []) => {
            let mut sum: Option<Val<'v>> = None;
            for element in elements() {
                let element = element?;
                sum = Some(match sum {
                    Some(sum) => super::arithmetic::apply(super::ast::Operator::Add, sum, element, evaluation)?,
                    None => element,
                });
            }
            // What the sum of nothing is depends on the type that the list would have.
            sum.map_or_else(|| Ok(empty_sum(on)), Ok)
        }
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn empty_sum<'v>(on: &Val<'v>) -> Val<'v> {
    use super::shape::Shape;
    use crate::schema::node::{Type, Types};
    match on {
        Val::Items(_, shape) => match shape.items() {
            Some(Shape::Node(node, _)) if node.types == Types::One(Type::Number) => Val::Double(0.0),
            Some(Shape::Node(node, _)) if node.types == Types::One(Type::String) => Val::Duration(0),
            _ => Val::Int(0),
        },
        _ => Val::Int(0),
    }
}

/// `namespace.name(args)`.
pub(super) fn in_namespace<'v>(
    namespace: &str,
    name: &str,
    args: &[Val<'v>],
    evaluation: &Evaluation<'v>,
) -> Result<Val<'v>, Error> {
    let within = |inner: &Val<'v>, outer: &Val<'v>| -> Result<bool, Error> {
        for element in inner.elements().into_iter().flatten() {
            if !contains(outer, &element?, evaluation)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    Ok(match (namespace, name, args) {
        ("optional", "none", []) => Val::Optional(None),
        ("optional", "of", [of]) => Val::Optional(Some(Box::new(of.clone()))),
        ("sets", "contains", [outer, inner]) => Val::Bool(within(inner, outer)?),
        ("sets", "equivalent", [one, other]) => Val::Bool(within(one, other)? && within(other, one)?),
        ("sets", "intersects", [one, other]) => {
            for element in one.elements().into_iter().flatten() {
                if contains(other, &element?, evaluation)? {
                    return Ok(Val::Bool(true));
                }
            }
            Val::Bool(false)
        }
        _ => return Err(NO_OVERLOAD.to_owned()),
    })
}
