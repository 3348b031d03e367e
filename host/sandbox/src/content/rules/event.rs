//! Events, of both of their API groups.
//!
//! Facts: `pkg/apis/core/validation/events.go`. Fields are told by the names of the internal version, which are those of
//! `v1`; what `events.k8s.io` asks more of metadata, [lifecycle](crate::lifecycle) does not.

use serde_json::Value;

use super::{Causes, values};
use crate::causes::{invalid, invalid_text, required};
use crate::content::Object;
use crate::content::place::Place;
use crate::validation::names;

/// How a group of the API calls the fields.
struct Fields {
    object: &'static str,
    controller: &'static str,
    controller_told: &'static str,
    message: &'static str,
}

const CORE: Fields = Fields {
    object: "involvedObject",
    controller: "reportingComponent",
    controller_told: "reportingComponent",
    message: "message",
};

const EVENTS: Fields = Fields {
    object: "regarding",
    controller: "reportingController",
    controller_told: "reportingController",
    message: "note",
};

/// An Event of `v1`.
pub(super) fn core(event: &Object, causes: &mut Causes) {
    common(event, &CORE, causes);
}

/// An Event of `events.k8s.io/v1`.
pub(super) fn event(event: &Object, old: Option<&Object>, causes: &mut Causes) {
    common(event, &EVENTS, causes);
    let field = |name| Place::of(event, name);
    let series = field("series");
    if old.is_none_or(|old| series.value() != Place::of(old, "series").value()) && series.is_said() {
        if series.child("count").number() < 2 {
            causes.push(invalid("series.count", "", "should be at least 2"));
        }
        if !series.child("lastObservedTime").is_said() {
            causes.push(required("series.lastObservedTime", ""));
        }
    }
    if let Some(old) = old {
        unchanged(event, old, causes);
        return;
    }
    if !field("eventTime").is_said() {
        causes.push(required("eventTime", ""));
    }
    let kind = field("type").text();
    if !matches!(kind, "Normal" | "Warning") {
        causes.push(invalid("type", "", &format!("has invalid value: {kind}")));
    }
    let source = field("deprecatedSource");
    for (told, said) in [
        ("firstTimestamp", field("deprecatedFirstTimestamp").is_said()),
        ("lastTimestamp", field("deprecatedLastTimestamp").is_said()),
        ("count", field("deprecatedCount").number() != 0),
        ("source", !source.is_empty()),
    ] {
        if said {
            causes.push(invalid(told, "", "needs to be unset"));
        }
    }
}

fn common(event: &Object, fields: &Fields, causes: &mut Causes) {
    let field = |name| Place::of(event, name);
    let namespace = field("metadata").child("namespace").text();
    let of_object = field(fields.object).child("namespace").text();
    let old_style = !field("eventTime").is_said();
    let agree = match (of_object, old_style) {
        ("", true) => matches!(namespace, "" | "default"),
        ("", false) => matches!(namespace, "default" | "kube-system"),
        (_, true) => namespace == of_object,
        (_, false) => true,
    };
    if !agree {
        causes.push(invalid("involvedObject.namespace", of_object, "does not match event.namespace"));
    }
    if !old_style {
        let controller = field(fields.controller).told(fields.controller_told);
        values::said(&controller, causes);
        values::qualified(&controller, causes);
        for (name, told, need, most) in [
            ("reportingInstance", "reportingInstance", true, 128),
            ("action", "action", true, 128),
            ("reason", "reason", true, 128),
            (fields.message, "message", false, 1024),
        ] {
            let text = field(name).told(told);
            if need {
                values::said(&text, causes);
            }
            if text.text().len() > most {
                causes.push(invalid(told, "", &format!("can have at most {most} characters")));
            }
        }
    }
    causes.extend(names::subdomain(namespace).iter().map(|why| invalid("namespace", namespace, why)));
}

/// What an update may not change.
fn unchanged(event: &Object, old: &Object, causes: &mut Causes) {
    for (name, told) in [
        ("regarding", "involvedObject"),
        ("reason", "reason"),
        ("note", "message"),
        ("deprecatedSource", "source"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
        ("reason", "reason"),
        ("type", "type"),
        ("eventTime", "eventTime"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", "reportingController"),
        ("reportingInstance", "reportingInstance"),
    ] {
        let [new, old] = [event, old].map(|event| Place::of(event, name).told(told));
        if new.value() != old.value() {
            causes.push(match told {
                "involvedObject" | "related" => invalid_text(told, &reference(&new), values::IMMUTABLE),
                "source" => {
                    let [component, host] = ["component", "host"].map(|name| quoted(&new, name));
                    let shown = format!(r#"{{"Component":{component},"Host":{host}}}"#);
                    invalid_text(told, &shown, values::IMMUTABLE)
                }
                "eventTime" | "firstTimestamp" | "lastTimestamp" => values::shown(&new, values::IMMUTABLE),
                "count" => invalid_text(told, &new.number().to_string(), values::IMMUTABLE),
                // Texts that are not there are empty.
                _ if new.value().is_null() => invalid(told, "", values::IMMUTABLE),
                _ => values::shown(&new, values::IMMUTABLE),
            });
        }
    }
}

/// A reference as Go writes its own type, which has no JSON names.
fn reference(object: &Place<'_>) -> String {
    const FIELDS: [(&str, &str); 7] = [
        ("Kind", "kind"),
        ("Namespace", "namespace"),
        ("Name", "name"),
        ("UID", "uid"),
        ("APIVersion", "apiVersion"),
        ("ResourceVersion", "resourceVersion"),
        ("FieldPath", "fieldPath"),
    ];
    if !object.is_said() {
        return "null".to_owned();
    }
    let fields = FIELDS.map(|(go, name)| format!("\"{go}\":{}", quoted(object, name)));
    format!("{{{}}}", fields.join(","))
}

fn quoted(object: &Place<'_>, name: &str) -> String {
    values::json(&Value::from(object.child(name).text()))
}
