//! The demo: a hub and two physical clusters of real servers, registered, deployed to, repaired and cleaned up.
//!
//! `cargo xtask demo` builds what it needs and runs it. It ends with Ctrl-C, or by itself with `--exit`, and leaves no
//! process behind in either case.
#![expect(clippy::disallowed_methods, reason = "what is timed here runs by the clock on the wall")]
#![expect(clippy::print_stdout, reason = "a demo is there to be read")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_core::key::Workspace;
use berthage_core::names::{LABEL_TARGET, TargetNames};
use berthage_core::status::conditions;
use berthage_core::status::target::kind;
use berthage_e2e::controller::{Controller, Settings};
use berthage_e2e::folder::RunFolder;
use berthage_e2e::home::Home;
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::servers::{Cluster, ClusterOptions, Etcd, NodeSize};
use berthage_e2e::syncer::Syncer;
use berthage_e2e::wait::{self, PATIENCE};
use clap::Parser;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Namespace, Secret};
use kube::api::{DeleteParams, ListParams};
use kube::core::DynamicObject;
use kube::discovery::{Discovery, verbs};
use kube::runtime::watcher;
use kube::{Api, Client};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Shows berthage at work between real API servers on this machine.
#[derive(Parser)]
struct Arguments {
    /// End when everything was shown, with an exit status that says whether it went well.
    #[arg(long)]
    exit: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    // Whatever ends first, what was started is dropped, and ends with it.
    let result = runtime.block_on(async {
        tokio::select! {
            result = Box::pin(run(arguments.exit)) => result.map(|()| ExitCode::SUCCESS),
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                println!("\nStopping everything.");
                Ok(if arguments.exit { ExitCode::FAILURE } else { ExitCode::SUCCESS })
            }
        }
    });
    result.unwrap_or_else(|error| failed(&*error))
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    println!("\nThe demo failed: {error:?}");
    ExitCode::FAILURE
}

/// Numbers the steps, and tells how long each took.
struct Steps {
    number: u32,
    started: Instant,
}

impl Steps {
    fn new() -> Self {
        Self { number: 0, started: Instant::now() }
    }

    fn say(&mut self, what: &str) {
        self.number += 1;
        let seconds = self.started.elapsed().as_secs();
        println!("\n[{:>3}s] {}. {what}", seconds, self.number);
    }
}

/// A command as somebody would type it.
fn show(command: &str) {
    println!("       $ {command}");
}

fn quote(text: &str) {
    for line in text.trim_end().lines() {
        println!("         {line}");
    }
}

/// A physical cluster, with what the demo shows of it.
struct Site {
    cluster: Cluster,
    client: Client,
    kubeconfig: PathBuf,
}

async fn run(exit: bool) -> Result {
    let mut steps = Steps::new();
    let folder = RunFolder::new("demo")?;

    steps.say("A certificate authority, for nothing but the syncers' client certificates");
    let authority = folder.path().join("ca");
    show("berthage ca init --dir ca");
    berthage(Invocation::new(["ca", "init", "--dir"]).argument(&authority)).await?;
    let certificate = std::fs::read_to_string(authority.join("ca.crt"))?;

    steps.say(
        "A hub that trusts it, and two physical clusters: etcd, kube-apiserver, controllers, scheduler, kwok nodes",
    );
    let etcd = Arc::new(Etcd::start(folder.subfolder("etcd")?).await?);
    let options = ClusterOptions::hub("hub").shared_etcd(&etcd).client_authority(&certificate);
    let hub = Box::pin(Cluster::start(folder.path(), options)).await?;
    println!("       hub   {}", hub.url());
    let hub_kubeconfig = folder.write("hub.kubeconfig", hub.kubeconfig())?;
    let mut sites = Vec::new();
    for (name, nodes) in [("east", 2), ("west", 3)] {
        let site = Box::pin(site(&folder, &etcd, name, nodes)).await?;
        println!("       {name}  {}  {nodes} nodes", site.cluster.url());
        sites.push(site);
    }

    steps.say("The API on the hub, and the controller");
    show("berthage crds | kubectl apply --server-side -f -");
    hub.apply_text(&berthage(Invocation::new(["crds"])).await?).await?;
    show("berthage controller --kubeconfig hub.kubeconfig --ca-cert ca/ca.crt --ca-key ca/ca.key");
    let settings =
        Settings::default().with("--ca-cert", authority.join("ca.crt")).with("--ca-key", authority.join("ca.key"));
    let controller = Controller::launch(&Home::kubernetes(&hub), None, folder.path(), "controller", settings)?;
    controller.ready().await?;

    steps.say("Both clusters are registered: an account with the least rights there, Secret and SyncTarget on the hub");
    for site in &sites {
        let name = site.cluster.name();
        show(&format!("berthage register {name} --kubeconfig {name}.kubeconfig"));
        let register = Invocation::new(["register", name, "--kubeconfig"]).argument(&site.kubeconfig);
        quote(&berthage(register.argument("--hub-kubeconfig").argument(&hub_kubeconfig)).await?);
    }
    let targets: Api<SyncTarget> = Api::all(hub.client().await?);
    let mut syncers = Vec::new();
    for site in &sites {
        let target =
            wait::until(&targets, site.cluster.name(), "a SyncTarget that is Ready", PATIENCE, is_ready).await?;
        // kwok's pods run nothing: the program runs here, with the Secret as the kubelet would mount it.
        syncers.push(start_syncer(site, &target).await?);
        wait::until(&targets, site.cluster.name(), "the syncer's heartbeat", PATIENCE, is_beating).await?;
    }
    kubectl(&hub_kubeconfig, "hub", &["get", "synctargets"]).await?;
    kubectl(&hub_kubeconfig, "hub", &["get", "clusterregistrations"]).await?;

    steps.say("Somebody deletes the syncer's Deployment in east, behind the controller's back");
    repair(&hub, &targets, &sites[0]).await?;

    steps.say("The SyncTarget west is deleted, and both sides are clean");
    clean_up(&hub, &targets, &sites[1], &hub_kubeconfig).await?;

    if exit {
        steps.say("Everything was shown");
        drop(syncers);
        controller.stop().await?;
        return Ok(());
    }
    steps.say("Yours to look around, from another terminal; Ctrl-C ends everything");
    println!("       export KUBECONFIG={}", hub_kubeconfig.display());
    for command in ["get synctargets,clusterregistrations -o wide", "describe synctarget east", "get events"] {
        println!("       kubectl {command}");
    }
    println!(
        "       kubectl --kubeconfig {} get all,networkpolicy -A -l {LABEL_TARGET}",
        sites[0].kubeconfig.display()
    );
    println!("       less {}", controller.process.log().display());
    let status = controller.process.ended().await;
    Err(format!("the controller ended with {status}; see {}", controller.process.log().display()).into())
}

async fn site(folder: &RunFolder, etcd: &Arc<Etcd>, name: &str, nodes: u32) -> Result<Site> {
    let cluster = Cluster::start(folder.path(), ClusterOptions::physical(name).shared_etcd(etcd)).await?;
    for number in 1..=nodes {
        cluster.add_node(&format!("{name}-{number}"), NodeSize::default()).await?;
    }
    let kubeconfig = folder.write(&format!("{name}.kubeconfig"), cluster.kubeconfig())?;
    Ok(Site { client: cluster.client().await?, cluster, kubeconfig })
}

/// Runs `berthage` to its end and gives what it prints.
async fn berthage(invocation: Invocation) -> Result<String> {
    let output = invocation.output(&program::berthage()?).await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs kubectl and shows what it prints; without kubectl the demo goes on.
async fn kubectl(kubeconfig: &Path, cluster: &str, arguments: &[&str]) -> Result {
    show(&format!("kubectl --kubeconfig {cluster}.kubeconfig {}", arguments.join(" ")));
    let mut command = tokio::process::Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig).args(arguments).kill_on_drop(true);
    match command.stdin(std::process::Stdio::null()).output().await {
        Ok(output) => quote(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => println!("       (kubectl is not installed)"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn names(target: &SyncTarget) -> TargetNames {
    TargetNames::new(&Workspace::local(), target.metadata.uid.as_deref().unwrap_or_default())
}

fn has(target: &SyncTarget, kind: &str) -> bool {
    let status = target.status.as_ref();
    status
        .and_then(|status| conditions::find(&status.conditions, kind))
        .is_some_and(|condition| condition.status.as_str() == "True")
}

fn is_ready(target: &SyncTarget) -> bool {
    has(target, kind::READY) && target.status.as_ref().is_some_and(|status| !status.capacity.is_empty())
}

fn is_beating(target: &SyncTarget) -> bool {
    is_ready(target) && has(target, kind::SYNCER_HEALTHY)
}

async fn start_syncer(site: &Site, target: &SyncTarget) -> Result<Syncer> {
    let names = names(target);
    let secrets: Api<Secret> = Api::namespaced(site.client.clone(), &names.namespace);
    let deployments: Api<Deployment> = Api::namespaced(site.client.clone(), &names.namespace);
    let secret = secrets.get(&names.kubeconfig_secret).await?;
    let deployment = deployments.get(&names.syncer).await?;
    Ok(Syncer::start(&deployment, &secret, &format!("{}-0", names.syncer))?)
}

/// Deletes a Deployment and shows that it comes back, and what is told about it.
async fn repair(hub: &Cluster, targets: &Api<SyncTarget>, site: &Site) -> Result {
    let target = targets.get(site.cluster.name()).await?;
    let names = names(&target);
    let deployments: Api<Deployment> = Api::namespaced(site.client.clone(), &names.namespace);
    let before = deployments.get(&names.syncer).await?.metadata.uid;
    show(&format!("kubectl --kubeconfig east.kubeconfig -n {} delete deployment {}", names.namespace, names.syncer));
    deployments.delete(&names.syncer, &DeleteParams::background()).await?;
    let again = |deployment: &Deployment| {
        let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas);
        deployment.metadata.uid != before && ready == Some(1)
    };
    wait::until(&deployments, &names.syncer, "another Deployment with its pods", PATIENCE, again).await?;
    let about = format!("involvedObject.uid={}", target.metadata.uid.as_deref().unwrap_or_default());
    let events: Api<Event> = Api::all(hub.client().await?);
    let is_it = |event: &Event| event.reason.as_deref() == Some("DriftRepaired");
    let told = wait::until_all(
        &events,
        watcher::Config::default().fields(&about),
        "an Event about the repair",
        PATIENCE,
        |events: &[Event]| events.iter().any(is_it),
    )
    .await?;
    for event in told.iter().filter(|event| is_it(event)) {
        quote(&format!("Event DriftRepaired: {}", event.message.as_deref().unwrap_or_default()));
    }
    wait::until(targets, site.cluster.name(), "the target being Ready again", PATIENCE, is_ready).await?;
    Ok(())
}

/// Deletes a target and shows that nothing is left of it.
async fn clean_up(hub: &Cluster, targets: &Api<SyncTarget>, site: &Site, kubeconfig: &Path) -> Result {
    let name = site.cluster.name();
    let names = names(&targets.get(name).await?);
    show(&format!("kubectl --kubeconfig hub.kubeconfig delete synctarget {name}"));
    targets.delete(name, &DeleteParams::default()).await?;
    wait::until_gone(targets, name, PATIENCE).await?;
    let namespaces: Api<Namespace> = Api::all(site.client.clone());
    wait::until_gone(&namespaces, &names.namespace, PATIENCE).await?;
    for (side, client) in [("hub", hub.client().await?), (name, site.client.clone())] {
        let left = labelled(&client, &names.id).await?;
        println!("       {side}: {} objects with {LABEL_TARGET}={}", left.len(), names.id);
        if !left.is_empty() {
            return Err(format!("left behind: {left:?}").into());
        }
    }
    let registrations: Api<ClusterRegistration> = Api::all(hub.client().await?);
    let secret = registrations.get(name).await?.spec.kube_config_secret_ref;
    let secrets: Api<Secret> = Api::namespaced(hub.client().await?, &secret.namespace);
    let finalizers = secrets.get_metadata(&secret.name).await?.metadata.finalizers.unwrap_or_default();
    if !finalizers.is_empty() {
        return Err(format!("the kubeconfig Secret still has {finalizers:?}").into());
    }
    kubectl(kubeconfig, "hub", &["get", "synctargets"]).await
}

/// Every object, of every kind, that carries the label of a target.
async fn labelled(client: &Client, id: &str) -> Result<Vec<String>> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let selection = ListParams::default().labels(&format!("{LABEL_TARGET}={id}"));
    let mut found = Vec::new();
    for (resource, capabilities) in discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources) {
        if capabilities.supports_operation(verbs::LIST) {
            let list = Api::<DynamicObject>::all_with(client.clone(), &resource).list_metadata(&selection).await?;
            found.extend(
                list.items
                    .into_iter()
                    .map(|object| format!("{} {}", resource.kind, object.metadata.name.unwrap_or_default())),
            );
        }
    }
    Ok(found)
}
