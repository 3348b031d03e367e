//! Manifests for clusters: read from YAML or JSON, applied as the administrator.

use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use kube::runtime::conditions::is_crd_established;
use kube::{Api, Client};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::wait;

/// The field manager of everything the harness applies.
const MANAGER: &str = "berthage-e2e";

/// Reads one manifest or several from YAML (or JSON, which YAML includes); the items of a `List` count one by one.
pub fn parse(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| Error::Manifests { problem: error.to_string() })?;
    Ok(documents.into_iter().flat_map(items).collect())
}

fn items(document: Value) -> Vec<Value> {
    match document {
        Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        Value::Array(items) => items,
        other => vec![other],
    }
}

/// Applies manifests in their order by server-side apply, and waits for each CustomResourceDefinition to be served.
pub async fn apply(client: &Client, manifests: &[Value]) -> Result<()> {
    for manifest in manifests {
        apply_one(client, manifest).await?;
    }
    Ok(())
}

async fn apply_one(client: &Client, manifest: &Value) -> Result<()> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    if kind.is_empty() || name.is_empty() {
        return Err(Error::Manifests { problem: format!("a manifest without kind or metadata.name: {manifest}") });
    }
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let action = format!("apply {kind} {name}");
    let (resource, capabilities) = pinned_kind(client, &GroupVersionKind::gvk(group, version, kind))
        .await
        .map_err(Error::request(action.clone()))?;
    let api: Api<DynamicObject> = match (capabilities.scope, text("/metadata/namespace")) {
        (Scope::Cluster, _) => Api::all_with(client.clone(), &resource),
        (Scope::Namespaced, "") => Api::default_namespaced_with(client.clone(), &resource),
        (Scope::Namespaced, namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(manifest))
        .await
        .map_err(Error::request(action))?;
    if kind == "CustomResourceDefinition" {
        use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
        use kube::runtime::wait::Condition as _;
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        let established = |definition: &CustomResourceDefinition| is_crd_established().matches_object(Some(definition));
        wait::until(&definitions, name, &format!("{name} being served"), wait::PATIENCE, established).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_are_read_in_order() {
        let text = "kind: A\n---\n# nothing\n---\nkind: List\nitems: [{kind: B}, {kind: C}]\n";
        let kinds: Vec<_> = parse(text).unwrap().iter().map(|manifest| manifest["kind"].clone()).collect();
        assert_eq!(kinds, ["A", "B", "C"]);
    }

    #[test]
    fn text_that_is_no_yaml_is_an_error() {
        assert!(matches!(parse("a: [").unwrap_err(), Error::Manifests { .. }));
    }
}
