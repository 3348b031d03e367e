//! Pods: they get a node, run there, and end, as far as a client of the API sees it. No container runs, unless a [`Kubelet`]
//! starts something for it.
//!
//! Facts: `pkg/scheduler`, `pkg/kubelet/{kubelet_pods.go,status,images}` of Kubernetes 1.36. A pod whose image has
//! `does-not-exist` in its name has an image that does not exist.
//!
//! Approximate: nodes are chosen by how many pods they have, and few of the filters are asked whether they fit; containers never
//! end by themselves, are not restarted when their image changes, and have no probes; the pods of a node that is deleted stay. A
//! kubelet tries again to pull an image and says `ErrImagePull` now and then; here it says `ImagePullBackOff` for good.

mod containers;
mod end;
mod fit;
mod images;
mod kubelet;
mod mounts;
mod place;
mod program;
mod report;
mod run;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

pub use self::kubelet::{AtOnce, Kubelet};
pub use self::program::Program;
pub use self::report::report;
use crate::actors::Actor;
use crate::actors::reading::{Object, is_deleting, text};
use crate::store;
use crate::world::{Changed, Named, World};

/// How long things take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// From the first sight of a pod by its kubelet until its containers run.
    pub start: Duration,
    /// From a deletion until the containers have ended; not more than the time that the deletion gives them.
    pub stop: Duration,
}

/// The scheduler and the kubelets of all clusters.
#[derive(Debug)]
pub struct Pods {
    pace: Pace,
    kubelet: Box<dyn Kubelet>,
    known: BTreeMap<At, Known>,
    /// How many pods there are on each node, by cluster and name.
    load: BTreeMap<Place, usize>,
    /// The pods of a cluster that no node is fit for, by namespace and name.
    unplaced: BTreeMap<Box<str>, BTreeSet<Place>>,
    /// The pods that wait for Secrets or ConfigMaps, by cluster and namespace.
    waiting: BTreeMap<Place, BTreeSet<Box<str>>>,
}

/// Where something is, and its name.
type Place = (Box<str>, Box<str>);

/// Cluster, namespace and name.
type At = (Box<str>, Box<str>, Box<str>);

/// A pod on a node.
#[derive(Debug)]
struct Known {
    uid: Box<str>,
    node: Box<str>,
    /// The kubelet was told to start it.
    started: bool,
}

impl Pods {
    /// No pods yet.
    pub fn new(pace: Pace, kubelet: Box<dyn Kubelet>) -> Self {
        Self {
            pace,
            kubelet,
            known: BTreeMap::new(),
            load: BTreeMap::new(),
            unplaced: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn look(&mut self, world: &mut World, named: &Named<'_>) -> Option<Timestamp> {
        let pod = world.get(named)?;
        let is_placed = !text(&pod, &["spec", "nodeName"]).is_empty();
        match (is_placed, is_deleting(&pod)) {
            // Nobody has to stop it: what holds it is its finalizers.
            (false, true) => None,
            (false, false) => {
                self.place(world, named, &pod);
                None
            }
            (true, true) => {
                self.know(named, &pod);
                self.end(world, named, &pod)
            }
            (true, false) => {
                self.know(named, &pod);
                self.run(world, named, &pod)
            }
        }
    }

    /// Remembers a pod that has a node.
    fn know(&mut self, named: &Named<'_>, pod: &Object) {
        let (uid, node) = (text(pod, &["metadata", "uid"]), text(pod, &["spec", "nodeName"]));
        if self.known.get(&at(named)).is_none_or(|known| *known.uid != *uid) {
            *self.load.entry((named.cluster.into(), node.into())).or_default() += 1;
            self.known.insert(at(named), Known { uid: uid.into(), node: node.into(), started: false });
        }
    }

    /// Forgets a pod that is gone, and makes room for others.
    fn forget(&mut self, world: &mut World, named: &Named<'_>, before: &store::Object) {
        let cluster: Box<str> = named.cluster.into();
        if let Some(waiting) = self.waiting.get_mut(&(cluster.clone(), named.namespace.into())) {
            waiting.remove(named.name);
        }
        if let Some(unplaced) = self.unplaced.get_mut(&cluster) {
            unplaced.remove(&(named.namespace.into(), named.name.into()));
        }
        let Some(known) = self.known.get(&at(named)).filter(|known| *known.uid == *before.uid()) else { return };
        let place = (cluster, known.node.clone());
        if known.started {
            self.kubelet.stopped(named.cluster, &before.map().unwrap_or_default());
        }
        if let Some(load) = self.load.get_mut(&place) {
            *load = load.saturating_sub(1);
            if *load == 0 {
                self.load.remove(&place);
            }
        }
        self.known.remove(&at(named));
        self.place_others(world, named.cluster);
    }

    /// Looks again at the pods of a cluster that have no node.
    fn place_others(&mut self, world: &mut World, cluster: &str) {
        for (namespace, name) in self.unplaced.get(cluster).cloned().unwrap_or_default() {
            let named = Named { cluster, group: "", plural: "pods", namespace: &namespace, name: &name };
            self.look(world, &named);
        }
    }
}

impl Actor for Pods {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if !changed.group.is_empty() {
            return None;
        }
        let (cluster, namespace) = (&*changed.cluster, &*changed.namespace);
        match &*changed.plural {
            "pods" => {
                let named = changed.named();
                let uid = world.kept(&named).map(|pod| pod.uid().into_owned());
                if let Some(before) = changed.before.as_ref().filter(|before| uid.as_deref() != Some(&*before.uid())) {
                    self.forget(world, &named, before);
                }
                self.look(world, &named)
            }
            "nodes" => {
                self.place_others(world, cluster);
                None
            }
            "secrets" | "configmaps" => {
                let waiting = self.waiting.get(&(cluster.into(), namespace.into())).cloned().unwrap_or_default();
                let mut again = None;
                for name in waiting {
                    let named = Named { cluster, group: "", plural: "pods", namespace, name: &name };
                    again = [again, self.look(world, &named)].into_iter().flatten().min();
                }
                again
            }
            _ => None,
        }
    }
}

fn at(named: &Named<'_>) -> At {
    (named.cluster.into(), named.namespace.into(), named.name.into())
}
