//! What a plugin may read, and which objects it may make or change.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Grants, KindGrant, ReadGrant};
use crate::object::{Desired, ObjectId};
use crate::plugin::{Requirement, Selection};
use crate::pointer;

/// What a plugin may read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reads {
    /// What the host serves to any plugin: for those that the operator names on the command line.
    #[default]
    Served,
    /// What was granted.
    Granted(Vec<ReadGrant>),
}

impl Reads {
    /// Whether a selection is covered.
    ///
    /// # Errors
    /// It is not: the text goes on where "it " ends.
    pub fn cover(&self, selection: &Selection) -> Result<(), String> {
        let Self::Granted(grants) = self else { return Ok(()) };
        let name = if selection.group.is_empty() {
            selection.kind.clone()
        } else {
            format!("{}.{}", selection.kind, selection.group)
        };
        let of_kind: Vec<&ReadGrant> =
            grants.iter().filter(|grant| grant.group == selection.group && grant.kind == selection.kind).collect();
        if of_kind.is_empty() {
            return Err(format!("asks to read {name}, which it has no grant for"));
        }
        // Whoever asks by a label learns of it.
        let label = |requirement: &Requirement| format!("/metadata/labels/{}", pointer::escaped(&requirement.key));
        let asked = selection.fields.iter().map(|field| as_shown(field)).chain(selection.labels.iter().map(label));
        let whole = selection.fields.is_empty();
        let fields: Vec<String> = if whole { Vec::new() } else { asked.collect() };
        let wanted = Wanted {
            namespaces: if selection.namespace.is_empty() { &[] } else { std::slice::from_ref(&selection.namespace) },
            names: &selection.names,
            fields: &fields,
        };
        if of_kind.iter().any(|grant| covers(grant, &wanted)) {
            return Ok(());
        }
        Err(format!(
            "asks to read more of {name} than it has a grant for: see namespaces, names and fields of the grant"
        ))
    }
}

/// The field that is shown where one is asked for: an element of a list is shown with all of its list.
fn as_shown(field: &str) -> String {
    let is_element = |token: &&str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    match field.split('/').position(|token| is_element(&token)) {
        Some(at) => field.split('/').take(at).collect::<Vec<_>>().join("/"),
        None => field.to_owned(),
    }
}

/// What is asked for of a kind; nothing said means all.
struct Wanted<'a> {
    namespaces: &'a [String],
    names: &'a [String],
    fields: &'a [String],
}

fn covers(grant: &ReadGrant, wanted: &Wanted<'_>) -> bool {
    let among = |granted: &[String], asked: &[String]| {
        granted.is_empty() || (!asked.is_empty() && asked.iter().all(|one| granted.contains(one)))
    };
    let shown = |asked: &String| grant.fields.iter().any(|granted| pointer::is_within(asked, granted));
    among(&grant.namespaces, wanted.namespaces)
        && among(&grant.names, wanted.names)
        && (grant.fields.is_empty() || (!wanted.fields.is_empty() && wanted.fields.iter().all(shown)))
}

/// Whether one of the platform's grants covers what a workspace grants its plugin.
pub(super) fn grant_within(grant: &ReadGrant, ceiling: &Grants) -> bool {
    let wanted = Wanted { namespaces: &grant.namespaces, names: &grant.names, fields: &grant.fields };
    let same = |most: &&ReadGrant| most.group == grant.group && most.kind == grant.kind;
    ceiling.read.iter().filter(same).any(|most| covers(most, &wanted))
}

/// Of which kinds a plugin may make, change and leave out objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Emits {
    /// Of all, within the guard: for those that the operator names on the command line.
    #[default]
    Any,
    /// Of these.
    Granted(BTreeSet<KindGrant>),
}

impl Emits {
    fn has(&self, id: &ObjectId) -> bool {
        match self {
            Self::Any => true,
            Self::Granted(kinds) => kinds.iter().any(|grant| grant.group == id.group() && grant.kind == id.kind),
        }
    }

    /// Whether objects may be made.
    ///
    /// # Errors
    /// One may not: the text goes on where "it " ends.
    pub fn allow<'a>(&self, made: impl IntoIterator<Item = &'a ObjectId>) -> Result<(), String> {
        match made.into_iter().find(|id| !self.has(id)) {
            None => Ok(()),
            Some(id) => Err(format!("makes {id}, a kind that it has no grant for")),
        }
    }

    /// Whether `after` may be made of `before`: what is of no granted kind is the same in both.
    ///
    /// # Errors
    /// It may not, or an object is there twice: the text goes on where "it " ends.
    pub fn allow_change(&self, before: &[Desired], after: &[Desired]) -> Result<(), String> {
        let mut made: BTreeMap<&ObjectId, &Desired> = BTreeMap::new();
        for desired in after {
            if made.insert(&desired.id, desired).is_some() {
                return Err(format!("gives {} twice", desired.id));
            }
        }
        for desired in before {
            let now = made.remove(&desired.id);
            if self.has(&desired.id) {
                continue;
            }
            match now {
                None => return Err(format!("leaves out {}, a kind that it has no grant for", desired.id)),
                Some(now) => {
                    if let Some(place) = pointer::first_difference(&desired.object, &now.object) {
                        let place = if place.is_empty() { "/".to_owned() } else { place };
                        return Err(format!("changes {place} of {}, a kind that it has no grant for", desired.id));
                    }
                }
            }
        }
        self.allow(made.into_keys())
    }
}
