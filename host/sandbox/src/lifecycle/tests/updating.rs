use super::*;

const KEY: &str = "/registry/x.io/things/n/a";

fn request<'a>(kind: &'a Kind<'a>, subresource: Subresource) -> Update<'a> {
    let namespace = if kind.namespaced { "n" } else { "" };
    Update { kind, namespace, name: "a", subresource, put: true, key: KEY }
}

fn put(kind: &Kind<'_>, new: Value, old: &Value) -> Result<Updated, Failure> {
    update(&request(kind, Subresource::None), map(new), &map(old.clone()), &Anything)
}

/// An object as it is kept, with more metadata.
fn kept(more: Value) -> Value {
    let mut object = json!({
        "metadata": {
            "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 3, "creationTimestamp": NOW,
        },
        "spec": {"x": 1},
        "status": {"y": 1},
    });
    object["metadata"].as_object_mut().unwrap().extend(map(more));
    object
}

fn with(mut object: Value, path: &str, value: Value) -> Value {
    *object.pointer_mut(path).unwrap() = value;
    object
}

#[test]
fn a_change_of_the_spec_is_counted_and_the_status_stays() {
    let old = kept(json!({}));
    let new =
        json!({"metadata": {"name": "a", "resourceVersion": "5", "generation": 9}, "spec": {"x": 2}, "status": {}});
    let written = with(with(old.clone(), "/metadata/generation", json!(4)), "/spec/x", json!(2));
    assert_eq!(put(&custom(true), new.clone(), &old), Ok(Updated::Write(map(written.clone()))));
    // Without the subresource, the status is content.
    let written = with(written, "/status", json!({}));
    assert_eq!(put(&custom(false), new, &old), Ok(Updated::Write(map(written))));
}

#[test]
fn metadata_is_not_counted_but_annotations_of_deployments_are() {
    let old = kept(json!({}));
    let generation = |kind: &Kind<'_>, field: &str| {
        let new = kept(json!({field: {"k": "v"}}));
        let Ok(Updated::Write(written)) = put(kind, new, &old) else { panic!("not written") };
        written["metadata"]["generation"].clone()
    };
    let deployment = of("apps", "Deployment", "deployments");
    assert_eq!(generation(&custom(true), "annotations"), 3);
    assert_eq!(generation(&deployment, "labels"), 3);
    assert_eq!(generation(&deployment, "annotations"), 4);
}

/// Go's slices do not tell none from empty.
#[test]
fn no_list_is_an_empty_list_to_built_in_kinds() {
    let kind = of("networking.k8s.io", "NetworkPolicy", "networkpolicies");
    let objects = |a: Value, b: Value| (map(json!({"spec": a})), map(json!({"spec": b})));
    let (a, b) = objects(json!({"x": [{"y": []}]}), json!({"x": [{}], "z": null}));
    assert!(!counts(&kind, &a, &b));
    assert!(counts(&custom(true), &a, &b));
    let (a, b) = objects(json!({"x": {}}), json!({}));
    assert!(counts(&kind, &a, &b));
}

#[test]
fn what_changes_nothing_is_not_written() {
    let old = kept(
        json!({"managedFields": [{"manager": "m", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:x": {}}}]}),
    );
    assert_eq!(put(&custom(true), old.clone(), &old), Ok(Updated::Same));
    let newer = with(old.clone(), "/metadata/managedFields/0/time", json!(NOW));
    assert_eq!(put(&custom(true), newer.clone(), &old), Ok(Updated::Same));
    let other = with(newer.clone(), "/metadata/managedFields/0/fieldsV1", json!({"f:y": {}}));
    assert_eq!(put(&custom(true), other.clone(), &old), Ok(Updated::Write(map(other))));
    let other = with(with(newer, "/spec/x", json!(2)), "/metadata/generation", json!(4));
    assert_eq!(put(&custom(true), other.clone(), &old), Ok(Updated::Write(map(other))));
}

#[test]
fn the_version_has_to_be_the_present_one() {
    let old = kept(json!({}));
    let versioned =
        |kind: &Kind<'_>, version: Value| put(kind, with(old.clone(), "/metadata/resourceVersion", version), &old);
    assert_eq!(
        told(versioned(&custom(true), json!("4"))),
        (
            409,
            "Conflict",
            "Operation cannot be fulfilled on things.x.io \"a\": the object has been modified; please apply your changes to \
             the latest version and try again"
                .into()
        )
    );
    assert_eq!(
        told(versioned(&custom(true), json!(""))),
        (
            422,
            "Invalid",
            r#"things.x.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"#
                .into()
        )
    );
    assert_eq!(
        told(versioned(&custom(true), json!("x"))),
        (500, "", r#"strconv.ParseUint: parsing "x": invalid syntax"#.into())
    );
    let secret = of("", "Secret", "secrets");
    assert_eq!(versioned(&secret, Value::Null), Ok(Updated::Same));
    assert_eq!(told(versioned(&secret, json!("4"))).0, 409);
}

#[test]
fn another_object_of_the_name_is_a_conflict() {
    let old = kept(json!({}));
    let other = with(old.clone(), "/metadata/uid", json!("v"));
    assert_eq!(
        told(put(&custom(true), other.clone(), &old)).2,
        "Operation cannot be fulfilled on things.x.io \"a\": StorageError: invalid object, Code: 4, Key: \
         /registry/x.io/things/n/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: v, UID \
         in object meta: u"
    );
    // A patch may not change it, which each of two checks says.
    let kind = custom(true);
    let patch = Update { put: false, ..request(&kind, Subresource::None) };
    let failure = update(&patch, map(other), &map(old), &Anything).unwrap_err();
    assert_eq!(failure.message, r#"Thing.x.io "a" is invalid: metadata.uid: Invalid value: "v": field is immutable"#);
    assert_eq!(failure.causes.len(), 2);
}

/// As a real server answers a patch with a bad label: four causes, one in the message.
#[test]
fn metadata_of_a_role_is_checked_four_times() {
    let old =
        json!({"metadata": {"name": "a", "uid": "u", "resourceVersion": "5", "creationTimestamp": NOW}, "rules": []});
    let mut new = old.clone();
    new["metadata"]["labels"] = json!({"a": "-"});
    new["metadata"]["finalizers"] = json!(["plain"]);
    let failure = put(&of("rbac.authorization.k8s.io", "ClusterRole", "clusterroles"), new, &old).unwrap_err();
    let fields: Vec<&str> = failure.causes.iter().map(|cause| cause.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "metadata.labels",
            "metadata.labels",
            "metadata.labels",
            "metadata.finalizers[0]",
            "metadata.labels",
            "metadata.finalizers[0]"
        ]
    );
    assert_eq!(failure.message.matches("metadata.labels").count(), 1);
}

#[test]
fn a_time_of_the_server_may_be_written_otherwise_and_not_be_another() {
    let kind = custom(true);
    let patch = Update { put: false, ..request(&kind, Subresource::None) };
    let asked = |time: &str| {
        let new = with(kept(json!({"deletionTimestamp": ""})), "/metadata/deletionTimestamp", json!(time));
        update(&patch, map(new), &map(kept(json!({}))), &Anything).unwrap_err().message.clone()
    };
    assert_eq!(
        asked("2026-11-23T12:00:00.9+02:00"),
        r#"Thing.x.io "a" is invalid: metadata.deletionTimestamp: Invalid value: "2026-11-23T10:00:00Z": field is immutable"#
    );
}

#[test]
fn names_of_the_wrong_length_are_told_in_characters() {
    let mut long = kept(json!({}));
    long["metadata"]["name"] = json!("a".repeat(254));
    let causes = checks::create(&custom(true), &map(long), &Anything);
    assert_eq!(
        causes[0].message,
        format!("Invalid value: \"{}\": must be no more than 253 characters", "a".repeat(254))
    );
}

#[test]
fn times_and_grace_of_a_deletion_stay() {
    let dying = kept(json!({"deletionTimestamp": NOW, "deletionGracePeriodSeconds": 0, "finalizers": ["x/a", "x/b"]}));
    let sent = kept(json!({"creationTimestamp": "2001-01-01T00:00:00Z", "finalizers": ["x/a"], "labels": {"l": "1"}}));
    let written = with(dying.clone(), "/metadata/finalizers", json!(["x/a"]));
    let mut written = map(written);
    written["metadata"]["labels"] = json!({"l": "1"});
    assert_eq!(put(&custom(true), sent, &dying), Ok(Updated::Write(written)));

    let old = kept(json!({}));
    let sent = kept(json!({"deletionTimestamp": "2026-11-23T10:00:00.5Z", "deletionGracePeriodSeconds": 1}));
    assert_eq!(
        told(put(&custom(true), sent, &old)).2,
        "Thing.x.io \"a\" is invalid: [metadata.deletionTimestamp: Invalid value: \"2026-11-23T10:00:00Z\": field is \
         immutable, metadata.deletionGracePeriodSeconds: Invalid value: 1: field is immutable]"
    );
}

#[test]
fn what_is_being_deleted_gets_no_finalizers() {
    let dying = kept(json!({"deletionTimestamp": NOW, "deletionGracePeriodSeconds": 0, "finalizers": ["x/a"]}));
    let sent = with(dying.clone(), "/metadata/finalizers", json!(["x/c", "x/a", "x/b"]));
    assert_eq!(
        told(put(&custom(true), sent, &dying)).2,
        "Thing.x.io \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being \
         deleted, found new finalizers []string{\"x/b\", \"x/c\"}"
    );
}

#[test]
fn the_last_finalizer_of_what_is_being_deleted_removes_it() {
    let dying = kept(json!({"deletionTimestamp": NOW, "deletionGracePeriodSeconds": 0, "finalizers": ["x/a"]}));
    let sent = with(dying.clone(), "/metadata/finalizers", json!([]));
    let stored = |sent: &Value| {
        let mut object = sent.clone();
        object["metadata"].as_object_mut().unwrap().remove("finalizers");
        map(object)
    };
    assert_eq!(put(&custom(true), sent.clone(), &dying), Ok(Updated::Remove(stored(&sent))));
    let waiting = with(dying.clone(), "/metadata/deletionGracePeriodSeconds", json!(30));
    let sent_waiting = with(sent.clone(), "/metadata/deletionGracePeriodSeconds", json!(30));
    assert_eq!(put(&custom(true), sent_waiting.clone(), &waiting), Ok(Updated::Write(stored(&sent_waiting))));
    let living = kept(json!({"finalizers": ["x/a"]}));
    assert!(matches!(put(&custom(true), kept(json!({})), &living), Ok(Updated::Write(_))));
}

#[test]
fn a_namespace_goes_when_it_is_finalized() {
    let kind = of("", "Namespace", "namespaces");
    let old = json!({
        "metadata": {
            "name": "a", "uid": "u", "resourceVersion": "5", "creationTimestamp": NOW, "deletionTimestamp": NOW,
            "labels": {"kubernetes.io/metadata.name": "a"},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Terminating"},
    });
    let new = with(with(old.clone(), "/spec", json!({})), "/status", json!({}));
    assert_eq!(put(&kind, new.clone(), &old), Ok(Updated::Same));
    let finalize = request(&kind, Subresource::Finalize);
    let gone = with(old.clone(), "/spec", json!({}));
    assert_eq!(update(&finalize, map(new.clone()), &map(old.clone()), &Anything), Ok(Updated::Remove(map(gone))));
    let status = request(&kind, Subresource::Status);
    let changed = with(old.clone(), "/status", json!({}));
    assert_eq!(update(&status, map(new), &map(old), &Anything), Ok(Updated::Write(map(changed))));
}

#[test]
fn a_status_is_all_that_changes_of_a_custom_resource() {
    let kind = custom(true);
    let old = kept(json!({"labels": {"l": "1"}, "managedFields": [{"manager": "a", "operation": "Update"}]}));
    let mut new = kept(
        json!({"labels": {"l": "2"}, "annotations": {"a": "1"}, "managedFields": [{"manager": "b", "operation": "Update"}]}),
    );
    new["spec"] = json!({"x": 2});
    new["status"] = json!({"y": 2});
    let written = with(with(old.clone(), "/status/y", json!(2)), "/metadata/managedFields/0/manager", json!("b"));
    let request = request(&kind, Subresource::Status);
    assert_eq!(update(&request, map(new), &map(old.clone()), &Anything), Ok(Updated::Write(map(written))));
    let none = custom(false);
    let without = Update { kind: &none, ..request };
    assert_eq!(update(&without, map(old.clone()), &map(old), &Anything).unwrap_err().code, 404);
}

#[test]
fn a_status_of_a_built_in_kind_takes_metadata_along() {
    let kind = of("apps", "Deployment", "deployments");
    let old = kept(json!({"labels": {"l": "1"}}));
    let mut new = kept(json!({"labels": {"l": "2"}, "annotations": {"a": "1"}}));
    new["spec"] = json!({"x": 2});
    new["status"] = json!({"y": 2});
    let mut written = kept(json!({"labels": {"l": "1"}, "annotations": {"a": "1"}}));
    written["status"] = json!({"y": 2});
    let request = request(&kind, Subresource::Status);
    assert_eq!(update(&request, map(new), &map(old), &Anything), Ok(Updated::Write(map(written))));
}

#[test]
fn the_status_of_a_pod_keeps_what_old_kubelets_forget() {
    let kind = of("", "Pod", "pods");
    let mut old = kept(json!({"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "o", "uid": "o"}]}));
    old["status"] = json!({
        "qosClass": "Burstable", "observedGeneration": 2,
        "conditions": [{"type": "Ready", "observedGeneration": 2}, {"type": "Ready", "observedGeneration": 1}],
    });
    let mut new = kept(
        json!({"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "p", "uid": "p"}], "deletionTimestamp": NOW}),
    );
    new["status"] =
        json!({"conditions": [{"type": "Ready"}, {"type": "Ready", "observedGeneration": 3}, {"type": "X"}]});
    let mut written = kept(json!({"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "o", "uid": "o"}]}));
    written["status"] = json!({
        "qosClass": "Burstable", "observedGeneration": 2,
        "conditions": [
            {"type": "Ready", "observedGeneration": 2}, {"type": "Ready", "observedGeneration": 3}, {"type": "X"},
        ],
    });
    let request = request(&kind, Subresource::Status);
    assert_eq!(update(&request, map(new), &map(old), &Anything), Ok(Updated::Write(map(written))));
}

#[test]
fn a_definition_remembers_what_it_stored() {
    let kind = of("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions");
    let old = json!({
        "metadata": {"name": "a", "uid": "u", "resourceVersion": "5", "generation": 1, "creationTimestamp": NOW},
        "spec": {"versions": [{"name": "v1", "storage": true}]},
        "status": {"storedVersions": ["v1"]},
    });
    let spec = json!({"versions": [{"name": "v1", "storage": false}, {"name": "v2", "storage": true}]});
    let new = with(with(old.clone(), "/spec", spec), "/status", json!({}));
    let Ok(Updated::Write(written)) = put(&kind, new, &old) else { panic!("not written") };
    assert_eq!(written["status"], json!({"storedVersions": ["v1", "v2"]}));
    assert_eq!(written["metadata"]["generation"], 2);
}

#[test]
fn the_name_is_the_one_of_the_path() {
    let received = |object: Value| receive_updated(&custom(true), "n", "a", &mut map(object));
    assert_eq!(received(json!({"metadata": {"name": "a"}})), Ok(()));
    assert_eq!(
        told(received(json!({"metadata": {"name": "b"}}))),
        (400, "BadRequest", "the name of the object (b) does not match the name on the URL (a)".into())
    );
    assert_eq!(
        told(received(json!({"metadata": {}}))).2,
        "the name of the object (a based on URL) was undeterminable: name must be provided"
    );
    assert_eq!(
        told(received(json!({"metadata": {"name": "a", "namespace": "m"}}))).2,
        "the namespace of the provided object does not match the namespace sent on the request"
    );
}

#[test]
fn what_is_not_there_is_created_by_few() {
    let (things, leases) = (custom(true), of("coordination.k8s.io", "Lease", "leases"));
    let bare = map(json!({"metadata": {"name": "a"}}));
    let known = map(json!({"metadata": {"name": "a", "uid": "v"}}));
    let put = |kind, object| absent(&request(kind, Subresource::None), object, false);
    assert_eq!(told(put(&things, &bare)), (404, "NotFound", r#"things.x.io "a" not found"#.into()));
    assert_eq!(put(&leases, &bare), Ok(()));
    assert!(told(put(&leases, &known)).2.ends_with("UID in precondition: v, UID in object meta: "));
    let patch =
        |kind, subresource, object, apply| absent(&Update { put: false, ..request(kind, subresource) }, object, apply);
    assert_eq!(told(patch(&leases, Subresource::None, &bare, false)).0, 404);
    assert_eq!(patch(&things, Subresource::None, &bare, true), Ok(()));
    assert_eq!(told(patch(&things, Subresource::Status, &bare, true)).0, 404);
    assert_eq!(
        told(patch(&things, Subresource::None, &known, true)).2,
        "Operation cannot be fulfilled on things.x.io \"a\": uid mismatch: the provided object specified uid v, and no \
         existing object was found"
    );
}

#[test]
fn keys_are_those_in_etcd() {
    let (secret, service) = (of("", "Secret", "secrets"), of("", "Service", "services"));
    let kcp = |identity| Origin::Kcp { cluster: "c", identity };
    assert_eq!(storage_key(&secret, Origin::Kubernetes, "n", "a"), "/registry/secrets/n/a");
    assert_eq!(storage_key(&service, Origin::Kubernetes, "n", "a"), "/registry/services/specs/n/a");
    assert_eq!(storage_key(&custom(true), Origin::Kubernetes, "n", "a"), KEY);
    assert_eq!(storage_key(&secret, kcp(""), "n", "a"), "/registry/core/secrets/c/n/a");
    assert_eq!(storage_key(&custom(true), kcp(""), "n", "a"), "/registry/x.io/things/customresources/c/n/a");
    assert_eq!(storage_key(&custom(true), kcp("id"), "", "a"), "/registry/x.io/things/id/c/a");
}
