//! What else the controllers, the scheduler and the kubelets of a plain cluster do: Deployments become pods, and pods run.
//!
//! ```text
//!  Deployment ─▶ ReplicaSets ─▶ pods ─▶ a node ─▶ Running, as far as a client sees it
//! ```
//!
//! Not here: Jobs, StatefulSets and DaemonSets; the status of PodDisruptionBudgets; Events; endpoints of Services; the tokens of
//! Secrets of the type `kubernetes.io/service-account-token` (nothing in the sandbox takes them, see
//! [`tokens`](crate::access::tokens)).

pub mod admission;
pub mod bootstrap;
mod claim;
pub mod deployments;
pub mod pods;
pub mod replicasets;

pub use self::bootstrap::{Bootstrap, NodeSpec, bootstrap_cluster};
pub use self::pods::{AtOnce, Kubelet, Pace, Program, report};
use super::{Actor, shared};

/// All controllers of plain clusters. `root_ca` is what clients of the server trust, in PEM.
pub fn kubernetes(root_ca: &str, pace: Pace, kubelet: Box<dyn Kubelet>) -> Vec<Box<dyn Actor>> {
    let mut actors = shared(root_ca);
    actors.push(Box::new(deployments::Deployments));
    actors.push(Box::new(replicasets::ReplicaSets));
    actors.push(Box::new(pods::Pods::new(pace, kubelet)));
    actors
}
