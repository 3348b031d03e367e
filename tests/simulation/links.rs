//! More clusters than may be watched at a time: everybody gets his turn, and no cluster is listed again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use berthage_sandbox::faults::Verb;
use tokio::time::Instant;

use crate::act;
use crate::backlog::all_ready;
use crate::stage::Stage;

/// Clusters that may be watched at a time, and how many there are.
const LINKS: usize = 3;
const WORKSPACES: usize = 12;
/// Targets of each.
const EACH: usize = 3;
/// How often a kind may be listed there until all is well: when it is watched.
const LISTS: usize = 1;

#[test]
fn with_more_clusters_than_links_each_gets_its_turn() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (most, took) = runtime.block_on(Box::pin(settle()));
    println!(
        "{WORKSPACES} clusters, {LINKS} links: all well after {took:?} of virtual time, no kind was listed more than {most} times"
    );
    assert!(most <= LISTS, "{most}");
}

/// How long images are pulled: longer than a target that waits for its pods keeps a link that another one wants.
const PULL: Duration = Duration::from_secs(150);
/// When two that share a link are well: the second gets it after two minutes, and the first looks again after as long as it
/// had waited until then. Without that it would look when its ten minutes are over.
const BOTH: Duration = Duration::from_mins(8);

#[test]
fn a_rollout_is_looked_at_again_when_its_link_was_given_to_another() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let took = runtime.block_on(Box::pin(roll_out()));
    println!("two rollouts of {PULL:?}, one link: all well after {took:?} of virtual time");
    assert!((PULL..BOTH).contains(&took), "{took:?}");
}

/// How long until two targets of which one has a link are ready.
async fn roll_out() -> Duration {
    let stage = Stage::new().await;
    stage.pods.pull_for(PULL);
    let paths = ["root:slow-0", "root:slow-1"].map(str::to_owned);
    for path in &paths {
        stage.tenant(path, &["east"]).await;
        act::make_named(&stage, path, "edge").await;
    }
    let begin = Instant::now();
    let _controller = stage.controller_with(1).await;
    ready(&stage, &paths, begin).await;
    begin.elapsed()
}

async fn ready(stage: &Stage, paths: &[String], begin: Instant) {
    while !all_ready(stage, paths).await {
        assert!(begin.elapsed() < Duration::from_hours(1), "not everybody gets his turn");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Until all is well: how often one kind of one workspace was listed, at most, and how long it took.
async fn settle() -> (usize, Duration) {
    let stage = Stage::new().await;
    let paths: Vec<String> = (0..WORKSPACES).map(|number| format!("root:crowd-{number}")).collect();
    for path in &paths {
        stage.tenant(path, &["east"]).await;
        for number in 0..EACH {
            act::make_named(&stage, path, &format!("edge-{number}")).await;
        }
    }
    let begin = Instant::now();
    let _controller = stage.controller_with(LINKS).await;
    ready(&stage, &paths, begin).await;
    let mut lists: BTreeMap<(String, String), usize> = BTreeMap::new();
    for entry in stage.wires.clusters.journal().entries() {
        let exchange = entry.exchange;
        if exchange.verb == Verb::List && exchange.query.contains("labelSelector") && !exchange.continues() {
            *lists.entry((exchange.path, exchange.query)).or_default() += 1;
        }
    }
    assert!(lists.len() >= WORKSPACES, "each workspace has lists of its own: {lists:?}");
    (lists.into_values().max().unwrap_or_default(), begin.elapsed())
}
