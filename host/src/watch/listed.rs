//! What a list has brought, to find what it no longer has.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use berthage_core::key::Workspace;

/// A set of names, as 128 bits each: a list of 100,000 objects needs 3 MB for it, not 15.
///
/// Seeded at random: two names that meet cannot be chosen, and would have to meet in both halves.
#[derive(Default)]
pub(super) struct Listed {
    seeds: (RandomState, RandomState),
    names: HashSet<(u64, u64)>,
}

impl Listed {
    fn hash(&self, workspace: &Workspace, name: &str) -> (u64, u64) {
        let entry = (workspace.as_str(), name);
        (self.seeds.0.hash_one(entry), self.seeds.1.hash_one(entry))
    }

    pub(super) fn add(&mut self, workspace: &Workspace, name: &str) {
        let hash = self.hash(workspace, name);
        self.names.insert(hash);
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn has(&self, workspace: &Workspace, name: &str) -> bool {
        self.names.contains(&self.hash(workspace, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_its_workspace() {
        let mut listed = Listed::default();
        listed.add(&Workspace::new("a"), "edge");
        assert!(listed.has(&Workspace::new("a"), "edge"));
        assert!(!listed.has(&Workspace::new("b"), "edge") && !listed.has(&Workspace::new("a"), "edg"));
    }
}
