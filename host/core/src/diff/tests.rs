//! Every rule of the diff, one situation each.

use serde_json::json;

use super::*;
use crate::names::ANNOTATION_HASH;

fn id(kind: &str, name: &str) -> ObjectId {
    let info = crate::object::KINDS.iter().find(|info| info.kind == kind).unwrap();
    ObjectId {
        api_version: info.api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: info.namespaced.then(|| "ours".to_owned()),
        name: name.to_owned(),
    }
}

fn desired(id: &ObjectId) -> Desired {
    let object = json!({"metadata": {"name": id.name, "annotations": {ANNOTATION_HASH: "new"}}});
    Desired { id: id.clone(), object, source: String::new() }
}

fn entry(id: &ObjectId, uid: Option<&str>, hash: Option<&str>, seen: Option<&str>) -> InventoryEntry {
    InventoryEntry {
        api_version: id.api_version.clone(),
        kind: id.kind.clone(),
        namespace: id.namespace.clone(),
        name: id.name.clone(),
        uid: uid.map(ToOwned::to_owned),
        hash: hash.map(ToOwned::to_owned),
        seen: seen.map(ToOwned::to_owned),
    }
}

fn observed(uid: &str, marker: &str) -> Observed {
    Observed { uid: uid.to_owned(), marker: marker.to_owned(), ours: true, deleting: false }
}

struct Case {
    desired: Vec<Desired>,
    inventory: Vec<InventoryEntry>,
    seen: BTreeMap<ObjectId, Observed>,
    complete: bool,
    options: Options,
}

impl Case {
    /// One object, desired with hash `new`.
    fn wanted(entry: Option<InventoryEntry>, seen: Option<Observed>) -> Self {
        let id = id("ConfigMap", "a");
        Self {
            desired: vec![desired(&id)],
            inventory: entry.into_iter().collect(),
            seen: seen.into_iter().map(|seen| (id.clone(), seen)).collect(),
            complete: true,
            options: Options::default(),
        }
    }

    /// The same object, no longer desired, beside another one that is as it should be.
    fn unwanted(entry: InventoryEntry, seen: Option<Observed>) -> Self {
        let kept = id("ServiceAccount", "kept");
        let mut case = Self::wanted(Some(entry), seen);
        case.desired = vec![desired(&kept)];
        case.inventory.push(super::tests::entry(&kept, Some("k"), Some("new"), Some("r1")));
        case.seen.insert(kept, observed("k", "r1"));
        case
    }

    fn run(&self) -> Result<Changes, DiffError> {
        let view = View { observed: &|id| self.seen.get(id).cloned(), complete: &|_| self.complete };
        diff(&self.desired, &self.inventory, view, self.options)
    }

    /// The only write, or `None`.
    fn write(&self) -> Option<(Option<String>, Why)> {
        let changes = self.run().unwrap();
        let mut writes = changes.applies().map(|apply| (apply.uid.clone(), apply.why));
        let first = writes.next();
        assert_eq!(writes.next(), None);
        first
    }
}

fn known(uid: &str, hash: &str, seen: &str) -> InventoryEntry {
    entry(&id("ConfigMap", "a"), Some(uid), Some(hash), Some(seen))
}

#[test]
fn equal_hash_and_marker_send_nothing() {
    let changes = Case::wanted(Some(known("u", "new", "r7")), Some(observed("u", "r7"))).run().unwrap();
    assert_eq!(changes, Changes { unchanged: 1, ..Changes::default() });
    assert!(changes.is_empty());
}

#[test]
fn what_was_never_made_is_made_under_the_condition_that_it_is_not_there() {
    assert_eq!(Case::wanted(None, None).write(), Some((None, Why::New)));
    let intended = entry(&id("ConfigMap", "a"), None, None, None);
    assert_eq!(Case::wanted(Some(intended), None).write(), Some((None, Why::New)));
}

#[test]
fn what_was_made_before_a_crash_is_taken_up_by_its_uid() {
    let intended = entry(&id("ConfigMap", "a"), None, None, None);
    let uid = Some("u".to_owned());
    assert_eq!(Case::wanted(Some(intended), Some(observed("u", "r1"))).write(), Some((uid.clone(), Why::New)));
    assert_eq!(Case::wanted(None, Some(observed("u", "r1"))).write(), Some((uid, Why::New)));
}

#[test]
fn another_hash_or_none_is_a_change() {
    let uid = Some("u".to_owned());
    let seen = || Some(observed("u", "r7"));
    assert_eq!(Case::wanted(Some(known("u", "old", "r7")), seen()).write(), Some((uid.clone(), Why::Changed)));
    let unsure = entry(&id("ConfigMap", "a"), Some("u"), None, None);
    assert_eq!(Case::wanted(Some(unsure), seen()).write(), Some((uid.clone(), Why::Changed)));
    let unmarked = entry(&id("ConfigMap", "a"), Some("u"), Some("new"), None);
    assert_eq!(Case::wanted(Some(unmarked), seen()).write(), Some((uid, Why::Changed)));
}

#[test]
fn an_object_without_carried_hash_is_hashed() {
    let mut case = Case::wanted(None, Some(observed("u", "r7")));
    case.desired[0].object = json!({"metadata": {"name": "a"}});
    let hash = hash(&case.desired[0].object);
    case.inventory = vec![known("u", &hash, "r7")];
    assert_eq!(case.write(), None);
}

#[test]
fn another_marker_is_drift() {
    let case = Case::wanted(Some(known("u", "new", "r7")), Some(observed("u", "r8")));
    assert_eq!(case.write(), Some((Some("u".to_owned()), Why::Drifted(Drift::Touched))));
}

#[test]
fn absence_is_drift_only_where_everything_is_seen() {
    let mut case = Case::wanted(Some(known("u", "new", "r7")), None);
    assert_eq!(case.write(), Some((None, Why::Drifted(Drift::Deleted))));
    case.complete = false;
    assert_eq!(case.write(), None);
    case.inventory = vec![known("u", "old", "r7")];
    assert_eq!(case.write(), Some((Some("u".to_owned()), Why::Changed)));
}

#[test]
fn another_uid_is_ours_by_its_labels_or_a_conflict() {
    let mut case = Case::wanted(Some(known("u", "new", "r7")), Some(observed("v", "r7")));
    assert_eq!(case.write(), Some((Some("v".to_owned()), Why::Replaced)));
    case.seen.values_mut().for_each(|seen| seen.ours = false);
    let changes = case.run().unwrap();
    assert_eq!(changes.conflicts, [Conflict { id: id("ConfigMap", "a"), why: ConflictWhy::Foreign }]);
    assert!(changes.is_empty());
    assert_eq!(
        changes.conflicts[0].to_string(),
        "ConfigMap ours/a exists and does not belong to this SyncTarget: delete or rename it, or choose another name or namespace"
    );
}

#[test]
fn lost_labels_do_not_make_a_recorded_object_foreign() {
    let mut case = Case::wanted(Some(known("u", "new", "r7")), Some(observed("u", "r8")));
    case.seen.values_mut().for_each(|seen| seen.ours = false);
    assert_eq!(case.write(), Some((Some("u".to_owned()), Why::Drifted(Drift::Touched))));
}

#[test]
fn an_object_that_is_being_deleted_is_waited_for() {
    let mut case = Case::wanted(Some(known("u", "old", "r7")), Some(observed("u", "r7")));
    case.seen.values_mut().for_each(|seen| seen.deleting = true);
    let changes = case.run().unwrap();
    assert_eq!(changes.waiting, [id("ConfigMap", "a")]);
    assert!(changes.is_empty());
}

#[test]
fn nothing_is_written_into_a_namespace_that_goes_or_is_not_ours() {
    let namespace = id("Namespace", "ours");
    let mut case = Case::wanted(None, None);
    case.desired.push(desired(&namespace));
    case.seen.insert(namespace.clone(), Observed { deleting: true, ..observed("n", "r1") });
    assert_eq!(case.run().unwrap().waiting, [namespace.clone(), id("ConfigMap", "a")]);
    case.seen.insert(namespace.clone(), Observed { ours: false, ..observed("n", "r1") });
    let changes = case.run().unwrap();
    assert_eq!(changes.waiting, [id("ConfigMap", "a")]);
    assert_eq!(changes.conflicts[0].id, namespace);
    assert!(changes.is_empty());
}

#[test]
fn with_its_namespace_everything_in_it_is_made_again() {
    let namespace = id("Namespace", "ours");
    let mut case = Case::wanted(Some(known("u", "new", "r7")), None);
    case.desired.push(desired(&namespace));
    case.complete = false;
    let waves = case.run().unwrap().waves;
    assert_eq!(waves.len(), 2, "{waves:?}");
    assert_eq!((waves[0][0].index, waves[0][0].why), (1, Why::New));
    assert_eq!((waves[1][0].uid.as_deref(), waves[1][0].why), (None, Why::Drifted(Drift::Deleted)));
}

#[test]
fn what_is_no_longer_desired_goes_by_its_uid() {
    let entry = || known("u", "new", "r7");
    let delete = |uid: &str| vec![Delete { id: id("ConfigMap", "a"), uid: uid.to_owned() }];
    assert_eq!(Case::unwanted(entry(), Some(observed("u", "r9"))).run().unwrap().deletes, delete("u"));
    // Not seen: it goes by the recorded uid, even where everything is said to be seen.
    assert_eq!(Case::unwanted(entry(), None).run().unwrap().deletes, delete("u"));
    // Made again before a crash.
    assert_eq!(Case::unwanted(entry(), Some(observed("v", "r9"))).run().unwrap().deletes, delete("v"));
}

#[test]
fn without_a_uid_it_is_looked_up() {
    let intended = || entry(&id("ConfigMap", "a"), None, None, None);
    let changes = Case::unwanted(intended(), None).run().unwrap();
    assert_eq!((changes.lookups, changes.deletes), (vec![id("ConfigMap", "a")], vec![]));
    let changes = Case::unwanted(intended(), Some(observed("v", "r1"))).run().unwrap();
    assert_eq!(changes.deletes[0].uid, "v");
}

#[test]
fn what_is_not_ours_is_forgotten() {
    let foreign = Observed { ours: false, ..observed("v", "r9") };
    let changes = Case::unwanted(known("u", "new", "r7"), Some(foreign)).run().unwrap();
    assert_eq!((changes.forgotten, changes.deletes), (vec![id("ConfigMap", "a")], vec![]));
    let strange = ObjectId { kind: "Node".to_owned(), ..id("Namespace", "n") };
    let changes = Case::unwanted(entry(&strange, Some("u"), None, None), None).run().unwrap();
    assert_eq!((changes.forgotten, changes.deletes), (vec![strange], vec![]));
}

#[test]
fn a_deletion_under_way_is_not_sent_again() {
    let seen = Observed { deleting: true, ..observed("u", "r9") };
    let changes = Case::unwanted(known("u", "new", "r7"), Some(seen)).run().unwrap();
    assert_eq!((changes.leaving.len(), changes.deletes.len()), (1, 0));
    assert!(changes.is_empty() && !changes.is_clean());
}

#[test]
fn nothing_is_deleted_while_something_desired_cannot_be_written() {
    let mut case = Case::unwanted(known("u", "new", "r7"), Some(observed("u", "r7")));
    assert_eq!(case.run().unwrap().deletes.len(), 1);
    case.seen.get_mut(&id("ServiceAccount", "kept")).unwrap().deleting = true;
    assert_eq!(case.run().unwrap().deletes.len(), 0);
}

#[test]
fn a_namespace_with_desired_objects_in_it_is_kept() {
    let namespace = id("Namespace", "ours");
    let case = Case::unwanted(entry(&namespace, Some("n"), Some("new"), Some("r1")), None);
    let changes = case.run().unwrap();
    assert_eq!(changes.conflicts, [Conflict { id: namespace, why: ConflictWhy::NamespaceInUse }]);
    assert_eq!(
        changes.conflicts[0].to_string(),
        "Namespace ours is no longer desired, and is kept because other desired objects are in it: make the templates render it again"
    );
    assert!(changes.is_empty());
}

#[test]
fn empty_desired_deletes_only_when_the_target_goes() {
    let mut case = Case::wanted(Some(known("u", "new", "r7")), None);
    case.desired.clear();
    let error = case.run().unwrap_err();
    assert_eq!(error, DiffError::EmptyDesired { inventory: 1 });
    assert_eq!(error.reason(), Reason::EmptyDesired);
    case.options = Options::finalizing();
    assert_eq!(case.run().unwrap().deletes.len(), 1);
    // And then whatever is desired.
    case.desired = vec![desired(&id("ConfigMap", "a"))];
    assert_eq!(case.run().unwrap().deletes.len(), 1);
}

fn shrinking(from: usize, to: usize) -> Case {
    let ids: Vec<_> = (0..from).map(|number| id("ConfigMap", &format!("c{number:02}"))).collect();
    Case {
        desired: ids[..to].iter().map(desired).collect(),
        inventory: ids.iter().map(|id| entry(id, Some("u"), Some("new"), Some("r1"))).collect(),
        seen: ids.iter().map(|id| (id.clone(), observed("u", "r1"))).collect(),
        complete: true,
        options: Options::default(),
    }
}

#[test]
fn a_budget_bounds_what_goes_at_once() {
    assert_eq!(shrinking(5, 1).run().unwrap().deletes.len(), 4);
    assert_eq!(shrinking(20, 10).run().unwrap().deletes.len(), 10);
    let error = shrinking(20, 9).run().unwrap_err();
    assert_eq!(error.reason(), Reason::DeletionBudgetExceeded);
    insta::assert_snapshot!(error, @"11 of 20 objects would be deleted at once, and the budget is 10: nothing was changed; if this is meant, remove them in smaller steps. They are: ConfigMap ours/c19, ConfigMap ours/c18, ConfigMap ours/c17, ConfigMap ours/c16, ConfigMap ours/c15, ConfigMap ours/c14, ConfigMap ours/c13, ConfigMap ours/c12, ConfigMap ours/c11, ConfigMap ours/c10, …");
    let mut finalizing = shrinking(20, 9);
    finalizing.options = Options::finalizing();
    assert_eq!(finalizing.run().unwrap().deletes.len(), 20);
}

#[test]
fn renaming_everything_is_within_the_budget() {
    let mut case = shrinking(20, 0);
    case.desired = (0..20).map(|number| desired(&id("ConfigMap", &format!("d{number:02}")))).collect();
    assert_eq!(case.run().unwrap().deletes.len(), 20);
    case.desired = (0..9).map(|number| desired(&id("ConfigMap", &format!("d{number:02}")))).collect();
    assert!(matches!(case.run(), Err(DiffError::BudgetExceeded { going, .. }) if going.len() == 11));
}

#[test]
fn the_same_object_twice_is_refused() {
    let mut case = Case::wanted(None, None);
    case.desired.push(case.desired[0].clone());
    let error = case.run().unwrap_err();
    assert_eq!(error, DiffError::Duplicate(id("ConfigMap", "a")));
    assert_eq!(error.reason(), Reason::PolicyViolation);
}

#[test]
fn deletion_goes_against_the_order_of_application() {
    let ids = [id("Namespace", "ours"), id("Deployment", "a"), id("ClusterRole", "a"), id("ConfigMap", "a")];
    let case = Case {
        desired: Vec::new(),
        inventory: ids.iter().map(|id| entry(id, Some("u"), None, None)).collect(),
        seen: BTreeMap::new(),
        complete: false,
        options: Options::finalizing(),
    };
    let kinds: Vec<_> = case.run().unwrap().deletes.into_iter().map(|delete| delete.id.kind).collect();
    assert_eq!(kinds, ["Deployment", "ConfigMap", "ClusterRole", "Namespace"]);
}

#[test]
fn settling_takes_the_last_word_and_keeps_what_nobody_spoke_of() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| id("ConfigMap", name));
    let before: Vec<_> = [&a, &b, &c].map(|id| entry(id, Some("u"), Some("old"), Some("r1"))).into();
    let applied = Outcome::Applied { id: a.clone(), uid: "v".into(), hash: "new".into(), seen: "r2".into() };
    let outcomes = [Outcome::Unknown(a.clone()), applied, Outcome::Gone(b), Outcome::Unknown(d.clone())];
    let after = settle(&before, &outcomes);
    assert_eq!(
        after,
        [
            entry(&a, Some("v"), Some("new"), Some("r2")),
            entry(&c, Some("u"), Some("old"), Some("r1")),
            entry(&d, None, None, None),
        ]
    );
    let unsure = settle(&after, &[Outcome::Unknown(a.clone())]);
    assert_eq!(unsure[0], entry(&a, Some("v"), None, None));
    let lost = settle(&after, &[Outcome::Lost(a.clone())]);
    assert_eq!(lost[0], entry(&a, None, None, None));
    let found = settle(&lost, &[Outcome::Found { id: a.clone(), uid: "w".into() }]);
    assert_eq!(found[0], entry(&a, Some("w"), None, None));
}
