//! Environment variables of containers.
//!
//! Facts: `ValidateEnv`, `ValidateEnvFrom` and what they call in `pkg/apis/core/validation/validation.go`;
//! `ConvertDownwardAPIFieldLabel` of `pkg/apis/core/pods`.

use super::{Causes, resources, values};
use crate::causes::{invalid, not_supported, required};
use crate::content::place::Place;
use crate::validation::names;

/// The fields that a variable can have.
const OF_VARIABLES: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// The fields that a file can have.
pub(super) const OF_FILES: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// `env`.
pub(super) fn variables(container: &Place<'_>, causes: &mut Causes) {
    for variable in container.child("env").items() {
        let name = variable.child("name");
        if values::said(&name, causes) {
            values::each(&name, &values::environment_name(name.text()), causes);
        }
        let from = variable.child("valueFrom");
        if from.is_said() {
            source(&from, !variable.child("value").text().is_empty(), causes);
        }
    }
}

/// `envFrom`.
pub(super) fn sources(container: &Place<'_>, causes: &mut Causes) {
    let list = container.child("envFrom");
    for item in list.items() {
        let prefix = item.child("prefix");
        values::each(&prefix, &values::environment_name(prefix.text()), causes);
        let mut said = 0;
        for source in ["configMapRef", "secretRef"].map(|name| item.child(name)) {
            if source.is_said() {
                said += 1;
                let name = source.child("name");
                if values::said(&name, causes) {
                    values::each(&name, &names::NameRule::Subdomain.check(name.text(), true), causes);
                }
            }
        }
        if said == 0 {
            causes.push(invalid(list.path(), "", "must specify one of: `configMapRef` or `secretRef`"));
        } else if said > 1 {
            causes.push(invalid(list.path(), "", "may not have more than one field specified at a time"));
        }
    }
}

fn source(from: &Place<'_>, has_value: bool, causes: &mut Causes) {
    let sources = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    let said: Vec<Place<'_>> = sources.map(|name| from.child(name)).into_iter().filter(Place::is_said).collect();
    for source in &said {
        if source.path().ends_with(".fieldRef") {
            field(source, OF_VARIABLES, causes);
        } else if source.path().ends_with(".resourceFieldRef") {
            resources::field(source, false, causes);
        } else {
            key(source, causes);
        }
    }
    let why = match said.len() {
        0 => "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    causes.push(invalid(from.path(), "", why));
}

/// A key of a ConfigMap or a Secret.
fn key(source: &Place<'_>, causes: &mut Causes) {
    let [name, key] = ["name", "key"].map(|field| source.child(field));
    values::each(&name, &names::subdomain(name.text()), causes);
    if values::said(&key, causes) {
        values::each(&key, &values::config_key(key.text()), causes);
    }
}

/// A field of the pod.
pub(super) fn field(reference: &Place<'_>, fields: &[&str], causes: &mut Causes) {
    let [version, path] = ["apiVersion", "fieldPath"].map(|name| reference.child(name));
    if !values::said(&version, causes) || !values::said(&path, causes) {
        return;
    }
    let subscript = path.text().strip_suffix("']").and_then(|text| text.split_once("['"));
    let subscript = subscript.filter(|(of, _)| !of.is_empty());
    let wrong = match subscript {
        _ if version.text() != "v1" => Some(format!("unsupported pod version: {}", version.text())),
        Some(("metadata.annotations" | "metadata.labels", _)) => None,
        Some(_) => Some(format!("field label does not support subscript: {}", path.text())),
        None if is_known(path.text()) => None,
        None => Some(format!("field label not supported: {}", path.text())),
    };
    if let Some(why) = wrong {
        causes.push(invalid(path.path(), path.text(), &format!("error converting fieldPath: {why}")));
        return;
    }
    match subscript {
        Some((of, key)) => {
            let key = if of == "metadata.annotations" { key.to_lowercase() } else { key.to_owned() };
            causes.extend(names::label_key(&key).iter().map(|why| invalid(reference.path(), &key, why)));
        }
        None => {
            let field = if path.text() == "spec.host" { "spec.nodeName" } else { path.text() };
            if !fields.contains(&field) {
                causes.push(not_supported(path.path(), field, fields));
            }
        }
    }
}

fn is_known(field: &str) -> bool {
    OF_VARIABLES.contains(&field)
        || OF_FILES.contains(&field)
        || matches!(field, "spec.host" | "spec.restartPolicy" | "spec.schedulerName" | "status.phase")
}

/// A name that has to be said, such as that of a ConfigMap.
pub(super) fn named(place: &Place<'_>, field: &str, causes: &mut Causes) {
    if place.child(field).text().is_empty() {
        causes.push(required(place.at(field), ""));
    }
}
