//! When two values are the same, and which is less.
//!
//! Facts: cel-go's `common/types`, and for lists of the object `apiserver/pkg/cel/common/valuesunstructured.go`: a set is the same
//! in any order, and so is a list with keys.

use std::cmp::Ordering;

use super::eval::{Error, Evaluation, NO_OVERLOAD};
use super::shape::Shape;
use super::value::Val;
use crate::schema::node::ListType;

/// `==`.
pub(super) fn equal<'v>(left: &Val<'v>, right: &Val<'v>, evaluation: &Evaluation<'v>) -> Result<bool, Error> {
    evaluation.pay(1)?;
    Ok(match (left, right) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(left), Val::Bool(right)) => left == right,
        (Val::Text(left), Val::Text(right)) => {
            evaluation.pay(left.len().min(right.len()) / 10)?;
            left == right
        }
        (Val::Bytes(left), Val::Bytes(right)) => left == right,
        (Val::Duration(left), Val::Duration(right)) => left == right,
        (Val::Timestamp(left), Val::Timestamp(right)) => left == right,
        (Val::Type(left), Val::Type(right)) => left == right,
        (Val::Int(_) | Val::Uint(_) | Val::Double(_), Val::Int(_) | Val::Uint(_) | Val::Double(_)) => {
            numbers(left, right) == Some(Ordering::Equal)
        }
        (Val::Optional(left), Val::Optional(right)) => match (left, right) {
            (None, None) => true,
            (Some(left), Some(right)) => equal(left, right, evaluation)?,
            _ => false,
        },
        (Val::Items(..) | Val::List(_), Val::Items(..) | Val::List(_)) => lists(left, right, evaluation)?,
        (Val::Fields(..) | Val::Map(_), Val::Fields(..) | Val::Map(_)) => maps(left, right, evaluation)?,
        (Val::Unknown(left), Val::Unknown(right)) => {
            evaluation.pay(left.to_string().len() / 10)?;
            left == right
        }
        _ => false,
    })
}

fn lists<'v>(left: &Val<'v>, right: &Val<'v>, evaluation: &Evaluation<'v>) -> Result<bool, Error> {
    if left.len() != right.len() {
        return Ok(false);
    }
    if left.list_type() == ListType::Set {
        for item in right.elements().into_iter().flatten() {
            if !contains(left, &item?, evaluation)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let ordered = left.list_type() == ListType::Atomic;
    for (index, item) in left.elements().into_iter().flatten().enumerate() {
        let item = item?;
        let found = if ordered {
            right
                .item(index)
                .transpose()?
                .map(|other| equal(&item, &other, evaluation))
                .transpose()?
                .unwrap_or_default()
        } else {
            contains(right, &item, evaluation)?
        };
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a list has an item.
pub(super) fn contains<'v>(list: &Val<'v>, item: &Val<'v>, evaluation: &Evaluation<'v>) -> Result<bool, Error> {
    for other in list.elements().into_iter().flatten() {
        if equal(item, &other?, evaluation)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn maps<'v>(left: &Val<'v>, right: &Val<'v>, evaluation: &Evaluation<'v>) -> Result<bool, Error> {
    if left.len() != right.len() {
        return Ok(false);
    }
    if let (Val::Fields(left, shape), Val::Fields(right, other_shape)) = (left, right) {
        for (name, value) in *left {
            let of = |shape: Shape<'v>| {
                shape.entries().map(|entry| (entry, false)).or_else(|| shape.property(name).map(|shape| (shape, true)))
            };
            let other = right.get(name);
            let same = match (of(*shape), of(*other_shape)) {
                (Some((shape, field)), Some((other_shape, _))) => {
                    // A null is no field of an object.
                    let value = Some(value).filter(|value| !(field && value.is_null()));
                    let other = other.filter(|other| !(field && other.is_null()));
                    match (value, other) {
                        (Some(value), Some(other)) => {
                            equal(&Val::of(value, shape)?, &Val::of(other, other_shape)?, evaluation)?
                        }
                        (value, other) => value.is_none() && other.is_none(),
                    }
                }
                // What no schema knows is compared only where both have it.
                _ => match other {
                    Some(other) => equal(&Val::Unknown(value), &Val::Unknown(other), evaluation)?,
                    None => true,
                },
            };
            if !same {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    for key in left.elements().into_iter().flatten() {
        let Val::Text(key) = key? else { return Err(NO_OVERLOAD.to_owned()) };
        let same = match (left.get(&key).transpose()?, right.get(&key).transpose()?) {
            (Some(left), Some(right)) => equal(&left, &right, evaluation)?,
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Which is less.
pub(super) fn compare<'v>(left: &Val<'v>, right: &Val<'v>, evaluation: &Evaluation<'v>) -> Result<Ordering, Error> {
    match (left, right) {
        (Val::Bool(left), Val::Bool(right)) => Ok(left.cmp(right)),
        (Val::Text(left), Val::Text(right)) => {
            evaluation.pay(left.len().min(right.len()) / 10)?;
            Ok(left.cmp(right))
        }
        (Val::Bytes(left), Val::Bytes(right)) => Ok(left.cmp(right)),
        (Val::Duration(left), Val::Duration(right)) => Ok(left.cmp(right)),
        (Val::Timestamp(left), Val::Timestamp(right)) => Ok(left.cmp(right)),
        (Val::Int(_) | Val::Uint(_) | Val::Double(_), Val::Int(_) | Val::Uint(_) | Val::Double(_)) => {
            numbers(left, right).ok_or_else(|| "NaN values cannot be ordered".to_owned())
        }
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

/// Numbers of any two types.
#[expect(clippy::cast_precision_loss, reason = "cel-go converts the same way")]
fn numbers(left: &Val<'_>, right: &Val<'_>) -> Option<Ordering> {
    match (left, right) {
        (Val::Int(left), Val::Int(right)) => Some(left.cmp(right)),
        (Val::Uint(left), Val::Uint(right)) => Some(left.cmp(right)),
        (Val::Double(left), Val::Double(right)) => left.partial_cmp(right),
        (Val::Int(left), Val::Uint(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Val::Uint(left), Val::Int(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Val::Int(left), Val::Double(right)) => (*left as f64).partial_cmp(right),
        (Val::Double(left), Val::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Val::Uint(left), Val::Double(right)) => (*left as f64).partial_cmp(right),
        (Val::Double(left), Val::Uint(right)) => left.partial_cmp(&(*right as f64)),
        _ => None,
    }
}
