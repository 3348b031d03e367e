//! What is held of a cluster: its objects, by the target that they belong to.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::Arc;

use berthage_core::object::{KindInfo, ObjectId};
use hashbrown::HashTable;
use slab::Slab;

use super::packed::Packed;
use super::seen::Seen;

/// Objects that a cluster may tell of for one target: four times what a revision may have.
const MOST: usize = 256;

/// The table, and its index by object: a cluster that changes labels must not make us look through all targets.
///
/// The hasher is seeded at random: a cluster cannot choose names that meet.
#[derive(Default)]
pub(super) struct Objects<S = RandomState> {
    targets: Slab<OfTarget>,
    places: HashMap<Arc<str>, usize>,
    holders: HashTable<Holder>,
    hasher: S,
}

/// A target with its objects.
struct OfTarget {
    label: Arc<str>,
    objects: Vec<Packed>,
}

/// That an object with this hash is held for the target in this place.
#[derive(PartialEq, Eq)]
struct Holder {
    hash: u64,
    place: usize,
}

impl<S: BuildHasher> Objects<S> {
    fn of(&self, target: &str) -> &[Packed] {
        let of = self.places.get(target).and_then(|place| self.targets.get(*place));
        of.map_or(&[], |of| &of.objects)
    }

    fn hash(&self, id: &ObjectId) -> u64 {
        self.hasher.hash_one(id)
    }

    /// Where the target is for which an object with that hash is held.
    fn place_of(&self, hash: u64, id: &ObjectId) -> Option<usize> {
        // The table asks about whatever is near: also about other hashes.
        let holds = |holder: &Holder| {
            let of = self.targets.get(holder.place).filter(|_| holder.hash == hash);
            of.is_some_and(|of| of.objects.iter().any(|object| object.is(id)))
        };
        self.holders.find(hash, holds).map(|holder| holder.place)
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
        let hash = self.hash(id);
        let known = self.place_of(hash, id).and_then(|place| self.targets.get_mut(place));
        if let Some(of) = known
            && *of.label == *target
            && let Some(object) = of.objects.iter_mut().find(|object| object.is(id))
        {
            object.update(seen);
            return None;
        }
        let packed = Packed::of(id, seen, self.of(target))?;
        let before = self.remove(id);
        let place = match self.places.get(target) {
            Some(place) => *place,
            None => {
                let label: Arc<str> = Arc::from(target);
                let place = self.targets.insert(OfTarget { label: Arc::clone(&label), objects: Vec::new() });
                self.places.insert(label, place);
                place
            }
        };
        let of = self.targets.get_mut(place)?;
        // A target has about eight, and there are many targets.
        of.objects.reserve_exact(1);
        of.objects.push(packed);
        self.holders.insert_unique(hash, Holder { hash, place }, |holder| holder.hash);
        before
    }

    /// Forgets an object; returns the target that it was held for.
    pub(super) fn remove(&mut self, id: &ObjectId) -> Option<Arc<str>> {
        let hash = self.hash(id);
        let place = self.place_of(hash, id)?;
        let of = self.targets.get_mut(place)?;
        of.objects.retain(|object| !object.is(id));
        forget_holder(&mut self.holders, &Holder { hash, place });
        Some(if of.objects.is_empty() { self.leave(place)? } else { Arc::clone(&of.label) })
    }

    /// Forgets a target of which nothing is held any more.
    fn leave(&mut self, place: usize) -> Option<Arc<str>> {
        let label = self.targets.try_remove(place)?.label;
        self.places.remove(&label);
        Some(label)
    }

    /// Forgets an object if it has that uid; returns the target that it was held for.
    pub(super) fn remove_only(&mut self, id: &ObjectId, uid: Option<&str>) -> Option<Arc<str>> {
        let place = self.place_of(self.hash(id), id)?;
        let held = self.targets.get(place)?.objects.iter().find(|object| object.is(id))?;
        if !uid.is_some_and(|uid| held.has_uid(uid)) {
            return None;
        }
        self.remove(id)
    }

    /// Forgets what a complete list of a kind did not have; returns the targets that lost something.
    pub(super) fn keep_only(&mut self, info: &KindInfo, listed: &HashSet<ObjectId>) -> BTreeSet<Arc<str>> {
        let (mut lost, mut left) = (BTreeSet::new(), Vec::new());
        for (place, of) in &mut self.targets {
            let before = of.objects.len();
            of.objects.retain(|object| {
                if !object.is_a(info) {
                    return true;
                }
                let id = object.id();
                let stays = listed.contains(&id);
                if !stays {
                    forget_holder(&mut self.holders, &Holder { hash: self.hasher.hash_one(&id), place });
                }
                stays
            });
            if of.objects.len() < before {
                lost.insert(Arc::clone(&of.label));
            }
            left.extend(of.objects.is_empty().then_some(place));
        }
        for place in left {
            self.leave(place);
        }
        lost
    }
}

/// Of several objects with one hash in one place, whose holders differ in nothing, any.
fn forget_holder(holders: &mut HashTable<Holder>, holder: &Holder) {
    if let Ok(entry) = holders.find_entry(holder.hash, |held| held == holder) {
        entry.remove();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::{BuildHasherDefault, Hasher};

    use kube::api::ObjectMeta;
    use proptest::prelude::*;

    use super::*;

    /// Hashes of which many are the same, and of the others many look the same to the table, which asks for seven bits first.
    #[derive(Default)]
    struct Few(u64);

    impl Hasher for Few {
        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().fold(self.0, |sum, byte| (sum * 31 + u64::from(*byte)) % 61);
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    /// What is done to a table.
    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, u8, u8),
        Remove(u8),
        RemoveOnly(u8, u8),
        KeepOnly(HashSet<u8>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..6_u8, 0..80_u8, 0..3_u8).prop_map(|(target, name, uid)| Step::Insert(target, name, uid)),
            2 => (0..80_u8).prop_map(Step::Remove),
            2 => (0..80_u8, 0..3_u8).prop_map(|(name, uid)| Step::RemoveOnly(name, uid)),
            1 => prop::collection::hash_set(0..80_u8, 0..80).prop_map(Step::KeepOnly),
        ]
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_would_hold(steps in prop::collection::vec(step(), 1..200)) {
            let mut objects = Objects::<BuildHasherDefault<Few>>::default();
            let mut model: BTreeMap<u8, (String, String)> = BTreeMap::new();
            let named = |name: &u8| id(&format!("object-{name}"));
            let info = KindInfo::find("v1", "ConfigMap").unwrap();
            for step in steps {
                match step {
                    Step::Insert(target, name, uid) => {
                        let (target, uid) = (format!("target-{target}"), format!("uid-{uid}"));
                        let before = model.insert(name, (target.clone(), uid.clone())).map(|(target, _)| target);
                        let told = objects.insert(&target, &named(&name), seen(&uid));
                        prop_assert_eq!(told.as_deref(), before.as_deref().filter(|before| **before != target));
                    }
                    Step::Remove(name) => {
                        let before = model.remove(&name).map(|(target, _)| target);
                        let told = objects.remove(&named(&name));
                        prop_assert_eq!(told.as_deref(), before.as_deref());
                    }
                    Step::RemoveOnly(name, uid) => {
                        let uid = format!("uid-{uid}");
                        let held = model.get(&name).filter(|(_, held)| *held == uid).map(|(target, _)| target.clone());
                        if held.is_some() {
                            model.remove(&name);
                        }
                        let told = objects.remove_only(&named(&name), Some(&uid));
                        prop_assert_eq!(told.as_deref(), held.as_deref());
                    }
                    Step::KeepOnly(names) => {
                        let gone = model.iter().filter(|(name, _)| !names.contains(name));
                        let lost: BTreeSet<Arc<str>> = gone.map(|(_, (target, _))| Arc::from(target.as_str())).collect();
                        model.retain(|name, _| names.contains(name));
                        prop_assert_eq!(objects.keep_only(info, &names.iter().map(named).collect()), lost);
                    }
                }
                prop_assert_eq!(objects.holders.len(), model.len());
                prop_assert_eq!(objects.targets.iter().map(|(_, of)| of.objects.len()).sum::<usize>(), model.len());
                prop_assert_eq!(objects.targets.len(), objects.places.len());
                for (name, (target, uid)) in &model {
                    prop_assert_eq!(objects.get(target, &named(name)).map(|seen| seen.uid), Some(uid.clone()));
                }
            }
        }
    }

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
        let mut objects = Objects::<RandomState>::default();
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
        let mut objects = Objects::<RandomState>::default();
        let other = ObjectId { kind: "Secret".to_owned(), ..id("x") };
        for (target, id) in [("a", id("x")), ("a", id("y")), ("b", id("z")), ("b", other.clone())] {
            objects.insert(target, &id, seen("u"));
        }
        let info = KindInfo::find("v1", "ConfigMap").unwrap();
        let gone = objects.keep_only(info, &HashSet::from([id("x")]));
        assert_eq!(gone, BTreeSet::from([Arc::from("a"), Arc::from("b")]));
        assert!(objects.get("a", &id("x")).is_some() && objects.get("a", &id("y")).is_none());
        assert_eq!(objects.of("b").iter().map(Packed::id).collect::<Vec<_>>(), [other]);
    }

    #[test]
    fn a_cluster_cannot_tell_of_any_number_of_objects() {
        let mut objects = Objects::<RandomState>::default();
        for at in 0..MOST {
            assert!(objects.has_room("a"));
            objects.insert("a", &id(&at.to_string()), seen("u"));
        }
        assert!(!objects.has_room("a") && objects.has_room("b"));
    }

    #[test]
    fn the_digest_is_of_what_is_known_and_not_of_how_it_came() {
        let (mut one, mut other) = (Objects::<RandomState>::default(), Objects::<RandomState>::default());
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
