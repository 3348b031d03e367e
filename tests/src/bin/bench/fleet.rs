//! A controller with a fleet of targets: one hub and one physical cluster of real API servers, the controller as a process
//! of its own, everything else played by this process.
//!
//! Nothing runs the Deployments: this process says of each that it is ready, as a Deployment controller would. It also
//! renews the Leases in the place of the syncers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::key::Workspace;
use berthage_core::names::{
    ANNOTATION_CREDENTIAL_SERIAL, ANNOTATION_SYNCER_VERSION, ANNOTATION_TARGET_UID, HUB_NAMESPACE, LABEL_KUBECONFIG,
    LABEL_MANAGED_BY, MANAGED_BY, TargetNames,
};
use berthage_core::status::conditions;
use berthage_core::status::target::kind;
use berthage_e2e::authority::Authority;
use berthage_e2e::controller::{Controller, Settings};
use berthage_e2e::folder::RunFolder;
use berthage_e2e::home::Home;
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::servers::{Cluster, ClusterOptions, Etcd};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::report::Report;
use crate::used::{self, QUIET, Used};
use crate::{Result, process};

/// Requests of this process that are under way at a time.
const AT_ONCE: usize = 16;
/// After that time a part of the benchmark has failed, for each target.
const PATIENCE_EACH: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_mins(2);
/// How often each Lease is renewed, and each target annotated.
const ROUNDS: usize = 3;

const ONBOARDING: &str = "onboarding";
const NOTHING: &str = "no-op";
const FULL: &str = "full run";
/// The watches of a controller with one cluster: each may begin anew while something is measured, because API servers end a
/// watch after five minutes, and sooner where its reader falls behind. More reads than these are somebody's doing.
const WATCHES: f64 = 16.0;
const RESTART: &str = "restart";
const MEMORY: &str = "memory";
const SITE: &str = "site";

struct Fleet {
    hub: Cluster,
    client: Client,
    authority: Authority,
    folder: RunFolder,
    size: usize,
}

/// Fills the report.
#[expect(clippy::cast_precision_loss, reason = "fleets are small")]
pub(crate) async fn measure(report: &mut Report, size: usize) -> Result {
    let progress = |what: &str| println!("… {what}");
    progress("a hub and a physical cluster");
    let folder = RunFolder::new("bench")?;
    let etcd = Arc::new(Etcd::start(folder.subfolder("etcd")?).await?);
    let authority = Authority::new("berthage syncers")?;
    let options = ClusterOptions::hub("hub").shared_etcd(&etcd).client_authority(&authority.certificate());
    let hub = Box::pin(Cluster::start(folder.path(), options)).await?;
    let site = Box::pin(Cluster::start(folder.path(), ClusterOptions::hub(SITE).shared_etcd(&etcd))).await?;
    let crds = Invocation::new(["crds"]).output(&program::berthage()?).await?;
    hub.apply_text(&String::from_utf8(crds.stdout)?).await?;
    let fleet = Fleet { client: hub.client().await?, hub, authority, folder, size };
    let targets = size as f64;

    progress("a controller with nothing to do");
    let controller = fleet.controller().await?;
    // The first one compiles the plugin; the next finds it in the cache, as after any restart.
    controller.stop().await?;
    let controller = fleet.controller().await?;
    used::quiet(&controller, fleet.patience()).await?;
    let (start, empty) = (Used::by(&controller).await?, process::memory(controller.process.pid())?.0);

    progress(&format!("{size} targets are onboarded"));
    fleet.register(&site.kubeconfig()).await?;
    let deployments = tokio::spawn(run_deployments(site.client().await?));
    let before = Used::by(&controller).await?;
    let begin = Instant::now();
    fleet.create().await?;
    fleet.all_ready().await?;
    let wall = begin.elapsed();
    used::quiet(&controller, fleet.patience()).await?;
    let used = Used::by(&controller).await?.since(before);
    let count = format!("{:.1} runs and {:.1} hook calls each", used.reconciles / targets, used.hooks / targets);
    report.add(ONBOARDING, "CPU a target", used.each(targets) / 1e3, "ms CPU").goal(2.0).note(count);
    report.add(ONBOARDING, "writes a target, Events among them", used.writes / targets, "requests").goal(16.0);
    report
        .add(ONBOARDING, "reads a target", used.reads / targets, "requests")
        .note("lists, watches and probes, shared");
    report
        .add(ONBOARDING, "targets a second", targets / wall.as_secs_f64(), "/s")
        .note("with API servers and benchmark on the same processors");

    progress("their syncers report for the first time, and again");
    let leases = fleet.leases().await?;
    fleet.renew(&leases, true).await?;
    used::quiet(&controller, fleet.patience()).await?;
    let before = Used::by(&controller).await?;
    for _ in 0..ROUNDS {
        fleet.renew(&leases, false).await?;
    }
    used::quiet(&controller, fleet.patience()).await?;
    let used = Used::by(&controller).await?.since(before);
    let events = targets * ROUNDS as f64;
    let note = format!("a heartbeat each, {:.2} runs each", used.reconciles / events);
    report.add(NOTHING, "CPU a reconcile", used.each(events), "µs CPU").goal(20.0).note(note);
    report.add(NOTHING, "writes", used.writes, "requests").at_most(0.0);
    report.add(NOTHING, "reads", used.reads, "requests").at_most(WATCHES).note("watches that began anew");

    progress("each target is changed in a way that leads to nothing");
    let before = Used::by(&controller).await?;
    for round in 0..ROUNDS {
        fleet.annotate(round).await?;
    }
    used::quiet(&controller, fleet.patience()).await?;
    let used = Used::by(&controller).await?.since(before);
    let note = format!("{:.2} hook calls and {:.2} runs a change", used.hooks / events, used.reconciles / events);
    report.add(FULL, "CPU a change", used.each(events) / 1e3, "ms CPU").goal(0.15).note(note);
    report.add(FULL, "writes", used.writes, "requests").at_most(0.0);
    report.add(FULL, "reads", used.reads, "requests").at_most(WATCHES).note("watches that began anew");

    progress("the controller is started again");
    let full = process::memory(controller.process.pid())?;
    let held = controller.metric("berthage_store_bytes", &[]).await?;
    controller.stop().await?;
    let begin = Instant::now();
    let controller = fleet.controller().await?;
    used::quiet(&controller, fleet.patience()).await?;
    let wall = begin.elapsed().saturating_sub(QUIET);
    let used = Used::by(&controller).await?;
    let own = used.cpu.saturating_sub(start.cpu);
    let note = format!(
        "{:.2} s of it are the start itself; {:.1} s by the clock",
        start.cpu.as_secs_f64(),
        wall.as_secs_f64()
    );
    report.add(RESTART, "CPU until settled", used.cpu.as_secs_f64(), "s CPU").goal(0.3).note(note);
    report.add(RESTART, "CPU a target", own.as_secs_f64() * 1e6 / targets, "µs CPU").note(format!(
        "{:.1} runs and {:.1} hook calls each",
        used.reconciles / targets,
        used.hooks / targets
    ));
    report.add(RESTART, "writes", used.writes, "requests").at_most(0.0);
    report.add(RESTART, "reads", used.reads, "requests").note("lists, watches and one probe");

    let again = process::memory(controller.process.pid())?;
    let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
    report.add(MEMORY, "resident, without targets", mib(empty), "MiB").goal(mib(30e6));
    report.add(MEMORY, "resident, a target, after a restart", (again.0 - empty) / targets, "bytes").goal(3_500.0);
    report.add(MEMORY, "resident, a target, after onboarding", (full.0 - empty) / targets, "bytes");
    report
        .add(MEMORY, "highest while onboarding", mib(full.1), "MiB")
        .note(format!("{:.1} MiB after a restart", mib(again.1)));
    report.add(MEMORY, "of it in the store, a target", held / targets, "bytes");
    deployments.abort();
    controller.stop().await.map_err(Into::into)
}

impl Fleet {
    async fn controller(&self) -> Result<Controller> {
        let settings = Settings::default()
            .flag("--no-leader-election")
            .with("--log", "info")
            .with("--probe-interval", "1h")
            .with("--request-timeout", "30s");
        let controller = Controller::launch(
            &Home::kubernetes(&self.hub),
            Some(&self.authority),
            self.folder.path(),
            "controller",
            settings,
        )?;
        controller.ready().await?;
        Ok(controller)
    }

    fn targets(&self) -> Api<SyncTarget> {
        Api::all(self.client.clone())
    }

    fn patience(&self) -> Duration {
        PATIENCE + PATIENCE_EACH * u32::try_from(self.size).unwrap_or(u32::MAX)
    }

    async fn register(&self, kubeconfig: &str) -> Result {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": SITE, "namespace": HUB_NAMESPACE, "labels": { LABEL_KUBECONFIG: "true" } },
            "stringData": { "kubeconfig": kubeconfig },
        });
        let registration = json!({
            "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration",
            "metadata": { "name": SITE },
            "spec": { "kubeConfigSecretRef": { "namespace": HUB_NAMESPACE, "name": SITE } },
        });
        Ok(self.hub.apply(&[secret, registration]).await?)
    }

    async fn create(&self) -> Result {
        let targets = self.targets();
        let creations = (0..self.size).map(|number| {
            let target = json!({
                "metadata": { "name": format!("edge-{number}") },
                "spec": {
                    "clusterRef": { "name": SITE },
                    "supportedAPIResources": [{ "group": "apps", "version": "v1", "resource": "deployments" }],
                },
            });
            let targets = &targets;
            Box::pin(async move {
                let target: SyncTarget = serde_json::from_value(target)?;
                targets.create(&PostParams::default(), &target).await?;
                Result::Ok(())
            })
        });
        futures::stream::iter(creations).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn all_ready(&self) -> Result {
        let mut left: std::collections::HashSet<String> =
            (0..self.size).map(|number| format!("edge-{number}")).collect();
        let search = async {
            let mut stream =
                std::pin::pin!(watcher(self.targets(), watcher::Config::default()).default_backoff().applied_objects());
            while let Some(target) = stream.try_next().await? {
                let ready = target.status.as_ref().and_then(|status| conditions::find(&status.conditions, kind::READY));
                if ready.is_some_and(|ready| ready.status == ConditionStatus::True) {
                    left.remove(&target.name_any());
                }
                if left.is_empty() {
                    break;
                }
            }
            Result::Ok(())
        };
        let found = tokio::time::timeout(self.patience(), search).await;
        match found {
            Ok(result) => result,
            Err(_) => Err(format!("{} of {} targets did not become Ready", left.len(), self.size).into()),
        }
    }

    /// Names of the Leases, with the uid of the target and the serial of the credential that each speaks of.
    async fn leases(&self) -> Result<Vec<(String, String, String)>> {
        let list = self.targets().list(&kube::api::ListParams::default()).await?;
        list.items
            .into_iter()
            .map(|target| {
                let uid = target.uid().ok_or("a target without uid")?;
                let syncer = target.status.and_then(|status| status.syncer);
                let serial = syncer.and_then(|syncer| syncer.credential).ok_or("a target without credential")?.serial;
                Ok((TargetNames::new(&Workspace::local(), &uid).hub, uid, serial))
            })
            .collect()
    }

    /// Renews every Lease, as its syncer would.
    async fn renew(&self, leases: &[(String, String, String)], first: bool) -> Result {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), HUB_NAMESPACE);
        let renewals = leases.iter().map(|(name, uid, serial)| {
            let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
            let spec = json!({ "holderIdentity": "pod-1", "leaseDurationSeconds": 3_600, "renewTime": now });
            let annotations = json!({
                ANNOTATION_SYNCER_VERSION: "0.1.0", ANNOTATION_CREDENTIAL_SERIAL: serial, ANNOTATION_TARGET_UID: uid,
            });
            let patch = if first {
                json!({ "metadata": { "annotations": annotations }, "spec": spec })
            } else {
                json!({ "spec": spec })
            };
            let api = &api;
            Box::pin(async move {
                api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
                Result::Ok(())
            })
        });
        futures::stream::iter(renewals).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Changes something of every target that its manifests do not hang on, but its hooks see.
    async fn annotate(&self, round: usize) -> Result {
        let api = self.targets();
        let changes = (0..self.size).map(|number| {
            let patch = json!({ "metadata": { "annotations": { "example.com/round": round.to_string() } } });
            let api = &api;
            Box::pin(async move {
                api.patch(&format!("edge-{number}"), &PatchParams::default(), &Patch::Merge(patch)).await?;
                Result::Ok(())
            })
        });
        futures::stream::iter(changes).buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// Says of every Deployment that it is ready.
async fn run_deployments(client: Client) {
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={MANAGED_BY}"));
    let stream = watcher(Api::<Deployment>::all(client.clone()), ours).default_backoff().applied_objects();
    let work = stream.for_each_concurrent(AT_ONCE, |deployment| {
        let client = client.clone();
        async move {
            let Ok(deployment) = deployment else { return };
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
            if deployment.status.as_ref().and_then(|status| status.ready_replicas) == Some(wanted) {
                return;
            }
            let api: Api<Deployment> = Api::namespaced(client, &deployment.namespace().unwrap_or_default());
            let status = json!({ "status": {
                "observedGeneration": deployment.metadata.generation, "replicas": wanted, "updatedReplicas": wanted,
                "readyReplicas": wanted, "availableReplicas": wanted,
            } });
            // One that fails is seen by its target, which never becomes Ready.
            if let Err(error) =
                api.patch_status(&deployment.name_any(), &PatchParams::default(), &Patch::Merge(status)).await
            {
                println!("a Deployment could not be made ready: {error}");
            }
        }
    });
    Box::pin(work).await;
}
