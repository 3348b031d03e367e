//! What is written through a virtual workspace has the labels by which the tenant chose what is claimed
//! (`pkg/virtual/apiexport/admission`).

use serde_json::json;

use super::VirtualWorkspace;
use crate::kcp::claim::{Chosen, labels};
use crate::kcp::json::{Object, meta};
use crate::status::Failure;
use crate::world::{Serving, World};

impl VirtualWorkspace {
    /// Admits a write to a workspace: puts labels on `new`, or refuses it. It comes before the workspace's own admission.
    pub fn admit(
        &self,
        world: &World,
        cluster: &str,
        serving: &Serving,
        name: &str,
        new: &mut Object,
    ) -> Result<(), Failure> {
        let Some(chosen) = self.chosen(world, cluster, serving, name)? else { return Ok(()) };
        if let Chosen::Labelled { given, .. } = chosen {
            let written = labels(new);
            for (key, value) in given {
                match written.get(key) {
                    None => drop(meta(new, "labels").insert(key.clone(), json!(value))),
                    Some(other) if other.as_str() == Some(value) => {}
                    Some(_) => {
                        let why = format!("protected label {key} must have value {value}");
                        return Err(forbidden(serving, name, &why));
                    }
                }
            }
        }
        matches(chosen, serving, name, new)
    }

    /// Admits a deletion of an object.
    pub fn admit_deletion(
        &self,
        world: &World,
        cluster: &str,
        serving: &Serving,
        name: &str,
        old: &Object,
    ) -> Result<(), Failure> {
        match self.chosen(world, cluster, serving, name)? {
            Some(chosen) => matches(chosen, serving, name, old),
            None => Ok(()),
        }
    }

    /// What the tenant chose of a claimed resource; nothing if it is bound, or not claimed.
    fn chosen<'a>(
        &self,
        world: &'a World,
        cluster: &str,
        serving: &Serving,
        name: &str,
    ) -> Result<Option<&'a Chosen>, Failure> {
        let (group, plural) = (&serving.served.group, &serving.served.plural);
        let Some(binding) = self.binding(world, cluster) else {
            let why = "could not find suitable apibinding in target logical cluster: no suitable binding found";
            return Err(forbidden(serving, name, why));
        };
        if binding.binds(group, plural) {
            return Ok(None);
        }
        // kcp looks at the first claim on the resource, whichever identity it is of.
        let first = binding.answers.on(group, plural).next();
        Ok(first.map(|(_, chosen)| chosen).filter(|chosen| **chosen != Chosen::All))
    }
}

fn matches(chosen: &Chosen, serving: &Serving, name: &str, object: &Object) -> Result<(), Failure> {
    if chosen.matches(&labels(object)) {
        return Ok(());
    }
    Err(forbidden(serving, name, "object does not match required labels"))
}

fn forbidden(serving: &Serving, name: &str, why: &str) -> Failure {
    Failure::forbidden(&serving.served.group, &serving.served.plural, name, why)
}
