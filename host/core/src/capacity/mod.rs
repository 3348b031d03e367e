//! What a physical cluster's nodes add up to.
//!
//! The probe adds each node while the list streams in and keeps nothing of it. A cluster may be hostile: names are
//! bounded, what cannot be read is counted and left out, and nothing that a node says can make the sum fail.

mod quantity;
#[cfg(test)]
mod vectors;

use std::collections::BTreeMap;

pub use quantity::{Format, Quantity, QuantityError};
use serde::Deserialize;

use crate::api::ResourceSummary;

/// How many resource names are kept. A node with every kind of accelerator has about twenty.
const NAMES: usize = 32;
/// The longest name that Kubernetes allows: a DNS subdomain, a slash and 63 characters.
const NAME_BYTES: usize = 253 + 1 + 63;
/// Kept even when a cluster has more names than are kept.
const ALWAYS: [&str; 4] = ["cpu", "ephemeral-storage", "memory", "pods"];

/// The part of a Node that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// What it has.
    pub capacity: BTreeMap<String, String>,
    /// What it offers to pods.
    pub allocatable: BTreeMap<String, String>,
    /// Whether its condition Ready is True.
    pub ready: bool,
    /// Whether it is cordoned.
    pub unschedulable: bool,
}

impl Node {
    /// From `spec` and `status` as an API server writes them, or nothing where they are absent. Of all else that a node has,
    /// such as the images on it, no value is made.
    pub fn read(spec: Option<&str>, status: Option<&str>) -> Result<Self, serde_json::Error> {
        let spec: Spec = spec.map_or_else(|| Ok(Spec::default()), serde_json::from_str)?;
        let status: Status = status.map_or_else(|| Ok(Status::default()), serde_json::from_str)?;
        let mut conditions = status.conditions.iter().flatten();
        Ok(Self {
            ready: conditions.any(|condition| condition.kind == "Ready" && condition.status == "True"),
            capacity: status.capacity.unwrap_or_default(),
            allocatable: status.allocatable.unwrap_or_default(),
            unschedulable: spec.unschedulable.unwrap_or(false),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    unschedulable: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    capacity: Option<BTreeMap<String, String>>,
    allocatable: Option<BTreeMap<String, String>>,
    conditions: Option<Vec<Condition>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// A running sum over nodes. Their order does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSum {
    nodes: i64,
    capacity: Sums,
    allocatable: Sums,
}

impl NodeSum {
    /// Adds a node: its capacity always, what it offers only if it is ready and not cordoned.
    pub fn add(&mut self, node: &Node) {
        self.nodes = self.nodes.saturating_add(1);
        self.capacity.add(&node.capacity);
        if node.ready && !node.unschedulable {
            self.allocatable.add(&node.allocatable);
        }
    }

    /// The sums, as Kubernetes writes quantities.
    pub fn summary(&self) -> ResourceSummary {
        ResourceSummary {
            nodes: self.nodes,
            capacity: self.capacity.written(),
            allocatable: self.allocatable.written(),
        }
    }

    /// How many values were left out: unreadable or negative quantities, impossible names, and sums without end.
    pub const fn left_out(&self) -> u64 {
        self.capacity.left_out.saturating_add(self.allocatable.left_out)
    }
}

/// Sums by resource name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sums {
    by_name: BTreeMap<Rank, Quantity>,
    left_out: u64,
}

/// Names in the order in which they are kept: the ones that every cluster has first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    other: bool,
    name: String,
}

impl Sums {
    fn add(&mut self, values: &BTreeMap<String, String>) {
        for (name, text) in values {
            if self.add_one(name, text).is_none() {
                self.left_out = self.left_out.saturating_add(1);
            }
        }
        // What falls out stays out, as the names before it only become more: so the order of the nodes does not matter.
        while self.by_name.len() > NAMES {
            self.by_name.pop_last();
        }
    }

    fn add_one(&mut self, name: &str, text: &str) -> Option<()> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(plain) {
            return None;
        }
        let quantity: Quantity = text.parse().ok()?;
        if quantity.is_negative() {
            return None;
        }
        let rank = Rank { other: !ALWAYS.contains(&name), name: name.to_owned() };
        let sum = self.by_name.entry(rank).or_default();
        *sum = sum.checked_add(quantity)?;
        Some(())
    }

    fn written(&self) -> BTreeMap<String, String> {
        self.by_name.iter().map(|(rank, sum)| (rank.name.clone(), sum.to_string())).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn node(capacity: &[(&str, &str)], allocatable: &[(&str, &str)]) -> Node {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        Node { capacity: map(capacity), allocatable: map(allocatable), ready: true, unschedulable: false }
    }

    #[test]
    fn nodes_are_read_as_the_api_server_writes_them() {
        let read = |value: serde_json::Value| {
            let part = |name: &str| value.get(name).map(ToString::to_string);
            Node::read(part("spec").as_deref(), part("status").as_deref()).unwrap()
        };
        let whole = read(json!({
            "metadata": {"name": "n"},
            "spec": {"unschedulable": true, "podCIDR": "10.0.0.0/24"},
            "status": {
                "capacity": {"cpu": "4"}, "allocatable": {"cpu": "3920m"},
                "conditions": [
                    {"type": "MemoryPressure", "status": "False"},
                    {"type": "Ready", "status": "True", "reason": "KubeletReady"},
                ],
            },
        }));
        assert_eq!(whole, Node { unschedulable: true, ..node(&[("cpu", "4")], &[("cpu", "3920m")]) });
        assert_eq!(read(json!({"metadata": {}})), Node::default());
        assert!(!read(json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})).ready);
        assert!(Node::read(None, Some(r#"{"capacity": 4}"#)).is_err());
    }

    #[test]
    fn only_nodes_that_take_pods_offer_anything() {
        let mut sum = NodeSum::default();
        let both = node(&[("cpu", "4"), ("memory", "16Gi")], &[("cpu", "3920m"), ("memory", "16393244Ki")]);
        sum.add(&both);
        sum.add(&both);
        sum.add(&Node { ready: false, ..both.clone() });
        sum.add(&Node { unschedulable: true, ..both });
        insta::assert_json_snapshot!(sum.summary(), @r#"
        {
          "nodes": 4,
          "capacity": {
            "cpu": "16",
            "memory": "64Gi"
          },
          "allocatable": {
            "cpu": "7840m",
            "memory": "32786488Ki"
          }
        }
        "#);
        assert_eq!(sum.left_out(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_left_out() {
        let mut sum = NodeSum::default();
        let long = "n".repeat(NAME_BYTES + 1);
        sum.add(&node(
            &[("cpu", "many"), ("memory", "-1Gi"), ("\u{1b}[m", "1"), ("", "1"), (&long, "1"), ("pods", "110")],
            &[],
        ));
        assert_eq!(sum.left_out(), 5);
        assert_eq!(sum.summary().capacity, [("pods".to_owned(), "110".to_owned())].into());
        let endless = node(&[("pods", "100000000000E")], &[]);
        sum.add(&endless);
        sum.add(&endless);
        assert_eq!(sum.left_out(), 6);
        assert_eq!(sum.summary().nodes, 3);
    }

    #[test]
    fn names_are_bounded_and_the_usual_ones_stay() {
        let many: Vec<_> = (0..100).map(|number| format!("a{number:03}")).collect();
        let mut sum = NodeSum::default();
        for chunk in many.chunks(7).rev() {
            let pairs: Vec<_> = chunk.iter().map(|name| (name.as_str(), "1")).collect();
            sum.add(&node(&pairs, &[]));
        }
        sum.add(&node(&[("pods", "1"), ("cpu", "1"), ("memory", "1"), ("ephemeral-storage", "1")], &[]));
        let kept: Vec<_> = sum.summary().capacity.into_keys().collect();
        assert_eq!(kept.len(), NAMES);
        assert_eq!(kept[..28], many[..28]);
        assert_eq!(kept[28..], ALWAYS);
    }

    proptest! {
        #[test]
        fn order_of_nodes_does_not_matter(
            nodes in prop::collection::vec(
                prop::collection::btree_map("[a-d][a-z]|cpu|memory", "[0-9]{1,4}(m|Ki|Gi|k|e3|)|0|-1|x", 0..20), 1..8,
            ),
            by in any::<prop::sample::Index>(),
        ) {
            let sum = |nodes: &[BTreeMap<String, String>]| {
                let mut sum = NodeSum::default();
                for capacity in nodes {
                    sum.add(&Node { capacity: capacity.clone(), ..Node::default() });
                }
                sum
            };
            let mut turned = nodes.clone();
            turned.rotate_left(by.index(nodes.len()));
            prop_assert_eq!(sum(&nodes), sum(&turned));
        }
    }
}
