use super::*;

fn birth() -> Birth<'static> {
    Birth { namespace: "n", now: now(), uid: "u-1", suffix: "abcde", version_allowed: false }
}

fn made(kind: &Kind<'_>, object: Value) -> Result<Object, Failure> {
    let mut object = map(object);
    receive_created(kind, if kind.namespaced { "n" } else { "" }, &mut object)?;
    create(kind, &birth(), object, &Anything)
}

#[test]
fn a_custom_resource_gets_what_is_the_servers_to_say() {
    let sent = json!({
        "metadata": {
            "name": "a", "uid": "mine", "generation": 7, "creationTimestamp": "2001-01-01T00:00:00Z", "selfLink": "/a",
            "deletionTimestamp": "2001-01-01T00:00:00Z", "deletionGracePeriodSeconds": 3, "labels": {"l": "1"},
        },
        "spec": {"x": 1},
        "status": {"y": 1},
    });
    let metadata = json!({
        "name": "a", "namespace": "n", "uid": "u-1", "generation": 1, "creationTimestamp": NOW, "labels": {"l": "1"},
    });
    assert_eq!(made(&custom(true), sent.clone()).unwrap(), map(json!({"metadata": metadata, "spec": {"x": 1}})));
    assert_eq!(
        made(&custom(false), sent).unwrap(),
        map(json!({"metadata": metadata, "spec": {"x": 1}, "status": {"y": 1}}))
    );
}

#[test]
fn built_in_kinds_have_their_ways() {
    let namespace = made(&of("", "Namespace", "namespaces"), json!({"metadata": {"generateName": "team-"}})).unwrap();
    assert_eq!(
        namespace,
        map(json!({
            "metadata": {
                "name": "team-abcde", "generateName": "team-", "uid": "u-1", "creationTimestamp": NOW,
                "labels": {"kubernetes.io/metadata.name": "team-abcde"},
            },
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }))
    );
    // Nobody takes a generation out which the kind has no use for.
    let secret = json!({"metadata": {"name": "a", "generation": 7}});
    assert_eq!(made(&of("", "Secret", "secrets"), secret).unwrap()["metadata"]["generation"], 7);
    let deployment = json!({"metadata": {"name": "a"}, "status": {"replicas": 7}});
    let deployment = made(&of("apps", "Deployment", "deployments"), deployment).unwrap();
    assert_eq!((&deployment["metadata"]["generation"], &deployment["status"]), (&json!(1), &json!({})));
    let definition = json!({
        "metadata": {"name": "things.x.io"},
        "spec": {"group": "x.io", "names": {"plural": "things"}, "versions": [{"name": "v1", "storage": true}]},
    });
    let definition =
        made(&of("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions"), definition);
    assert_eq!(
        definition.unwrap()["status"],
        json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": ["v1"]})
    );
}

#[test]
fn a_generated_name_has_63_characters_at_most() {
    let base = format!("{}-", "a".repeat(80));
    let mut object = map(json!({"metadata": {"generateName": base}}));
    let kind = custom(true);
    object = create(&kind, &birth(), object, &Anything).unwrap();
    assert_eq!(object["metadata"]["name"], format!("{}abcde", "a".repeat(58)));
}

#[test]
fn names_and_namespaces_are_checked() {
    assert_eq!(
        told(made(&custom(true), json!({"metadata": {"name": "a", "namespace": "m"}}))),
        (
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request".into()
        )
    );
    let (code, reason, message) = told(made(&custom(true), json!({"metadata": {"name": "A"}})));
    assert_eq!((code, reason), (422, "Invalid"));
    assert!(
        message.starts_with(
            r#"Thing.x.io "A" is invalid: metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist"#
        ),
        "{message}"
    );
    assert_eq!(
        told(made(&custom(true), json!({"metadata": {}}))).2,
        r#"Thing.x.io "" is invalid: metadata.name: Required value: name or generateName is required"#
    );
    assert!(made(&of("rbac.authorization.k8s.io", "Role", "roles"), json!({"metadata": {"name": "system:A"}})).is_ok());
    assert_eq!(
        told(made(&of("rbac.authorization.k8s.io", "Role", "roles"), json!({"metadata": {"name": "a/b"}}))).2,
        r#"Role.rbac.authorization.k8s.io "a/b" is invalid: metadata.name: Invalid value: "a/b": may not contain '/'"#
    );
    // A namespace in what has none is dropped.
    let role = json!({"metadata": {"name": "a", "namespace": "m"}});
    let role = made(&of("rbac.authorization.k8s.io", "ClusterRole", "clusterroles"), role).unwrap();
    assert_eq!(role["metadata"].get("namespace"), None);
    let definition = json!({"metadata": {"name": "a"}, "spec": {"group": "x.io", "names": {"plural": "things"}}});
    let kind = of("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions");
    assert_eq!(
        told(made(&kind, definition)).2,
        "CustomResourceDefinition.apiextensions.k8s.io \"a\" is invalid: metadata.name: Invalid value: \"a\": must be \
         spec.names.plural+\".\"+spec.group"
    );
}

#[test]
fn a_new_object_has_no_version() {
    let sent = || json!({"metadata": {"name": "a", "resourceVersion": "5"}});
    assert_eq!(
        told(made(&custom(true), sent())),
        (500, "", "resourceVersion should not be set on objects to be created".into())
    );
    let allowed = Birth { version_allowed: true, ..birth() };
    let created = create(&custom(true), &allowed, map(sent()), &Anything).unwrap();
    assert_eq!(created["metadata"].get("resourceVersion"), None);
    assert!(made(&custom(true), json!({"metadata": {"name": "a", "resourceVersion": "0"}})).is_ok());
}

#[test]
fn what_is_there_is_not_created() {
    let plain = map(json!({"metadata": {"name": "a"}}));
    let generated = map(json!({"metadata": {"name": "a-abcde", "generateName": "a-"}}));
    let dying = map(json!({"metadata": {"name": "a", "deletionTimestamp": NOW}}));
    let message = |object, present| {
        let failure = exists(&custom(true), object, present);
        assert_eq!((failure.code, failure.reason), (409, "AlreadyExists"));
        (failure.message.clone(), failure.retry_after)
    };
    assert_eq!(message(&plain, &plain), (r#"things.x.io "a" already exists"#.into(), 0));
    assert_eq!(message(&plain, &dying), (r#"object is being deleted: things.x.io "a" already exists"#.into(), 0));
    assert_eq!(
        message(&generated, &plain),
        (
            r#"things.x.io "a-abcde" already exists, the server was not able to generate a unique name for the object"#
                .into(),
            1
        )
    );
}

#[test]
fn a_reference_that_is_there_twice_is_once() {
    let mut object = map(json!({"metadata": {"ownerReferences": [
        {"uid": "1", "name": "a"}, {"uid": "1", "name": "b"}, {"uid": "1", "name": "a"},
    ]}}));
    assert_eq!(deduplicate(&mut object), Ok(vec!["1".to_owned()]));
    assert_eq!(object["metadata"]["ownerReferences"], json!([{"uid": "1", "name": "a"}, {"uid": "1", "name": "b"}]));
    assert!(duplicates_warning(&["1".into(), "2".into()], false).ends_with("duplicate UID(s) observed: 1, 2"));
}
