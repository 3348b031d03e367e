//! What a `{{ }}` does: its value is kept beside the text, and the text gets a slot.
//!
//! Text that the template language captures first (macros, `{% set %}`, `{% call %}` and `{% filter %}` blocks) comes back
//! as a string that it marks as safe. With a slot in it, it would be compared and changed as if it were the value, so it
//! is refused: what is captured is text without values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::value::{DynObject, Value as Emitted, ValueKind};
use minijinja::{AutoEscape, Error, ErrorKind, Output, State};
use serde_json::{Map, Number, Value};

use super::slot::{self, Content};

/// The only mode in which values may be emitted.
pub(super) const AUTO_ESCAPE: AutoEscape = AutoEscape::Custom(Cow::Borrowed("slots"));
/// What a value costs besides its text, in bytes.
const NODE_COST: usize = 16;

/// Why a value cannot be emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It has no JSON form.
    #[error("{0}")]
    NotAValue(&'static str),
    /// It is captured text with a value in it.
    #[error("captured text with a value in it")]
    Captured,
    /// Everything emitted so far is too large.
    #[error("too large")]
    TooLarge,
    /// Nested too deeply.
    #[error("too deep")]
    TooDeep,
}

/// The values that one rendering has emitted, by slot.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// By slot number.
    pub(super) slots: Vec<Value>,
    /// What they all cost, in bytes.
    pub(super) bytes: usize,
}

/// Budgets of the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Bytes of all values of one rendering.
    pub(super) bytes: usize,
    /// Nesting of one value.
    pub(super) depth: usize,
}

/// Emits a value: keeps it and writes its slot.
pub(super) fn emit(out: &mut Output, state: &mut State, value: &Emitted, budget: Budget) -> Result<(), Error> {
    if *state.auto_escape() != AUTO_ESCAPE {
        return Err(refuse(Refusal::NotAValue("values are typed, nothing is escaped: remove the autoescape block")));
    }
    let values = state.get_or_insert_extension_with(Values::default);
    let before = values.bytes;
    let json = Converter { values, budget }.convert(value, budget.depth).map_err(refuse)?;
    let number = u32::try_from(values.slots.len()).unwrap_or(u32::MAX);
    values.slots.push(json);
    let cost = values.bytes - before;
    // The engine counts what is written, which is only the slot.
    state.consume_fuel((cost / 64) as u64)?;
    slot::write(number, |text| out.write_str(text)).map_err(Error::from)
}

/// A string of the template language's `tojson`: the value's JSON as text.
pub(super) fn to_json_text(state: &State, value: &Emitted, budget: Budget) -> Result<String, Error> {
    let mut values = Values::default();
    let json = Converter { values: &mut values, budget }.convert(value, budget.depth).map_err(refuse)?;
    state.consume_fuel((values.bytes / 64) as u64)?;
    Ok(json.to_string())
}

fn refuse(refusal: Refusal) -> Error {
    Error::from(ErrorKind::BadSerialization).with_source(refusal)
}

struct Converter<'a> {
    values: &'a mut Values,
    budget: Budget,
}

impl Converter<'_> {
    fn convert(&mut self, value: &Emitted, depth: usize) -> Result<Value, Refusal> {
        self.charge(NODE_COST)?;
        Ok(match value.kind() {
            ValueKind::None => Value::Null,
            ValueKind::Bool => Value::Bool(value.is_true()),
            ValueKind::Number => Value::Number(number(value)?),
            ValueKind::String => self.text(value)?,
            ValueKind::Seq | ValueKind::Iterable => {
                let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
                if let Some(items) = value.downcast_object_ref::<Vec<Emitted>>() {
                    return items.iter().map(|item| self.convert(item, depth)).collect();
                }
                let items = value.try_iter().map_err(|_| Refusal::NotAValue("this cannot be iterated over"))?;
                items.map(|item| self.convert(&item, depth)).collect::<Result<_, _>>()?
            }
            ValueKind::Map => {
                let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
                // Nearly all maps are of this type; the other way is open to every type, and slower.
                if let Some(map) = value.downcast_object_ref::<BTreeMap<Emitted, Emitted>>() {
                    return map.iter().map(|(key, item)| self.field(key, item, depth)).collect();
                }
                let pairs = value.as_object().and_then(DynObject::try_iter_pairs).into_iter().flatten();
                pairs.map(|(key, item)| self.field(&key, &item, depth)).collect::<Result<_, _>>()?
            }
            ValueKind::Undefined => {
                return Err(Refusal::NotAValue(
                    "this has no value: an `if` without `else` gives none when its condition is false; add `else none` \
                     to leave the field out",
                ));
            }
            ValueKind::Bytes => return Err(Refusal::NotAValue("bytes are no value of a manifest")),
            ValueKind::Plain => {
                return Err(Refusal::NotAValue("this is a function, not a value: call it with ()"));
            }
            ValueKind::Invalid | _ => return Err(Refusal::NotAValue("this could not be computed")),
        })
    }

    fn field(&mut self, key: &Emitted, item: &Emitted, depth: usize) -> Result<(String, Value), Refusal> {
        let Value::String(key) = self.convert(key, 0)? else {
            return Err(Refusal::NotAValue("the keys of a map must be text"));
        };
        Ok((key, self.convert(item, depth)?))
    }

    fn text(&mut self, value: &Emitted) -> Result<Value, Refusal> {
        let text = value.as_str().unwrap_or_default();
        self.charge(text.len())?;
        // A string that is not marked as safe is data, whatever characters are in it.
        if !value.is_safe() {
            return Ok(Value::String(text.to_owned()));
        }
        match slot::content(text) {
            Content::Text => Ok(Value::String(text.to_owned())),
            Content::Slot(_) | Content::Mixed => Err(Refusal::Captured),
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.values.bytes = self.values.bytes.saturating_add(bytes);
        if self.values.bytes > self.budget.bytes { Err(Refusal::TooLarge) } else { Ok(()) }
    }
}

fn number(value: &Emitted) -> Result<Number, Refusal> {
    const TOO_LARGE: Refusal = Refusal::NotAValue("this number does not fit into 64 bits");
    if value.is_integer() {
        return match value.as_i64() {
            Some(number) => Ok(number.into()),
            None => u64::try_from(value.clone()).map(Into::into).map_err(|_| TOO_LARGE),
        };
    }
    let number = f64::try_from(value.clone()).map_err(|_| TOO_LARGE)?;
    Number::from_f64(number).ok_or(Refusal::NotAValue("this number is infinite or not a number"))
}

/// A JSON value as the template language sees it.
pub(super) fn to_template(value: &Value) -> Emitted {
    match value {
        Value::Null => Emitted::from(()),
        Value::Bool(value) => Emitted::from(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Emitted::from(number),
            (None, Some(number)) => Emitted::from(number),
            (None, None) => Emitted::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Emitted::from(text.as_str()),
        Value::Array(items) => items.iter().map(to_template).collect(),
        Value::Object(map) => to_template_map(map),
    }
}

/// A JSON object as the template language sees it.
pub(super) fn to_template_map(map: &Map<String, Value>) -> Emitted {
    Emitted::from_pairs(map.iter().map(|(key, value)| (key.as_str(), to_template(value))))
}
