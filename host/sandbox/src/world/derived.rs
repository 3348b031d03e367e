//! What follows from objects at once: who may do what, and which custom kinds a cluster serves.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::World;
use super::custom::{self, Defined};
use crate::access::bindings::RbacKind;
use crate::kinds::Flavour;
use crate::schema::{CustomKind, Names};
use crate::store::Key;

impl World {
    /// After an object of this kind was written (`now`), or removed.
    pub(super) fn derive(&mut self, group: &str, plural: &str, key: &Key<'_>, now: Option<&Map<String, Value>>) {
        if let Some(kind) = RbacKind::of_resource(group, plural) {
            match now {
                Some(object) => self.bindings.apply(key.cluster, kind, &Value::Object(object.clone())),
                None => self.bindings.remove(key.cluster, kind, key.namespace, key.name),
            }
        }
        if (group, plural) == ("apiextensions.k8s.io", "customresourcedefinitions") {
            self.derive_kind(key, now);
        }
        if self.flavour == Flavour::Kcp {
            self.derive_kcp(group, plural, key, now);
        }
    }

    /// A definition serves what it defines from the moment that it is established until it is gone.
    fn derive_kind(&mut self, key: &Key<'_>, now: Option<&Map<String, Value>>) {
        let Some((plural, group)) = key.name.split_once('.') else { return };
        let versions = now.filter(|definition| holds(definition, "Established")).and_then(|definition| {
            let kind = Arc::new(CustomKind::read(definition).ok()?);
            let accepted = definition.get("status")?.get("acceptedNames")?.as_object()?;
            let names = Names::read(accepted);
            // Anybody who may write a status may write names into it; the controller puts them right.
            if names.plural != plural || kind.names.plural != plural || kind.group != group {
                return None;
            }
            let defined = Defined {
                kind,
                schemas: custom::schemas(definition),
                names: &names,
                terminating: holds(definition, "Terminating"),
                cluster: (self.flavour == Flavour::Kcp).then_some(key.cluster),
                identity: "",
            };
            self.define(&defined).ok()
        });
        let Some(cluster) = self.cluster_mut(key.cluster) else { return };
        match versions {
            Some(versions) => cluster.serve(group, plural, &versions),
            None => cluster.withdraw(group, plural),
        }
    }
}

/// Whether a condition of a definition is true.
fn holds(definition: &Map<String, Value>, kind: &str) -> bool {
    let conditions = definition.get("status").and_then(|status| status.get("conditions")).and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == kind && condition["status"] == "True")
}
