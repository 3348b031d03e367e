//! Objects from files, held to what the hub would accept: a typing mistake must not come out as a default.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use kube::CustomResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Problems named in one message.
const NAMED: usize = 5;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is neither YAML nor JSON.
    #[error("{} is not YAML: {problem}", path.display())]
    NotYaml {
        /// Which.
        path: PathBuf,
        /// What the parser says, with its place.
        problem: String,
    },
    /// What is looked for is not there.
    #[error("{} holds no {kind} ({api_version}); it holds {found}", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
        /// What is looked for.
        kind: String,
        /// In which API.
        api_version: String,
        /// What is there.
        found: String,
    },
    /// More than one of what is looked for.
    #[error("{} holds more than one {kind}; put each into a file of its own", path.display())]
    Several {
        /// Which.
        path: PathBuf,
        /// What is looked for.
        kind: String,
    },
    /// The hub would refuse it.
    #[error("{}: document {document}, {kind}: {problems}", path.display())]
    Unfit {
        /// Which.
        path: PathBuf,
        /// From 1.
        document: usize,
        /// What it is.
        kind: String,
        /// What is wrong, each with its field.
        problems: String,
    },
}

/// The documents of a file.
#[derive(Debug)]
pub struct Documents {
    path: PathBuf,
    all: Vec<Value>,
}

impl Documents {
    /// Reads a file, or standard input where it is `-`.
    pub fn read(path: &Path) -> Result<Self, ObjectsError> {
        let unreadable = |source| ObjectsError::Unreadable { path: path.to_owned(), source };
        let text = if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).map_err(unreadable)?;
            text
        } else {
            std::fs::read_to_string(path).map_err(unreadable)?
        };
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ObjectsError> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| ObjectsError::NotYaml { path: path.to_owned(), problem: error.to_string() })?;
        Ok(Self { path: path.to_owned(), all: documents.into_iter().flat_map(items).collect() })
    }

    /// All of them, whatever they are.
    pub fn all(&self) -> &[Value] {
        &self.all
    }

    /// The one object of a kind.
    pub fn one<T: CustomResourceExt + DeserializeOwned>(&self) -> Result<T, ObjectsError> {
        let resource = T::api_resource();
        self.find()?.ok_or_else(|| ObjectsError::Missing {
            path: self.path.clone(),
            kind: resource.kind,
            api_version: resource.api_version,
            found: self.found(),
        })
    }

    /// The one object of a kind, if there is one.
    pub fn find<T: CustomResourceExt + DeserializeOwned>(&self) -> Result<Option<T>, ObjectsError> {
        let resource = T::api_resource();
        let is_one = |value: &Value| {
            value.get("kind").and_then(Value::as_str) == Some(&*resource.kind)
                && value.get("apiVersion").and_then(Value::as_str) == Some(&*resource.api_version)
        };
        let mut found = self.all.iter().enumerate().filter(|(_, value)| is_one(value));
        let Some((index, value)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(ObjectsError::Several { path: self.path.clone(), kind: resource.kind });
        }
        let unfit = |problems: String| ObjectsError::Unfit {
            path: self.path.clone(),
            document: index + 1,
            kind: resource.kind.clone(),
            problems,
        };
        let mut problems = Vec::new();
        named(value, &mut problems);
        if let Some(schema) = spec_schema::<T>() {
            let spec = value.get("spec").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            unknown(&schema, &spec, "spec", &mut problems);
            invalid(&schema, &spec, &mut problems);
        }
        if !problems.is_empty() {
            problems.truncate(NAMED);
            return Err(unfit(problems.join("; ")));
        }
        serde_json::from_value(value.clone()).map(Some).map_err(|error| unfit(error.to_string()))
    }

    fn found(&self) -> String {
        let named = self.all.iter().map(|value| {
            let text = |name: &str| value.get(name).and_then(Value::as_str);
            match (text("kind"), text("apiVersion")) {
                (Some(kind), Some(api_version)) => format!("{kind} ({api_version})"),
                _ => "something without apiVersion and kind".to_owned(),
            }
        });
        let named: Vec<String> = named.take(NAMED).collect();
        if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
    }
}

/// The items of a `List`, as `kubectl get -o yaml` writes one; any other document stands for itself.
fn items(document: Value) -> Vec<Value> {
    match document {
        Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        other => vec![other],
    }
}

/// Whether it is a DNS subdomain (RFC 1123) but for its length, as the API server wants names of such objects.
pub(super) fn is_subdomain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.split('.').all(|label| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.into_iter().all(|end| end.copied().is_some_and(plain))
            && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
    })
}

fn named(value: &Value, problems: &mut Vec<String>) {
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        problems.push("metadata.name: an object needs a name".to_owned());
    } else if name.len() > 253 || !is_subdomain(name) {
        problems.push("metadata.name: lower-case letters, digits, '-' and '.', at most 253 of them".to_owned());
    }
}

fn spec_schema<T: CustomResourceExt>() -> Option<Value> {
    let schema = T::crd().spec.versions.into_iter().next()?.schema?.open_api_v3_schema?;
    serde_json::to_value(schema).ok()?.pointer("/properties/spec").cloned()
}

/// Fields that the schema does not have: kubectl refuses them, an API server drops them.
fn unknown(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or_default();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match (
                    schema.pointer("/properties").and_then(|known| known.get(name)),
                    schema.get("additionalProperties"),
                ) {
                    (Some(schema), _) => unknown(schema, value, &path, problems),
                    (None, Some(schema)) if schema.is_object() => unknown(schema, value, &path, problems),
                    (None, _) if flag("x-kubernetes-preserve-unknown-fields") => {}
                    (None, _) => problems.push(format!("{path}: there is no such field")),
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            for (index, item) in items.iter().enumerate() {
                unknown(schema, item, &format!("{path}[{index}]"), problems);
            }
        }
        _ => {}
    }
}

/// What the schema says of types, bounds and patterns. Rules in CEL are the hub's alone.
fn invalid(schema: &Value, value: &Value, problems: &mut Vec<String>) {
    // The schema is ours, and its own test compiles it.
    let Ok(validator) = jsonschema::options().build(schema) else { return };
    for error in validator.iter_errors(value).take(NAMED) {
        let path = error.instance_path().to_string().replace('/', ".");
        problems.push(format!("spec{path}: {}", error.masked_with("the value")));
    }
}

#[cfg(test)]
mod tests {
    use berthage_core::api::{ClusterRegistration, SyncTarget};

    use super::*;

    fn documents(text: &str) -> Documents {
        Documents::parse(Path::new("f.yaml"), text).unwrap()
    }

    fn target(text: &str) -> Result<SyncTarget, String> {
        documents(text).one().map_err(|error| error.to_string())
    }

    const GOOD: &str = "apiVersion: workload.kcp.io/v1alpha1\nkind: SyncTarget\nmetadata: {name: edge}\nspec:\n  \
                        clusterRef: {name: east}\n  values: {any: [thing]}\n";
    const OTHER: &str = "apiVersion: tmc.kcp.io/v1alpha1\nkind: ClusterRegistration\nmetadata: {name: east}\nspec:\n  \
                         kubeConfigSecretRef: {namespace: default, name: east}\n";

    #[test]
    fn the_object_is_found_among_others() {
        let both = documents(&format!("{OTHER}---\n{GOOD}"));
        assert_eq!(both.one::<SyncTarget>().unwrap().spec.cluster_ref.name, "east");
        assert_eq!(both.find::<ClusterRegistration>().unwrap().unwrap().metadata.name.as_deref(), Some("east"));
        let missing = target(OTHER).unwrap_err();
        assert!(
            missing.contains("holds no SyncTarget") && missing.contains("ClusterRegistration (tmc.kcp.io"),
            "{missing}"
        );
        assert!(target("{}").unwrap_err().contains("without apiVersion and kind"));
        assert!(target(&format!("{GOOD}---\n{GOOD}")).unwrap_err().contains("more than one SyncTarget"));
    }

    #[test]
    fn what_the_hub_would_refuse_is_refused_with_its_field() {
        for (from, to, says) in [
            (
                "  values:",
                "  supportedApiResources: []\n  values:",
                "spec.supportedApiResources: there is no such field",
            ),
            ("name: east", "nam: east", "spec.clusterRef.nam: there is no such field"),
            ("name: edge", "name: Edge_1", "metadata.name: lower-case"),
            ("metadata: {name: edge}", "metadata: {}", "metadata.name: an object needs a name"),
            ("  values:", "  syncerConfig: {replicas: 6}\n  values:", "spec.syncerConfig.replicas: "),
            ("  values:", "  paused: 1\n  values:", "spec.paused: "),
            ("  clusterRef: {name: east}\n", "", "\"clusterRef\" is a required property"),
        ] {
            let error = target(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.contains(says) && error.starts_with("f.yaml: document 1, SyncTarget: "), "{to}: {error}");
        }
    }

    #[test]
    fn the_schemas_can_be_checked_with() {
        for schema in [spec_schema::<SyncTarget>(), spec_schema::<ClusterRegistration>()] {
            jsonschema::options().build(&schema.unwrap()).unwrap();
        }
    }
}
