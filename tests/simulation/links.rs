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
    while !all_ready(&stage, &paths).await {
        assert!(begin.elapsed() < Duration::from_hours(1), "not everybody gets his turn");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
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
