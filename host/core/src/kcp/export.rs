//! What the platform installs in its provider workspace, and what a tenant applies to bind to it.

use serde_json::{Value, json};

use super::APIS_GROUP;
use super::claims::{CLAIMS, Tier};
use crate::canonical;
use crate::names::{BERTHAGE_GROUP, HUB_NAMESPACE, LEADER_LEASE, TMC_GROUP, WORKLOAD_GROUP};

/// Name of the controller's ServiceAccount, and of what is granted to it.
const CONTROLLER: &str = "berthage-controller";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Why a CustomResourceDefinition cannot be made an APIResourceSchema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the CustomResourceDefinition has no {0}")]
pub struct NotADefinition(&'static str);

/// A CustomResourceDefinition (`apiextensions.k8s.io/v1`) as an APIResourceSchema.
///
/// It is named by its content: a schema is immutable, so a changed one is another object, and the same one is applied again
/// without effect.
pub fn schema(definition: &Value) -> Result<Value, NotADefinition> {
    let part = |name: &'static str| definition.pointer(name).cloned().ok_or(NotADefinition(name));
    let (group, mut names, scope) = (part("/spec/group")?, part("/spec/names")?, part("/spec/scope")?);
    let plural = names.get("plural").and_then(Value::as_str).ok_or(NotADefinition("/spec/names/plural"))?.to_owned();
    // kcp wants both, and fills in neither.
    let kind = names.get("kind").and_then(Value::as_str).ok_or(NotADefinition("/spec/names/kind"))?.to_owned();
    if let Some(names) = names.as_object_mut() {
        names.entry("listKind").or_insert_with(|| Value::from(format!("{kind}List")));
        names.entry("singular").or_insert_with(|| Value::from(kind.to_lowercase()));
    }
    let Value::Array(versions) = part("/spec/versions")? else { return Err(NotADefinition("/spec/versions")) };
    let versions: Vec<Value> = versions
        .into_iter()
        .map(|mut version| {
            let schema = version.pointer_mut("/schema/openAPIV3Schema").map(Value::take);
            version["schema"] = schema.ok_or(NotADefinition("/spec/versions/*/schema/openAPIV3Schema"))?;
            Ok(version)
        })
        .collect::<Result<_, _>>()?;
    let group_name = group.as_str().ok_or(NotADefinition("/spec/group"))?.to_owned();
    let spec = json!({ "group": group, "names": names, "scope": scope, "versions": versions });
    let digest = canonical::hash(&spec);
    let digest = digest.get(..8).unwrap_or(&digest);
    Ok(json!({
        "apiVersion": format!("{APIS_GROUP}/v1alpha1"),
        "kind": "APIResourceSchema",
        // A prefix must begin with a letter.
        "metadata": { "name": format!("v{digest}.{plural}.{group_name}") },
        "spec": spec,
    }))
}

/// Everything that the provider workspace needs, in the order of application.
pub fn provider(export: &str, definitions: &[Value]) -> Result<Vec<Value>, NotADefinition> {
    let schemas: Vec<Value> = definitions.iter().map(schema).collect::<Result<_, _>>()?;
    let resources: Vec<Value> = schemas
        .iter()
        .map(|schema| {
            json!({
                "name": schema["spec"]["names"]["plural"],
                "group": schema["spec"]["group"],
                "schema": schema["metadata"]["name"],
                "storage": { "crd": {} },
            })
        })
        .collect();
    let mut documents = schemas;
    // The platform's own plugins are declared beside the export. It does not bind it, so that it has the type as its own.
    documents.extend(definitions.iter().filter(|definition| definition["spec"]["group"] == BERTHAGE_GROUP).cloned());
    documents.push(json!({
        "apiVersion": format!("{APIS_GROUP}/v1alpha2"),
        "kind": "APIExport",
        "metadata": { "name": export },
        "spec": {
            "resources": resources,
            "permissionClaims": CLAIMS.iter().map(super::claims::Claim::exported).collect::<Vec<_>>(),
            "maximalPermissionPolicy": { "local": {} },
        },
    }));
    documents.extend(tenants_bounds());
    documents.push(role(
        "berthage-bind",
        &json!([{ "apiGroups": [APIS_GROUP], "resources": ["apiexports"], "resourceNames": [export], "verbs": ["bind"] }]),
    ));
    documents.extend(controller(export));
    Ok(documents)
}

/// What tenants may do at most with our API, whatever rights they give themselves: write specs, and read status.
fn tenants_bounds() -> [Value; 2] {
    let name = "berthage-tenants";
    let groups = [WORKLOAD_GROUP, TMC_GROUP, BERTHAGE_GROUP];
    [
        role(
            name,
            &json!([
                { "apiGroups": groups, "resources": ["synctargets", "clusterregistrations", "reconcileplugins"], "verbs": ["*"] },
                {
                    "apiGroups": groups,
                    "resources": ["synctargets/status", "clusterregistrations/status", "reconcileplugins/status"],
                    "verbs": ["get", "list", "watch"],
                },
            ]),
        ),
        // kcp compares with the user's groups behind this prefix. There is no rule for `system:kcp:admin`: with one, the
        // admins of tenants' workspaces could forge a status.
        binding(
            name,
            &json!([{ "apiGroup": RBAC, "kind": "Group", "name": "apis.kcp.io:binding:system:authenticated" }]),
        ),
    ]
}

fn controller(export: &str) -> Vec<Value> {
    let account = json!({ "kind": "ServiceAccount", "name": CONTROLLER, "namespace": HUB_NAMESPACE });
    let lease = |name: Option<&str>, verbs: &[&str]| {
        let mut rule = json!({ "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs });
        if let Some(name) = name {
            rule["resourceNames"] = json!([name]);
        }
        rule
    };
    let namespaced = json!({ "name": CONTROLLER, "namespace": HUB_NAMESPACE });
    vec![
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": namespaced }),
        role(
            CONTROLLER,
            &json!([
                { "apiGroups": [APIS_GROUP], "resources": ["apiexportendpointslices"], "verbs": ["get", "list", "watch"] },
                {
                    "apiGroups": [APIS_GROUP],
                    "resources": ["apiexports/content"],
                    "resourceNames": [export],
                    // Not `deletecollection`: nothing here deletes more than one object at a time.
                    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
                },
                { "apiGroups": [BERTHAGE_GROUP], "resources": ["reconcileplugins"], "verbs": ["get", "list", "watch"] },
                { "apiGroups": [BERTHAGE_GROUP], "resources": ["reconcileplugins/status"], "verbs": ["patch"] },
                { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"] },
                { "apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"] },
            ]),
        ),
        binding(CONTROLLER, &json!([account])),
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": "Role",
            "metadata": namespaced,
            "rules": [lease(None, &["create"]), lease(Some(LEADER_LEASE), &["get", "watch", "list", "update", "patch"])],
        }),
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": "RoleBinding",
            "metadata": namespaced,
            "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": CONTROLLER },
            "subjects": [account],
        }),
    ]
}

fn role(name: &str, rules: &Value) -> Value {
    json!({ "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": { "name": name }, "rules": rules })
}

fn binding(name: &str, subjects: &Value) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": name },
        "subjects": subjects,
    })
}

/// The APIBinding that a tenant applies. `path` is the provider workspace's. With `rbac` the second tier is accepted too.
pub fn tenant(export: &str, path: &str, rbac: bool) -> Value {
    json!({
        "apiVersion": format!("{APIS_GROUP}/v1alpha2"),
        "kind": "APIBinding",
        "metadata": { "name": export },
        "spec": {
            "reference": { "export": { "path": path, "name": export } },
            "permissionClaims":
                CLAIMS.iter().map(|claim| claim.bound(rbac || claim.tier != Tier::Rbac)).collect::<Vec<_>>(),
        },
    })
}

#[cfg(test)]
mod tests {
    use kube_core::CustomResourceExt as _;

    use super::*;
    use crate::api::{ClusterRegistration, ReconcilePlugin, SyncTarget};

    fn definitions() -> Vec<Value> {
        vec![
            serde_json::to_value(SyncTarget::crd()).unwrap(),
            serde_json::to_value(ClusterRegistration::crd()).unwrap(),
            serde_json::to_value(ReconcilePlugin::crd()).unwrap(),
        ]
    }

    #[test]
    fn a_schema_is_named_by_its_content() {
        let mut definition = definitions().remove(0);
        let first = schema(&definition).unwrap();
        let name = first["metadata"]["name"].as_str().unwrap();
        assert!(name.starts_with('v') && name.ends_with(".synctargets.workload.kcp.io"), "{name}");
        assert_eq!(first["spec"]["versions"][0]["schema"]["type"], "object");
        assert_eq!(first["spec"]["names"]["listKind"], "SyncTargetList");
        assert_eq!(schema(&definition).unwrap(), first);
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = json!("changed");
        assert_ne!(schema(&definition).unwrap()["metadata"]["name"], first["metadata"]["name"]);
    }

    #[test]
    fn what_is_no_definition_is_refused() {
        let mut definition = definitions().remove(0);
        definition["spec"]["versions"][0]["schema"] = json!({});
        assert_eq!(schema(&definition), Err(NotADefinition("/spec/versions/*/schema/openAPIV3Schema")));
        assert_eq!(schema(&json!({})), Err(NotADefinition("/spec/group")));
    }

    #[test]
    fn the_export_names_the_schemas_that_come_with_it() {
        let documents = provider("berthage", &definitions()).unwrap();
        let of_kind = |kind: &str| documents.iter().filter(|document| document["kind"] == kind).collect::<Vec<_>>();
        let names: Vec<_> = of_kind("APIResourceSchema").iter().map(|schema| &schema["metadata"]["name"]).collect();
        let export = of_kind("APIExport")[0];
        let exported: Vec<_> =
            export["spec"]["resources"].as_array().unwrap().iter().map(|resource| &resource["schema"]).collect();
        assert_eq!(names, exported);
        // Tenants can never write a status.
        let bounds =
            of_kind("ClusterRole").into_iter().find(|role| role["metadata"]["name"] == "berthage-tenants").unwrap();
        for rule in bounds["rules"].as_array().unwrap() {
            let status = rule["resources"].to_string().contains("/status");
            assert_eq!(status, !rule["verbs"].to_string().contains('*'), "{rule}");
        }
    }

    #[test]
    fn a_tenant_may_refuse_the_second_tier() {
        let states = |rbac: bool| {
            let binding = tenant("berthage", "root:platform", rbac);
            let claims = binding["spec"]["permissionClaims"].as_array().unwrap().clone();
            claims.iter().filter(|claim| claim["state"] == "Accepted").count()
        };
        assert_eq!((states(true), states(false)), (7, 5));
    }
}
