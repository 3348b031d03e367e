//! Whose object it is: the kind, the name and the namespace must be the target's own, and its metadata must not reach
//! beyond the object.

use super::at::At;
use super::{Findings, Policy};
use crate::names::TargetNames;
use crate::object::{Desired, KINDS, KindInfo, ObjectId};

/// Labels that make an API server copy a ClusterRole's rules into roles that others are bound to.
const AGGREGATION: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// Whether a name is `own` or begins with it and a hyphen.
pub(super) fn is_own(name: &str, own: &str) -> bool {
    name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Whether a ServiceAccount of that name is one of the target's own.
pub(super) fn is_own_account(name: &str, names: &TargetNames) -> bool {
    is_own(name, &names.syncer)
}

/// False if the object is not even of a kind that the other rules could look at.
pub(super) fn check(desired: &Desired, root: &At<'_>, policy: &Policy<'_>, findings: &mut Findings<'_>) -> bool {
    if ObjectId::of(root.value()).as_ref() != Some(&desired.id) {
        findings.refuse(
            root,
            "apiVersion, kind, name or namespace is missing, or is not what the object is known by",
            "give it all of them, as text",
        );
        return false;
    }
    let Some(info) = KindInfo::find(&desired.id.api_version, &desired.id.kind) else {
        let remedy = KINDS.iter().find(|info| info.kind == desired.id.kind).map_or_else(
            || {
                let kinds = KINDS.iter().map(|info| info.kind).filter(|kind| *kind != "Secret");
                format!("use one of {}", kinds.collect::<Vec<_>>().join(", "))
            },
            |info| format!("use {} {}", info.api_version, info.kind),
        );
        let problem = format_args!("{} {} may not be applied", desired.id.api_version, desired.id.kind);
        findings.refuse(&root.field("kind"), problem, remedy);
        return false;
    };
    if info.kind == "Secret" {
        findings.refuse(
            &root.field("kind"),
            "Secrets may come neither from templates nor from plugins",
            "remove it: berthage makes the syncer's kubeconfig Secret itself",
        );
        return false;
    }
    check_name(info, root, policy, findings);
    check_namespace(info, root, policy, findings);
    check_metadata(info, &root.field("metadata"), findings);
    true
}

fn check_name(info: &KindInfo, root: &At<'_>, policy: &Policy<'_>, findings: &mut Findings<'_>) {
    let metadata = root.field("metadata");
    let at = metadata.field("name");
    let name = at.text().unwrap_or_default();
    let one_label = matches!(info.kind, "Namespace" | "Service");
    if !(if one_label { is_label(name) } else { is_subdomain(name) }) {
        let (form, most) = if one_label { ("a DNS label", 63) } else { ("a DNS subdomain", 253) };
        findings.refuse(
            &at,
            format_args!("is not {form}"),
            format_args!("use lower-case letters, digits and hyphens, {most} characters at most"),
        );
        return;
    }
    let (own, may_go_on) = match info.kind {
        "Namespace" => (policy.namespace, false),
        "ServiceAccount" => (policy.names.syncer.as_str(), true),
        _ if !info.namespaced => (policy.names.downstream_role.as_str(), true),
        _ => return,
    };
    let problem = format_args!("{name} is not a name of this target's");
    if may_go_on && !is_own(name, own) {
        findings.refuse(&at, problem, format_args!("use {own}, or a name that begins with {own}-"));
    } else if !may_go_on && name != own {
        findings.refuse(&at, problem, format_args!("use {own}"));
    }
}

fn check_namespace(info: &KindInfo, root: &At<'_>, policy: &Policy<'_>, findings: &mut Findings<'_>) {
    let metadata = root.field("metadata");
    let at = metadata.field("namespace");
    if !info.namespaced {
        if !at.is_absent() {
            findings.refuse(&at, format_args!("a {} has no namespace", info.kind), "remove it");
        }
    } else if at.text() != Some(policy.namespace) {
        findings.refuse(
            &at,
            "is not this target's namespace",
            format_args!("leave it out, or use {}", policy.namespace),
        );
    }
}

fn check_metadata(info: &KindInfo, metadata: &At<'_>, findings: &mut Findings<'_>) {
    for (field, effect) in [
        ("ownerReferences", "would let the garbage collector delete it with something else"),
        ("finalizers", "would hold up its deletion"),
        ("generateName", "would give it a name that nobody knows"),
    ] {
        let at = metadata.field(field);
        if !at.is_empty() {
            findings.refuse(&at, effect, "remove it");
        }
    }
    for field in ["labels", "annotations"] {
        let at = metadata.field(field);
        if !at.is_absent() && at.value().as_object().is_none_or(|map| map.values().any(|value| !value.is_string())) {
            findings.refuse(&at, "is not a map of texts", "quote the values");
        }
    }
    if info.kind == "ClusterRole" {
        let labels = metadata.field("labels");
        for (name, at) in labels.entries() {
            if name.starts_with(AGGREGATION) {
                findings.refuse(&at, "would add these rights to a role that others are bound to", "remove it");
            }
        }
    }
}

/// RFC 1123 label.
fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

/// A label of any length.
fn is_part(name: &str) -> bool {
    let bytes = name.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
}

/// RFC 1123 subdomain, with Kubernetes' bound on the whole and none on the parts.
fn is_subdomain(name: &str) -> bool {
    let part = |part: &str| {
        let edge = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
        part.starts_with(edge)
            && part.ends_with(edge)
            && part.chars().all(|character| edge(character) || character == '-')
    };
    name.len() <= 253 && name.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_kubernetes_checks_them() {
        for (name, label, subdomain) in [
            ("a", true, true),
            ("a-1", true, true),
            ("1", true, true),
            ("", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("A", false, false),
            ("a.b", false, true),
            ("a..b", false, false),
            ("a.-b", false, false),
            (".a", false, false),
            ("a_b", false, false),
            ("é", false, false),
            (&"a".repeat(63), true, true),
            (&"a".repeat(64), false, true),
            (&"a".repeat(253), false, true),
            (&"a".repeat(254), false, false),
        ] {
            assert_eq!((is_label(name), is_subdomain(name)), (label, subdomain), "{name}");
        }
    }

    #[test]
    fn own_names_are_the_prefix_or_go_on_with_a_hyphen() {
        assert!(is_own("x", "x") && is_own("x-a", "x") && is_own("x-", "x"));
        assert!(!is_own("xa", "x") && !is_own("y", "x") && !is_own("", "x"));
    }
}
