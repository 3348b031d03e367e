//! While very many targets wait, what somebody changes now is worked on now.

use std::time::Duration;

use berthage_core::api::SyncTarget;
use berthage_e2e::wait;
use berthage_sandbox::faults::{Exchange, Fault, Plan};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use crate::act::{self, OURS, TARGET};
use crate::sample;
use crate::stage::{self, Stage};

/// How long every request is under way.
const LATENCY: Duration = Duration::from_millis(5);
/// How long a change may wait, in virtual time: a run that is under way, and its own.
const PROMPT: Duration = Duration::from_millis(250);
/// Targets of each workspace that is waited for.
const EACH: usize = 10;
/// More workspaces than links, with fewer targets.
const CROWD: (usize, usize) = (24, 3);
/// One link of these is kept for who does not wait.
const LINKS: usize = 16;
/// How long from one change to the next.
const PAUSE: Duration = Duration::from_millis(300);
/// So many changes say enough: of a backlog of many thousands, the rest would be more of the same, for an hour.
const CHANGES: usize = 200;

/// Every server is as far away.
struct Far;

impl Plan for Far {
    fn decide(&mut self, _: &Exchange) -> Option<Fault> {
        Some(Fault::Delay(LATENCY))
    }
}

#[test]
fn a_change_does_not_wait_for_a_cold_start() {
    is_prompt(sample::workspaces(), EACH, stage::LINKS);
}

#[test]
fn a_change_does_not_wait_for_those_who_wait_for_a_link() {
    let (workspaces, each) = CROWD;
    is_prompt(workspaces, each, LINKS);
}

fn is_prompt(workspaces: usize, each: usize, links: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (changes, worst) = runtime.block_on(Box::pin(changes(workspaces, each, links)));
    let targets = workspaces * each;
    println!(
        "changes while {targets} targets wait, with {links} links: {changes}, the slowest after {worst:?} of virtual time"
    );
    assert!(changes > 2, "the backlog was gone too soon for {changes} changes to say anything");
    assert!(worst <= PROMPT, "{worst:?}");
}

/// How often something was changed while a backlog was worked on, and how long the slowest took to be in the status.
async fn changes(workspaces: usize, each: usize, links: usize) -> (usize, Duration) {
    let stage = Stage::new().await;
    let controller = stage.controller().await;
    act::make(&stage, OURS).await;
    let ours: Api<SyncTarget> = Api::all(stage.client(OURS));
    let ready = |now: &SyncTarget| act::says_ready(now);
    wait::until(&ours, TARGET, "our target being ready", Duration::from_hours(1), ready).await.unwrap();
    controller.stop().await;

    let paths: Vec<String> = (0..workspaces).map(|number| format!("root:crowd-{number}")).collect();
    for path in &paths {
        stage.tenant(path, &["east"]).await;
        for number in 0..each {
            act::make_named(&stage, path, &format!("edge-{number}")).await;
        }
    }
    stage.wires.whole_pages();
    stage.wires.hub.follow(Box::new(Far));
    stage.wires.clusters.follow(Box::new(Far));
    let _controller = stage.controller_with(links).await;
    let (mut changes, mut worst) = (0, Duration::ZERO);
    let started = Instant::now();
    while changes < CHANGES && !all_ready(&stage, &paths).await {
        let began = Instant::now();
        let change = Patch::Merge(json!({"spec": {"syncerConfig": {"replicas": 2 - changes % 2}}}));
        let changed = ours.patch(TARGET, &PatchParams::default(), &change).await.unwrap();
        let told = |now: &SyncTarget| {
            let seen = now.status.as_ref().and_then(|status| status.observed_generation);
            seen >= changed.metadata.generation
        };
        wait::until(&ours, TARGET, "the change in the status", Duration::from_hours(1), told).await.unwrap();
        // The first one waits for the lists, as everything does: nothing is worked on before all is known.
        if changes > 0 {
            worst = worst.max(began.elapsed());
        }
        changes += 1;
        assert!(started.elapsed() < Duration::from_hours(1), "the backlog does not end");
        tokio::time::sleep(PAUSE).await;
    }
    (changes, worst)
}

/// Whether every target of these workspaces is.
pub(crate) async fn all_ready(stage: &Stage, paths: &[String]) -> bool {
    for path in paths {
        let targets: Api<SyncTarget> = Api::all(stage.client(path));
        if !targets.list(&kube::api::ListParams::default()).await.unwrap().items.iter().all(act::says_ready) {
            return false;
        }
    }
    true
}
