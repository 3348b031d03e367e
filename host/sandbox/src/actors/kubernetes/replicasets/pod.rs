//! A pod from a template (`GetPodFromTemplate` of `controller_utils.go`).

use serde_json::{Value, json};

use super::MANAGER;
use crate::actors::kubernetes::admission;
use crate::actors::kubernetes::claim::{Claimant, reference};
use crate::actors::reading::{Object, at, part, text};
use crate::status::Failure;
use crate::world::World;

/// Makes one.
pub(super) fn make(world: &mut World, cluster: &str, set: &Object) -> Result<(), Failure> {
    let namespace = text(set, &["metadata", "namespace"]);
    let mut metadata = Object::new();
    for copied in ["labels", "annotations", "finalizers"] {
        if let Some(value) = at(set, &["spec", "template", "metadata", copied]) {
            metadata.insert(copied.to_owned(), value.clone());
        }
    }
    metadata.insert("generateName".to_owned(), json!(format!("{}-", text(set, &["metadata", "name"]))));
    metadata.insert("namespace".to_owned(), json!(namespace));
    let owner = reference(&Claimant { kind: "ReplicaSet", object: set });
    metadata.insert("ownerReferences".to_owned(), json!([owner]));
    let mut pod = Object::new();
    pod.insert("apiVersion".to_owned(), json!("v1"));
    pod.insert("kind".to_owned(), json!("Pod"));
    pod.insert("metadata".to_owned(), Value::Object(metadata));
    let spec = at(set, &["spec", "template", "spec"]).cloned().unwrap_or_else(|| json!({}));
    pod.insert("spec".to_owned(), spec);
    // The one default that a pod has and a template has not.
    if let Some(spec) = part(&mut pod, "spec") {
        spec.entry("enableServiceLinks").or_insert(json!(true));
    }
    admission::admit(world, cluster, namespace, &mut pod)?;
    world.make(cluster, "", "pods", Value::Object(pod), MANAGER).map(drop)
}
