//! What a workspace's plugin needs from the platform: an offer that covers it.

use std::sync::Arc;

use super::declared::{Declared, Owner, Unfit};
use super::paths::{self, Meant};
use super::{Subject, grants};
use crate::api::{CallLimits, Grants, Mode, ReconcilePluginSpec};

/// A workspace's plugin that the platform allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    /// The offer that it stands on.
    pub offer: Arc<Declared>,
    /// What it may read and make.
    pub grants: Grants,
    /// What a call of it may use.
    pub limits: CallLimits,
    /// The digest that its component has to have, if the offer or the plugin names one.
    pub digest: Option<String>,
}

/// Why no offer covers a plugin. The texts are whole sentences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    /// The declaration itself cannot stand.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// There is no such offer for this workspace.
    #[error("The platform offers this workspace no plugin {0}; ask those who run it.")]
    NoOffer(String),
    /// The component is not allowed.
    #[error("The platform allows this workspace no component with the digest {0}; ask those who run it.")]
    NoDigest(String),
    /// The offer is of another component.
    #[error("spec.digest is not that of the offer {0}; take it out, or write that one.")]
    OtherDigest(String),
    /// More is granted than is offered.
    #[error("spec.grants is more than the offer {offer} allows: {what}; take it out.")]
    Grants {
        /// The offer.
        offer: String,
        /// What is too much.
        what: String,
    },
    /// A call may use more than is offered.
    #[error("spec.limits.{limit} is more than the offer {offer} allows; lower it, or leave it out.")]
    Limits {
        /// The offer.
        offer: String,
        /// Which.
        limit: &'static str,
    },
}

/// The offer of the platform that covers a workspace's plugin, and what the plugin may do.
///
/// # Errors
/// See [`NotOffered`].
pub fn admitted(
    declared: &Declared,
    platform: &[Arc<Declared>],
    subject: &Subject<'_>,
) -> Result<Admitted, NotOffered> {
    let spec = declared.fit(Owner::Workspace)?;
    let offers = platform.iter().filter_map(|offer| Some((offer, offered(offer, subject)?)));
    let mut offers: Vec<(&Arc<Declared>, &ReconcilePluginSpec)> = match declared.offer() {
        Some(name) => offers.filter(|(offer, _)| *offer.name == *name).collect(),
        None => offers.filter(|(_, offer)| offer.digest.is_some() && offer.digest == spec.digest).collect(),
    };
    // Of several that allow a digest, one that allows all of it.
    offers.sort_by_key(|(offer, _)| Arc::clone(&offer.name));
    let mut refusal = match (declared.offer(), &spec.digest) {
        (Some(name), _) => NotOffered::NoOffer(name.to_owned()),
        (None, digest) => NotOffered::NoDigest(digest.clone().unwrap_or_default()),
    };
    for (declared, offer) in offers {
        match within(spec, declared, offer) {
            Ok(admitted) => return Ok(admitted),
            Err(why) => refusal = why,
        }
    }
    Err(refusal)
}

/// What is offered, if this is an offer that the workspace is meant by. What cannot be known for sure is no offer.
fn offered<'a>(declared: &'a Declared, subject: &Subject<'_>) -> Option<&'a ReconcilePluginSpec> {
    let spec = declared.fit(Owner::Platform).ok().filter(|spec| spec.mode == Mode::Offer && !declared.deleting)?;
    (paths::meant(&spec.workspaces, subject.workspace, subject.path) == Meant::Yes).then_some(spec)
}

fn within(
    spec: &ReconcilePluginSpec,
    declared: &Arc<Declared>,
    offer: &ReconcilePluginSpec,
) -> Result<Admitted, NotOffered> {
    let name = || declared.name.to_string();
    if let (Some(own), Some(offered)) = (&spec.digest, &offer.digest)
        && own != offered
    {
        return Err(NotOffered::OtherDigest(name()));
    }
    let most = offer.grants.clone().unwrap_or_default();
    let grants = match &spec.grants {
        None => most,
        Some(own) => {
            let too_much = |what: String| NotOffered::Grants { offer: name(), what };
            if let Some(grant) = own.read.iter().find(|grant| !grants::grant_within(grant, &most)) {
                return Err(too_much(format!("read of {}", grant.kind)));
            }
            if let Some(grant) = own.emit.iter().find(|grant| !most.emit.contains(grant)) {
                return Err(too_much(format!("emit of {}", grant.kind)));
            }
            own.clone()
        }
    };
    let above = |limit| NotOffered::Limits { offer: name(), limit };
    let limits = CallLimits {
        deadline: least(spec.limits.deadline, offer.limits.deadline).map_err(|AboveCeiling| above("deadline"))?,
        memory_mib: least(spec.limits.memory_mib, offer.limits.memory_mib)
            .map_err(|AboveCeiling| above("memoryMiB"))?,
        output_kib: least(spec.limits.output_kib, offer.limits.output_kib)
            .map_err(|AboveCeiling| above("outputKiB"))?,
    };
    let digest = spec.digest.clone().or_else(|| offer.digest.clone());
    Ok(Admitted { offer: Arc::clone(declared), grants, limits, digest })
}

/// A wish is above its ceiling.
struct AboveCeiling;

/// What holds of a wish and a ceiling.
fn least<T: Ord + Copy>(own: Option<T>, most: Option<T>) -> Result<Option<T>, AboveCeiling> {
    match (own, most) {
        (Some(own), Some(most)) if own > most => Err(AboveCeiling),
        (own, most) => Ok(own.or(most)),
    }
}
