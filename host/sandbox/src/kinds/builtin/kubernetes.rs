//! What kube-apiserver 1.36 serves unless it is told otherwise: `api/discovery` of Kubernetes, without alpha and beta versions.

use super::generic::{
    ADMISSION, API_EXTENSIONS, AUTHENTICATION, AUTHORIZATION, CERTIFICATES, CONFIG_MAPS, COORDINATION, EVENTS,
    EVENTS_V1, NAMESPACES, RBAC, RESOURCE_QUOTAS, SECRETS, SERVICE_ACCOUNTS,
};
use super::row::{CREATE, GroupVersion, SCALED, not_done, of_cluster, of_namespaces, posted, refused};
use crate::kinds::served::{ALL, CHANGED, STATUS};

const READ: &[&str] = &["get", "list"];
const STREAM: &[&str] = &["create", "get"];
const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];

/// In the order of discovery.
pub(super) const TABLE: &[GroupVersion] = &[
    GroupVersion {
        group: "",
        version: "v1",
        rows: &[
            of_namespaces("bindings", "binding", "Binding", CREATE).missing(),
            of_cluster("componentstatuses", "componentstatus", "ComponentStatus", READ).short(&["cs"]).missing(),
            CONFIG_MAPS,
            of_namespaces("endpoints", "endpoints", "Endpoints", ALL).short(&["ep"]),
            EVENTS,
            of_namespaces("limitranges", "limitrange", "LimitRange", ALL).short(&["limits"]),
            NAMESPACES,
            of_cluster("nodes", "node", "Node", ALL).short(&["no"]).with(&[refused("proxy", PROXY), STATUS]),
            of_namespaces("persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", ALL)
                .short(&["pvc"])
                .with(&[STATUS])
                .missing(),
            of_cluster("persistentvolumes", "persistentvolume", "PersistentVolume", ALL)
                .short(&["pv"])
                .with(&[STATUS])
                .missing(),
            of_namespaces("pods", "pod", "Pod", ALL).short(&["po"]).in_categories(&["all"]).with(&[
                refused("attach", STREAM),
                not_done(posted("binding", ("", "v1", "Binding"))),
                refused("ephemeralcontainers", CHANGED),
                not_done(posted("eviction", ("policy", "v1", "Eviction"))),
                refused("exec", STREAM),
                refused("log", &["get"]),
                refused("portforward", STREAM),
                refused("proxy", PROXY),
                refused("resize", CHANGED),
                STATUS,
            ]),
            of_namespaces("podtemplates", "podtemplate", "PodTemplate", ALL).missing(),
            of_namespaces("replicationcontrollers", "replicationcontroller", "ReplicationController", ALL)
                .short(&["rc"])
                .in_categories(&["all"])
                .with(&[SCALED, STATUS])
                .missing(),
            RESOURCE_QUOTAS,
            SECRETS,
            SERVICE_ACCOUNTS,
            of_namespaces("services", "service", "Service", ALL)
                .short(&["svc"])
                .in_categories(&["all"])
                .with(&[refused("proxy", PROXY), STATUS]),
        ],
    },
    GroupVersion {
        group: "apps",
        version: "v1",
        rows: &[
            of_namespaces("controllerrevisions", "controllerrevision", "ControllerRevision", ALL).missing(),
            of_namespaces("daemonsets", "daemonset", "DaemonSet", ALL)
                .short(&["ds"])
                .in_categories(&["all"])
                .with(&[STATUS]),
            of_namespaces("deployments", "deployment", "Deployment", ALL)
                .short(&["deploy"])
                .in_categories(&["all"])
                .with(&[SCALED, STATUS]),
            of_namespaces("replicasets", "replicaset", "ReplicaSet", ALL)
                .short(&["rs"])
                .in_categories(&["all"])
                .with(&[SCALED, STATUS]),
            of_namespaces("statefulsets", "statefulset", "StatefulSet", ALL)
                .short(&["sts"])
                .in_categories(&["all"])
                .with(&[SCALED, STATUS]),
        ],
    },
    EVENTS_V1,
    AUTHENTICATION,
    AUTHORIZATION,
    GroupVersion {
        group: "autoscaling",
        version: "v2",
        rows: &[of_namespaces("horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", ALL)
            .short(&["hpa"])
            .in_categories(&["all"])
            .with(&[STATUS])
            .missing()],
    },
    GroupVersion {
        group: "autoscaling",
        version: "v1",
        rows: &[of_namespaces("horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", ALL)
            .short(&["hpa"])
            .in_categories(&["all"])
            .with(&[STATUS])
            .stored_in("autoscaling", "v2")
            .missing()],
    },
    GroupVersion {
        group: "batch",
        version: "v1",
        rows: &[
            of_namespaces("cronjobs", "cronjob", "CronJob", ALL)
                .short(&["cj"])
                .in_categories(&["all"])
                .with(&[STATUS])
                .missing(),
            of_namespaces("jobs", "job", "Job", ALL).in_categories(&["all"]).with(&[STATUS]).missing(),
        ],
    },
    CERTIFICATES,
    GroupVersion {
        group: "networking.k8s.io",
        version: "v1",
        rows: &[
            of_cluster("ingressclasses", "ingressclass", "IngressClass", ALL).missing(),
            of_namespaces("ingresses", "ingress", "Ingress", ALL).short(&["ing"]).with(&[STATUS]).missing(),
            of_cluster("ipaddresses", "ipaddress", "IPAddress", ALL).short(&["ip"]).missing(),
            of_namespaces("networkpolicies", "networkpolicy", "NetworkPolicy", ALL).short(&["netpol"]),
            of_cluster("servicecidrs", "servicecidr", "ServiceCIDR", ALL).with(&[STATUS]).missing(),
        ],
    },
    GroupVersion {
        group: "policy",
        version: "v1",
        rows: &[of_namespaces("poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", ALL)
            .short(&["pdb"])
            .with(&[STATUS])],
    },
    RBAC,
    GroupVersion {
        group: "storage.k8s.io",
        version: "v1",
        rows: &[
            of_cluster("csidrivers", "csidriver", "CSIDriver", ALL).missing(),
            of_cluster("csinodes", "csinode", "CSINode", ALL).missing(),
            of_namespaces("csistoragecapacities", "csistoragecapacity", "CSIStorageCapacity", ALL).missing(),
            of_cluster("storageclasses", "storageclass", "StorageClass", ALL).short(&["sc"]).missing(),
            of_cluster("volumeattachments", "volumeattachment", "VolumeAttachment", ALL).with(&[STATUS]).missing(),
            of_cluster("volumeattributesclasses", "volumeattributesclass", "VolumeAttributesClass", ALL)
                .short(&["vac"])
                .missing(),
        ],
    },
    ADMISSION,
    API_EXTENSIONS,
    GroupVersion {
        group: "scheduling.k8s.io",
        version: "v1",
        rows: &[of_cluster("priorityclasses", "priorityclass", "PriorityClass", ALL).short(&["pc"])],
    },
    COORDINATION,
    GroupVersion {
        group: "node.k8s.io",
        version: "v1",
        rows: &[of_cluster("runtimeclasses", "runtimeclass", "RuntimeClass", ALL).missing()],
    },
    GroupVersion {
        group: "discovery.k8s.io",
        version: "v1",
        rows: &[of_namespaces("endpointslices", "endpointslice", "EndpointSlice", ALL)],
    },
    GroupVersion {
        group: "resource.k8s.io",
        version: "v1",
        rows: &[
            of_cluster("deviceclasses", "deviceclass", "DeviceClass", ALL).missing(),
            of_namespaces("resourceclaims", "resourceclaim", "ResourceClaim", ALL).with(&[STATUS]).missing(),
            of_namespaces("resourceclaimtemplates", "resourceclaimtemplate", "ResourceClaimTemplate", ALL).missing(),
            of_cluster("resourceslices", "resourceslice", "ResourceSlice", ALL).missing(),
        ],
    },
    GroupVersion {
        group: "flowcontrol.apiserver.k8s.io",
        version: "v1",
        rows: &[
            of_cluster("flowschemas", "flowschema", "FlowSchema", ALL).with(&[STATUS]).missing(),
            of_cluster("prioritylevelconfigurations", "prioritylevelconfiguration", "PriorityLevelConfiguration", ALL)
                .with(&[STATUS])
                .missing(),
        ],
    },
    GroupVersion {
        group: "apiregistration.k8s.io",
        version: "v1",
        rows: &[of_cluster("apiservices", "apiservice", "APIService", ALL)
            .in_categories(&["api-extensions"])
            .with(&[STATUS])
            .missing()],
    },
];
