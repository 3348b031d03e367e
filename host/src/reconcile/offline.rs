//! The manifests of a target from files: the same plugins, templates, seal and guard, without a hub or a cluster.

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_core::key::Key;
use berthage_core::object::Desired;
use berthage_core::seal;
use berthage_core::status::target::Finding;
use jiff::Timestamp;

use super::{Making, issue, observe, plan, render, target};
use crate::store::Held;

/// The objects that the controller would apply for the target that the store holds under `key`, or why it would not. The
/// Secret with the credential is without its content.
pub fn manifests(
    making: &Making,
    key: &Key,
    held: Held,
    object: SyncTarget,
    registration: &ClusterRegistration,
    now: Timestamp,
) -> Result<Vec<Desired>, Finding> {
    let mut work = target::start(key, held, object, now, 0);
    let result = observe::snapshot(making, &mut work, Some(registration)).and_then(|snapshot| {
        let plan = plan::plan(making, &mut work, &snapshot)?;
        render::objects(making, &mut work, &snapshot, &plan)
    });
    match result {
        Ok(mut objects) => {
            objects.push(issue::secret(&work, None));
            Ok(seal::seal(objects, &observe::seal_context(&work)))
        }
        Err(stop) => Err(work.blocked.unwrap_or_else(|| Finding::bad(stop.reason, "It cannot be rendered."))),
    }
}
