//! How much of one cluster's time a run may take.
//!
//! Every request has a time limit, and a run has dozens of requests, of which many go one after another. A cluster that answers
//! each of them just in time would hold a worker for minutes, again and again, and with a few more of them all workers. So the
//! requests of a run have a limit together: when it is reached no more are sent, which is as good as no answer, and the
//! cluster is left alone for a while, however quickly it answers a probe.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use berthage_core::key::Key;
use http::Request;
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;
use tower::BoxError;

use super::Context;
use crate::access::bounds::BoundError;

/// A client for what one run has to do in the cluster of a registration.
pub(super) fn of_a_run(ctx: &Context, cluster: &Key, client: &Client) -> Client {
    let (bulkheads, cluster) = (Arc::clone(&ctx.bulkheads), cluster.clone());
    limited(client, ctx.options.run_budget, move || bulkheads.exhausted(&cluster))
}

/// A client that sends nothing more once so much time has passed since its first request; what is on its way then has its own
/// limit. `spent` is called for each request that is refused.
fn limited(client: &Client, budget: Duration, spent: impl Fn() + Send + 'static) -> Client {
    let (namespace, client) = (client.default_namespace().to_owned(), client.clone());
    let first = OnceLock::new();
    let service = tower::service_fn(move |request: Request<Body>| {
        let over = first.get_or_init(Instant::now).elapsed() >= budget;
        if over {
            spent();
        }
        let client = client.clone();
        async move {
            if over {
                return Err(BoxError::from(BoundError::Slow { after: budget }));
            }
            Ok(client.send(request).await?)
        }
    });
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use berthage_core::key::Workspace;
    use berthage_core::reason::Reason;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;

    use super::*;
    use crate::access::{Failure, Side};
    use crate::reconcile::Bulkheads;
    use crate::reconcile::bulkhead::{REST, TurnedAway};

    /// A cluster that needs nine seconds for each answer, and how often it was asked.
    fn slow() -> (Client, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let server = tower::service_fn(move |_: Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                let body = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","uid":"u"}}"#;
                Ok::<_, BoxError>(http::Response::new(Body::from(body.to_vec())))
            }
        });
        (Client::new(server, "ns"), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_answers_each_request_just_in_time_does_not_keep_a_run_for_ever() {
        let (client, asked) = slow();
        let (cluster, target) =
            (Key::registration(&Workspace::new("a"), "east"), Key::target(&Workspace::new("a"), "edge"));
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let wake = Box::new(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let bulkheads = Arc::new(Bulkheads::for_workers(16, wake));
        // A run may come long after its client was made.
        let (rests, key) = (Arc::clone(&bulkheads), cluster.clone());
        let client = limited(&client, Duration::from_secs(30), move || rests.exhausted(&key));
        tokio::time::advance(Duration::from_hours(1)).await;

        let api = Api::<ConfigMap>::namespaced(client, "ns");
        let mut refused = None;
        for _ in 0..10 {
            refused = api.get("a").await.err().or(refused);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 4, "the fourth began before the time was over");
        let failure = Failure::of(Side::Physical, &refused.unwrap());
        assert_eq!(failure.reason, Reason::ClusterTimeout);
        assert!(failure.message.contains("too slowly"), "{}", failure.message);

        assert_eq!(woken.load(Ordering::Relaxed), 1, "it is probed");
        let rest = bulkheads.probed(&cluster).unwrap();
        assert!(rest > REST / 2 && rest <= REST, "and answers that at once: {rest:?}");
        assert_eq!(bulkheads.enter(&cluster, &target).err(), Some(TurnedAway::Silent));
        tokio::time::advance(REST).await;
        assert_eq!(bulkheads.probed(&cluster), None);
        assert_eq!(woken.load(Ordering::Relaxed), 2, "who was turned away is called");
        assert!(bulkheads.enter(&cluster, &target).is_ok());
    }
}
