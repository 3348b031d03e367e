//! What is different between two objects (`typed/compare.go`).

use std::borrow::Cow;

use serde_json::{Map as Fields, Value};

use super::element::Element;
use super::item;
use super::order::equal;
use super::set::{FieldSet, Node};
use super::shape::{Form, List, Map, Relation, Shape, TypeId, Types};
use super::validate::{Invalid, Wrong, prefix};

/// The fields that differ. None is in more than one of the sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comparison<'a> {
    /// Only the old object has them.
    pub(super) removed: FieldSet<'a>,
    /// Both have them, with different values.
    pub(super) modified: FieldSet<'a>,
    /// Only the new object has them.
    pub(super) added: FieldSet<'a>,
}

impl Comparison<'_> {
    /// Whether no field differs. The order of items in an associative list may.
    pub(super) fn is_same(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// Leaves out some fields and all that is below them.
    #[must_use]
    pub(super) fn without(self, fields: &FieldSet<'_>) -> Self {
        Self {
            removed: self.removed.recursive_difference(fields),
            modified: self.modified.recursive_difference(fields),
            added: self.added.recursive_difference(fields),
        }
    }
}

/// Compares two objects of the same shape. It is wrong if an item of a list cannot be told from the others.
pub(super) fn compare<'a>(shape: &'a Shape, old: &'a Value, new: &'a Value) -> Result<Comparison<'a>, Invalid> {
    let mut walk = Walk { types: shape.types(), wrong: Vec::new() };
    let different = walk.values(Some(shape.root()), Some(old), Some(new));
    Invalid::or(walk.wrong)?;
    Ok(different.below)
}

/// What is different at a field and below it.
#[derive(Default)]
struct Difference<'a> {
    below: Comparison<'a>,
    removed: bool,
    modified: bool,
    added: bool,
}

impl<'a> Difference<'a> {
    fn leaf(old: Option<&Value>, new: Option<&Value>) -> Self {
        match (old, new) {
            (None, _) => Self { added: true, ..Self::default() },
            (_, None) => Self { removed: true, ..Self::default() },
            (Some(old), Some(new)) => Self { modified: !equal(old, new), ..Self::default() },
        }
    }

    fn is_none(&self) -> bool {
        !self.removed && !self.modified && !self.added && self.below.is_same()
    }

    fn add(&mut self, element: &Element<'a>, different: Self) {
        let Self { below, removed, modified, added } = different;
        put(&mut self.below.removed, element, removed, below.removed);
        put(&mut self.below.modified, element, modified, below.modified);
        put(&mut self.below.added, element, added, below.added);
    }

    fn union(self, other: Self) -> Self {
        Self {
            below: Comparison {
                removed: self.below.removed.union(other.below.removed),
                modified: self.below.modified.union(other.below.modified),
                added: self.below.added.union(other.below.added),
            },
            removed: self.removed || other.removed,
            modified: self.modified || other.modified,
            added: self.added || other.added,
        }
    }
}

fn put<'a>(set: &mut FieldSet<'a>, element: &Element<'a>, member: bool, children: FieldSet<'a>) {
    if member || !children.is_empty() {
        set.push(Node { element: element.clone(), member, children });
    }
}

struct Walk<'a> {
    types: &'a Types,
    wrong: Vec<Wrong>,
}

impl<'a> Walk<'a> {
    fn values(&mut self, id: Option<TypeId>, old: Option<&'a Value>, new: Option<&'a Value>) -> Difference<'a> {
        let Some(id) = id else { return Difference::leaf(old, new) };
        let atom = self.types.atom(id);
        let (of_old, of_new) = (atom.alternatives(old), atom.alternatives(new));
        let mut different = if new.is_none() {
            self.form(atom.form(of_old), old, new)
        } else if old.is_none() || of_old == of_new {
            self.form(atom.form(of_new), old, new)
        } else {
            // It was one thing and is another: it differs as both.
            self.form(atom.form(of_old), old, new).union(self.form(atom.form(of_new), old, new))
        };
        match (old, new) {
            (None, _) => different.added = true,
            (_, None) => different.removed = true,
            _ => {}
        }
        different
    }

    fn form(&mut self, form: Form<'a>, old: Option<&'a Value>, new: Option<&'a Value>) -> Difference<'a> {
        match form {
            Form::Map(map) if map.relation == Relation::Granular => {
                let (was, is) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
                if was.is_none_or(Fields::is_empty) && is.is_none_or(Fields::is_empty) {
                    return Difference::leaf(old, new);
                }
                self.maps(map, was, is)
            }
            Form::List(list) if list.relation == Relation::Granular => {
                let items = |value: Option<&'a Value>| value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let (was, is) = (items(old), items(new));
                if was.is_empty() && is.is_empty() {
                    return Difference::leaf(old, new);
                }
                self.lists(list, was, is)
            }
            _ => Difference::leaf(old, new),
        }
    }

    fn maps(
        &mut self,
        map: &'a Map,
        old: Option<&'a Fields<String, Value>>,
        new: Option<&'a Fields<String, Value>>,
    ) -> Difference<'a> {
        let mut different = Difference::default();
        let mut field = |name: &'a String, old, new| {
            let first = self.wrong.len();
            let below = self.values(map.field_type(name), old, new);
            prefix(&mut self.wrong, first, || format!(".{name}"));
            different.add(&Element::Field(Cow::Borrowed(name)), below);
        };
        let (mut was, mut is) = (old.into_iter().flatten().peekable(), new.into_iter().flatten().peekable());
        loop {
            match (was.peek().copied(), is.peek().copied()) {
                (None, None) => return different,
                (Some((name, old)), next) if next.is_none_or(|(other, _)| name < other) => {
                    field(name, Some(old), None);
                    was.next();
                }
                (next, Some((name, new))) if next.is_none_or(|(other, _)| name < other) => {
                    field(name, None, Some(new));
                    is.next();
                }
                (old, new) => {
                    if let (Some((name, old)), Some((_, new))) = (old, new) {
                        field(name, Some(old), Some(new));
                    }
                    was.next();
                    is.next();
                }
            }
        }
    }

    fn lists(&mut self, list: &'a List, old: &'a [Value], new: &'a [Value]) -> Difference<'a> {
        let mut different = Difference::default();
        let types = self.types;
        let told = |item| item::check(types, list, item).is_ok();
        if old.len() == new.len()
            && old.iter().chain(new).all(told)
            && old.iter().zip(new).all(|(old, new)| item::same(types, list, old, new))
            && item::has_twice(types, list, old) == Some(false)
        {
            // The usual case: the same items in the same order.
            for (old, new) in old.iter().zip(new) {
                let first = self.wrong.len();
                let below = self.values(Some(list.element), Some(old), Some(new));
                if below.is_none() && self.wrong.len() == first {
                    continue;
                }
                let element = item::element(types, list, old).unwrap_or(Element::Unknown);
                prefix(&mut self.wrong, first, || element.to_string());
                different.add(&element, below);
            }
            return different;
        }
        let (was, is) = (self.sorted(list, old), self.sorted(list, new));
        let (mut was, mut is) = (was.as_slice(), is.as_slice());
        loop {
            let element = match (was.first(), is.first()) {
                (None, None) => return different,
                (Some((old, _)), Some((new, _))) => old.min(new).clone(),
                (Some((element, _)), None) | (None, Some((element, _))) => element.clone(),
            };
            let (olds, rest_of_old) = was.split_at(was.partition_point(|item| item.0 <= element));
            let (news, rest_of_new) = is.split_at(is.partition_point(|item| item.0 <= element));
            (was, is) = (rest_of_old, rest_of_new);
            let first = self.wrong.len();
            let below = self.items(list, olds, news);
            prefix(&mut self.wrong, first, || element.to_string());
            different.add(&element, below);
        }
    }

    /// Compares the items of one element. Those that are there more than once are compared as one value.
    fn items(
        &mut self,
        list: &'a List,
        old: &[(Element<'a>, &'a Value)],
        new: &[(Element<'a>, &'a Value)],
    ) -> Difference<'a> {
        let id = Some(list.element);
        match (old, new) {
            ([_, _, ..], [_, _, ..]) => {
                let same = old.len() == new.len() && old.iter().zip(new).all(|(old, new)| equal(old.1, new.1));
                Difference { modified: !same, ..Difference::default() }
            }
            ([_, _, ..], new) => {
                let below = new.first().map(|new| self.values(id, None, Some(new.1))).unwrap_or_default();
                Difference { removed: true, ..below }
            }
            (old, [_, _, ..]) => {
                let below = old.first().map(|old| self.values(id, Some(old.1), None)).unwrap_or_default();
                Difference { added: true, ..below }
            }
            (old, new) => self.values(id, old.first().map(|old| old.1), new.first().map(|new| new.1)),
        }
    }

    fn sorted(&mut self, list: &'a List, items: &'a [Value]) -> Vec<(Element<'a>, &'a Value)> {
        let mut sorted = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            match item::element(self.types, list, item) {
                Ok(element) => sorted.push((element, item)),
                Err(what) => self.wrong.push(Wrong::here(format!("element {place}: {what}"))),
            }
        }
        sorted.sort_by(|left, right| left.0.cmp(&right.0));
        sorted
    }
}
