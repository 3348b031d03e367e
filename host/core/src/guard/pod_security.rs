//! What pods may do: the Pod Security profile `restricted`, as of Kubernetes 1.36, without its exceptions for Windows and
//! for user namespaces.
//!
//! The API server of the physical cluster may check the same; it does so only if the namespace is labelled and nobody has
//! exempted us, and only when a pod is made, long after the Deployment was accepted.

use serde_json::Value;

use super::at::At;
use super::ownership::is_own_account;
use super::{Findings, Policy};

/// Sources of a volume that neither reach the node nor a network storage by credentials in the pod.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Kernel settings that are a pod's own.
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

const SELINUX_TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Prefix of the annotations that were AppArmor's before it got a field.
const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Lists of a pod template that are longer are refused unread.
const MOST: usize = 256;

/// Checks a pod template.
pub(super) fn check(template: &At<'_>, policy: &Policy<'_>, findings: &mut Findings<'_>) {
    let spec = template.field("spec");
    check_account(&spec, policy, findings);
    check_annotations(template, findings);
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        never(&spec.field(field), "would share the node's namespace", findings);
    }
    check_volumes(&spec, findings);

    let security = spec.field("securityContext");
    check_context(&security, findings);
    let non_root = security.field("runAsNonRoot");
    if non_root.value() == &Value::Bool(false) {
        findings.refuse(&non_root, "would allow root", "set it to true");
    }
    let sysctls = security.field("sysctls");
    for sysctl in findings.items(&sysctls, MOST) {
        let name = sysctl.field("name");
        if !name.text().is_some_and(|name| SYSCTLS.contains(&name)) {
            findings.refuse(&name, "is not a sysctl that is safe for the node", "remove it");
        }
    }
    let pod = Pod {
        non_root: non_root.value() == &Value::Bool(true),
        seccomp: is_profile(security.field("seccompProfile").field("type").text()),
    };
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers = spec.field(list);
        for container in findings.items(&containers, MOST) {
            pod.check_container(&container, findings);
        }
    }
}

fn check_account(spec: &At<'_>, policy: &Policy<'_>, findings: &mut Findings<'_>) {
    let own = |at: &At<'_>| at.text().is_some_and(|name| is_own_account(name, policy.names));
    let name = spec.field("serviceAccountName");
    if !own(&name) {
        let problem = "pods must run as a ServiceAccount of this target's";
        findings.refuse(&name, problem, format_args!("use {}", policy.names.syncer));
    }
    let alias = spec.field("serviceAccount");
    if !(alias.is_empty() || own(&alias)) {
        findings.refuse(&alias, "is an old name of serviceAccountName", "remove it");
    }
}

fn check_annotations(template: &At<'_>, findings: &mut Findings<'_>) {
    let metadata = template.field("metadata");
    let annotations = metadata.field("annotations");
    for (name, at) in annotations.entries() {
        let allowed = matches!(at.text(), Some("" | "runtime/default"))
            || at.text().is_some_and(|value| value.starts_with("localhost/"));
        if name.starts_with(APPARMOR_ANNOTATION) && !allowed {
            findings.refuse(&at, "would turn AppArmor off", "remove it");
        }
    }
}

fn check_volumes(spec: &At<'_>, findings: &mut Findings<'_>) {
    let volumes = spec.field("volumes");
    for volume in findings.items(&volumes, MOST) {
        let mut sources = 0;
        for (field, at) in volume.entries().filter(|(field, at)| *field != "name" && !at.is_absent()) {
            sources += 1;
            if !VOLUMES.contains(&field) {
                findings.refuse(
                    &at,
                    "is not a type of volume that restricted pods may have",
                    format_args!("use one of {}", VOLUMES.join(", ")),
                );
            }
        }
        if sources != 1 {
            findings.refuse(&volume, format_args!("has {sources} sources"), "give it one");
        }
    }
}

/// What the pod says for its containers.
struct Pod {
    non_root: bool,
    seccomp: bool,
}

impl Pod {
    fn check_container(&self, container: &At<'_>, findings: &mut Findings<'_>) {
        let security = container.field("securityContext");
        check_context(&security, findings);

        let non_root = security.field("runAsNonRoot");
        if non_root.value() != &Value::Bool(true) && !(non_root.is_absent() && self.non_root) {
            findings.refuse(&non_root, "root is not ruled out", "set it to true, here or for the pod");
        }
        if security.field("seccompProfile").is_absent() && !self.seccomp {
            let profile = security.field("seccompProfile");
            findings.refuse(
                &profile.field("type"),
                "there is no seccomp profile",
                "set it to RuntimeDefault, here or for the pod",
            );
        }
        let escalation = security.field("allowPrivilegeEscalation");
        if escalation.value() != &Value::Bool(false) {
            findings.refuse(&escalation, "must be false", "set it to false");
        }
        never(&security.field("privileged"), "would give it the node", findings);
        let mount = security.field("procMount");
        if !(mount.is_absent() || mount.text() == Some("Default")) {
            findings.refuse(&mount, "would unmask /proc", "remove it");
        }
        check_capabilities(&security, findings);

        let ports = container.field("ports");
        for port in findings.items(&ports, MOST) {
            let at = port.field("hostPort");
            if !(at.is_absent() || at.value() == &Value::from(0)) {
                findings.refuse(&at, "would open a port on the node", "remove it");
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            check_handler(&container.field(probe), findings);
        }
        let lifecycle = container.field("lifecycle");
        for hook in ["postStart", "preStop"] {
            check_handler(&lifecycle.field(hook), findings);
        }
    }
}

/// What a securityContext may not say, of a pod or of a container.
fn check_context(security: &At<'_>, findings: &mut Findings<'_>) {
    let user = security.field("runAsUser");
    if !(user.is_absent() || user.value().as_i64().is_some_and(|user| user > 0)) {
        findings.refuse(&user, "would run as root", "use the number of an unprivileged user, or remove it");
    }
    let seccomp = security.field("seccompProfile");
    if !(seccomp.is_absent() || is_profile(seccomp.field("type").text())) {
        let at = seccomp.field("type");
        findings.refuse(&at, "would turn seccomp off", "use RuntimeDefault");
    }
    let apparmor = security.field("appArmorProfile");
    if !(apparmor.is_absent() || is_profile(apparmor.field("type").text())) {
        let at = apparmor.field("type");
        findings.refuse(&at, "would turn AppArmor off", "use RuntimeDefault, or remove it");
    }
    let selinux = security.field("seLinuxOptions");
    let kind = selinux.field("type");
    if !(kind.is_absent() || kind.text().is_some_and(|kind| SELINUX_TYPES.contains(&kind))) {
        findings.refuse(&kind, "is not an SELinux type for containers", "remove it");
    }
    for field in ["user", "role"] {
        let at = selinux.field(field);
        if !at.is_empty() {
            findings.refuse(&at, "would leave the SELinux confinement of containers", "remove it");
        }
    }
    let windows = security.field("windowsOptions");
    never(&windows.field("hostProcess"), "would run on the node itself", findings);
}

fn check_capabilities(security: &At<'_>, findings: &mut Findings<'_>) {
    let capabilities = security.field("capabilities");
    let drop = capabilities.field("drop");
    if !findings.items(&drop, MOST).any(|capability| capability.text() == Some("ALL")) {
        findings.refuse(&drop, "capabilities are kept", "set it to [ALL]");
    }
    let add = capabilities.field("add");
    for capability in findings.items(&add, MOST) {
        if capability.text() != Some("NET_BIND_SERVICE") {
            findings.refuse(&capability, "is not a capability that restricted pods may have", "remove it");
        }
    }
}

/// A probe or hook with a host of its own makes the kubelet send requests there.
fn check_handler(handler: &At<'_>, findings: &mut Findings<'_>) {
    for action in ["httpGet", "tcpSocket"] {
        let action = handler.field(action);
        let host = action.field("host");
        if !host.is_empty() {
            findings.refuse(&host, "would make the node send requests to another host", "remove it");
        }
    }
}

/// Refuses everything but absence and false.
fn never(at: &At<'_>, effect: &str, findings: &mut Findings<'_>) {
    if !(at.is_absent() || at.value() == &Value::Bool(false)) {
        findings.refuse(at, effect, "remove it");
    }
}

fn is_profile(kind: Option<&str>) -> bool {
    matches!(kind, Some("RuntimeDefault" | "Localhost"))
}
