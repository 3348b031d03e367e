//! What kcp serves in a workspace.
//!
//! Facts: `GenericStorageProviders` of `pkg/controlplane/apiserver/apis.go` in the order of discovery, without the two that
//! kcp leaves out (`pkg/server/server.go`); `config/system-crds`, `config/root-phase0`, `config/crds`.

use super::generic::{
    ADMISSION, API_EXTENSIONS, AUTHENTICATION, AUTHORIZATION, CERTIFICATES, CONFIG_MAPS, COORDINATION, EVENTS,
    EVENTS_V1, NAMESPACES, RBAC, RESOURCE_QUOTAS, SECRETS, SERVICE_ACCOUNTS,
};
use super::row::{GroupVersion, Row, of_cluster};
use crate::kinds::served::{CUSTOM, STATUS};

/// Built in, in the order of discovery.
pub(super) const TABLE: &[GroupVersion] = &[
    GroupVersion {
        group: "",
        version: "v1",
        rows: &[CONFIG_MAPS, EVENTS, NAMESPACES, RESOURCE_QUOTAS, SECRETS, SERVICE_ACCOUNTS],
    },
    AUTHENTICATION,
    AUTHORIZATION,
    CERTIFICATES,
    COORDINATION,
    RBAC,
    ADMISSION,
    EVENTS_V1,
    API_EXTENSIONS,
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
