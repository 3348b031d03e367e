//! What is held of a cluster: its objects, by the target that they belong to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use berthage_core::object::{KindInfo, ObjectId};

use super::seen::Seen;

/// Objects that a cluster may tell of for one target: four times what a revision may have.
const MOST: usize = 256;

/// The table, and its index by object: a cluster that changes labels must not make us look through all targets.
#[derive(Default)]
pub(super) struct Objects {
    by_target: HashMap<Arc<str>, HashMap<Arc<ObjectId>, Seen>>,
    target_of: HashMap<Arc<ObjectId>, Arc<str>>,
}

impl Objects {
    pub(super) fn get(&self, target: &str, id: &ObjectId) -> Option<&Seen> {
        self.by_target.get(target)?.get(id)
    }

    /// The objects of a target.
    pub(super) fn of(&self, target: &str) -> impl Iterator<Item = (&ObjectId, &Seen)> {
        self.by_target.get(target).into_iter().flatten().map(|(id, seen)| (&**id, seen))
    }

    /// Whether anything is held for a target.
    pub(super) fn knows(&self, target: &str) -> bool {
        self.by_target.contains_key(target)
    }

    /// Whether a cluster may tell of one more object of a target.
    pub(super) fn has_room(&self, target: &str) -> bool {
        self.by_target.get(target).is_none_or(|objects| objects.len() < MOST)
    }

    /// Takes in an object; returns the target that it was held for before, if that is another one.
    pub(super) fn insert(&mut self, target: &str, id: ObjectId, seen: Seen) -> Option<Arc<str>> {
        let before = self.target_of.get(&id).filter(|before| ***before != *target).cloned();
        if before.is_some() {
            self.remove(&id);
        }
        let target = match self.by_target.get_key_value(target) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(target),
        };
        let id = match self.target_of.get_key_value(&id) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(id),
        };
        self.target_of.insert(Arc::clone(&id), Arc::clone(&target));
        self.by_target.entry(target).or_default().insert(id, seen);
        before
    }

    /// Forgets an object; returns the target that it was held for, and what was held.
    pub(super) fn remove(&mut self, id: &ObjectId) -> Option<(Arc<str>, Seen)> {
        let target = self.target_of.remove(id)?;
        let objects = self.by_target.get_mut(&target)?;
        let seen = objects.remove(id)?;
        if objects.is_empty() {
            self.by_target.remove(&target);
        }
        Some((target, seen))
    }

    /// Forgets an object if it has that uid; returns the target that it was held for.
    pub(super) fn remove_only(&mut self, id: &ObjectId, uid: Option<&str>) -> Option<Arc<str>> {
        let held = self.get(self.target_of.get(id)?, id)?;
        if Some(&*held.uid) != uid {
            return None;
        }
        self.remove(id).map(|(target, _)| target)
    }

    /// Forgets what a complete list of a kind did not have; returns the targets that lost something.
    pub(super) fn keep_only(&mut self, info: &KindInfo, listed: &HashSet<ObjectId>) -> HashSet<Arc<str>> {
        let of_kind = |id: &ObjectId| id.kind == info.kind && id.api_version == info.api_version;
        let gone: Vec<Arc<ObjectId>> =
            self.target_of.keys().filter(|id| of_kind(id) && !listed.contains(&***id)).cloned().collect();
        gone.iter().filter_map(|id| self.remove(id)).map(|(target, _)| target).collect()
    }
}

#[cfg(test)]
mod tests {
    use kube::api::ObjectMeta;

    use super::*;

    fn id(name: &str) -> ObjectId {
        ObjectId { api_version: "v1".to_owned(), kind: "ConfigMap".to_owned(), namespace: None, name: name.to_owned() }
    }

    fn seen(uid: &str) -> Seen {
        let (uid, resource_version) = (Some(uid.to_owned()), Some("1".to_owned()));
        let meta = ObjectMeta { uid, resource_version, ..ObjectMeta::default() };
        Seen::of(KindInfo::find("v1", "ConfigMap").unwrap(), &meta).unwrap()
    }

    #[test]
    fn an_object_is_held_for_one_target_at_a_time() {
        let mut objects = Objects::default();
        assert_eq!(objects.insert("a", id("x"), seen("u")), None);
        assert_eq!(objects.insert("a", id("x"), seen("u")), None);
        assert_eq!(objects.insert("b", id("x"), seen("u")).as_deref(), Some("a"));
        assert!(!objects.knows("a") && objects.get("b", &id("x")).is_some());
        assert_eq!(objects.remove_only(&id("x"), Some("other")), None);
        assert_eq!(objects.remove_only(&id("x"), Some("u")).as_deref(), Some("b"));
        assert!(objects.by_target.is_empty() && objects.target_of.is_empty());
    }

    #[test]
    fn what_a_list_did_not_have_is_gone_and_other_kinds_are_not_its_business() {
        let mut objects = Objects::default();
        let other = ObjectId { kind: "Secret".to_owned(), ..id("x") };
        for (target, id) in [("a", id("x")), ("a", id("y")), ("b", id("z")), ("b", other.clone())] {
            objects.insert(target, id, seen("u"));
        }
        let info = KindInfo::find("v1", "ConfigMap").unwrap();
        let gone = objects.keep_only(info, &HashSet::from([id("x")]));
        assert_eq!(gone, HashSet::from([Arc::from("a"), Arc::from("b")]));
        assert!(objects.get("a", &id("x")).is_some() && objects.get("a", &id("y")).is_none());
        assert_eq!(objects.of("b").map(|(id, _)| id).collect::<Vec<_>>(), [&other]);
    }

    #[test]
    fn a_cluster_cannot_tell_of_any_number_of_objects() {
        let mut objects = Objects::default();
        for at in 0..MOST {
            assert!(objects.has_room("a"));
            objects.insert("a", id(&at.to_string()), seen("u"));
        }
        assert!(!objects.has_room("a") && objects.has_room("b"));
    }
}
