//! The kinds that kcp itself defines: what their objects may contain.
//!
//! Each is written down as the definition that it would be installed from, with a schema in the words of OpenAPI, and is compiled
//! as any other. Those of `apis.kcp.io` and `core.kcp.io/logicalclusters` are in every workspace; the others are exported from
//! `root` and bound.
//!
//! Facts: `config/crds` and `config/root-phase0` of kcp, without their descriptions.

mod apis;
mod core;
mod parts;
mod tenancy;
mod topology;

use serde_json::{Map, Value, json};

/// A kind of kcp's own.
#[derive(Debug)]
pub struct Definition {
    /// API group.
    pub group: &'static str,
    /// The only version that is here.
    pub version: &'static str,
    /// Such as `workspaces`.
    pub plural: &'static str,
    /// Such as `Workspace`.
    kind: &'static str,
    short: &'static [&'static str],
    /// It has `/status`.
    status: bool,
    /// Columns of tables: name, type, path.
    columns: &'static [(&'static str, &'static str, &'static str)],
    /// What is before plural and group in the name of its APIResourceSchema; empty for those that are bound by nobody.
    prefix: &'static str,
    schema: fn() -> Value,
}

/// The column that most tables end with.
const AGE: (&str, &str, &str) = ("Age", "date", ".metadata.creationTimestamp");

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    [apis::ALL, core::ALL, tenancy::ALL, topology::ALL].into_iter().flatten()
}

/// One of them.
pub fn find(group: &str, plural: &str) -> Option<&'static Definition> {
    all().find(|one| one.group == group && one.plural == plural)
}

impl Definition {
    /// The definition, as a `CustomResourceDefinition`.
    pub fn definition(&self) -> Map<String, Value> {
        let mut spec = self.spec();
        if let Some(version) = spec.pointer_mut("/versions/0") {
            version["schema"] = json!({"openAPIV3Schema": (self.schema)()});
        }
        Map::from_iter([("spec".to_owned(), spec)])
    }

    /// The name of its APIResourceSchema.
    pub fn schema_name(&self) -> String {
        format!("{}.{}.{}", self.prefix, self.plural, self.group)
    }

    /// Whether an APIExport of `root` exports it.
    pub fn is_exported_by(&self, export: &str) -> bool {
        let own =
            if self.group == "core.kcp.io" { format!("{}.{}", self.plural, self.group) } else { self.group.to_owned() };
        !self.prefix.is_empty() && own == export
    }

    /// Its APIResourceSchema in `root`.
    pub fn api_resource_schema(&self) -> Map<String, Value> {
        let mut spec = self.spec();
        if let Some(version) = spec.pointer_mut("/versions/0") {
            version["schema"] = (self.schema)();
        }
        if let Value::Object(spec) = &mut spec {
            spec.insert("nameValidation".to_owned(), json!("DNS1123Subdomain"));
        }
        Map::from_iter([
            ("apiVersion".to_owned(), json!("apis.kcp.io/v1alpha1")),
            ("kind".to_owned(), json!("APIResourceSchema")),
            ("metadata".to_owned(), json!({"name": self.schema_name()})),
            ("spec".to_owned(), spec),
        ])
    }

    fn spec(&self) -> Value {
        let mut names = json!({
            "plural": self.plural,
            "singular": self.kind.to_lowercase(),
            "kind": self.kind,
            "listKind": format!("{}List", self.kind),
            "categories": ["kcp"],
        });
        if !self.short.is_empty() {
            names["shortNames"] = json!(self.short);
        }
        let columns: Vec<Value> =
            self.columns.iter().map(|(name, ty, path)| json!({"name": name, "type": ty, "jsonPath": path})).collect();
        let mut version = json!({"name": self.version, "served": true, "storage": true, "subresources": {}});
        if self.status {
            version["subresources"] = json!({"status": {}});
        }
        if !columns.is_empty() {
            version["additionalPrinterColumns"] = Value::Array(columns);
        }
        json!({"group": self.group, "names": names, "scope": "Cluster", "versions": [version]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{self, CustomKind};

    #[test]
    fn every_kind_is_a_valid_definition() {
        for definition in all() {
            let mut whole = definition.definition();
            whole.insert("metadata".to_owned(), json!({"name": format!("{}.{}", definition.plural, definition.group)}));
            schema::definition::default(&mut whole);
            let wrong = schema::definition::validate(&whole, None).unwrap();
            assert_eq!(wrong, [], "{}", definition.plural);
            let kind = CustomKind::read(&whole).unwrap();
            assert_eq!(kind.versions.len(), 1);
            let schema = definition.api_resource_schema();
            if !definition.prefix.is_empty() {
                schema::admit_api_resource_schema(&schema, None).unwrap();
            }
            assert_eq!(CustomKind::of_api_resource_schema(&schema).unwrap().names, kind.names);
        }
    }

    #[test]
    fn a_binding_gets_its_defaults_and_keeps_its_selectors() {
        let definition = find("apis.kcp.io", "apibindings").unwrap().definition();
        let kind = CustomKind::read(&definition).unwrap();
        let version = kind.storage().unwrap();
        let mut binding = json!({"apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "b"},
        "spec": {"reference": {"export": {"name": "e", "path": "root:a"}}, "permissionClaims": [
            {"resource": "secrets", "verbs": ["get"], "selector": {"matchAll": true}, "state": "Accepted", "other": 1},
        ]}});
        assert_eq!(version.prune(&mut binding), ["spec.permissionClaims[0].other"]);
        version.default(&mut binding);
        assert_eq!(binding["spec"]["permissionClaims"][0]["group"], "");
        assert_eq!(binding["spec"]["permissionClaims"][0]["identityHash"], "");
        assert_eq!(version.validate(&binding, None).causes, []);
        let mut other = binding.clone();
        other["spec"]["permissionClaims"][0]["selector"] = json!({"matchLabels": {"a": "b"}});
        let causes = version.validate(&other, Some(&binding)).causes;
        assert_eq!(causes.len(), 1, "{causes:?}");
        assert!(causes[0].message.contains("Permission claim selector is immutable"), "{causes:?}");
        other["spec"]["permissionClaims"][0] = binding["spec"]["permissionClaims"][0].clone();
        other["spec"]["permissionClaims"][0]["state"] = json!("Rejected");
        assert_eq!(version.validate(&other, Some(&binding)).causes, []);
        other["spec"]["reference"]["export"]["name"] = json!("f");
        let causes = version.validate(&other, Some(&binding)).causes;
        assert!(causes[0].message.contains("APIExport reference must not be changed"), "{causes:?}");
    }
}
