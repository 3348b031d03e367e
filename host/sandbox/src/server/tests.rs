//! Whole requests. Most of what a server answers is compared with real ones by `conformance`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, Request};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};

use super::fixture::{ask, request, server};
use super::{ResponseBody, Server};
use crate::actors::{Actors, shared};

async fn read(response: http::Response<ResponseBody>) -> (u16, Value) {
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Asks with one more header, or another one.
async fn ask_with(server: &Server, request: Request<Full<Bytes>>, name: &'static str, value: &[u8]) -> (u16, Value) {
    let mut request = request;
    request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
    read(server.respond(request).await).await
}

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

#[tokio::test]
async fn who_somebody_is_may_have_any_letters() {
    let server = server().await;
    let review = || request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", Some(&json!({})));
    // Nobody gave them any rights here.
    let (code, answer) = ask_with(&server, review(), "impersonate-user", "é".as_bytes()).await;
    assert!(code == 403 && answer["message"].as_str().unwrap().contains("User \"é\" cannot create"), "{answer}");
    // A group without a user is refused, not passed over.
    let groups = ask_with(&server, review(), "impersonate-group", &[0xe9]).await;
    assert_eq!(groups.0, 400, "{groups:?}");
    assert_eq!(ask_with(&server, review(), "authorization", "Bearer é".as_bytes()).await.0, 401);
}

#[tokio::test]
async fn what_is_kept_can_be_read_again() {
    let server = server().await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }}],
        },
    });
    let mut actors = Actors::new(shared("CERTIFICATE"));
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(ask(&server, "POST", path, Some(&definition)).await.0, 201);
    server.with(|world| {
        actors.begin(world);
        actors.act(world, 1000);
    });
    let path = "/apis/example.com/v1/namespaces/default/widgets";
    let mut refused = Vec::new();
    for levels in 115..125 {
        let spec = (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
        let name = format!("w-{levels}");
        let widget =
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec});
        let (code, answer) = ask(&server, "POST", path, Some(&widget)).await;
        let one = format!("{path}/{name}");
        match code {
            201 => {
                assert_eq!(ask(&server, "GET", &one, None).await.0, 200, "{levels}");
                assert_eq!(ask(&server, "DELETE", &one, None).await.0, 200, "{levels}");
            }
            _ => refused.push((code, answer["message"].clone())),
        }
    }
    let why = "the object is nested too deeply: with its managedFields it has more than 127 levels";
    assert!(!refused.is_empty() && refused.len() < 10 && refused.iter().all(|one| *one == (400, json!(why))));
}

#[tokio::test]
async fn a_watch_may_want_to_last_for_ever() {
    let server = server().await;
    let path = format!("/api/v1/namespaces?watch=true&timeoutSeconds={}", i64::MAX);
    assert_eq!(server.respond(request("GET", &path, None)).await.status(), 200);
}

/// As for those who may change the kind, and not give away what they do not have.
#[tokio::test]
async fn finalizers_of_a_binding_give_nobody_rights() {
    let server = server().await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = |name: &str, verbs: &[&str], what: &str| json!({"metadata": {"name": name}, "rules": [{"apiGroups": ["*"], "resources": [what], "verbs": verbs}]});
    let binding = |name: &str, user: &str| {
        json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        })
    };
    for (plural, object) in [
        ("clusterroles", role("all", &["*"], "*")),
        ("clusterroles", role("some", &["update", "patch"], "clusterrolebindings")),
        ("clusterrolebindings", binding("all", "somebody")),
        ("clusterrolebindings", binding("some", "jane")),
    ] {
        assert_eq!(ask(&server, "POST", &format!("{rbac}/{plural}"), Some(&object)).await.0, 201);
    }
    let path = format!("{rbac}/clusterrolebindings/all");
    for (patch, expected) in [
        (json!({"metadata": {"finalizers": ["a.b/c"]}}), 200),
        (json!({"metadata": {"labels": {"a": "b"}}}), 403),
        (json!({"subjects": binding("all", "jane")["subjects"]}), 403),
    ] {
        let patch = request("PATCH", &path, Some(&patch));
        let answer = ask_with(&server, patch, "impersonate-user", b"jane").await;
        assert_eq!(answer.0, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_asked_in_another_form_is_refused() {
    let server = server().await;
    let account = json!({"metadata": {"name": "tt"}});
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    assert_eq!(ask(&server, "POST", accounts, Some(&account)).await.0, 201);
    let token = format!("{accounts}/tt/token");
    let authorization = |plural: &str| format!("/apis/authorization.k8s.io/v1/{plural}");
    let own = authorization("selfsubjectaccessreviews");
    let subject = authorization("subjectaccessreviews");
    let rules = authorization("selfsubjectrulesreviews");
    let bearer = "/apis/authentication.k8s.io/v1/tokenreviews".to_owned();
    for (path, spec, kind, why) in [
        (
            &token,
            json!({"audiences": "x"}),
            "TokenRequest",
            "string into Go struct field TokenRequestSpec.spec.audiences of type []string",
        ),
        (
            &token,
            json!({"audiences": ["x", 1]}),
            "TokenRequest",
            "number into Go struct field TokenRequestSpec.spec.audiences of type string",
        ),
        (
            &token,
            json!({"boundObjectRef": "x"}),
            "TokenRequest",
            "string into Go struct field TokenRequestSpec.spec.boundObjectRef of type v1.BoundObjectReference",
        ),
        (
            &bearer,
            json!({"token": 1}),
            "TokenReview",
            "number into Go struct field TokenReviewSpec.spec.token of type string",
        ),
        (
            &own,
            json!({"resourceAttributes": 5}),
            "SelfSubjectAccessReview",
            "number into Go struct field SelfSubjectAccessReviewSpec.spec.resourceAttributes of type v1.ResourceAttributes",
        ),
        (
            &subject,
            json!({"extra": {"a": "b"}}),
            "SubjectAccessReview",
            "string into Go struct field SubjectAccessReviewSpec.spec.extra of type v1.ExtraValue",
        ),
        (
            &rules,
            json!({"namespace": []}),
            "SelfSubjectRulesReview",
            "array into Go struct field SelfSubjectRulesReviewSpec.spec.namespace of type string",
        ),
    ] {
        let (code, status) = ask(&server, "POST", path, Some(&json!({"spec": spec}))).await;
        let message = format!("{kind} in version \"v1\" cannot be handled as a {kind}: json: cannot unmarshal {why}");
        assert_eq!((code, &status["message"]), (400, &json!(message)));
    }
    assert_eq!(ask(&server, "POST", &token, Some(&json!({"spec": {"audiences": ["x"]}}))).await.0, 201);
}

/// A request with a body that comes in pieces of 64 KiB, and how many were taken.
fn in_pieces(
    count: usize,
    ends: bool,
) -> (Request<impl http_body::Body<Data = Bytes, Error = Infallible>>, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&taken);
    let pieces = futures::stream::iter(0..count).map(move |_| {
        counts.fetch_add(1, Ordering::Relaxed);
        Ok(Frame::data(Bytes::from(vec![b' '; 64 * 1024])))
    });
    let rest = if ends { futures::stream::empty().left_stream() } else { futures::stream::pending().right_stream() };
    let body = StreamBody::new(pieces.chain(rest));
    (request("POST", "/api/v1/namespaces/default/configmaps", None).map(|_| body), taken)
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_body_for_ever() {
    let server = server().await;
    let (code, status) = read(server.respond(in_pieces(1, false).0).await).await;
    assert_eq!((code, &status["reason"]), (504, &json!("Timeout")));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_ask_is_told_so_before_the_body_is_there() {
    let server = server().await;
    for (token, expected) in [(Some("Bearer wrong"), 401), (None, 403)] {
        let (mut request, _) = in_pieces(1, false);
        request.headers_mut().remove("authorization");
        if let Some(token) = token {
            request.headers_mut().insert("authorization", HeaderValue::from_static(token));
        }
        assert_eq!(server.respond(request).await.status(), expected);
    }
}

/// What somebody may do is looked at when it is done, however long the body takes.
#[tokio::test(start_paused = true)]
async fn rights_that_go_while_the_body_comes_are_gone() {
    let server = server().await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    let binding = json!({
        "metadata": {"name": "jane"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "maker"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}],
    });
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]);
    let role = json!({"metadata": {"name": "maker"}, "rules": rules});
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    assert_eq!(ask(&server, "POST", roles, Some(&role)).await.0, 201);
    for (revokes, expected) in [(false, 201), (true, 403)] {
        assert_eq!(ask(&server, "POST", rbac, Some(&binding)).await.0, 201);
        let body = futures::stream::once(async {
            if revokes {
                assert_eq!(ask(&server, "DELETE", &format!("{rbac}/jane"), None).await.0, 200);
            }
            Ok::<_, Infallible>(Frame::data(Bytes::from(json!({"metadata": {"generateName": "a-"}}).to_string())))
        });
        let path = "/api/v1/namespaces/default/configmaps";
        let mut request = request("POST", path, None).map(|_| StreamBody::new(body));
        request.headers_mut().insert("impersonate-user", HeaderValue::from_static("jane"));
        let (code, answer) = read(server.respond(request).await).await;
        assert_eq!(code, expected, "{answer}");
        ask(&server, "DELETE", &format!("{rbac}/jane"), None).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_taken_to_its_end_and_refused() {
    let server = server().await;
    let (request, taken) = in_pieces(100, true);
    assert_eq!(read(server.respond(request).await).await.0, 413);
    assert_eq!(taken.load(Ordering::Relaxed), 100);
}

#[tokio::test]
async fn a_probe_has_the_checks_that_it_has() {
    let server = server().await;
    for (path, expected) in [
        ("/healthz", 200),
        ("/livez/ping", 200),
        ("/readyz/shutdown", 200),
        ("/livez/shutdown", 404),
        ("/healthz/nope", 404),
    ] {
        assert_eq!(ask(&server, "GET", path, None).await.0, expected, "{path}");
    }
}
