//! What kcp serves in a workspace.
//!
//! Facts: `GenericStorageProviders` of `pkg/controlplane/apiserver/apis.go` in the order of discovery, without the two that
//! kcp leaves out (`pkg/server/server.go`); `config/system-crds`, `config/root-phase0`, `config/crds`.

use super::row::{CREATE, FINALIZE, GroupVersion, Row, of_cluster, of_namespaces, posted};
use crate::kinds::served::{ALL, CHANGED, STATUS};

const NO_COLLECTION: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];

/// The order in which custom resources have their verbs.
const CUSTOM: &[&str] = &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// Built in, in the order of discovery.
pub(super) const TABLE: &[GroupVersion] = &[
    GroupVersion {
        group: "",
        version: "v1",
        rows: &[
            of_namespaces("configmaps", "configmap", "ConfigMap", ALL).short(&["cm"]),
            of_namespaces("events", "event", "Event", ALL).short(&["ev"]),
            of_cluster("namespaces", "namespace", "Namespace", NO_COLLECTION).short(&["ns"]).with(&[FINALIZE, STATUS]),
            of_namespaces("resourcequotas", "resourcequota", "ResourceQuota", ALL).short(&["quota"]).with(&[STATUS]),
            of_namespaces("secrets", "secret", "Secret", ALL),
            of_namespaces("serviceaccounts", "serviceaccount", "ServiceAccount", ALL)
                .short(&["sa"])
                .with(&[posted("token", ("authentication.k8s.io", "v1", "TokenRequest"))]),
        ],
    },
    GroupVersion {
        group: "authentication.k8s.io",
        version: "v1",
        rows: &[
            of_cluster("selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", CREATE),
            of_cluster("tokenreviews", "tokenreview", "TokenReview", CREATE),
        ],
    },
    GroupVersion {
        group: "authorization.k8s.io",
        version: "v1",
        rows: &[
            of_namespaces("localsubjectaccessreviews", "localsubjectaccessreview", "LocalSubjectAccessReview", CREATE),
            of_cluster("selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview", CREATE),
            of_cluster("selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview", CREATE),
            of_cluster("subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", CREATE),
        ],
    },
    GroupVersion {
        group: "certificates.k8s.io",
        version: "v1",
        rows: &[of_cluster(
            "certificatesigningrequests",
            "certificatesigningrequest",
            "CertificateSigningRequest",
            ALL,
        )
        .short(&["csr"])
        .with(&[super::row::refused("approval", CHANGED), STATUS])
        .missing()],
    },
    GroupVersion {
        group: "coordination.k8s.io",
        version: "v1",
        rows: &[of_namespaces("leases", "lease", "Lease", ALL)],
    },
    GroupVersion {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        rows: &[
            of_cluster("clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", ALL),
            of_cluster("clusterroles", "clusterrole", "ClusterRole", ALL),
            of_namespaces("rolebindings", "rolebinding", "RoleBinding", ALL),
            of_namespaces("roles", "role", "Role", ALL),
        ],
    },
    GroupVersion {
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
    },
    GroupVersion {
        group: "events.k8s.io",
        version: "v1",
        rows: &[of_namespaces("events", "event", "Event", ALL).short(&["ev"]).stored_in("", "v1")],
    },
    GroupVersion {
        group: "apiextensions.k8s.io",
        version: "v1",
        rows: &[of_cluster("customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition", ALL)
            .short(&["crd", "crds"])
            .in_categories(&["api-extensions"])
            .with(&[STATUS])
            .stored_in("apiextensions.k8s.io", "v1beta1")],
    },
];

/// What `system:system-crds` defines for every workspace.
pub(super) const SYSTEM: &[GroupVersion] = &[
    GroupVersion {
        group: "apis.kcp.io",
        version: "v1alpha2",
        rows: &[
            of_kcp("apibindings", "apibinding", "APIBinding").with(&[STATUS]),
            of_kcp("apiexports", "apiexport", "APIExport").with(&[STATUS]),
        ],
    },
    GroupVersion {
        group: "apis.kcp.io",
        version: "v1alpha1",
        rows: &[
            of_kcp("apibindings", "apibinding", "APIBinding").with(&[STATUS]).stored_in("apis.kcp.io", "v1alpha2"),
            of_kcp("apiconversions", "apiconversion", "APIConversion").missing(),
            of_kcp("apiexportendpointslices", "apiexportendpointslice", "APIExportEndpointSlice").with(&[STATUS]),
            of_kcp("apiexports", "apiexport", "APIExport").with(&[STATUS]).stored_in("apis.kcp.io", "v1alpha2"),
            of_kcp("apiresourceschemas", "apiresourceschema", "APIResourceSchema"),
        ],
    },
    GroupVersion {
        group: "cache.kcp.io",
        version: "v1alpha1",
        rows: &[
            of_kcp(
                "clustercachedresourceendpointslices",
                "clustercachedresourceendpointslice",
                "ClusterCachedResourceEndpointSlice",
            )
            .with(&[STATUS])
            .missing(),
            of_kcp("clustercachedresources", "clustercachedresource", "ClusterCachedResource")
                .with(&[STATUS])
                .missing(),
        ],
    },
    GroupVersion {
        group: "core.kcp.io",
        version: "v1alpha1",
        rows: &[of_kcp("logicalclusters", "logicalcluster", "LogicalCluster").with(&[STATUS])],
    },
];

/// What kcp's own APIExports in `root` serve.
pub(super) const EXPORTS: &[(&str, &[GroupVersion])] = &[
    (
        "tenancy.kcp.io",
        &[GroupVersion {
            group: "tenancy.kcp.io",
            version: "v1alpha1",
            rows: &[
                of_kcp(
                    "workspaceauthenticationconfigurations",
                    "workspaceauthenticationconfiguration",
                    "WorkspaceAuthenticationConfiguration",
                )
                .missing(),
                of_kcp("workspaces", "workspace", "Workspace").short(&["ws"]).with(&[STATUS]),
                of_kcp("workspacetypes", "workspacetype", "WorkspaceType").with(&[STATUS]),
            ],
        }],
    ),
    (
        "topology.kcp.io",
        &[GroupVersion {
            group: "topology.kcp.io",
            version: "v1alpha1",
            rows: &[
                of_kcp("partitions", "partition", "Partition"),
                of_kcp("partitionsets", "partitionset", "PartitionSet").with(&[STATUS]),
            ],
        }],
    ),
    (
        "shards.core.kcp.io",
        &[GroupVersion {
            group: "core.kcp.io",
            version: "v1alpha1",
            rows: &[of_kcp("shards", "shard", "Shard").with(&[STATUS])],
        }],
    ),
];

/// A kind that kcp itself defines, in the category `kcp`.
const fn of_kcp(plural: &'static str, singular: &'static str, kind: &'static str) -> Row {
    of_cluster(plural, singular, kind, CUSTOM).in_categories(&["kcp"]).custom()
}

const fn admission(plural: &'static str, singular: &'static str, kind: &'static str) -> Row {
    of_cluster(plural, singular, kind, ALL).in_categories(&["api-extensions"]).missing()
}
