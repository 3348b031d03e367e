//! Nodes.
//!
//! Facts: `ValidateNode`, `ValidateNodeUpdate` and `pkg/registry/core/node/strategy.go`, which asks both of an update.
//! Annotations that once were taints, declared features and configuration sources are not looked at.

use super::{Causes, address, resources, scheduling, values};
use crate::causes::{duplicate_text, forbidden};
use crate::content::Object;
use crate::content::place::Place;

/// A node: a new one, or one that replaces another.
pub(super) fn node(node: &Object, old: Option<&Object>, causes: &mut Causes) {
    taints(node, causes);
    amounts(node, causes);
    for block in Place::of(node, "spec").child("podCIDRs").items() {
        address::block(&block, &[], causes);
    }
    if old.is_some() {
        change(node, old, causes);
    }
}

/// What an update of it, or of its status, has to meet.
pub(super) fn change(node: &Object, old: Option<&Object>, causes: &mut Causes) {
    amounts(node, causes);
    let addresses = Place::of(node, "status").child("addresses");
    let mut there = Vec::new();
    for address in addresses.items() {
        if there.contains(&address.value()) {
            let [kind, text] = ["type", "address"].map(|name| values::json(address.child(name).value()));
            causes.push(duplicate_text(address.path(), &format!(r#"{{"Type":{kind},"Address":{text}}}"#)));
        }
        there.push(address.value());
    }
    let Some(old) = old else { return };
    let [spec, before] = [node, old].map(|node| Place::of(node, "spec"));
    let [blocks, were] = [&spec, &before].map(|spec| spec.child("podCIDRs"));
    if !were.is_empty() {
        let why = "node updates may not change podCIDR except from \"\" to valid";
        let changed = were.items().zip(blocks.items()).filter(|(was, is)| was.text() != is.text()).count();
        let times = if were.len() == blocks.len() { changed } else { 1 };
        causes.extend((0..times).map(|_| forbidden(blocks.path(), why)));
    }
    let [provider, was] = [&spec, &before].map(|spec| spec.child("providerID"));
    if !was.text().is_empty() && was.text() != provider.text() {
        let why = "node updates may not change providerID except from \"\" to valid";
        causes.push(forbidden(provider.path(), why));
    }
    taints(node, causes);
    let [external, was] = [&spec, &before].map(|spec| spec.child("externalID"));
    if was.text() != external.text() {
        causes.push(forbidden(external.path(), "may not be updated"));
    }
}

/// The server tells of taints as if they were metadata.
fn taints(node: &Object, causes: &mut Causes) {
    scheduling::taints(&Place::of(node, "spec").child("taints").told("metadata.taints"), causes);
}

fn amounts(node: &Object, causes: &mut Causes) {
    for list in ["capacity", "allocatable"] {
        let list = Place::of(node, "status").child(list);
        for (name, amount) in list.entries() {
            let path = list.at(name);
            resources::amount(&amount.told(path), name, causes);
        }
    }
}
