//! Whole requests. Most of what a server answers is compared with real ones by `conformance`.

use serde_json::json;

use super::fixture::{ask, server};

#[tokio::test]
async fn a_namespace_that_was_applied_is_one() {
    let server = server().await;
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    let (code, namespace) = ask(&server, "PATCH", "/api/v1/namespaces/default", Some(&labels)).await;
    assert_eq!((code, &namespace["metadata"]["labels"]["a"]), (200, &json!("b")));
    assert_eq!(ask(&server, "GET", "/api/v1/namespaces/default", None).await.0, 200);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    assert_eq!(ask(&server, "POST", "/api/v1/namespaces/default/configmaps", Some(&map)).await.0, 201);
    let (code, status) = ask(&server, "POST", "/api/v1/namespaces/none/configmaps", Some(&map)).await;
    assert_eq!((code, &status["message"]), (404, &json!("namespaces \"none\" not found")));
}
