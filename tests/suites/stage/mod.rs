//! What the suites play on: a hub with our API installed, controllers, registrations, targets, and ways to look at both
//! sides.
//!
//! [`shared`] gives the clusters of [`World`] with one controller on them, for tests that only use it. Tests that kill
//! things, or need flags of their own, start an [`OwnHub`] and run controllers against it.

pub(crate) mod controller;
pub(crate) mod counted;
pub(crate) mod hold;
pub(crate) mod kcp;
pub(crate) mod news;
pub(crate) mod registration;
pub(crate) mod remains;
pub(crate) mod requests;
pub(crate) mod running;
pub(crate) mod site;
pub(crate) mod state;
mod stay;
pub(crate) mod target;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_core::key::Workspace;
use berthage_e2e::authority::Authority;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::home::{Claims, Home};
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::servers::{Access, Cluster, ClusterOptions};
use berthage_e2e::world::{World, fresh_name, on_kcp};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use tokio::sync::OnceCell;

use self::controller::{Controller, Settings};
use self::site::Site;
use self::stay::Stay;

/// The result of a test and of whatever it calls.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// An error of a test's own.
pub(crate) fn problem(text: impl Into<String>) -> Box<dyn std::error::Error + Send + Sync> {
    text.into().into()
}

/// A hub that serves our API, as one test sees it: a plain one, or a workspace of kcp.
#[derive(Clone)]
pub(crate) struct Hub<'a> {
    /// The plain hub, or the workspace.
    pub cluster: &'a Access,
    /// Where its controllers' kubeconfigs lead.
    pub home: &'a Home,
    /// Its name in keys and hashes.
    pub workspace: Workspace,
    /// Signs the syncers' certificates.
    pub authority: &'a Authority,
    /// Where files of its controllers go.
    pub folder: &'a Path,
    /// The administrator's client.
    pub client: Client,
    /// On a hub that other tests share.
    stay: Option<Arc<Stay>>,
}

impl<'a> Hub<'a> {
    async fn new(cluster: &'a Access, home: &'a Home, authority: &'a Authority, folder: &'a Path) -> Result<Self> {
        let client = cluster.client().await?;
        let workspace = if home.is_kcp() { Workspace::new(cluster.logical_cluster()) } else { Workspace::local() };
        Ok(Self { cluster, home, workspace, authority, folder, client, stay: None })
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

/// The hub that tests share.
struct Common {
    home: Home,
    /// The plain hub, or three workspaces of kcp, of which one is in another.
    places: Vec<Access>,
    controller: Controller,
}

impl Common {
    async fn start(world: &'static World) -> Result<Self> {
        let (home, places) = match &world.kcp {
            None => {
                install(&world.hub).await?;
                (Home::kubernetes(&world.hub), vec![Access::clone(&world.hub)])
            }
            Some(kcp) => {
                let home = Home::kcp(kcp, "platform").await?;
                let alpha = home.tenant(kcp, kcp.root(), "alpha", Claims::All).await?;
                let beta = home.tenant(kcp, kcp.root(), "beta", Claims::All).await?;
                let inner = home.tenant(kcp, &alpha, "inner", Claims::All).await?;
                (home, vec![alpha, beta, inner])
            }
        };
        let folder = world.folder.path();
        let controller =
            Controller::launch(&home, Some(&world.client_authority), folder, "controller", Settings::default())?;
        controller.ready().await?;
        Ok(Self { home, places, controller })
    }
}

/// The clusters that tests share; the first caller starts them, and a controller on them. On kcp, the tests take turns with
/// the workspaces.
pub(crate) async fn shared() -> Result<Shared> {
    static COMMON: OnceCell<Common> = OnceCell::const_new();
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let world = World::shared().await?;
    let common = COMMON.get_or_try_init(|| Common::start(world)).await?;
    let place = &common.places[TURN.fetch_add(1, Ordering::Relaxed) % common.places.len()];
    let hub = Hub::new(place, &common.home, &world.client_authority, world.folder.path()).await?;
    Ok(Shared {
        hub: Hub { stay: Some(Arc::new(Stay::new(place))), ..hub },
        east: Site::new(&world.east).await?,
        west: Site::new(&world.west).await?,
        controller: &common.controller,
    })
}

/// A hub for one test alone: a server of its own, or on kcp a workspace and an APIExport of its own.
pub(crate) struct OwnHub {
    /// Ends with the test.
    _server: Option<Cluster>,
    home: Home,
    place: Access,
    authority: Arc<Authority>,
    folder: RunFolder,
}

impl OwnHub {
    /// Starts a hub that trusts the authority of its controllers.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        if on_kcp() {
            let world = World::shared().await?;
            return Self::on_kcp(name, world, Arc::clone(&world.client_authority)).await;
        }
        let authority = Authority::new("berthage syncers")?;
        let options = ClusterOptions::hub("hub").client_authority(&authority.certificate());
        Self::start_with(name, options, authority).await
    }

    /// Starts a hub that does not know the authority of its controllers.
    pub(crate) async fn start_distrusting(name: &str) -> Result<Self> {
        let authority = Authority::new("berthage syncers")?;
        if on_kcp() {
            return Self::on_kcp(name, World::shared().await?, Arc::new(authority)).await;
        }
        Self::start_with(name, ClusterOptions::hub("hub"), authority).await
    }

    async fn start_with(name: &str, options: ClusterOptions, authority: Authority) -> Result<Self> {
        let folder = RunFolder::new(name)?;
        let server = Box::pin(Cluster::start(folder.path(), options)).await?;
        install(&server).await?;
        let (home, place) = (Home::kubernetes(&server), Access::clone(&server));
        Ok(Self { _server: Some(server), home, place, authority: Arc::new(authority), folder })
    }

    async fn on_kcp(name: &str, world: &World, authority: Arc<Authority>) -> Result<Self> {
        let kcp = world.kcp.as_ref().ok_or_else(|| problem("the world has no kcp"))?;
        let name = fresh_name(name);
        let home = Home::kcp(kcp, &format!("{name}-platform")).await?;
        let place = home.tenant(kcp, kcp.root(), &name, Claims::All).await?;
        Ok(Self { _server: None, home, place, authority, folder: RunFolder::new(&name)? })
    }

    /// The hub, for the test that calls.
    pub(crate) async fn hub(&self) -> Result<Hub<'_>> {
        Hub::new(&self.place, &self.home, &self.authority, self.folder.path()).await
    }
}

/// Installs our API as a platform engineer does: with what `berthage crds` prints.
async fn install(hub: &Access) -> Result {
    let printed = Invocation::new(["crds"]).output(&program::berthage()?).await?;
    if !printed.status.success() {
        return Err(problem(format!("berthage crds failed: {}", String::from_utf8_lossy(&printed.stderr))));
    }
    hub.apply_text(&String::from_utf8(printed.stdout)?).await?;
    Ok(())
}
