use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn file(name: &str) -> PathBuf {
    let folder = std::env::var_os("BERTHAGE_PLUGINS")
        .map_or_else(|| Path::new(REPOSITORY).join("target/plugins"), PathBuf::from);
    folder.join(name)
}

/// What a command says, and how it ends.
fn said(command: PluginCommand) -> (String, Result<(), PluginCommandError>) {
    let mut text = String::new();
    let result = run(&PluginArgs { command }, |said| {
        text.push_str(said);
        Ok(())
    });
    (text, result)
}

fn test(plugin: &str, cases: &Path, update: bool) -> (String, Result<(), PluginCommandError>) {
    said(PluginCommand::Test(Test { file: file(plugin), cases: vec![cases.to_owned()], update }))
}

/// A folder with one case for the plugin that misbehaves.
fn case(change: &Value) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.json");
    let mut case = json!({"hook": "plan", "subject": {"metadata": {"name": "a"}}, "config": {"select": "nothing"}});
    json_patch::merge(&mut case, change);
    fs::write(&path, case.to_string()).unwrap();
    (folder, path)
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_plugin_is_checked_and_described() {
    let check =
        |name: &str, config: &str| said(PluginCommand::Check(Check { file: file(name), config: config.into() }));
    let (text, result) = check("rust-team-labels.wasm", r#"{"team":"edge"}"#);
    result.unwrap();
    assert!(text.starts_with("team-labels 0.1.0\n"), "{text}");
    for words in ["world      transformer", "contract   0.2.0", "digest     sha256:", "\"team\":\"edge\""] {
        assert!(text.contains(words), "`{words}` is missing in {text}");
    }
    let (text, result) = check("synctarget.wasm", "{}");
    result.unwrap();
    assert!(text.contains("world      reconciler"), "{text}");
    let refused = check("rust-team-labels.wasm", "{}").1.unwrap_err().to_string();
    assert!(refused.contains("does not accept its configuration"), "{refused}");
    assert!(matches!(check("synctarget.wasm", "{").1, Err(PluginCommandError::Config(_))));
    assert!(check("none.wasm", "{}").1.unwrap_err().to_string().contains("cannot be read"));
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn the_built_in_plugin_s_own_cases_pass_and_are_measured() {
    let vectors = Path::new(REPOSITORY).join("plugins/synctarget/tests/vectors");
    let (text, result) = test("synctarget.wasm", &vectors, false);
    result.unwrap();
    assert!(text.lines().count() >= 10 && text.lines().all(|line| line.starts_with("ok ")), "{text}");
    let one = vectors.join("plan-everything.json");
    let bench = Bench { file: file("synctarget.wasm"), cases: vec![one], calls: 10 };
    let (text, result) = said(PluginCommand::Bench(bench));
    result.unwrap();
    let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    let memory: usize = row[row.len() - 2].parse().unwrap();
    assert!(row[0] == "plan-everything" && memory >= 64, "{text}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn what_is_not_as_expected_is_shown_with_its_place_and_may_be_taken_over() {
    let (folder, path) = case(&json!({"expect": {"after": "Settled"}}));
    let (text, result) = test("misbehave.wasm", folder.path(), false);
    assert!(matches!(result, Err(PluginCommandError::Failed { failed: 1, cases: 1 })), "{result:?}");
    assert!(text.contains("FAILED   one") && text.contains("the first difference is at /"), "{text}");
    test("misbehave.wasm", folder.path(), true).1.unwrap();
    let (text, result) = test("misbehave.wasm", &path, false);
    result.unwrap();
    assert_eq!(text, "ok       one\n");
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(written["expect"]["conditions"][0]["kind"], "Calls", "as the author writes it");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_failure_may_be_expected_and_a_wish_for_another_time_is_found() {
    let failing = |words: &str| json!({"config": {"plan": "fail"}, "expect": {"error": words}});
    let (folder, _path) = case(&failing("plan is told to fail"));
    test("misbehave.wasm", folder.path(), false).1.unwrap();
    let (folder, _path) = case(&failing("something else"));
    let (text, _) = test("misbehave.wasm", folder.path(), false);
    assert!(text.contains("expected a failure with the words: something else"), "{text}");
    let (folder, _path) = case(&json!({"config": {"plan": "clock"}, "expect": {}}));
    let (text, _) = test("misbehave.wasm", folder.path(), false);
    assert!(text.contains("another `now` and `attempt`"), "{text}");
    let (folder, _path) = case(&json!({}));
    let (text, _) = test("misbehave.wasm", folder.path(), false);
    assert!(text.contains("--update"), "{text}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_plugin_that_dies_of_a_status_that_is_not_all_there_is_found() {
    let peer = json!({"metadata": {"name": "p"}, "status": {"conditions": [{"type": "Ready"}]}});
    let reads = json!([{"id": "peers", "complete": true, "items": [peer]}]);
    let (folder, path) = case(&json!({"config": {"select": "peers", "plan": "trusting"}, "reads": reads}));
    test("misbehave.wasm", folder.path(), true).1.unwrap();
    let (text, result) = test("misbehave.wasm", &path, false);
    assert!(result.is_err());
    assert!(text.contains("without /status of item 0 of the read \"peers\"") && text.contains("trapped"), "{text}");
}

#[test]
#[ignore = "needs the plugins of `cargo xtask plugins`"]
fn a_case_that_is_none_is_told_with_its_place() {
    let why = |change: Value| {
        let (folder, _path) = case(&change);
        test("misbehave.wasm", folder.path(), false).1.unwrap_err().to_string()
    };
    assert!(why(json!({"hook": "transform"})).contains("a reconciler has no hook transform; it has select, plan"));
    assert!(why(json!({"subjects": 1})).contains("unknown field `subjects`"));
    let folder = tempfile::tempdir().unwrap();
    let none = test("misbehave.wasm", folder.path(), false).1.unwrap_err().to_string();
    assert!(none.contains("there is no case in"), "{none}");
    let missing = test("misbehave.wasm", &folder.path().join("a.json"), false).1.unwrap_err().to_string();
    assert!(missing.contains("cannot be read"), "{missing}");
}
