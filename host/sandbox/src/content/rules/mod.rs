//! What is wrong with the content of built-in kinds, in the server's paths, words and order.

mod address;
mod budget;
mod container;
mod data;
mod environment;
mod event;
mod lease;
mod limits;
mod namespace;
mod network;
mod node;
mod pod;
mod pod_spec;
mod probe;
mod quota;
mod resources;
mod scheduling;
mod security;
mod service;
mod stateful_set;
mod supported;
mod values;
mod volume;
mod workload;
mod workload_status;

use super::Object;
use super::place::Place;
use crate::access::bindings::RbacKind;
use crate::access::validation as rbac;
use crate::causes::{forbidden, required};
use crate::lifecycle::{Rules, Subresource};
use crate::schema::definition;
use crate::status::{Cause, Failure};

type Causes = Vec<Cause>;

/// What objects of a built-in kind may contain, for [`lifecycle`](crate::lifecycle).
#[derive(Debug, Clone, Copy)]
pub struct Content<'k> {
    group: &'k str,
    plural: &'k str,
    subresource: Subresource,
}

impl<'k> Content<'k> {
    /// That of a kind, for a request to a part of its objects. The group is that of the request: an Event of `events.k8s.io`
    /// has to meet more.
    pub fn of(group: &'k str, plural: &'k str, subresource: Subresource) -> Self {
        Self { group, plural, subresource }
    }

    /// 501, if the object says something that the sandbox cannot judge, or does not do. Ask it before the object is created or
    /// updated, since [`Rules::content`] can only tell what is wrong.
    pub fn supported(&self, object: &Object, old: Option<&Object>) -> Result<(), Failure> {
        match (self.group, self.plural, self.subresource) {
            ("apiextensions.k8s.io", "customresourcedefinitions", Subresource::None) => {
                definition::validate(object, old).map(|_| ())
            }
            (group, plural, Subresource::None) => supported::check(group, plural, object),
            _ => Ok(()),
        }
    }

    fn object(&self, object: &Object, old: Option<&Object>, causes: &mut Causes) {
        match (self.group, self.plural) {
            ("", "secrets") => data::secret(object, old, causes),
            ("", "configmaps") => data::config_map(object, old, causes),
            ("", "namespaces") => namespace::finalizers(object, false, causes),
            ("", "nodes") => node::node(object, old, causes),
            ("", "pods") => pod::pod(object, old, causes),
            ("", "services") => service::service(object, causes),
            ("", "resourcequotas") => quota::quota(object, old, causes),
            ("", "limitranges") => limits::limit_range(object, causes),
            ("", "events") => event::core(object, causes),
            ("events.k8s.io", "events") => event::event(object, old, causes),
            ("apps", "deployments") => workload::deployment(object, old, causes),
            ("apps", "replicasets") => workload::replica_set(object, old, causes),
            ("apps", "statefulsets") => stateful_set::stateful_set(object, old, causes),
            ("apps", "daemonsets") => workload::daemon_set(object, old, causes),
            ("networking.k8s.io", "networkpolicies") => network::policy(object, old, causes),
            ("policy", "poddisruptionbudgets") => budget::budget(object, causes),
            ("coordination.k8s.io", "leases") => lease::lease(object, causes),
            ("scheduling.k8s.io", "priorityclasses") => priority_class(object, old, causes),
            ("apiextensions.k8s.io", "customresourcedefinitions") => {
                match definition::validate(object, old) {
                    Ok(wrong) => causes.extend(wrong),
                    // Who did not ask whether it is supported must not store it.
                    Err(failure) => causes.push(forbidden("", &failure.message)),
                }
            }
            (group, plural) => {
                if let Some(kind) = RbacKind::of_resource(group, plural) {
                    let [object, old] =
                        [Some(object), old].map(|object| object.cloned().map(serde_json::Value::Object));
                    causes.extend(object.map(|object| rbac::validate(kind, &object, old.as_ref())).unwrap_or_default());
                }
            }
        }
    }

    fn status(&self, object: &Object, old: Option<&Object>, causes: &mut Causes) {
        match (self.group, self.plural) {
            ("", "namespaces") => namespace::phase(object, causes),
            ("", "nodes") => node::change(object, old, causes),
            ("", "pods") => pod::status(object, old, causes),
            ("", "resourcequotas") => quota::status(object, causes),
            ("apps", plural) => workload_status::status(plural, object, old, causes),
            ("policy", "poddisruptionbudgets") => workload_status::budget(object, causes),
            ("apiextensions.k8s.io", "customresourcedefinitions") => causes.extend(definition::validate_status(object)),
            _ => {}
        }
    }
}

impl Rules for Content<'_> {
    fn content(&self, object: &Object, old: Option<&Object>) -> Vec<Cause> {
        let mut causes = Vec::new();
        match self.subresource {
            Subresource::None => self.object(object, old, &mut causes),
            Subresource::Status => self.status(object, old, &mut causes),
            Subresource::Finalize => namespace::finalizers(object, true, &mut causes),
        }
        causes
    }
}

/// `ValidatePriorityClass` of `pkg/apis/scheduling/validation`.
fn priority_class(class: &Object, old: Option<&Object>, causes: &mut Causes) {
    let [value, policy] = ["value", "preemptionPolicy"].map(|name| Place::of(class, name));
    if let Some(old) = old {
        if value.number() != Place::of(old, "value").number() {
            causes.push(forbidden("value", "may not be changed in an update."));
        }
        values::immutable(&policy, &Place::of(old, "preemptionPolicy"), causes);
        return;
    }
    let name = Place::of(class, "metadata").child("name").text();
    let known = [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
    if name.starts_with("system-") {
        let why = match known.iter().find(|(known, _)| *known == name) {
            Some((_, number)) if value.number() != *number => format!("value of {name} PriorityClass must be {number}"),
            Some(_) if Place::of(class, "globalDefault").is_true() => {
                format!("globalDefault of {name} PriorityClass must be false")
            }
            Some(_) => String::new(),
            None => format!("{name} is not a known system priority class"),
        };
        if !why.is_empty() {
            let why =
                format!("priority class names with 'system-' prefix are reserved for system use only. error: {why}");
            causes.push(forbidden("metadata.name", &why));
        }
    } else if value.number() > 1_000_000_000 {
        causes.push(forbidden("value", "maximum allowed value of a user defined priority is 1000000000"));
    }
    if policy.is_said() {
        if policy.text().is_empty() {
            causes.push(required("preemptionPolicy", ""));
        } else {
            values::one_of(&policy, &["PreemptLowerPriority", "Never"], causes);
        }
    }
}
