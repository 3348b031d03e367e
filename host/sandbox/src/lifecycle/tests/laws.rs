use proptest::prelude::*;

use super::*;

/// Metadata as a client may write it, with what is wrong with it.
fn metadata() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        Just("uid"),
        Just("generation"),
        Just("creationTimestamp"),
        Just("deletionTimestamp"),
        Just("deletionGracePeriodSeconds"),
        Just("finalizers"),
        Just("labels"),
        Just("resourceVersion"),
        Just("namespace"),
    ];
    let value = prop_oneof![
        Just(json!("5")),
        Just(json!("u")),
        Just(json!(3)),
        Just(json!(NOW)),
        Just(json!(["x/a"])),
        Just(json!({"l": "1"})),
        Just(Value::Null),
        Just(json!("n")),
    ];
    prop::collection::btree_map(field, value, 0..6).prop_map(|fields| {
        let mut metadata = json!({"name": "a"});
        for (field, value) in fields {
            metadata[field] = value;
        }
        metadata
    })
}

fn kept(finalizers: bool, dying: bool) -> Object {
    let mut object = json!({
        "metadata": {
            "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 3, "creationTimestamp": NOW,
        },
        "spec": 1,
    });
    if finalizers {
        object["metadata"]["finalizers"] = json!(["x/a"]);
    }
    if dying {
        object["metadata"]["deletionTimestamp"] = json!(NOW);
        object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    }
    map(object)
}

proptest! {
    /// Whatever a client writes: what is the server's to say stays, and nothing is written that says nothing new.
    #[test]
    fn an_update_never_changes_what_is_not_the_clients(
        metadata in metadata(),
        spec in 0..3,
        finalizers: bool,
        dying: bool,
        put: bool,
    ) {
        let kind = custom(true);
        let old = kept(finalizers, dying);
        let new = map(json!({"metadata": metadata, "spec": spec}));
        let request = Update { kind: &kind, namespace: "n", name: "a", subresource: Subresource::None, put, key: "/k" };
        let updated = update(&request, new, &old, &Anything);
        if let Ok(Updated::Write(written) | Updated::Remove(written)) = &updated {
            for field in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion", "deletionTimestamp"] {
                prop_assert_eq!(written["metadata"].get(field), old["metadata"].get(field), "{}", field);
            }
            let counted = i64::from(spec != 1);
            prop_assert_eq!(&written["metadata"]["generation"], &json!(3 + counted));
        }
        if let Ok(Updated::Write(written)) = updated {
            prop_assert_ne!(&written, &old);
            let again = update(&request, written.clone(), &written, &Anything);
            prop_assert!(matches!(again, Ok(Updated::Same | Updated::Remove(_))));
        }
    }

    /// A deletion that was done once changes nothing more.
    #[test]
    fn deleting_twice_is_deleting_once(finalizers: bool, dying: bool, policy in 0..4_usize) {
        let policy = [None, Some("Background"), Some("Foreground"), Some("Orphan")][policy].map(str::to_owned);
        let options = DeleteOptions { propagation_policy: policy, ..DeleteOptions::default() };
        for kind in [custom(true), of("apps", "Deployment", "deployments"), of("", "Namespace", "namespaces")] {
            let mut old = kept(finalizers, dying);
            old["spec"] = json!({"finalizers": ["kubernetes"]});
            if let Deletion::Write(written) = delete(&kind, &old, &options, now()).unwrap() {
                prop_assert_eq!(delete(&kind, &written, &options, now()).unwrap(), Deletion::Same);
            }
        }
    }

    #[test]
    fn no_metadata_is_too_strange(metadata in prop_oneof![metadata(), Just(json!(1)), Just(Value::Null), Just(json!([]))]) {
        let birth = Birth { namespace: "n", now: now(), uid: "u", suffix: "abcde", version_allowed: false };
        for kind in [custom(true), of("", "Namespace", "namespaces"), of("", "Pod", "pods")] {
            let object = map(json!({"metadata": metadata, "spec": 1, "status": 1}));
            let _: Result<(), Failure> = receive_created(&kind, "n", &mut object.clone());
            let _: Result<Object, Failure> = create(&kind, &birth, object.clone(), &Anything);
            let _: Result<Deletion, Failure> = delete(&kind, &object, &DeleteOptions::default(), now());
        }
    }
}
