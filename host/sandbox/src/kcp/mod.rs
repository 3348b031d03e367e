//! kcp.
pub mod definitions;
pub mod names;
