//! Plugins and templates that are broken: a condition on what they serve, never a crash, and what runs goes on.

use std::path::{Path, PathBuf};

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::status::target::kind;
use berthage_e2e::program;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use k8s_openapi::api::core::v1::Namespace;
use serde_json::json;

use crate::stage::controller::Settings;
use crate::stage::site::Site;
use crate::stage::target::{Target, condition, holds, is, is_ready, status, target};
use crate::stage::{Hub, OwnHub, Result, problem};

/// What is broken, and what is said about it.
struct Broken<'a> {
    what: &'a str,
    /// The condition that says so.
    kind: &'static str,
    reason: &'a str,
    /// Words of its message: the place, and the next step.
    says: &'a [&'a str],
}

/// What a plugin's file is, its content if there is one, and words of what is said about it.
type PluginFile = (&'static str, Option<Vec<u8>>, &'static [&'static str]);

/// A target that is there, and one that is new: what is broken is told of both, and only the new one waits.
async fn is_told(hub: &Hub<'_>, site: &Site<'_>, serving: &Target, case: &Broken<'_>) -> Result<Target> {
    let generation = site.deployment(&serving.names).await?.metadata.generation;
    let found = hub.has(serving, case.kind, ConditionStatus::False, case.reason).await?;
    let message = condition(&found, case.kind).map(|it| it.message.clone()).unwrap_or_default();
    for words in case.says {
        assert!(message.contains(words), "{}: `{words}` is missing in: {message}", case.what);
    }
    assert!(is(&found, kind::STALLED, ConditionStatus::True, case.reason), "{}: not Stalled", case.what);
    assert!(holds(&found, kind::READY), "{}: the last revision serves", case.what);
    assert_eq!(site.deployment(&serving.names).await?.metadata.generation, generation, "{}", case.what);

    let new = hub.create(target(&fresh_name("new"), &serving.name)).await?;
    let found = hub.has(&new, kind::SYNCER_DEPLOYED, ConditionStatus::False, case.reason).await?;
    assert!(is(&found, kind::CLUSTER_CONNECTED, ConditionStatus::True, "AsExpected"), "{}", case.what);
    assert!(site.belongings(&new).await?.is_empty(), "{}: something was made downstream", case.what);
    Ok(new)
}

/// Both targets are well, without anybody's help.
async fn is_cured(hub: &Hub<'_>, serving: &Target, new: &Target) -> Result {
    let cured = |now: &SyncTarget| is_ready(now) && condition(now, kind::STALLED).is_none();
    hub.until(serving, "the serving target being cured", cured).await?;
    hub.until(new, "the new target being deployed", cured).await?;
    hub.remove(new).await
}

/// Puts a file in its place in one step, as a deployment tool does, or takes it away.
fn replace(path: &Path, content: Option<&[u8]>) -> Result {
    let Some(content) = content else { return Ok(std::fs::remove_file(path)?) };
    let new = path.with_extension("new");
    std::fs::write(&new, content)?;
    Ok(std::fs::rename(new, path)?)
}

fn plugin(name: &str) -> PathBuf {
    program::plugins().join(format!("{name}.wasm"))
}

/// Files that are no plugin: what each is, its content if there is one, and words of what is said about it.
fn no_plugins(good: &[u8]) -> [PluginFile; 5] {
    [
        ("truncated", Some(good[..good.len() / 2].to_vec()), &["is not a component", "docs/plugins.md"]),
        ("missing", None, &["cannot be read", "put the file in place"]),
        ("text", Some(b"not wasm at all".to_vec()), &["is not a component"]),
        ("a core module", Some(b"\0asm\x01\0\0\0".to_vec()), &["is not a component"]),
        ("empty", Some(Vec::new()), &["is not a component"]),
    ]
}

/// Waits until a target tells that its plugin's file is broken.
async fn is_stalled(hub: &Hub<'_>, target: &Target, what: &str, says: &[&str]) -> Result<SyncTarget> {
    let stalled = hub.has(target, kind::PLUGINS_HEALTHY, ConditionStatus::False, "PluginFailed").await;
    let found = stalled.map_err(|error| problem(format!("{what}: {error:?}")))?;
    let message = condition(&found, kind::PLUGINS_HEALTHY).map(|it| it.message.clone()).unwrap_or_default();
    for words in says.iter().copied().chain(["plugin.wasm"]) {
        assert!(message.contains(words), "{what}: `{words}` is missing in: {message}");
    }
    assert!(is(&found, kind::STALLED, ConditionStatus::True, "PluginFailed"), "{what}: not Stalled");
    Ok(found)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_broken_plugin_file_is_told_and_the_last_good_one_serves() -> Result {
    let own = OwnHub::start("plugins").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    let file = hub.folder.join("plugin.wasm");
    let good = std::fs::read(plugin("synctarget"))?;
    replace(&file, Some(&good))?;
    let settings = Settings::default().with("--plugin", &file).flag("--no-leader-election");
    let controller = hub.controller("controller", settings).await?;
    let serving = hub.onboard(&fresh_name("serving"), &site.kubeconfig()).await?;
    let generation = site.deployment(&serving.names).await?.metadata.generation;
    for (what, content, says) in no_plugins(&good) {
        replace(&file, content.as_deref())?;
        let found = is_stalled(&hub, &serving, what, says).await?;
        assert!(is_ready(&found), "{what}: what runs goes on");
        let new = hub.create(target(&fresh_name("new"), &serving.name)).await?;
        hub.ready(&new).await?;
        replace(&file, Some(&good))?;
        is_cured(&hub, &serving, &new).await?;
    }
    assert_eq!(site.deployment(&serving.names).await?.metadata.generation, generation);
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_controller_starts_with_a_broken_plugin_and_a_good_one_cures_it() -> Result {
    let own = OwnHub::start("pluginless").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let file = hub.folder.join("plugin.wasm");
    let good = std::fs::read(plugin("synctarget"))?;
    let settings = Settings::default().with("--plugin", &file).flag("--no-leader-election");
    let serving = {
        replace(&file, Some(&good))?;
        let controller = hub.controller("first", settings.clone()).await?;
        let serving = hub.onboard(&fresh_name("serving"), &site.kubeconfig()).await?;
        controller.stop().await?;
        serving
    };
    for (what, content, says) in no_plugins(&good) {
        replace(&file, content.as_deref())?;
        let controller = hub.controller("controller", settings.clone()).await?;
        let found = is_stalled(&hub, &serving, what, says).await?;
        assert!(holds(&found, kind::READY), "{what}: the last revision serves");
        let new = hub.create(target(&fresh_name("new"), &serving.name)).await?;
        let found = hub.has(&new, kind::SYNCER_DEPLOYED, ConditionStatus::False, "PluginFailed").await?;
        assert!(is(&found, kind::CLUSTER_CONNECTED, ConditionStatus::True, "AsExpected"), "{what}");
        assert!(site.belongings(&new).await?.is_empty(), "{what}: something was made downstream");
        replace(&file, Some(&good))?;
        is_cured(&hub, &serving, &new).await?;
        controller.stop().await?;
    }
    Ok(())
}

/// Whether the plugin's own objects are applied.
fn has_its_objects(target: &SyncTarget) -> bool {
    let inventory = status(target).inventory;
    inventory.iter().any(|entry| entry.kind == "ConfigMap") && inventory.iter().all(|entry| entry.hash.is_some())
}

/// A controller whose plugin does as annotations say.
fn misbehaving() -> Settings {
    Settings::default()
        .with("--plugin", plugin("misbehave"))
        .with("--plugin-config", r#"{"select": "nothing"}"#)
        .flag("--no-leader-election")
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_plugin_that_misbehaves_is_a_condition_and_the_host_lives() -> Result {
    let own = OwnHub::start("misbehaving").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let settings = misbehaving();
    let controller = hub.controller("controller", settings).await?;
    let name = fresh_name("guest");
    hub.register(&name, &site.kubeconfig()).await?;
    for (behaviour, reason, says) in [
        ("trap", "PluginFailed", "trapped in plan"),
        ("loop", "PluginFailed", "did not come back from plan"),
        ("allocate", "PluginFailed", "memory in plan"),
        ("recurse", "PluginFailed", "plan"),
        ("huge", "PluginFailed", "answered plan"),
        ("json", "PluginFailed", "answered plan"),
        ("status", "PluginFailed", "answered plan"),
        ("fail", "PluginFailed", "plan is told to fail"),
    ] {
        let mut manifest = target(&fresh_name("victim"), &name);
        manifest["metadata"]["annotations"] = json!({ "misbehave.berthage.dev/plan": behaviour });
        let victim = hub.create(manifest).await?;
        let wanted = |now: &SyncTarget| {
            condition(now, kind::PLUGINS_HEALTHY).is_some_and(|it| {
                it.status == ConditionStatus::False && it.reason == reason && it.message.contains(says)
            })
        };
        let found = hub.until(&victim, &format!("{behaviour} being told"), wanted).await?;
        let message = condition(&found, kind::PLUGINS_HEALTHY).map(|it| it.message.clone()).unwrap_or_default();
        assert!(message.contains("misbehave"), "{behaviour}: the plugin is not named in: {message}");
        assert!(site.belongings(&victim).await?.is_empty(), "{behaviour}");
        assert!(controller.process.exit_status().is_none(), "{behaviour}: the controller ended");
        hub.remove(&victim).await?;
    }
    // A subject that makes no trouble is served by the same plugin: one subject's trap is not everybody's.
    let fine = hub.create(target(&fresh_name("fine"), &name)).await?;
    hub.until(&fine, "the plugin serving another target", has_its_objects).await?;
    assert!(site.belongings(&fine).await?.iter().any(|found| found.kind == "ConfigMap"));
    hub.remove(&fine).await?;
    site.clean(&fine).await?;
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_plugin_that_fails_at_the_end_delays_it_and_is_named() -> Result {
    let own = OwnHub::start("clinging").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let settings = misbehaving();
    let controller = hub.controller("controller", settings).await?;
    let name = fresh_name("clinging");
    hub.register(&name, &site.kubeconfig()).await?;
    let mut manifest = target(&name, &name);
    manifest["metadata"]["annotations"] = json!({ "misbehave.berthage.dev/finalize": "trap" });
    let victim = hub.create(manifest).await?;
    hub.until(&victim, "the plugin serving the target", has_its_objects).await?;
    hub.delete(&victim).await?;
    let delayed = |now: &SyncTarget| {
        condition(now, kind::READY).is_some_and(|ready| {
            ready.reason == "Terminating" && ready.message.contains("misbehave") && ready.message.contains("10 minutes")
        })
    };
    hub.until(&victim, "the delay being told", delayed).await?;
    assert!(!site.belongings(&victim).await?.is_empty(), "cleaned up while the plugin asks for time");
    hub.change(&victim, json!({ "metadata": { "annotations": { "misbehave.berthage.dev/finalize": null } } })).await?;
    hub.gone(&victim).await?;
    site.clean(&victim).await?;
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_broken_template_is_told_with_its_place_and_a_good_one_cures_it() -> Result {
    let own = OwnHub::start("templates").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    let platform = hub.folder.join("platform");
    let workspace = platform.join("workspaces").join(hub.workspace.as_str());
    std::fs::create_dir_all(&workspace)?;
    let settings = Settings::default().with("--templates", &platform).flag("--no-leader-election");
    let controller = hub.controller("controller", settings).await?;
    let serving = hub.onboard(&fresh_name("serving"), &site.kubeconfig()).await?;

    let rendered = kind::TEMPLATE_RENDERED;
    let file = "20-serviceaccount.yaml.j2";
    let object = |line: &str| {
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {{{{ names.syncer }}}}\n  namespace: {{{{ names.namespace }}}}\n{line}\n"
        )
    };
    let cases: [(&str, &str, String, &str, &[&str]); 6] = [
        ("a syntax error", file, object("x: {{ names."), "TemplateInvalid", &["20-serviceaccount.yaml.j2:6"]),
        (
            "an undefined variable",
            file,
            object("x: {{ nobody }}"),
            "TemplateInvalid",
            &["20-serviceaccount.yaml.j2:6", "nobody"],
        ),
        (
            "a part of a value",
            file,
            object("x: a-{{ names.syncer }}"),
            "TemplateInvalid",
            &["20-serviceaccount.yaml.j2:6"],
        ),
        ("no YAML", file, object("x: ["), "TemplateInvalid", &["20-serviceaccount.yaml.j2:"]),
        ("values that do not fit", "values.yaml", "runAsUser: root\n".to_owned(), "TemplateInvalid", &["runAsUser"]),
        (
            "an object that the platform forbids",
            "70-hook.yaml.j2",
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata:\n  name: x\n"
                .to_owned(),
            "PolicyViolation",
            &["ValidatingWebhookConfiguration", "70-hook.yaml.j2"],
        ),
    ];
    for (what, file, content, reason, says) in cases {
        let path = workspace.join(file);
        std::fs::write(&path, content)?;
        let new = is_told(&hub, &site, &serving, &Broken { what, kind: rendered, reason, says }).await?;
        std::fs::remove_file(&path)?;
        is_cured(&hub, &serving, &new).await?;
    }

    // What the workspace may say reaches the cluster, without a restart.
    std::fs::write(workspace.join("values.yaml"), "labels: {harbour: north}\n")?;
    let labelled =
        |namespace: &Namespace| namespace.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key("harbour"));
    let name = &serving.names.namespace;
    wait::until(&site.namespaces(), name, "the workspace's label", PATIENCE, labelled).await?;
    Ok(controller.stop().await?)
}
