//! What to write into a physical cluster, and what to delete there: desired objects against the inventory and against what
//! is seen. Nothing here writes; the answer is comparable data.
//!
//! The order of a reconcile is: [`intent`] onto the hub, then the [`Changes::waves`] of [`diff`] one after another, then,
//! only if every one of them succeeded, [`Changes::deletes`] in their order, then [`settle`] onto the hub. The intent comes
//! first so that whatever was made can be found again after a crash.
//!
//! Rules
//! - Equal hash and seen as it was left: nothing is sent. A quiescent target costs no request.
//! - An object is ours by its recorded uid (it came in the answer to our own write), or by carrying this target's label and
//!   owner annotation. What is neither is never changed and never deleted: it is a [`Conflict`].
//! - Nothing is deleted by name: a [`Delete`] carries a uid; where none is known, a [`Changes::lookups`] entry has to find
//!   it out first.
//! - Absence decides nothing about deletion: a view may lag behind our own writes, and a request for what is gone is cheap.
//! - Nothing is deleted while something desired cannot be written: what runs goes on until its successor is there.
//! - Empty desired deletes nothing, unless the target is being deleted; and no more than a budget goes at once.
//!
//! The view must contain our own writes: whoever keeps it puts the answer of each write in before the next diff. Else an
//! object looks touched, or gone, that we have just written ourselves; that costs a request, never an object.

mod inventory;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use inventory::{Outcome, intent, settle};

use crate::api::InventoryEntry;
use crate::canonical::{carried_hash, hash};
use crate::object::{Desired, KindInfo, ObjectId};
use crate::reason::Reason;
use crate::seal::rank;

/// An object as last seen in the physical cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Its uid.
    pub uid: String,
    /// `g<generation>` where the kind has one, else `r<resourceVersion>`: moves when somebody touches the object.
    pub marker: String,
    /// Whether it carries this target's label and owner annotation, both with the values of this target.
    pub ours: bool,
    /// Whether it has a deletionTimestamp.
    pub deleting: bool,
}

/// What is known of the physical cluster.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The object with that id, if it is seen.
    pub observed: &'a dyn Fn(&ObjectId) -> Option<Observed>,
    /// Whether everything of that kind that carries our labels is seen, so that what is not seen is not there.
    pub complete: &'a dyn Fn(&'static KindInfo) -> bool,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}

/// How a diff is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The target is being deleted, or leaves this cluster: everything in the inventory goes, whatever is desired, and the
    /// deletion budget does not hold.
    pub finalizing: bool,
    /// That many objects may always go at once.
    pub budget_floor: usize,
    /// Of a larger inventory, that many percent.
    pub budget_percent: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { finalizing: false, budget_floor: 4, budget_percent: 50 }
    }
}

impl Options {
    /// Everything goes.
    pub fn finalizing() -> Self {
        Self { finalizing: true, ..Self::default() }
    }
}

/// Why an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was not made yet, or it is not known that it was.
    New,
    /// What was applied last is not, or is not known to be, what is desired.
    Changed,
    /// Somebody changed it behind our back.
    Drifted(Drift),
    /// Another object of that name, with our labels, is in its place: ours from before a crash, or somebody's copy of it.
    Replaced,
}

/// What happened to an object behind our back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It is gone.
    Deleted,
    /// It is not as it was left.
    Touched,
}

/// A write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    /// The object.
    pub id: ObjectId,
    /// Its place in the desired objects.
    pub index: usize,
    /// The uid that the existing object must have; if the server finds another one, or none, the view was old: look again.
    /// `None`: there should be none, so create it; if one is there after all, find out first whether it is ours.
    pub uid: Option<String>,
    /// Why it is written.
    pub why: Why,
}

/// A deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// The object.
    pub id: ObjectId,
    /// The uid that it must have.
    pub uid: String,
}

/// Something that is left alone although the target wants it changed or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The object.
    pub id: ObjectId,
    /// Why it is left alone.
    pub why: ConflictWhy,
}

/// Why an object is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictWhy {
    /// An object of that name is there that is not ours.
    Foreign,
    /// It is a Namespace that is no longer desired, and desired objects live in it: deleting it would delete them.
    NamespaceInUse,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, why } = self;
        match why {
            ConflictWhy::Foreign => write!(
                f,
                "{id} exists and does not belong to this SyncTarget: delete or rename it, or choose another name or namespace"
            ),
            ConflictWhy::NamespaceInUse => write!(
                f,
                "{id} is no longer desired, and is kept because other desired objects are in it: make the templates render it again"
            ),
        }
    }
}

/// What is to be done, and what is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Writes, in waves: those of one wave may go out at the same time, the next one only when all of them succeeded.
    pub waves: Vec<Vec<Apply>>,
    /// Deletions in their order: against the order of application, so that a Namespace goes last.
    pub deletes: Vec<Delete>,
    /// Entries that are no longer desired and whose uid is not known, in the order of deletion. Each has to be looked up by
    /// name: if it is ours, settle it as found, and diff again; else it is gone for us.
    pub lookups: Vec<ObjectId>,
    /// No longer desired, and already being deleted: there is nothing to send, and they stay in the inventory.
    pub leaving: Vec<ObjectId>,
    /// Desired, and not to be written now: being deleted, or in a namespace that is being deleted or is not ours.
    pub waiting: Vec<ObjectId>,
    /// Left alone.
    pub conflicts: Vec<Conflict>,
    /// Inventory entries that are no longer desired and that nothing of ours is behind: somebody else's object has taken
    /// the place, or the kind is one that is never written downstream. Settle them as gone.
    pub forgotten: Vec<ObjectId>,
    /// Number of desired objects that are as they should be.
    pub unchanged: usize,
}

impl Changes {
    /// Whether there is nothing to send and nothing to settle. Something may still be waited for.
    pub fn is_empty(&self) -> bool {
        self.waves.is_empty() && self.deletes.is_empty() && self.lookups.is_empty() && self.forgotten.is_empty()
    }

    /// Whether nothing is left of the inventory in the cluster. Only meaningful for a diff that finalizes.
    pub fn is_clean(&self) -> bool {
        self.is_empty() && self.leaving.is_empty()
    }

    /// All writes, in order.
    pub fn applies(&self) -> impl Iterator<Item = &Apply> {
        self.waves.iter().flatten()
    }
}

/// Why nothing may be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    /// Nothing is desired, and the target is not being deleted.
    #[error(
        "rendering came out empty while {inventory} objects are deployed: nothing was changed; correct the templates or the plugin"
    )]
    EmptyDesired {
        /// Size of the inventory.
        inventory: usize,
    },
    /// Too much would go at once.
    #[error(
        "{} of {inventory} objects would be deleted at once, and the budget is {budget}: nothing was changed; if this is meant, remove them in smaller steps. They are: {}",
        going.len(), listed(going)
    )]
    BudgetExceeded {
        /// What would be deleted, in order.
        going: Vec<ObjectId>,
        /// Size of the inventory.
        inventory: usize,
        /// How many may go.
        budget: usize,
    },
    /// Two desired objects have the same id.
    #[error("{0} is desired twice: give one of the two another name")]
    Duplicate(ObjectId),
}

impl DiffError {
    /// The reason for a condition.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::EmptyDesired { .. } => Reason::EmptyDesired,
            Self::BudgetExceeded { .. } => Reason::DeletionBudgetExceeded,
            Self::Duplicate(_) => Reason::PolicyViolation,
        }
    }
}

/// The first ids, in words.
fn listed(ids: &[ObjectId]) -> String {
    const SHOWN: usize = 10;
    let mut out = ids.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN {
        out.push_str(", …");
    }
    out
}

/// Compares what should be with what is. `desired` is sealed; `inventory` may be in any order.
pub fn diff(
    desired: &[Desired],
    inventory: &[InventoryEntry],
    view: View<'_>,
    options: Options,
) -> Result<Changes, DiffError> {
    let desired = if options.finalizing { &[] } else { desired };
    if desired.is_empty() && !options.finalizing {
        return Err(DiffError::EmptyDesired { inventory: inventory.len() });
    }
    let mut wanted = BTreeSet::new();
    if let Some(twice) = desired.iter().find(|object| !wanted.insert(&object.id)) {
        return Err(DiffError::Duplicate(twice.id.clone()));
    }
    let entries: BTreeMap<ObjectId, &InventoryEntry> =
        inventory.iter().map(|entry| (ObjectId::of_entry(entry), entry)).collect();

    let mut changes = Changes::default();
    plan_writes(desired, &entries, view, &mut changes);
    if changes.waiting.is_empty() && changes.conflicts.is_empty() {
        let leaving = entries.iter().filter(|(id, _)| !wanted.contains(id)).map(|(id, entry)| (id, *entry)).collect();
        plan_deletions(leaving, desired, view, &mut changes);
    }
    if !options.finalizing {
        check_budget(&changes, entries.len(), options)?;
    }
    Ok(changes)
}

fn plan_writes(
    desired: &[Desired],
    entries: &BTreeMap<ObjectId, &InventoryEntry>,
    view: View<'_>,
    changes: &mut Changes,
) {
    let mut order: Vec<_> = desired.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| (rank(&a.id), &a.id).cmp(&(rank(&b.id), &b.id)));
    // Namespaces come first in that order, so what becomes of one is known before what is in it.
    let mut closed = BTreeSet::new();
    let mut made = BTreeSet::new();
    let mut waves: BTreeMap<usize, Vec<Apply>> = BTreeMap::new();
    for (index, object) in order {
        let id = &object.id;
        if id.namespace.as_deref().is_some_and(|namespace| closed.contains(namespace)) {
            changes.waiting.push(id.clone());
            continue;
        }
        let emptied = id.namespace.as_deref().is_some_and(|namespace| made.contains(namespace));
        match decide(object, entries.get(id).copied(), view, emptied) {
            Decision::Unchanged => changes.unchanged += 1,
            Decision::Write(uid, why) => {
                if is_namespace(id) && matches!(why, Why::New | Why::Replaced | Why::Drifted(Drift::Deleted)) {
                    made.insert(id.name.as_str());
                }
                let wave = KindInfo::find(&id.api_version, &id.kind).map_or(0, KindInfo::wave);
                waves.entry(wave).or_default().push(Apply { id: id.clone(), index, uid, why });
            }
            Decision::Wait => {
                close(id, &mut closed);
                changes.waiting.push(id.clone());
            }
            Decision::Foreign => {
                close(id, &mut closed);
                changes.conflicts.push(Conflict { id: id.clone(), why: ConflictWhy::Foreign });
            }
        }
    }
    changes.waves = waves.into_values().collect();
}

fn close<'a>(id: &'a ObjectId, closed: &mut BTreeSet<&'a str>) {
    if is_namespace(id) {
        closed.insert(id.name.as_str());
    }
}

fn is_namespace(id: &ObjectId) -> bool {
    id.kind == "Namespace" && id.api_version == "v1"
}

enum Decision {
    Unchanged,
    Write(Option<String>, Why),
    Wait,
    Foreign,
}

/// `emptied`: the object's namespace is not there, or is a new one, so what is not seen in it is not there.
fn decide(desired: &Desired, entry: Option<&InventoryEntry>, view: View<'_>, emptied: bool) -> Decision {
    let recorded = entry.and_then(|entry| entry.uid.as_deref());
    let as_desired = || {
        let applied = entry.and_then(|entry| entry.hash.as_deref());
        match carried_hash(&desired.object) {
            Some(carried) => applied == Some(carried),
            None => applied == Some(&hash(&desired.object)),
        }
    };
    let Some(observed) = (view.observed)(&desired.id) else {
        let absent = emptied || KindInfo::find(&desired.id.api_version, &desired.id.kind).is_some_and(view.complete);
        return match recorded {
            None => Decision::Write(None, Why::New),
            Some(_) if absent => Decision::Write(None, Why::Drifted(Drift::Deleted)),
            Some(_) if as_desired() => Decision::Unchanged,
            Some(uid) => Decision::Write(Some(uid.to_owned()), Why::Changed),
        };
    };
    if recorded != Some(&observed.uid) && !observed.ours {
        return Decision::Foreign;
    }
    if observed.deleting {
        return Decision::Wait;
    }
    let seen = entry.and_then(|entry| entry.seen.as_deref());
    let why = match recorded {
        None => Why::New,
        Some(uid) if uid != observed.uid => Why::Replaced,
        Some(_) if !as_desired() => Why::Changed,
        Some(_) => match seen {
            Some(marker) if marker == observed.marker => return Decision::Unchanged,
            Some(_) => Why::Drifted(Drift::Touched),
            None => Why::Changed,
        },
    };
    Decision::Write(Some(observed.uid), why)
}

/// Plans the deletion of inventory entries that are no longer desired.
fn plan_deletions(
    mut leaving: Vec<(&ObjectId, &InventoryEntry)>,
    desired: &[Desired],
    view: View<'_>,
    changes: &mut Changes,
) {
    leaving.sort_by(|(a, _), (b, _)| (rank(b), b).cmp(&(rank(a), a)));
    for (id, entry) in leaving {
        if KindInfo::find(&id.api_version, &id.kind).is_none() {
            changes.forgotten.push(id.clone());
            continue;
        }
        if is_namespace(id) && desired.iter().any(|object| object.id.namespace.as_ref() == Some(&id.name)) {
            changes.conflicts.push(Conflict { id: id.clone(), why: ConflictWhy::NamespaceInUse });
            continue;
        }
        match ((view.observed)(id), &entry.uid) {
            (Some(observed), recorded) if observed.ours || recorded.as_ref() == Some(&observed.uid) => {
                if observed.deleting {
                    changes.leaving.push(id.clone());
                } else {
                    changes.deletes.push(Delete { id: id.clone(), uid: observed.uid });
                }
            }
            (Some(_), _) => changes.forgotten.push(id.clone()),
            (None, Some(uid)) => changes.deletes.push(Delete { id: id.clone(), uid: uid.clone() }),
            (None, None) => changes.lookups.push(id.clone()),
        }
    }
}

/// Counts what would be lost. An object does not count as lost while a new one of its kind comes: that is a rename, such as
/// a move to another namespace.
fn check_budget(changes: &Changes, inventory: usize, options: Options) -> Result<(), DiffError> {
    let mut coming: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for apply in changes.applies().filter(|apply| apply.why == Why::New) {
        *coming.entry((&apply.id.api_version, &apply.id.kind)).or_default() += 1;
    }
    let going: Vec<_> = changes
        .deletes
        .iter()
        .map(|delete| &delete.id)
        .chain(&changes.lookups)
        .filter(|id| match coming.get_mut(&(id.api_version.as_str(), id.kind.as_str())) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        })
        .cloned()
        .collect();
    let budget = options.budget_floor.max(inventory.saturating_mul(options.budget_percent) / 100);
    if going.len() > budget { Err(DiffError::BudgetExceeded { going, inventory, budget }) } else { Ok(()) }
}
