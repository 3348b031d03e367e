//! What nobody may change, whoever wrote the object: the last step before the guard.
//!
//! Sealing puts our labels and annotations over whatever is there, puts namespaced objects into the target's namespace
//! when they name none, takes away what only an API server writes, and orders the objects for application. It refuses
//! nothing: an object with another namespace, with ownerReferences or with finalizers stays as it is for the guard to
//! refuse with its source, because changing it silently would hide a mistake.

use serde_json::{Map, Value};

use crate::canonical;
use crate::key::Workspace;
use crate::names::{
    ANNOTATION_HASH, ANNOTATION_OWNER, ANNOTATION_SOURCE, LABEL_MANAGED_BY, LABEL_TARGET, LABEL_WORKSPACE, MANAGED_BY,
    TargetNames, workspace_label,
};
use crate::object::{Desired, KINDS, KindInfo, ObjectId};

/// Whose objects are sealed.
#[derive(Debug, Clone, Copy)]
pub struct SealContext<'a> {
    /// The target's names.
    pub names: &'a TargetNames,
    /// The target's namespace in the physical cluster.
    pub namespace: &'a str,
    /// Workspace of the SyncTarget.
    pub workspace: &'a Workspace,
    /// Name of the SyncTarget.
    pub name: &'a str,
    /// uid of the SyncTarget.
    pub uid: &'a str,
}

impl SealContext<'_> {
    /// Value of [`ANNOTATION_OWNER`] on every object of the target.
    pub fn owner(&self) -> String {
        format!("{}/{}/{}", self.workspace, self.name, self.uid)
    }
}

/// Fields of `metadata` that only an API server writes. A template copied from a live object has them; they mean nothing
/// in a wish. ownerReferences and finalizers are not among them: they have an effect, so the guard refuses them.
const SERVER_METADATA: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The objects as they are to be applied: sealed, hashed, and sorted by the order of application, namespace and name.
///
/// Sealing twice is sealing once. The order of the input does not matter, save between objects with the same id, which
/// the guard refuses.
pub fn seal(objects: Vec<Desired>, context: &SealContext<'_>) -> Vec<Desired> {
    let owner = context.owner();
    let sealed = objects.into_iter().map(|desired| seal_one(desired, &owner, context));
    let mut ranked: Vec<_> = sealed.map(|desired| (rank(&desired.id), desired)).collect();
    ranked.sort_by(|(a, one), (b, other)| (a, &one.id).cmp(&(b, &other.id)));
    ranked.into_iter().map(|(_, desired)| desired).collect()
}

/// Place of an object's kind in the order of application; kinds that may not be applied come last.
pub fn rank(id: &ObjectId) -> usize {
    KindInfo::find(&id.api_version, &id.kind).map_or(KINDS.len(), KindInfo::rank)
}

fn seal_one(mut desired: Desired, owner: &str, context: &SealContext<'_>) -> Desired {
    let namespaced = KindInfo::find(&desired.id.api_version, &desired.id.kind).is_some_and(|kind| kind.namespaced);
    let Value::Object(object) = &mut desired.object else { return desired };
    object.remove("status");
    if let Some(metadata) = child(object, "metadata") {
        for field in SERVER_METADATA {
            metadata.remove(field);
        }
        if namespaced && metadata.get("namespace").is_none_or(Value::is_null) {
            metadata.insert("namespace".to_owned(), Value::from(context.namespace));
        }
        if let Some(labels) = child(metadata, "labels") {
            labels.insert(LABEL_MANAGED_BY.to_owned(), Value::from(MANAGED_BY));
            labels.insert(LABEL_TARGET.to_owned(), Value::from(context.names.id.as_str()));
            labels.insert(LABEL_WORKSPACE.to_owned(), Value::from(workspace_label(context.workspace)));
        }
        if let Some(annotations) = child(metadata, "annotations") {
            annotations.insert(ANNOTATION_OWNER.to_owned(), Value::from(owner));
            annotations.insert(ANNOTATION_SOURCE.to_owned(), Value::from(desired.source.as_str()));
            annotations.remove(ANNOTATION_HASH);
        }
    }
    let hash = canonical::hash(&desired.object);
    if let Some(annotations) = desired.object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(ANNOTATION_HASH.to_owned(), Value::from(hash));
    }
    if namespaced {
        desired.id.namespace =
            desired.object.pointer("/metadata/namespace").and_then(Value::as_str).map(ToOwned::to_owned);
    }
    desired
}

/// The map at `key`, made if there is none. `None` if something else is there, which the guard refuses.
fn child<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = parent.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn desired(object: Value) -> Desired {
        Desired { id: ObjectId::of(&object).unwrap(), object, source: "10-thing.yaml".to_owned() }
    }

    fn sealed(objects: Vec<Desired>) -> Vec<Desired> {
        let workspace = Workspace::new("root:team");
        let names = TargetNames::new(&workspace, "u1");
        seal(objects, &SealContext { names: &names, namespace: "ours", workspace: &workspace, name: "edge", uid: "u1" })
    }

    #[test]
    fn labels_annotations_and_namespace_are_ours_whatever_was_there() {
        let forged = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"status": "kept"},
            "metadata": {
                "name": "a", "namespace": null, "uid": "x", "resourceVersion": "1", "generation": 3,
                "creationTimestamp": null, "managedFields": [], "selfLink": "/", "deletionTimestamp": "t",
                "deletionGracePeriodSeconds": 1,
                "labels": {"app.kubernetes.io/managed-by": "me", "berthage.dev/target": "other",
                    "berthage.dev/workspace": "other", "team": "t"},
                "annotations": {"berthage.dev/owner": "other", "berthage.dev/hash": "0", "berthage.dev/source": "s"},
            },
            "status": {"x": 1},
        });
        let sealed = sealed(vec![desired(forged)]).remove(0);
        let hash = canonical::carried_hash(&sealed.object).unwrap().to_owned();
        assert_eq!(sealed.id.namespace.as_deref(), Some("ours"));
        let workspace = Workspace::new("root:team");
        let (id, workspace) = (TargetNames::new(&workspace, "u1").id, workspace_label(&workspace));
        assert_eq!(
            sealed.object,
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "data": {"status": "kept"},
                "metadata": {
                    "name": "a", "namespace": "ours",
                    "labels": {
                        "app.kubernetes.io/managed-by": "berthage", "berthage.dev/target": id,
                        "berthage.dev/workspace": workspace, "team": "t",
                    },
                    "annotations": {
                        "berthage.dev/owner": "root:team/edge/u1", "berthage.dev/source": "10-thing.yaml",
                        "berthage.dev/hash": hash,
                    },
                },
            })
        );
        assert_eq!(hash.len(), 32);
    }

    #[test]
    fn what_the_guard_refuses_is_left_for_it_to_see() {
        let strange = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "kube-system", "ownerReferences": [{}], "finalizers": ["f"], "labels": "x"},
        });
        let metadata = sealed(vec![desired(strange)]).remove(0).object["metadata"].clone();
        assert_eq!(metadata["namespace"], "kube-system");
        assert_eq!(metadata["ownerReferences"], json!([{}]));
        assert_eq!(metadata["finalizers"], json!(["f"]));
        assert_eq!(metadata["labels"], "x");
    }

    #[test]
    fn cluster_scoped_and_unknown_kinds_get_no_namespace() {
        let objects = sealed(vec![
            desired(json!({"apiVersion": "x/v1", "kind": "Other", "metadata": {"name": "a"}})),
            desired(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ours"}})),
        ]);
        assert_eq!(objects[0].id.kind, "Namespace");
        assert!(objects.iter().all(|desired| desired.id.namespace.is_none()));
    }

    #[test]
    fn an_object_that_is_none_passes_unchanged() {
        let odd = Desired {
            id: ObjectId { api_version: "v1".into(), kind: "ConfigMap".into(), namespace: None, name: "a".into() },
            object: json!(["not an object"]),
            source: String::new(),
        };
        assert_eq!(sealed(vec![odd.clone()]), vec![odd]);
    }

    fn any_object() -> impl Strategy<Value = Desired> {
        let kinds = 0..KINDS.len();
        (kinds, "[a-c]", prop::option::of("ours|theirs"), prop::option::of("[a-z]{1,3}"), any::<bool>()).prop_map(
            |(kind, name, namespace, label, annotated)| {
                let info = &KINDS[kind];
                let mut metadata = json!({"name": name});
                if let Some(namespace) = namespace {
                    metadata["namespace"] = Value::from(namespace);
                }
                if let Some(label) = label {
                    metadata["labels"] = json!({ "berthage.dev/target": label });
                }
                if annotated {
                    metadata["annotations"] = Value::Null;
                }
                desired(json!({"apiVersion": info.api_version, "kind": info.kind, "metadata": metadata, "spec": {}}))
            },
        )
    }

    proptest! {
        #[test]
        fn sealing_twice_is_sealing_once(objects in prop::collection::vec(any_object(), 0..12)) {
            let once = sealed(objects);
            prop_assert_eq!(sealed(once.clone()), once);
        }

        #[test]
        fn order_of_application_does_not_hang_on_the_input(
            objects in prop::collection::vec(any_object(), 1..12), by in any::<prop::sample::Index>(),
        ) {
            let mut seen = std::collections::BTreeSet::new();
            let unique: Vec<_> = sealed(objects).into_iter().filter(|desired| seen.insert(desired.id.clone())).collect();
            let mut rotated = unique.clone();
            rotated.rotate_left(by.index(unique.len()));
            prop_assert_eq!(sealed(rotated), unique.clone());
            let ranks: Vec<_> = unique.iter().map(|desired| rank(&desired.id)).collect();
            prop_assert!(ranks.is_sorted());
        }
    }
}
