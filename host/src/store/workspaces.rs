//! The workspaces that are served: under which URL, by which path people know them, what their binding accepts, and
//! whether they are being deleted.
//!
//! A workspace costs one record here and nothing anywhere else: no client, no cache and no task is made for one.

use std::collections::HashMap;
use std::sync::Arc;

use berthage_core::kcp::binding::Binding;
use berthage_core::key::Workspace;
use jiff::Timestamp;

/// Where the hub serves workspaces: the URL of an APIExportEndpointSlice, one for each shard; or the plain hub itself.
///
/// resourceVersions of two endpoints have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint(Arc<str>);

impl Endpoint {
    /// A plain Kubernetes hub, which has no workspaces but one.
    pub fn plain() -> Self {
        Self(Arc::from(""))
    }

    /// The platform's own workspace on kcp, as the controller's kubeconfig leads to it.
    pub fn platform() -> Self {
        Self(Arc::from(Workspace::PLATFORM))
    }

    /// An endpoint of kcp.
    pub fn new(url: &str) -> Self {
        Self(Arc::from(url.trim_end_matches('/')))
    }

    /// Its URL without a slash at the end; empty for a plain hub, and a name for the platform's own workspace.
    pub fn url(&self) -> &str {
        &self.0
    }

    /// Whether it is a plain hub.
    pub fn is_plain(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is the platform's own workspace on kcp.
    pub fn is_platform(&self) -> bool {
        *self.0 == *Workspace::PLATFORM
    }

    /// The one workspace that is served there, where there is only one: the controller's own kubeconfig leads to it.
    pub fn home(&self) -> Option<&'static str> {
        match (self.is_plain(), self.is_platform()) {
            (true, _) => Some(Workspace::LOCAL),
            (_, true) => Some(Workspace::PLATFORM),
            _ => None,
        }
    }
}

/// What is known of one workspace.
#[derive(Debug, Clone, Hash)]
pub struct Tenancy {
    /// Where it is served.
    pub endpoint: Endpoint,
    /// Its path, for people: `root:team:project`. Never a key, because a path can be re-pointed.
    pub path: Option<Arc<str>>,
    /// Since when it is being deleted.
    pub leaving: Option<Timestamp>,
    /// Its bindings of our export, which is one in general; none on a plain hub, and until it is known.
    bindings: Vec<Arc<Binding>>,
}

impl Tenancy {
    /// Since when the workspace, or its binding, is being deleted: afterwards nothing in it can be reached.
    pub fn ending(&self) -> Option<Timestamp> {
        let unbinding = self.binding().and_then(|binding| binding.deleting);
        self.leaving.into_iter().chain(unbinding).min()
    }

    /// What the tenant lets us do: the binding that gives the workspace our API, or that is to.
    pub fn binding(&self) -> Option<&Arc<Binding>> {
        Binding::serving(&self.bindings)
    }

    /// All of its bindings.
    pub fn bindings(&self) -> &[Arc<Binding>] {
        &self.bindings
    }

    /// Takes in a binding, or that there is none of that name; whether that is news.
    pub(super) fn set_binding(&mut self, name: &str, binding: Option<Binding>) -> bool {
        let known = self.bindings.iter().position(|known| *known.name == *name);
        match (known, binding.map(Arc::new)) {
            (None, None) => return false,
            (Some(at), None) => drop(self.bindings.remove(at)),
            (Some(at), Some(binding)) if self.bindings[at] == binding => return false,
            (Some(at), Some(binding)) => self.bindings[at] = binding,
            (None, Some(binding)) => self.bindings.push(binding),
        }
        true
    }
}

/// A workspace as the store's tables name it.
pub(super) type Place = u32;

/// The table of workspaces.
#[derive(Default)]
pub(super) struct Workspaces {
    places: HashMap<Workspace, Place>,
    slots: Vec<Option<(Workspace, Tenancy)>>,
    free: Vec<Place>,
}

impl Workspaces {
    pub(super) fn place(&self, workspace: &Workspace) -> Option<Place> {
        self.places.get(workspace).copied()
    }

    pub(super) fn at(&self, place: Place) -> Option<&(Workspace, Tenancy)> {
        self.slots.get(place as usize)?.as_ref()
    }

    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Tenancy> {
        self.slots.get_mut(place as usize)?.as_mut().map(|(_, tenancy)| tenancy)
    }

    /// Takes in a workspace that is not known yet.
    pub(super) fn enter(&mut self, workspace: &Workspace, endpoint: &Endpoint) -> Place {
        let tenancy = Tenancy { endpoint: endpoint.clone(), path: None, leaving: None, bindings: Vec::new() };
        let entry = Some((workspace.clone(), tenancy));
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = entry;
                place
            }
            None => {
                self.slots.push(entry);
                // Four billion workspaces do not fit into any memory.
                Place::try_from(self.slots.len() - 1).unwrap_or(Place::MAX)
            }
        };
        self.places.insert(workspace.clone(), place);
        place
    }

    /// Forgets a workspace; nothing of it may be held any more.
    pub(super) fn leave(&mut self, place: Place) {
        if let Some((workspace, _)) = self.slots.get_mut(place as usize).and_then(Option::take) {
            self.places.remove(&workspace);
            self.free.push(place);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// All workspaces.
    pub(super) fn all(&self) -> Vec<Place> {
        (0..).zip(&self.slots).filter(|(_, slot)| slot.is_some()).map(|(place, _)| place).collect()
    }

    /// The workspaces of an endpoint.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Vec<Place> {
        let slots = (0..).zip(&self.slots);
        slots
            .filter(|(_, slot)| slot.as_ref().is_some_and(|(_, tenancy)| tenancy.endpoint == *endpoint))
            .map(|(place, _)| place)
            .collect()
    }
}
