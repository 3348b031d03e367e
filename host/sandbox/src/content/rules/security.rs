//! As whom containers run, and what they may do.
//!
//! Facts: `ValidateSecurityContext`, `validatePodSpecSecurityContext` and `validateSeccompProfileField` of
//! `pkg/apis/core/validation/validation.go`. Privileged containers are allowed, as servers of today have it.

use serde_json::Value;

use super::{Causes, values};
use crate::causes::{invalid_text, invalid_value, required};
use crate::content::place::Place;

const IDS: i64 = i32::MAX as i64;

/// That of a container.
pub(super) fn of_container(context: &Place<'_>, causes: &mut Causes) {
    ids(context, &["runAsUser", "runAsGroup"], causes);
    seccomp(context, causes);
    let escalates = context.child("allowPrivilegeEscalation");
    if !escalates.is_said() || escalates.is_true() {
        return;
    }
    if context.child("privileged").is_true() {
        let why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        causes.push(invalid_text(context.path(), &shown(context), why));
    }
    let added = context.child("capabilities").child("add");
    for _ in added.items().filter(|added| added.text() == "CAP_SYS_ADMIN") {
        let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        causes.push(invalid_text(context.path(), &shown(context), why));
    }
}

/// That of a pod.
pub(super) fn of_pod(spec: &Place<'_>, causes: &mut Causes) {
    let context = spec.child("securityContext");
    ids(&context, &["fsGroup", "runAsUser", "runAsGroup"], causes);
    for group in context.child("supplementalGroups").items() {
        values::between(&group, 0, IDS, causes);
    }
    if spec.child("shareProcessNamespace").is_true() && spec.child("hostPID").is_true() {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        causes.push(invalid_value(context.at("shareProcessNamespace"), &Value::Bool(true), why));
    }
    let policy = context.child("fsGroupChangePolicy");
    if policy.is_said() {
        values::one_of(&policy, &["Always", "OnRootMismatch"], causes);
    }
    seccomp(&context, causes);
    let policy = context.child("supplementalGroupsPolicy");
    if policy.is_said() {
        values::one_of(&policy, &["Merge", "Strict"], causes);
    }
}

fn ids(context: &Place<'_>, names: &[&str], causes: &mut Causes) {
    for id in names.iter().map(|name| context.child(name)).filter(Place::is_said) {
        values::between(&id, 0, IDS, causes);
    }
}

fn seccomp(context: &Place<'_>, causes: &mut Causes) {
    let profile = context.child("seccompProfile");
    if !profile.is_said() {
        return;
    }
    let [kind, local] = ["type", "localhostProfile"].map(|name| profile.child(name));
    if kind.text().is_empty() {
        causes.push(required(kind.path(), "type is required when seccompProfile is set"));
    } else {
        values::one_of(&kind, &["Localhost", "RuntimeDefault", "Unconfined"], causes);
    }
    if kind.text() == "Localhost" {
        if local.is_said() {
            values::descending(&local, causes);
        } else {
            causes.push(required(local.path(), "must be set when seccomp type is Localhost"));
        }
    } else if local.is_said() {
        let [kind, local_profile] = [kind.value(), local.value()].map(values::json);
        let shown = format!(r#"{{"Type":{kind},"LocalhostProfile":{local_profile}}}"#);
        causes.push(invalid_text(local.path(), &shown, "can only be set when seccomp type is Localhost"));
    }
}

/// As Go writes its own type, which has no JSON names.
fn shown(context: &Place<'_>) -> String {
    const FIELDS: [(&str, &str); 12] = [
        ("Capabilities", "capabilities"),
        ("Privileged", "privileged"),
        ("SELinuxOptions", "seLinuxOptions"),
        ("WindowsOptions", "windowsOptions"),
        ("RunAsUser", "runAsUser"),
        ("RunAsGroup", "runAsGroup"),
        ("RunAsNonRoot", "runAsNonRoot"),
        ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem"),
        ("AllowPrivilegeEscalation", "allowPrivilegeEscalation"),
        ("ProcMount", "procMount"),
        ("SeccompProfile", "seccompProfile"),
        ("AppArmorProfile", "appArmorProfile"),
    ];
    let field = |(go, name): (&str, &str)| {
        let field = context.child(name);
        let part = |name: &str| values::json(field.child(name).value());
        let value = match name {
            "capabilities" if field.is_said() => format!(r#"{{"Add":{},"Drop":{}}}"#, part("add"), part("drop")),
            "seccompProfile" if field.is_said() => {
                format!(r#"{{"Type":{},"LocalhostProfile":{}}}"#, part("type"), part("localhostProfile"))
            }
            "seLinuxOptions" if field.is_said() => {
                let part = |name: &str| values::json(&Value::from(field.child(name).text()));
                let [user, role, kind, level] = ["user", "role", "type", "level"].map(part);
                format!(r#"{{"User":{user},"Role":{role},"Type":{kind},"Level":{level}}}"#)
            }
            _ => values::json(field.value()),
        };
        format!("\"{go}\":{value}")
    };
    format!("{{{}}}", FIELDS.map(field).join(","))
}
