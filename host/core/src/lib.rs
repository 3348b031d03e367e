//! The pure half of berthage: types and decisions, without I/O, clock or randomness.

pub mod api;
pub mod key;
pub mod names;
pub mod object;
pub mod plugin;
pub mod reason;
