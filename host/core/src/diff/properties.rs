//! What must hold for every diff, against a model of a physical cluster.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::names::ANNOTATION_HASH;

/// A cluster that does what the API server does with creates, applies and deletes under preconditions.
#[derive(Debug, Clone, Default, PartialEq)]
struct Cluster {
    objects: BTreeMap<ObjectId, Live>,
    made: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Live {
    uid: String,
    generation: u32,
    content: String,
    ours: bool,
}

impl Cluster {
    fn view<R>(&self, sees: bool, run: impl FnOnce(View<'_>) -> R) -> R {
        let observed = |id: &ObjectId| {
            let live = self.objects.get(id).filter(|_| sees)?;
            Some(Observed {
                uid: live.uid.clone(),
                marker: format!("g{}", live.generation),
                ours: live.ours,
                deleting: false,
            })
        };
        run(View { observed: &observed, complete: &|_| sees })
    }

    fn apply(&mut self, apply: &Apply, desired: &Desired) -> Option<Outcome> {
        let content = carried_hash(&desired.object).unwrap().to_owned();
        let id = apply.id.clone();
        let uid = match self.objects.get(&id) {
            // What is there without being expected, or with another uid, is taken over only when it is ours.
            Some(live) if apply.uid.as_ref() == Some(&live.uid) || live.ours => live.uid.clone(),
            Some(_) => return None,
            None => {
                self.made += 1;
                format!("made-{}", self.made)
            }
        };
        let before = self.objects.get(&id).map_or(0, |live| live.generation);
        let changed = self.objects.get(&id).is_none_or(|live| live.content != content);
        let generation = before + u32::from(changed);
        self.objects.insert(id.clone(), Live { uid: uid.clone(), generation, content: content.clone(), ours: true });
        Some(Outcome::Applied { id, uid, hash: content, seen: format!("g{generation}") })
    }

    fn delete(&mut self, delete: &Delete) -> Outcome {
        if self.objects.get(&delete.id).is_some_and(|live| live.uid == delete.uid) {
            self.objects.remove(&delete.id);
        }
        Outcome::Gone(delete.id.clone())
    }

    /// Looks an object up and deletes it if it is ours.
    fn look_up(&mut self, id: &ObjectId) -> Outcome {
        if self.objects.get(id).is_some_and(|live| live.ours) {
            self.objects.remove(id);
        }
        Outcome::Gone(id.clone())
    }

    /// Carries changes out, but stops before the request number `crash`.
    fn perform(&mut self, changes: &Changes, desired: &[Desired], crash: usize) -> Vec<Outcome> {
        let left = RefCell::new(crash);
        let alive = || left.replace_with(|left| left.saturating_sub(1)) > 0;
        let mut outcomes = Vec::new();
        for apply in changes.applies().take_while(|_| alive()) {
            match self.apply(apply, &desired[apply.index]) {
                Some(outcome) => outcomes.push(outcome),
                None => return outcomes,
            }
        }
        for delete in changes.deletes.iter().take_while(|_| alive()) {
            outcomes.push(self.delete(delete));
        }
        for id in changes.lookups.iter().take_while(|_| alive()) {
            outcomes.push(self.look_up(id));
        }
        outcomes.extend(changes.forgotten.iter().cloned().map(Outcome::Gone));
        outcomes
    }
}

fn ids() -> Vec<ObjectId> {
    let id = |api_version: &str, kind: &str, namespace: Option<&str>, name: &str| ObjectId {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(ToOwned::to_owned),
        name: name.to_owned(),
    };
    vec![
        id("v1", "Namespace", None, "ours"),
        id("v1", "Namespace", None, "old"),
        id("rbac.authorization.k8s.io/v1", "ClusterRole", None, "a"),
        id("v1", "ConfigMap", Some("ours"), "a"),
        id("v1", "ConfigMap", Some("ours"), "b"),
        id("v1", "ConfigMap", Some("old"), "a"),
        id("apps/v1", "Deployment", Some("ours"), "a"),
    ]
}

fn desired(id: &ObjectId, content: &str) -> Desired {
    let mut metadata = json!({"name": id.name, "annotations": {ANNOTATION_HASH: content}});
    if let Some(namespace) = &id.namespace {
        metadata["namespace"] = Value::from(namespace.as_str());
    }
    let object = json!({"apiVersion": id.api_version, "kind": id.kind, "metadata": metadata});
    Desired { id: id.clone(), object, source: "test".to_owned() }
}

#[derive(Debug, Clone)]
struct World {
    desired: Vec<Desired>,
    inventory: Vec<InventoryEntry>,
    cluster: Cluster,
}

/// Any mixture of desired, recorded and live, consistent or not.
fn worlds() -> impl Strategy<Value = World> {
    let wanted = prop::option::weighted(0.7, "[hi]");
    let entry = prop::option::of((prop::option::of("[uv]"), prop::option::of("[hi]"), prop::option::of(1u32..3)));
    let live = prop::option::of(("[uv]", 1u32..3, "[hi]", any::<bool>()));
    prop::collection::vec((wanted, entry, live), ids().len()).prop_map(|rows| {
        let mut world = World { desired: Vec::new(), inventory: Vec::new(), cluster: Cluster::default() };
        for (id, (wanted, entry, live)) in ids().into_iter().zip(rows) {
            world.desired.extend(wanted.map(|content| desired(&id, &content)));
            if let Some((uid, hash, seen)) = entry {
                let mut recorded = intent(&[desired(&id, "")], &[]);
                recorded[0].uid = uid;
                recorded[0].hash = hash;
                recorded[0].seen = seen.map(|generation| format!("g{generation}"));
                world.inventory.append(&mut recorded);
            }
            if let Some((uid, generation, content, ours)) = live {
                world.cluster.objects.insert(id, Live { uid, generation, content, ours });
            }
        }
        world
    })
}

fn generous() -> Options {
    Options { budget_floor: 100, ..Options::default() }
}

/// Objects that are neither recorded by uid nor labelled as ours.
fn foreign(world: &World) -> BTreeMap<ObjectId, Live> {
    let recorded: BTreeSet<_> = world
        .inventory
        .iter()
        .map(|entry| (ObjectId::of_entry(entry), entry.uid.clone().unwrap_or_default()))
        .collect();
    world
        .cluster
        .objects
        .iter()
        .filter(|(id, live)| !live.ours && !recorded.contains(&((*id).clone(), live.uid.clone())))
        .map(|(id, live)| (id.clone(), live.clone()))
        .collect()
}

/// What the changes say, without the places in the input.
fn without_places(mut changes: Changes) -> Changes {
    changes.waves.iter_mut().flatten().for_each(|apply| apply.index = 0);
    changes
}

proptest! {
    #[test]
    fn after_a_round_there_is_nothing_left_to_do(world in worlds(), sees in any::<bool>()) {
        prop_assume!(!world.desired.is_empty());
        let World { desired, inventory, mut cluster } = world;
        let inventory = intent(&desired, &inventory);
        let first = cluster.view(sees, |view| diff(&desired, &inventory, view, generous())).unwrap();
        let outcomes = cluster.perform(&first, &desired, usize::MAX);
        let inventory = settle(&inventory, &outcomes);
        let before = cluster.clone();
        let second = cluster.view(true, |view| diff(&desired, &inventory, view, generous())).unwrap();
        let blocked = !second.conflicts.is_empty() || !second.waiting.is_empty();
        if sees && !blocked {
            prop_assert!(second.is_empty(), "{second:?}");
            prop_assert_eq!(second.unchanged, desired.len());
        }
        // Blind or not, the state that is reached is a fixed point after one more round that sees.
        let outcomes = cluster.perform(&second, &desired, usize::MAX);
        let inventory = settle(&inventory, &outcomes);
        let third = cluster.view(true, |view| diff(&desired, &inventory, view, generous())).unwrap();
        prop_assert!(third.is_empty(), "{third:?}");
        if sees && !blocked {
            prop_assert_eq!(cluster, before);
        }
    }

    #[test]
    fn a_crash_before_any_request_changes_no_end_state(world in worlds(), crash in 0usize..12) {
        prop_assume!(!world.desired.is_empty());
        let World { desired, inventory, mut cluster } = world;
        let inventory = intent(&desired, &inventory);
        let run = |cluster: &mut Cluster, crash| {
            let changes = cluster.view(true, |view| diff(&desired, &inventory, view, generous())).unwrap();
            cluster.perform(&changes, &desired, crash)
        };
        let mut straight = cluster.clone();
        run(&mut straight, usize::MAX);
        run(&mut cluster, crash);
        run(&mut cluster, usize::MAX);
        let contents = |cluster: &Cluster| -> Vec<_> {
            cluster.objects.iter().map(|(id, live)| (id.clone(), live.content.clone(), live.ours)).collect()
        };
        prop_assert_eq!(contents(&straight), contents(&cluster));
    }

    #[test]
    fn only_what_is_recorded_and_ours_is_deleted(world in worlds(), sees in any::<bool>(), finalizing in any::<bool>()) {
        prop_assume!(finalizing || !world.desired.is_empty());
        let options = Options { finalizing, ..generous() };
        let changes =
            world.cluster.view(sees, |view| diff(&world.desired, &world.inventory, view, options)).unwrap();
        let recorded: BTreeSet<_> = world.inventory.iter().map(ObjectId::of_entry).collect();
        let wanted: BTreeSet<_> = world.desired.iter().map(|object| object.id.clone()).collect();
        for id in changes.deletes.iter().map(|delete| &delete.id).chain(&changes.lookups).chain(&changes.forgotten) {
            prop_assert!(recorded.contains(id));
            prop_assert!(finalizing || !wanted.contains(id));
        }
        for delete in &changes.deletes {
            prop_assert!(!delete.uid.is_empty());
        }
        let strangers = foreign(&world);
        let mut cluster = world.cluster.clone();
        cluster.perform(&changes, &world.desired, usize::MAX);
        for (id, live) in strangers {
            prop_assert_eq!(cluster.objects.get(&id), Some(&live));
        }
    }

    #[test]
    fn finalizing_removes_all_that_is_ours(world in worlds(), sees in any::<bool>()) {
        let World { inventory, mut cluster, .. } = world;
        let first = cluster.view(sees, |view| diff(&[], &inventory, view, Options::finalizing())).unwrap();
        let order: Vec<_> = first.deletes.iter().map(|delete| rank(&delete.id)).collect();
        prop_assert!(order.iter().rev().is_sorted());
        let settled = settle(&inventory, &cluster.perform(&first, &[], usize::MAX));
        prop_assert_eq!(&settled, &[]);
        let ours = |entry: &InventoryEntry| {
            let live = cluster.objects.get(&ObjectId::of_entry(entry));
            live.is_some_and(|live| (sees && live.ours) || Some(&live.uid) == entry.uid.as_ref())
        };
        prop_assert!(!inventory.iter().any(ours));
        let second = cluster.view(sees, |view| diff(&[], &settled, view, Options::finalizing())).unwrap();
        prop_assert!(second.is_clean());
    }

    #[test]
    fn order_of_the_inputs_does_not_count(world in worlds(), sees in any::<bool>(), by in any::<prop::sample::Index>()) {
        prop_assume!(!world.desired.is_empty());
        let mut turned = world.clone();
        turned.desired.rotate_left(by.index(world.desired.len()));
        turned.inventory.reverse();
        let run = |world: &World| {
            world.cluster.view(sees, |view| diff(&world.desired, &world.inventory, view, generous())).map(without_places)
        };
        prop_assert_eq!(run(&world), run(&turned));
        prop_assert_eq!(intent(&world.desired, &world.inventory), intent(&turned.desired, &turned.inventory));
    }

    #[test]
    fn intent_names_everything_that_is_or_may_be_made(world in worlds()) {
        let before = intent(&world.desired, &world.inventory);
        for entry in &world.inventory {
            prop_assert!(before.contains(entry));
        }
        let named: BTreeSet<_> = before.iter().map(ObjectId::of_entry).collect();
        prop_assert!(world.desired.iter().all(|object| named.contains(&object.id)));
        prop_assert_eq!(named.len(), before.len());
        prop_assert_eq!(intent(&world.desired, &before), before);
    }

    #[test]
    fn places_point_at_the_objects(world in worlds(), sees in any::<bool>()) {
        prop_assume!(!world.desired.is_empty());
        let changes = world.cluster.view(sees, |view| diff(&world.desired, &world.inventory, view, generous())).unwrap();
        for apply in changes.applies() {
            prop_assert_eq!(&world.desired[apply.index].id, &apply.id);
        }
        let foreign = changes.conflicts.iter().filter(|conflict| conflict.why == ConflictWhy::Foreign).count();
        let accounted = changes.unchanged + changes.applies().count() + changes.waiting.len() + foreign;
        prop_assert_eq!(accounted, world.desired.len());
    }
}
