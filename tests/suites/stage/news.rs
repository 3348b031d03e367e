//! Events on the hub.

use berthage_e2e::wait::{self, PATIENCE};
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use kube::runtime::watcher;

use super::target::Target;
use super::{Hub, Result};

impl Hub<'_> {
    fn events(&self) -> Api<Event> {
        Api::all(self.client.clone())
    }

    /// The Events about a target so far.
    pub(crate) async fn news(&self, target: &Target) -> Result<Vec<Event>> {
        Ok(self.events().list(&ListParams::default().fields(&about(target))).await?.items)
    }

    /// Waits for an Event about a target, the past ones included.
    pub(crate) async fn told(&self, target: &Target, reason: &str, says: &str) -> Result<Event> {
        let is_it = |event: &Event| {
            event.reason.as_deref() == Some(reason) && event.message.as_ref().is_some_and(|text| text.contains(says))
        };
        let config = watcher::Config::default().fields(&about(target));
        let awaited = format!("an Event {reason} about {} that says `{says}`", target.name);
        let told = |events: &[Event]| events.iter().any(is_it);
        let all = wait::until_all(&self.events(), config, &awaited, PATIENCE, told).await?;
        Ok(all.into_iter().find(is_it).unwrap_or_default())
    }
}

fn about(target: &Target) -> String {
    format!("involvedObject.uid={}", target.uid)
}
