//! What a plugin wants to read.

use serde::Serialize;

/// An object by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectRef {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// One wish to read. The host refuses what the grant does not cover; Secrets are never covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// The plugin's own name for it: [`crate::Reads`] answers by this id.
    pub id: String,
    /// Where: `hub`, the subject's workspace.
    pub site: String,
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Names; empty means all of the kind.
    pub names: Vec<String>,
    /// As in `kubectl get -l`; empty means all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label_selector: String,
    /// JSON Pointers to the fields that are wanted; empty means whole objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

impl Selection {
    /// All cluster-scoped objects of a kind in the subject's workspace.
    pub fn on_hub(id: &str, group: &str, version: &str, kind: &str) -> Self {
        Self {
            id: id.to_owned(),
            site: "hub".to_owned(),
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: String::new(),
            names: Vec::new(),
            label_selector: String::new(),
            fields: Vec::new(),
        }
    }

    /// Only the objects in this namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Only objects with such labels: `tier=gold,region in (east,west),!legacy`.
    #[must_use]
    pub fn labelled(mut self, selector: &str) -> Self {
        selector.clone_into(&mut self.label_selector);
        self
    }

    /// Only this field, a JSON Pointer such as `/spec/location`; may be called again for more fields. A change of what is
    /// not asked for calls nobody.
    #[must_use]
    pub fn field(mut self, pointer: &str) -> Self {
        self.fields.push(pointer.to_owned());
        self
    }

    /// Only the object of this name; may be called again for more names.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }
}
