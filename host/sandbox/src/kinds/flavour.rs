//! Whose behaviour a server has.

/// What kind of server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flavour {
    /// kube-apiserver 1.36.
    Kubernetes,
    /// kcp, which serves what a control plane without workloads needs, in many workspaces.
    Kcp,
}
