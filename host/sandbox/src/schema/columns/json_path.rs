//! The paths of columns: names, `[0]`, `[*]`, and filters that compare with one value.
//!
//! Facts: `client-go/util/jsonpath`. Other forms (`..`, slices, unions) are refused.

use serde_json::Value;

use crate::schema::number::Number;

/// A path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    /// Items of a list for which something at a path exists, or compares so.
    Filter(JsonPath, Option<(Comparison, Value)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessEqual),
    (">=", Comparison::GreaterEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl JsonPath {
    /// Reads a path.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        while let Some(first) = rest.chars().next() {
            let step;
            (step, rest) = match first {
                '.' => field(rest.get(1..)?)?,
                '[' => bracket(rest.get(1..)?)?,
                _ => return None,
            };
            steps.push(step);
        }
        Some(Self(steps))
    }

    /// The first value that it leads to.
    pub(super) fn first<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.all(object)?.into_iter().next()
    }

    /// All of them; nothing if a step fits no value.
    fn all<'v>(&self, object: &'v Value) -> Option<Vec<&'v Value>> {
        let mut values = vec![object];
        for step in &self.0 {
            let mut next = Vec::new();
            for value in values {
                step.take(value, &mut next)?;
            }
            values = next;
        }
        Some(values)
    }
}

impl Step {
    fn take<'v>(&self, value: &'v Value, into: &mut Vec<&'v Value>) -> Option<()> {
        match (self, value) {
            (Self::Filter(..), Value::Null) => return None,
            (_, Value::Null) => {}
            (Self::Field(name), value) => into.extend(value.as_object().and_then(|fields| fields.get(name))),
            (Self::All, Value::Array(items)) => into.extend(items),
            (Self::All, Value::Object(fields)) => into.extend(fields.values()),
            (Self::All, _) => {}
            (Self::Index(index), value) => {
                let items = value.as_array()?;
                let length = i64::try_from(items.len()).ok()?;
                let index = if *index < 0 { index + length } else { *index };
                into.push(items.get(usize::try_from(index).ok()?)?);
            }
            (Self::Filter(path, comparison), value) => {
                for item in value.as_array()? {
                    let found = path.all(item);
                    let Some((comparison, wanted)) = comparison else {
                        into.extend(found.filter(|found| !found.is_empty()).map(|_| item));
                        continue;
                    };
                    match found?.as_slice() {
                        [] => {}
                        [one] => into.extend(comparison.holds(one, wanted)?.then_some(item)),
                        _ => return None,
                    }
                }
            }
        }
        Some(())
    }
}

impl Comparison {
    /// Whether it holds; nothing between values of two types.
    fn holds(self, one: &Value, other: &Value) -> Option<bool> {
        let order = match (one, other) {
            (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
            (Value::Number(one), Value::Number(other)) => match (Number::of(one), Number::of(other)) {
                (Number::Int(one), Number::Int(other)) => Some(one.cmp(&other)),
                (Number::Float(one), Number::Float(other)) => one.partial_cmp(&other),
                _ => return None,
            },
            (Value::Bool(one), Value::Bool(other)) if matches!(self, Self::Equal | Self::NotEqual) => {
                Some(one.cmp(other))
            }
            _ => return None,
        };
        Some(order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }))
    }
}

/// A name after a dot; a backslash makes the next character part of it.
fn field(text: &str) -> Option<(Step, &str)> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.push(characters.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            ' ' | '\t' | '\r' | '\n' | ',' | ']' | '$' | '@' | '{' | '}' => return None,
            other => name.push(other),
        }
    }
    let rest = text.get(end..)?;
    match name.as_str() {
        "*" => Some((Step::All, rest)),
        // A dot before a bracket is none of a name; two dots search, which is refused.
        "" if rest.starts_with('[') => bracket(rest.get(1..)?),
        "" => None,
        _ => Some((Step::Field(name), rest)),
    }
}

/// What is in brackets.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let (name, rest) = quoted.split_once("']")?;
        return (!name.contains(['\'', '\\'])).then(|| (Step::Field(name.to_owned()), rest));
    }
    if let Some(filter) = text.strip_prefix("?(") {
        let (filter, rest) = filter.split_once(")]")?;
        return Some((self::filter(filter)?, rest));
    }
    let (inner, rest) = text.split_once(']')?;
    if inner == "*" {
        return Some((Step::All, rest));
    }
    Some((Step::Index(inner.parse().ok()?), rest))
}

fn filter(text: &str) -> Option<Step> {
    let found = text.char_indices().find_map(|(at, _)| {
        let (path, rest) = text.split_at_checked(at)?;
        COMPARISONS
            .iter()
            .find_map(|(sign, comparison)| rest.strip_prefix(sign).map(|value| (path, *comparison, value)))
    });
    let path = |text: &str| JsonPath::read(text.trim().strip_prefix('@')?);
    let Some((left, comparison, right)) = found else { return Some(Step::Filter(path(text)?, None)) };
    let right = right.trim();
    let quoted = ['"', '\''].into_iter().find_map(|quote| right.strip_prefix(quote)?.strip_suffix(quote));
    let right = match quoted {
        Some(text) if !text.contains(['\\', '"', '\'']) => Value::String(text.to_owned()),
        Some(_) => return None,
        None => match right {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => Value::from(number.parse::<i64>().ok()?),
        },
    };
    Some(Step::Filter(path(left)?, Some((comparison, right))))
}
