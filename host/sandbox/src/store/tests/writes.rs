use std::sync::Arc;

use serde_json::Value;

use super::*;

#[test]
fn a_write_is_a_revision_and_is_in_the_object() {
    let (mut store, resource) = store();
    let key = key(resource, "c", "n", "o");
    assert_eq!(store.revision(), 1);
    let created = store.create(&key, object("1")).unwrap().object;
    assert_eq!((created.revision(), store.revision()), (2, 2));
    assert_eq!(created.json(), r#"{"metadata":{"labels":{"l":"1"},"resourceVersion":"2"}}"#.as_bytes());
    assert_eq!(store.create(&key, object("1")).unwrap_err(), Refusal::Exists(created.clone()));

    let replaced = store.replace(&key, 2, object("2")).unwrap().object;
    assert_eq!(store.replace(&key, 2, object("3")).unwrap_err(), Refusal::Changed(replaced.clone()));
    assert_eq!(store.get(&key), Some(&replaced));

    assert_eq!(store.remove(&key, Some(2)).unwrap_err(), Refusal::Changed(replaced));
    let removed = store.remove(&key, None).unwrap().object;
    assert_eq!(removed.json(), r#"{"metadata":{"labels":{"l":"2"},"resourceVersion":"4"}}"#.as_bytes());
    assert_eq!((store.get(&key), store.revision()), (None, 4));
    assert_eq!(store.remove(&key, None).unwrap_err(), Refusal::Missing);
    assert_eq!(store.replace(&key, 3, object("3")).unwrap_err(), Refusal::Missing);
}

/// Also of one whose JSON is not held read any more.
#[test]
fn what_an_object_says_is_what_its_json_says() {
    let (mut store, resource) = store();
    let key = key(resource, "c", "n", "o");
    let Value::Object(sent) = json!({
        "metadata": {"selfLink": "/x", "resourceVersion": "7", "uid": "u"},
        "spec": {"float": 1.0, "digits": 2.289_249_455_737_452e-8, "negative": -1, "large": u64::MAX, "null": null, "text": "\u{1f6a2}\n"},
    }) else {
        unreachable!()
    };
    let kept = store.create(&key, sent).unwrap().object;
    let json = serde_json::from_slice::<Map<String, Value>>(kept.json()).unwrap();
    assert_eq!(json["metadata"], json!({"resourceVersion": "2", "uid": "u"}));
    let read = kept.map().unwrap();
    assert_eq!(*read, json);
    assert!(Arc::ptr_eq(&read, &kept.map().unwrap()), "it was read once");

    // More than is held read.
    let other = super::key(resource, "c", "n", "other");
    for _ in 0..10 {
        put(&mut store, &other, &"x".repeat(1 << 20));
    }
    assert!(!Arc::ptr_eq(&kept.map().unwrap(), &kept.map().unwrap()), "it is read for each who asks");
    assert_eq!(*kept.map().unwrap(), json);
    assert_eq!(
        store.remove(&key, None).unwrap().object.map().unwrap()["metadata"],
        json!({"resourceVersion": "13", "uid": "u"})
    );
}

#[test]
fn a_refusal_is_what_a_server_answers() {
    let (mut store, resource) = store();
    let key = key(resource, "", "n", "o");
    store.create(&key, object("1")).unwrap();
    let failure = store.create(&key, object("1")).unwrap_err().failure("apps", "deployments", "o");
    assert_eq!(failure.message, r#"deployments.apps "o" already exists"#);
    let failure = store.replace(&key, 1, object("1")).unwrap_err().failure("apps", "deployments", "o");
    assert_eq!(
        failure.message,
        "Operation cannot be fulfilled on deployments.apps \"o\": the object has been modified; please apply your changes to \
         the latest version and try again"
    );
}

#[test]
fn an_object_too_large_for_etcd_is_refused_as_etcd_does() {
    let (mut store, resource) = store_with(Limits { request: 1000, ..Limits::default() });
    let failure = |length: usize, store: &mut Store| {
        let refused = store.create(&key(resource, "", "n", "o"), object(&"x".repeat(length))).unwrap_err();
        let failure = refused.failure("apps", "deployments", "o");
        (failure.code, failure.message.clone())
    };
    assert_eq!(failure(1000, &mut store), (500, "etcdserver: request is too large".to_owned()));
    assert_eq!(failure(2000, &mut store).0, 501);
    assert_eq!(store.revision(), 1);
}

#[test]
fn what_requests_get_with_a_version_has_to_have_come() {
    let (mut store, resource) = store();
    let key = key(resource, "", "n", "o");
    put(&mut store, &key, "1");
    assert!(store.get_at_least(&key, "2").unwrap().is_some());
    assert!(store.get_at_least(&key, "0").unwrap().is_some());
    let failure = store.get_at_least(&key, "3").unwrap_err();
    assert_eq!(failure.message, "Timeout: Too large resource version: 3, current: 2");
    assert_eq!((failure.code, failure.reason, failure.retry_after), (504, "Timeout", 1));
    assert_eq!(failure.causes[0].reason, "ResourceVersionTooLarge");
    let failure = store.get_at_least(&key, "x").unwrap_err();
    assert_eq!((failure.code, failure.reason), (500, ""));
}

#[test]
fn dependents_are_found_by_their_owner() {
    let (mut store, resource) = store();
    let owned = |owners: &[&str]| {
        let owners: Vec<Value> = owners.iter().map(|uid| json!({"uid": uid})).collect();
        let Value::Object(object) = json!({"metadata": {"ownerReferences": owners}}) else { unreachable!() };
        object
    };
    let [a, b, c] = ["a", "b", "c"].map(|name| key(resource, "c", "n", name));
    store.create(&a, owned(&["u", "v"])).unwrap();
    store.create(&b, owned(&["u"])).unwrap();
    store.create(&c, owned(&[])).unwrap();
    store.create(&key(resource, "d", "n", "d"), owned(&["u"])).unwrap();
    let of = |store: &Store, uid| store.dependents("c", uid).map(|object| object.name().to_owned()).collect::<Vec<_>>();
    assert_eq!((of(&store, "u"), of(&store, "v")), (vec!["a".into(), "b".into()], vec!["a".into()]));
    let revision = store.get(&a).unwrap().revision();
    store.replace(&a, revision, owned(&["v"])).unwrap();
    store.remove(&b, None).unwrap();
    assert_eq!((of(&store, "u"), of(&store, "v")), (vec![], vec!["a".into()]));
}

#[test]
fn a_dump_has_everything_in_order() {
    let (mut store, deployments) = store();
    let secrets = store.resource(&Resource::new("", "secrets"));
    put(&mut store, &key(deployments, "c", "n", "o"), "1");
    put(&mut store, &key(secrets, "c", "n", "o"), "1");
    put(&mut store, &key(secrets, "b", "n", "o"), "1");
    let dumped: Vec<_> = store.dump().map(|(resource, object)| (&*resource.plural, object.cluster())).collect();
    assert_eq!(dumped, [("secrets", "b"), ("secrets", "c"), ("deployments", "c")]);
}
