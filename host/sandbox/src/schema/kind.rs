//! A kind of custom resources: its names, and its versions compiled.

use serde_json::{Map, Value};

use super::parse::text;
use super::version::Version;
use crate::lifecycle;
use crate::status::Failure;

/// What a definition defines.
#[derive(Debug, Clone)]
pub struct CustomKind {
    /// API group.
    pub group: String,
    /// Its names.
    pub names: Names,
    /// Its objects are in namespaces.
    pub namespaced: bool,
    /// In the order of the definition.
    pub versions: Vec<Version>,
}

/// What a kind is called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Such as `workspaces`.
    pub plural: String,
    /// Such as `workspace`.
    pub singular: String,
    /// Such as `Workspace`.
    pub kind: String,
    /// Such as `WorkspaceList`.
    pub list_kind: String,
    /// Such as `ws`.
    pub short: Vec<String>,
    /// Such as `all`.
    pub categories: Vec<String>,
}

impl Names {
    /// `spec.names`, or `status.acceptedNames`.
    pub fn read(names: &Map<String, Value>) -> Self {
        let list = |name: &str| {
            let items = names.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let own = |name: &str| text(names, name).to_owned();
        Self {
            plural: own("plural"),
            singular: own("singular"),
            kind: own("kind"),
            list_kind: own("listKind"),
            short: list("shortNames"),
            categories: list("categories"),
        }
    }
}

impl CustomKind {
    /// Compiles a `CustomResourceDefinition` that is valid and defaulted. The failure is a 501: what of it is not in the sandbox.
    pub fn read(definition: &Map<String, Value>) -> Result<Self, Failure> {
        let empty = Map::new();
        let spec = definition.get("spec").and_then(Value::as_object).unwrap_or(&empty);
        if spec
            .get("conversion")
            .and_then(|conversion| conversion.get("strategy"))
            .is_some_and(|strategy| strategy == "Webhook")
        {
            return Err(Failure::not_in_sandbox("custom resources that a webhook converts"));
        }
        Self::of(spec)
    }

    /// What a spec with group, names, scope and versions defines.
    pub(super) fn of(spec: &Map<String, Value>) -> Result<Self, Failure> {
        let group = text(spec, "group").to_owned();
        let names = spec.get("names").and_then(Value::as_object).map(Names::read).unwrap_or_default();
        let namespaced = text(spec, "scope") == "Namespaced";
        let versions =
            spec.get("versions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        let versions = versions.map(|version| Version::read(version, &group, &names.kind, namespaced));
        let versions = versions.collect::<Result<_, Failure>>()?;
        Ok(Self { group, names, namespaced, versions })
    }

    /// A version that is served.
    pub fn served(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.served && version.name == name)
    }

    /// The version that objects are stored in.
    pub fn storage(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.storage)
    }

    /// The kind of a version, for [`lifecycle`].
    pub fn kind(&self, version: &Version) -> lifecycle::Kind<'_> {
        lifecycle::Kind {
            group: &self.group,
            kind: &self.names.kind,
            plural: &self.names.plural,
            namespaced: self.namespaced,
            facts: lifecycle::Facts::custom(version.status),
        }
    }
}
