//! What is asked of a kcp: where a workspace is, who may do something in it, and what follows from kcp's own objects.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Named, Serving, World};
use crate::access::kcp::workspace::{LogicalCluster, Policy, Workspace};
use crate::kcp::binding::Binding;
use crate::kcp::export::Export;
use crate::kcp::json::text;
use crate::kcp::{Index, VirtualWorkspace};
use crate::kinds::Served;
use crate::store::{Key, Store};

impl World {
    /// What is known of kcp's own objects.
    pub fn kcp(&self) -> &Index {
        &self.kcp
    }

    /// What is stored, to change, and what is known of kcp's own objects.
    pub(crate) fn store_and_kcp(&mut self) -> (&mut Store, &Index) {
        (&mut self.store, &self.kcp)
    }

    /// The logical cluster that a path leads to: the name of one, and then names of workspaces, as `root:org:team`.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut names = path.split(':');
        let first = names.next()?;
        let mut cluster = if path.starts_with("system:") { path.to_owned() } else { first.to_owned() };
        self.cluster(&cluster)?;
        if path.starts_with("system:") {
            return Some(cluster);
        }
        for name in names {
            let named = Named { cluster: &cluster, group: "tenancy.kcp.io", plural: "workspaces", namespace: "", name };
            let workspace = self.get(&named)?;
            if matches!(text(&workspace, &["status", "phase"]), "" | "Scheduling") {
                return None;
            }
            text(&workspace, &["spec", "cluster"]).clone_into(&mut cluster);
            self.cluster(&cluster)?;
        }
        Some(cluster)
    }

    /// The path of a logical cluster, or its name where it has none.
    pub fn canonical_path(&self, cluster: &str) -> String {
        let path = self.kcp.logical_cluster(cluster).map(|found| &*found.path).filter(|path| !path.is_empty());
        path.unwrap_or(cluster).to_owned()
    }

    /// A workspace, for somebody who wants to do something in it.
    pub fn workspace<'a>(&'a self, cluster: &'a str) -> Workspace<'a> {
        let known = self.kcp.logical_cluster(cluster);
        Workspace {
            cluster,
            bindings: &self.bindings,
            logical_cluster: known
                .map(|known| LogicalCluster { phase: &known.phase, required_groups: known.required_groups.as_deref() }),
            policies: self.cluster(cluster).map(|found| found.policies.as_slice()).unwrap_or_default(),
        }
    }

    /// The shard that a logical cluster is on.
    pub fn shard_of(&self, cluster: &str) -> &str {
        self.kcp.shard_of(cluster)
    }

    /// The virtual workspace of an APIExport, by the logical cluster that the APIExport is in. It is made when the controllers
    /// have seen the APIExport.
    pub fn virtual_workspace(&self, export_cluster: &str, export: &str) -> Option<Arc<VirtualWorkspace>> {
        self.kcp.virtual_workspaces.get(&(export_cluster.into(), export.into())).cloned()
    }

    /// A kind of the server itself, in each of its versions, also one that is only known.
    pub(crate) fn built_in(&self, group: &str, plural: &str) -> Vec<Arc<Served>> {
        self.built_in.iter().filter(|one| one.group == group && one.plural == plural).cloned().collect()
    }

    /// How the server itself serves a kind in one version.
    pub(crate) fn built_in_serving(&self, served: &Served) -> Option<Arc<Serving>> {
        self.built_in_servings.get(&served.group, &served.version, &served.plural).cloned()
    }

    /// After an object of kcp's own was written (`now`), or removed.
    pub(super) fn derive_kcp(&mut self, group: &str, plural: &str, key: &Key<'_>, now: Option<&Map<String, Value>>) {
        match (group, plural) {
            ("core.kcp.io", "logicalclusters") => self.kcp.set_cluster(key.cluster, now),
            ("apis.kcp.io", "apibindings") => {
                let [old, new] = self.kcp.set_binding(key.cluster, key.name, now);
                self.derive_bound(key.cluster, old.as_deref(), new.as_deref());
            }
            ("apis.kcp.io", "apiresourceschemas") => self.kcp.set_schema(key.cluster, key.name, now),
            ("apis.kcp.io", "apiexportendpointslices") => self.kcp.set_slice(key.cluster, key.name, now),
            ("apis.kcp.io", "apiexports") => {
                let versions = self.kcp.set_export(key.cluster, key.name, now);
                self.derive_policies(&versions);
            }
            _ => {}
        }
    }

    /// A workspace serves what its bindings say.
    fn derive_bound(&mut self, cluster: &str, old: Option<&Binding>, new: Option<&Binding>) {
        let others: Vec<Arc<Binding>> = self.kcp.bindings_in(cluster).cloned().collect();
        for (group, resource, _) in old.into_iter().flat_map(Binding::resources) {
            let still = others.iter().any(|binding| binding.binds(group, resource));
            if !still && let Some(cluster) = self.cluster_mut(cluster) {
                cluster.withdraw(group, resource);
            }
        }
        let again = others.iter().map(AsRef::as_ref).filter(|other| old.is_some_and(|old| shares(old, other)));
        let serving: Vec<&Binding> = new.into_iter().chain(again).collect();
        for binding in serving {
            for (group, resource, schema) in binding.resources() {
                let found = self.compiled(&binding.export_cluster, &schema.name, &schema.uid, &schema.identity);
                let Ok(Some(compiled)) = found else { continue };
                let Some(cluster) = self.cluster_mut(cluster) else { continue };
                let present = cluster.servings().stored(group, resource);
                let storage = compiled.versions.iter().find(|version| version.is_stored);
                let same = present.zip(storage).is_some_and(|(present, new)| Arc::ptr_eq(present, new));
                if !same && !compiled.versions.is_empty() {
                    cluster.serve(group, resource, &compiled.versions);
                }
                cluster.refuse(&compiled.refused);
            }
        }
        self.derive_policies_in(cluster);
    }

    fn derive_policies(&mut self, versions: &[Option<Arc<Export>>; 2]) {
        let [old, new] = versions;
        let has = |export: &Option<Arc<Export>>| export.as_ref().is_some_and(|export| export.has_policy);
        if has(old) == has(new) {
            return;
        }
        let bindings: Vec<Arc<Binding>> =
            versions.iter().flatten().flat_map(|export| self.kcp.bindings_of(export)).collect();
        for binding in bindings {
            self.derive_policies_in(&binding.cluster);
        }
    }

    /// What tenants may do at the most with what is bound in a workspace.
    fn derive_policies_in(&mut self, cluster: &str) {
        let mut policies = Vec::new();
        for binding in self.kcp.bindings_in(cluster) {
            let Some(export) = self.kcp.export(&binding.export_cluster, &binding.export) else { continue };
            if !export.has_policy {
                continue;
            }
            policies.extend(binding.bound.iter().map(|(group, resource)| Policy {
                group: group.clone(),
                resource: resource.clone(),
                provider: export.cluster.to_string(),
            }));
        }
        if let Some(cluster) = self.cluster_mut(cluster)
            && cluster.policies != policies
        {
            cluster.policies = policies;
        }
    }
}

/// Whether two bindings have a resource of the same name.
fn shares(one: &Binding, other: &Binding) -> bool {
    one.name != other.name && one.bound.iter().any(|(group, resource)| other.binds(group, resource))
}
