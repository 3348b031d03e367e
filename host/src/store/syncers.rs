//! What belongs to the syncers on the hub: their Leases, and what their identities are granted.

use berthage_core::key::{Key, Workspace};

use super::{LeaseMeta, Source, Store};

impl Store {
    /// What is known of a syncer's Lease.
    pub fn lease(&self, workspace: &Workspace, name: &str) -> Option<LeaseMeta> {
        let inner = self.read();
        inner.heartbeats.get(&inner.of_target(workspace, name)?).cloned()
    }

    /// Takes in a Lease; returns the target to look at again, if anything but the time of renewal changed, or if the
    /// heartbeat had been silent for longer than `grace`.
    pub fn upsert_lease(
        &self,
        workspace: &Workspace,
        name: &str,
        lease: LeaseMeta,
        grace: jiff::SignedDuration,
    ) -> Option<Key> {
        let mut inner = self.write();
        let id = inner.of_target(workspace, name)?;
        let before = inner.heartbeats.insert(id, lease.clone());
        let news = match (before.and_then(|before| before.heartbeat), lease.heartbeat) {
            (Some(before), Some(after)) => {
                before.version != after.version
                    || before.credential_serial != after.credential_serial
                    || before.target_uid != after.target_uid
                    || after.renewed_at.duration_since(before.renewed_at) > grace
            }
            (before, after) => before.is_some() != after.is_some(),
        };
        news.then(|| inner.owner(id)).flatten()
    }

    /// Forgets a Lease; returns the target to look at again.
    pub fn remove_lease(&self, workspace: &Workspace, name: &str) -> Option<Key> {
        let mut inner = self.write();
        let id = inner.of_target(workspace, name)?;
        inner.heartbeats.remove(&id)?;
        let key = inner.owner(id);
        inner.leave_if_empty(id.0);
        key
    }

    /// Hash of what an object of a syncer's identity grants: rules, or role and subjects.
    pub fn identity(&self, source: Source, workspace: &Workspace, name: &str) -> Option<u64> {
        let inner = self.read();
        inner.identities(source)?.get(&inner.of_target(workspace, name)?).copied()
    }

    /// Takes in an object of a syncer's identity, or its absence; returns the target to look at again.
    pub fn set_identity(&self, source: Source, workspace: &Workspace, name: &str, hash: Option<u64>) -> Option<Key> {
        let mut inner = self.write();
        let id = inner.of_target(workspace, name)?;
        let identities = inner.identities_mut(source)?;
        let changed = match hash {
            Some(hash) => identities.insert(id, hash) != Some(hash),
            None => identities.remove(&id).is_some(),
        };
        let key = changed.then(|| inner.owner(id)).flatten();
        inner.leave_if_empty(id.0);
        key
    }
}
