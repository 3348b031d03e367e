//! What kubectl shows to somebody who has never seen a SyncTarget.

use std::process::Stdio;

use berthage_e2e::folder::RunFolder;
use berthage_e2e::world::{fresh_name, on_kcp};
use kube::core::DynamicObject;

use crate::stage::target::target;
use crate::stage::{Hub, Result, Shared, problem, shared};

async fn kubectl(hub: &Hub<'_>, arguments: &[&str]) -> Result<String> {
    let folder = RunFolder::new("kubectl")?;
    let kubeconfig = folder.write("kubeconfig", hub.cluster.kubeconfig())?;
    let output = tokio::process::Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .args(arguments)
        // Its cache of discovery would outlive the servers.
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        return Err(problem(format!("kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The cells of a row by the names of their columns, which kubectl separates by three spaces.
fn row<'a>(table: &'a str, name: &str) -> Result<Vec<(&'a str, &'a str)>> {
    let mut lines = table.lines();
    let header = lines.next().ok_or("an empty table")?;
    let line = lines.find(|line| line.starts_with(name)).ok_or_else(|| problem(format!("no {name} in:\n{table}")))?;
    let mut starts: Vec<usize> = Vec::new();
    let mut after_gap = true;
    for (index, character) in header.char_indices() {
        let gap = header[index..].starts_with("  ");
        if character != ' ' && after_gap {
            starts.push(index);
            after_gap = false;
        }
        after_gap |= gap;
    }
    let cell = |line: &'a str, from: usize, to: Option<usize>| {
        line.get(from..to.unwrap_or(line.len()).min(line.len())).unwrap_or_default().trim()
    };
    let columns = starts.iter().enumerate().map(|(index, start)| {
        let end = starts.get(index + 1).copied();
        (cell(header, *start, end), cell(line, *start, end))
    });
    Ok(columns.collect())
}

#[tokio::test]
#[ignore = "needs kubectl, and the servers and programs that `cargo xtask test` builds"]
async fn the_tables_say_how_a_target_fares_and_why() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("shown");
    let shown = hub.onboard(&name, &east.kubeconfig()).await?;
    let lost = hub.create(target(&fresh_name("lost"), "nowhere")).await?;
    hub.has(&lost, "Ready", berthage_core::api::ConditionStatus::False, "RegistrationNotFound").await?;

    let table = kubectl(&hub, &["get", "synctargets", "-o", "wide"]).await?;
    println!("{table}");
    let cells = row(&table, &shown.name)?;
    let names: Vec<&str> = cells.iter().map(|(column, _)| *column).collect();
    assert_eq!(
        names,
        [
            "NAME",
            "READY",
            "REASON",
            "CLUSTER",
            "CPU",
            "MEMORY",
            "LAST SYNC",
            "AGE",
            "NODES",
            "KUBERNETES",
            "REPLICAS",
            "IMAGE",
            "MESSAGE"
        ]
    );
    let value =
        |column: &str| cells.iter().find(|(name, _)| *name == column).map(|(_, value)| *value).unwrap_or_default();
    assert_eq!((value("READY"), value("REASON"), value("CLUSTER")), ("True", "AsExpected", name.as_str()));
    for column in ["CPU", "MEMORY", "LAST SYNC", "AGE", "NODES", "KUBERNETES", "REPLICAS", "IMAGE", "MESSAGE"] {
        assert!(
            !value(column).is_empty() && value(column) != "<none>" && !value(column).contains("invalid"),
            "{column}: {table}"
        );
    }
    assert!(value("KUBERNETES").starts_with('v'), "{table}");
    let cells = row(&table, &lost.name)?;
    let value =
        |column: &str| cells.iter().find(|(name, _)| *name == column).map(|(_, value)| *value).unwrap_or_default();
    assert_eq!((value("READY"), value("REASON"), value("CLUSTER")), ("False", "RegistrationNotFound", "nowhere"));
    assert!(value("MESSAGE").contains("spec.clusterRef"), "{table}");

    // Short names and the category find them too.
    assert!(kubectl(&hub, &["get", "stgt", &shown.name]).await?.contains(&shown.name));
    assert!(kubectl(&hub, &["get", "kcp"]).await?.contains(&shown.name));
    let table = kubectl(&hub, &["get", "clusterregistrations", "-o", "wide"]).await?;
    println!("{table}");
    let cells = row(&table, &name)?;
    let value =
        |column: &str| cells.iter().find(|(name, _)| *name == column).map(|(_, value)| *value).unwrap_or_default();
    assert_eq!((value("PHASE"), value("REASON")), ("Ready", "AsExpected"));
    assert!(value("NODES").parse::<u32>().is_ok_and(|nodes| nodes >= 2), "{table}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs kubectl, and the servers and programs that `cargo xtask test` builds"]
async fn describe_shows_conditions_and_events() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("described"), &east.kubeconfig()).await?;
    hub.told(&target, "Ready", "").await?;
    let text = kubectl(&hub, &["describe", "synctarget", &target.name]).await?;
    println!("{text}");
    for words in
        ["ClusterConnected", "SyncerDeployed", "CredentialsValid", "SyncerHealthy", "Capacity:", "Allocatable:"]
    {
        assert!(text.contains(words), "`{words}` is missing in:\n{text}");
    }
    let events = text.split("Events:").nth(1).ok_or("no Events in the description")?;
    assert!(events.contains("Ready") && events.contains("berthage"), "{events}");
    assert!(!text.contains("client-key-data") && !text.contains("PRIVATE KEY"));
    Ok(())
}

#[tokio::test]
#[ignore = "needs kubectl, and the servers and programs that `cargo xtask test` builds"]
async fn explain_documents_every_field() -> Result {
    let Shared { hub, .. } = shared().await?;
    for kind in ["synctargets.workload.kcp.io", "clusterregistrations.tmc.kcp.io"] {
        let schema = if on_kcp() { schema_on_kcp(&hub, kind).await? } else { schema(&hub, kind).await? };
        let mut silent = Vec::new();
        undocumented(kind, &schema, &mut silent);
        assert!(silent.is_empty(), "fields without a description: {silent:?}");
    }
    Ok(())
}

async fn schema(hub: &Hub<'_>, kind: &str) -> Result<serde_json::Value> {
    let text = kubectl(hub, &["get", "crd", kind, "-o", "json"]).await?;
    let definition: serde_json::Value = serde_json::from_str(&text)?;
    Ok(definition.pointer("/spec/versions/0/schema/openAPIV3Schema").ok_or("no schema")?.clone())
}

async fn schema_on_kcp(hub: &Hub<'_>, kind: &str) -> Result<serde_json::Value> {
    let schemas = hub.home.access().kcp_objects("apis.kcp.io", "v1alpha1", "APIResourceSchema").await?;
    let all = schemas.list(&kube::api::ListParams::default()).await?;
    let of_kind = |schema: &&DynamicObject| schema.metadata.name.as_ref().is_some_and(|name| name.ends_with(kind));
    let found = all.items.iter().find(of_kind).ok_or("no schema of this kind")?;
    Ok(found.data.pointer("/spec/versions/0/schema").ok_or("no schema")?.clone())
}

/// Collects the paths of fields that say nothing about themselves; those of Kubernetes itself are left out.
fn undocumented(path: &str, schema: &serde_json::Value, silent: &mut Vec<String>) {
    for (name, field) in schema.get("properties").and_then(serde_json::Value::as_object).into_iter().flatten() {
        let path = format!("{path}.{name}");
        let is_common = ["apiVersion", "kind", "metadata"].contains(&name.as_str());
        if !is_common && field.get("description").is_none_or(|text| text.as_str().is_none_or(str::is_empty)) {
            silent.push(path.clone());
        }
        undocumented(&path, field, silent);
    }
    if let Some(items) = schema.get("items") {
        undocumented(&format!("{path}[]"), items, silent);
    }
}
