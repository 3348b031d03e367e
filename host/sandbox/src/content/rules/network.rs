//! `NetworkPolicy`s.
//!
//! Facts: `ValidateNetworkPolicySpec` and what it calls in `pkg/apis/networking/validation/validation.go`.

use serde_json::Value;

use super::{Causes, address, values};
use crate::causes::{forbidden, invalid, invalid_value, required};
use crate::content::Object;
use crate::content::place::Place;

const PEERS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

/// A policy. Blocks of addresses that were there before may stay as they are.
pub(super) fn policy(policy: &Object, old: Option<&Object>, causes: &mut Causes) {
    let spec = Place::of(policy, "spec");
    let before = old.map(blocks).unwrap_or_default();
    spec.child("podSelector").selector(causes);
    for (direction, peers) in PEERS {
        for rule in spec.child(direction).items() {
            for port in rule.child("ports").items() {
                self::port(&port, causes);
            }
            for peer in rule.child(peers).items() {
                self::peer(&peer, &before, causes);
            }
        }
    }
    let types = spec.child("policyTypes");
    if types.len() > 2 {
        causes.push(values::shown(&types, "may not specify more than two policyTypes"));
        return;
    }
    for kind in types.items() {
        values::one_of(&kind, &["Ingress", "Egress"], causes);
    }
}

fn blocks(old: &Object) -> Vec<&str> {
    let spec = Place::of(old, "spec");
    let mut blocks = Vec::new();
    for (direction, peers) in PEERS {
        for rule in spec.child(direction).items() {
            for peer in rule.child(peers).items() {
                let block = peer.child("ipBlock");
                if block.is_said() {
                    blocks.push(block.child("cidr").text());
                    blocks.extend(block.child("except").items().map(|except| except.text()));
                }
            }
        }
    }
    blocks
}

fn port(port: &Place<'_>, causes: &mut Causes) {
    let [protocol, number, end] = ["protocol", "port", "endPort"].map(|name| port.child(name));
    if protocol.is_said() {
        values::one_of(&protocol, &["TCP", "UDP", "SCTP"], causes);
    }
    match number.value() {
        Value::Null => {
            if end.is_said() {
                causes.push(invalid_value(
                    end.path(),
                    end.value(),
                    "may not be specified when `port` is not specified",
                ));
            }
        }
        Value::String(_) => {
            if end.is_said() {
                causes.push(invalid_value(end.path(), end.value(), "may not be specified when `port` is non-numeric"));
            }
            values::port(&number, causes);
        }
        _ => {
            values::port(&number, causes);
            if end.is_said() {
                if end.number() < number.number() {
                    // The server shows the other port.
                    let why = "must be greater than or equal to `port`";
                    causes.push(invalid_value(end.path(), number.value(), why));
                }
                values::port_number(&end, causes);
            }
        }
    }
}

fn peer(peer: &Place<'_>, before: &[&str], causes: &mut Causes) {
    let [pods, namespaces, block] = ["podSelector", "namespaceSelector", "ipBlock"].map(|name| peer.child(name));
    pods.selector(causes);
    namespaces.selector(causes);
    if block.is_said() {
        ip_block(&block, before, causes);
    }
    match [pods.is_said(), namespaces.is_said(), block.is_said()] {
        [false, false, false] => causes.push(required(peer.path(), "must specify a peer")),
        [true, _, true] | [_, true, true] => {
            causes.push(forbidden(peer.path(), "may not specify both ipBlock and another peer"));
        }
        _ => {}
    }
}

fn ip_block(block: &Place<'_>, before: &[&str], causes: &mut Causes) {
    let whole = block.child("cidr");
    if !values::said(&whole, causes) {
        return;
    }
    let Some(whole) = address::block(&whole, before, causes) else { return };
    for except in block.child("except").items() {
        if let Some(part) = address::block(&except, before, causes)
            && !whole.has_part(part)
        {
            causes.push(invalid(except.path(), except.text(), "must be a strict subset of `cidr`"));
        }
    }
}
