//! The sandbox against the kept answers of real servers.

use super::*;

#[tokio::test]
async fn the_sandbox_answers_as_real_servers_do() {
    let script = Script::read().unwrap();
    let mut reports = Vec::new();
    for (path, real) in Answers::kept().unwrap() {
        let judged = judge(&script, &real).await.unwrap();
        if !judged.is_fine() {
            reports.push(format!("{}:\n{}", path.display(), judged.report()));
        }
    }
    assert!(reports.is_empty(), "{}", reports.join("\n\n"));
}

/// The types that the script has requests for; ReconcilePlugins are not among them.
const ASKED: [&str; 2] = ["synctargets.workload.kcp.io", "clusterregistrations.tmc.kcp.io"];

#[test]
fn the_definitions_of_the_script_are_those_of_berthage() {
    let deployed = include_str!("../../../../deploy/crds.yaml");
    let mut found = Vec::new();
    for document in deployed.split("\n---\n").map(|text| text.trim_start_matches("---\n")) {
        let definition: serde_json::Value = serde_saphyr::from_str(document).unwrap();
        let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
        if !ASKED.contains(&name.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(folder().join(format!("crds/{name}.json"))).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(kept, definition, "{name}: conformance/crds has another one");
        found.push(name);
    }
    assert_eq!(found, ASKED);
}

#[test]
fn every_step_is_for_some_server_and_every_kept_answer_has_a_step() {
    let script = Script::read().unwrap();
    for (path, answers) in Answers::kept().unwrap() {
        let mut asked: Vec<String> =
            script.steps(answers.server).filter(|(_, step)| !step.quiet).map(|(name, _)| name).collect();
        asked.sort();
        let answered: Vec<String> = answers.steps.into_keys().collect();
        assert_eq!(answered, asked, "{}: record it again", path.display());
    }
}
