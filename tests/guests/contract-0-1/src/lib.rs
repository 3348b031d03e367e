//! A plugin of both worlds of version 0.1 of the contract, as its authors would have built it then: from `wit/0.1`, without
//! the SDK, which has moved on. What it is given it gives back, so that a test sees that nothing of it was lost on the way.
#![cfg(target_family = "wasm")]
#![allow(unsafe_code, clippy::allow_attributes, reason = "generated code at the border, which is all over this file")]

mod bindings {
    #![allow(missing_docs, clippy::pedantic, clippy::allow_attributes, reason = "generated code at the border")]

    wit_bindgen::generate!({
        path: "../../../wit/0.1",
        inline: "
            package berthage:guest-both;
            world both {
                import berthage:plugin/log@0.1.0;
                export berthage:plugin/about@0.1.0;
                export berthage:plugin/reconcile@0.1.0;
                export berthage:plugin/transform@0.1.0;
            }
        ",
        generate_all,
    });
}

use bindings::berthage::plugin::log;
use bindings::berthage::plugin::types::{Condition, Next, Note, ObjectRef, Render};
use bindings::exports::berthage::plugin::about::Guest as About;
use bindings::exports::berthage::plugin::reconcile::{
    Guest as Reconcile, Input, PlanOutcome, ReportOutcome, Selection,
};
use bindings::exports::berthage::plugin::transform::{Guest as Transform, TransformOutcome};
use serde_json::{Value, json};

struct Plugin;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Everything of an input, as one JSON value.
fn everything(input: &Input) -> Value {
    json!({
        "subject": text(&input.subject),
        "config": text(&input.config),
        "facts": text(&input.facts),
        "reads": input.reads.iter().map(|group| json!({
            "id": group.id,
            "complete": group.complete,
            "items": group.items.iter().map(|item| text(item)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "results": input.results.iter().map(|result| json!({
            "ref": [
                result.ref_.group, result.ref_.version, result.ref_.kind, result.ref_.namespace, result.ref_.name
            ],
            "ok": result.ok,
            "code": result.code,
            "message": result.message,
        })).collect::<Vec<_>>(),
        "now": input.now,
        "attempt": input.attempt,
    })
}

/// What comes next, as the annotation `next` of the subject says.
fn next(subject: &[u8]) -> Next {
    let subject: Value = serde_json::from_slice(subject).unwrap_or_default();
    match subject.pointer("/metadata/annotations/next").and_then(Value::as_str) {
        Some("again") => Next::AgainAfter(1500),
        Some("wait") => Next::WaitingFor(vec![ObjectRef {
            group: "g".to_owned(),
            version: "v1".to_owned(),
            kind: "K".to_owned(),
            namespace: "ns".to_owned(),
            name: "n".to_owned(),
        }]),
        Some("retry") => Next::Retry(("Later".to_owned(), "soon".to_owned())),
        Some("invalid") => Next::Invalid(("Wrong".to_owned(), "never".to_owned())),
        _ => Next::Settled,
    }
}

fn conditions() -> Vec<Condition> {
    vec![Condition {
        kind: "Seen".to_owned(),
        status: "Unknown".to_owned(),
        reason: "Asked".to_owned(),
        message: "by an old one".to_owned(),
        lowers_ready: true,
    }]
}

fn notes() -> Vec<Note> {
    vec![Note { level: "Warning".to_owned(), reason: "Said".to_owned(), message: "so".to_owned() }]
}

fn selections() -> Vec<Selection> {
    vec![Selection {
        id: "sites".to_owned(),
        site: "hub".to_owned(),
        group: "tmc.kcp.io".to_owned(),
        version: "v1alpha1".to_owned(),
        kind: "ClusterRegistration".to_owned(),
        namespace: String::new(),
        names: vec!["east".to_owned()],
    }]
}

impl About for Plugin {
    fn describe() -> Vec<u8> {
        let about = json!({
            "name": "old", "version": "0.1.0", "description": "Of version 0.1.",
            "subject": {"group": "workload.kcp.io", "version": "v1alpha1", "kind": "SyncTarget"},
        });
        about.to_string().into_bytes()
    }

    fn check_config(config: Vec<u8>) -> Result<Vec<u8>, Vec<String>> {
        log::emit(log::Level::Info, "an old plugin is asked");
        if text(&config).contains("wrong") { Err(vec!["it is wrong".to_owned()]) } else { Ok(config) }
    }
}

impl Reconcile for Plugin {
    fn select(_: Vec<u8>, _: Vec<u8>) -> Result<Vec<Selection>, String> {
        Ok(selections())
    }

    fn plan(input: Input) -> Result<PlanOutcome, String> {
        let render = Render { set: "syncer".to_owned(), values: everything(&input).to_string().into_bytes() };
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}});
        Ok(PlanOutcome {
            renders: vec![render],
            objects: vec![object.to_string().into_bytes()],
            hold: true,
            conditions: conditions(),
            notes: notes(),
            after: next(&input.subject),
        })
    }

    fn report(input: Input) -> Result<ReportOutcome, String> {
        Ok(ReportOutcome { conditions: conditions(), notes: notes(), after: next(&input.subject) })
    }

    fn finalize(input: Input) -> Result<ReportOutcome, String> {
        Self::report(input)
    }
}

impl Transform for Plugin {
    fn select(_: Vec<u8>, _: Vec<u8>) -> Result<Vec<Selection>, String> {
        Ok(selections())
    }

    fn transform(input: Input, objects: Vec<Vec<u8>>) -> Result<TransformOutcome, String> {
        if text(&input.subject).contains("refused") {
            return Err("not this one".to_owned());
        }
        let objects = if text(&input.subject).contains("nothing") { Vec::new() } else { objects };
        Ok(TransformOutcome { objects, conditions: conditions(), notes: notes() })
    }
}

bindings::export!(Plugin with_types_in bindings);
