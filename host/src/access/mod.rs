//! The way to an API server: a tenant's kubeconfig is parsed by an allow-list, a client is built by hand from what is
//! left, every request is bounded, and every failure ends in one of a few reasons.
//!
//! ```text
//! Secret ──kubeconfig──▶ Access ──connect──▶ kube::Client = bounds (fence, time, size) ▷ bearer ▷ base URI ▷ dial
//!                           └─fingerprint──▶ Connections (pool)                     kube::Error ──failure──▶ Failure
//! ```
//!
//! Nothing here reads a file, an environment variable or runs a program on behalf of a tenant, and nothing retries: the
//! queue does.

pub mod address;
pub mod bounds;
pub mod connect;
mod dial;
mod document;
pub mod failure;
pub mod fence;
mod first;
pub mod kubeconfig;
pub mod network;
pub mod observe;
pub(crate) mod pace;
mod pages;
pub mod pool;
mod remove;
mod shape;
mod tcp;

pub use address::AddressPolicy;
pub use bounds::Limits;
pub use connect::{ConnectError, Options};
pub use failure::{Failure, Retry};
pub use fence::{Fence, Fenced};
pub use kubeconfig::{Access, KubeconfigError};
pub use network::{AnswerBody, Network, Route};
pub use observe::{RequestObserver, RequestRecord, Side};
pub use pool::Connections;
pub use remove::remove;

/// Makes aws-lc-rs the process's TLS provider. To be called once at start, before any connection; later calls, and calls
/// after another provider was installed, change nothing.
pub fn install_crypto_provider() {
    // The error only says that a provider is there already.
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
}
