//! Very many workspaces: a kcp and physical clusters of the sandbox in this process, the controller as a process of its own.
//!
//! Each workspace has [`EACH`] targets and registers a physical cluster of its own. Pods are ready as soon as they are
//! made, and nothing runs in them. The servers use the same processors as the controller: times by the clock are those of both.

use std::time::{Duration, Instant};

use berthage_core::api::{SyncTarget, TargetPhase};
use berthage_e2e::authority::Authority;
use berthage_e2e::client;
use berthage_e2e::controller::{Controller, Hub, Settings};
use berthage_e2e::folder::RunFolder;
use berthage_e2e::tenancy::{self, PLATFORM};
use berthage_sandbox::actors::kubernetes::AtOnce;
use berthage_sandbox::sandbox::{Options, Sandbox};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use crate::report::Report;
use crate::used::{self, Used};
use crate::{Result, process};

const GROUP: &str = "scale";
/// Targets of a workspace.
const EACH: usize = 10;
/// The name of each workspace's registration.
const SITE: &str = "site";
/// Workspaces that are set up at a time.
const AT_ONCE: usize = 8;
/// How long everything may take, for each target.
const PATIENCE_EACH: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a controller with nothing to do is looked at.
const REST: Duration = Duration::from_secs(60);
/// How often it is looked at while it works.
const LOOK: Duration = Duration::from_secs(5);

struct Scale {
    sandbox: Sandbox,
    authority: Authority,
    folder: RunFolder,
    token: String,
    workspaces: usize,
}

/// Fills the report.
#[expect(clippy::cast_precision_loss, reason = "there are less than 2^52 of everything")]
pub(crate) async fn measure(report: &mut Report, workspaces: usize) -> Result {
    let progress = |what: &str| println!("… {what}");
    let count = workspaces * EACH;
    let targets = count as f64;
    let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
    progress(&format!("{workspaces} workspaces, each with {EACH} targets, in a sandbox"));
    let mut scale = Scale::start(workspaces).await?;
    scale.tenants(0..1).await?;
    let controller = scale.controller().await?;
    // The first one compiles the plugin; the next finds it in the cache, as after any restart.
    controller.stop().await?;
    let controller = scale.controller().await?;
    scale.targets(0..1).await?;
    scale.all_ready(&controller, 1).await?;
    let empty = process::memory(controller.process.pid())?.0;
    controller.stop().await?;
    scale.tenants(1..workspaces).await?;
    scale.targets(1..workspaces).await?;

    progress("a controller sees all of it for the first time");
    let begin = Instant::now();
    let controller = scale.controller().await?;
    let listed = begin.elapsed();
    let live = scale.live_changes(&controller).await?;
    scale.all_ready(&controller, workspaces).await?;
    let wall = begin.elapsed();
    let used = Used::by(&controller).await?;
    report.add(GROUP, "targets", targets, "").note(format!("in {workspaces} workspaces, each with a registration"));
    report.add(GROUP, "all settled after", wall.as_secs_f64(), "s").note(format!(
        "{:.1} s of it are the lists; {:.0} targets a second",
        listed.as_secs_f64(),
        targets / wall.as_secs_f64()
    ));
    report.add(GROUP, "CPU a target", used.each(targets) / 1e3, "ms CPU").note(format!(
        "{:.1} runs and {:.1} hook calls each",
        used.reconciles / targets,
        used.hooks / targets
    ));
    report.add(GROUP, "writes a target", used.writes / targets, "requests");
    report.add(GROUP, "reads a target", used.reads / targets, "requests");
    if let Some(worst) = live.iter().max() {
        report
            .add(GROUP, "a live change meanwhile, at worst", worst.as_secs_f64() * 1e3, "ms")
            .note(format!("of {}, until it is in the status", live.len()));
    }
    let full = process::memory(controller.process.pid())?;
    report.add(GROUP, "memory, with one workspace", mib(empty), "MiB");
    report.add(GROUP, "memory, all settled", mib(full.0), "MiB").goal(mib(400e6));
    report.add(GROUP, "memory, at its highest", mib(full.1), "MiB");
    report.add(GROUP, "memory a target", (full.0 - empty) / targets, "bytes").goal(3_500.0);
    controller.stop().await?;

    progress("the controller is started again");
    let begin = Instant::now();
    let controller = scale.controller().await?;
    // Among so many some target is looked at again all the time: it is never quiet.
    used::worked_off(&controller, targets, scale.patience()).await?;
    let wall = begin.elapsed();
    let used = Used::by(&controller).await?;
    report.add(GROUP, "restart: settled after", wall.as_secs_f64(), "s");
    report.add(GROUP, "restart: CPU a target", used.each(targets), "µs CPU");
    report.add(GROUP, "restart: writes", used.writes, "requests").at_most(0.0);
    report.add(GROUP, "restart: reads", used.reads, "requests");
    let again = process::memory(controller.process.pid())?;
    report
        .add(GROUP, "restart: memory", mib(again.0), "MiB")
        .goal(mib(400e6))
        .note(format!("{:.0} MiB at its highest", mib(again.1)));
    controller.stop().await?;

    progress("every cluster is gone");
    scale.sandbox.stop_clusters().await;
    let controller = scale.controller().await?;
    // The delays of what is tried again have grown when everything was tried a few times.
    used::worked_off(&controller, targets, scale.patience()).await?;
    tokio::time::sleep(REST).await;
    let before = Used::by(&controller).await?;
    tokio::time::sleep(REST).await;
    let used = Used::by(&controller).await?.since(before);
    let busy = used.cpu.as_secs_f64() / REST.as_secs_f64() * 100.0;
    report.add(GROUP, "at rest, all clusters dead", busy, "% CPU").goal(20.0);
    controller.stop().await.map_err(Into::into)
}

impl Scale {
    async fn start(workspaces: usize) -> Result<Self> {
        berthage::access::install_crypto_provider();
        let authority = Authority::new("berthage syncers")?;
        let options = Options {
            clusters: (0..workspaces).map(cluster).collect(),
            pods: 1_000_000,
            hub_port: 0,
            clusters_port: 0,
            hub_clients: vec![authority.certificate()],
        };
        let sandbox = Sandbox::start(&options, Box::new(AtOnce)).await?;
        let folder = RunFolder::new("scale")?;
        let mut scale = Self { sandbox, authority, folder, token: String::new(), workspaces };
        scale.token = tenancy::platform(&scale.clients([PLATFORM, "root"]).await?).await?;
        Ok(scale)
    }

    fn patience(&self) -> Duration {
        PATIENCE + PATIENCE_EACH * u32::try_from(self.workspaces * EACH).unwrap_or(u32::MAX)
    }

    /// Clients of somebody who may do everything in these workspaces.
    async fn clients<const N: usize>(
        &self,
        workspaces: [&str; N],
    ) -> Result<impl Fn(&str) -> berthage_e2e::Result<Client> + use<N>> {
        let mut clients = std::collections::BTreeMap::new();
        for workspace in workspaces {
            let kubeconfig = self.sandbox.hub.kubeconfig(workspace, &self.sandbox.hub.token).to_string();
            clients.insert(workspace.to_owned(), client::from_kubeconfig(workspace, &kubeconfig).await?);
        }
        let missing = |workspace: &str| berthage_e2e::Error::Manifests { problem: format!("no client of {workspace}") };
        Ok(move |workspace: &str| clients.get(workspace).cloned().ok_or_else(|| missing(workspace)))
    }

    /// Workspaces of these numbers, each with a registration.
    async fn tenants(&self, numbers: std::ops::Range<usize>) -> Result {
        let setups = numbers.map(|number| {
            Box::pin(async move {
                let path = workspace(number);
                let cluster = cluster(number);
                let kubeconfig = self.sandbox.clusters.kubeconfig(&cluster, &self.sandbox.clusters.token).to_string();
                let clients = self.clients([path.as_str(), "root"]).await?;
                tenancy::tenant(clients, &path, &[(SITE, kubeconfig)]).await?;
                if number % 1_000 == 0 {
                    println!("  workspace {number}");
                }
                Result::Ok(())
            })
        });
        futures::stream::iter(setups).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Their targets.
    async fn targets(&self, numbers: std::ops::Range<usize>) -> Result {
        let creations = numbers.map(|number| {
            Box::pin(async move {
                let path = workspace(number);
                let client = self.clients([path.as_str()]).await?(&path)?;
                let targets: Api<SyncTarget> = Api::all(client);
                for at in 0..EACH {
                    let target = json!({
                        "metadata": { "name": target(at) },
                        "spec": {
                            "clusterRef": { "name": SITE },
                            "supportedAPIResources": [{ "group": "apps", "version": "v1", "resource": "deployments" }],
                        },
                    });
                    let target: SyncTarget = serde_json::from_value(target)?;
                    targets.create(&PostParams::default(), &target).await?;
                }
                Result::Ok(())
            })
        });
        futures::stream::iter(creations).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn controller(&self) -> Result<Controller> {
        let settings = Settings::default()
            .flag("--no-leader-election")
            .with("--log", "info")
            .with("--probe-interval", "10m")
            .with("--request-timeout", "30s");
        let hub = Hub {
            kubeconfig: self.sandbox.hub.kubeconfig(PLATFORM, &self.token).to_string(),
            server: self.sandbox.hub.url.clone(),
            kcp: true,
        };
        let controller = Controller::launch_on(hub, Some(&self.authority), self.folder.path(), "controller", settings)?;
        controller.ready().await?;
        Ok(controller)
    }

    /// Changes a target that is settled, while there is a backlog, again and again: how long until its status tells of it.
    async fn live_changes(&self, controller: &Controller) -> Result<Vec<Duration>> {
        let path = workspace(0);
        let api: Api<SyncTarget> = Api::all(self.clients([path.as_str()]).await?(&path)?);
        let mut latencies = Vec::new();
        // What is listed last is queued a moment after the controller says that it is ready.
        let begun = async || Result::Ok(controller.metric("workqueue_adds_total", &["synctarget"]).await? > 0.0);
        while !begun().await? {
            tokio::time::sleep(LOOK).await;
        }
        while controller.metric("workqueue_depth", &["synctarget"]).await? > 0.0 {
            let change = json!({ "spec": { "syncerConfig": { "replicas": 1 + latencies.len() % 2 } } });
            let begin = Instant::now();
            let changed = api.patch(&target(0), &PatchParams::default(), &Patch::Merge(change)).await?;
            let generation = changed.metadata.generation;
            let seen =
                |now: &SyncTarget| now.status.as_ref().and_then(|status| status.observed_generation) >= generation;
            berthage_e2e::wait::until(&api, &target(0), "the change in the status", PATIENCE, seen).await?;
            latencies.push(begin.elapsed());
            tokio::time::sleep(LOOK).await;
        }
        Ok(latencies)
    }

    /// Waits until the targets of so many workspaces are Ready, and nothing waits to be run.
    async fn all_ready(&self, controller: &Controller, workspaces: usize) -> Result {
        let begin = Instant::now();
        let mut ready = 0;
        while begin.elapsed() < self.patience() {
            used::worked_off(controller, 1.0, self.patience()).await?;
            ready = self.ready();
            if ready == workspaces * EACH {
                return Ok(());
            }
            println!("  {ready} of {} are Ready", workspaces * EACH);
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("{ready} of {} targets became Ready", workspaces * EACH).into())
    }

    /// How many targets are Ready. The sandbox is asked in this process: the lists of ten thousand workspaces, again and again,
    /// would be what is measured.
    fn ready(&self) -> usize {
        let ready = format!("\"phase\":\"{:?}\"", TargetPhase::Ready);
        self.sandbox.hub.server.with(|world| {
            let targets = world.store.dump().filter(|(resource, _)| *resource.plural == *"synctargets");
            targets.filter(|(_, target)| target.mentions(&ready)).count()
        })
    }
}

fn workspace(number: usize) -> String {
    format!("root:team-{number}")
}

fn cluster(number: usize) -> String {
    format!("cluster-{number}")
}

fn target(number: usize) -> String {
    format!("edge-{number}")
}
