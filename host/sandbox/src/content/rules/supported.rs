//! What objects may say to a real server, and not to the sandbox, since it could not tell what is wrong with it.

use super::volume;
use crate::content::Object;
use crate::content::place::Place;
use crate::status::Failure;

/// Fields of a pod that are not done.
const OF_PODS: &[&str] = &[
    "dnsConfig",
    "hostAliases",
    "hostnameOverride",
    "os",
    "overhead",
    "resourceClaims",
    "resources",
    "schedulingGroup",
];
/// Fields of its security context, and of that of a container.
const OF_CONTEXTS: &[&str] = &["appArmorProfile", "procMount", "sysctls", "windowsOptions", "seLinuxChangePolicy"];
/// Fields of a container.
const OF_CONTAINERS: &[&str] = &["resizePolicy", "restartPolicyRules", "volumeDevices"];
/// Annotations that a server reads.
const ANNOTATIONS: &[&str] = &[
    "scheduler.alpha.kubernetes.io/tolerations",
    "seccomp.security.alpha.kubernetes.io/pod",
    "container.seccomp.security.alpha.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
];

/// 501, if an object says something that is not done.
pub(super) fn check(group: &str, plural: &str, object: &Object) -> Result<(), Failure> {
    let spec = Place::of(object, "spec");
    match (group, plural) {
        ("", "pods") => pod(&Place::of(object, "metadata"), &spec),
        ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets") => {
            let template = spec.child("template");
            pod(&template.child("metadata"), &template.child("spec"))
        }
        _ => Ok(()),
    }
}

fn pod(metadata: &Place<'_>, spec: &Place<'_>) -> Result<(), Failure> {
    for (key, _) in metadata.child("annotations").entries() {
        if ANNOTATIONS.iter().any(|known| key.starts_with(known)) {
            return refused(&format!("the annotation {key} of a pod"));
        }
    }
    none_of(spec, OF_PODS)?;
    if spec.child("hostUsers").value() == false {
        return refused(spec.child("hostUsers").path());
    }
    none_of(&spec.child("securityContext"), OF_CONTEXTS)?;
    for volume in spec.child("volumes").items() {
        let mut kinds = volume.map().into_iter().flat_map(|fields| fields.keys());
        if let Some(kind) = kinds.find(|kind| *kind != "name" && !volume::KINDS.contains(&kind.as_str())) {
            return refused(&format!("{}.{kind}", volume.path()));
        }
        for source in volume.child("projected").child("sources").items() {
            none_of(&source, &["clusterTrustBundle", "podCertificate"])?;
        }
    }
    for list in ["containers", "initContainers"] {
        for container in spec.child(list).items() {
            self::container(&container)?;
        }
    }
    let affinity = spec.child("affinity");
    for kind in ["podAffinity", "podAntiAffinity"] {
        let kind = affinity.child(kind);
        for term in kind.child("requiredDuringSchedulingIgnoredDuringExecution").items() {
            none_of(&term, &["matchLabelKeys", "mismatchLabelKeys"])?;
        }
        for term in kind.child("preferredDuringSchedulingIgnoredDuringExecution").items() {
            none_of(&term.child("podAffinityTerm"), &["matchLabelKeys", "mismatchLabelKeys"])?;
        }
    }
    for constraint in spec.child("topologySpreadConstraints").items() {
        none_of(&constraint, &["matchLabelKeys"])?;
    }
    Ok(())
}

fn container(container: &Place<'_>) -> Result<(), Failure> {
    none_of(container, OF_CONTAINERS)?;
    none_of(&container.child("securityContext"), OF_CONTEXTS)?;
    none_of(&container.child("lifecycle"), &["stopSignal"])?;
    none_of(&container.child("resources"), &["claims"])?;
    for list in ["limits", "requests"] {
        for (name, amount) in container.child("resources").child(list).entries() {
            if name.starts_with("hugepages-") {
                return refused(amount.path());
            }
        }
    }
    for variable in container.child("env").items() {
        none_of(&variable.child("valueFrom"), &["fileKeyRef"])?;
    }
    Ok(())
}

fn none_of(place: &Place<'_>, fields: &[&str]) -> Result<(), Failure> {
    match fields
        .iter()
        .map(|field| place.child(field))
        .find(|field| field.is_said() && field.value() != &serde_json::json!([]))
    {
        Some(field) => refused(field.path()),
        None => Ok(()),
    }
}

fn refused(what: &str) -> Result<(), Failure> {
    Err(Failure::not_in_sandbox(what))
}
