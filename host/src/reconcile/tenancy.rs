//! What a key's workspace lets us do: on kcp, which claims its binding accepts, and whether it is about to end.
//!
//! A plain hub's one workspace lets us do everything that the hub's own rights do, and never ends.

use berthage_core::kcp::binding::Binding;
use berthage_core::kcp::claims::Tier;
use berthage_core::key::Workspace;
use berthage_core::reason::Reason;
use berthage_core::status::target::Finding;

use super::Context;
use crate::store::Tenancy;

/// ClaimsAccepted, where it is false: something of the base tier is not accepted.
pub(super) fn claims(tenancy: &Tenancy) -> Option<Finding> {
    let advice = tenancy.binding()?.advice(Tier::Base)?;
    Some(Finding::bad(Reason::ClaimNotAccepted, advice))
}

/// Why what is not seen of a kind may be there all the same: its claim is not in force.
pub(super) fn hidden(ctx: &Context, workspace: &Workspace, group: &str, resource: &str) -> Option<String> {
    let binding = binding(ctx, workspace)?;
    if binding.accepts(group, resource) { None } else { binding.advice(Tier::Base) }
}

/// Whether the tenant lets us grant the syncers' rights. Otherwise he grants them himself.
pub(super) fn grants_rights(ctx: &Context, workspace: &Workspace) -> bool {
    binding(ctx, workspace).is_none_or(|binding| binding.accepts_all(Tier::Rbac))
}

fn binding(ctx: &Context, workspace: &Workspace) -> Option<std::sync::Arc<Binding>> {
    ctx.making.store.tenancy(workspace)?.binding().cloned()
}
