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
        }
    }

    /// Only the objects in this namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Only the object of this name; may be called again for more names.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }
}
