//! Published versions do not change, and a component that was built against an older one is served whole.

use std::sync::Arc;

use berthage_core::api::ConditionStatus;
use berthage_core::key::Workspace;
use berthage_core::plugin::{ApplyResult, Group, Input, Next, Note, ObjectRef, PluginCondition, Selection};
use serde_json::json;

use super::super::wasm_tests::{engine, file, spec};
use super::super::{Digest, Encoded, Health, PluginSource, Plugins, PluginsSpec};

#[test]
fn a_published_version_is_frozen() {
    let published = Digest::of(include_bytes!("../../../../wit/0.1/plugin.wit")).to_string();
    let frozen = "5b362bccfb77cecac4a604f2b124ec822af858cf993fc7c32bb8d404f0437a8d";
    assert_eq!(published, frozen, "plugins are built against wit/0.1: put what is new into the next version");
}

fn old() -> Plugins {
    let spec = spec(file("contract-0-1.wasm"), json!({"a": 1}));
    let transformers = vec![PluginSource { name: Some("old-too".to_owned()), ..spec.reconciler.clone() }];
    Plugins::load(PluginsSpec { transformers, ..spec }, &engine())
}

fn next(next: &str) -> Input {
    Input {
        subject: json!({"metadata": {"annotations": {"next": next}}}),
        facts: json!({"f": [true]}),
        reads: vec![Group { id: "sites".into(), complete: false, items: vec![json!({"x": 1})] }],
        results: vec![ApplyResult {
            object: ObjectRef {
                group: "g".into(),
                version: "v1".into(),
                kind: "K".into(),
                namespace: "ns".into(),
                name: "n".into(),
            },
            ok: false,
            code: "Forbidden".into(),
            message: "no".into(),
        }],
        now: "2026-01-01T00:00:00Z".into(),
        attempt: 7,
    }
}

fn encoded(word: &str) -> Encoded {
    Encoded::new(&Workspace::local(), &next(word))
}

fn said(plugin: &str) -> (Vec<PluginCondition>, Vec<Note>) {
    let condition = PluginCondition {
        kind: format!("{plugin}/Seen"),
        status: ConditionStatus::Unknown,
        reason: "Asked".into(),
        message: "by an old one".into(),
        lowers_ready: true,
    };
    (vec![condition], vec![Note { warning: true, reason: "Said".into(), message: "so".into() }])
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_reconciler_of_version_0_1_gets_and_gives_everything() {
    let plugins = old();
    let reconciler = plugins.reconciler();
    assert_eq!(reconciler.health(), Health::Healthy);
    assert_eq!(reconciler.state.as_ref().unwrap().exports.version(), "0.1.0");
    let plan = reconciler.plan(&encoded("settled")).unwrap();
    let expected = json!({
        "subject": r#"{"metadata":{"annotations":{"next":"settled"}}}"#,
        "config": r#"{"a":1}"#,
        "facts": r#"{"f":[true]}"#,
        "reads": [{"id": "sites", "complete": false, "items": [r#"{"x":1}"#]}],
        "results": [{"ref": ["g", "v1", "K", "ns", "n"], "ok": false, "code": "Forbidden", "message": "no"}],
        "now": "2026-01-01T00:00:00Z",
        "attempt": 7,
    });
    assert_eq!((plan.renders[0].set.as_str(), &plan.renders[0].values), ("syncer", &expected));
    assert_eq!(plan.objects, [json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}})]);
    assert!(plan.hold);
    assert_eq!((plan.conditions.clone(), plan.notes.clone()), said("old"));
    let selection = Selection {
        id: "sites".into(),
        site: "hub".into(),
        group: "tmc.kcp.io".into(),
        version: "v1alpha1".into(),
        kind: "ClusterRegistration".into(),
        namespace: String::new(),
        names: vec!["east".into()],
        labels: vec![],
        fields: vec![],
    };
    assert_eq!(*reconciler.select(&Workspace::local(), &json!({})).unwrap(), [selection]);
    let waited = ObjectRef { name: "n".into(), ..next("").results[0].object.clone() };
    for (word, after) in [
        ("settled", Next::Settled),
        ("again", Next::AgainAfter(1500)),
        ("wait", Next::WaitingFor(vec![waited])),
        ("retry", Next::Retry { reason: "Later".into(), message: "soon".into() }),
        ("invalid", Next::Invalid { reason: "Wrong".into(), message: "never".into() }),
    ] {
        assert_eq!(reconciler.plan(&encoded(word)).unwrap().after, after);
        let report = Arc::unwrap_or_clone(reconciler.report(&encoded(word)).unwrap());
        assert_eq!((report.conditions, report.notes), said("old"));
        assert_eq!(report.after, after);
        assert_eq!(reconciler.finalize(&encoded(word)).unwrap().after, after);
    }
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn what_a_transformer_of_version_0_1_refuses_is_a_refusal() {
    let transformer = old().transformers().remove(0);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let done = Arc::unwrap_or_clone(transformer.transform(&encoded("settled"), std::slice::from_ref(&object)).unwrap());
    assert_eq!((done.objects, done.after), (vec![object.clone()], Next::Settled));
    assert_eq!((done.conditions, done.notes), said("old-too"));
    let refused = transformer.transform(&encoded("refused"), &[object]).unwrap();
    assert_eq!(refused.after, Next::Invalid { reason: "Refused".into(), message: "not this one".into() });
    assert!(refused.objects.is_empty());
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_transformer_makes_nothing_of_nothing_only() {
    let transformer = old().transformers().remove(0);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let error = transformer.transform(&encoded("nothing"), &[object]).unwrap_err();
    assert!(error.to_string().contains("made nothing of the objects"), "{error}");
    assert_eq!(transformer.transform(&encoded("nothing"), &[]).unwrap().objects, Vec::<serde_json::Value>::new());
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_configuration_that_an_old_plugin_refuses_is_refused() {
    let plugins = Plugins::load(spec(file("contract-0-1.wasm"), json!({"a": "wrong"})), &engine());
    let Health::Failed(error) = plugins.reconciler().health() else { panic!("{plugins:?}") };
    assert!(error.to_string().contains("it is wrong"), "{error}");
}
