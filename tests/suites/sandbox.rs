//! `berthage sandbox`, as somebody uses it who tries berthage for the first time: its output, and the kubectl lines in it.

use std::path::Path;
use std::process::Stdio;

use berthage_e2e::controller;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::process::Process;
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::wait::{self, PATIENCE};

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

/// What is named for the controller and is not there would be told by conditions, after two minutes.
#[tokio::test]
#[ignore = "needs the programs and plugins that `cargo xtask test` builds"]
async fn a_file_that_is_not_there_is_told_at_once() -> Result {
    let folder = RunFolder::new("sandbox")?;
    for flag in [["--templates", "/nowhere"], ["--transformer", "/nowhere=x"]] {
        let sandbox = Invocation::new(["sandbox", "--dir"])
            .argument(folder.path().join("sandbox"))
            .argument("--share")
            .argument(controller::share(folder.path())?)
            .argument("--")
            .argument(flag[0])
            .argument(flag[1]);
        let sandbox = sandbox.start(&program::berthage()?, "sandbox", folder.path())?;
        assert!(!tokio::time::timeout(PATIENCE, sandbox.ended()).await?.success());
        assert!(sandbox.output().contains("/nowhere is not there; correct the flags after --"), "{}", sandbox.output());
    }
    Ok(())
}

/// Keys and tokens lie in its folder.
#[tokio::test]
#[ignore = "needs the programs and plugins that `cargo xtask test` builds"]
async fn its_folder_goes_with_it_however_often_it_is_told_to_end() -> Result {
    let folder = RunFolder::new("sandbox")?;
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary)?;
    for signals in [1, 2] {
        let sandbox = Invocation::new(["sandbox", "--share"])
            .argument(controller::share(folder.path())?)
            .variable("TMPDIR", &temporary);
        let sandbox = sandbox.start(&program::berthage()?, "sandbox", folder.path())?;
        sandbox.line("where its kubeconfigs are", PATIENCE * 2, |line| line.contains(".kubeconfig")).await?;
        for _ in 0..signals {
            sandbox.signal(libc::SIGINT);
        }
        tokio::time::timeout(PATIENCE, sandbox.ended()).await?;
        let left: Vec<_> = std::fs::read_dir(&temporary)?.collect();
        assert!(left.is_empty(), "after {signals} signals: {left:?}");
    }
    Ok(())
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

    // Whoever has one workspace has no other.
    let server = told.split_whitespace().find(|word| word.ends_with("/clusters/root:team-a.")).unwrap_or_default();
    let elsewhere = server.trim_end_matches("team-a.").to_owned() + "team-b";
    let refused = kubectl(&files, "team-a.kubeconfig", &["--server", &elsewhere, "get", "synctargets"]).await;
    assert!(format!("{refused:?}").contains("Forbidden"), "{refused:?}");
    // What is no kind is said to be none.
    let wrong = files.join("wrong.yaml");
    std::fs::write(&wrong, "apiVersion: workload.kcp.io/v1alpha1\nkind: SyncTargets\nmetadata: {name: a}\n")?;
    let refused = kubectl(&files, "team-a.kubeconfig", &["apply", "-f", &wrong.display().to_string()]).await;
    assert!(format!("{refused:?}").contains("no matches for kind"), "{refused:?}");

    // A syncer whose pod ends gives its Lease to the next one, long before that could take it.
    let west = "cluster-west.kubeconfig";
    let all = ["-A", "-l", "app.kubernetes.io/managed-by=berthage"];
    let pods = ["get", "pods", "-A", "-o", "jsonpath={.items[*].metadata.name}"];
    let old = kubectl(&files, west, &pods).await?;
    kubectl(&files, west, &[&["delete", "deployments"][..], &all[..]].concat()).await?;
    let lease = kubectl(&files, "team-b.kubeconfig", &["get", "leases", "-o", "name"]).await?;
    let new = wait::until_some("a new pod", PATIENCE, async || {
        let names = kubectl(&files, west, &pods).await.map_err(|error| error.to_string())?;
        if names.split_whitespace().count() == 1 && names != old { Ok(names) } else { Err(names) }
    });
    let holder = format!("jsonpath={{.spec.holderIdentity}}={}", new.await?);
    kubectl(&files, "team-b.kubeconfig", &["wait", lease.trim(), "--for", &holder, "--timeout", "60s"]).await?;

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
    // The same again.
    let manifest = files.join("edge.yaml").display().to_string();
    kubectl(&files, "team-a.kubeconfig", &["apply", "-f", &manifest]).await?;
    kubectl(&files, "team-a.kubeconfig", &["wait", "synctarget/edge", "--for=condition=Ready", "--timeout", "60s"])
        .await?;
    assert!(sandbox.terminate(PATIENCE).await.success());
    Ok(())
}

/// What a workspace declares runs as far as the platform offers it to that workspace, and no further.
#[tokio::test]
#[ignore = "needs kubectl, and the programs and plugins that `cargo xtask test` builds"]
async fn a_workspace_has_the_plugins_that_it_is_offered() -> Result {
    let folder = RunFolder::new("sandbox")?;
    let sandbox = start(folder.path())?;
    sandbox.line("that it ends with Ctrl-C", PATIENCE * 2, |line| line.contains("Ctrl-C ends everything")).await?;
    let files = folder.path().join("sandbox");
    let manifest = |name: &str, spec: serde_json::Value| -> Result<String> {
        let path = files.join(format!("{name}.json"));
        let object = serde_json::json!({
            "apiVersion": "berthage.dev/v1alpha1", "kind": "ReconcilePlugin", "metadata": { "name": name }, "spec": spec,
        });
        std::fs::write(&path, object.to_string())?;
        Ok(path.display().to_string())
    };
    let offer = serde_json::json!({
        "mode": "Offer", "source": { "file": "rust-team-labels.wasm" }, "config": { "team": "any" },
        "workspaces": ["root:team-b"],
    });
    let own = serde_json::json!({ "source": { "offer": "labels" }, "config": { "team": "b" } });
    let (offer, own) = (manifest("labels", offer)?, manifest("mine", own)?);
    kubectl(&files, "platform.kubeconfig", &["apply", "-f", &offer]).await?;
    for tenant in ["team-a.kubeconfig", "team-b.kubeconfig"] {
        kubectl(&files, tenant, &["apply", "-f", &own]).await?;
    }
    let wait = async |tenant: &str, what: &str, reason: &str| {
        let kind = if what.starts_with("reconcileplugin") { "Ready" } else { "PluginsHealthy" };
        let condition = format!("jsonpath={{.status.conditions[?(@.type==\"{kind}\")].reason}}={reason}");
        kubectl(&files, tenant, &["wait", what, "--for", &condition, "--timeout", "120s"]).await
    };
    wait("team-b.kubeconfig", "reconcileplugin/mine", "AsExpected").await?;
    // It labels everything, and the offer lets it change nothing.
    wait("team-b.kubeconfig", "synctarget/edge", "PluginExceedsGrant").await?;
    wait("team-a.kubeconfig", "reconcileplugin/mine", "PluginNotOffered").await?;
    wait("team-a.kubeconfig", "synctarget/edge", "PluginNotOffered").await?;
    // What is offered no more runs no more; what is taken back holds nobody.
    kubectl(&files, "platform.kubeconfig", &["delete", "reconcileplugin", "labels"]).await?;
    wait("team-b.kubeconfig", "reconcileplugin/mine", "PluginNotOffered").await?;
    kubectl(&files, "team-b.kubeconfig", &["delete", "reconcileplugin", "mine"]).await?;
    wait("team-b.kubeconfig", "synctarget/edge", "AsExpected").await?;
    assert!(sandbox.terminate(PATIENCE).await.success());
    Ok(())
}
