//! On which terms a plugin runs: what it may read and make, and what its failures mean.

use std::sync::Arc;

use berthage_core::api::FailurePolicy;
use berthage_core::lineup::{Emits, Reads};

/// See the module. The default is for what the operator names on the command line: everything that the host serves.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What it may read.
    pub reads: Reads,
    /// Of which kinds it may make, change and leave out objects.
    pub emits: Emits,
    /// What its failures mean for a target.
    pub failure_policy: FailurePolicy,
    /// What it is called in metrics, where that is not its own name: tenants choose names, and metrics have to be few.
    pub label: Option<Arc<str>>,
}
