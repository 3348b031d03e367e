//! Which plugins serve a run: the controller's own, and those that are declared for the target.

use std::hash::{Hash, Hasher};

use berthage_core::api::ConditionStatus;
use berthage_core::key::{Key, Workspace};
use berthage_core::lineup::{Lineup, Owner, Seat, Subject, lineup};
use berthage_core::reason::Reason;
use berthage_core::status::target::Finding;

use super::target::Work;
use super::{Again, Making, Stop};
use crate::hook::{Plugin, Reconciler, Transformer};

/// The plugins that serve a run. They stay the same for all of it, whatever is declared or put into a file meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    /// The one that decides.
    pub reconciler: Reconciler,
    /// Those that change what it decides, in order.
    pub transformers: Vec<Transformer>,
}

impl Serving {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Plugin> {
        let transformers = self.transformers.iter().map(|transformer| &**transformer);
        std::iter::once(&*self.reconciler).chain(transformers)
    }
}

/// The plugins that serve the target. That it is not known which they are holds everything.
pub(super) fn of(making: &Making, work: &mut Work<'_>) -> Result<Serving, Stop> {
    if let Some(serving) = &work.serving {
        return Ok(serving.clone());
    }
    let workspace = &work.key.workspace;
    let declarations = making.store.declarations(workspace);
    let tenancy = making.store.tenancy(workspace);
    let labels = work.target.metadata.labels.clone().unwrap_or_default();
    let subject = Subject {
        workspace: workspace.as_str(),
        path: tenancy.as_ref().and_then(|tenancy| tenancy.path.as_deref()),
        labels: &labels,
    };
    let found = lineup(&declarations.platform, &declarations.workspace, &subject).map_err(|unknown| {
        let finding =
            Finding { status: ConditionStatus::False, reason: Reason::PluginInvalid, message: unknown.to_string() };
        work.found.plugins_healthy = Some(finding.clone());
        work.block(finding, Again::OnChange)
    })?;
    let serving = seated(making, workspace, &found);
    work.serving = Some(serving.clone());
    Ok(serving)
}

fn seated(making: &Making, workspace: &Workspace, lineup: &Lineup) -> Serving {
    let key = |seat: &Seat| key(workspace, seat.owner, &seat.declared.name);
    let declared = lineup.transformers.iter().map(|seat| making.declared.transformer(&key(seat), seat));
    Serving {
        reconciler: lineup
            .reconciler
            .as_ref()
            .map_or_else(|| making.plugins.reconciler(), |seat| making.declared.reconciler(&key(seat), seat)),
        transformers: making.plugins.transformers().into_iter().chain(declared).collect(),
    }
}

/// The key of a plugin that is declared for a workspace.
fn key(workspace: &Workspace, owner: Owner, name: &str) -> Key {
    match owner {
        Owner::Platform if workspace.as_str() != Workspace::LOCAL => Key::plugin(&Workspace::platform(), name),
        Owner::Platform | Owner::Workspace => Key::plugin(workspace, name),
    }
}

/// All that is declared for a workspace, in the state that it is in.
pub(super) fn fingerprint(making: &Making, workspace: &Workspace, hasher: &mut impl Hasher) {
    let declarations = making.store.declarations(workspace);
    let platform = declarations.platform.iter().map(|declared| (Owner::Platform, declared));
    let own = declarations.workspace.iter().map(|declared| (Owner::Workspace, declared));
    for (owner, declared) in platform.chain(own) {
        let key = key(workspace, owner, &declared.name);
        (&declared.uid, declared.generation, declared.deleting, making.declared.version(&key)).hash(hasher);
        let healthy = making.declared.plugin(&key).is_some_and(|plugin| plugin.health().error().is_none());
        healthy.hash(hasher);
    }
}
