//! The requests of a registration.

use std::time::Duration;

use berthage_core::names::VERSION;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::RegisterError;
use super::objects::{MANAGER, Plan};
use super::run::title;
use crate::access::failure::clean;
use crate::access::{Access, Failure, Options, Side, connect};

/// How often, and how far apart, the new account is tried: its rights reach the API server's own cache a moment later.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// A token. Without `Debug`.
pub(in crate::cli) struct Token {
    /// The token.
    pub(in crate::cli) token: Zeroizing<String>,
    /// Its end, as the API server says.
    pub(super) expires_at: Timestamp,
}

/// A failed request. A server's own fault is told in its own words: the controller would try again, and this program ends.
pub(super) fn failed(what: String, side: Side, error: &kube::Error) -> RegisterError {
    let message = match error {
        kube::Error::Api(status) if status.code >= 500 => {
            let words = clean(&status.message, 640);
            format!("{} answers {}: {words}; try again later", side.as_str(), status.code)
        }
        _ => Failure::of(side, error).message,
    };
    RegisterError::Request { what, message }
}

/// Whether the hub has the types of a group.
pub(super) async fn serves(hub: &Client, group: &'static str) -> Result<(), RegisterError> {
    let request = request(Request::get(format!("/apis/{group}/{VERSION}")), Vec::new())?;
    match hub.request_text(request).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(RegisterError::NoTypes { group }),
        Err(error) => Err(failed("the hub's API types".to_owned(), Side::Hub, &error)),
    }
}

/// Applies an object server-side. What others have set in the same fields is taken over: that was asked for.
pub(in crate::cli) async fn apply(client: &Client, side: Side, object: &Value) -> Result<(), RegisterError> {
    let path = path_of(object);
    let patched = client.request_text(apply_request(&path, object.to_string().into_bytes())?).await;
    patched.map(|_| ()).map_err(|error| failed(title(object), side, &error))
}

/// Applies the Secret. An answer to it, good or bad, may quote it, so no word of it is kept.
pub(super) async fn apply_secret(hub: &Client, plan: &Plan<'_>, body: &[u8]) -> Result<(), RegisterError> {
    let path = format!("/api/v1/namespaces/{}/secrets/{}", plan.namespace, plan.secret_name());
    match hub.request_text(apply_request(&path, body.to_vec())?).await {
        Ok(answer) => {
            drop(Zeroizing::new(answer));
            Ok(())
        }
        Err(error) => {
            let what = format!("Secret {}/{}", plan.namespace, plan.secret_name());
            Err(RegisterError::Request { what, message: Failure::of_secret_write(Side::Hub, &error).message })
        }
    }
}

/// Asks for a token of an account.
pub(in crate::cli) async fn token(
    client: &Client,
    side: Side,
    [namespace, account]: [&str; 2],
    duration: Duration,
) -> Result<Token, RegisterError> {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "expirationSeconds": duration.as_secs() },
    });
    let post = Request::post(path).header(CONTENT_TYPE, "application/json");
    // As text: the client logs an answer that it cannot decode, and this one holds a token.
    match client.request_text(request(post, body.to_string().into_bytes())?).await {
        Ok(answer) => read_token(&Zeroizing::new(answer)),
        Err(error) => Err(failed("a token of the account".to_owned(), side, &error)),
    }
}

#[derive(Deserialize)]
struct Answer {
    status: AnswerStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerStatus {
    token: String,
    expiration_timestamp: Timestamp,
}

fn read_token(answer: &str) -> Result<Token, RegisterError> {
    let Answer { status } = serde_json::from_str(answer).map_err(|_| RegisterError::Token)?;
    Ok(Token { token: Zeroizing::new(status.token), expires_at: status.expiration_timestamp })
}

/// Connects as the controller will, and reads what it reads first.
pub(super) async fn try_out(access: &Access) -> Result<(), String> {
    let client = connect::physical(access, &Options::default()).map_err(|error| error.to_string())?;
    let namespaces: Api<Namespace> = Api::all(client);
    let mut problem = String::new();
    for _ in 0..TRIES {
        match namespaces.get("kube-system").await {
            Ok(_) => return Ok(()),
            Err(error) => {
                let failure = Failure::of(Side::Physical, &error);
                let early = matches!(failure.code, Some(401 | 403));
                problem = failure.message;
                if !early {
                    break;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(problem)
}

fn apply_request(path: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, RegisterError> {
    let patch = Request::patch(format!("{path}?fieldManager={MANAGER}&force=true"));
    request(patch.header(CONTENT_TYPE, "application/apply-patch+yaml").header(ACCEPT, "application/json"), body)
}

fn request(builder: http::request::Builder, body: Vec<u8>) -> Result<Request<Vec<u8>>, RegisterError> {
    let failed =
        |error: http::Error| RegisterError::Request { what: "a request".to_owned(), message: error.to_string() };
    builder.body(body).map_err(failed)
}

/// Where an object of [`Plan`] is. All of them have names that can stand in a path.
fn path_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let root = if api_version.contains('/') { "apis" } else { "api" };
    // True of all kinds here.
    let plural = format!("{}s", text("/kind").to_lowercase());
    let name = text("/metadata/name");
    match text("/metadata/namespace") {
        "" => format!("/{root}/{api_version}/{plural}/{name}"),
        namespace => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_has_its_path() {
        let plan = Plan {
            name: "east",
            namespace: "default",
            cluster_namespace: "berthage-system",
            account: "berthage-controller",
            location: None,
            resources: &[],
            target: true,
        };
        let objects = plan.in_cluster().into_iter().chain(plan.on_hub());
        let paths: Vec<_> = objects.map(|object| path_of(&object)).collect();
        assert_eq!(
            paths,
            [
                "/api/v1/namespaces/berthage-system",
                "/api/v1/namespaces/berthage-system/serviceaccounts/berthage-controller",
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/berthage-controller",
                "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/berthage-controller",
                "/apis/tmc.kcp.io/v1alpha1/clusterregistrations/east",
                "/apis/workload.kcp.io/v1alpha1/synctargets/east",
            ]
        );
    }

    #[test]
    fn an_answer_without_a_token_is_not_quoted() {
        let token = read_token(r#"{"status":{"token":"t","expirationTimestamp":"2026-01-01T00:00:00Z"}}"#).unwrap();
        assert_eq!((token.token.as_str(), token.expires_at.as_second()), ("t", 1_767_225_600));
        let error = read_token(r#"{"status":{"token":"canary"}}"#).err().unwrap();
        assert!(!error.to_string().contains("canary") && !format!("{error:?}").contains("canary"));
    }
}
