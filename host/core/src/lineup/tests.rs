#![expect(clippy::needless_pass_by_value, reason = "what is declared is written where it is passed")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::api::{Grants, KindGrant, ReadGrant};
use crate::object::{Desired, ObjectId};
use crate::plugin::{Requirement, Selection};

const DIGEST: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";

fn declared(name: &str, spec: Value) -> Arc<Declared> {
    let object = json!({ "metadata": { "name": name, "uid": format!("uid-{name}"), "generation": 3 }, "spec": spec });
    Arc::new(Declared::read(&serde_json::to_vec(&object).unwrap()).unwrap())
}

fn file(mut spec: Value) -> Value {
    spec["source"] = json!({ "file": "a.wasm" });
    spec
}

fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn subject(labels: &BTreeMap<String, String>) -> Subject<'_> {
    Subject { workspace: "2xkq0zzp1lv3yhzb", path: Some("root:teams:harbour"), labels }
}

fn names(lineup: &Lineup) -> Vec<String> {
    lineup.transformers.iter().map(|seat| format!("{:?}/{}", seat.owner, seat.declared.name)).collect()
}

#[test]
fn transformers_go_by_order_and_name_and_the_platforms_come_first() {
    let platform = [
        declared("b", file(json!({}))),
        declared("a", file(json!({}))),
        declared("late", file(json!({ "order": 5 }))),
        declared("early", file(json!({ "order": -5 }))),
    ];
    let own = [declared("own", json!({ "order": -100, "source": { "offer": "x" } }))];
    let lineup = lineup(&platform, &own, &subject(&labels(&[]))).unwrap();
    let expected = ["Platform/early", "Platform/a", "Platform/b", "Platform/late", "Workspace/own"];
    assert_eq!(names(&lineup), expected);
    assert_eq!(lineup.reconciler, None);
}

#[test]
fn only_those_that_mean_the_target_and_its_workspace_serve_it() {
    let platform = [
        declared("elsewhere", file(json!({ "workspaces": ["root:others:*"] }))),
        declared("here", file(json!({ "workspaces": ["root:others:*", "root:teams:**"] }))),
        declared("edge", file(json!({ "targets": { "matchLabels": { "tier": "edge" } } }))),
        declared(
            "core",
            file(
                json!({ "targets": { "matchExpressions": [{ "key": "tier", "operator": "NotIn", "values": ["edge"] }] } }),
            ),
        ),
        declared("offered", file(json!({ "mode": "Offer" }))),
    ];
    let found = |of| names(&lineup(&platform, &[], &subject(&labels(of))).unwrap());
    assert_eq!(found(&[("tier", "edge")]), ["Platform/edge", "Platform/here"]);
    assert_eq!(found(&[]), ["Platform/core", "Platform/here"]);
}

#[test]
fn one_reconciler_decides_and_two_are_one_too_many() {
    let one = declared("one", file(json!({ "world": "Reconciler", "targets": { "matchLabels": { "a": "b" } } })));
    let two = declared("two", file(json!({ "world": "Reconciler" })));
    let of = |labels: &BTreeMap<String, String>| lineup(&[Arc::clone(&one), Arc::clone(&two)], &[], &subject(labels));
    assert_eq!(of(&labels(&[])).unwrap().reconciler.unwrap().declared.name, two.name);
    assert_eq!(of(&labels(&[("a", "b")])), Err(Unknown::TwoReconcilers("one".into(), "two".into())));
}

#[test]
fn what_cannot_be_known_holds() {
    let none = labels(&[]);
    let broken = declared("broken", json!({ "order": "first" }));
    let error = lineup(&[broken], &[], &subject(&none)).unwrap_err().to_string();
    assert!(error.starts_with("ReconcilePlugin broken cannot be understood (invalid type"), "{error}");
    let by_path = [declared("by-path", file(json!({ "workspaces": ["root:teams:*"] })))];
    let nowhere = Subject { path: None, ..subject(&none) };
    assert_eq!(lineup(&by_path, &[], &nowhere), Err(Unknown::PathUnknown("by-path".into())));
}

#[test]
fn what_is_being_deleted_serves_nobody() {
    let object =
        json!({ "metadata": { "name": "gone", "deletionTimestamp": "2026-01-01T00:00:00Z" }, "spec": { "order": [] } });
    let gone = Arc::new(Declared::read(&serde_json::to_vec(&object).unwrap()).unwrap());
    assert_eq!(lineup(&[gone], &[], &subject(&labels(&[]))), Ok(Lineup::default()));
}

#[test]
fn a_declaration_that_cannot_stand_is_told_what_to_do() {
    use Owner::{Platform, Workspace};
    for (owner, spec, says) in [
        (Platform, json!({}), "spec.source is missing"),
        (Platform, json!({ "mode": "Offer" }), "An offer has spec.source"),
        (Platform, json!({ "source": { "offer": "x" } }), "for the workspaces of tenants"),
        (Platform, file(json!({ "mode": "Offer", "world": "Reconciler" })), "only those can be offered"),
        (
            Platform,
            file(json!({ "subject": { "group": "a", "version": "v1", "kind": "B" } })),
            "is B.v1.a; served is SyncTarget",
        ),
        (Platform, file(json!({ "grants": { "read": [{ "kind": "Secret" }] } })), "names Secrets"),
        (Platform, file(json!({ "grants": { "emit": [{ "kind": "Secret" }] } })), "names Secrets"),
        (Platform, file(json!({ "order": "x" })), "does not fit its schema"),
        (Workspace, json!({}), "spec.source is missing"),
        (Workspace, file(json!({})), "spec.source.file is for the platform"),
        (
            Workspace,
            json!({ "world": "Reconciler", "source": { "offer": "x" } }),
            "spec.world: Reconciler is for the platform",
        ),
        (Workspace, json!({ "mode": "Offer", "source": { "offer": "x" } }), "spec.mode: Offer is for the platform"),
        (Workspace, json!({ "workspaces": ["a"], "source": { "offer": "x" } }), "spec.workspaces is for the platform"),
        (
            Workspace,
            json!({ "source": { "configMap": { "namespace": "a", "name": "b", "key": "c" } } }),
            "spec.digest is missing",
        ),
    ] {
        let error = declared("a", spec.clone()).fit(owner).unwrap_err().to_string();
        assert!(error.contains(says), "{spec}: {error}");
    }
    for name in ["a.b", &"a".repeat(64), "A"] {
        assert!(matches!(declared(name, file(json!({}))).fit(Platform), Err(Unfit::Name(_))), "{name}");
    }
    for (owner, spec) in [
        (Platform, file(json!({}))),
        (Platform, json!({ "mode": "Offer", "digest": DIGEST })),
        (Workspace, json!({ "source": { "offer": "x" } })),
    ] {
        assert!(declared("a", spec.clone()).fit(owner).is_ok(), "{spec}");
    }
}

fn own(extra: Value) -> Value {
    let mut spec = json!({ "source": { "offer": "mirror" } });
    for (key, value) in extra.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn offer(extra: Value) -> Arc<Declared> {
    let mut spec = file(json!({ "mode": "Offer" }));
    for (key, value) in extra.as_object().unwrap() {
        spec[key] = value.clone();
    }
    declared("mirror", spec)
}

fn admit(spec: Value, offers: &[Arc<Declared>]) -> Result<Admitted, String> {
    admitted(&declared("own", spec), offers, &subject(&labels(&[]))).map_err(|why| why.to_string())
}

#[test]
fn a_workspace_has_what_it_is_offered_and_no_more() {
    let grants = json!({
        "read": [{ "kind": "ConfigMap", "namespaces": ["default"], "fields": ["/data"] }],
        "emit": [{ "group": "apps", "kind": "Deployment" }],
    });
    let offers =
        [offer(json!({ "grants": grants, "limits": { "deadline": "50ms", "memoryMiB": 16 }, "digest": DIGEST }))];
    let all = admit(own(json!({})), &offers).unwrap();
    assert_eq!(
        serde_json::to_value(&all.grants).unwrap(),
        json!({
            "read": [{ "group": "", "kind": "ConfigMap", "namespaces": ["default"], "fields": ["/data"] }],
            "emit": [{ "group": "apps", "kind": "Deployment" }],
        })
    );
    assert_eq!((all.limits.memory_mib, all.digest.as_deref()), (Some(16), Some(DIGEST)));

    let less =
        json!({ "read": [{ "kind": "ConfigMap", "namespaces": ["default"], "names": ["a"], "fields": ["/data/x"] }] });
    let less = admit(own(json!({ "grants": less, "limits": { "memoryMiB": 8 } })), &offers).unwrap();
    assert!(less.grants.emit.is_empty() && less.limits.memory_mib == Some(8));

    for (extra, says) in [
        (
            json!({ "grants": { "read": [{ "kind": "ConfigMap" }] } }),
            "more than the offer mirror allows: read of ConfigMap",
        ),
        (json!({ "grants": { "read": [{ "kind": "ConfigMap", "namespaces": ["default"] }] } }), "read of ConfigMap"),
        (json!({ "grants": { "read": [{ "kind": "SyncTarget" }] } }), "read of SyncTarget"),
        (json!({ "grants": { "emit": [{ "kind": "ConfigMap" }] } }), "emit of ConfigMap"),
        (json!({ "limits": { "deadline": "51ms" } }), "spec.limits.deadline is more"),
        (json!({ "limits": { "memoryMiB": 17 } }), "spec.limits.memoryMiB is more"),
        (json!({ "digest": DIGEST.replace("aa", "ab") }), "not that of the offer mirror"),
        (json!({ "source": { "offer": "other" } }), "offers this workspace no plugin other"),
    ] {
        let error = admit(own(extra.clone()), &offers).unwrap_err();
        assert!(error.contains(says), "{extra}: {error}");
    }
}

#[test]
fn an_offer_is_for_those_that_it_means() {
    for offers in
        [vec![], vec![offer(json!({ "workspaces": ["root:others:*"] }))], vec![offer(json!({ "mode": "Run" }))]]
    {
        let error = admit(own(json!({})), &offers).unwrap_err();
        assert!(error.contains("offers this workspace no plugin mirror"), "{error}");
    }
    assert!(admit(own(json!({})), &[offer(json!({ "workspaces": ["root:teams:*"] }))]).is_ok());
}

#[test]
fn a_component_of_ones_own_is_allowed_by_its_digest() {
    let spec = |digest: &str| json!({ "digest": digest, "source": { "configMap": { "namespace": "a", "name": "b", "key": "c" } } });
    let by_digest = declared("reviewed", json!({ "mode": "Offer", "digest": DIGEST }));
    let admitted = admit(spec(DIGEST), &[Arc::clone(&by_digest)]).unwrap();
    assert_eq!((&*admitted.offer.name, admitted.grants), ("reviewed", Grants::default()));
    let other = DIGEST.replace("aa", "bb");
    assert!(admit(spec(&other), &[by_digest]).unwrap_err().contains(&other));
    // An offer without a digest allows its own component, and no other one.
    assert!(admit(spec(DIGEST), &[offer(json!({}))]).unwrap_err().contains("no component with the digest"));
}

fn selection(namespace: &str, names: &[&str], fields: &[&str], label: Option<&str>) -> Selection {
    let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect();
    Selection {
        id: "a".into(),
        site: "hub".into(),
        group: String::new(),
        version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: namespace.into(),
        names: texts(names),
        labels: label
            .map(|key| Requirement { key: key.into(), operator: "Exists".into(), values: vec![] })
            .into_iter()
            .collect(),
        fields: texts(fields),
    }
}

fn grant(extra: Value) -> Reads {
    let mut grant = json!({ "kind": "ConfigMap" });
    for (key, value) in extra.as_object().unwrap() {
        grant[key] = value.clone();
    }
    Reads::Granted(vec![serde_json::from_value::<ReadGrant>(grant).unwrap()])
}

#[test]
fn a_selection_is_covered_by_one_grant_or_not_at_all() {
    let covered = |grant: &Reads, selection: &Selection| grant.cover(selection).is_ok();
    assert!(covered(&Reads::Served, &selection("", &[], &[], None)));
    assert!(covered(&grant(json!({})), &selection("", &[], &[], Some("a"))));
    let narrow =
        grant(json!({ "namespaces": ["default"], "names": ["owners"], "fields": ["/data", "/metadata/labels/team"] }));
    for (selection, is) in [
        (selection("default", &["owners"], &["/data"], None), true),
        (selection("default", &["owners"], &["/data/a"], None), true),
        (selection("default", &["owners"], &["/data"], Some("team")), true),
        (selection("default", &["owners"], &["/data"], Some("tier")), false),
        (selection("default", &["owners"], &[], None), false),
        (selection("default", &["owners"], &["/data", "/binaryData"], None), false),
        (selection("default", &[], &["/data"], None), false),
        (selection("default", &["owners", "b"], &["/data"], None), false),
        (selection("", &["owners"], &["/data"], None), false),
        (selection("other", &["owners"], &["/data"], None), false),
    ] {
        assert_eq!(covered(&narrow, &selection), is, "{selection:?}");
    }
    let element = grant(json!({ "fields": ["/list/0/a"] }));
    assert!(!covered(&element, &selection("", &[], &["/list/0/a"], None)), "all of the list would be shown");
    let other = Selection { kind: "Secret".into(), ..selection("", &[], &[], None) };
    assert_eq!(grant(json!({})).cover(&other), Err("asks to read Secret, which it has no grant for".into()));
    assert!(Reads::Granted(vec![]).cover(&selection("", &[], &[], None)).is_err());
}

fn object(kind: &str, name: &str, value: u32) -> Desired {
    let object = json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name }, "value": value });
    Desired { id: ObjectId::of(&object).unwrap(), object, source: String::new() }
}

#[test]
fn what_is_of_no_granted_kind_comes_back_as_it_was() {
    let kinds = [KindGrant { group: String::new(), kind: "ConfigMap".into() }];
    let emits = Emits::Granted(kinds.into_iter().collect());
    let before = [object("ConfigMap", "a", 1), object("Service", "b", 1)];
    let (a, b) = (|| object("ConfigMap", "a", 1), || object("Service", "b", 1));
    let changed = |after: &[Desired]| emits.allow_change(&before, after);
    assert_eq!(changed(&[b(), a()]), Ok(()));
    assert_eq!(changed(&[b()]), Ok(()), "left out");
    assert_eq!(changed(&[object("ConfigMap", "a", 2), object("ConfigMap", "new", 1), b()]), Ok(()));
    for (after, says) in [
        (vec![a()], "leaves out Service b"),
        (vec![a(), object("Service", "b", 2)], "changes /value of Service b"),
        (vec![a(), b(), object("Service", "c", 1)], "makes Service c"),
        (vec![a(), a(), b()], "gives ConfigMap a twice"),
    ] {
        let error = changed(&after).unwrap_err();
        assert!(error.starts_with(says), "{error}");
    }
    assert_eq!(Emits::Any.allow_change(&before, &[object("Service", "c", 1)]), Ok(()));
    assert!(Emits::Any.allow_change(&before, &[a(), a()]).is_err());
    assert!(Emits::Granted(BTreeSet::new()).allow([&a().id]).is_err());
}
