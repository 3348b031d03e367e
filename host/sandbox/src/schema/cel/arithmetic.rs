//! Sums and their like: numbers, texts, durations, timestamps.

use jiff::{SignedDuration, Timestamp};

use super::ast::Operator;
use super::eval::{Error, Evaluation, NO_OVERLOAD};
use super::value::Val;

/// The result of an operator.
pub(super) fn apply<'v>(
    operator: Operator,
    left: Val<'v>,
    right: Val<'v>,
    evaluation: &Evaluation<'v>,
) -> Result<Val<'v>, Error> {
    match (left, right) {
        (Val::Int(left), Val::Int(right)) => int(operator, left, right).map(Val::Int),
        (Val::Uint(left), Val::Uint(right)) => uint(operator, left, right).map(Val::Uint),
        (Val::Double(left), Val::Double(right)) => Ok(Val::Double(match operator {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            _ => return Err(NO_OVERLOAD.to_owned()),
        })),
        (Val::Text(left), Val::Text(right)) if operator == Operator::Add => {
            evaluation.pay((left.len() + right.len()) / 10)?;
            Ok(Val::Text((left.into_owned() + &right).into()))
        }
        (Val::Bytes(left), Val::Bytes(right)) if operator == Operator::Add => {
            evaluation.pay((left.len() + right.len()) / 10)?;
            let mut left = left.into_owned();
            left.extend_from_slice(&right);
            Ok(Val::Bytes(left.into()))
        }
        (Val::Duration(left), Val::Duration(right)) => {
            let result = match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                _ => return Err(NO_OVERLOAD.to_owned()),
            };
            result.map(Val::Duration).ok_or_else(|| "duration overflow".to_owned())
        }
        (Val::Timestamp(time), Val::Duration(duration)) => moved(operator, time, duration),
        (Val::Duration(duration), Val::Timestamp(time)) if operator == Operator::Add => moved(operator, time, duration),
        (Val::Timestamp(left), Val::Timestamp(right)) if operator == Operator::Subtract => {
            let nanoseconds = left.duration_since(right).as_nanos();
            i64::try_from(nanoseconds).map(Val::Duration).map_err(|_| "timestamp overflow".to_owned())
        }
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn moved<'v>(operator: Operator, time: Timestamp, duration: i64) -> Result<Val<'v>, Error> {
    let duration = SignedDuration::from_nanos(duration);
    let moved = match operator {
        Operator::Add => time.checked_add(duration),
        Operator::Subtract => time.checked_sub(duration),
        _ => return Err(NO_OVERLOAD.to_owned()),
    };
    moved.map(Val::Timestamp).map_err(|_| "timestamp overflow".to_owned())
}

/// The function for one type of whole numbers.
macro_rules! whole {
    ($name:ident, $type:ty, $overflow:literal) => {
        fn $name(operator: Operator, left: $type, right: $type) -> Result<$type, Error> {
            let result = match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                Operator::Multiply => left.checked_mul(right),
                Operator::Divide if right == 0 => return Err("division by zero".to_owned()),
                Operator::Remainder if right == 0 => return Err("modulus by zero".to_owned()),
                Operator::Divide => left.checked_div(right),
                Operator::Remainder => left.checked_rem(right),
                _ => return Err(NO_OVERLOAD.to_owned()),
            };
            result.ok_or_else(|| $overflow.to_owned())
        }
    };
}

whole!(int, i64, "integer overflow");
whole!(uint, u64, "unsigned integer overflow");
