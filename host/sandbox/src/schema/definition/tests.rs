//! Definitions and what a real server says of them: `cases.jsonl` holds what `k8s.io/apiextensions-apiserver` 0.36.0 makes of them
//! (its defaults and its validation), without what it says of their names' metadata. Errors have no order in there.

use serde_json::json;

use super::*;
use crate::schema::CustomKind;
use crate::time;

#[test]
fn a_server_says_the_same() {
    let mut differences = Vec::new();
    for line in include_str!("cases.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let read = |name: &str| {
            case.get(name).and_then(Value::as_object).cloned().map(|mut definition| {
                default(&mut definition);
                definition
            })
        };
        let new = read("crd").unwrap();
        let mut wanted = case["causes"].as_array().cloned().unwrap();
        wanted.sort_by_key(Value::to_string);
        for (name, value) in case["names"].as_object().unwrap() {
            let empty = json!("");
            let found = new["spec"]["names"].get(name).unwrap_or(&empty);
            assert!(found == value, "{name} of {case}");
        }
        match validate(&new, read("old").as_ref()) {
            Ok(causes) => {
                let mut found: Vec<Value> =
                    causes.iter().map(|cause| json!([cause.reason, cause.field, cause.message])).collect();
                found.sort_by_key(Value::to_string);
                if found != wanted {
                    differences.push(format!("{case}\n  said   {}\n  wanted {}", json!(found), json!(wanted)));
                }
            }
            Err(failure) => differences.push(format!("{case}\n  refused {failure}")),
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn definition(plural: &str, kind: &str, short: &[&str], status: &Value) -> Object {
    let mut definition = json!({
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind, "shortNames": short}, "versions": []},
        "status": status,
    });
    let Value::Object(definition) = &mut definition else { panic!("no object") };
    default(definition);
    definition.clone()
}

/// From `TestSync` of the naming controller, and the establishing controller.
#[test]
fn names_are_accepted_and_then_it_is_established() {
    let (first, second) = ("2024-01-01T00:00:00Z", "2024-01-01T00:00:05Z");
    let now = |text: &str| time::read(text).unwrap();
    let mut foo = definition(
        "foos",
        "Foo",
        &["f"],
        &json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": ["v1"]}),
    );
    assert_eq!(establish(&foo, now(first)), None);
    let status = accept_names(&foo, [], now(first)).unwrap();
    assert_eq!(
        status,
        json!({
            "acceptedNames": {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList", "shortNames": ["f"]},
            "conditions": [
                {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found", "lastTransitionTime": first},
                {"type": "Established", "status": "False", "reason": "Installing", "message": "the initial names have been accepted", "lastTransitionTime": first},
            ],
            "storedVersions": ["v1"],
        })
    );
    foo.insert("status".to_owned(), status);
    assert_eq!(accept_names(&foo, [&foo], now(second)), None);
    let status = establish(&foo, now(second)).unwrap();
    assert_eq!(
        status["conditions"][1],
        json!({"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "the initial names have been accepted", "lastTransitionTime": second})
    );
    foo.insert("status".to_owned(), status);
    assert_eq!(establish(&foo, now(second)), None);

    let other = definition("bars", "Foo", &["f", "foos"], &Value::Null);
    let status = accept_names(&other, [&foo], now(second)).unwrap();
    assert_eq!(status["acceptedNames"], json!({"plural": "bars"}));
    assert_eq!(status["conditions"][0]["reason"], "ListKindConflict");
    assert_eq!(status["conditions"][0]["message"], r#""FooList" is already in use"#);
    assert_eq!(status["conditions"][1]["reason"], "NotAccepted");
    assert_eq!(status["conditions"][1]["message"], "not all names are accepted");

    let short = definition("bars", "Bar", &["f", "foos"], &Value::Null);
    let status = accept_names(&short, [&foo], now(second)).unwrap();
    assert_eq!(status["conditions"][0]["reason"], "ShortNamesConflict");
    assert_eq!(status["conditions"][0]["message"], r#"["f" is already in use, "foos" is already in use]"#);
    assert_eq!(status["acceptedNames"]["kind"], "Bar");
    assert_eq!(status["acceptedNames"].get("shortNames"), None);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let with = |rule: &str| {
        json!({"spec": {"group": "a.b", "names": {"kind": "A"}, "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"a": {"type": "string", "x-kubernetes-validations": [{"rule": rule}]}},
        }}}]}})
    };
    for rule in [
        "url(self).getHost() == 'a'",
        "quantity(self).isLessThan(quantity('1'))",
        "self.foo == 'x'",
        "self > 1",
        "isIP(self)",
        "self",
        "unknown",
        "self.matches(self)",
        "self == null",
    ] {
        let failure = CustomKind::read(with(rule).as_object().unwrap()).unwrap_err();
        assert_eq!(failure.code, 501, "{rule}");
    }
    let webhook = json!({"spec": {"conversion": {"strategy": "Webhook"}}});
    assert_eq!(CustomKind::read(webhook.as_object().unwrap()).unwrap_err().code, 501);
}

#[test]
fn formats_that_a_server_does_not_know_are_warned_of() {
    let with = |format: &str| {
        json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "a": {"type": "integer", "format": format}, "b": {"type": "string", "format": "email"}, "c": {"type": "string", "format": "date-time"},
        }}}}]}})
    };
    let (new, old) = (with("uint32"), with("int32"));
    let (new, old) = (new.as_object().unwrap(), old.as_object().unwrap());
    assert_eq!(warnings(new, None), [r#"unrecognized format "uint32""#]);
    assert_eq!(warnings(new, Some(old)).len(), 1);
    assert_eq!(warnings(new, Some(new)), Vec::<String>::new());
    assert_eq!(warnings(old, None), Vec::<String>::new());
}
