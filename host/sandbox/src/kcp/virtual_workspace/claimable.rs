//! Which kinds of the server itself can be claimed (`pkg/virtual/apiexport/schemas/builtin` of kcp).

/// Group, plural, and whether it has `/status` there.
pub(super) const BUILT_IN: &[(&str, &str, bool)] = &[
    ("", "namespaces", true),
    ("", "configmaps", false),
    ("", "events", false),
    ("", "resourcequotas", true),
    ("", "secrets", false),
    ("", "serviceaccounts", false),
    ("rbac.authorization.k8s.io", "clusterroles", false),
    ("rbac.authorization.k8s.io", "clusterrolebindings", false),
    ("rbac.authorization.k8s.io", "roles", false),
    ("rbac.authorization.k8s.io", "rolebindings", false),
    ("certificates.k8s.io", "certificatesigningrequests", true),
    ("coordination.k8s.io", "leases", false),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", false),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", false),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies", false),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings", false),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", true),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings", false),
    ("events.k8s.io", "events", false),
    ("apiextensions.k8s.io", "customresourcedefinitions", true),
    ("core.kcp.io", "logicalclusters", true),
    ("authorization.k8s.io", "subjectaccessreviews", false),
    ("authorization.k8s.io", "localsubjectaccessreviews", false),
    ("authentication.k8s.io", "tokenreviews", false),
];

/// Whether a kind can be claimed without saying whose it is.
pub fn is_claimable(group: &str, plural: &str) -> bool {
    BUILT_IN.iter().any(|one| (one.0, one.1) == (group, plural))
}
