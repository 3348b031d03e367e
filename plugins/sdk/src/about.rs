//! What a plugin says about itself.

use serde::Serialize;
use serde_json::Value;

/// What `describe` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// A DNS label. The host puts it and a slash before the plugin's conditions.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// One sentence for people.
    pub description: String,
    /// The kind of object that the plugin is about.
    pub subject: SubjectKind,
    /// JSON Schema of the configuration, without references. The host checks configurations by it, before the plugin does.
    #[serde(rename = "configSchema", skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
}

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectKind {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
}

impl About {
    /// A plugin about SyncTargets, the kind that is served.
    pub fn new(name: &str, version: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            description: description.to_owned(),
            subject: SubjectKind {
                group: "workload.kcp.io".to_owned(),
                version: "v1alpha1".to_owned(),
                kind: "SyncTarget".to_owned(),
            },
            config_schema: None,
        }
    }

    /// With a JSON Schema for the configuration.
    #[must_use]
    pub fn config_schema(self, schema: Value) -> Self {
        Self { config_schema: Some(schema), ..self }
    }
}
