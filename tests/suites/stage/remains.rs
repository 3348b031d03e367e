//! Everything of a target on one side, found by its label among all kinds that the server serves.

use std::fmt;

use berthage_core::names::LABEL_TARGET;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::on_kcp;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::discovery::{ApiResource, Discovery, verbs};
use kube::{Api, Client};
use serde_json::Value;

use super::target::Target;
use super::{Hub, Result, problem};

/// An object that carries a target's label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Its kind.
    pub kind: String,
    /// Its namespace, empty where it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl fmt::Debug for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(formatter, "{} {}{slash}{}", self.kind, self.namespace, self.name)
    }
}

impl Found {
    fn of(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
        }
    }
}

/// All kinds that a server lists.
pub(crate) struct Kinds(Vec<ApiResource>);

impl Kinds {
    /// Asks a server for its kinds.
    pub(crate) async fn of(client: &Client) -> Result<Self> {
        // kcp leaves the groups of the core out of its aggregated discovery of a workspace.
        let discovery = if on_kcp() {
            Discovery::new(client.clone()).run().await?
        } else {
            Discovery::new(client.clone()).run_aggregated().await?
        };
        let kinds: Vec<ApiResource> = discovery
            .groups()
            // The same Events as in the core group.
            .filter(|group| group.name() != "events.k8s.io")
            .flat_map(kube::discovery::ApiGroup::recommended_resources)
            .filter(|(_, capabilities)| capabilities.supports_operation(verbs::LIST))
            .map(|(resource, _)| resource)
            .collect();
        if !kinds.iter().any(|kind| kind.kind == "ClusterRole") {
            return Err(problem("discovery did not list the kinds of this server"));
        }
        Ok(Self(kinds))
    }

    /// Every object, of every kind, that carries the label of the target with this id; ordered by kind and name.
    pub(crate) async fn labelled(&self, client: &Client, id: &str) -> Result<Vec<Value>> {
        let selection = &ListParams::default().labels(&format!("{LABEL_TARGET}={id}"));
        let lists = self.0.iter().map(|kind| async move {
            let api = Api::<DynamicObject>::all_with(client.clone(), kind);
            // An API server whose storage for a kind is new asks to wait a moment.
            let awaited = format!("a list of {}", kind.plural);
            let list = wait::until_some(&awaited, PATIENCE, || async {
                match api.list(selection).await {
                    Err(kube::Error::Api(status)) if status.code == 429 => Err(status.message.clone()),
                    other => Ok(other),
                }
            });
            let list = list.await??;
            let objects = list.items.into_iter().map(|object| {
                let mut object = serde_json::to_value(object)?;
                object["kind"] = Value::from(kind.kind.as_str());
                Ok(object)
            });
            objects.collect::<Result<Vec<Value>>>()
        });
        let found: Vec<Vec<Value>> = futures::stream::iter(lists).buffer_unordered(8).try_collect().await?;
        let mut found: Vec<Value> = found.into_iter().flatten().collect();
        found.sort_by_cached_key(Found::of);
        Ok(found)
    }
}

/// Lists every object, of every kind, that carries the label of the target with this id.
pub(crate) async fn labelled(client: &Client, id: &str) -> Result<Vec<Found>> {
    Ok(Kinds::of(client).await?.labelled(client, id).await?.iter().map(Found::of).collect())
}

impl Hub<'_> {
    /// Everything of a target on the hub, save the target itself.
    pub(crate) async fn belongings(&self, target: &Target) -> Result<Vec<Found>> {
        labelled(&self.client, &target.names.id).await
    }
}
