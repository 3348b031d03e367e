//! Cells as `TestNew` and `TestConvertToTable` of the table convertor have them, and the columns of berthage and kcp.

use serde_json::json;

use super::*;

fn cell(ty: &str, path: &str, object: &Value) -> Value {
    let columns = Column::read(Some(&json!([{"name": "A", "type": ty, "jsonPath": path}]))).unwrap();
    columns[0].cell(object, time::read("2024-01-01T01:00:00Z").unwrap())
}

#[test]
fn cells_have_the_type_of_their_column() {
    let object = json!({
        "metadata": {"creationTimestamp": "2024-01-01T00:00:00Z", "labels": {"region": "eu"}, "ownerReferences": [{"name": "a"}, {"name": "b"}]},
        "status": {
            "conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}],
            "count": 2, "share": 1.5, "whole": 2.0, "on": true, "map": {"b": 1, "a": "<"}, "list": ["x"], "none": null, "text": "t",
        },
    });
    for (ty, path, wanted) in [
        ("string", r#".status.conditions[?(@.type=="Ready")].status"#, json!("True")),
        ("string", ".status.conditions[?(@.type=='Gone')].status", json!(null)),
        ("string", ".metadata.labels['region']", json!("eu")),
        ("string", ".metadata.ownerReferences[*].name", json!("a")),
        ("string", ".metadata.ownerReferences[-1].name", json!("b")),
        ("string", ".metadata.ownerReferences[5].name", json!(null)),
        ("date", ".metadata.creationTimestamp", json!("60m")),
        ("date", ".status.text", json!("<invalid>")),
        ("integer", ".status.count", json!(2)),
        ("integer", ".status.share", json!(1)),
        ("integer", ".status.text", json!(null)),
        ("number", ".status.share", json!(1.5)),
        ("number", ".status.whole", json!(2)),
        ("boolean", ".status.on", json!(true)),
        ("boolean", ".status.text", json!(null)),
        ("string", ".status.count", json!("2")),
        ("string", ".status.on", json!("true")),
        ("string", ".status.map", json!(r#"{"a":"\u003c","b":1}"#)),
        ("string", ".status.list", json!(r#"["x"]"#)),
        ("string", ".status.none", json!("<no value>")),
        ("integer", ".status.none", json!(null)),
        ("string", ".status.missing.too", json!(null)),
    ] {
        assert_eq!(cell(ty, path, &object), wanted, "{path}");
    }
}

/// From `TestConvertToTable` and `Test_cellForJSONValue` of tableconvertor_test.go; floats as `%v` writes them.
#[test]
fn a_value_of_another_type_is_not_shown() {
    for (ty, value, wanted) in [
        ("integer", json!(3.9), json!(3)),
        ("integer", json!("42"), json!(null)),
        ("integer", json!(true), json!(null)),
        ("number", json!("3.5"), json!(null)),
        ("boolean", json!("true"), json!(null)),
        ("string", json!(false), json!("false")),
        ("string", json!(["a", 1]), json!("[\"a\",1]")),
        ("string", json!(1.5), json!("1.5")),
        ("string", json!(1e6), json!("1e+06")),
        ("string", json!(1e21), json!("1e+21")),
        ("string", json!(0.000_01), json!("1e-05")),
        ("date", json!("2024-01-01T00:59:00Z"), json!("60s")),
        ("date", json!("2024-01-01T00:59:00.5Z"), json!("59s")),
        ("date", json!("0001-01-01T00:00:00Z"), json!("<unknown>")),
        ("date", json!(""), json!("<unknown>")),
        ("date", json!("null"), json!("<unknown>")),
        ("date", json!(5), json!(null)),
        ("unknown", json!("foo"), json!(null)),
    ] {
        assert_eq!(cell(ty, ".a", &json!({"a": value})), wanted, "{ty} {value}");
    }
}

#[test]
fn a_path_that_is_not_read_is_refused() {
    for path in ["spec", ".a..b", ".a[0:2]", ".a[?(@.b==c)]", ".a{", ".a['b"] {
        let columns = json!([{"name": "A", "type": "string", "jsonPath": path}]);
        assert_eq!(Column::read(Some(&columns)).unwrap_err().code, 501, "{path}");
    }
}
