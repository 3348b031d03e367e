//! From what a reconcile found to the status that is published. All of it is computed here, in one place and without I/O,
//! also when a step failed: a target is never without a true status.

pub mod conditions;
pub mod deployed;
pub mod patch;
pub mod plugin;
pub mod registration;
pub mod target;
pub mod transitions;
