//! The programs that make an API server a cluster: kube-controller-manager, kube-scheduler and kwok.

use std::path::Path;
use std::process::Command;

use super::api_server::token_of;
use crate::error::Result;
use crate::folder::write;
use crate::process::Process;
use crate::{kubeconfig, program};

/// What every cluster needs, the hub too: garbage collection, the end of namespaces, service accounts.
const BASIC_CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller,\
     clusterrole-aggregation-controller,root-ca-certificate-publisher-controller";

/// What a cluster with workloads needs besides. No node-lifecycle-controller: kwok's nodes do not fail by themselves.
const WORKLOAD_CONTROLLERS: &str = "deployment-controller,replicaset-controller,daemonset-controller,\
     statefulset-controller,job-controller,endpointslice-controller,resourcequota-controller,disruption-controller,\
     pod-garbage-collector-controller";

/// Stages of nodes and pods, as kwok plays them.
const STAGES: [&str; 3] = [
    include_str!("../../kwok/node-ready.yaml"),
    include_str!("../../kwok/pod-ready.yaml"),
    include_str!("../../kwok/pod-deleted.yaml"),
];

/// How a component reaches its API server.
pub(super) struct Connection<'a> {
    pub(super) folder: &'a Path,
    pub(super) server: &'a str,
    pub(super) authority: &'a str,
}

impl Connection<'_> {
    /// Writes the kubeconfig of a user of the token file and gives its flag.
    fn kubeconfig(&self, component: &str, user: &str) -> Result<String> {
        let text = kubeconfig::with_token(self.server, self.authority, token_of(user));
        let path = write(self.folder, &format!("{component}.kubeconfig"), text)?;
        Ok(format!("--kubeconfig={}", path.display()))
    }

    fn start(&self, component: &str, command: Command) -> Result<Process> {
        Process::start(component, command, &self.folder.join(format!("{component}.log")))
    }
}

/// Starts a controller manager; `workloads` adds the controllers that pods need.
pub(super) fn controller_manager(connection: &Connection<'_>, workloads: bool) -> Result<Process> {
    let name = "kube-controller-manager";
    let controllers =
        if workloads { format!("{BASIC_CONTROLLERS},{WORKLOAD_CONTROLLERS}") } else { BASIC_CONTROLLERS.to_owned() };
    let mut command = Command::new(program::server(name)?);
    command
        .arg(connection.kubeconfig(name, "system:kube-controller-manager")?)
        .arg(format!("--controllers={controllers}"))
        .arg(format!("--service-account-private-key-file={}", connection.folder.join("service-accounts.key").display()))
        .arg(format!("--root-ca-file={}", connection.folder.join("authority.crt").display()))
        .args(["--use-service-account-credentials", "--leader-elect=false", "--secure-port=0", "--profiling=false"]);
    connection.start(name, command)
}

/// Starts a scheduler.
pub(super) fn scheduler(connection: &Connection<'_>) -> Result<Process> {
    let name = "kube-scheduler";
    let mut command = Command::new(program::server(name)?);
    command.arg(connection.kubeconfig(name, "system:kube-scheduler")?).args([
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
    ]);
    connection.start(name, command)
}

/// Starts kwok, which plays the kubelet of every node.
pub(super) fn kwok(connection: &Connection<'_>) -> Result<Process> {
    let stages = write(connection.folder, "kwok.yaml", STAGES.join("---\n"))?;
    let mut command = Command::new(program::server("kwok")?);
    command
        .arg(connection.kubeconfig("kwok", "kwok")?)
        .arg(format!("--config={}", stages.display()))
        .args(["--manage-all-nodes", "--node-lease-duration-seconds=0"]);
    connection.start("kwok", command)
}
