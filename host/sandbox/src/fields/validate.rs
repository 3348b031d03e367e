//! Whether an object is of its shape (`typed/validate.go`), and how a real server says what is wrong.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::element::Element;
use super::item;
use super::print::{Numbers, plain, syntax, type_name};
use super::shape::{Form, List, Map, Relation, Scalar, Shape, TypeId, Types};

/// What is wrong with an object. It shows itself as `typed.ValidationErrors` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invalid(Vec<Wrong>);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    path: String,
    what: String,
}

/// Whether an associative list may have an item twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    /// In what is stored already.
    Allowed,
    /// In what somebody applies.
    Refused,
}

/// Checks an object against its shape.
pub(super) fn validate(shape: &Shape, object: &Value, duplicates: Duplicates) -> Result<(), Invalid> {
    let mut wrong = Vec::new();
    let check = Check { types: shape.types(), duplicates };
    check.value(Some(shape.root()), object, &mut wrong);
    Invalid::or(wrong)
}

struct Check<'s> {
    types: &'s Types,
    duplicates: Duplicates,
}

impl Check<'_> {
    fn value(&self, id: Option<TypeId>, value: &Value, wrong: &mut Vec<Wrong>) {
        let form = id.map_or(Form::Nothing, |id| self.types.atom(id).form_of(value));
        match form {
            Form::Scalar(scalar) => wrong.extend(self.scalar(scalar, value).map(Wrong::here)),
            Form::Map(map) => self.map(map, value, wrong),
            Form::List(list) => self.list(list, value, wrong),
            Form::Nothing => wrong.push(Wrong::here("schema error: invalid atom: inlined".to_owned())),
        }
    }

    fn map(&self, map: &Map, value: &Value, wrong: &mut Vec<Wrong>) {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => return,
            other => {
                return wrong.push(Wrong::here(format!("expected map, got &{{{}}}", plain(other, self.numbers()))));
            }
        };
        for (name, value) in fields {
            let first = wrong.len();
            let Some(id) = map.field_type(name) else {
                wrong.push(Wrong { path: format!(".{name}"), what: "field not declared in schema".to_owned() });
                return;
            };
            self.value(Some(id), value, wrong);
            prefix(wrong, first, || format!(".{name}"));
        }
    }

    fn list(&self, list: &List, value: &Value, wrong: &mut Vec<Wrong>) {
        let items = match value {
            Value::Array(items) => items,
            Value::Null => return,
            other => {
                return wrong.push(Wrong::here(format!("expected list, got &{{{}}}", plain(other, self.numbers()))));
            }
        };
        if list.relation == Relation::Atomic {
            for (place, item) in items.iter().enumerate() {
                let first = wrong.len();
                self.value(Some(list.element), item, wrong);
                prefix(wrong, first, || format!("[{place}]"));
            }
            return;
        }
        let twice = match self.duplicates {
            Duplicates::Allowed => Some(false),
            Duplicates::Refused => item::has_twice(self.types, list, items),
        };
        let mut seen = BTreeSet::new();
        for (place, item) in items.iter().enumerate() {
            if let Err(what) = item::check(self.types, list, item) {
                return wrong.push(Wrong::here(format!("element {place}: {what}")));
            }
            // Which one it is is only asked where it may be there twice.
            if twice != Some(false)
                && let Ok(element) = item::element(self.types, list, item)
                && let Some(again) = seen.replace(element)
            {
                wrong.push(Wrong::here(format!("duplicate entries for key {again}")));
            }
            let first = wrong.len();
            self.value(Some(list.element), item, wrong);
            prefix(wrong, first, || item::element(self.types, list, item).unwrap_or(Element::Unknown).to_string());
        }
    }

    fn numbers(&self) -> Numbers {
        match self.duplicates {
            Duplicates::Allowed => Numbers::Ints,
            Duplicates::Refused => Numbers::Floats,
        }
    }

    /// What is wrong with a value that should be such a scalar.
    fn scalar(&self, scalar: Scalar, value: &Value) -> Option<String> {
        match (scalar, value) {
            (_, Value::Null)
            | (Scalar::Numeric, Value::Number(_))
            | (Scalar::Text, Value::String(_))
            | (Scalar::Boolean, Value::Bool(_))
            | (Scalar::Untyped, Value::Number(_) | Value::String(_) | Value::Bool(_)) => None,
            (Scalar::Numeric, _) => {
                Some(format!("expected numeric (int or float), got {}", type_name(value, self.numbers())))
            }
            (Scalar::Text, _) => Some(format!(
                "expected string, got &value.valueUnstructured{{Value:{}}}",
                syntax(value, self.numbers())
            )),
            (Scalar::Boolean, _) => Some(format!("expected boolean, got &{{{}}}", plain(value, self.numbers()))),
            (Scalar::Untyped, _) => Some(format!("expected any scalar, got &{{{}}}", plain(value, self.numbers()))),
        }
    }
}

/// Puts what leads to them before the paths of what was found from `first` on.
pub(super) fn prefix(wrong: &mut [Wrong], first: usize, element: impl Fn() -> String) {
    for wrong in wrong.iter_mut().skip(first) {
        wrong.path.insert_str(0, &element());
    }
}

impl Wrong {
    /// Something that is wrong with a value itself.
    pub(super) fn here(what: String) -> Self {
        Self { path: String::new(), what }
    }
}

impl Invalid {
    /// It is wrong if something is.
    pub(super) fn or(wrong: Vec<Wrong>) -> Result<(), Self> {
        if wrong.is_empty() { Ok(()) } else { Err(Self(wrong)) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.path, self.what) }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            return one.fmt(f);
        }
        f.write_str("errors:")?;
        self.0.iter().try_for_each(|wrong| write!(f, "\n  {wrong}"))
    }
}
