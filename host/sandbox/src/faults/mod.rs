//! What goes wrong between a client and a server, on purpose.
//!
//! [`Faulty`] stands in front of a [`Server`](crate::server::Server). It numbers the requests that pass, asks its [`Plan`] what
//! is to go wrong with each, lets that happen, and keeps a [`Journal`] of all of them. A plan is a function of the requests
//! before and of a seed, so that a run that is the same goes wrong in the same places.
//!
//! ```text
//!  client ─▶ Faulty ──decide──▶ Plan: Calm, Once (a crash point), Seeded
//!              │ before: delayed, refused, lost, answered by somebody else, or by a server that is behind
//!              ▼
//!            Server
//!              │ after: answer delayed, lost, cut; watch ended, held, muted, told wrongly
//!              ▼
//!           Journal  request, what went wrong, how it was answered
//! ```

mod body;
mod exchange;
mod fault;
mod journal;
mod plan;
mod query;
mod service;
#[cfg(test)]
mod tests;

pub use self::exchange::{Exchange, Verb};
pub use self::fault::{Fault, Kind};
pub use self::journal::{Entry, Journal, Outcome};
pub use self::plan::{Calm, Once, Plan, Seeded};
pub use self::query::rewrite;
pub use self::service::{Broken, Faulty, FaultyBody};
