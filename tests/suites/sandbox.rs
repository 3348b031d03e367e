//! `berthage sandbox`, as somebody uses it who tries berthage for the first time: its output, and the kubectl lines in it.

use std::path::Path;
use std::process::Stdio;

use berthage_e2e::controller;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::process::Process;
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::wait::PATIENCE;

use crate::stage::{Result, problem};

/// Runs kubectl with one of the sandbox's kubeconfigs.
async fn kubectl(folder: &Path, kubeconfig: &str, arguments: &[&str]) -> Result<String> {
    let output = tokio::process::Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(folder.join(kubeconfig))
        .args(arguments)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let (told, wrong) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
    if output.status.success() { Ok(told) } else { Err(problem(format!("kubectl {arguments:?}: {told}{wrong}"))) }
}

fn start(folder: &Path) -> Result<Process> {
    let sandbox = Invocation::new(["sandbox", "--dir"])
        .argument(folder.join("sandbox"))
        .argument("--share")
        .argument(controller::share(folder)?);
    Ok(sandbox.start(&program::berthage()?, "sandbox", folder)?)
}

#[tokio::test]
#[ignore = "needs kubectl, and the programs and plugins that `cargo xtask test` builds"]
async fn what_the_sandbox_tells_to_do_works() -> Result {
    let folder = RunFolder::new("sandbox")?;
    let sandbox = start(folder.path())?;
    sandbox.line("that it ends with Ctrl-C", PATIENCE * 2, |line| line.contains("Ctrl-C ends everything")).await?;
    let files = folder.path().join("sandbox");
    let told = sandbox.output();
    for tenant in ["team-a", "team-b", "team-b-payments"] {
        assert!(told.contains(&format!("{tenant}.kubeconfig")), "{told}");
        let table = kubectl(&files, &format!("{tenant}.kubeconfig"), &["get", "synctargets"]).await?;
        assert!(table.lines().any(|line| line.starts_with("edge") && line.contains("True")), "{tenant}: {table}");
    }
    let described = kubectl(&files, "team-a.kubeconfig", &["describe", "synctarget", "edge"]).await?;
    for words in ["AsExpected", "Events:", "SyncerDeployed"] {
        assert!(described.contains(words), "`{words}` is missing in:\n{described}");
    }
    // Two workspaces share a physical cluster, each with a namespace of its own.
    let deployments = kubectl(&files, "cluster-east.kubeconfig", &["get", "deployments", "-A", "--no-headers"]).await?;
    assert_eq!(deployments.lines().count(), 2, "{deployments}");

    // What is changed is seen to.
    let more = r#"{"spec":{"syncerConfig":{"replicas":2}}}"#;
    kubectl(&files, "team-a.kubeconfig", &["patch", "synctarget", "edge", "--type", "merge", "-p", more]).await?;
    let two = "jsonpath={.status.syncer.readyReplicas}=2";
    kubectl(&files, "team-a.kubeconfig", &["wait", "synctarget/edge", "--for", two, "--timeout", "60s"]).await?;
    // And what is deleted goes, with all that belongs to it.
    kubectl(&files, "team-a.kubeconfig", &["delete", "synctarget", "edge", "--timeout", "60s"]).await?;
    let deployments = kubectl(&files, "cluster-east.kubeconfig", &["get", "deployments", "-A", "--no-headers"]).await?;
    assert_eq!(deployments.lines().count(), 1, "{deployments}");
    kubectl(&files, "team-b.kubeconfig", &["wait", "synctarget/edge", "--for=condition=Ready", "--timeout", "5s"])
        .await?;
    assert!(sandbox.terminate(PATIENCE).await.success());
    Ok(())
}
