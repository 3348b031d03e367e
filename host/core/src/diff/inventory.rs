//! The inventory before and after a round of writes.

use std::collections::BTreeMap;

use crate::api::InventoryEntry;
use crate::object::{Desired, ObjectId};
use crate::seal::rank;

/// How one write went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is as desired.
    Applied {
        /// The object.
        id: ObjectId,
        /// uid in the answer.
        uid: String,
        /// Hash of what was applied.
        hash: String,
        /// `g<generation>` or `r<resourceVersion>` in the answer.
        seen: String,
    },
    /// It is not there, or it is not ours, and nothing of ours is behind its name any more: the entry goes.
    Gone(ObjectId),
    /// There is no object with the uid that was recorded; there may be another one that is ours, or will be. The entry
    /// stays without uid, so that whatever is found behind the name is taken up, or looked up before a deletion.
    Lost(ObjectId),
    /// It was looked up, and is ours: the entry has its uid from now on.
    Found {
        /// The object.
        id: ObjectId,
        /// Its uid.
        uid: String,
    },
    /// It may or may not have been applied: no answer, or one of the kind 5xx, which says nothing. It is applied again.
    Unknown(ObjectId),
}

/// The inventory to write onto the hub before the first write downstream: all there was, and every desired object that
/// may be made. Sorted by the order of application, so that equal inventories are written equally.
pub fn intent(desired: &[Desired], inventory: &[InventoryEntry]) -> Vec<InventoryEntry> {
    let mut entries = by_id(inventory);
    for object in desired {
        entries.entry(object.id.clone()).or_insert_with(|| entry(&object.id));
    }
    sorted(entries)
}

/// The inventory after the writes: what an object became, by the last outcome that names it. A definite failure is no
/// outcome: the object is as it was.
pub fn settle(inventory: &[InventoryEntry], outcomes: &[Outcome]) -> Vec<InventoryEntry> {
    let mut entries = by_id(inventory);
    for outcome in outcomes {
        match outcome {
            Outcome::Applied { id, uid, hash, seen } => {
                let applied = InventoryEntry {
                    uid: Some(uid.clone()),
                    hash: Some(hash.clone()),
                    seen: Some(seen.clone()),
                    ..entry(id)
                };
                entries.insert(id.clone(), applied);
            }
            Outcome::Gone(id) => {
                entries.remove(id);
            }
            Outcome::Lost(id) => {
                entries.insert(id.clone(), entry(id));
            }
            Outcome::Found { id, uid } => {
                entries.entry(id.clone()).or_insert_with(|| entry(id)).uid = Some(uid.clone());
            }
            Outcome::Unknown(id) => {
                let unknown = entries.entry(id.clone()).or_insert_with(|| entry(id));
                unknown.hash = None;
                unknown.seen = None;
            }
        }
    }
    sorted(entries)
}

fn entry(id: &ObjectId) -> InventoryEntry {
    InventoryEntry {
        api_version: id.api_version.clone(),
        kind: id.kind.clone(),
        namespace: id.namespace.clone(),
        name: id.name.clone(),
        uid: None,
        hash: None,
        seen: None,
    }
}

fn by_id(inventory: &[InventoryEntry]) -> BTreeMap<ObjectId, InventoryEntry> {
    inventory.iter().map(|entry| (ObjectId::of_entry(entry), entry.clone())).collect()
}

fn sorted(entries: BTreeMap<ObjectId, InventoryEntry>) -> Vec<InventoryEntry> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    // The map has sorted by id; the stable sort keeps that within a rank.
    entries.sort_by_key(|(id, _)| rank(id));
    entries.into_iter().map(|(_, entry)| entry).collect()
}
