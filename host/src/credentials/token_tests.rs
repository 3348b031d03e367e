//! Tokens: what is asked for, what is read from the answer, and what is revoked.

use berthage_core::key::Workspace;
use serde_json::Value;

use super::super::scripted::{Asked, lines, server, status};
use super::*;

const JTI: &str = "3f8e6f2a-7d0c-4a57-9d5f-3a1b2c4d5e6f";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn jwt(claims: &Value) -> String {
    format!("e30.{}.canary", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn answer(claims: &Value) -> Value {
    json!({ "status": { "token": jwt(claims), "expirationTimestamp": "2027-01-16T08:00:00Z" } })
}

struct Target {
    workspace: Workspace,
    names: TargetNames,
}

impl Target {
    fn new() -> Self {
        let workspace = Workspace::local();
        Self { names: TargetNames::new(&workspace, "uid-1"), workspace }
    }

    fn recipient(&self) -> Recipient<'_> {
        Recipient { workspace: &self.workspace, names: &self.names, target: "edge", uid: "uid-1" }
    }
}

#[tokio::test]
async fn a_token_is_bound_to_a_secret_of_its_own() {
    let target = Target::new();
    let (client, asked) = server(|asked| {
        if asked.line.contains("/token") {
            return (201, answer(&json!({ "jti": JTI })));
        }
        let mut body = asked.body.clone();
        body["metadata"]["uid"] = "marker-uid".into();
        (201, body)
    });
    let token = issue(&client, target.recipient(), Duration::from_hours(24), now()).await.unwrap();
    assert_eq!(token.serial, JTI);
    assert_eq!(token.expires_at.to_string(), "2027-01-16T08:00:00Z");
    let hub = &target.names.hub;
    assert_eq!(
        lines(&asked),
        [
            "POST /api/v1/namespaces/default/secrets?".to_owned(),
            format!("POST /api/v1/namespaces/default/serviceaccounts/{hub}/token"),
        ]
    );
    let asked = asked.lock().unwrap();
    let marker = &asked[0].body;
    assert_eq!(marker["metadata"]["name"], format!("{hub}-6b49d200"));
    assert!(marker.get("data").is_none() && marker["immutable"] == true);
    let spec = &asked[1].body["spec"];
    assert_eq!(
        spec["boundObjectRef"],
        json!({
            "apiVersion": "v1", "kind": "Secret", "name": format!("{hub}-6b49d200"), "uid": "marker-uid"
        })
    );
    assert_eq!(spec["expirationSeconds"], 86_400);
}

#[tokio::test]
async fn a_marker_that_is_there_is_taken_only_if_it_is_ours() {
    for (owner, works) in [("local/edge/uid-1", true), ("local/edge/uid-2", false)] {
        let target = Target::new();
        let (client, _) = server(move |asked| match asked.line.split(['?', ' ']).next() {
            Some("POST") if asked.line.contains("/token") => (201, answer(&json!({ "jti": JTI }))),
            Some("POST") => status(409, "AlreadyExists", ""),
            _ => (200, json!({ "metadata": { "name": "m", "uid": "u", "annotations": { ANNOTATION_OWNER: owner } } })),
        });
        let result = issue(&client, target.recipient(), Duration::from_mins(10), now()).await;
        assert_eq!(result.is_ok(), works);
        assert!(result.err().is_none_or(|error| matches!(error, IssueError::Foreign { .. })));
    }
}

#[tokio::test]
async fn a_refusal_keeps_the_servers_words_to_itself() {
    let target = Target::new();
    let (client, _) = server(|_| status(404, "NotFound", "canary"));
    let error = issue(&client, target.recipient(), Duration::from_mins(10), now()).await.err().unwrap();
    assert!(matches!(&error, IssueError::Hub { failure, .. } if failure.is_not_found()));
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[test]
fn answers_without_a_usable_token_are_errors_that_do_not_show_it() {
    for claims in
        [json!({}), json!({ "jti": "" }), json!({ "jti": "a b" }), json!({ "jti": "x".repeat(65) }), json!([])]
    {
        let error = read(&answer(&claims).to_string()).err().unwrap();
        assert!(matches!(error, IssueError::TokenAnswer));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    for text in [
        "",
        "{}",
        "{\"status\":{}}",
        "{\"status\":{\"token\":\"canary\",\"expirationTimestamp\":\"2027-01-16T08:00:00Z\"}}",
    ] {
        assert!(matches!(read(text), Err(IssueError::TokenAnswer)), "{text}");
    }
}

fn listed(target: &Target, name: &str, owner: &str) -> Value {
    let labels = json!({ LABEL_TARGET: target.names.id, LABEL_TOKEN: "true" });
    json!({ "metadata": { "name": name, "uid": format!("uid of {name}"), "labels": labels, "annotations": { ANNOTATION_OWNER: owner } } })
}

async fn revoked(target: &Target, keep: Option<&CredentialStatus>, items: Vec<Value>) -> Vec<Asked> {
    let (client, asked) = server(move |asked| {
        if asked.line.starts_with("GET") {
            return (
                200,
                json!({ "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": items }),
            );
        }
        status(404, "NotFound", "gone meanwhile")
    });
    revoke_others(&client, target.recipient(), keep).await.unwrap();
    let asked = asked.lock().unwrap();
    asked.iter().filter(|asked| asked.line.starts_with("DELETE")).cloned().collect()
}

#[tokio::test]
async fn all_tokens_but_the_present_one_are_revoked() {
    let target = Target::new();
    let present = CredentialStatus {
        type_: CredentialType::ServiceAccountToken,
        serial: JTI.to_owned(),
        profile: "p".to_owned(),
        issued_at: now(),
        expires_at: now(),
        previous_serial: None,
    };
    let hub = &target.names.hub;
    let items = || {
        vec![
            listed(&target, &format!("{hub}-1"), "local/edge/uid-1"),
            listed(&target, &marker_name(&target.names, now()), "local/edge/uid-1"),
            listed(&target, &format!("{hub}-2"), "local/edge/somebody"),
            listed(&target, "a-kubeconfig", "local/edge/uid-1"),
        ]
    };
    let deletes = revoked(&target, Some(&present), items()).await;
    assert_eq!(deletes.len(), 1);
    assert!(deletes[0].line.contains(&format!("/secrets/{hub}-1")));
    assert_eq!(deletes[0].body["preconditions"]["uid"], format!("uid of {hub}-1"));
    assert_eq!(revoked(&target, None, items()).await.len(), 2);
    let certificate = CredentialStatus { type_: CredentialType::ClientCertificate, ..present };
    assert_eq!(
        revoked(&target, Some(&certificate), items()).await.len(),
        2,
        "after a change to certificates no token is left"
    );
}
