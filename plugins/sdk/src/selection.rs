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
    /// What their labels have to be, all of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Requirement>,
    /// JSON Pointers to the fields that are wanted; empty means whole objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// What a label has to be, as in a LabelSelector of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// For `In` and `NotIn`.
    pub values: Vec<String>,
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
            labels: Vec::new(),
            fields: Vec::new(),
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

    /// Only objects with one of these values of the label.
    #[must_use]
    pub fn labelled(self, key: &str, values: &[&str]) -> Self {
        self.required(key, "In", values)
    }

    /// Only objects with the label, whatever its value.
    #[must_use]
    pub fn having(self, key: &str) -> Self {
        self.required(key, "Exists", &[])
    }

    /// Only objects without the label, or with none of these values of it.
    #[must_use]
    pub fn not_labelled(self, key: &str, values: &[&str]) -> Self {
        self.required(key, "NotIn", values)
    }

    /// Only objects without the label.
    #[must_use]
    pub fn lacking(self, key: &str) -> Self {
        self.required(key, "DoesNotExist", &[])
    }

    fn required(mut self, key: &str, operator: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.labels.push(Requirement { key: key.to_owned(), operator: operator.to_owned(), values });
        self
    }

    /// Only this field of the objects, by its JSON Pointer such as `/spec/values`, besides who they are; may be called again
    /// for more. A change of anything else then calls nobody.
    #[must_use]
    pub fn field(mut self, pointer: &str) -> Self {
        self.fields.push(pointer.to_owned());
        self
    }
}
