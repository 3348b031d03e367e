//! What a plain server and kcp serve alike: the control plane without workloads that kcp is built of
//! (`GenericStorageProviders` of `pkg/controlplane/apiserver/apis.go`), as discovery prints it.

use super::row::{CREATE, FINALIZE, GroupVersion, Row, of_cluster, of_namespaces, posted, refused};
use crate::kinds::served::{ALL, CHANGED, STATUS};

const NO_COLLECTION: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];

pub(super) const CONFIG_MAPS: Row = of_namespaces("configmaps", "configmap", "ConfigMap", ALL).short(&["cm"]);
pub(super) const EVENTS: Row = of_namespaces("events", "event", "Event", ALL).short(&["ev"]);
pub(super) const NAMESPACES: Row =
    of_cluster("namespaces", "namespace", "Namespace", NO_COLLECTION).short(&["ns"]).with(&[FINALIZE, STATUS]);
pub(super) const RESOURCE_QUOTAS: Row =
    of_namespaces("resourcequotas", "resourcequota", "ResourceQuota", ALL).short(&["quota"]).with(&[STATUS]);
pub(super) const SECRETS: Row = of_namespaces("secrets", "secret", "Secret", ALL);
pub(super) const SERVICE_ACCOUNTS: Row = of_namespaces("serviceaccounts", "serviceaccount", "ServiceAccount", ALL)
    .short(&["sa"])
    .with(&[posted("token", ("authentication.k8s.io", "v1", "TokenRequest"))]);

pub(super) const AUTHENTICATION: GroupVersion = GroupVersion {
    group: "authentication.k8s.io",
    version: "v1",
    rows: &[
        of_cluster("selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", CREATE),
        of_cluster("tokenreviews", "tokenreview", "TokenReview", CREATE),
    ],
};

pub(super) const AUTHORIZATION: GroupVersion = GroupVersion {
    group: "authorization.k8s.io",
    version: "v1",
    rows: &[
        of_namespaces("localsubjectaccessreviews", "localsubjectaccessreview", "LocalSubjectAccessReview", CREATE),
        of_cluster("selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview", CREATE),
        of_cluster("selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview", CREATE),
        of_cluster("subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", CREATE),
    ],
};

pub(super) const CERTIFICATES: GroupVersion = GroupVersion {
    group: "certificates.k8s.io",
    version: "v1",
    rows: &[of_cluster("certificatesigningrequests", "certificatesigningrequest", "CertificateSigningRequest", ALL)
        .short(&["csr"])
        .with(&[refused("approval", CHANGED), STATUS])
        .missing()],
};

pub(super) const COORDINATION: GroupVersion = GroupVersion {
    group: "coordination.k8s.io",
    version: "v1",
    rows: &[of_namespaces("leases", "lease", "Lease", ALL)],
};

pub(super) const RBAC: GroupVersion = GroupVersion {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    rows: &[
        of_cluster("clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", ALL),
        of_cluster("clusterroles", "clusterrole", "ClusterRole", ALL),
        of_namespaces("rolebindings", "rolebinding", "RoleBinding", ALL),
        of_namespaces("roles", "role", "Role", ALL),
    ],
};

pub(super) const EVENTS_V1: GroupVersion = GroupVersion {
    group: "events.k8s.io",
    version: "v1",
    rows: &[of_namespaces("events", "event", "Event", ALL).short(&["ev"]).stored_in("", "v1")],
};

pub(super) const API_EXTENSIONS: GroupVersion = GroupVersion {
    group: "apiextensions.k8s.io",
    version: "v1",
    rows: &[of_cluster("customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition", ALL)
        .short(&["crd", "crds"])
        .in_categories(&["api-extensions"])
        .with(&[STATUS])
        .stored_in("apiextensions.k8s.io", "v1beta1")],
};

pub(super) const ADMISSION: GroupVersion = GroupVersion {
    group: "admissionregistration.k8s.io",
    version: "v1",
    rows: &[
        admission("mutatingadmissionpolicies", "mutatingadmissionpolicy", "MutatingAdmissionPolicy"),
        admission(
            "mutatingadmissionpolicybindings",
            "mutatingadmissionpolicybinding",
            "MutatingAdmissionPolicyBinding",
        ),
        admission("mutatingwebhookconfigurations", "mutatingwebhookconfiguration", "MutatingWebhookConfiguration"),
        admission("validatingadmissionpolicies", "validatingadmissionpolicy", "ValidatingAdmissionPolicy")
            .with(&[STATUS]),
        admission(
            "validatingadmissionpolicybindings",
            "validatingadmissionpolicybinding",
            "ValidatingAdmissionPolicyBinding",
        ),
        admission(
            "validatingwebhookconfigurations",
            "validatingwebhookconfiguration",
            "ValidatingWebhookConfiguration",
        ),
    ],
};

const fn admission(plural: &'static str, singular: &'static str, kind: &'static str) -> Row {
    of_cluster(plural, singular, kind, ALL).in_categories(&["api-extensions"]).missing()
}
