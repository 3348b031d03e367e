//! The pure half of berthage: types and decisions, without I/O, clock or randomness.

pub mod api;
pub mod backoff;
pub mod bulkhead;
pub mod canonical;
pub mod capacity;
pub mod clock;
pub mod compat;
pub mod credential;
pub mod diff;
pub mod guard;
pub mod heartbeat;
pub mod kcp;
pub mod key;
pub mod names;
pub mod object;
pub mod places;
pub mod plugin;
pub mod pointer;
pub mod queue;
pub mod reason;
pub mod rights;
pub mod seal;
pub mod selection;
pub mod shares;
pub mod status;
pub mod template;
