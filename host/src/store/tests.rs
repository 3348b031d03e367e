use berthage_core::api::SyncTarget;
use berthage_core::kcp::binding::{Spec, Status};

use std::collections::BTreeSet;

use super::*;
use serde_json::{Value, json};

/// A store that is served some workspaces by a plain endpoint, so that none of them is forgotten.
fn store(workspaces: &[&str]) -> Store {
    let store = Store::default();
    for workspace in workspaces {
        store.admit(&Endpoint::plain(), workspace, Source::Targets);
    }
    store
}

fn target(name: &str, uid: &str, version: u32, cluster: &str) -> Wire {
    serde_json::from_str(&json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget",
        "metadata": {"name": name, "uid": uid, "resourceVersion": version.to_string(), "managedFields": [{"manager": "x"}]},
        "spec": {"clusterRef": {"name": cluster}}
    }).to_string()).unwrap()
}

#[test]
fn equal_names_of_two_workspaces_never_meet() {
    let store = store(&["a", "b"]);
    let (a, b) = (Workspace::new("a"), Workspace::new("b"));
    for (workspace, cluster) in [(&a, "east"), (&b, "west")] {
        store.upsert(&Key::target(workspace, "edge"), &target("edge", "u", 1, cluster)).unwrap();
    }
    assert_eq!(store.users_of(&Key::registration(&a, "east")), vec![Key::target(&a, "edge")]);
    assert!(store.users_of(&Key::registration(&a, "west")).is_empty());
    store.remove(&Key::target(&a, "edge"));
    assert!(store.get(&Key::target(&b, "edge")).is_some());
}

#[test]
fn an_older_version_is_ignored_and_a_recreated_object_is_not() {
    let store = store(&[Workspace::LOCAL]);
    let key = Key::target(&Workspace::local(), "edge");
    assert_eq!(store.upsert(&key, &target("edge", "u", 7, "east")).unwrap().len(), 1);
    assert!(store.upsert(&key, &target("edge", "u", 6, "east")).unwrap().is_empty());
    assert_eq!(store.get(&key).unwrap().resource_version(), "7");
    assert_eq!(store.upsert(&key, &target("edge", "v", 3, "east")).unwrap().len(), 1);
    let (east, id) =
        (Key::registration(&Workspace::local(), "east"), |uid| TargetNames::new(&Workspace::local(), uid).id);
    assert_eq!(store.user_of_id(&east, &id("u")), None);
    assert_eq!(store.user_of_id(&east, &id("v")), Some(key));
}

#[test]
fn a_cluster_has_a_say_about_the_targets_of_its_own_registration_only() {
    let store = store(&["a", "b"]);
    let (a, b) = (Workspace::new("a"), Workspace::new("b"));
    put(&store, "a", "edge", "u", 1);
    let id = TargetNames::new(&a, "u").id;
    assert_eq!(store.user_of_id(&Key::registration(&a, "east"), &id), Some(Key::target(&a, "edge")));
    assert_eq!(store.user_of_id(&Key::registration(&a, "west"), &id), None);
    assert_eq!(store.user_of_id(&Key::registration(&b, "east"), &id), None);
}

#[test]
fn an_answer_that_comes_after_the_end_of_its_object_brings_nothing_back() {
    let store = store(&["a"]);
    let key = Key::target(&Workspace::new("a"), "edge");
    let answer = |uid, version| Held::of(Kind::Target, &target("edge", uid, version, "east")).unwrap();
    put(&store, "a", "edge", "u", 1);
    assert_eq!(store.answer(&key, answer("u", 2)), std::slice::from_ref(&key));
    store.remove(&key);
    assert!(store.answer(&key, answer("u", 3)).is_empty() && store.get(&key).is_none());
    put(&store, "a", "edge", "v", 4);
    assert!(store.answer(&key, answer("u", 5)).is_empty(), "nor does it hide a new one");
    assert_eq!(store.get(&key).unwrap().uid(), "v");
}

#[test]
fn a_watch_that_is_quicker_than_the_answer_tells_no_news() {
    let store = store(&["a"]);
    let key = Key::target(&Workspace::new("a"), "edge");
    let told = |version| store.upsert(&key, &target("edge", "u", version, "east")).unwrap();
    let answer = |version| Some(Held::of(Kind::Target, &target("edge", "u", version, "east")).unwrap());
    let written = |overtaken| Written { others: Vec::new(), overtaken };
    put(&store, "a", "edge", "u", 1);
    store.begin_write(&key);
    assert_eq!((told(2), store.end_write(&key, answer(2))), (vec![], written(false)), "the echo, first");
    store.begin_write(&key);
    assert_eq!((store.end_write(&key, answer(3)), told(3)), (written(false), vec![]), "the answer, first");
    store.begin_write(&key);
    told(4);
    assert_eq!((told(5), store.end_write(&key, answer(4))), (vec![], written(true)), "somebody wrote right after it");
    store.begin_write(&key);
    assert_eq!((told(6), store.end_write(&key, None)), (vec![], written(true)), "an answer that was lost");
    store.begin_write(&key);
    assert_eq!(store.end_write(&key, None), written(false));
    assert_eq!(told(7), std::slice::from_ref(&key), "nothing is being written");
}

#[test]
fn what_depends_on_an_object_that_is_written_is_told_when_its_answer_comes() {
    let store = store(&[Workspace::LOCAL]);
    let (local, name) = (Workspace::local(), "east");
    let key = Key::registration(&local, name);
    let registration = |version: u32| -> Wire {
        let metadata = json!({"name": name, "uid": "r", "resourceVersion": version.to_string()});
        let spec = json!({"kubeConfigSecretRef": {"namespace": "default", "name": "east"}});
        let object = json!({
            "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration", "metadata": metadata, "spec": spec,
        });
        serde_json::from_str(&object.to_string()).unwrap()
    };
    store.upsert(&key, &registration(1)).unwrap();
    put(&store, Workspace::LOCAL, "edge", "u", 1);
    let others = vec![Key::target(&local, "edge")];
    let answer = |version| Some(Held::of(Kind::Registration, &registration(version)).unwrap());
    store.begin_write(&key);
    assert!(store.upsert(&key, &registration(2)).unwrap().is_empty());
    assert_eq!(store.end_write(&key, answer(2)), Written { others: others.clone(), overtaken: false });
    store.begin_write(&key);
    assert_eq!(store.end_write(&key, answer(3)), Written { others, overtaken: false });
}

/// Keys that have to be looked at again, in order.
fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

#[test]
fn a_target_is_looked_at_when_what_it_reads_shows_anything_new() {
    let store = store(&["a", "b"]);
    let key = |name: &str| Key::target(&Workspace::new("a"), name);
    let peer = |version: u32, change: Value| -> Wire {
        let metadata = json!({"name": "peer", "uid": "p", "resourceVersion": version.to_string()});
        let mut object = json!({"apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget", "metadata": metadata});
        object["spec"] = json!({"clusterRef": {"name": "east"}});
        json_patch::merge(&mut object, &change);
        serde_json::from_str(&object.to_string()).unwrap()
    };
    let take = |version, change| sorted(store.upsert(&key("peer"), &peer(version, change)).unwrap());
    let named = |name: &str| Read { kind: Kind::Target, name: Some(name.into()) };
    put(&store, "a", "reader", "r", 1);
    put(&store, "a", "all", "s", 1);
    put(&store, "b", "reader", "t", 1);
    store.reads_too(&key("reader"), &[named("peer")]);
    store.reads_too(&key("all"), &[Read { kind: Kind::Target, name: None }]);
    store.reads_too(&Key::target(&Workspace::new("b"), "reader"), &[named("peer")]);

    let (both, status) = (vec![key("all"), key("peer"), key("reader")], json!({"status": {"observedGeneration": 1}}));
    assert_eq!(take(2, json!({})), both, "it is there");
    assert_eq!(take(3, status), [key("peer")], "what we write ourselves is shown to nobody");
    assert_eq!(take(4, json!({"metadata": {"labels": {"tier": "edge"}}})), both);
    assert_eq!(sorted(put(&store, "a", "other", "o", 1)), [key("all"), key("other")], "only who reads it");
    assert_eq!(put(&store, "a", "all", "s", 2), [key("all")], "a target is not told twice of itself");
    assert_eq!(store.versions_read(&key("reader")), [("p".to_owned(), "4".to_owned())]);
    assert_eq!(sorted(store.remove(&key("peer"))), both, "it is gone");

    store.reads_only(&key("reader"), &BTreeSet::from([named("other")]));
    assert_eq!(take(5, json!({})), [key("all"), key("peer")]);
    store.reads_only(&key("all"), &BTreeSet::new());
    assert_eq!(take(6, json!({"spec": {"paused": true}})), [key("peer")]);
    store.remove(&key("reader"));
    put(&store, "a", "reader", "u", 1);
    assert_eq!(put(&store, "a", "other", "o", 2), [key("other")], "one that is made again has read nothing");
}

#[test]
fn a_registration_is_told_of_to_all_who_read_it() {
    let store = store(&[Workspace::LOCAL]);
    let local = Workspace::local();
    put(&store, Workspace::LOCAL, "user", "u", 1);
    put(&store, Workspace::LOCAL, "reader", "r", 1);
    store.reads_too(&Key::target(&local, "reader"), &[Read { kind: Kind::Registration, name: None }]);
    let object = json!({
        "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration",
        "metadata": {"name": "west", "uid": "w", "resourceVersion": "1"},
        "spec": {"kubeConfigSecretRef": {"namespace": "default", "name": "west"}},
    });
    let west = Key::registration(&local, "west");
    let keys = store.upsert(&west, &serde_json::from_str(&object.to_string()).unwrap()).unwrap();
    assert_eq!(sorted(keys), sorted(vec![west.clone(), Key::target(&local, "reader")]));
    assert_eq!(store.of_kind(&local, Kind::Registration).len(), 1);
    assert_eq!(store.of_kind(&local, Kind::Target).len(), 2);
}

#[test]
fn managed_fields_are_not_kept() {
    let store = store(&[Workspace::LOCAL]);
    let key = Key::target(&Workspace::local(), "edge");
    store.upsert(&key, &target("edge", "u", 7, "east")).unwrap();
    let json = String::from_utf8(store.get(&key).unwrap().json().unwrap()).unwrap();
    assert!(!json.contains("managedFields") && json.contains("clusterRef"));
}

#[test]
fn a_secret_wakes_its_registrations_and_their_targets() {
    let store = store(&[Workspace::LOCAL]);
    let local = Workspace::local();
    let registration: Wire = serde_json::from_str(
        &json!({
            "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration",
            "metadata": {"name": "east", "uid": "r", "resourceVersion": "1"},
            "spec": {"kubeConfigSecretRef": {"namespace": "default", "name": "east"}}
        })
        .to_string(),
    )
    .unwrap();
    store.upsert(&Key::registration(&local, "east"), &registration).unwrap();
    store.upsert(&Key::target(&local, "edge"), &target("edge", "u", 7, "east")).unwrap();
    let meta = ObjectMeta {
        name: Some("east".into()),
        namespace: Some("default".into()),
        labels: Some([(LABEL_KUBECONFIG.to_owned(), "true".to_owned())].into()),
        ..ObjectMeta::default()
    };
    let keys = store.upsert_secret(&local, &meta);
    assert_eq!(keys, vec![Key::target(&local, "edge"), Key::registration(&local, "east")]);
    assert!(store.upsert_secret(&local, &meta).is_empty(), "no change, no work");
    let unlabelled = ObjectMeta { labels: None, ..meta };
    assert_eq!(store.upsert_secret(&local, &unlabelled).len(), 2);
    assert_eq!(store.secret(&local, "default", "east"), None);
}

#[test]
fn a_secret_is_kept_for_the_targets_that_were_reached_with_it_and_no_others() {
    let store = store(&["a"]);
    let a = Workspace::new("a");
    for (name, secret) in [("one", Some("s1")), ("two", Some("s2")), ("new", None)] {
        let mut status = json!({});
        if let Some(secret) = secret {
            status = json!({ "cluster": { "name": "gone", "secretRef": { "namespace": "default", "name": secret } } });
        }
        let text = json!({
            "metadata": {
                "name": name, "uid": name, "resourceVersion": "1", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "finalizers": [berthage_core::names::TARGET_FINALIZER],
            },
            "spec": { "clusterRef": { "name": "gone" } }, "status": status,
        });
        store.upsert(&Key::target(&a, name), &serde_json::from_str(&text.to_string()).unwrap()).unwrap();
    }
    let (one, two) = (Key::target(&a, "one"), Key::target(&a, "two"));
    let strays = |secret, but| store.has_stray_targets(&a, "default", secret, but);
    assert!(strays("s1", None) && strays("s2", Some(&one)) && !strays("s1", Some(&one)) && !strays("s3", None));
    store.let_go(&two, "another");
    assert!(strays("s2", None));
    store.let_go(&two, "two");
    assert!(!strays("s2", None), "before the watch has told of its end");
}

#[test]
fn values_that_nobody_can_read_can_be_left_out() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(130), "}".repeat(130));
    let text = format!(
        r#"{{"metadata":{{"name":"edge","uid":"u","resourceVersion":"7"}},"spec":{{"clusterRef":{{"name":"east"}},"values":{deep}}},"status":{{"cluster":{{"name":"east"}}}}}}"#
    );
    let held = Held::of(Kind::Target, &serde_json::from_str(&text).unwrap()).unwrap();
    assert!(held.decode::<SyncTarget>().is_err(), "it can be read: the test shows nothing");
    assert_eq!(held.registrations().collect::<Vec<_>>(), ["east"]);
    let readable = held.without_values().unwrap();
    assert_eq!(readable.decode::<SyncTarget>().unwrap().spec.cluster_ref.name, "east");
    assert_eq!((readable.uid(), readable.resource_version(), readable.deployed), ("u", "7", true));
}

fn put(store: &Store, workspace: &str, name: &str, uid: &str, version: u32) -> Vec<Key> {
    store.upsert(&Key::target(&Workspace::new(workspace), name), &target(name, uid, version, "east")).unwrap()
}

fn bound() -> Binding {
    Binding::new("berthage", None, &Spec::default(), &Status::default())
}

#[test]
fn a_workspace_that_moves_is_forgotten_and_its_old_endpoint_is_not_heard_any_more() {
    let store = Store::default();
    let (one, two) = (Endpoint::new("https://one/"), Endpoint::new("https://two"));
    for endpoint in [&one, &two] {
        store.open(endpoint, Source::KCP);
    }
    let a = Workspace::new("a");
    assert_eq!(store.admit(&one, "a", Source::Bindings), Admission::Here(a.clone()));
    store.set_binding(&a, "berthage", Some(bound()));
    put(&store, "a", "edge", "u", 700);
    // Another endpoint's word counts only when the binding is there.
    assert_eq!(store.admit(&two, "a", Source::Targets), Admission::Elsewhere);
    let moved = Admission::Moved { workspace: a.clone(), from: one.clone(), keys: vec![Key::target(&a, "edge")] };
    assert_eq!(store.admit(&two, "a", Source::Bindings), moved);
    assert!(store.get(&Key::target(&a, "edge")).is_none());
    assert_eq!(store.admit(&one, "a", Source::Targets), Admission::Elsewhere);
    // A lower version of another server is no older version.
    put(&store, "a", "edge", "u", 3);
    assert_eq!(store.get(&Key::target(&a, "edge")).unwrap().resource_version(), "3");
    assert_eq!(store.tenancy(&a).unwrap().endpoint, two);
}

#[test]
fn an_endpoint_that_is_gone_takes_its_workspaces_along_and_no_other() {
    let store = Store::default();
    let (one, two) = (Endpoint::new("https://one"), Endpoint::new("https://two"));
    for (endpoint, workspace) in [(&one, "a"), (&one, "b"), (&two, "c")] {
        store.open(endpoint, Source::KCP);
        store.admit(endpoint, workspace, Source::Bindings);
        store.set_binding(&Workspace::new(workspace), "berthage", Some(bound()));
        put(&store, workspace, "edge", workspace, 1);
        let name = TargetNames::new(&Workspace::new(workspace), workspace).hub;
        store.set_identity(Source::ClusterRoles, &Workspace::new(workspace), &name, Some(1));
    }
    let mut gone = store.close(&one);
    gone.sort();
    assert_eq!(gone, [Key::target(&Workspace::new("a"), "edge"), Key::target(&Workspace::new("b"), "edge")]);
    assert_eq!(store.size(), Size { endpoints: 1, workspaces: 1, objects: 1, bytes: store.size().bytes });
    assert!(store.names_of(&one, Source::Targets).is_empty() && store.names_of(&one, Source::ClusterRoles).is_empty());
    assert_eq!(store.names_of(&two, Source::Targets), [(Workspace::new("c"), "edge".to_owned())]);
    // What is still on its way for a workspace that is not served is not taken in.
    assert!(put(&store, "a", "edge", "a", 2).is_empty());
    assert_eq!(store.admit(&one, "a", Source::Bindings), Admission::Elsewhere);
    assert_eq!((store.size().objects, store.size().workspaces), (1, 1));
}

#[test]
fn a_workspace_without_binding_and_objects_costs_nothing() {
    let store = Store::default();
    let endpoint = Endpoint::new("https://one");
    store.open(&endpoint, Source::KCP);
    let a = Workspace::new("a");
    store.admit(&endpoint, "a", Source::Targets);
    put(&store, "a", "edge", "u", 1);
    store.set_binding(&a, "berthage", Some(bound()));
    assert_eq!(store.set_binding(&a, "berthage", None), [Key::target(&a, "edge")], "its keys hear of it");
    assert_eq!(store.size().workspaces, 1, "something is still held of it");
    store.remove(&Key::target(&a, "edge"));
    assert_eq!(store.size(), Size { endpoints: 1, workspaces: 0, objects: 0, bytes: 0 });
}

#[test]
fn a_second_binding_changes_nothing_and_its_end_is_none() {
    let store = store(&["a"]);
    let a = Workspace::new("a");
    let binding = |name, phase: &str, deleting| {
        let status = Status { phase: phase.to_owned(), ..Status::default() };
        Some(Binding::new(name, deleting, &Spec::default(), &status))
    };
    let ending = || store.tenancy(&a).unwrap().ending();
    let end = Some(Timestamp::UNIX_EPOCH);
    store.set_binding(&a, "good", binding("good", "Bound", None));
    store.set_binding(&a, "a-second", binding("a-second", "Binding", None));
    assert_eq!(store.tenancy(&a).unwrap().binding().map(|it| it.name.to_string()).as_deref(), Some("good"));
    store.set_binding(&a, "a-second", binding("a-second", "Binding", end));
    assert_eq!(ending(), None);
    assert_eq!(store.names_of(&Endpoint::plain(), Source::Bindings).len(), 2, "a list that has one fewer tells of it");
    store.set_binding(&a, "a-second", None);
    assert_eq!((ending(), store.tenancy(&a).unwrap().bindings().len()), (None, 1));
    store.set_binding(&a, "good", binding("good", "Bound", end));
    assert_eq!(ending(), end);
}

#[test]
fn absence_means_something_once_every_source_of_the_endpoint_is_listed() {
    let store = Store::default();
    let endpoint = Endpoint::new("https://one");
    let a = Workspace::new("a");
    store.open(&endpoint, Source::KCP);
    store.admit(&endpoint, "a", Source::Bindings);
    let last = Source::KCP.len() - 1;
    for source in &Source::KCP[..last] {
        assert_eq!(store.set_synced(&endpoint, *source), None);
        assert!(!store.knows(&a) && !store.any_synced());
    }
    put(&store, "a", "edge", "u", 1);
    let (edge, gone) = (Key::target(&a, "edge"), Key::target(&a, "gone"));
    assert!(store.or_later(&endpoint, vec![gone.clone()]).is_empty(), "what goes meanwhile is told with the rest");
    assert_eq!(store.set_synced(&endpoint, Source::KCP[last]), Some(vec![edge, gone.clone()]));
    assert!(store.knows(&a) && store.any_synced());
    assert_eq!(store.set_synced(&endpoint, Source::KCP[0]), None, "a relist is no news");
    assert_eq!(store.or_later(&endpoint, vec![gone.clone()]), [gone]);
    store.set_served(&endpoint, Source::Secrets);
    store.open(&endpoint, Source::KCP);
    assert!(!store.knows(&a), "it begins anew");
    assert!(store.has_served(&endpoint, Source::Secrets), "and what it has served is not forgotten");
}

#[test]
fn an_endpoint_that_a_workspace_moves_to_is_not_complete() {
    let store = Store::default();
    let (one, two) = (Endpoint::new("https://one"), Endpoint::new("https://two"));
    for endpoint in [&one, &two] {
        store.open(endpoint, Source::KCP);
        for source in Source::KCP {
            store.set_synced(endpoint, *source);
        }
    }
    let a = Workspace::new("a");
    store.admit(&one, "a", Source::Bindings);
    assert!(store.knows(&a));
    assert_eq!(store.served_by(&two, "a"), None, "a late end at the other endpoint is none of its business");
    let moved = Admission::Moved { workspace: a.clone(), from: one.clone(), keys: Vec::new() };
    assert_eq!(store.admit(&two, "a", Source::Bindings), moved);
    assert!(!store.knows(&a) && !store.is_synced(&one) && !store.is_synced(&two), "both are listed anew");
    assert_eq!((store.served_by(&two, "a"), store.served_by(&one, "a")), (Some(a), None));
}

#[test]
fn what_is_named_after_a_target_of_another_workspace_wakes_nobody() {
    let store = store(&["a", "b"]);
    let (a, b) = (Workspace::new("a"), Workspace::new("b"));
    put(&store, "a", "edge", "u", 1);
    let name = TargetNames::new(&a, "u").hub;
    assert_eq!(store.set_identity(Source::ClusterRoles, &b, &name, Some(1)), None);
    assert_eq!(store.identity(Source::ClusterRoles, &a, &name), None);
    assert_eq!(store.set_identity(Source::ClusterRoles, &a, &name, Some(1)), Some(Key::target(&a, "edge")));
    assert_eq!(store.set_identity(Source::ClusterRoles, &a, "somebody-elses", Some(1)), None);
}
