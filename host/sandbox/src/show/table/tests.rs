use super::*;
use crate::show::printer;

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn object(name: &str) -> Map<String, Value> {
    let object = json!({
        "kind": "Namespace", "apiVersion": "v1", "status": {"phase": "Active"},
        "metadata": {"name": name, "resourceVersion": "5", "creationTimestamp": "2026-11-24T11:59:00Z"},
    });
    object.as_object().unwrap().clone()
}

fn tabled(printer: &Printer<'_>, include: IncludeObject, headers: bool, objects: &[Map<String, Value>]) -> Value {
    let meta = ListMeta { resource_version: 7, ..ListMeta::default() };
    table(printer, MetaVersion::V1, include, headers, &meta, objects, now())
}

#[test]
fn a_table_has_columns_and_rows() {
    let printer = printer("", "namespaces", "").unwrap();
    let table = tabled(&printer, IncludeObject::Metadata, true, &[object("a")]);
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
    let columns = table["columnDefinitions"].as_array().unwrap();
    assert_eq!(
        columns[1],
        json!({"name": "Status", "type": "string", "format": "", "description": "The status of the namespace", "priority": 0})
    );
    assert_eq!((&columns[0]["format"], &columns[2]["name"]), (&json!("name"), &json!("Age")));
    assert_eq!(
        table["rows"],
        json!([{
            "cells": ["a", "Active", "60s"],
            "object": {
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": {"name": "a", "resourceVersion": "5", "creationTimestamp": "2026-11-24T11:59:00Z"},
            },
        }])
    );
    assert_eq!(
        tabled(&printer, IncludeObject::Object, true, &[object("a")])["rows"][0]["object"],
        Value::Object(object("a"))
    );
    assert_eq!(tabled(&printer, IncludeObject::None, true, &[object("a")])["rows"][0]["object"], Value::Null);
    let none = tabled(&printer, IncludeObject::None, false, &[]);
    assert_eq!((&none["columnDefinitions"], &none["rows"]), (&Value::Null, &json!([])));
}

#[test]
fn what_has_no_table_of_its_own_shows_when_it_was_created() {
    let printer = printer("apiextensions.k8s.io", "customresourcedefinitions", "").unwrap();
    let table = tabled(&printer, IncludeObject::None, true, &[object("a")]);
    assert_eq!(table["rows"][0]["cells"], json!(["a", "2026-11-24T11:59:00Z"]));
    assert_eq!(table["columnDefinitions"][1]["name"], "Created At");
    assert_eq!(table["columnDefinitions"][1]["type"], "date");
    assert_eq!(tabled(&printer, IncludeObject::None, true, &[])["rows"], Value::Null);
}

#[test]
fn a_custom_resource_has_the_columns_of_its_definition() {
    let columns = [Column { name: "Phase", kind: "string", format: "", description: "d", priority: 1 }];
    let cells = |object: &Map<String, Value>, _: Timestamp| vec![object["status"]["phase"].clone()];
    let printer = Printer::Custom { columns: &columns, cells: &cells };
    let table = tabled(&printer, IncludeObject::None, true, &[object("a")]);
    assert_eq!(table["rows"][0]["cells"], json!(["a", "Active"]));
    let names: Vec<&Value> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["Name", "Phase"]);
    assert_eq!(table["columnDefinitions"][1]["priority"], 1);
}

#[test]
fn pods_that_are_done_and_the_end_of_the_first_events_are_marked() {
    let pods = printer("", "pods", "").unwrap();
    let mut pod = object("p");
    pod.insert("status".to_owned(), json!({"phase": "Succeeded"}));
    let table = tabled(&pods, IncludeObject::None, true, &[pod.clone()]);
    assert_eq!(
        table["rows"][0]["conditions"],
        json!([{"type": "Completed", "status": "True", "reason": "Succeeded", "message": "The pod has completed successfully."}])
    );
    let namespaces = printer("", "namespaces", "").unwrap();
    assert_eq!(tabled(&namespaces, IncludeObject::None, true, &[pod]).get("conditions"), None);
    let bookmark = json!({"metadata": {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}});
    let bookmark = bookmark.as_object().unwrap().clone();
    let table = tabled(&pods, IncludeObject::None, false, &[bookmark]);
    assert_eq!(table["rows"][0]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}
