//! Who somebody is, and what they may do.
//!
//! Facts come from `k8s.io/apiserver` 0.36, Kubernetes 1.36 and, for workspaces, kcp and its fork of Kubernetes.

pub mod aggregation;
pub mod attributes;
pub mod authentication;
pub mod authority;
pub mod bindings;
pub mod bootstrap;
mod covers;
pub mod escalation;
pub mod impersonation;
pub mod kcp;
pub mod reviews;
mod rule;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod user;
pub mod validation;
pub mod view;
