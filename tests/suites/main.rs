//! The end-to-end suites: one binary, so that they share their clusters.
//!
//! `cargo xtask test` builds what they need and runs them. By hand: `cargo xtask servers`, then
//! `cargo test -p berthage-e2e --test e2e -- --ignored NAME`.

mod bad_input;
mod broken_parts;
mod cables;
mod conformance;
mod crash;
mod credentials;
mod deploy;
mod hanging;
mod harness;
mod hostile;
mod kcp;
mod kubectl;
mod leader;
mod lifecycle;
mod plugins;
mod quiet;
mod requests;
mod sandbox;
mod stage;
mod syncer;
