//! What the sandbox tells people.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use berthage_core::names::LABEL_MANAGED_BY;
use berthage_sandbox::sandbox::Sandbox;

use super::SandboxCommandError;
use super::tenants::{self, TENANTS, Tenant, kubeconfig_of_cluster, kubeconfig_of_workspace};
use crate::cli::print;

pub(super) fn begin(sandbox: &Sandbox) -> io::Result<()> {
    print(&format!(
        "A kcp at {} and physical clusters at {}, in this process and in memory.\n\
         root:platform has the APIExport; the controller starts.\n",
        sandbox.hub.url, sandbox.clusters.url
    ))
}

pub(super) fn onboarded(tenant: &Tenant) -> io::Result<()> {
    let Tenant { workspace, cluster, target, .. } = tenant;
    print(&format!(
        "{workspace} binds it, registers the cluster {cluster} as {target} and makes the SyncTarget {target}.\n"
    ))
}

pub(super) fn ready(tenant: &Tenant, after: Duration) -> io::Result<()> {
    let Tenant { workspace, target, .. } = tenant;
    print(&format!("  Ready: {target} in {workspace}, {:.1} s after the start\n", after.as_secs_f64()))
}

pub(super) fn end(sandbox: &Sandbox, folder: &Path, after: Duration, exits: bool) -> Result<(), SandboxCommandError> {
    if exits {
        return Ok(print(&format!("Every target is Ready after {:.1} s.\n", after.as_secs_f64()))?);
    }
    let [tenant, another, ..] = &TENANTS;
    let (first, cluster) = (tenant.workspace, tenant.cluster);
    let manifest = tenants::manifest(folder, tenant)?;
    let workspaces = TENANTS.iter().map(|tenant| kubeconfig_of_workspace(folder, tenant.workspace));
    let clusters: BTreeSet<&str> = TENANTS.iter().map(|tenant| tenant.cluster).collect();
    let clusters = clusters.into_iter().map(|cluster| kubeconfig_of_cluster(folder, cluster));
    let files: Vec<String> = workspaces.chain(clusters).map(|file| format!("    {}", file.display())).collect();
    let (workspace, physical) = (kubeconfig_of_workspace(folder, first), kubeconfig_of_cluster(folder, cluster));
    let other = kubeconfig_of_workspace(folder, another.workspace);
    let (other, manifest) = (other.display(), manifest.display());
    let (files, workspace, physical) = (files.join("\n"), workspace.display(), physical.display());
    Ok(print(&format!(
        "\nEach workspace and each cluster has a kubeconfig of its own:\n\n{files}\n\n\
         Look around:\n\n\
         \x20   export KUBECONFIG={workspace}\n\
         \x20   kubectl get synctargets,clusterregistrations\n\
         \x20   kubectl describe synctarget edge\n\
         \x20   kubectl get leases -o wide\n\
         \x20   kubectl --kubeconfig {physical} get deployments,pods -A\n\
         \x20   kubectl --kubeconfig {other} get synctargets   # another workspace, with a target of the same name\n\n\
         Change something, and look again:\n\n\
         \x20   kubectl patch synctarget edge --type merge -p '{{\"spec\":{{\"syncerConfig\":{{\"replicas\":2}}}}}}'\n\
         \x20   kubectl --kubeconfig {physical} delete deployments -A -l {LABEL_MANAGED_BY}=berthage   # they come back; after five times in ten minutes once a minute\n\
         \x20   kubectl delete synctarget edge   # what was deployed for it goes\n\
         \x20   kubectl apply -f {manifest}   # and comes again\n\n\
         The workspace {first} is {}/clusters/{first}. Ctrl-C ends everything.\n",
        sandbox.hub.url
    ))?)
}
