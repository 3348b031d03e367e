//! The facts of built-in kinds, from `pkg/registry/<group>/<kind>/{strategy.go,storage/storage.go}`.
//!
//! Kinds that are not here are none of the sandbox. A status that a server clears is what Go writes for an empty one.

use serde_json::json;

use super::kind::{Again, Deleting, Facts, Garbage, Generation, Status};
use crate::validation::names::NameRule;

/// A kind without status, without generation: Secrets.
const PLAIN: Facts = Facts {
    custom: false,
    qualified_finalizers: true,
    names: NameRule::Subdomain,
    generation: Generation::Ignored,
    kept: &[],
    status: Status::None,
    initial: None,
    unconditional: true,
    create_on_update: false,
    again: Again::Update,
    garbage: Garbage::Background,
    returns_deleted: false,
    deletion: Deleting::Plain,
};

/// A kind with a status that its controller writes.
const WITH_STATUS: Facts =
    Facts { kept: &["status"], status: Status::AndMetadataBut(&[]), initial: Some(|_| Some(json!({}))), ..PLAIN };

/// And with a generation.
const COUNTED: Facts = Facts { generation: Generation::Content, ..WITH_STATUS };

const RBAC: Facts =
    Facts { names: NameRule::PathSegment, create_on_update: true, again: Again::ObjectAndUpdate, ..PLAIN };

const TWICE: Facts = Facts { again: Again::UpdateAndObject, ..PLAIN };

const WEBHOOKS: Facts = Facts { generation: Generation::Content, unconditional: false, again: Again::Object, ..PLAIN };

/// The facts of a built-in kind.
pub fn builtin(group: &str, plural: &str) -> Option<Facts> {
    Some(match (group, plural) {
        ("", "namespaces") => Facts {
            names: NameRule::Label,
            kept: &["spec", "status"],
            initial: Some(|_| Some(json!({"phase": "Active"}))),
            again: Again::ObjectAndUpdate,
            returns_deleted: true,
            deletion: Deleting::Namespace,
            ..WITH_STATUS
        },
        ("", "secrets" | "configmaps") => TWICE,
        ("", "serviceaccounts") => Facts { returns_deleted: true, ..TWICE },
        ("", "services") => Facts {
            names: NameRule::Label,
            initial: Some(|_| Some(json!({"loadBalancer": {}}))),
            create_on_update: true,
            returns_deleted: true,
            ..WITH_STATUS
        },
        // Its first status is not in here: it says the quality of service, which is a matter of containers.
        ("", "pods") => Facts {
            status: Status::AndMetadataBut(&["ownerReferences", "deletionTimestamp"]),
            initial: None,
            again: Again::UpdateAndObject,
            returns_deleted: true,
            deletion: Deleting::Pod,
            ..COUNTED
        },
        // Whoever registers a node says its status at once.
        ("", "nodes") => Facts { initial: None, again: Again::ObjectAndUpdate, ..WITH_STATUS },
        ("", "resourcequotas") => Facts { returns_deleted: true, ..WITH_STATUS },
        ("", "limitranges") => Facts { create_on_update: true, again: Again::Object, ..PLAIN },
        ("", "persistentvolumeclaims") => Facts {
            initial: Some(|_| Some(json!({"phase": "Pending"}))),
            again: Again::UpdateAndObject,
            returns_deleted: true,
            ..WITH_STATUS
        },
        ("", "endpoints") => Facts { create_on_update: true, again: Again::UpdateAndObject, ..PLAIN },
        ("" | "events.k8s.io", "events") => {
            Facts { names: NameRule::PathSegment, create_on_update: true, garbage: Garbage::Unsupported, ..PLAIN }
        }
        ("apps", "deployments") => Facts {
            generation: Generation::ContentOrAnnotations,
            status: Status::AndMetadataBut(&["labels"]),
            ..COUNTED
        },
        ("apps", "statefulsets") => Facts {
            names: NameRule::Label,
            initial: Some(|_| Some(json!({"replicas": 0, "availableReplicas": 0}))),
            ..COUNTED
        },
        ("apps", "replicasets") => Facts { initial: Some(|_| Some(json!({"replicas": 0}))), ..COUNTED },
        ("apps", "daemonsets") => Facts {
            initial: Some(|_| {
                Some(json!({
                    "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0,
                }))
            }),
            ..COUNTED
        },
        ("networking.k8s.io", "ingresses") => Facts { initial: Some(|_| Some(json!({"loadBalancer": {}}))), ..COUNTED },
        ("batch", "cronjobs") => COUNTED,
        ("batch", "jobs") => Facts { garbage: Garbage::Orphan, ..COUNTED },
        // Its own validation leaves metadata out.
        ("policy", "poddisruptionbudgets") => Facts {
            names: NameRule::PathSegment,
            initial: Some(|_| {
                Some(json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}))
            }),
            unconditional: false,
            again: Again::None,
            ..COUNTED
        },
        ("autoscaling", "horizontalpodautoscalers") => {
            Facts { initial: Some(|_| Some(json!({"currentMetrics": null, "desiredReplicas": 0}))), ..WITH_STATUS }
        }
        ("rbac.authorization.k8s.io", "roles" | "rolebindings" | "clusterroles" | "clusterrolebindings") => RBAC,
        ("coordination.k8s.io", "leases") => {
            Facts { qualified_finalizers: false, unconditional: false, create_on_update: true, ..PLAIN }
        }
        ("networking.k8s.io", "networkpolicies") => Facts { generation: Generation::Content, ..PLAIN },
        ("networking.k8s.io", "ingressclasses") => Facts { generation: Generation::Content, ..TWICE },
        ("discovery.k8s.io", "endpointslices") => {
            Facts { generation: Generation::ContentOrLabels, again: Again::Object, ..PLAIN }
        }
        ("scheduling.k8s.io", "priorityclasses") => Facts { generation: Generation::Fixed, ..PLAIN },
        ("storage.k8s.io", "storageclasses") => Facts { returns_deleted: true, ..PLAIN },
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations" | "mutatingwebhookconfigurations") => {
            WEBHOOKS
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => Facts {
            qualified_finalizers: false,
            unconditional: false,
            deletion: Deleting::Definition,
            initial: None,
            ..COUNTED
        },
        _ => return None,
    })
}
