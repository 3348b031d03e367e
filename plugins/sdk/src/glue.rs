//! The generated bindings of the contract's version 0.2 and what joins them to the traits. Only in a build for WebAssembly.
//!
//! Both worlds export `about`, and two sets of bindings of one interface cannot live in one crate: the
//! macros that they export have the same names. So the bindings are generated once for each interface, as worlds of one
//! export; a plugin exports two of them, and the linker's union of both is the world of the contract.

#![allow(unsafe_code, clippy::pedantic, clippy::allow_attributes, reason = "generated code at the border")]

/// The bindings of `about`, `log` and `types`.
pub mod about {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package berthage:guest-about;
            world exported-about {
                import berthage:plugin/log@0.2.0;
                export berthage:plugin/about@0.2.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export",
    });
}

/// The bindings of `reconcile`.
pub mod reconcile {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package berthage:guest-reconcile;
            world exported-reconcile {
                export berthage:plugin/reconcile@0.2.0;
            }
        ",
        with: { "berthage:plugin/types@0.2.0": crate::glue::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export",
    });
}

/// The bindings of `transform`.
pub mod transform {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package berthage:guest-transform;
            world exported-transform {
                export berthage:plugin/transform@0.2.0;
            }
        ",
        with: { "berthage:plugin/types@0.2.0": crate::glue::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export",
    });
}

pub use about::berthage::plugin::{log, types};
pub use about::exports::berthage::plugin::about::Guest as AboutGuest;
pub use reconcile::exports::berthage::plugin::reconcile::Guest as ReconcileGuest;
pub use transform::exports::berthage::plugin::transform::Guest as TransformGuest;

use std::marker::PhantomData;

use crate::call::{self, RawInput};
use crate::input::{ApplyResult, RawGroup};
use crate::log::Level;
use crate::outcome::{Condition, Next, Note, Plan, Report, Transformed};
use crate::plugin::{Plugin, Reconciler, Transformer};
use crate::selection::{ObjectRef, Requirement, Selection};

/// A reconciler as the generated bindings want it.
pub struct ReconcilerComponent<P>(PhantomData<P>);

/// A transformer as the generated bindings want it.
pub struct TransformerComponent<P>(PhantomData<P>);

pub(crate) fn emit(level: Level, message: &str) {
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::emit(level, message);
}

/// Sends a panic's message to the host's log: without it, all that the host sees is a trap.
fn announce_panics() {
    std::panic::set_hook(Box::new(|info| emit(Level::Error, &info.to_string())));
}

impl<P: Plugin> AboutGuest for ReconcilerComponent<P> {
    fn describe() -> Vec<u8> {
        announce_panics();
        call::describe::<P>()
    }

    fn check_config(config: Vec<u8>) -> Result<Vec<u8>, Vec<String>> {
        announce_panics();
        call::check_config::<P>(&config)
    }
}

impl<P: Plugin> AboutGuest for TransformerComponent<P> {
    fn describe() -> Vec<u8> {
        announce_panics();
        call::describe::<P>()
    }

    fn check_config(config: Vec<u8>) -> Result<Vec<u8>, Vec<String>> {
        announce_panics();
        call::check_config::<P>(&config)
    }
}

impl<P: Reconciler> ReconcileGuest for ReconcilerComponent<P> {
    fn select(subject: Vec<u8>, config: Vec<u8>) -> Result<Vec<types::Selection>, String> {
        announce_panics();
        selections(call::select::<P>(&subject, &config))
    }

    fn plan(input: types::Input) -> Result<types::PlanOutcome, String> {
        announce_panics();
        call::plan::<P>(input.into()).map(Into::into)
    }

    fn report(input: types::Input) -> Result<types::ReportOutcome, String> {
        announce_panics();
        call::report::<P>(input.into()).map(Into::into)
    }

    fn finalize(input: types::Input) -> Result<types::ReportOutcome, String> {
        announce_panics();
        call::finalize::<P>(input.into()).map(Into::into)
    }
}

impl<P: Transformer> TransformGuest for TransformerComponent<P> {
    fn select(subject: Vec<u8>, config: Vec<u8>) -> Result<Vec<types::Selection>, String> {
        announce_panics();
        selections(call::select::<P>(&subject, &config))
    }

    fn transform(input: types::Input, objects: Vec<Vec<u8>>) -> Result<types::TransformOutcome, String> {
        announce_panics();
        call::transform::<P>(input.into(), &objects).map(Into::into)
    }
}

fn selections(selected: Result<Vec<Selection>, String>) -> Result<Vec<types::Selection>, String> {
    Ok(selected?.into_iter().map(Into::into).collect())
}

fn json(value: &serde_json::Value) -> Vec<u8> {
    // A Value always serialises.
    serde_json::to_vec(value).unwrap_or_default()
}

impl From<types::Input> for RawInput {
    fn from(input: types::Input) -> Self {
        Self {
            subject: input.subject,
            config: input.config,
            facts: input.facts,
            reads: input
                .reads
                .into_iter()
                .map(|group| RawGroup { id: group.id, complete: group.complete, items: group.items })
                .collect(),
            results: input
                .results
                .into_iter()
                .map(|result| ApplyResult {
                    object: result.ref_.into(),
                    ok: result.ok,
                    code: result.code,
                    message: result.message,
                })
                .collect(),
            now: input.now,
            attempt: input.attempt,
        }
    }
}

impl From<types::ObjectRef> for ObjectRef {
    fn from(object: types::ObjectRef) -> Self {
        let types::ObjectRef { group, version, kind, namespace, name } = object;
        Self { group, version, kind, namespace, name }
    }
}

impl From<ObjectRef> for types::ObjectRef {
    fn from(object: ObjectRef) -> Self {
        let ObjectRef { group, version, kind, namespace, name } = object;
        Self { group, version, kind, namespace, name }
    }
}

impl From<Selection> for types::Selection {
    fn from(selection: Selection) -> Self {
        let Selection { id, site, group, version, kind, namespace, names, labels, fields } = selection;
        let requirement = |Requirement { key, operator, values }| types::Requirement { key, operator, values };
        let labels = labels.into_iter().map(requirement).collect();
        Self { id, site, group, version, kind, namespace, names, labels, fields }
    }
}

impl From<Condition> for types::Condition {
    fn from(condition: Condition) -> Self {
        Self {
            kind: condition.kind,
            status: condition.status.as_str().to_owned(),
            reason: condition.reason,
            message: condition.message,
            lowers_ready: condition.lowers_ready,
        }
    }
}

impl From<Note> for types::Note {
    fn from(note: Note) -> Self {
        let level = if note.warning { "Warning" } else { "Normal" }.to_owned();
        Self { level, reason: note.reason, message: note.message }
    }
}

impl From<Next> for types::Next {
    fn from(next: Next) -> Self {
        match next {
            Next::Settled => Self::Settled,
            Next::AgainAfter(time) => Self::AgainAfter(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            Next::WaitingFor(objects) => Self::WaitingFor(objects.into_iter().map(Into::into).collect()),
            Next::Retry { reason, message } => Self::Retry((reason, message)),
            Next::Invalid { reason, message } => Self::Invalid((reason, message)),
        }
    }
}

impl From<Plan> for types::PlanOutcome {
    fn from(plan: Plan) -> Self {
        let renders =
            plan.renders.into_iter().map(|render| types::Render { set: render.set, values: json(&render.values) });
        Self {
            renders: renders.collect(),
            objects: plan.objects.iter().map(json).collect(),
            hold: plan.hold,
            conditions: plan.conditions.into_iter().map(Into::into).collect(),
            notes: plan.notes.into_iter().map(Into::into).collect(),
            after: plan.after.into(),
        }
    }
}

impl From<Report> for types::ReportOutcome {
    fn from(report: Report) -> Self {
        Self {
            conditions: report.conditions.into_iter().map(Into::into).collect(),
            notes: report.notes.into_iter().map(Into::into).collect(),
            after: report.after.into(),
        }
    }
}

impl From<Transformed> for types::TransformOutcome {
    fn from(transformed: Transformed) -> Self {
        Self {
            objects: transformed.objects.iter().map(json).collect(),
            conditions: transformed.conditions.into_iter().map(Into::into).collect(),
            notes: transformed.notes.into_iter().map(Into::into).collect(),
            after: transformed.after.into(),
        }
    }
}
