//! The field manager of a kind: who owns which fields after a create, an update, a patch or an application
//! (`apimachinery/pkg/util/managedfields/internal`).
//!
//! One is made for each kind, and for each of its subresources that can be written. Objects come and go in the version of
//! the kind, as the server would print them: those of built-in kinds with their defaults and with what Go prints of empty
//! fields (`status: {}`), for a real server works on its own types there. What comes of an application is to be read as a
//! body of a request is: with defaults, without nulls, quantities as they are printed. Managed fields that a client sends
//! are left in what is given to [`FieldManager::update`], an empty list of them too: that asks to forget them.
//!
//! The order of a write is: the patch or application, `update` for all but applications, defaults, admission and what the
//! server does to metadata, then [`keep_timestamps`].

mod apply;
mod cap;
mod conflict;
mod entry;
mod last_applied;
mod prune;
mod timestamps;
mod update;

use std::borrow::Cow;

use serde_json::{Value, json};

pub use apply::Applied;
pub use timestamps::keep_timestamps;

use self::entry::{Entry, Header};
use super::builtin::BuiltIn;
use super::element::Element;
use super::reconcile::{must_reconcile, reconcile};
use super::set::{FieldSet, Node};
use super::shape::Shape;
use super::validate::{Duplicates, Invalid, validate};
use crate::status::Failure;

/// The field manager of a kind, or of a subresource of it.
#[derive(Debug)]
pub struct FieldManager {
    shape: Shape,
    api_version: String,
    kind: String,
    subresource: String,
    /// What the strategy of the resource resets: nobody can own it here.
    reset: FieldSet<'static>,
    /// What an object of the kind is before anything is in it.
    empty: Value,
    /// `None` for a built-in kind; else the other versions of the definition.
    other_versions: Option<Vec<String>>,
}

/// A custom kind, in one of its versions.
#[derive(Debug, Clone)]
pub struct CustomKind<'a> {
    /// Such as `acme.io/v1`.
    pub api_version: &'a str,
    /// Such as `Widget`.
    pub kind: &'a str,
    /// The `openAPIV3Schema` of the version.
    pub schema: Option<&'a Value>,
    /// Whether it has the subresource `status`.
    pub status: bool,
    /// The other versions of the definition, as `group/version`.
    pub other_versions: Vec<String>,
}

/// What goes wrong while fields are looked at.
#[derive(Debug)]
enum Wrong {
    /// Not done here, or told to the client as it is.
    Failure(Failure),
    /// An error of Go without a status: to whoever applies it is a 500, after an update managed fields are forgotten.
    Plain(String),
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Failure(failure) => failure,
            Wrong::Plain(message) => Failure::new(500, "", message),
        }
    }
}

impl FieldManager {
    /// That of a built-in kind; `None` if the table does not have it, or not the subresource: those of `scale`, `resize` and
    /// `ephemeralcontainers` are not done here. `subresource` is empty for the resource itself.
    pub fn built_in(kinds: &BuiltIn, api_version: &str, kind: &str, subresource: &str) -> Option<Self> {
        let known = kinds.known(api_version, kind, subresource)?;
        Some(Self {
            shape: known.shape,
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            subresource: subresource.to_owned(),
            reset: known.reset.cloned().unwrap_or_default(),
            empty: known.empty.clone(),
            other_versions: None,
        })
    }

    /// That of a custom kind, for the resource itself or (`subresource`) for `status`.
    pub fn custom(kind: &CustomKind<'_>, subresource: &str) -> Result<Self, Failure> {
        let shape = Shape::of_custom_resource(kind.schema)?;
        let paths: &[&'static str] = match subresource {
            "" if kind.status => &["status"],
            "" => &[],
            "status" => &["metadata", "spec"],
            _ => return Err(Failure::not_in_sandbox("managed fields of this subresource of a custom resource")),
        };
        let mut reset = FieldSet::new();
        for &path in paths {
            reset.insert(&[Element::Field(Cow::Borrowed(path))]);
        }
        Ok(Self {
            shape,
            api_version: kind.api_version.to_owned(),
            kind: kind.kind.to_owned(),
            subresource: subresource.to_owned(),
            reset,
            empty: json!({"apiVersion": kind.api_version, "kind": kind.kind}),
            other_versions: Some(kind.other_versions.clone()),
        })
    }

    /// The same for another subresource of a custom kind, sharing the shape.
    pub fn with_subresource(&self, kind: &CustomKind<'_>, subresource: &str) -> Result<Self, Failure> {
        let other = Self::custom(&CustomKind { schema: None, ..kind.clone() }, subresource)?;
        Ok(Self { shape: self.shape.clone(), ..other })
    }

    /// The shape of its objects.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether objects of the kind have been types of the server, which are always of their shape.
    fn is_built_in(&self) -> bool {
        self.other_versions.is_none()
    }

    /// Checks an object that is stored, or about to be.
    fn check(&self, object: &Value) -> Result<(), Invalid> {
        validate(&self.shape, object, Duplicates::Allowed)
    }

    /// What everybody owned, after changes of the shape. Entries of versions that are gone are dropped.
    fn reconciled<'a>(&self, entries: Vec<Entry<'a>>) -> Result<Vec<Entry<'a>>, Wrong> {
        let mut kept = Vec::with_capacity(entries.len() + 1);
        for mut entry in entries {
            if entry.api_version != self.api_version && self.is_gone(&entry.api_version)? {
                continue;
            }
            if let Some(set) = reconcile(&self.shape, &entry.set) {
                entry.set = set;
                entry.stored = None;
            }
            kept.push(entry);
        }
        Ok(kept)
    }

    /// Whether a version that is not the kind's own can be forgotten. A real server would convert one that it still has.
    fn is_gone(&self, version: &str) -> Result<bool, Wrong> {
        if version.matches('/').count() > 1 {
            return Err(Wrong::Plain(format!("unexpected GroupVersion string: {version}")));
        }
        let of = |version: &str| version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
        let (group, own) = (of(version), of(&self.api_version));
        let refused = || Wrong::Failure(Failure::not_in_sandbox("managed fields of another version of the kind"));
        match &self.other_versions {
            None => {
                // Where kinds have moved to another group, both have it.
                let moved = ["extensions", "events.k8s.io"].contains(&group.as_str()) || self.kind == "Event";
                if group == own || moved { Err(refused()) } else { Ok(true) }
            }
            Some(others) if others.iter().any(|other| other == version) => Err(refused()),
            Some(_) if group == own => {
                Err(Wrong::Plain(format!("request to convert CR to an invalid group/version: {version}")))
            }
            Some(_) => Err(Wrong::Plain(format!(
                "{}, Kind={} is unstructured and is not suitable for converting to {}",
                slashed(&self.api_version),
                self.kind,
                crate::quote::quote(version)
            ))),
        }
    }

    /// Whether what is stored can stay as it is if no field changes. The shape of a built-in kind is always the one that it
    /// was stored with.
    fn is_settled(&self, headers: &[Header<'_>]) -> bool {
        headers.iter().all(|header| {
            let owns = |fields: &Value| fields.as_object().is_some_and(|fields| !fields.is_empty());
            header.api_version == self.api_version
                && header
                    .fields
                    .is_some_and(|fields| owns(fields) && (self.is_built_in() || !must_reconcile(&self.shape, fields)))
        })
    }
}

/// Fields that nobody owns: what tells an object apart, and what only the server sets (`stripmeta.go`).
fn strip(mut set: FieldSet<'_>) -> FieldSet<'_> {
    let name =
        |node: &Node<'_>, names: &[&str]| matches!(&node.element, Element::Field(name) if names.contains(&&**name));
    set.retain(|node| {
        if name(node, &["metadata"]) {
            node.children.retain(|node| node.member &= !name(node, &META));
        }
        node.member &= !name(node, &["apiVersion", "kind", "metadata"]);
    });
    set
}

/// Fields of metadata that nobody owns.
const META: [&str; 9] = [
    "clusterName",
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// A message's name for an object: `namespace/name; group/version, Kind=Kind`.
fn shown(object: &Value) -> String {
    let meta = |name: &str| {
        let metadata = object.get("metadata").and_then(|metadata| metadata.get(name));
        metadata.and_then(Value::as_str).unwrap_or_default()
    };
    format!("{}/{}; {}", meta("namespace"), meta("name"), group_version_kind(object))
}

/// `group/version, Kind=Kind` of an object, as Go shows it.
fn group_version_kind(object: &Value) -> String {
    let (version, kind) = (text(object, "apiVersion"), text(object, "kind"));
    // What is no group and version makes the whole of it empty.
    if version.matches('/').count() > 1 {
        return "/, Kind=".to_owned();
    }
    format!("{}, Kind={kind}", slashed(version))
}

/// A field at the top of an object that is a text.
fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A group and version with the slash that the core group has none of.
fn slashed(api_version: &str) -> String {
    if api_version.contains('/') { api_version.to_owned() } else { format!("/{api_version}") }
}

/// Puts managed fields into an object, or takes them away.
fn set_managed_fields(object: &mut Value, entries: Option<Value>) {
    let Some(object) = object.as_object_mut() else { return };
    match entries {
        Some(entries) => {
            let metadata = object.entry("metadata").or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("managedFields".to_owned(), entries);
            }
        }
        None => {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
        }
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
