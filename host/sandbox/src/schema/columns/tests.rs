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

#[test]
fn a_path_that_is_not_read_is_refused() {
    for path in ["spec", ".a..b", ".a[0:2]", ".a[?(@.b==c)]", ".a{", ".a['b"] {
        let columns = json!([{"name": "A", "type": "string", "jsonPath": path}]);
        assert_eq!(Column::read(Some(&columns)).unwrap_err().code, 501, "{path}");
    }
}
