//! Volumes of pods and where containers have them.
//!
//! Facts: `ValidateVolumes`, `validateVolumeSource`, `ValidateVolumeMounts` and what they call in
//! `pkg/apis/core/validation/validation.go`. Kinds of volumes that are not here are [refused](super::supported).

use std::cmp::Ordering;

use serde_json::Value;

use super::{Causes, environment, resources, values};
use crate::causes::{duplicate, forbidden, invalid, invalid_value, not_found, not_supported, required};
use crate::content::place::Place;

/// The kinds of volumes that are checked, in the server's order.
pub(super) const KINDS: &[&str] =
    &["emptyDir", "hostPath", "secret", "nfs", "persistentVolumeClaim", "downwardAPI", "configMap", "projected"];

/// The names of the volumes that are in order, which containers can use.
pub(super) fn volumes<'v>(volumes: &Place<'v>, causes: &mut Causes) -> Vec<&'v str> {
    let mut names = Vec::new();
    for volume in volumes.items() {
        let mut wrong = Vec::new();
        source(&volume, &mut wrong);
        let name = volume.child("name");
        if values::said(&name, &mut wrong) {
            values::label(&name, &mut wrong);
        }
        if names.contains(&name.text()) {
            wrong.push(duplicate(name.path(), name.text()));
        }
        if wrong.is_empty() {
            names.push(name.text());
        }
        causes.extend(wrong);
    }
    names
}

fn source(volume: &Place<'_>, causes: &mut Causes) {
    let mut said = KINDS.iter().map(|kind| (*kind, volume.child(kind))).filter(|(_, source)| source.is_said());
    let Some((kind, source)) = said.next() else {
        causes.push(required(volume.path(), "must specify a volume type"));
        return;
    };
    match kind {
        "emptyDir" => {
            let limit = source.child("sizeLimit");
            if resources::read(&limit).is_some_and(|limit| limit.sign() == Ordering::Less) {
                causes.push(forbidden(limit.path(), "SizeLimit field must be a valid resource quantity"));
            }
        }
        "hostPath" => host_path(&source, causes),
        "secret" => {
            environment::named(&source, "secretName", causes);
            files(&source, causes);
        }
        "configMap" => {
            environment::named(&source, "name", causes);
            files(&source, causes);
        }
        "nfs" => {
            environment::named(&source, "server", causes);
            environment::named(&source, "path", causes);
            let path = source.child("path");
            if !path.text().starts_with('/') {
                causes.push(invalid(path.path(), path.text(), "must be an absolute path"));
            }
        }
        "persistentVolumeClaim" => environment::named(&source, "claimName", causes),
        "downwardAPI" => {
            values::file_mode(&source.child("defaultMode"), causes);
            for file in source.child("items").items() {
                pod_file(&file.told(source.path()), causes);
            }
        }
        _ => projected(&source, causes),
    }
    for (kind, source) in said {
        // The server has this name so.
        let path = if kind == "downwardAPI" { volume.at("downwarAPI") } else { source.path().to_owned() };
        causes.push(forbidden(path, "may not specify more than 1 volume type"));
    }
}

fn host_path(source: &Place<'_>, causes: &mut Causes) {
    const TYPES: &[&str] =
        &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    let [path, kind] = ["path", "type"].map(|name| source.child(name));
    if values::said(&path, causes) {
        values::without_backsteps(&path, causes);
        if kind.is_said() {
            values::one_of(&kind, TYPES, causes);
        }
    }
}

fn files(source: &Place<'_>, causes: &mut Causes) {
    values::file_mode(&source.child("defaultMode"), causes);
    for item in source.child("items").items() {
        file(&item, causes);
    }
}

fn file(item: &Place<'_>, causes: &mut Causes) {
    values::said(&item.child("key"), causes);
    values::said(&item.child("path"), causes);
    values::not_reserved(&item.child("path"), causes);
    values::file_mode(&item.child("mode"), causes);
}

/// A file that has something of the pod. The server does not say which one is wrong.
fn pod_file(file: &Place<'_>, causes: &mut Causes) {
    let path = file.child("path");
    values::said(&path, causes);
    values::not_reserved(&path, causes);
    let [field, resource] = ["fieldRef", "resourceFieldRef"].map(|name| file.child(name));
    if field.is_said() {
        environment::field(&field, environment::OF_FILES, causes);
        if resource.is_said() {
            let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
            causes.push(invalid(file.path(), "resource", why));
        }
    } else if resource.is_said() {
        resources::field(&resource, true, causes);
    } else {
        causes.push(required(file.path(), "one of fieldRef and resourceFieldRef is required"));
    }
    values::file_mode(&file.child("mode"), causes);
}

fn projected(source: &Place<'_>, causes: &mut Causes) {
    values::file_mode(&source.child("defaultMode"), causes);
    let mut paths = Vec::new();
    for part in source.child("sources").items() {
        let mut said = 0;
        for kind in ["secret", "configMap"] {
            let of = part.child(kind);
            if of.is_said() {
                said += 1;
                environment::named(&of, "name", causes);
                for item in of.child("items").items() {
                    file(&item, causes);
                    once(source, &mut paths, item.child("path").text(), of.child("name").text(), causes);
                }
            }
        }
        let of = part.child("downwardAPI");
        if of.is_said() {
            said += 1;
            for item in of.child("items").items() {
                let path = item.child("path").text();
                pod_file(&item.told(of.path()), causes);
                once(source, &mut paths, path, path, causes);
            }
        }
        let of = part.child("serviceAccountToken");
        if of.is_said() {
            said += 1;
            token(&of, source, causes);
        }
        if said > 1 {
            causes.push(forbidden(part.path(), "may not specify more than 1 volume type per source"));
        }
    }
}

fn token(token: &Place<'_>, source: &Place<'_>, causes: &mut Causes) {
    let seconds = token.child("expirationSeconds");
    let why = match seconds.number() {
        ..600 => Some("may not specify a duration less than 10 minutes"),
        4_294_967_297.. => Some("may not specify a duration larger than 2^32 seconds"),
        _ => None,
    };
    causes.extend(why.map(|why| invalid_value(seconds.path(), &Value::from(seconds.number()), why)));
    // The server looks for it one level too high.
    let path = token.child("path").told(source.at("path"));
    if values::said(&path, causes) {
        values::not_reserved(&path, causes);
    }
}

/// Two parts of a projected volume cannot have the same path.
fn once<'v>(source: &Place<'_>, paths: &mut Vec<&'v str>, path: &'v str, told: &str, causes: &mut Causes) {
    if path.is_empty() {
        return;
    }
    if paths.contains(&path) {
        causes.push(invalid(source.path(), told, "conflicting duplicate paths"));
    } else {
        paths.push(path);
    }
}

/// `volumeMounts` of a container.
pub(super) fn mounts(container: &Place<'_>, volumes: &[&str], causes: &mut Causes) {
    let list = container.child("volumeMounts");
    let mut paths = Vec::new();
    for mount in list.items() {
        let [name, path] = ["name", "mountPath"].map(|field| mount.child(field));
        values::said(&name, causes);
        if !volumes.contains(&name.text()) {
            causes.push(not_found(name.path(), name.text()));
        }
        values::said(&path, causes);
        if paths.contains(&path.text()) {
            causes.push(invalid(path.path(), path.text(), "must be unique"));
        }
        paths.push(path.text());
        let [below, expression] = ["subPath", "subPathExpr"].map(|field| mount.child(field));
        if !below.text().is_empty() {
            values::descending(&below.clone().told(list.at("subPath")), causes);
        }
        if !expression.text().is_empty() {
            if !below.text().is_empty() {
                let why = "subPathExpr and subPath are mutually exclusive";
                causes.push(invalid(expression.path(), expression.text(), why));
            }
            values::descending(&expression.told(list.at("subPathExpr")), causes);
        }
        propagation(container, &mount, &list, causes);
    }
}

fn propagation(container: &Place<'_>, mount: &Place<'_>, list: &Place<'_>, causes: &mut Causes) {
    let mode = mount.child("mountPropagation").told(list.at("mountPropagation"));
    if mode.is_said() {
        values::one_of(&mode, &["Bidirectional", "HostToContainer", "None"], causes);
        let privileged = container.child("securityContext").child("privileged").is_true();
        if mode.text() == "Bidirectional" && !privileged {
            let why = "Bidirectional mount propagation is available only to privileged containers";
            causes.push(forbidden(mode.path(), why));
        }
    }
    let recursive = mount.child("recursiveReadOnly").told(list.at("recursiveReadOnly"));
    match recursive.text() {
        "" | "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.child("readOnly").is_true() {
                causes.push(forbidden(recursive.path(), "may only be specified when readOnly is true"));
            }
            if !matches!(mode.text(), "" | "None") {
                let why = "may only be specified when mountPropagation is None or not specified";
                causes.push(forbidden(recursive.path(), why));
            }
        }
        other => causes.push(not_supported(recursive.path(), other, &["Disabled", "Enabled", "IfPossible"])),
    }
}
