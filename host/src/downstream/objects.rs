//! What is held of a cluster: its objects, by the target that they belong to.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use berthage_core::object::{KindInfo, ObjectId};
use hashbrown::HashTable;
use slab::Slab;

use super::packed::Packed;
use super::seen::Seen;

/// Objects that a cluster may tell of for one target: four times what a revision may have.
const MOST: usize = 256;

/// The table, and its index by object: a cluster that changes labels must not make us look through all targets.
#[derive(Default)]
pub(super) struct Objects {
    targets: Slab<OfTarget>,
    places: HashMap<Arc<str>, usize>,
    holders: HashTable<Holder>,
    /// Seeded at random: a cluster cannot choose names that meet.
    hasher: RandomState,
}

/// A target with its objects.
struct OfTarget {
    label: Arc<str>,
    objects: Vec<Packed>,
}

/// That an object with this hash is held for the target in this place.
struct Holder {
    hash: u64,
    place: usize,
}

impl Objects {
    fn of(&self, target: &str) -> &[Packed] {
        let of = self.places.get(target).and_then(|place| self.targets.get(*place));
        of.map_or(&[], |of| &of.objects)
    }

    fn hash(&self, id: &ObjectId) -> u64 {
        self.hasher.hash_one(id)
    }

    fn place_of(&self, id: &ObjectId) -> Option<usize> {
        let holds = |holder: &Holder| {
            self.targets.get(holder.place).is_some_and(|of| of.objects.iter().any(|object| object.is(id)))
        };
        self.holders.find(self.hash(id), holds).map(|holder| holder.place)
    }

    /// What is known of an object of a target.
    pub(super) fn get(&self, target: &str, id: &ObjectId) -> Option<Seen> {
        self.of(target).iter().find(|object| object.is(id)).map(Packed::seen)
    }

    /// A number that changes when anything that is known of a target does.
    pub(super) fn digest(&self, target: &str) -> u64 {
        // The order in which objects came is no part of what is known: the hashes are added up.
        let hashes = self.of(target).iter().map(|object| {
            let mut hasher = DefaultHasher::new();
            object.hash_state(&mut hasher);
            hasher.finish()
        });
        hashes.fold(0, u64::wrapping_add)
    }

    /// Whether anything is held for a target.
    pub(super) fn knows(&self, target: &str) -> bool {
        self.places.contains_key(target)
    }

    /// Whether a cluster may tell of one more object of a target.
    pub(super) fn has_room(&self, target: &str) -> bool {
        self.of(target).len() < MOST
    }

    /// Takes in an object; returns the target that it was held for before, if that is another one.
    pub(super) fn insert(&mut self, target: &str, id: &ObjectId, seen: Seen) -> Option<Arc<str>> {
        let before = self.remove(id).filter(|before| **before != *target);
        let packed = Packed::of(id, seen, self.of(target))?;
        let place = match self.places.get(target) {
            Some(place) => *place,
            None => {
                let label: Arc<str> = Arc::from(target);
                let place = self.targets.insert(OfTarget { label: Arc::clone(&label), objects: Vec::new() });
                self.places.insert(label, place);
                place
            }
        };
        let hash = self.hash(id);
        let of = self.targets.get_mut(place)?;
        // A target has about eight, and there are many targets.
        of.objects.reserve_exact(1);
        of.objects.push(packed);
        self.holders.insert_unique(hash, Holder { hash, place }, |holder| holder.hash);
        before
    }

    /// Forgets an object; returns the target that it was held for.
    pub(super) fn remove(&mut self, id: &ObjectId) -> Option<Arc<str>> {
        let place = self.place_of(id)?;
        // Of several with one hash in one place, which differ in nothing, any.
        let entry = self.holders.find_entry(self.hash(id), |holder| holder.place == place);
        drop(entry.map(hashbrown::hash_table::OccupiedEntry::remove));
        let of = self.targets.get_mut(place)?;
        of.objects.retain(|object| !object.is(id));
        if !of.objects.is_empty() {
            return Some(Arc::clone(&of.label));
        }
        let label = self.targets.try_remove(place)?.label;
        self.places.remove(&label);
        Some(label)
    }

    /// Forgets an object if it has that uid; returns the target that it was held for.
    pub(super) fn remove_only(&mut self, id: &ObjectId, uid: Option<&str>) -> Option<Arc<str>> {
        let held = self.targets.get(self.place_of(id)?)?.objects.iter().find(|object| object.is(id))?;
        if !uid.is_some_and(|uid| held.has_uid(uid)) {
            return None;
        }
        self.remove(id)
    }

    /// Forgets what a complete list of a kind did not have; returns the targets that lost something.
    pub(super) fn keep_only(&mut self, info: &KindInfo, listed: &HashSet<ObjectId>) -> HashSet<Arc<str>> {
        let held = self.targets.iter().flat_map(|(_, of)| &of.objects).filter(|object| object.is_a(info));
        let gone: Vec<ObjectId> = held.map(Packed::id).filter(|id| !listed.contains(id)).collect();
        gone.iter().filter_map(|id| self.remove(id)).collect()
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
        assert_eq!(objects.insert("a", &id("x"), seen("u")), None);
        assert_eq!(objects.insert("a", &id("x"), seen("u")), None);
        assert_eq!((objects.of("a").len(), objects.holders.len()), (1, 1));
        assert_eq!(objects.insert("b", &id("x"), seen("u")).as_deref(), Some("a"));
        assert!(!objects.knows("a") && objects.get("b", &id("x")).is_some());
        assert_eq!(objects.remove_only(&id("x"), Some("other")), None);
        assert_eq!(objects.remove_only(&id("x"), Some("u")).as_deref(), Some("b"));
        assert!(objects.places.is_empty() && objects.targets.is_empty() && objects.holders.is_empty());
    }

    #[test]
    fn what_a_list_did_not_have_is_gone_and_other_kinds_are_not_its_business() {
        let mut objects = Objects::default();
        let other = ObjectId { kind: "Secret".to_owned(), ..id("x") };
        for (target, id) in [("a", id("x")), ("a", id("y")), ("b", id("z")), ("b", other.clone())] {
            objects.insert(target, &id, seen("u"));
        }
        let info = KindInfo::find("v1", "ConfigMap").unwrap();
        let gone = objects.keep_only(info, &HashSet::from([id("x")]));
        assert_eq!(gone, HashSet::from([Arc::from("a"), Arc::from("b")]));
        assert!(objects.get("a", &id("x")).is_some() && objects.get("a", &id("y")).is_none());
        assert_eq!(objects.of("b").iter().map(Packed::id).collect::<Vec<_>>(), [other]);
    }

    #[test]
    fn a_cluster_cannot_tell_of_any_number_of_objects() {
        let mut objects = Objects::default();
        for at in 0..MOST {
            assert!(objects.has_room("a"));
            objects.insert("a", &id(&at.to_string()), seen("u"));
        }
        assert!(!objects.has_room("a") && objects.has_room("b"));
    }

    #[test]
    fn the_digest_is_of_what_is_known_and_not_of_how_it_came() {
        let (mut one, mut other) = (Objects::default(), Objects::default());
        for name in ["x", "y", "z"] {
            one.insert("a", &id(name), seen("u"));
        }
        for name in ["z", "x", "y", "x"] {
            other.insert("a", &id(name), seen("u"));
        }
        assert_eq!(one.digest("a"), other.digest("a"));
        other.insert("a", &id("x"), seen("another"));
        assert_ne!(one.digest("a"), other.digest("a"));
    }
}
