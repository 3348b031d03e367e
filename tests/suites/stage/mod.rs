//! What the suites play on: a hub with our API installed, controllers, registrations, targets, and ways to look at both
//! sides.
//!
//! [`shared`] gives the clusters of [`World`] with one controller on them, for tests that only use it. Tests that kill
//! things, or need flags of their own, start an [`OwnHub`] and run controllers against it.

pub(crate) mod controller;
pub(crate) mod news;
pub(crate) mod registration;
pub(crate) mod remains;
pub(crate) mod requests;
pub(crate) mod running;
pub(crate) mod site;
pub(crate) mod target;

use std::path::Path;

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_e2e::authority::Authority;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::servers::{Cluster, ClusterOptions};
use berthage_e2e::world::World;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use tokio::sync::OnceCell;

use self::controller::{Controller, Settings};
use self::site::Site;

/// The result of a test and of whatever it calls.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// An error of a test's own.
pub(crate) fn problem(text: impl Into<String>) -> Box<dyn std::error::Error + Send + Sync> {
    text.into().into()
}

/// A hub that serves our API, as one test sees it.
#[derive(Clone)]
pub(crate) struct Hub<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Signs the syncers' certificates.
    pub authority: &'a Authority,
    /// Where files of its controllers go.
    pub folder: &'a Path,
    /// The administrator's client.
    pub client: Client,
}

impl<'a> Hub<'a> {
    async fn new(cluster: &'a Cluster, authority: &'a Authority, folder: &'a Path) -> Result<Self> {
        let client = cluster.client().await?;
        Ok(Self { cluster, authority, folder, client })
    }

    /// The SyncTargets.
    pub(crate) fn targets(&self) -> Api<SyncTarget> {
        Api::all(self.client.clone())
    }

    /// The ClusterRegistrations.
    pub(crate) fn registrations(&self) -> Api<ClusterRegistration> {
        Api::all(self.client.clone())
    }

    /// The Secrets with kubeconfigs.
    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), registration::NAMESPACE)
    }
}

/// The clusters that tests share, with one controller at work.
pub(crate) struct Shared {
    /// The hub.
    pub hub: Hub<'static>,
    /// A physical cluster.
    pub east: Site<'static>,
    /// Another one.
    pub west: Site<'static>,
    /// The controller.
    pub controller: &'static Controller,
}

/// The clusters that tests share; the first caller starts them, and a controller on them.
pub(crate) async fn shared() -> Result<Shared> {
    static CONTROLLER: OnceCell<Controller> = OnceCell::const_new();
    let world = World::shared().await?;
    let hub = Hub::new(&world.hub, &world.client_authority, world.folder.path()).await?;
    let controller = CONTROLLER
        .get_or_try_init(|| async {
            install(hub.cluster).await?;
            hub.controller("controller", Settings::default()).await
        })
        .await?;
    Ok(Shared { hub, east: Site::new(&world.east).await?, west: Site::new(&world.west).await?, controller })
}

/// A hub for one test alone.
pub(crate) struct OwnHub {
    cluster: Cluster,
    authority: Authority,
    folder: RunFolder,
}

impl OwnHub {
    /// Starts a hub that trusts the authority of its controllers.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let authority = Authority::new("berthage syncers")?;
        let options = ClusterOptions::hub("hub").client_authority(&authority.certificate());
        Self::start_with(name, options, authority).await
    }

    /// Starts a hub that does not know the authority of its controllers.
    pub(crate) async fn start_distrusting(name: &str) -> Result<Self> {
        Self::start_with(name, ClusterOptions::hub("hub"), Authority::new("berthage syncers")?).await
    }

    async fn start_with(name: &str, options: ClusterOptions, authority: Authority) -> Result<Self> {
        let folder = RunFolder::new(name)?;
        let cluster = Box::pin(Cluster::start(folder.path(), options)).await?;
        install(&cluster).await?;
        Ok(Self { cluster, authority, folder })
    }

    /// The hub, for the test that calls.
    pub(crate) async fn hub(&self) -> Result<Hub<'_>> {
        Hub::new(&self.cluster, &self.authority, self.folder.path()).await
    }
}

/// Installs our API as a platform engineer does: with what `berthage crds` prints.
async fn install(hub: &Cluster) -> Result {
    let printed = Invocation::new(["crds"]).output(&program::berthage()?).await?;
    if !printed.status.success() {
        return Err(problem(format!("berthage crds failed: {}", String::from_utf8_lossy(&printed.stderr))));
    }
    hub.apply_text(&String::from_utf8(printed.stdout)?).await?;
    Ok(())
}
