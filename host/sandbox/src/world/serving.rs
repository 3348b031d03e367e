//! One kind in one version, with all that a request for it needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{World, custom};
use crate::fields::{self, BuiltIn, FieldManager};
use crate::kcp::definitions;
use crate::kinds::{Served, Support};
use crate::lifecycle::{self, Facts};
use crate::schema::{CustomKind, Version};
use crate::selectors::field::SelectableFields;
use crate::store::ResourceId;

/// What objects of a kind may contain.
#[derive(Debug, Clone)]
pub enum Content {
    /// What Kubernetes says.
    BuiltIn,
    /// What its definition says, by the index of the version.
    Custom(Arc<CustomKind>, usize),
    /// Anything: kinds of kcp that are not defined here.
    Free,
}

/// One kind in one version.
#[derive(Debug)]
pub struct Serving {
    /// What discovery says.
    pub served: Arc<Served>,
    /// Where its objects are kept.
    pub resource: ResourceId,
    /// How its metadata is taken care of.
    pub facts: Facts,
    /// What its objects may contain.
    pub content: Content,
    /// Its objects are kept in this version.
    pub is_stored: bool,
    /// In kcp, the identity of the APIExport that it is from; empty for all others.
    pub identity: Box<str>,
    /// Whose fields of the object, and of its `status`.
    pub(crate) managers: Managers,
    /// What it can be selected by.
    pub(crate) selectable: SelectableFields,
}

/// Field managers of a kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Managers {
    pub(crate) object: Option<Arc<FieldManager>>,
    pub(crate) status: Option<Arc<FieldManager>>,
}

impl Serving {
    /// For [`lifecycle`].
    pub fn kind(&self) -> lifecycle::Kind<'_> {
        lifecycle::Kind {
            group: &self.served.group,
            kind: &self.served.kind,
            plural: &self.served.plural,
            namespaced: self.served.namespaced,
            facts: self.facts,
        }
    }

    /// The version of its definition, if it has one.
    pub fn version(&self) -> Option<&Version> {
        match &self.content {
            Content::Custom(kind, at) => kind.versions.get(*at),
            Content::BuiltIn | Content::Free => None,
        }
    }
}

/// Kinds by group, plural and version.
#[derive(Debug, Default)]
pub struct Servings(BTreeMap<Name, Vec<Arc<Serving>>>);

/// Group and plural.
type Name = (Box<str>, Box<str>);

impl Servings {
    /// Adds one.
    pub fn insert(&mut self, serving: Arc<Serving>) {
        let of = (&*serving.served.group, &*serving.served.plural);
        let versions = self.0.entry((of.0.into(), of.1.into())).or_default();
        versions.retain(|other| other.served.version != serving.served.version);
        versions.push(serving);
    }

    /// Takes a kind away, in all of its versions.
    pub fn remove(&mut self, group: &str, plural: &str) {
        self.0.remove(&(group.into(), plural.into()));
    }

    /// A kind in one version.
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Serving>> {
        self.versions(group, plural)?.iter().find(|serving| serving.served.version == version)
    }

    /// A kind in the version that is stored.
    pub fn stored(&self, group: &str, plural: &str) -> Option<&Arc<Serving>> {
        self.versions(group, plural)?.iter().find(|serving| serving.is_stored)
    }

    /// All kinds that are stored, each in that version.
    pub fn all_stored(&self) -> impl Iterator<Item = &Arc<Serving>> {
        self.0.values().flatten().filter(|serving| serving.is_stored)
    }

    fn versions(&self, group: &str, plural: &str) -> Option<&Vec<Arc<Serving>>> {
        self.0.get(&(group.into(), plural.into()))
    }
}

/// The built-in kinds of a server that are done here.
pub(super) fn built_in(world: &mut World, shapes: &BuiltIn) -> Servings {
    let mut servings = Servings::default();
    let all: Vec<Arc<Served>> = world.built_in.iter().filter(|one| one.support == Support::Full).cloned().collect();
    for served in all {
        if let Some(serving) = one(world, shapes, served) {
            servings.insert(Arc::new(serving));
        }
    }
    servings
}

/// Nothing where nothing is stored, or where another version is: the sandbox converts nothing.
fn one(world: &mut World, shapes: &BuiltIn, served: Arc<Served>) -> Option<Serving> {
    let is_conversion = matches!(
        (&*served.group, &*served.version, &*served.plural),
        ("events.k8s.io", _, _) | ("apis.kcp.io", "v1alpha1", "apibindings" | "apiexports")
    );
    if served.storage_version_hash.is_empty() || is_conversion {
        return None;
    }
    let status = served.subresource("status").is_some();
    let facts = match lifecycle::builtin(&served.group, &served.plural) {
        Some(facts) => facts,
        None if served.custom => Facts::custom(status),
        None => return None,
    };
    let api_version = served.api_version();
    let manager = |subresource: &str| FieldManager::built_in(shapes, &api_version, &served.kind, subresource);
    let (content, managers) = if served.custom {
        own(&served).unwrap_or((Content::Free, Managers::default()))
    } else {
        let managers = Managers { object: manager("").map(Arc::new), status: manager("status").map(Arc::new) };
        (Content::BuiltIn, managers)
    };
    Some(Serving {
        resource: world.resource(&served.group, &served.plural, ""),
        facts,
        content,
        is_stored: true,
        identity: "".into(),
        managers,
        selectable: served.selectable_fields(&[]).ok()?,
        served,
    })
}

/// A kind of kcp's own, compiled.
fn own(served: &Served) -> Option<(Content, Managers)> {
    let definition = definitions::find(&served.group, &served.plural).filter(|one| one.version == served.version)?;
    let definition = definition.definition();
    let kind = CustomKind::read(&definition).ok()?;
    let status = kind.storage().is_some_and(|version| version.status);
    let schema = custom::schemas(&definition).first().copied().flatten();
    let managers = custom::managers(&fields::CustomKind {
        api_version: &served.api_version(),
        kind: &served.kind,
        schema,
        status,
        other_versions: Vec::new(),
    });
    Some((Content::Custom(Arc::new(kind), 0), managers.ok()?))
}
