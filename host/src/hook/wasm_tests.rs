//! The sandbox against real components: every misbehaviour, and the built-in plugin's own vectors.
//!
//! `cargo xtask plugins` builds them; BERTHAGE_PLUGINS names another folder than target/plugins.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use berthage_core::key::Workspace;
use berthage_core::plugin::{ApplyResult, Group, Input, Next, ObjectRef, PlanOutcome};
use berthage_core::reason::Reason;
use serde_json::{Value, json};

use super::{
    Budget, Encoded, Failure, Health, Hook, HookEngine, HookError, Limits, PluginSource, Plugins, PluginsSpec,
    Reconciler, Seen,
};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub(super) fn file(name: &str) -> PathBuf {
    let folder = std::env::var_os("BERTHAGE_PLUGINS")
        .map_or_else(|| Path::new(REPOSITORY).join("target/plugins"), PathBuf::from);
    folder.join(name)
}

pub(super) fn source(path: PathBuf, config: Value) -> PluginSource {
    PluginSource { name: None, path, config }
}

pub(super) fn spec(path: PathBuf, config: Value) -> PluginsSpec {
    // A cache saves a compilation for each test.
    let cache_dir = Some(Path::new(REPOSITORY).join("target/plugin-cache"));
    PluginsSpec { reconciler: source(path, config), transformers: vec![], cache_dir, compiler: None }
}

/// An engine that keeps no outcome: every call is made.
pub(super) fn engine() -> HookEngine {
    keeping(0)
}

fn keeping(kept: usize) -> HookEngine {
    HookEngine::new(Limits { concurrent: 4, kept, ..Limits::default() }, Budget::Time).unwrap()
}

fn misbehave() -> Reconciler {
    let reconciler = Plugins::load(spec(file("misbehave.wasm"), json!({})), &engine()).reconciler();
    assert_eq!(reconciler.health(), Health::Healthy);
    reconciler
}

/// An input whose subject tells the plugin what to do in `hook`.
fn told(hook: &str, behaviour: &str) -> Input {
    Input {
        subject: json!({"metadata": {"name": "a", "annotations": {format!("misbehave.berthage.dev/{hook}"): behaviour}}}),
        facts: json!({"names": {"namespace": "ns"}}),
        reads: vec![],
        results: vec![],
        now: "2026-01-01T00:00:00Z".into(),
        attempt: 0,
    }
}

fn encoded(hook: &str, behaviour: &str) -> Encoded {
    Encoded::new(&Workspace::local(), &told(hook, behaviour))
}

fn planned(behaviour: &str) -> Result<PlanOutcome, HookError> {
    misbehave().plan(&encoded("plan", behaviour)).map(Arc::unwrap_or_clone)
}

fn failure(behaviour: &str) -> Failure {
    let error = planned(behaviour).unwrap_err();
    assert_eq!(error.reason(), Reason::PluginFailed);
    assert!(error.to_string().starts_with("plugin misbehave (misbehave.wasm) "), "{error}");
    error.failure
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_good_outcome_crosses_whole() {
    let plan = planned("ok").unwrap();
    assert_eq!(plan.objects[1]["metadata"], json!({"name": "misbehave", "namespace": "ns"}));
    assert_eq!((plan.hold, &plan.after, plan.conditions[0].kind.as_str()), (false, &Next::Settled, "misbehave/Calls"));
    assert!(planned("hold").unwrap().hold);
    let selections = misbehave().select(&Workspace::local(), &json!({})).unwrap();
    assert_eq!(
        (selections[0].kind.as_str(), selections[0].names.as_slice()),
        ("ConfigMap", &["misbehave".to_owned()][..])
    );
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn nothing_is_kept_between_calls() {
    let reconciler = misbehave();
    let input = encoded("plan", "ok");
    for _ in 0..20 {
        assert_eq!(reconciler.plan(&input).unwrap().conditions[0].message, "1");
        assert_eq!(reconciler.report(&input).unwrap().conditions[0].message, "1");
    }
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn what_comes_next_crosses() {
    assert_eq!(planned("again").unwrap().after, Next::AgainAfter(1500));
    assert!(matches!(planned("retry").unwrap().after, Next::Retry { reason, .. } if reason == "ToldToRetry"));
    assert!(matches!(planned("invalid").unwrap().after, Next::Invalid { reason, .. } if reason == "ToldInvalid"));
    assert!(matches!(planned("wait").unwrap().after, Next::WaitingFor(refs) if refs[0].kind == "ConfigMap"));
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn finalize_may_ask_for_a_delay_for_ever() {
    let (reconciler, input) = (misbehave(), encoded("finalize", "retry"));
    for _ in 0..5 {
        assert!(matches!(reconciler.finalize(&input).unwrap().after, Next::Retry { .. }));
    }
    assert_eq!(reconciler.finalize(&encoded("finalize", "ok")).unwrap().after, Next::Settled);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn results_of_the_apply_reach_report() {
    let result = |ok: bool| ApplyResult {
        object: ObjectRef {
            group: String::new(),
            version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: "ns".into(),
            name: "misbehave".into(),
        },
        ok,
        code: String::new(),
        message: String::new(),
    };
    let input = encoded("report", "ok").with_results(&[result(true), result(false)]);
    assert_eq!(misbehave().report(&input).unwrap().notes[0].message, "1 of 2 applies failed");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_trap_says_what_the_plugin_said_last() {
    let Failure::Trap { hook: Hook::Plan, why } = failure("trap") else { panic!() };
    assert!(why.contains("told to trap"), "{why}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn an_endless_loop_is_ended_by_the_clock() {
    assert_eq!(failure("loop"), Failure::Deadline { hook: Hook::Plan, budget: "250ms".into() });
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn an_endless_loop_is_ended_by_fuel_at_the_same_place_every_time() {
    let engine = HookEngine::new(Limits { concurrent: 1, ..Limits::default() }, Budget::Fuel(10_000_000)).unwrap();
    let reconciler = Plugins::load(spec(file("misbehave.wasm"), json!({})), &engine).reconciler();
    assert!(reconciler.plan(&encoded("plan", "ok")).is_ok());
    let Failure::Deadline { budget, .. } = reconciler.plan(&encoded("plan", "loop")).unwrap_err().failure else {
        panic!()
    };
    assert_eq!(budget, "10000000 units of fuel");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn memory_has_an_end() {
    assert_eq!(failure("allocate"), Failure::Memory { hook: Hook::Plan, max: 64 << 20 });
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn the_stack_has_an_end() {
    let Failure::Trap { why, .. } = failure("recurse") else { panic!() };
    // A guest has two stacks: the engine's, and one of its own at the beginning of its memory.
    assert!(why.contains("stack") || why.contains("out of bounds"), "{why}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn an_outcome_has_an_end() {
    assert_eq!(failure("huge"), Failure::OutputTooLarge { hook: Hook::Plan, max: 4 << 20 });
    let Failure::BadOutput { why, .. } = failure("deep") else { panic!() };
    assert!(why.contains("32 levels"), "{why}");
    let Failure::BadOutput { why, .. } = failure("many") else { panic!() };
    assert!(why.contains("10001 conditions"), "{why}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_flood_of_log_lines_is_cut_and_does_no_harm() {
    // A million calls of the host take longer than a call may: both ends are good ones.
    match planned("flood") {
        Ok(plan) => assert_eq!(plan.after, Next::Settled),
        Err(error) => assert!(matches!(error.failure, Failure::Deadline { .. }), "{error}"),
    }
    assert_eq!(planned("long-line").unwrap().after, Next::Settled);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn nonsense_is_refused_with_the_place() {
    for (behaviour, word) in [
        ("json", "not JSON"),
        ("no-object", "not a JSON object"),
        ("status", "status"),
        ("level", "level"),
        ("slash", "kind"),
        ("bad-reason", "CamelCase"),
    ] {
        let Failure::BadOutput { hook: Hook::Plan, why } = failure(behaviour) else { panic!("{behaviour}") };
        assert!(why.contains(word), "{behaviour}: {why}");
    }
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn texts_are_cleaned_and_cut() {
    let message = planned("control").unwrap().conditions[1].message.clone();
    assert!(message.starts_with("a [31m é") && message.len() <= 1024 && !message.contains('\u{1b}'), "{message}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn secrets_and_endless_wishes_cannot_be_selected() {
    let reconciler = misbehave();
    for (behaviour, word) in [("secrets", "never shown"), ("many", "selections")] {
        let error = reconciler.select(&Workspace::local(), &told("select", behaviour).subject).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn an_error_of_the_plugin_is_its_own_kind() {
    let said = |message: &str| Failure::Failed { hook: Hook::Plan, message: message.into() };
    assert_eq!(failure("fail"), said("plan is told to fail"));
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_condition_may_lower_ready() {
    let conditions = planned("lowered").unwrap().conditions;
    assert!(!conditions[0].lowers_ready && conditions[1].lowers_ready);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_configuration_is_checked_by_the_plugin_at_load() {
    let load = |config| Plugins::load(spec(file("misbehave.wasm"), config), &engine()).reconciler();
    let Health::Failed(error) = load(json!({"check-config": "invalid"})).health() else { panic!() };
    assert_eq!(error.reason(), Reason::PluginRefused);
    assert!(error.to_string().contains("told to be invalid; nothing: else is wrong"), "{error}");
    for behaviour in ["trap", "loop", "allocate"] {
        assert!(matches!(load(json!({"check-config": behaviour})).health(), Health::Failed(_)), "{behaviour}");
    }
    assert!(matches!(load(json!([])).health(), Health::Failed(_)));
    assert!(load(json!({"plan": "hold"})).plan(&encoded("report", "ok")).unwrap().hold);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn three_traps_in_a_row_are_enough_for_a_while_for_that_workspace() {
    let reconciler = misbehave();
    for _ in 0..3 {
        assert_eq!(reconciler.plan(&encoded("plan", "trap")).unwrap_err().reason(), Reason::PluginFailed);
    }
    let error = reconciler.plan(&encoded("plan", "ok")).unwrap_err();
    assert_eq!(error.reason(), Reason::PluginQuarantined);
    assert!(error.retry_after().is_some_and(|wait| wait <= Duration::from_secs(10)));
    let elsewhere = Encoded::new(&Workspace::new("other"), &told("plan", "ok"));
    assert!(reconciler.plan(&elsewhere).is_ok());
    assert_eq!(reconciler.health(), Health::Healthy);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn traps_in_three_workspaces_are_enough_for_a_while_for_all() {
    let reconciler = misbehave();
    for workspace in ["a", "b", "c"] {
        reconciler.plan(&Encoded::new(&Workspace::new(workspace), &told("plan", "trap"))).unwrap_err();
    }
    let error = reconciler.plan(&encoded("plan", "ok")).unwrap_err();
    assert_eq!(error.reason(), Reason::PluginQuarantined);
    assert!(matches!(reconciler.health(), Health::Quarantined(_)));
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_plugin_of_the_other_world_is_refused() {
    let as_reconciler =
        Plugins::load(spec(file("rust-team-labels.wasm"), json!({"team": "a"})), &engine()).reconciler();
    let Health::Failed(error) = as_reconciler.health() else { panic!() };
    assert!(error.to_string().contains("berthage:plugin/reconcile@0.2.0; it is used as a reconciler"), "{error}");
    let transformers = vec![source(file("synctarget.wasm"), json!({}))];
    let spec = PluginsSpec { transformers, ..spec(file("synctarget.wasm"), json!({})) };
    let plugins = Plugins::load(spec, &engine());
    assert_eq!(plugins.reconciler().health(), Health::Healthy);
    assert!(matches!(plugins.transformers()[0].health(), Health::Failed(_)));
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn transformers_change_objects_or_refuse() {
    let labels = |name: &str, config| PluginSource {
        name: (!name.is_empty()).then(|| name.to_owned()),
        ..source(file("rust-team-labels.wasm"), config)
    };
    let transformers = vec![
        labels("", json!({"team": "harbour"})),
        labels("", json!({"team": "second"})),
        labels("third", json!({"team": "harbour", "labels": {"berthage.dev/target": "x"}})),
        labels("Not A Name", json!({"team": "harbour"})),
        labels("fourth", json!({"team": "fourth"})),
    ];
    let plugins = Plugins::load(PluginsSpec { transformers, ..spec(file("synctarget.wasm"), json!({})) }, &engine());
    let transformers = plugins.transformers();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let input = Encoded::new(&Workspace::local(), &told("plan", "ok"));
    let out = transformers[0].transform(&input, std::slice::from_ref(&object)).unwrap();
    assert_eq!(out.objects[0]["metadata"]["labels"], json!({"team": "harbour"}));
    assert_eq!(transformers[0].name(), "team-labels");
    let failure = |index: usize| match transformers[index].health() {
        Health::Failed(error) => error.failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failure(1), Failure::NameTaken { name: "team-labels".into() });
    assert!(matches!(failure(2), Failure::ConfigInvalid { .. }));
    assert!(matches!(failure(3), Failure::BadDescription { .. }));
    assert_eq!(transformers[4].health(), Health::Healthy);
    let failed = transformers[4].transform(&input, &[json!([])]).unwrap_err();
    assert!(matches!(failed.failure, Failure::Failed { hook: Hook::Transform, .. }), "{failed}");
    assert_eq!(*transformers[4].select(&Workspace::local(), &json!({})).unwrap(), []);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_missing_or_broken_file_heals_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin.wasm");
    let whole = fs::read(file("synctarget.wasm")).unwrap();
    let plugins = Plugins::load(spec(path.clone(), json!({})), &engine());
    let health = || plugins.reconciler().health();
    let failure = || match health() {
        Health::Failed(error) => error.failure,
        other => panic!("{other:?}"),
    };
    assert!(matches!(failure(), Failure::Missing { .. }));
    assert!(!plugins.reload_if_changed(), "still missing is no change");
    assert_eq!(plugins.reconciler().name(), "plugin");
    for broken in [&whole[..whole.len() / 2], b"", b"\0asm\x01\0\0\0"] {
        fs::write(&path, broken).unwrap();
        assert!(plugins.reload_if_changed());
        assert!(matches!(failure(), Failure::NotAComponent { .. }), "{:?}", failure());
        assert!(!plugins.reload_if_changed(), "the same file is not looked at twice");
    }
    fs::write(&path, &whole).unwrap();
    assert!(plugins.reload_if_changed());
    assert_eq!(health(), Health::Healthy);
    assert_eq!(plugins.reconciler().name(), "synctarget");
    let (before, digest) = (plugins.reconciler(), plugins.reconciler().digest());

    // A broken update leaves the good one running, and says so; a good one takes its place.
    fs::write(&path, b"half").unwrap();
    assert!(plugins.reload_if_changed());
    assert!(matches!(health(), Health::Outdated(_)));
    assert_eq!(plugins.reconciler().digest(), digest);
    fs::remove_file(&path).unwrap();
    assert!(plugins.reload_if_changed());
    assert!(matches!(health().error().unwrap().failure, Failure::Missing { .. }));
    fs::copy(file("misbehave.wasm"), &path).unwrap();
    assert!(plugins.reload_if_changed());
    assert_eq!((health(), plugins.reconciler().name()), (Health::Healthy, "misbehave"));
    assert_eq!(before.name(), "synctarget", "a reconcile under way keeps what it began with");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn an_oversized_file_is_not_even_read() {
    let engine = HookEngine::new(Limits { file: 1000, concurrent: 1, ..Limits::default() }, Budget::Time).unwrap();
    let Health::Failed(error) = Plugins::load(spec(file("synctarget.wasm"), json!({})), &engine).reconciler().health()
    else {
        panic!()
    };
    assert_eq!(error.failure, Failure::FileTooLarge { max: 1000 });
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_compiled_plugin_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let spec =
        || PluginsSpec { cache_dir: Some(folder.path().join("cache")), ..spec(file("synctarget.wasm"), json!({})) };
    for _ in 0..2 {
        // Another engine each time, as after a restart.
        let plugins = Plugins::load(spec(), &engine());
        assert_eq!(plugins.reconciler().health(), Health::Healthy);
        assert_eq!(fs::read_dir(folder.path().join("cache")).unwrap().count(), 2);
    }
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn more_calls_at_once_than_there_are_slots_are_sent_back() {
    let engine = HookEngine::new(Limits { concurrent: 1, ..Limits::default() }, Budget::Time).unwrap();
    let reconciler = Plugins::load(spec(file("misbehave.wasm"), json!({})), &engine).reconciler();
    let failures: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..3).map(|_| scope.spawn(|| reconciler.plan(&encoded("plan", "loop")).unwrap_err().failure)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(failures.contains(&Failure::Busy), "{failures:?}");
    assert!(failures.iter().any(|failure| matches!(failure, Failure::Deadline { .. })), "{failures:?}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn every_call_is_observed() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let sink = Arc::clone(&seen);
    let engine = engine().observed_by(move |observed| {
        if let Seen::Called { outcome, .. } = observed.seen {
            sink.lock().unwrap().insert(format!("{} {} {outcome}", observed.plugin, observed.hook));
        }
    });
    let reconciler = Plugins::load(spec(file("misbehave.wasm"), json!({})), &engine).reconciler();
    let _ = reconciler.plan(&encoded("plan", "ok"));
    let _ = reconciler.plan(&encoded("plan", "trap"));
    let _ = reconciler.select(&Workspace::local(), &json!({}));
    let seen: Vec<_> = seen.lock().unwrap().iter().cloned().collect();
    assert_eq!(
        seen,
        [
            "misbehave check-config ok",
            "misbehave describe ok",
            "misbehave plan ok",
            "misbehave plan trap",
            "misbehave select ok",
        ]
    );
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn what_still_holds_is_not_asked_for_again() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&calls);
    let engine = keeping(1 << 20).observed_by(move |observed| {
        let how = match observed.seen {
            Seen::Called { outcome, .. } => outcome,
            Seen::Kept => "kept",
            Seen::Used { .. } => return,
        };
        sink.lock().unwrap().push(format!("{} {how}", observed.hook));
    });
    let load = |name: &str, config| {
        let reconciler = PluginSource { name: Some(name.into()), ..source(file("misbehave.wasm"), config) };
        Plugins::load(PluginsSpec { reconciler, ..spec(PathBuf::new(), Value::Null) }, &engine).reconciler()
    };
    let (a, b, configured) = (load("a", json!({})), load("b", json!({})), load("a", json!({"x": "y"})));
    calls.lock().unwrap().clear();
    let made = || std::mem::take(&mut *calls.lock().unwrap());
    let at = |behaviour, now: &str| {
        let input = Input { now: now.into(), attempt: 3, ..told("plan", behaviour) };
        Encoded::new(&Workspace::local(), &input)
    };

    let plan = a.plan(&encoded("plan", "ok")).unwrap();
    assert_eq!(a.plan(&at("ok", "2027-01-01T00:00:00Z")).unwrap(), plan);
    assert_eq!(made(), ["plan ok", "plan kept"]);
    // Another hook, plugin or configuration, another input: each is a call.
    a.report(&encoded("plan", "ok")).unwrap();
    assert_eq!(b.plan(&encoded("plan", "ok")).unwrap().conditions[0].kind, "b/Calls");
    configured.plan(&encoded("plan", "ok")).unwrap();
    a.plan(&encoded("plan", "hold")).unwrap();
    assert_eq!(made(), ["report ok", "plan ok", "plan ok", "plan ok"]);
    // A deadline of its own is one.
    let again = |now| a.plan(&at("again", now)).unwrap().after.clone();
    assert_eq!(again("2026-01-01T00:00:00Z"), Next::AgainAfter(1500));
    assert_eq!(again("2026-01-01T00:00:01Z"), Next::AgainAfter(500));
    assert_eq!(again("2026-01-01T00:00:02Z"), Next::AgainAfter(1500));
    assert_eq!(made(), ["plan ok", "plan kept", "plan ok"]);
    // What failed is asked for again, and what has no time cannot be kept.
    for _ in 0..2 {
        a.plan(&encoded("plan", "fail")).unwrap_err();
        a.plan(&at("lowered", "some day")).unwrap();
    }
    assert_eq!(made(), ["plan failed", "plan ok", "plan failed", "plan ok"]);
    for _ in 0..2 {
        a.select(&Workspace::local(), &json!({})).unwrap();
    }
    assert_eq!(made(), ["select ok", "select kept"]);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_transformer_is_asked_again_for_other_objects() {
    let calls = Arc::new(Mutex::new(0));
    let sink = Arc::clone(&calls);
    let engine = keeping(1 << 20).observed_by(move |observed| {
        if observed.hook == Hook::Transform {
            *sink.lock().unwrap() += usize::from(matches!(observed.seen, Seen::Called { .. }));
        }
    });
    let config = json!({"team": "edge"});
    let mut spec = spec(file("synctarget.wasm"), json!({}));
    spec.transformers = vec![source(file("rust-team-labels.wasm"), config)];
    let transformer = Plugins::load(spec, &engine).transformers().remove(0);
    let object = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    for name in ["a", "a", "b", "a"] {
        let outcome = transformer.transform(&encoded("transform", "ok"), &[object(name)]).unwrap();
        assert_eq!(outcome.objects[0]["metadata"]["name"], json!(name));
    }
    assert_eq!(*calls.lock().unwrap(), 2);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_hook_that_tells_the_time_is_found_out() {
    let engine = engine().verifying_determinism(true);
    let reconciler = Plugins::load(spec(file("misbehave.wasm"), json!({})), &engine).reconciler();
    for behaviour in ["ok", "hold", "again", "minute", "wait", "invalid"] {
        reconciler.plan(&encoded("plan", behaviour)).unwrap();
    }
    reconciler.select(&Workspace::local(), &json!({})).unwrap();
    let error = reconciler.plan(&encoded("plan", "clock")).unwrap_err();
    let place = "/conditions/1/message".to_owned();
    let asked = "another `now` and `attempt`";
    assert_eq!(error.failure, Failure::NotDeterministic { hook: Hook::Plan, asked, place });
    assert_eq!(error.reason(), Reason::PluginFailed);
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn the_built_in_plugin_s_vectors_come_out_the_same_through_wasm() {
    let mut files = 0;
    for file_in_folder in fs::read_dir(Path::new(REPOSITORY).join("plugins/synctarget/tests/vectors")).unwrap() {
        let path = file_in_folder.unwrap().path();
        let vector: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let plugins = Plugins::load(spec(file("synctarget.wasm"), vector["config"].clone()), &engine());
        let plugin = plugins.reconciler();
        let reads: Vec<Group> = serde_json::from_value(vector["reads"].clone()).unwrap();
        let input = Input {
            subject: vector["subject"].clone(),
            facts: vector["facts"].clone(),
            reads,
            results: vec![],
            now: "2026-01-01T00:00:00Z".into(),
            attempt: 0,
        };
        let input_encoded = Encoded::new(&Workspace::local(), &input);
        let mut outcome = match vector["hook"].as_str().unwrap() {
            "select" => serde_json::to_value(&*plugin.select(&Workspace::local(), &input.subject).unwrap()),
            "plan" => serde_json::to_value(&*plugin.plan(&input_encoded).unwrap()),
            "report" => serde_json::to_value(&*plugin.report(&input_encoded).unwrap()),
            _ => serde_json::to_value(&*plugin.finalize(&input_encoded).unwrap()),
        }
        .unwrap();
        // The host's own words differ in one thing: it has put the plugin's name before the kinds.
        for condition in outcome.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
            let kind = condition["kind"].as_str().unwrap().strip_prefix("synctarget/").unwrap().to_owned();
            condition["kind"] = kind.into();
        }
        assert_eq!(outcome, vector["expect"], "{}", path.display());
        files += 1;
    }
    assert!(files >= 10);
}

/// `cargo test --release -p berthage -- --ignored --nocapture cost_of_a_call`
#[test]
#[ignore = "a measurement; needs the plugins of `cargo xtask plugins`"]
fn cost_of_a_call() {
    let plugins = Plugins::load(spec(file("synctarget.wasm"), json!({})), &engine());
    let plugin = plugins.reconciler();
    let vector = Path::new(REPOSITORY).join("plugins/synctarget/tests/vectors/plan-everything.json");
    let vector: Value = serde_json::from_slice(&fs::read(vector).unwrap()).unwrap();
    let mut input = Input {
        subject: vector["subject"].clone(),
        facts: vector["facts"].clone(),
        reads: serde_json::from_value(vector["reads"].clone()).unwrap(),
        results: vec![],
        now: "2026-01-01T00:00:00Z".into(),
        attempt: 0,
    };
    input.subject["status"] = json!({"filler": "x".repeat(1500)});
    println!("subject: {} bytes", input.subject.to_string().len());
    let rounds = 5000_u32;
    let measure = |what: &str, work: &dyn Fn()| {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            #[expect(clippy::disallowed_methods, reason = "what is measured is processor work")]
            let begin = std::time::Instant::now();
            (0..rounds).for_each(|_| work());
            best = best.min(begin.elapsed());
        }
        println!("{what}: {:.1} µs", best.as_secs_f64() * 1e6 / f64::from(rounds));
    };
    let encoded = Encoded::new(&Workspace::local(), &input);
    measure("encode", &|| drop(std::hint::black_box(Encoded::new(&Workspace::local(), &input))));
    measure("encode + digest", &|| {
        drop(std::hint::black_box(Encoded::new(&Workspace::local(), &input).digest().to_string()));
    });
    let kept = Plugins::load(spec(file("synctarget.wasm"), json!({})), &keeping(1 << 20)).reconciler();
    measure("plan, kept", &|| drop(std::hint::black_box(kept.plan(&encoded).unwrap())));
    measure("plan", &|| drop(std::hint::black_box(plugin.plan(&encoded).unwrap())));
    measure("report", &|| drop(std::hint::black_box(plugin.report(&encoded).unwrap())));
    measure("select", &|| drop(std::hint::black_box(plugin.select(&Workspace::local(), &input.subject).unwrap())));
}
