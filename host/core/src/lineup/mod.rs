//! Which declared plugins serve a target, in which order.
//!
//! ```text
//!   ReconcilePlugins of the platform  ─┐ who is meant,   one reconciler, or the controller's own
//!   ReconcilePlugins of the workspace ─┘ by selectors ─▶ transformers: the platform's, then the workspace's
//! ```
//! All of it follows from what is declared, and from nothing that was loaded: a plugin that is declared and not there yet holds
//! its targets, it is not passed over. What cannot be known for sure holds as well.
//!
//! `declared` is one of them, `paths` the workspaces that it means, `grants` what it may read and make, `offers` what a
//! workspace's plugin needs from the platform.

mod declared;
mod grants;
mod offers;
mod paths;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use kube_core::labels::{Expression, Selector, SelectorExt as _};

pub use declared::{Declared, Owner, Unfit};
pub use grants::{Emits, Reads};
pub use offers::{Admitted, admitted};
pub use paths::Meant;

use crate::api::{LabelSelector, Mode, World};
use crate::selection::expression;

/// Whose plugins are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Name of the workspace.
    pub workspace: &'a str,
    /// Its path, if that is known.
    pub path: Option<&'a str>,
    /// The target's labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// A plugin in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    /// Who declares it.
    pub owner: Owner,
    /// What is declared.
    pub declared: Arc<Declared>,
}

/// The plugins that serve a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lineup {
    /// The one that decides; none: the controller's own.
    pub reconciler: Option<Seat>,
    /// Those that change what it decides, in order.
    pub transformers: Vec<Seat>,
}

/// Why it cannot be said which plugins serve a target. The texts are whole sentences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// More than one decides.
    #[error(
        "ReconcilePlugins {0} and {1} of the platform both decide about this SyncTarget, and exactly one may; narrow \
         spec.workspaces or spec.targets of one of them."
    )]
    TwoReconcilers(String, String),
    /// What is declared cannot be read.
    #[error("ReconcilePlugin {name} cannot be understood ({why}), so it is not known whom it serves; correct it.")]
    Unreadable {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// It means workspaces by their paths, and the path of this one is not known.
    #[error(
        "ReconcilePlugin {0} serves workspaces by their paths, and the path of this one is not known yet: its LogicalCluster has \
         not been seen."
    )]
    PathUnknown(String),
}

/// The plugins that serve a target, of those that the platform and its workspace declare.
///
/// # Errors
/// It cannot be known for sure.
pub fn lineup(
    platform: &[Arc<Declared>],
    workspace: &[Arc<Declared>],
    subject: &Subject<'_>,
) -> Result<Lineup, Unknown> {
    let mut lineup = Lineup::default();
    let owners = [(Owner::Platform, platform), (Owner::Workspace, workspace)];
    for (owner, all) in owners {
        let mut seats: Vec<(i32, Seat)> = Vec::new();
        for declared in all.iter().filter(|declared| !declared.deleting) {
            let spec = declared
                .spec
                .as_ref()
                .map_err(|why| Unknown::Unreadable { name: declared.name.to_string(), why: why.clone() })?;
            if !selector(&spec.targets).matches(subject.labels) {
                continue;
            }
            if owner == Owner::Platform {
                let meant = paths::meant(&spec.workspaces, subject.workspace, subject.path);
                match meant {
                    _ if spec.mode == Mode::Offer => continue,
                    Meant::No => continue,
                    Meant::Unknown => return Err(Unknown::PathUnknown(declared.name.to_string())),
                    Meant::Yes => {}
                }
            }
            let seat = Seat { owner, declared: Arc::clone(declared) };
            if spec.world == World::Reconciler && owner == Owner::Platform {
                if let Some(other) = lineup.reconciler.replace(seat) {
                    return Err(Unknown::TwoReconcilers(other.declared.name.to_string(), declared.name.to_string()));
                }
            } else {
                // A workspace's that is none of these is refused where it is loaded: it has a seat, and holds.
                seats.push((spec.order, seat));
            }
        }
        seats.sort_by(|(a, one), (b, other)| (a, &one.declared.name).cmp(&(b, &other.declared.name)));
        lineup.transformers.extend(seats.into_iter().map(|(_, seat)| seat));
    }
    Ok(lineup)
}

fn selector(wanted: &LabelSelector) -> Selector {
    let labels = wanted.match_labels.iter().map(|(key, value)| Expression::Equal(key.clone(), value.clone()));
    let expressions = wanted
        .match_expressions
        .iter()
        .map(|requirement| expression(requirement.operator, &requirement.key, &requirement.values));
    labels.chain(expressions).collect()
}
