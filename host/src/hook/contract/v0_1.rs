//! Version 0.1 of the contract, frozen: what crosses is turned into what the newest version has.

use super::newest;

bindings!("../wit/0.1");
exports!("0.1.0");

/// What a transformer's `err` was in this version: a refusal, which had no reason of its own.
const REFUSED: &str = "Refused";

impl From<newest::ObjectRef> for types::ObjectRef {
    fn from(object: newest::ObjectRef) -> Self {
        let newest::ObjectRef { group, version, kind, namespace, name } = object;
        Self { group, version, kind, namespace, name }
    }
}

impl From<types::ObjectRef> for newest::ObjectRef {
    fn from(object: types::ObjectRef) -> Self {
        let types::ObjectRef { group, version, kind, namespace, name } = object;
        Self { group, version, kind, namespace, name }
    }
}

impl From<newest::Input> for types::Input {
    fn from(input: newest::Input) -> Self {
        let newest::Input { subject, config, facts, reads, results, now, attempt } = input;
        let group = |group: newest::Group| {
            let newest::Group { id, complete, items } = group;
            types::Group { id, complete, items }
        };
        let result = |result: newest::ApplyResult| {
            let newest::ApplyResult { ref_: object, ok, code, message } = result;
            types::ApplyResult { ref_: object.into(), ok, code, message }
        };
        Self {
            subject,
            config,
            facts,
            reads: reads.into_iter().map(group).collect(),
            results: results.into_iter().map(result).collect(),
            now,
            attempt,
        }
    }
}

impl From<types::Selection> for newest::Selection {
    fn from(selection: types::Selection) -> Self {
        let types::Selection { id, site, group, version, kind, namespace, names } = selection;
        let (labels, fields) = (Vec::new(), Vec::new());
        Self { id, site, group, version, kind, namespace, names, labels, fields }
    }
}

impl From<types::Render> for newest::Render {
    fn from(render: types::Render) -> Self {
        let types::Render { set, values } = render;
        Self { set, values }
    }
}

impl From<types::Condition> for newest::Condition {
    fn from(condition: types::Condition) -> Self {
        let types::Condition { kind, status, reason, message, lowers_ready } = condition;
        Self { kind, status, reason, message, lowers_ready }
    }
}

impl From<types::Note> for newest::Note {
    fn from(note: types::Note) -> Self {
        let types::Note { level, reason, message } = note;
        Self { level, reason, message }
    }
}

impl From<types::Next> for newest::Next {
    fn from(next: types::Next) -> Self {
        match next {
            types::Next::Settled => Self::Settled,
            types::Next::AgainAfter(milliseconds) => Self::AgainAfter(milliseconds),
            types::Next::WaitingFor(objects) => Self::WaitingFor(each(objects)),
            types::Next::Retry(said) => Self::Retry(said),
            types::Next::Invalid(said) => Self::Invalid(said),
        }
    }
}

impl From<types::PlanOutcome> for newest::PlanOutcome {
    fn from(outcome: types::PlanOutcome) -> Self {
        let types::PlanOutcome { renders, objects, hold, conditions, notes, after } = outcome;
        Self {
            renders: each(renders),
            objects,
            hold,
            conditions: each(conditions),
            notes: each(notes),
            after: after.into(),
        }
    }
}

impl From<types::ReportOutcome> for newest::ReportOutcome {
    fn from(outcome: types::ReportOutcome) -> Self {
        let types::ReportOutcome { conditions, notes, after } = outcome;
        Self { conditions: each(conditions), notes: each(notes), after: after.into() }
    }
}

/// In this version every `err` of a transformer was a refusal, and there was nothing to say of what comes next.
#[expect(clippy::unnecessary_wraps, reason = "each version has this function, and in the next one it can fail")]
fn transformed(outcome: Result<types::TransformOutcome, String>) -> Result<newest::TransformOutcome, String> {
    Ok(match outcome {
        Ok(types::TransformOutcome { objects, conditions, notes }) => newest::TransformOutcome {
            objects,
            conditions: each(conditions),
            notes: each(notes),
            after: newest::Next::Settled,
        },
        Err(refusal) => newest::TransformOutcome {
            objects: Vec::new(),
            conditions: Vec::new(),
            notes: Vec::new(),
            after: newest::Next::Invalid((REFUSED.to_owned(), refusal)),
        },
    })
}

fn each<A, B: From<A>>(items: Vec<A>) -> Vec<B> {
    items.into_iter().map(Into::into).collect()
}
