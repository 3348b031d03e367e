//! Events, in either of their forms.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{name_of, or};
use crate::age;
use crate::show::table::{Column, NAME_TEXT, Part, column, wide};

pub(super) const COLUMNS: &[Column<'static>] = &[
    column("Last Seen", "string", "The time at which the most recent occurrence of this event was recorded."),
    column("Type", "string", "Type of this event (Normal, Warning), new types could be added in the future"),
    column(
        "Reason",
        "string",
        "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
    ),
    column("Object", "string", "The object that this event is about."),
    wide(
        "Subobject",
        "string",
        "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the event) or if no container name is specified \"spec.containers[2]\" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.",
    ),
    wide("Source", "string", "The component reporting this event. Should be a short machine understandable string."),
    column("Message", "string", "A human-readable description of the status of this operation."),
    wide(
        "First Seen",
        "string",
        "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
    ),
    wide("Count", "string", "The number of times this event has occurred."),
    wide("Name", "string", NAME_TEXT).format("name"),
];

pub(super) fn cells(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    // What is called otherwise in `events.k8s.io`.
    let either = |old: &str, new: &str| {
        let old = Part::of(object, old);
        if old.is_there() { old } else { Part::of(object, new) }
    };
    let about = either("involvedObject", "regarding");
    let source = either("source", "deprecatedSource");
    let since = |time: Part<'_>| age::since(time.text(), now);
    let is_time = |time: Part<'_>| age::parse(time.text()).is_some();
    let first = either("firstTimestamp", "deprecatedFirstTimestamp");
    let first = if is_time(first) { since(first) } else { since(Part::of(object, "eventTime")) };
    let last = either("lastTimestamp", "deprecatedLastTimestamp");
    let mut last = if is_time(last) { since(last) } else { first.clone() };
    let mut count = either("count", "deprecatedCount").number();
    let series = Part::of(object, "series");
    if series.is_there() {
        last = since(series.at("lastObservedTime"));
        count = series.at("count").number();
    } else if count == 0 {
        count = 1;
    }
    let kind = about.at("kind").text().to_lowercase();
    let target = match about.at("name").text() {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let component = or(source.at("component").text(), either("reportingComponent", "reportingController").text());
    let from = match or(source.at("host").text(), Part::of(object, "reportingInstance").text()) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    };
    vec![
        json!(last),
        json!(Part::of(object, "type").text()),
        json!(Part::of(object, "reason").text()),
        json!(target),
        json!(about.at("fieldPath").text()),
        json!(from),
        json!(either("message", "note").text().trim()),
        json!(first),
        json!(count),
        name_of(object),
    ]
}
