//! Outcomes as they come back, checked and turned into the host's own types.
//!
//! A plugin is not trusted: names are checked, texts are cleaned and cut, lists are counted, JSON is parsed with a bound on
//! its depth. What cannot be used is an error that says which field and why, never a guess.

use std::collections::BTreeSet;

use berthage_core::api::ConditionStatus;
use berthage_core::object::ObjectId;
use berthage_core::plugin::{
    Next, Note, ObjectRef, PlanOutcome, PluginCondition, RenderRequest, ReportOutcome, Requirement, Selection,
    TransformOutcome,
};
use berthage_core::selection::{self, OPERATORS};
use serde_json::Value;

use super::contract::newest as types;
use super::text::{clean, is_camel_case, is_dns_label, is_dns_subdomain, is_label};

/// Bytes of a message.
const MESSAGE: usize = 1 << 10;
/// Levels of a JSON text.
const DEPTH: usize = 32;
/// Entries of a list in an outcome.
const CONDITIONS: usize = 16;
const NOTES: usize = 16;
const RENDERS: usize = 4;
const OBJECTS: usize = 256;
const SELECTIONS: usize = 32;
const NAMES: usize = 64;
const LABELS: usize = 16;
const FIELDS: usize = 32;
/// Bytes of a JSON Pointer, and of a label's key with its prefix.
const FIELD: usize = 317;
const REFS: usize = 64;
/// Bounds of `again-after`, in milliseconds: not busier than once a second, not rarer than once a day.
const AGAIN: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;

/// Why an outcome cannot be used.
type Unusable = String;

/// What a plugin says in its own words: cleaned and cut.
pub(super) fn message(text: &str) -> String {
    clean(text, MESSAGE)
}

/// The outcome of `plan`; `plugin` is put before the kinds of its conditions.
pub(super) fn plan(plugin: &str, outcome: types::PlanOutcome) -> Result<PlanOutcome, Unusable> {
    counted("renders", outcome.renders.len(), RENDERS)?;
    Ok(PlanOutcome {
        renders: outcome.renders.into_iter().map(render).collect::<Result<_, _>>()?,
        objects: objects(&outcome.objects)?,
        hold: outcome.hold,
        conditions: conditions(plugin, outcome.conditions)?,
        notes: notes(outcome.notes)?,
        after: next(outcome.after)?,
    })
}

/// The outcome of `report` and of `finalize`.
pub(super) fn report(plugin: &str, outcome: types::ReportOutcome) -> Result<ReportOutcome, Unusable> {
    Ok(ReportOutcome {
        conditions: conditions(plugin, outcome.conditions)?,
        notes: notes(outcome.notes)?,
        after: next(outcome.after)?,
    })
}

/// The outcome of `transform`.
pub(super) fn transform(plugin: &str, outcome: types::TransformOutcome) -> Result<TransformOutcome, Unusable> {
    let after = next(outcome.after)?;
    Ok(TransformOutcome {
        objects: if after.goes_on() { objects(&outcome.objects)? } else { Vec::new() },
        conditions: conditions(plugin, outcome.conditions)?,
        notes: notes(outcome.notes)?,
        after,
    })
}

/// What `select` wants to read.
pub(super) fn selections(selected: Vec<types::Selection>) -> Result<Vec<Selection>, Unusable> {
    counted("selections", selected.len(), SELECTIONS)?;
    let mut ids = BTreeSet::new();
    selected
        .into_iter()
        .map(|selection| {
            let types::Selection { id, site, group, version, kind, namespace, names, labels, fields } = selection;
            let about = format!("selection {:?}", clean(&id, 63));
            if !is_label(&id) {
                return Err(format!("{about}: the id is not of letters, digits and dashes"));
            }
            if !ids.insert(id.clone()) {
                return Err(format!("{about}: the id is there twice"));
            }
            if site != "hub" {
                return Err(format!("{about}: the site is not \"hub\""));
            }
            kind_fits(&group, &version, &kind).map_err(|why| format!("{about}: {why}"))?;
            if group.is_empty() && kind == "Secret" {
                return Err(format!("{about}: Secrets are never shown to plugins"));
            }
            if !namespace.is_empty() && !is_dns_label(&namespace) {
                return Err(format!("{about}: the namespace is not a DNS label"));
            }
            counted("names of a selection", names.len(), NAMES)?;
            if !names.iter().all(|name| is_name(name)) {
                return Err(format!("{about}: a name is not one that an object can have"));
            }
            let labels = requirements(labels).map_err(|why| format!("{about}: {why}"))?;
            counted("fields of a selection", fields.len(), FIELDS)?;
            if !fields.iter().all(|field| field.len() <= FIELD && field.starts_with('/')) {
                return Err(format!("{about}: a field is not a JSON Pointer such as /spec/values"));
            }
            Ok(Selection { id, site, group, version, kind, namespace, names, labels, fields })
        })
        .collect()
}

/// What labels have to be.
fn requirements(labels: Vec<types::Requirement>) -> Result<Vec<Requirement>, Unusable> {
    counted("labels", labels.len(), LABELS)?;
    let requirement = |types::Requirement { key, operator, values }| Requirement { key, operator, values };
    let labels: Vec<Requirement> = labels.into_iter().map(requirement).collect();
    for requirement in &labels {
        counted("values of a label", requirement.values.len(), NAMES)?;
        let texts = requirement.values.iter().chain([&requirement.key]);
        if texts.into_iter().any(|text| text.len() > FIELD) || requirement.key.is_empty() {
            return Err("a label has no key, or it or a value is longer than a label can be".to_owned());
        }
    }
    selection::selector(&labels)
        .map_err(|operator| format!("the operator {:?} of a label is none of {OPERATORS:?}", clean(operator, 63)))?;
    Ok(labels)
}

fn counted(what: &str, count: usize, max: usize) -> Result<(), Unusable> {
    if count <= max { Ok(()) } else { Err(format!("{count} {what}, where {max} are allowed")) }
}

fn kind_fits(group: &str, version: &str, kind: &str) -> Result<(), Unusable> {
    if !group.is_empty() && !is_dns_subdomain(group) {
        return Err("the API group is not a DNS name".to_owned());
    }
    if !is_dns_label(version) {
        return Err("the API version is not a DNS label".to_owned());
    }
    if !is_label(kind) {
        return Err("the kind is not one word".to_owned());
    }
    Ok(())
}

/// Whether an object may have that name: RBAC objects also have colons in theirs.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 253 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c))
}

fn render(render: types::Render) -> Result<RenderRequest, Unusable> {
    if !is_dns_label(&render.set) {
        return Err("the name of a template set is not a DNS label".to_owned());
    }
    let values = json("the values of a render request", &render.values)?;
    if !values.is_object() {
        return Err("the values of a render request are not a JSON object".to_owned());
    }
    Ok(RenderRequest { set: render.set, values })
}

fn objects(objects: &[Vec<u8>]) -> Result<Vec<Value>, Unusable> {
    counted("objects", objects.len(), OBJECTS)?;
    objects
        .iter()
        .map(|object| {
            let object = json("an object", object)?;
            if ObjectId::of(&object).is_none() {
                return Err("an object has no apiVersion, kind or metadata.name".to_owned());
            }
            Ok(object)
        })
        .collect()
}

fn json(what: &str, text: &[u8]) -> Result<Value, Unusable> {
    let value = serde_json::from_slice(text).map_err(|error| format!("{what} is not JSON: {error}"))?;
    if is_deeper_than(&value, DEPTH) { Err(format!("{what} has more than {DEPTH} levels")) } else { Ok(value) }
}

/// Recursion is bounded by serde_json, which parses 128 levels and no more.
fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let deeper = |value: &Value| levels == 0 || is_deeper_than(value, levels - 1);
    match value {
        Value::Array(items) => items.iter().any(deeper),
        Value::Object(entries) => entries.values().any(deeper),
        _ => false,
    }
}

fn conditions(plugin: &str, conditions: Vec<types::Condition>) -> Result<Vec<PluginCondition>, Unusable> {
    counted("conditions", conditions.len(), CONDITIONS)?;
    let mut kinds = BTreeSet::new();
    conditions
        .into_iter()
        .map(|condition| {
            let about = format!("condition {:?}", clean(&condition.kind, 63));
            if !is_label(&condition.kind) {
                return Err(format!("{about}: the kind is not of letters, digits and dashes"));
            }
            if !kinds.insert(condition.kind.clone()) {
                return Err(format!("{about}: is there twice"));
            }
            let status = match condition.status.as_str() {
                "True" => ConditionStatus::True,
                "False" => ConditionStatus::False,
                "Unknown" => ConditionStatus::Unknown,
                _ => return Err(format!("{about}: the status is not one of True, False and Unknown")),
            };
            Ok(PluginCondition {
                kind: format!("{plugin}/{}", condition.kind),
                status,
                reason: reason(condition.reason).map_err(|why| format!("{about}: {why}"))?,
                message: message(&condition.message),
                lowers_ready: condition.lowers_ready,
            })
        })
        .collect()
}

fn reason(reason: String) -> Result<String, Unusable> {
    if is_camel_case(&reason) { Ok(reason) } else { Err("the reason is not one CamelCase word".to_owned()) }
}

fn notes(notes: Vec<types::Note>) -> Result<Vec<Note>, Unusable> {
    counted("notes", notes.len(), NOTES)?;
    notes
        .into_iter()
        .map(|note| {
            let warning = match note.level.as_str() {
                "Normal" => false,
                "Warning" => true,
                _ => return Err("the level of a note is neither Normal nor Warning".to_owned()),
            };
            let reason = reason(note.reason).map_err(|why| format!("a note: {why}"))?;
            Ok(Note { warning, reason, message: message(&note.message) })
        })
        .collect()
}

fn next(next: types::Next) -> Result<Next, Unusable> {
    let said = |what: &str, (word, text): (String, String)| {
        Ok::<_, Unusable>((reason(word).map_err(|why| format!("{what}: {why}"))?, message(&text)))
    };
    Ok(match next {
        types::Next::Settled => Next::Settled,
        types::Next::AgainAfter(milliseconds) => Next::AgainAfter(milliseconds.clamp(*AGAIN.start(), *AGAIN.end())),
        types::Next::WaitingFor(refs) => {
            counted("objects to wait for", refs.len(), REFS)?;
            Next::WaitingFor(refs.into_iter().map(object_ref).collect::<Result<_, _>>()?)
        }
        types::Next::Retry(said_so) => {
            let (reason, message) = said("retry", said_so)?;
            Next::Retry { reason, message }
        }
        types::Next::Invalid(said_so) => {
            let (reason, message) = said("invalid", said_so)?;
            Next::Invalid { reason, message }
        }
    })
}

fn object_ref(object: types::ObjectRef) -> Result<ObjectRef, Unusable> {
    let types::ObjectRef { group, version, kind, namespace, name } = object;
    kind_fits(&group, &version, &kind).map_err(|why| format!("an object to wait for: {why}"))?;
    if !is_name(&name) || !(namespace.is_empty() || is_dns_label(&namespace)) {
        return Err("an object to wait for: no object can have that name and namespace".to_owned());
    }
    Ok(ObjectRef { group, version, kind, namespace, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_plan() -> types::PlanOutcome {
        types::PlanOutcome {
            renders: vec![],
            objects: vec![],
            hold: false,
            conditions: vec![],
            notes: vec![],
            after: types::Next::Settled,
        }
    }

    fn condition(kind: &str, status: &str, reason: &str) -> types::Condition {
        types::Condition {
            kind: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: format!("a\n{}", "x".repeat(2000)),
            lowers_ready: true,
        }
    }

    fn refused(change: impl FnOnce(&mut types::PlanOutcome)) -> String {
        let mut outcome = empty_plan();
        change(&mut outcome);
        plan("p", outcome).unwrap_err()
    }

    #[test]
    fn conditions_get_the_plugin_s_name_and_bounded_texts() {
        let outcome = types::PlanOutcome { conditions: vec![condition("Fine", "False", "SoSo")], ..empty_plan() };
        let condition = plan("p", outcome).unwrap().conditions.remove(0);
        assert_eq!(
            (condition.kind.as_str(), condition.status, condition.lowers_ready),
            ("p/Fine", ConditionStatus::False, true)
        );
        assert_eq!((condition.message.len(), &condition.message[..3]), (MESSAGE, "a x"));
    }

    #[test]
    fn each_rule_for_conditions_has_its_message() {
        let why = |conditions: Vec<types::Condition>| refused(|outcome| outcome.conditions = conditions);
        assert!(why(vec![condition("a/Ready", "True", "A")]).contains("letters, digits and dashes"));
        assert!(why(vec![condition("A", "true", "A")]).contains("True, False and Unknown"));
        assert!(why(vec![condition("A", "True", "no camel")]).contains("CamelCase"));
        assert!(why(vec![condition("A", "True", "A"), condition("A", "True", "A")]).contains("twice"));
        assert!(why((0..17).map(|i| condition(&format!("A{i}"), "True", "A")).collect()).contains("17 conditions"));
    }

    #[test]
    fn each_rule_for_objects_has_its_message() {
        let why = |object: &str| refused(|outcome| outcome.objects = vec![object.as_bytes().to_vec()]);
        assert!(why("{").contains("not JSON"));
        assert!(why("{}").contains("no apiVersion"));
        let deep = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(why(&deep(33)).contains("32 levels"));
        assert!(why(&deep(32)).contains("no apiVersion"));
        assert!(why(&deep(100_000)).contains("recursion limit"));
        assert!(refused(|outcome| outcome.objects = vec![b"{}".to_vec(); 257]).contains("257 objects"));
        let config_map = br#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}"#.to_vec();
        assert_eq!(
            plan("p", types::PlanOutcome { objects: vec![config_map], ..empty_plan() }).unwrap().objects.len(),
            1
        );
    }

    #[test]
    fn each_rule_for_renders_has_its_message() {
        let render = |set: &str, values: &[u8]| types::Render { set: set.into(), values: values.to_vec() };
        let why = |set: &str, values: &[u8]| refused(|outcome| outcome.renders = vec![render(set, values)]);
        assert!(why("../etc", b"{}").contains("DNS label"));
        assert!(why("syncer", b"[]").contains("not a JSON object"));
        assert!(why("syncer", b"\xff").contains("not JSON"));
        assert!(refused(|outcome| outcome.renders = vec![render("a", b"{}"); 5]).contains("5 renders"));
    }

    #[test]
    fn each_rule_for_notes_has_its_message() {
        let note =
            |level: &str, reason: &str| types::Note { level: level.into(), reason: reason.into(), message: "m".into() };
        assert!(refused(|outcome| outcome.notes = vec![note("Alarm", "A")]).contains("neither Normal nor Warning"));
        assert!(refused(|outcome| outcome.notes = vec![note("Normal", "")]).contains("CamelCase"));
        assert!(refused(|outcome| outcome.notes = vec![note("Normal", "A"); 17]).contains("17 notes"));
        let outcome =
            types::ReportOutcome { conditions: vec![], notes: vec![note("Warning", "A")], after: types::Next::Settled };
        assert!(report("p", outcome).unwrap().notes[0].warning);
    }

    #[test]
    fn what_a_transformer_made_counts_only_when_it_goes_on() {
        let outcome =
            |after| types::TransformOutcome { objects: vec![b"{".to_vec()], conditions: vec![], notes: vec![], after };
        let refusal = transform("p", outcome(types::Next::Invalid(("TooBig".into(), "no".into())))).unwrap();
        assert_eq!((refusal.objects.len(), refusal.after.goes_on()), (0, false));
        assert!(transform("p", outcome(types::Next::AgainAfter(1))).unwrap_err().contains("not JSON"));
    }

    #[test]
    fn what_comes_next_is_bounded() {
        let next = |after| plan("p", types::PlanOutcome { after, ..empty_plan() }).map(|plan| plan.after);
        assert_eq!(next(types::Next::AgainAfter(0)), Ok(Next::AgainAfter(1_000)));
        assert_eq!(next(types::Next::AgainAfter(u64::MAX)), Ok(Next::AgainAfter(86_400_000)));
        assert!(next(types::Next::Retry((String::new(), String::new()))).unwrap_err().contains("retry"));
        let invalid = next(types::Next::Invalid(("Bad".into(), "x\0y".into()))).unwrap();
        assert_eq!(invalid, Next::Invalid { reason: "Bad".into(), message: "x y".into() });
        let object = |name: &str, namespace: &str| types::ObjectRef {
            group: String::new(),
            version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        assert!(next(types::Next::WaitingFor(vec![object("system:a", "")])).is_ok());
        assert!(next(types::Next::WaitingFor(vec![object("", "")])).is_err());
        assert!(next(types::Next::WaitingFor(vec![object("a", "A")])).is_err());
        assert!(next(types::Next::WaitingFor(vec![object("a", "a"); 65])).unwrap_err().contains("65"));
    }

    #[test]
    fn each_rule_for_selections_has_its_message() {
        let good = || types::Selection {
            id: "a".into(),
            site: "hub".into(),
            group: "tmc.kcp.io".into(),
            version: "v1alpha1".into(),
            kind: "ClusterRegistration".into(),
            namespace: String::new(),
            names: vec!["east".into()],
            labels: vec![types::Requirement { key: "tier".into(), operator: "In".into(), values: vec!["edge".into()] }],
            fields: vec!["/spec".into()],
        };
        assert_eq!(selections(vec![good()]).unwrap()[0].names, ["east"]);
        let why = |change: fn(&mut types::Selection)| {
            let mut selection = good();
            change(&mut selection);
            selections(vec![selection]).unwrap_err()
        };
        assert!(why(|s| s.id = "a/b".into()).contains("letters"));
        assert!(why(|s| s.site = "downstream".into()).contains("hub"));
        assert!(why(|s| s.group = "no group".into()).contains("API group"));
        assert!(why(|s| s.version = String::new()).contains("API version"));
        assert!(why(|s| s.kind = String::new()).contains("kind"));
        assert!(why(|s| s.namespace = "A".into()).contains("namespace"));
        assert!(why(|s| s.names = vec!["../x".into()]).contains("name"));
        assert!(why(|s| s.names = vec!["x".into(); 65]).contains("65"));
        assert!(why(|s| s.labels[0].operator = "Like".into()).contains("operator \"Like\""));
        assert!(why(|s| s.labels[0].key = String::new()).contains("no key"));
        assert!(why(|s| s.labels[0].values = vec!["x".repeat(318)]).contains("longer"));
        assert!(why(|s| s.labels[0].values = vec!["x".into(); 65]).contains("65"));
        assert!(why(|s| s.labels = vec![s.labels[0].clone(); 17]).contains("17"));
        assert!(why(|s| s.fields = vec!["spec".into()]).contains("JSON Pointer"));
        assert!(why(|s| s.fields = vec!["/spec".into(); 33]).contains("33"));
        let secrets = |s: &mut types::Selection| (s.group, s.kind) = (String::new(), "Secret".into());
        assert!(why(secrets).contains("never shown"));
        assert!(selections(vec![good(), good()]).unwrap_err().contains("twice"));
        assert!(selections(vec![good(); 33]).unwrap_err().contains("33"));
    }
}
