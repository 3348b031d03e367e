//! One requirement of a label selector.

use std::fmt;

use serde_json::Value;

use super::Labels;
use crate::causes::{self, invalid, invalid_value};
use crate::quote::aggregate;
use crate::validation::names::{label_key, label_value};

/// How a label relates to the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `key in (a,b)`
    In,
    /// `key notin (a,b)`: also without the label
    NotIn,
    /// `key=a`
    Equals,
    /// `key==a`
    DoubleEquals,
    /// `key!=a`: also without the label
    NotEquals,
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `key>1`, for whole numbers
    GreaterThan,
    /// `key<1`, for whole numbers
    LessThan,
}

/// A key, an operator and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: Box<str>,
    operator: Operator,
    values: Box<[Box<str>]>,
}

impl Requirement {
    /// Checks what `labels.NewRequirement` checks; the error is its text.
    pub fn new(key: &str, operator: Operator, values: Vec<&str>) -> Result<Self, String> {
        let mut wrong = Vec::new();
        let key_wrong = label_key(key);
        if !key_wrong.is_empty() {
            wrong.push(invalid("key", key, &key_wrong.join("; ")));
        }
        // Where values are missing Go has no list at all.
        let list = if values.is_empty() { Value::Null } else { Value::from(values.clone()) };
        let count = |why: &str| invalid_value("values", &list, why);
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                wrong.push(count("for 'in', 'notin' operators, values set can't be empty"));
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
                wrong.push(count("exact-match compatibility requires one single value"));
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                wrong.push(count("values set must be empty for exists and does not exist"));
            }
            Operator::GreaterThan | Operator::LessThan => {
                if values.len() != 1 {
                    wrong.push(count("for 'Gt', 'Lt' operators, exactly one value is required"));
                }
                for (index, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
                    let why = "for 'Gt', 'Lt' operators, the value must be an integer";
                    wrong.push(invalid(format!("values[{index}]"), value, why));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            let value_wrong = label_value(value);
            if !value_wrong.is_empty() {
                wrong.push(invalid(format!("values[{index}][{key}]"), value, &value_wrong.join("; ")));
            }
        }
        if wrong.is_empty() {
            Ok(Self { key: key.into(), operator, values: values.into_iter().map(Into::into).collect() })
        } else {
            Err(aggregate(&wrong.iter().map(causes::text).collect::<Vec<_>>()))
        }
    }

    /// The label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values; none for operators that take none.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| &**value)
    }

    /// The one value that the label must have.
    pub fn exact_value(&self) -> Option<&str> {
        match (self.operator, &*self.values) {
            (Operator::In | Operator::Equals | Operator::DoubleEquals, [one]) => Some(one),
            _ => None,
        }
    }

    /// Whether labels meet it.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        let value = labels.lookup(&self.key);
        let listed = |value: &str| self.values.iter().any(|one| **one == *value);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(listed),
            Operator::NotIn | Operator::NotEquals => !value.is_some_and(listed),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => self.bound().is_some_and(|bound| number(value).is_some_and(|value| value > bound)),
            Operator::LessThan => self.bound().is_some_and(|bound| number(value).is_some_and(|value| value < bound)),
        }
    }

    fn bound(&self) -> Option<i64> {
        number(self.values.first().map(|value| &**value))
    }
}

fn number(text: Option<&str>) -> Option<i64> {
    text?.parse().ok()
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values: Vec<&str> = self.values().collect();
        values.sort_unstable();
        let (key, values) = (&self.key, values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}
