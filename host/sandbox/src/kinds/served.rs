//! A resource that is served, in one version: what discovery says of it and what is needed to find its handler.
//!
//! Built-in kinds come from a table. A `CustomResourceDefinition`, or a bound `APIResourceSchema`, gives one for each version
//! that it serves, by [`Served::custom`].
//!
//! Facts: `pkg/endpoints/discovery/storageversionhash.go` of `k8s.io/apiserver` and of kcp's fork;
//! `pkg/apiserver/customresource_discovery_controller.go` of `k8s.io/apiextensions-apiserver`.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::schema::Names;
use crate::selectors::field::SelectableFields;
use crate::status::Failure;

/// Whether something is done here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// As a real server does it.
    Full,
    /// A real server has it, this one has not: it is not in discovery, and requests for it are answered 501.
    None,
}

/// A resource in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// API group; empty for the core group.
    pub group: Cow<'static, str>,
    /// Version of the group.
    pub version: Cow<'static, str>,
    /// Such as `deployments`.
    pub plural: Cow<'static, str>,
    /// Such as `deployment`.
    pub singular: Cow<'static, str>,
    /// Such as `Deployment`.
    pub kind: Cow<'static, str>,
    /// Such as `DeploymentList`.
    pub list_kind: Cow<'static, str>,
    /// Such as `deploy`.
    pub short_names: Vec<Cow<'static, str>>,
    /// Such as `all`.
    pub categories: Vec<Cow<'static, str>>,
    /// Its objects are in namespaces.
    pub namespaced: bool,
    /// In the order in which discovery prints them.
    pub verbs: &'static [&'static str],
    /// In the order in which discovery prints them.
    pub subresources: Vec<Subresource>,
    /// Says which version is stored; empty where nothing is.
    pub storage_version_hash: String,
    /// It is defined by a `CustomResourceDefinition`, or was bound.
    pub custom: bool,
    /// Whether it is done here.
    pub support: Support,
}

/// A subresource, with the kind that its requests carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subresource {
    /// Such as `status`.
    pub name: &'static str,
    /// Group, version and kind; none for those of the resource.
    pub kind: Option<(&'static str, &'static str, &'static str)>,
    /// In the order in which discovery prints them.
    pub verbs: &'static [&'static str],
    /// Whether it is done here.
    pub support: Support,
}

/// What a definition says about one of its versions.
#[expect(clippy::struct_excessive_bools, reason = "they are what a definition says, each on its own")]
#[derive(Debug, Clone, Copy)]
pub struct Definition<'a> {
    /// `spec.group`.
    pub group: &'a str,
    /// The name of the version.
    pub version: &'a str,
    /// `status.acceptedNames`.
    pub names: &'a Names,
    /// `spec.scope` is `Namespaced`.
    pub namespaced: bool,
    /// The version has `subresources.status`.
    pub status: bool,
    /// The version has `subresources.scale`.
    pub scale: bool,
    /// The version that is stored; none if that one is not served.
    pub storage_version: Option<&'a str>,
    /// It is about to be deleted: nothing new is taken.
    pub terminating: bool,
    /// In kcp, the logical cluster that the definition is in.
    pub cluster: Option<&'a str>,
}

pub(super) const ALL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
pub(super) const CHANGED: &[&str] = &["get", "patch", "update"];
pub(super) const SCALE: (&str, &str, &str) = ("autoscaling", "v1", "Scale");

pub(super) const STATUS: Subresource =
    Subresource { name: "status", kind: None, verbs: CHANGED, support: Support::Full };
const READ: &[&str] = &["get", "list", "watch"];

/// The order in which custom resources have always had theirs.
pub(super) const CUSTOM: &[&str] = &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const TERMINATING: &[&str] = &["delete", "deletecollection", "get", "list", "watch"];

impl Served {
    /// One version of a custom resource.
    pub fn custom(definition: &Definition<'_>) -> Self {
        let Definition { group, version, names, .. } = *definition;
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let mut subresources = Vec::new();
        if definition.status {
            subresources.push(STATUS);
        }
        if definition.scale {
            subresources.push(Subresource { name: "scale", kind: Some(SCALE), verbs: CHANGED, support: Support::Full });
        }
        let stored = definition.storage_version;
        Self {
            group: owned(group),
            version: owned(version),
            plural: owned(&names.plural),
            singular: owned(&names.singular),
            kind: owned(&names.kind),
            list_kind: owned(&names.list_kind),
            short_names: names.short.iter().map(|name| owned(name)).collect(),
            categories: names.categories.iter().map(|name| owned(name)).collect(),
            namespaced: definition.namespaced,
            verbs: if definition.terminating { TERMINATING } else { CUSTOM },
            subresources,
            storage_version_hash: stored
                .map(|stored| match definition.cluster {
                    None => storage_version_hash(None, group, stored, &names.kind),
                    Some(cluster) => kcp_definition_hash(cluster, group, stored, &names.kind),
                })
                .unwrap_or_default(),
            custom: true,
            support: Support::Full,
        }
    }

    /// The same through the virtual workspace of an APIExport, where built-in kinds are served like custom ones and `status` is
    /// the only subresource; `APIBinding`s are only read. `cluster` is the logical cluster that its schema is in (none, `""`, for
    /// those), `statuses`
    /// the number of the schema's versions that have a status: discovery shows one for each.
    #[must_use]
    pub fn through_api_export(&self, cluster: &str, statuses: usize, read_only: bool) -> Self {
        let status = Subresource { verbs: if read_only { &[] } else { CHANGED }, ..STATUS };
        Self {
            verbs: if read_only { READ } else { ALL },
            subresources: vec![status; statuses],
            storage_version_hash: storage_version_hash(Some(cluster), &self.group, &self.version, &self.kind),
            custom: true,
            support: Support::Full,
            ..self.clone()
        }
    }

    /// `group/version`, or the version alone for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone().into_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The fields that its objects can be selected by: of a custom one those of the paths in its `selectableFields`.
    pub fn selectable_fields(&self, json_paths: &[&str]) -> Result<SelectableFields, Failure> {
        if self.custom {
            return SelectableFields::custom(self.namespaced, json_paths);
        }
        Ok(SelectableFields::of(&self.group, &self.kind))
    }

    /// A subresource of it.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }
}

/// What discovery tells of the version that a kind is stored in. kcp puts the logical cluster of the definition before it,
/// which is empty for built-in kinds.
pub fn storage_version_hash(cluster: Option<&str>, group: &str, version: &str, kind: &str) -> String {
    let cluster = cluster.map(|cluster| format!("{cluster}/")).unwrap_or_default();
    let hash = digest(&SHA256, format!("{cluster}{group}/{version}/{kind}").as_bytes());
    STANDARD.encode(hash.as_ref().get(..8).unwrap_or_default())
}

/// The same of a definition in kcp, which takes group and version for the group.
pub(super) fn kcp_definition_hash(cluster: &str, group: &str, version: &str, kind: &str) -> String {
    let group = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    storage_version_hash(Some(cluster), &group, version, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As seen of kcp.
    #[test]
    fn in_kcp_the_hash_is_of_the_logical_cluster_too() {
        assert_eq!(storage_version_hash(Some(""), "", "v1", "ConfigMap"), "BcsYVNKF43M=");
        let system = "system:system-crds";
        assert_eq!(kcp_definition_hash(system, "apis.kcp.io", "v1alpha2", "APIBinding"), "xDY9sc7LaTk=");
        assert_eq!(kcp_definition_hash("system:bound-crds", "tenancy.kcp.io", "v1alpha1", "Workspace"), "79Pzoa52SfE=");
        // Through a virtual workspace, whose APIBindings are in no logical cluster.
        assert_eq!(storage_version_hash(Some("root"), "tenancy.kcp.io", "v1alpha1", "Workspace"), "uZSeoajh61w=");
        assert_eq!(storage_version_hash(Some(""), "apis.kcp.io", "v1alpha2", "APIBinding"), "oNAjunAvYoQ=");
    }

    /// From `api/discovery/api__v1.json` of Kubernetes.
    #[test]
    fn the_stored_version_is_told_by_a_hash() {
        assert_eq!(storage_version_hash(None, "", "v1", "ConfigMap"), "qFsyl6wFWjQ=");
        assert_eq!(storage_version_hash(None, "", "v1", "Namespace"), "Q3oi5N2YM8M=");
        assert_ne!(storage_version_hash(Some(""), "", "v1", "Namespace"), "Q3oi5N2YM8M=");
    }

    #[test]
    fn a_kind_can_be_selected_by_its_own_fields() {
        use crate::kinds::{Flavour, built_in};
        use crate::selectors::FieldSelector;
        let selected = |fields: &SelectableFields, by: &str| {
            let selector = FieldSelector::parse(by).unwrap();
            fields.convert(selector).map(|_| ()).map_err(|failure| failure.message.clone())
        };
        let kinds = built_in(Flavour::Kubernetes);
        let pods = kinds.get("", "v1", "pods").unwrap().selectable_fields(&[]).unwrap();
        assert_eq!(selected(&pods, "spec.nodeName=n"), Ok(()));
        assert_eq!(selected(&pods, "spec.x=n"), Err("field label not supported: spec.x".to_owned()));
        let kcp = built_in(Flavour::Kcp);
        let exports = kcp.get("apis.kcp.io", "v1alpha2", "apiexports").unwrap();
        let fields = exports.selectable_fields(&[".spec.color"]).unwrap();
        assert_eq!(selected(&fields, "spec.color=x,metadata.name=a"), Ok(()));
        assert!(selected(&fields, "metadata.namespace=a").is_err());
    }
}
