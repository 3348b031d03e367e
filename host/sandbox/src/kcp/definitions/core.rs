//! `core.kcp.io`: what there is one of in each logical cluster, and where they are.

use serde_json::{Value, json};

use super::parts::{
    conditions, defaulted, filled, flag, initializers, matching, named, object, phase, text, texts, whole,
};
use super::{AGE, Definition};

const GROUP: &str = "core.kcp.io";

pub(super) const ALL: &[Definition] = &[
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "logicalclusters",
        kind: "LogicalCluster",
        short: &[],
        status: true,
        columns: &[("Phase", "string", ".status.phase"), ("URL", "string", ".status.URL"), AGE],
        prefix: "",
        schema: logical_cluster,
    },
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "shards",
        kind: "Shard",
        short: &[],
        status: true,
        columns: &[
            ("Region", "string", ".metadata.labels['region']"),
            ("URL", "string", ".spec.baseURL"),
            ("External URL", "string", ".spec.externalURL"),
            AGE,
        ],
        prefix: "v260302-ae9fdd9c1",
        schema: shard,
    },
];

fn logical_cluster() -> Value {
    let extra = json!({"type": "object", "additionalProperties": texts()});
    let creator = object(&[], [("extra", extra), ("groups", texts()), ("uid", text()), ("username", text())]);
    let owner = object(
        &["apiVersion", "cluster", "name", "resource", "uid"],
        [
            ("apiVersion", matching("^([^/]+/)?[^/]+$")),
            ("cluster", filled()),
            ("name", filled()),
            ("namespace", text()),
            ("resource", filled()),
            ("uid", text()),
        ],
    );
    let spec = object(
        &[],
        [
            ("createdBy", creator),
            ("directlyDeletable", defaulted(flag(), json!(false))),
            ("initializers", initializers()),
            ("owner", owner),
            ("terminators", initializers()),
        ],
    );
    let status = object(
        &[],
        [
            ("URL", text()),
            ("conditions", conditions()),
            ("initializers", initializers()),
            ("phase", phase()),
            ("terminators", initializers()),
        ],
    );
    let metadata = object(&[], [("name", json!({"type": "string", "enum": ["cluster"]}))]);
    named(&[], metadata, defaulted(spec, json!({})), Some(defaulted(status, json!({}))))
}

fn shard() -> Value {
    let url = || json!({"type": "string", "format": "uri", "minLength": 1});
    let spec = object(&["baseURL"], [("baseURL", url()), ("externalURL", url()), ("virtualWorkspaceURL", url())]);
    let quantity = json!({
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
        "x-kubernetes-int-or-string": true,
    });
    let capacity = json!({"type": "object", "additionalProperties": quantity});
    whole(&[], spec, Some(object(&[], [("capacity", capacity), ("conditions", conditions())])))
}
