//! The demo: a hub, two physical clusters and the controller on this machine, and what happens to a SyncTarget.
//!
//! `cargo xtask demo` builds what it needs and runs it. With `--exit` it ends by itself and leaves no process and no file.

#![expect(clippy::print_stdout, reason = "the demo is something to be read")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::key::Workspace;
use berthage_core::names::{LABEL_TARGET, TargetNames};
use berthage_core::status::conditions;
use berthage_core::status::target::kind;
use berthage_e2e::controller::{Controller, Settings};
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::servers::Cluster;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::World;
use clap::Parser;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client};

/// Shows berthage at work on real API servers on this machine.
#[derive(Debug, Parser)]
struct Args {
    /// End after the last step instead of waiting for Ctrl-C.
    #[arg(long, env = "BERTHAGE_DEMO_EXIT")]
    exit: bool,
}

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result {
    let args = Args::parse();
    let story = Story { started: Instant::now() };
    story.say("starting a hub and two physical clusters (etcd, kube-apiserver, controller-manager, scheduler, kwok)");
    let world = World::start("demo").await?;
    let folder = world.folder.path().to_owned();
    let hub_kubeconfig = kubeconfig(&folder, &world.hub)?;
    let east_kubeconfig = kubeconfig(&folder, &world.east)?;
    let west_kubeconfig = kubeconfig(&folder, &world.west)?;

    story.say("installing the API types: berthage crds | kubectl apply -f -");
    let crds = berthage(&["crds"]).await?;
    world.hub.apply_text(&crds).await?;

    story.say("starting the controller: berthage controller");
    let controller =
        Controller::launch(&world.hub, Some(&world.client_authority), &folder, "controller", Settings::default())?;
    controller.ready().await?;

    for (name, path) in [("east", &east_kubeconfig), ("west", &west_kubeconfig)] {
        story.say(&format!("registering a cluster: berthage register {name} --kubeconfig {name}.kubeconfig"));
        let arguments = ["register", name, "--kubeconfig", text(path)?, "--hub-kubeconfig", text(&hub_kubeconfig)?];
        let shown = berthage(&[&arguments[..], &["--resources", "deployments.apps,services"]].concat()).await?;
        print!("{shown}");
    }
    let client = world.hub.client().await?;
    let targets: Api<SyncTarget> = Api::all(client);
    for name in ["east", "west"] {
        wait::until(&targets, name, "a Ready target", PATIENCE, is_ready).await?;
        story.say(&format!("SyncTarget {name} is Ready"));
    }
    kubectl(&hub_kubeconfig, &["get", "synctargets,clusterregistrations", "-o", "wide"]).await;
    let names = names(&targets.get("east").await?);
    kubectl(&east_kubeconfig, &["--namespace", &names.namespace, "get", "deployments,pods,networkpolicies"]).await;

    story.say("deleting the syncer's Deployment behind the controller's back");
    let deployments: Api<Deployment> = Api::namespaced(world.east.client().await?, &names.namespace);
    let before = deployments.get(&names.syncer).await?.metadata.uid;
    deployments.delete(&names.syncer, &DeleteParams::default()).await?;
    let repaired = |found: &Deployment| found.metadata.uid != before && found.metadata.deletion_timestamp.is_none();
    wait::until(&deployments, &names.syncer, "the Deployment being back", PATIENCE, repaired).await?;
    story.say("it is back");
    kubectl(&hub_kubeconfig, &["get", "events", "--field-selector", "involvedObject.name=east"]).await;

    story.say("deleting SyncTarget west");
    let west = self::names(&targets.get("west").await?);
    targets.delete("west", &DeleteParams::default()).await?;
    wait::until_gone(&targets, "west", PATIENCE).await?;
    let left = left(&world.west.client().await?, &west.id).await? + left(&world.hub.client().await?, &west.id).await?;
    story.say(&format!("it is gone; objects of it left in the cluster and on the hub: {left}"));
    if left > 0 {
        return Err("something was left behind".into());
    }

    if args.exit {
        controller.stop().await?;
        story.say("done");
        return Ok(());
    }
    println!("\nLook around:\n");
    println!("  export KUBECONFIG={}                  # the hub", hub_kubeconfig.display());
    println!("  kubectl get synctargets -o wide");
    println!("  kubectl describe synctarget east");
    println!("  kubectl patch synctarget east --type merge -p '{{\"spec\":{{\"syncerConfig\":{{\"replicas\":2}}}}}}'");
    println!("  kubectl delete synctarget east");
    println!("  kubectl --kubeconfig {} get all --all-namespaces   # the cluster", east_kubeconfig.display());
    println!("\nThe controller's log: {}", folder.join("controller.log").display());
    println!("Ctrl-C ends everything.");
    tokio::signal::ctrl_c().await?;
    controller.stop().await?;
    Ok(())
}

struct Story {
    started: Instant,
}

impl Story {
    fn say(&self, text: &str) {
        println!("[{:5.1} s] {text}", self.started.elapsed().as_secs_f32());
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| "the checkout's path is no text".into())
}

fn kubeconfig(folder: &Path, cluster: &Cluster) -> Result<PathBuf> {
    let path = folder.join(format!("{}.kubeconfig", cluster.name()));
    std::fs::write(&path, cluster.kubeconfig())?;
    Ok(path)
}

/// Runs `berthage` and gives what it printed.
async fn berthage(arguments: &[&str]) -> Result<String> {
    let output = Invocation::new(arguments.iter().copied()).output(&program::berthage()?).await?;
    if !output.status.success() {
        return Err(format!("berthage {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Shows a kubectl command and what it prints; without kubectl, the command alone.
async fn kubectl(kubeconfig: &Path, arguments: &[&str]) {
    println!("\n$ kubectl {}", arguments.join(" "));
    let output =
        tokio::process::Command::new("kubectl").arg("--kubeconfig").arg(kubeconfig).args(arguments).output().await;
    match output {
        Ok(output) => {
            println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        }
        Err(error) => println!("(kubectl cannot be run: {error})\n"),
    }
}

fn is_ready(target: &SyncTarget) -> bool {
    let Some(status) = &target.status else { return false };
    conditions::find(&status.conditions, kind::READY).is_some_and(|ready| ready.status == ConditionStatus::True)
}

fn names(target: &SyncTarget) -> TargetNames {
    TargetNames::new(&Workspace::local(), target.metadata.uid.as_deref().unwrap_or_default())
}

/// How many objects of a target there still are, of the kinds that hold the others.
async fn left(client: &Client, id: &str) -> Result<usize> {
    let ours = ListParams::default().labels(&format!("{LABEL_TARGET}={id}"));
    let namespaces = Api::<Namespace>::all(client.clone()).list_metadata(&ours).await?.items.len();
    let roles = Api::<ClusterRole>::all(client.clone()).list_metadata(&ours).await?.items.len();
    let bindings = Api::<ClusterRoleBinding>::all(client.clone()).list_metadata(&ours).await?.items.len();
    Ok(namespaces + roles + bindings)
}
