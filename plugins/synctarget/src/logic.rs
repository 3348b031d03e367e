//! What a SyncTarget's syncer is rendered with, and what is said about it afterwards.

use std::collections::BTreeMap;

use berthage_plugin_sdk::facts::{Facts, Resource};
use berthage_plugin_sdk::{Condition, Next, Note, ObjectRef, Plan, Report, Selection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rights;

/// The id of the selection that finds the ClusterRegistration.
pub const REGISTRATION: &str = "registration";

const GROUP: &str = "tmc.kcp.io";
const VERSION: &str = "v1alpha1";
const KIND: &str = "ClusterRegistration";

/// How many refused resources are named in a message; the others are counted.
const NAMED: usize = 8;

/// The plugin's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Image of the syncer where a SyncTarget names none. Absent: the controller's own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_image: Option<String>,
}

impl Config {
    /// The configuration, if it can be used.
    ///
    /// # Errors
    /// What is wrong, a line each.
    pub fn checked(self) -> Result<Self, Vec<String>> {
        match self.default_image.as_deref() {
            Some("") => {
                Err(vec!["defaultImage: must not be empty; leave it out for the controller's default".to_owned()])
            }
            Some(image) if image.len() > 1024 || image.contains(char::is_whitespace) => {
                Err(vec!["defaultImage: is not an image reference".to_owned()])
            }
            _ => Ok(self),
        }
    }
}

/// The part of a SyncTarget that matters here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SyncTarget {
    /// Name and uid.
    pub metadata: Metadata,
    /// The wish.
    pub spec: Spec,
}

/// Name and uid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// uid.
    pub uid: String,
}

/// The wish.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The physical cluster.
    pub cluster_ref: ClusterRef,
    /// How the syncer runs.
    #[serde(default)]
    pub syncer_config: SyncerConfig,
}

/// A ClusterRegistration in the same workspace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClusterRef {
    /// Its name.
    pub name: String,
}

/// How the syncer runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncerConfig {
    /// Image; absent for the default.
    #[serde(default)]
    pub image: Option<String>,
    /// Replicas.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Requests and limits; absent for those of the template set.
    #[serde(default)]
    pub resources: Option<Value>,
    /// How often the Lease is renewed.
    #[serde(default = "thirty_seconds")]
    pub heartbeat_interval: String,
    /// How often everything is compared.
    #[serde(default = "ten_minutes")]
    pub resync_period: String,
}

impl Default for SyncerConfig {
    fn default() -> Self {
        Self {
            image: None,
            replicas: one(),
            resources: None,
            heartbeat_interval: thirty_seconds(),
            resync_period: ten_minutes(),
        }
    }
}

const fn one() -> u32 {
    1
}

fn thirty_seconds() -> String {
    "30s".to_owned()
}

fn ten_minutes() -> String {
    "10m".to_owned()
}

/// The part of a ClusterRegistration that matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Registration {
    /// The platform's description of the cluster.
    pub spec: RegistrationSpec,
}

/// See [`Registration`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RegistrationSpec {
    /// Where the cluster is.
    #[serde(default)]
    pub location: Option<String>,
}

/// The one thing to read: the ClusterRegistration that the target names.
pub fn registration(target: &SyncTarget) -> Selection {
    Selection::on_hub(REGISTRATION, GROUP, VERSION, KIND).named(&target.spec.cluster_ref.name)
}

/// One render request with the values that no layer may change.
///
/// Without the registration everything stays as it is: to render without a location would be a change.
pub fn plan(target: &SyncTarget, config: &Config, facts: &Facts, registration: Option<&Registration>) -> Plan {
    let Some(registration) = registration else {
        return Plan::hold(Next::WaitingFor(vec![ObjectRef {
            group: GROUP.to_owned(),
            version: VERSION.to_owned(),
            kind: KIND.to_owned(),
            namespace: String::new(),
            name: target.spec.cluster_ref.name.clone(),
        }]));
    };
    let syncer = &target.spec.syncer_config;
    let image = [syncer.image.as_deref(), config.default_image.as_deref(), Some(facts.defaults.image.as_str())]
        .into_iter()
        .flatten()
        .find(|image| !image.is_empty());
    let Some(image) = image else {
        return Plan::hold(Next::invalid(
            "ImageMissing",
            "no image for the syncer: set spec.syncerConfig.image, or give the controller a default",
        ));
    };
    let names = &facts.names;
    Plan::settled().render(
        "syncer",
        json!({
            "target": {
                "name": target.metadata.name,
                "uid": target.metadata.uid,
                "workspace": facts.workspace,
            },
            "names": {
                "id": names.id,
                "namespace": names.namespace,
                "syncer": names.syncer,
                "downstreamRole": names.downstream_role,
                "kubeconfigSecret": names.kubeconfig_secret,
                "hub": names.hub,
            },
            "syncer": {
                "image": image,
                "replicas": syncer.replicas,
                "resources": syncer.resources,
                "heartbeatInterval": syncer.heartbeat_interval,
                "resyncPeriod": syncer.resync_period,
            },
            "cluster": {
                "name": facts.cluster.name,
                "location": registration.spec.location,
                "version": facts.cluster.version,
            },
            "credential": { "secretName": facts.credential.secret_name, "type": facts.credential.type_ },
            "hub": { "namespace": names.hub_namespace },
            "rbac": { "rules": rights::rules(&facts.granted) },
        }),
    )
}

/// Whether the cluster accepts what was asked for. What is refused does not make the rest unready.
pub fn report(facts: &Facts) -> Report {
    if facts.refused.is_empty() {
        let message = match facts.granted.len() {
            0 => "no API resources are asked for".to_owned(),
            1 => "the one API resource asked for is accepted by the cluster's registration".to_owned(),
            count => format!("all {count} API resources asked for are accepted by the cluster's registration"),
        };
        return Report::settled().condition(Condition::new("ResourcesAccepted", true, "AllAccepted", message));
    }
    let mut by_reason: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    for refused in &facts.refused {
        by_reason.entry(&refused.why).or_default().push(&refused.resource);
    }
    let groups: Vec<String> =
        by_reason.iter().map(|(why, resources)| format!("{} left out: {why}", named(resources))).collect();
    let message = format!(
        "{}. What is to be synced is listed in spec.acceptedWorkloadTypes of ClusterRegistration {}; take the rest out of \
         spec.supportedAPIResources",
        groups.join("; "),
        facts.cluster.name
    );
    Report::settled()
        .condition(Condition::new("ResourcesAccepted", false, "ResourcesRefused", message.as_str()))
        .note(Note::warning("ResourcesRefused", message))
}

/// `a.group, b.group and 3 more are`, sorted.
fn named(resources: &[&Resource]) -> String {
    let mut names: Vec<String> = resources
        .iter()
        .map(
            |Resource { group, resource, .. }| {
                if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") }
            },
        )
        .collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(NAMED);
    let verb = if names.len() == 1 { "is" } else { "are" };
    names.truncate(NAMED);
    let list = names.join(", ");
    if more == 0 { format!("{list} {verb}") } else { format!("{list} and {more} more {verb}") }
}
