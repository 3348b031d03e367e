//! Expressions and what a real server says of them: `cases.jsonl` holds a schema with an object, and rules with what
//! `k8s.io/apiextensions-apiserver` 0.36.0 with cel-go 0.26 makes of them: that it refuses the rule, or what is wrong.

use serde_json::{Value, json};

use crate::schema::CustomKind;

/// Rules that a server takes and the sandbox does not.
const REFUSED: &[&str] = &[
    "self.l + ['d'] == ['a','b','c','d']",
    "self.m.all(k, v, v != '')",
    "[].sum() == 0",
    "string(self.n) == '2.5'",
    "type(self.d) == google.protobuf.Duration",
    "string(self.d) == '5400s'",
    "quantity('1Gi').isGreaterThan(quantity('1'))",
    "isURL('https://a') && url('https://a:80/b').getPort() == '80'",
    "ip('10.0.0.1').family() == 4",
    "cidr('10.0.0.0/8').containsIP('10.1.1.1')",
    "format.dns1123Label().validate('a').hasValue()",
    "'%s'.format(['a']) == 'a'",
    "strings.quote('a') == '\"a\"'",
    "[1,2,3].slice(0,1) == [1]",
    "[1,1].distinct() == [1]",
    "[3,1].sort() == [1,3]",
    "[[1]].flatten() == [1]",
    "lists.range(2) == [0,1]",
    "semver('1.2.3').major() == 1",
    "string(duration('1h')) == '3600s'",
    "self.s.matches(self.t)",
    "self.m[?'k'].orValue('') == 'v'",
    "self.l[?0].hasValue()",
];

#[test]
fn a_server_says_the_same() {
    let mut lines = include_str!("cases.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let first = lines.next().unwrap();
    let mut object = first["object"].clone();
    object["metadata"] = json!({"name": "x"});
    let mut differences = Vec::new();
    for case in lines {
        let rule = case["rule"].as_str().unwrap();
        let mut schema = first["schema"].clone();
        schema["properties"]["spec"]["x-kubernetes-validations"] = json!([{"rule": rule}]);
        let definition = json!({"spec": {"group": "a.b", "scope": "Cluster", "names": {"kind": "Foo"}, "versions": [
            {"name": "v1", "schema": {"openAPIV3Schema": schema}},
        ]}});
        let wanted: Vec<&str> = case["said"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match (CustomKind::read(definition.as_object().unwrap()), case.get("refused").is_some()) {
            (Err(failure), true) => assert_eq!(failure.code, 501),
            (Err(_), false) if REFUSED.contains(&rule) => {}
            (Err(failure), false) => differences.push(format!("{rule}\n  refused {}", failure.message)),
            (Ok(_), true) => differences.push(format!("{rule}\n  taken")),
            (Ok(kind), false) => {
                assert!(!REFUSED.contains(&rule), "{rule} is taken");
                let validated = kind.versions[0].validate(&object, None);
                let said: Vec<&str> = validated.causes.iter().map(|cause| cause.message.as_str()).collect();
                if said != wanted {
                    differences.push(format!("{rule}\n  said   {said:?}\n  wanted {wanted:?}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
