//! The lease on the API server: read, written, watched. Every write is bound to the version that was seen, so that of two
//! replicas that want it one gets it.

use std::time::Duration;

use futures::{Stream, TryStreamExt as _};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use tokio::time::{Instant, timeout_at};

use super::Config;
use super::step::Seen;

/// Why a request for the lease did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// Somebody else wrote or made it first.
    #[error("somebody else changed the lease first")]
    Changed,
    /// The server did not answer in time: the write may have happened or not.
    #[error("the hub did not answer in time")]
    Timeout,
    /// The controller has not the rights.
    #[error(
        "the hub forbids it: the controller needs get, create, update and watch on leases in namespace {namespace}"
    )]
    Forbidden {
        /// Where the lease is.
        namespace: String,
        /// As the server said it.
        #[source]
        source: kube::Error,
    },
    /// Anything else.
    #[error("the hub did not serve the request")]
    Failed(#[source] kube::Error),
}

/// The requests.
pub(super) struct LeaseApi {
    api: Api<Lease>,
    pub(super) config: Config,
}

/// How a write changes who holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// This replica becomes its holder.
    Take,
    /// This replica stays its holder.
    Renew,
    /// This replica lets it go.
    Release,
}

impl LeaseApi {
    pub(super) fn new(client: Client, config: Config) -> Self {
        Self { api: Api::namespaced(client, &config.namespace), config }
    }

    /// The lease as it is, if there is one.
    pub(super) async fn get(&self, until: Instant) -> Result<Option<Lease>, LeaseError> {
        self.ask(until, self.api.get_opt(&self.config.name)).await
    }

    /// Writes to the lease that was seen, or makes it where none is.
    pub(super) async fn write(&self, seen: Option<&Seen>, write: Write, until: Instant) -> Result<Lease, LeaseError> {
        let now = MicroTime(self.config.clock.now());
        let params = PostParams::default();
        match seen.filter(|seen| !seen.deleted) {
            None => {
                let metadata = ObjectMeta { name: Some(self.config.name.clone()), ..ObjectMeta::default() };
                let lease = self.written(Lease { metadata, spec: None }, write, now);
                self.ask(until, self.api.create(&params, &lease)).await
            }
            Some(seen) => {
                let lease = self.written(seen.lease.clone(), write, now);
                self.ask(until, self.api.replace(&self.config.name, &params, &lease)).await
            }
        }
    }

    /// What the lease says after the write. Fields that are not ours stay as they are.
    fn written(&self, mut lease: Lease, write: Write, now: MicroTime) -> Lease {
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        match write {
            Write::Take => {
                spec.holder_identity = Some(self.config.identity.clone());
                spec.lease_duration_seconds = Some(self.config.duration_seconds());
                spec.acquire_time = Some(now.clone());
                spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |count| count.saturating_add(1)));
            }
            Write::Renew => spec.lease_duration_seconds = Some(self.config.duration_seconds()),
            Write::Release => {
                spec.holder_identity = Some(String::new());
                // What client-go leaves behind: a reader that does not know an empty holder waits for a second only.
                spec.lease_duration_seconds = Some(1);
            }
        }
        spec.renew_time = Some(now);
        lease
    }

    /// Changes of the lease after the version that was seen. Ends by itself after some minutes, or when it cannot go on.
    pub(super) async fn watch(&self, seen: &Seen) -> Result<impl Stream<Item = Change> + use<>, LeaseError> {
        let params = WatchParams::default().fields(&format!("metadata.name={}", self.config.name)).timeout(240);
        let until = Instant::now() + self.config.request_timeout;
        let stream = self.ask(until, self.api.watch(&params, seen.version())).await?;
        Ok(Box::pin(futures::stream::unfold(Box::pin(stream), |mut stream| async move {
            loop {
                let change = match stream.try_next().await {
                    Ok(Some(WatchEvent::Added(lease) | WatchEvent::Modified(lease))) => Change::Lease(Box::new(lease)),
                    Ok(Some(WatchEvent::Deleted(_))) => Change::Deleted,
                    Ok(Some(WatchEvent::Bookmark(_))) => continue,
                    Ok(Some(WatchEvent::Error(_)) | None) | Err(_) => return None,
                };
                return Some((change, stream));
            }
        })))
    }

    /// Bounds a request: it ends at `until` at the latest, and takes no longer than a request may.
    async fn ask<T>(&self, until: Instant, request: impl Future<Output = kube::Result<T>>) -> Result<T, LeaseError> {
        let until = until.min(Instant::now() + self.config.request_timeout);
        match timeout_at(until, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(LeaseError::Changed),
            Ok(Err(source @ kube::Error::Api(_))) if is_forbidden(&source) => {
                Err(LeaseError::Forbidden { namespace: self.config.namespace.clone(), source })
            }
            Ok(Err(error)) => Err(LeaseError::Failed(error)),
            Err(_) => Err(LeaseError::Timeout),
        }
    }
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// What a watch tells.
#[derive(Debug)]
pub(super) enum Change {
    /// The lease has changed to this.
    Lease(Box<Lease>),
    /// It was deleted.
    Deleted,
}

impl Config {
    /// As the lease has it: whole seconds, rounded up, since others must not wait for less.
    fn duration_seconds(&self) -> i32 {
        let up = self.lease_duration.as_secs()
            + u64::from(self.lease_duration > Duration::from_secs(self.lease_duration.as_secs()));
        i32::try_from(up).unwrap_or(i32::MAX)
    }
}
