//! The harness of the end-to-end suites, the demo and the benchmarks: real servers, the project's programs as real
//! processes, a proxy that counts and breaks requests, and waits with a deadline.
//!
//! | module | what |
//! |---|---|
//! | [`servers`] | etcd, kube-apiserver and what makes it a cluster, on 127.0.0.1 |
//! | [`world`] | a hub and two physical clusters, started once for all tests |
//! | [`program`] | where the project's programs are, and how to start them |
//! | [`controller`], [`syncer`] | `berthage controller` and `berthage-syncer` as processes, with what they need |
//! | [`process`] | a child process that cannot outlive its owner, with its log |
//! | [`cable`] | between a client and a server, below TLS: resets, silences, slows |
//! | [`proxy`] | between a client and an API server: records, refuses, delays, drops |
//! | [`wait`] | until an object is as expected, by watching it |
//! | [`tenancy`] | what is done by hand on a kcp of the sandbox |
//! | [`manifests`], [`kubeconfig`], [`authority`], [`client`] | what servers and clients are fed with |
//!
//! The servers are built by `cargo xtask servers`; a run's files lie under `target/e2e/<process id>` until it ends.

pub mod authority;
pub mod cable;
pub mod client;
pub mod controller;
mod error;
pub mod folder;
pub mod home;
pub mod kubeconfig;
pub mod manifests;
pub mod port;
pub mod process;
pub mod program;
pub mod proxy;
pub mod servers;
pub mod state;
pub mod syncer;
pub mod tenancy;
pub mod wait;
pub mod world;

pub use error::{Error, Result};
