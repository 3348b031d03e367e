//! Whoever runs something for a pod.

use serde_json::{Map, Value};

/// What a kubelet does beside the API. It is told about pods in all clusters of a server.
///
/// Pods are told as they are kept: without `apiVersion` and `kind`.
///
/// What it starts may take its time: it says so, and tells with [`report`](super::report()) when the pod is ready, or no longer.
/// After a restart of the server it is told again to start what should run.
pub trait Kubelet: Send + std::fmt::Debug {
    /// The containers of a pod are to run from now on. Says whether they are ready already.
    fn started(&mut self, cluster: &str, pod: &Map<String, Value>) -> bool;

    /// They are not to run any more. `pod` is its last state.
    fn stopped(&mut self, cluster: &str, pod: &Map<String, Value>);
}

/// Runs nothing: all pods are ready at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct AtOnce;

impl Kubelet for AtOnce {
    fn started(&mut self, _: &str, _: &Map<String, Value>) -> bool {
        true
    }

    fn stopped(&mut self, _: &str, _: &Map<String, Value>) {}
}
