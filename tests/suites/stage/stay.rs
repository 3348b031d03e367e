//! What a test made on the hub that all share, and its removal when the test has ended.
//!
//! A registration that stays is probed every two seconds, and its targets are compared at every resync, for as long as the
//! run lasts: after a quarter of an hour that took a third of the machine. Nobody waits for the removal.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_e2e::servers::Access;
use berthage_e2e::wait::{self, PATIENCE};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use serde_json::json;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::{Result, problem, registration};

/// What one test made.
#[derive(Default)]
struct Belongings {
    registrations: BTreeSet<String>,
    targets: BTreeSet<String>,
}

/// The time of a test on a shared hub; what it made goes when this is dropped.
pub(super) struct Stay {
    place: &'static Access,
    belongings: Mutex<Belongings>,
}

impl Stay {
    /// A stay that begins.
    pub(super) fn new(place: &'static Access) -> Self {
        Self { place, belongings: Mutex::default() }
    }

    /// Notes a registration, with its Secret.
    pub(super) fn registered(&self, name: &str) {
        self.belongings.lock().unwrap_or_else(PoisonError::into_inner).registrations.insert(name.to_owned());
    }

    /// Notes a target.
    pub(super) fn created(&self, name: &str) {
        self.belongings.lock().unwrap_or_else(PoisonError::into_inner).targets.insert(name.to_owned());
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let belongings = std::mem::take(self.belongings.get_mut().unwrap_or_else(PoisonError::into_inner));
        // Nobody cleans where there is no thread to do it: the clusters end with the run.
        let _ = cleaner().send((self.place, belongings));
    }
}

/// A thread of its own cleans: the runtime of a test ends with the test.
#[expect(clippy::print_stderr, reason = "no test is running that could fail of it")]
fn cleaner() -> &'static UnboundedSender<(&'static Access, Belongings)> {
    static CLEANER: OnceLock<UnboundedSender<(&'static Access, Belongings)>> = OnceLock::new();
    CLEANER.get_or_init(|| {
        let (sender, mut left) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                while let Some((place, belongings)) = left.recv().await {
                    tokio::spawn(async move {
                        if let Err(error) = clean(place, belongings).await {
                            eprintln!("what a test left on {} was not removed: {error}", place.name());
                        }
                    });
                }
            });
        });
        sender
    })
}

/// Removes what it can; the first thing that went wrong.
async fn clean(place: &Access, belongings: Belongings) -> Result {
    let client = place.client().await?;
    // As it comes: a test may leave what nobody can read.
    let targets: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::erase::<SyncTarget>(&()));
    let registrations = Api::all_with(client.clone(), &ApiResource::erase::<ClusterRegistration>(&()));
    let secrets: Api<DynamicObject> =
        Api::namespaced_with(client, registration::NAMESPACE, &ApiResource::erase::<Secret>(&()));
    let mut outcome = Ok(());
    for name in &belongings.targets {
        // The proxy in front of its cluster may have ended with the test.
        let policy = json!({ "spec": { "deletionPolicy": { "whenUnreachable": "Abandon" }, "paused": false } });
        let patched = targets.patch(name, &PatchParams::default(), &Patch::Merge(policy)).await;
        outcome = outcome.and(unless_gone(patched)).and(remove(&targets, name).await);
    }
    for name in &belongings.registrations {
        outcome = outcome.and(remove(&registrations, name).await);
        outcome = outcome.and(remove(&secrets, &registration::secret_name(name)).await);
    }
    outcome
}

/// Deletes an object, and takes its finalizers away if nobody else does.
async fn remove(api: &Api<DynamicObject>, name: &str) -> Result {
    unless_gone(api.delete(name, &DeleteParams::default()).await)?;
    if wait::until_gone(api, name, PATIENCE).await.is_ok() {
        return Ok(());
    }
    let none = json!({ "metadata": { "finalizers": null } });
    unless_gone(api.patch(name, &PatchParams::default(), &Patch::Merge(none)).await)?;
    Err(problem(format!("{name} had to lose its finalizers")))
}

fn unless_gone<T>(answer: kube::Result<T>) -> Result {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => Ok(other.map(drop)?),
    }
}
