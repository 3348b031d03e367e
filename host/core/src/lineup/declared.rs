//! A plugin as it is declared, and what can be said of it without a look at its component.

use std::sync::Arc;

use serde::Deserialize;

use crate::api::{ComponentSource, Grants, Mode, ReconcilePluginSpec, SubjectKind, World};
use crate::names::is_dns_label;

/// Who declares a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// The platform: for all workspaces that it means.
    Platform,
    /// A workspace, for itself.
    Workspace,
}

/// A ReconcilePlugin, as far as it is needed to know whom it serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Its name.
    pub name: Arc<str>,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `metadata.generation`: what is loaded was made from one of these.
    pub generation: i64,
    /// Whether it is being deleted: it serves nobody any more.
    pub deleting: bool,
    /// What is declared, or why that cannot be read.
    pub spec: Result<ReconcilePluginSpec, String>,
}

/// Why a declaration cannot stand, whatever its component is. The texts are whole sentences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It does not fit its own schema.
    #[error("The object does not fit its schema: {0}. Correct its spec.")]
    Unreadable(String),
    /// Its name begins the names of its conditions.
    #[error(
        "The name {0} is not of the kind that a plugin may have: lower-case letters, digits and dashes, at most 63."
    )]
    Name(String),
    /// Another kind is to be served.
    #[error("spec.subject is {0}; served is {default}.", default = SubjectKind::default())]
    Subject(String),
    /// Nothing says where the component is.
    #[error("spec.source is missing: it says where the component is.")]
    NoSource,
    /// An offer that says neither where the component is, nor which.
    #[error("An offer has spec.source, or spec.digest, or both: it offers a component, or allows one by its digest.")]
    EmptyOffer,
    /// The platform's plugin stands on an offer.
    #[error("spec.source.offer is for the workspaces of tenants; name the file or the ConfigMap.")]
    OfferOfPlatform,
    /// Not for workspaces.
    #[error("{0} is for the platform; in a workspace, {1}.")]
    PlatformOnly(&'static str, &'static str),
    /// A Secret is to be read or made.
    #[error("spec.grants names Secrets, which no plugin ever reads or makes; take it out.")]
    Secrets,
    /// What a component in a ConfigMap of a workspace is, has to be said.
    #[error("spec.digest is missing: a component in a ConfigMap of a workspace is allowed by its digest.")]
    NoDigest,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    generation: i64,
    deletion_timestamp: Option<String>,
}

impl Declared {
    /// Reads a ReconcilePlugin from its JSON.
    ///
    /// # Errors
    /// It is no object of Kubernetes at all. A spec that does not fit is no error: it is a declaration that holds.
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        let Object { metadata, spec } = serde_json::from_slice(json)?;
        let spec = serde_json::from_value(spec.unwrap_or_else(|| serde_json::json!({})));
        Ok(Self {
            name: metadata.name.into(),
            uid: metadata.uid.into(),
            generation: metadata.generation,
            deleting: metadata.deletion_timestamp.is_some(),
            spec: spec.map_err(|error| error.to_string()),
        })
    }

    /// The spec, if it can stand.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn fit(&self, owner: Owner) -> Result<&ReconcilePluginSpec, Unfit> {
        let spec = self.spec.as_ref().map_err(|why| Unfit::Unreadable(why.clone()))?;
        if !is_dns_label(&self.name) {
            return Err(Unfit::Name(self.name.to_string()));
        }
        if spec.subject != SubjectKind::default() {
            return Err(Unfit::Subject(spec.subject.to_string()));
        }
        if spec.grants.as_ref().is_some_and(names_secrets) {
            return Err(Unfit::Secrets);
        }
        match owner {
            Owner::Platform => fit_of_platform(spec)?,
            Owner::Workspace => fit_of_workspace(spec)?,
        }
        Ok(spec)
    }

    /// The ConfigMap in its own workspace that its component is in, as `namespace/name`.
    pub fn config_map(&self) -> Option<String> {
        let at = self.spec.as_ref().ok()?.source.as_ref()?.config_map.as_ref()?;
        Some(format!("{}/{}", at.namespace, at.name))
    }

    /// The platform's offer that it stands on by name.
    pub fn offer(&self) -> Option<&str> {
        self.spec.as_ref().ok()?.source.as_ref()?.offer.as_deref()
    }
}

fn names_secrets(grants: &Grants) -> bool {
    let is_secret = |group: &str, kind: &str| group.is_empty() && kind.eq_ignore_ascii_case("secret");
    grants.read.iter().any(|grant| is_secret(&grant.group, &grant.kind))
        || grants.emit.iter().any(|grant| is_secret(&grant.group, &grant.kind))
}

fn fit_of_platform(spec: &ReconcilePluginSpec) -> Result<(), Unfit> {
    match (&spec.source, spec.mode) {
        (Some(ComponentSource { offer: Some(_), .. }), _) => Err(Unfit::OfferOfPlatform),
        (None, Mode::Run) => Err(Unfit::NoSource),
        (None, Mode::Offer) if spec.digest.is_none() => Err(Unfit::EmptyOffer),
        _ if spec.mode == Mode::Offer && spec.world == World::Reconciler => Err(Unfit::PlatformOnly(
            "spec.world: Reconciler",
            "a plugin is a Transformer, so only those can be offered",
        )),
        _ => Ok(()),
    }
}

fn fit_of_workspace(spec: &ReconcilePluginSpec) -> Result<(), Unfit> {
    let only = |what, instead| Err(Unfit::PlatformOnly(what, instead));
    if spec.world != World::Transformer {
        return only("spec.world: Reconciler", "a plugin is a Transformer");
    }
    if spec.mode != Mode::Run {
        return only("spec.mode: Offer", "a plugin runs");
    }
    if !spec.workspaces.is_empty() {
        return only("spec.workspaces", "a plugin serves that workspace");
    }
    match &spec.source {
        None => Err(Unfit::NoSource),
        Some(ComponentSource { file: Some(_), .. }) => only("spec.source.file", "name an offer or a ConfigMap"),
        Some(ComponentSource { config_map: Some(_), .. }) if spec.digest.is_none() => Err(Unfit::NoDigest),
        Some(_) => Ok(()),
    }
}
