//! `topology.kcp.io`: which shards belong together. Partitions are looked at, sets of partitions are only kept.

use serde_json::{Value, json};

use super::parts::{conditions, list, object, selector, text, whole};
use super::{AGE, Definition};

const GROUP: &str = "topology.kcp.io";

pub(super) const ALL: &[Definition] = &[
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "partitions",
        kind: "Partition",
        short: &[],
        status: false,
        columns: &[("Owner", "string", ".metadata.ownerReferences[*].name"), AGE],
        prefix: "v240903-d6797056a",
        schema: partition,
    },
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "partitionsets",
        kind: "PartitionSet",
        short: &[],
        status: true,
        columns: &[("Count", "string", ".status.count"), AGE],
        prefix: "v240903-d6797056a",
        schema: partition_set,
    },
];

fn partition() -> Value {
    whole(&["spec"], object(&[], [("selector", selector([]))]), None)
}

/// Without kcp's rules for the parts of labels.
fn partition_set() -> Value {
    let spec = object(&[], [("dimensions", list(&text())), ("shardSelector", selector([]))]);
    let status = object(&[], [("conditions", conditions()), ("count", json!({"type": "integer"}))]);
    whole(&["spec"], spec, Some(status))
}
