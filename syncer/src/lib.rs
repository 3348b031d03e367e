//! The program that berthage deploys into a physical cluster.
//!
//! It shows the hub that it is there: it renews the Lease that the controller made for its SyncTarget, and says there
//! with which version and credential it works. It moves no objects.
//!
//! ```text
//!     mounted Secret ──mount──▶ kubeconfig ──▶ connection ──▶ beat ──▶ the hub: GET SyncTarget, PATCH Lease
//!      (read again                              (replaced      │
//!       every 2 s)                               when it       └──▶ readiness ──▶ probes
//!                                                changes)
//! ```
//!
//! | Module | What |
//! |---|---|
//! | [`args`] | the command line |
//! | [`run`] | puts the parts together; signals and the exit code |
//! | [`mount`] | sees that the mounted Secret has changed |
//! | [`kubeconfig`] | what of a kubeconfig is accepted |
//! | [`credential`] | which credential it is: the serial |
//! | [`connection`] | a client for the hub |
//! | [`proxy`] | whether the hub is reached through a proxy |
//! | [`target`] | whether the SyncTarget is still there |
//! | [`beat`] | one heartbeat |
//! | [`heartbeat`] | heartbeats until the end |
//! | [`failure`] | what went wrong with a request, in words that can be logged |
//! | [`probes`] | `/healthz` and `/readyz` |

pub mod args;
pub mod beat;
pub mod connection;
pub mod credential;
pub mod failure;
pub mod heartbeat;
pub mod kubeconfig;
pub mod mount;
pub mod probes;
pub mod proxy;
pub mod run;
pub mod target;
