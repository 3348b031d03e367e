//! Who may use a virtual workspace, and what of it.

use super::VirtualWorkspace;
use crate::access::attributes::Attributes;
use crate::access::kcp::export::{self, Target};
use crate::access::kcp::workspace::Workspace;
use crate::access::user::User;
use crate::access::view::Verdict;
use crate::kcp::binding::Binding;
use crate::world::World;

impl VirtualWorkspace {
    /// Whether somebody may do something, in a workspace or (`None`) in all of them at once. A refusal is told as
    /// [`Attributes::forbidden`] tells it.
    pub fn authorize(
        &self,
        world: &World,
        user: &User,
        attributes: &Attributes<'_>,
        cluster: Option<&str>,
    ) -> Verdict<'static> {
        let Some(own) = self.export(world) else { return Verdict::NoOpinion("access denied".to_owned()) };
        let identities: Vec<&str> =
            own.claims.iter().map(|claim| claim.identity_hash.as_str()).filter(|hash| !hash.is_empty()).collect();
        let providers: Vec<_> = identities
            .iter()
            .flat_map(|hash| world.kcp().exports_of_identity(hash).into_iter().map(move |export| (*hash, export)))
            .collect();
        let claimed: Vec<(&str, Option<Workspace<'_>>)> = providers
            .iter()
            .map(|(hash, export)| (*hash, export.has_policy.then(|| world.workspace(&export.cluster))))
            .collect();
        let export = export::Export {
            name: self.name(),
            provider: world.workspace(self.cluster()),
            claims: &own.claims,
            claimed: &claimed,
        };
        let target = match cluster {
            None => Target::Every,
            Some(cluster) => Target::One(
                self.binding(world, cluster)
                    .map(|binding| export::Binding { bound: &binding.bound, accepted: &binding.answers.claims }),
            ),
        };
        export.authorize(user, attributes, target)
    }

    /// The binding of the APIExport in a workspace.
    pub(super) fn binding<'a>(&self, world: &'a World, cluster: &str) -> Option<&'a Binding> {
        let all = world.kcp().bindings_in(cluster);
        let mut mine = all.map(AsRef::as_ref).filter(|binding: &&Binding| *binding.export == *self.name());
        mine.find(|binding| {
            // As long as it is not bound, it is known by what it refers to.
            let known = if binding.export_cluster.is_empty() { &binding.written } else { &binding.export_cluster };
            **known == *self.cluster()
        })
    }
}
