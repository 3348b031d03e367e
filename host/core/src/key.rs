//! What a piece of work is about: workspace, kind and name.
//!
//! Every key carries its workspace from the first line on. A plain Kubernetes hub is one workspace, [`Workspace::LOCAL`].

use std::fmt;
use std::sync::Arc;

/// A kcp logical cluster by its name (never by its path: a path can be re-pointed), or the one workspace of a plain hub.
///
/// Cloning is cheap: keys are cloned into queues and maps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Workspace(Arc<str>);

impl Workspace {
    /// How a plain Kubernetes hub's one workspace is called, in keys, hashed names and override folders.
    pub const LOCAL: &'static str = "local";

    /// How the platform's own workspace on kcp is called in keys: the one of the export, which is watched directly. No logical
    /// cluster has such a name.
    pub const PLATFORM: &'static str = "@platform";

    /// The workspace of that name.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The one workspace of a plain Kubernetes hub.
    pub fn local() -> Self {
        Self::new(Self::LOCAL)
    }

    /// See [`Self::PLATFORM`].
    pub fn platform() -> Self {
        Self::new(Self::PLATFORM)
    }

    /// The workspace's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kinds that are held by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A ClusterRegistration: one probe per physical cluster.
    Registration,
    /// A SyncTarget.
    Target,
    /// A ReconcilePlugin: loaded, and its status reported.
    Plugin,
    /// A ConfigMap that plugins may read, or that holds a component. It has no reconcile: it wakes those that use it. Its name is
    /// `namespace/name`.
    ConfigMap,
}

impl Kind {
    /// The lowest of them, where keys are ordered.
    pub const FIRST: Self = Self::Registration;

    /// The kind as the API and the metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "ClusterRegistration",
            Self::Target => "SyncTarget",
            Self::Plugin => "ReconcilePlugin",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// One unit of work. What is reconciled is cluster-scoped, so a key has no namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Where the object lives.
    pub workspace: Workspace,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
}

impl Key {
    /// The key of a SyncTarget.
    pub fn target(workspace: &Workspace, name: &str) -> Self {
        Self { workspace: workspace.clone(), kind: Kind::Target, name: Arc::from(name) }
    }

    /// The key of a ReconcilePlugin.
    pub fn plugin(workspace: &Workspace, name: &str) -> Self {
        Self { workspace: workspace.clone(), kind: Kind::Plugin, name: Arc::from(name) }
    }

    /// The key of a ConfigMap, by `namespace/name`.
    pub fn config_map(workspace: &Workspace, path: &str) -> Self {
        Self { workspace: workspace.clone(), kind: Kind::ConfigMap, name: Arc::from(path) }
    }

    /// The key of a ClusterRegistration.
    pub fn registration(workspace: &Workspace, name: &str) -> Self {
        Self { workspace: workspace.clone(), kind: Kind::Registration, name: Arc::from(name) }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.workspace, self.kind.as_str(), self.name)
    }
}
