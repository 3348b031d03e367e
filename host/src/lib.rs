//! Berthage: the controller and its command line.

pub mod access;
pub mod admin;
pub mod args;
pub mod cli;
pub mod controller;
pub mod credentials;
pub mod downstream;
pub mod events;
pub mod hook;
pub mod hub;
pub mod leader;
pub mod library;
pub mod manager;
pub mod metrics;
pub mod queue;
pub mod reconcile;
pub mod run;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod watch;
pub mod wire;
pub mod workers;
