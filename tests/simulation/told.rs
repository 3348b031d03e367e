//! What cannot be written for a while is told soon after.

use std::time::Duration;

use berthage_core::api::SyncTarget;
use berthage_sandbox::faults::{Calm, Exchange, Fault, Plan, Verb};
use kube::Api;
use tokio::time::{Instant, sleep};

use crate::act::{OURS, TARGET, make_on};
use crate::stage::Stage;

/// Nobody can write a status.
struct NoStatus;

impl Plan for NoStatus {
    fn decide(&mut self, exchange: &Exchange) -> Option<Fault> {
        (exchange.verb == Verb::Patch && exchange.path.ends_with("/status")).then_some(Fault::Refuse)
    }
}

/// Found by answers that break off (F14, seed 10): the failed write was forgotten, because the target had nothing to do until something changed,
/// and its conditions came with the resync after ten minutes.
#[test]
fn a_status_that_could_not_be_written_is_written_when_it_can_be() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let stage = Stage::new().await;
        let _controller = stage.controller().await;
        stage.wires.hub.follow(Box::new(NoStatus));
        make_on(&stage, OURS, "nowhere").await;
        sleep(Duration::from_secs(20)).await;
        stage.wires.hub.follow(Box::new(Calm));
        let (targets, began): (Api<SyncTarget>, _) = (Api::all(stage.client(OURS)), Instant::now());
        while targets.get(TARGET).await.unwrap().status.is_none_or(|status| status.conditions.is_empty()) {
            sleep(Duration::from_secs(1)).await;
            assert!(began.elapsed() < Duration::from_mins(3), "no condition after {:?}", began.elapsed());
        }
    });
}
