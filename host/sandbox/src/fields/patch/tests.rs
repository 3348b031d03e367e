//! Patches against the libraries of a real server: each line of `cases.jsonl` is a document, patches for it, and what
//! `json-patch.v4` or `strategicpatch` made of it.

use serde_json::{Value, json};

use super::super::builtin::BuiltIn;
use super::super::order::equal;
use super::{JsonPatch, PatchType, merge_patch, strategic_merge_patch, unsupported_media_type};
use crate::status::Failure;

/// The status that a real server makes of an error of a library.
fn status(op: &str, error: &str) -> (u16, String) {
    let rejected = || (422, "the server rejected our request due to an error in our request".to_owned());
    match op {
        "json" => rejected(),
        _ if error == "lists of lists are not supported" => rejected(),
        _ if error.starts_with("invalid patch format") => (400, error.to_owned()),
        _ => (500, error.to_owned()),
    }
}

fn check(case: &Value, results: &[Value], built_in: &BuiltIn) {
    let doc = || case["doc"].clone();
    for (op, result) in case["ops"].as_array().unwrap().iter().zip(results) {
        let (kind, body) = (op["op"].as_str().unwrap(), &op["body"]);
        let patched: Result<Value, Failure> = match kind {
            "json" => JsonPatch::read(body).unwrap().apply(doc()),
            "merge" => merge_patch(doc(), body),
            _ => {
                let (api_version, kind) = (case["apiVersion"].as_str().unwrap(), case["kind"].as_str().unwrap());
                strategic_merge_patch(&built_in.shape(api_version, kind).unwrap(), doc(), body)
            }
        };
        let at = format!("{} {op}\ndoc {}\nexpected {result}", case["name"], case["doc"]);
        match (patched, result.get("error").and_then(Value::as_str)) {
            (Ok(object), None) => assert!(equal(&object, &result["object"]), "{at}\ngot {object}"),
            (Err(failure), _) if failure.message.contains("tests for a null") => {}
            (Err(failure), None) if !result["object"].is_object() => assert_eq!(failure.code, 501, "{at}"),
            (Err(failure), Some(panic)) if panic.starts_with("panic") => assert_eq!(failure.code, 501, "{at}"),
            // Go looks at the fields of a map in any order: it may panic or not.
            (Err(failure), Some(_)) if failure.code == 501 && body.to_string().contains("null") => {}
            (Err(failure), Some(error)) => {
                assert_eq!((failure.code, failure.message.clone()), status(kind, error), "{at}");
            }
            (got, _) => panic!("{at}\ngot {got:?}"),
        }
    }
}

#[test]
fn objects_are_patched_as_in_a_real_server() {
    let built_in = BuiltIn::new().unwrap();
    let mut checked = 0;
    for line in include_str!("cases.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        check(&line["case"], line["results"].as_array().unwrap(), &built_in);
        checked += 1;
    }
    assert!(checked > 10);
}

#[test]
fn what_is_no_patch_is_refused() {
    for (patch, message) in [
        (json!({}), "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        (json!([1]), "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
        (
            json!([{"op": "add", "path": 1}]),
            "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string",
        ),
    ] {
        let failure = JsonPatch::read(&patch).unwrap_err();
        assert_eq!((failure.code, failure.reason, failure.message.as_str()), (400, "BadRequest", message));
    }
    assert_eq!(JsonPatch::read(&Value::Null).unwrap().apply(json!({"a": 1})), Ok(json!({"a": 1})));
    assert_eq!(merge_patch(json!({}), &Value::Null).unwrap_err().message, "Invalid JSON Patch");
    assert_eq!(
        merge_patch(json!({}), &json!([1])).unwrap_err().message,
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
    );
}

#[test]
fn a_json_patch_has_at_most_ten_thousand_operations() {
    let patch = |count| Value::Array(vec![json!({"op": "add", "path": "/a", "value": 1}); count]);
    assert_eq!(JsonPatch::read(&patch(10_000)).unwrap().apply(json!({})), Ok(json!({"a": 1})));
    let failure = JsonPatch::read(&patch(10_001)).unwrap_err();
    assert_eq!((failure.code, failure.reason), (413, "RequestEntityTooLarge"));
    assert_eq!(
        failure.message,
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    );
}

#[test]
fn copies_add_no_more_than_three_mebibytes_and_no_depth() {
    let text = "x".repeat(1024 * 1024);
    let copy = json!({"op": "copy", "from": "/a", "path": "/b"});
    let apply =
        |count| JsonPatch::read(&Value::Array(vec![copy.clone(); count])).unwrap().apply(json!({"a": text})).map(drop);
    assert_eq!(apply(2), Ok(()));
    assert_eq!(apply(3).unwrap_err().code, 422);
    let mut operations = vec![json!({"op": "add", "path": "/a", "value": {"a": {}}})];
    for depth in [1, 2, 4, 8, 16, 32, 64] {
        operations.push(json!({"op": "copy", "from": "/a", "path": format!("{}/a", "/a".repeat(depth))}));
    }
    assert_eq!(JsonPatch::read(&Value::Array(operations)).unwrap().apply(json!({})).unwrap_err().code, 501);
}

#[test]
fn fields_that_an_operation_does_not_have_are_told() {
    let patch = JsonPatch::read(&json!([{"op": "add", "path": "/a", "value": 1, "foo": 1, "Op": "x"}])).unwrap();
    assert_eq!(
        patch.unknown_fields(),
        [r#"json patch unknown field "[0].Op""#, r#"json patch unknown field "[0].foo""#]
    );
}

#[test]
fn a_test_of_markup_is_not_answered() {
    let patch = JsonPatch::read(&json!([{"op": "test", "path": "/a", "value": "<"}])).unwrap();
    assert_eq!(patch.apply(json!({"a": "<"})).unwrap_err().code, 501);
    assert_eq!(patch.apply(json!({"a": ">"})).unwrap_err().code, 422);
}

#[test]
fn custom_resources_take_no_strategic_patch() {
    let strategic = "application/strategic-merge-patch+json";
    assert_eq!(PatchType::of(strategic, false), Some(PatchType::Strategic));
    assert_eq!(PatchType::of(strategic, true), None);
    assert_eq!(PatchType::of("application/merge-patch+json; charset=utf-8", true), Some(PatchType::Merge));
    assert_eq!(PatchType::of("application/json", false), None);
    let failure = unsupported_media_type(true);
    assert_eq!((failure.code, failure.reason), (415, "UnsupportedMediaType"));
    assert_eq!(
        failure.message,
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    );
    assert_eq!(unsupported_media_type(false).message, "415: Unsupported Media Type");
}
