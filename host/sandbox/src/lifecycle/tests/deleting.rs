use super::*;

fn kept(more: Value) -> Object {
    let mut object = json!({
        "metadata": {
            "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 3, "creationTimestamp": NOW,
        },
    });
    object["metadata"].as_object_mut().unwrap().extend(map(more));
    map(object)
}

fn policy(policy: &str) -> DeleteOptions {
    DeleteOptions { propagation_policy: Some(policy.to_owned()), ..DeleteOptions::default() }
}

fn done(kind: &Kind<'_>, old: &Object, options: &DeleteOptions) -> Deletion {
    delete(kind, old, options, now()).unwrap()
}

/// The metadata that is written, beside what is there.
fn marked(finalizers: &Value) -> Deletion {
    let more = json!({
        "generation": 4, "deletionTimestamp": NOW, "deletionGracePeriodSeconds": 0, "finalizers": finalizers,
    });
    Deletion::Write(kept(more))
}

#[test]
fn an_object_without_finalizers_goes_at_once() {
    let (thing, old) = (custom(true), kept(json!({})));
    for options in [DeleteOptions::default(), policy("Background")] {
        assert_eq!(done(&thing, &old, &options), Deletion::Remove);
    }
    // A grace period is for pods.
    let options = DeleteOptions { grace_period_seconds: Some(30), ..DeleteOptions::default() };
    assert_eq!(done(&thing, &old, &options), Deletion::Remove);
    assert_eq!(
        success(&thing, &old),
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "a", "group": "x.io", "kind": "things", "uid": "u"},
        })
    );
}

#[test]
fn dependents_are_waited_for_with_finalizers() {
    let thing = custom(true);
    let (none, own) = (kept(json!({})), kept(json!({"finalizers": ["x/a"]})));
    assert_eq!(done(&thing, &own, &DeleteOptions::default()), marked(&json!(["x/a"])));
    assert_eq!(done(&thing, &none, &policy("Foreground")), marked(&json!(["foregroundDeletion"])));
    assert_eq!(done(&thing, &own, &policy("Orphan")), marked(&json!(["x/a", "orphan"])));
    let old_style = |orphan| DeleteOptions { orphan_dependents: Some(orphan), ..DeleteOptions::default() };
    assert_eq!(done(&thing, &none, &old_style(true)), marked(&json!(["orphan"])));
    assert_eq!(done(&thing, &none, &old_style(false)), Deletion::Remove);
    // Jobs leave their pods, if nothing is said.
    assert_eq!(done(&of("batch", "Job", "jobs"), &none, &DeleteOptions::default()), marked(&json!(["orphan"])));
    assert_eq!(done(&of("", "Event", "events"), &none, &policy("Orphan")), Deletion::Remove);
    assert_eq!(status_code(&marked(&json!([])), &old_style(false)), 202);
    assert_eq!(status_code(&marked(&json!([])), &policy("Foreground")), 200);
    assert_eq!(status_code(&Deletion::Remove, &old_style(false)), 200);
}

#[test]
fn who_deletes_again_may_only_say_what_becomes_of_dependents() {
    let thing = custom(true);
    let dying = |finalizers: Value| {
        let past = "2026-11-23T09:00:00Z";
        kept(json!({"deletionTimestamp": past, "deletionGracePeriodSeconds": 0, "finalizers": finalizers}))
    };
    assert_eq!(done(&thing, &dying(json!(["x/a"])), &DeleteOptions::default()), Deletion::Same);
    assert_eq!(done(&thing, &dying(json!(["orphan"])), &DeleteOptions::default()), Deletion::Same);
    assert_eq!(done(&thing, &dying(json!(["orphan"])), &policy("Background")), Deletion::Remove);
    assert_eq!(
        done(&thing, &dying(json!(["x/a", "orphan"])), &policy("Foreground")),
        Deletion::Write(dying(json!(["x/a", "foregroundDeletion"])))
    );
}

#[test]
fn conditions_are_those_of_the_client() {
    let (thing, old) = (custom(true), kept(json!({})));
    let failed = |kind: &Kind<'_>, uid: Option<&str>, version: Option<&str>| {
        let (uid, resource_version) = (uid.map(str::to_owned), version.map(str::to_owned));
        delete(kind, &old, &DeleteOptions { uid, resource_version, ..DeleteOptions::default() }, now())
    };
    assert_eq!(failed(&thing, Some("u"), Some("5")), Ok(Deletion::Remove));
    let failure = failed(&thing, Some("v"), None).unwrap_err();
    assert_eq!((failure.code, failure.kind.as_str()), (409, "Thing"));
    assert_eq!(
        failure.message,
        "Operation cannot be fulfilled on Thing.x.io \"a\": the UID in the precondition (v) does not match the UID in record \
         (u). The object might have been deleted and then recreated"
    );
    assert_eq!(
        told(failed(&thing, None, Some("4"))).2,
        "Operation cannot be fulfilled on Thing.x.io \"a\": the ResourceVersion in the precondition (4) does not match the \
         ResourceVersion in record (5). The object might have been modified"
    );
    let namespace = of("", "Namespace", "namespaces");
    assert_eq!(
        told(failed(&namespace, Some("v"), None)).2,
        "Operation cannot be fulfilled on namespaces \"a\": Precondition failed: UID in precondition: v, UID in object meta: u"
    );
}

#[test]
fn a_namespace_is_terminated_first() {
    let kind = of("", "Namespace", "namespaces");
    let namespace = |more: Value, finalizers: Value, phase: &str| {
        map(json!({
            "metadata": more, "spec": {"finalizers": finalizers}, "status": {"phase": phase},
        }))
    };
    let old = namespace(json!({"name": "a", "uid": "u"}), json!(["kubernetes"]), "Active");
    let dying =
        namespace(json!({"name": "a", "uid": "u", "deletionTimestamp": NOW}), json!(["kubernetes"]), "Terminating");
    assert_eq!(done(&kind, &old, &policy("Background")), Deletion::Write(dying.clone()));
    assert_eq!(done(&kind, &dying, &DeleteOptions::default()), Deletion::Same);
    let empty = namespace(json!({"name": "a", "uid": "u", "deletionTimestamp": NOW}), json!([]), "Terminating");
    assert_eq!(done(&kind, &empty, &DeleteOptions::default()), Deletion::Remove);
    let Deletion::Write(written) = done(&kind, &old, &policy("Foreground")) else { panic!("not written") };
    assert_eq!(written["metadata"]["finalizers"], json!(["foregroundDeletion"]));
}

#[test]
fn a_definition_waits_for_its_objects() {
    let kind = of("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions");
    let old = map(json!({
        "metadata": {"name": "a", "uid": "u", "generation": 1},
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    }));
    let Deletion::Write(written) = done(&kind, &old, &DeleteOptions::default()) else { panic!("not written") };
    assert_eq!(
        written["metadata"],
        json!({
            "name": "a", "uid": "u", "generation": 1, "deletionTimestamp": NOW,
            "finalizers": ["customresourcecleanup.apiextensions.k8s.io"],
        })
    );
    assert_eq!(
        written["status"]["conditions"][1],
        json!({
            "type": "Terminating", "status": "True", "lastTransitionTime": NOW, "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        })
    );
    let Deletion::Write(again) = done(&kind, &written, &DeleteOptions::default()) else { panic!("not written") };
    assert_eq!(again["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(done(&kind, &again, &DeleteOptions::default()), Deletion::Same);
}

#[test]
fn a_pod_without_a_node_is_stopped_by_nobody() {
    let kind = of("", "Pod", "pods");
    let Deletion::WriteAndRemove(written) = done(&kind, &kept(json!({})), &DeleteOptions::default()) else {
        panic!("not removed")
    };
    let more = json!({"generation": 4, "deletionTimestamp": NOW, "deletionGracePeriodSeconds": 0});
    assert_eq!(written, kept(more));
}

/// `TestBeforeDelete` and what surrounds it in `rest/delete_test.go`.
#[test]
fn a_pod_on_a_node_is_given_time_and_less_of_it() {
    let kind = of("", "Pod", "pods");
    let graced = |seconds| DeleteOptions { grace_period_seconds: Some(seconds), ..DeleteOptions::default() };
    let mut pod = kept(json!({}));
    pod.insert("spec".to_owned(), json!({"nodeName": "x", "terminationGracePeriodSeconds": 30}));
    let after = |pod: &Object, options: &DeleteOptions, at: &str| match delete(&kind, pod, options, at.parse().unwrap())
        .unwrap()
    {
        Deletion::Write(pod) => {
            let metadata = &pod["metadata"];
            let end = metadata["deletionTimestamp"].as_str().unwrap().to_owned();
            Some((pod.clone(), end, metadata["deletionGracePeriodSeconds"].clone(), metadata["generation"].clone()))
        }
        Deletion::Same => None,
        other => panic!("{other:?}"),
    };
    let (dying, end, grace, generation) = after(&pod, &DeleteOptions::default(), NOW).unwrap();
    assert_eq!((end.as_str(), grace, generation), ("2026-11-23T10:00:30Z", json!(30), json!(4)));
    assert_eq!(after(&dying, &DeleteOptions::default(), NOW), None);
    assert_eq!(after(&dying, &graced(30), NOW), None);
    let (_, end, grace, generation) = after(&dying, &graced(10), "2026-11-23T10:00:05Z").unwrap();
    assert_eq!((end.as_str(), grace, generation), ("2026-11-23T10:00:10Z", json!(10), json!(4)));
    let (_, end, grace, _) = after(&dying, &graced(10), "2026-11-23T10:00:20Z").unwrap();
    assert_eq!((end.as_str(), grace), ("2026-11-23T10:00:20Z", json!(1)));
    assert!(matches!(done(&kind, &dying, &graced(0)), Deletion::WriteAndRemove(_)));
    assert_eq!(after(&pod, &graced(-5), NOW).unwrap().2, json!(1));
}

#[test]
fn options_are_read_from_a_body_or_a_query() {
    let body = json!({
        "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u", "resourceVersion": "5"}, "dryRun": ["All"],
    });
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        uid: Some("u".to_owned()),
        resource_version: Some("5".to_owned()),
        orphan_dependents: None,
        propagation_policy: Some("Foreground".to_owned()),
        dry_run: true,
    };
    assert_eq!(DeleteOptions::from_body(&map(body)), Ok(options.clone()));
    let query = [
        ("gracePeriodSeconds", "0"),
        ("uid", "u"),
        ("resourceVersion", "5"),
        ("propagationPolicy", "Foreground"),
        ("dryRun", "All"),
        ("other", "x"),
    ];
    assert_eq!(DeleteOptions::from_query(query), Ok(options));
    let orphan = |value| DeleteOptions::from_query([("orphanDependents", value)]).unwrap().orphan_dependents;
    assert_eq!(
        [orphan("0"), orphan("False"), orphan(""), orphan("1")],
        [Some(false), Some(false), Some(true), Some(true)]
    );
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let message = |query: &[(&'static str, &'static str)]| told(DeleteOptions::from_query(query.iter().copied())).2;
    assert_eq!(
        message(&[("propagationPolicy", "Orphan"), ("orphanDependents", "true")]),
        "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and \
         deletionPropagation cannot be both set"
    );
    assert_eq!(
        message(&[("propagationPolicy", "x")]),
        "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"x\": supported values: \
         \"Foreground\", \"Background\", \"Orphan\", \"nil\""
    );
    assert_eq!(
        message(&[("dryRun", "x")]),
        "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"x\"]: supported values: \"All\""
    );
    assert_eq!(message(&[("gracePeriodSeconds", "x")]), r#"strconv.ParseInt: parsing "x": invalid syntax"#);
    let wrong = json!({"gracePeriodSeconds": "1"});
    assert_eq!(told(DeleteOptions::from_body(&map(wrong))).0, 501);
}
