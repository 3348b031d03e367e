//! The manifests of a target from files: the same plugins, templates, seal and guard, without a hub or a cluster.

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_core::key::Key;
use berthage_core::object::Desired;
use berthage_core::plugin::Input;
use berthage_core::seal;
use berthage_core::status::target::Finding;
use jiff::Timestamp;

use super::target::Work;
use super::{Making, Stop, issue, observe, plan, render, serving, target};
use crate::store::Held;

/// The target that is looked at.
pub struct Subject<'a> {
    /// Its key.
    pub key: &'a Key,
    /// It, as the store holds it.
    pub held: Held,
    /// It, decoded.
    pub object: SyncTarget,
    /// The registration of its cluster.
    pub registration: &'a ClusterRegistration,
    /// The time that hooks are told.
    pub now: Timestamp,
}

impl<'a> Subject<'a> {
    fn start(self) -> (Work<'a>, &'a ClusterRegistration) {
        (target::start(self.key, self.held, self.object, self.now, 0), self.registration)
    }
}

/// The objects that the controller would apply, or why it would not. The Secret with the credential is without its content.
pub fn manifests(making: &Making, subject: Subject<'_>) -> Result<Vec<Desired>, Finding> {
    let (mut work, registration) = subject.start();
    let result = observe::snapshot(making, &mut work, Some(registration)).and_then(|snapshot| {
        let (plan, _) = plan::plan(making, &mut work, &snapshot)?;
        render::objects(making, &mut work, &snapshot, &plan)
    });
    match result {
        Ok(mut objects) => {
            objects.push(issue::secret(&work, None));
            Ok(seal::seal(objects, &observe::seal_context(&work)))
        }
        Err(stop) => Err(refusal(work, &stop)),
    }
}

/// What the reconciler's hooks would be told.
pub fn input(making: &Making, subject: Subject<'_>) -> Result<Input, Finding> {
    let (mut work, registration) = subject.start();
    let result = observe::snapshot(making, &mut work, Some(registration)).and_then(|snapshot| {
        let reconciler = serving::of(making, &mut work)?.reconciler;
        let selections = reconciler.select(&work.key.workspace, &snapshot.input.subject);
        let selections = selections.map_err(|error| plan::failed(&mut work, &error))?;
        plan::with_reads(making, &mut work, &snapshot, &reconciler, &selections)
    });
    result.map_err(|stop| refusal(work, &stop))
}

fn refusal(work: Work<'_>, stop: &Stop) -> Finding {
    let mut finding = work.blocked.unwrap_or_else(|| Finding::bad(stop.reason, "It cannot be rendered."));
    if let Some(excerpt) = work.excerpt {
        finding.message.push('\n');
        finding.message.push_str(&excerpt);
    }
    finding
}
