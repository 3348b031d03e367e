//! A ServiceAccount token for one syncer, where the hub does not trust our CA.
//!
//! Each token is bound to a Secret of its own that holds nothing: when it is deleted, the token is no longer accepted. The
//! Secret's name holds the second in which it was made, so the present one's is known from the status and all others of the
//! target can be deleted, those of a crash in between too.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berthage_core::api::{CredentialStatus, CredentialType};
use berthage_core::names::{
    ANNOTATION_OWNER, HUB_NAMESPACE, LABEL_MANAGED_BY, LABEL_TARGET, LABEL_TOKEN, MANAGED_BY, TargetNames,
};
use http::Request;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, ObjectMeta, PartialObjectMeta, PostParams};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::Recipient;
use super::error::IssueError;
use super::identity::{owner_annotation, owner_reference};
use crate::access::{Failure, Side, remove};

/// A token.
pub(super) struct Token {
    pub(super) text: Zeroizing<String>,
    /// Its `jti` claim.
    pub(super) serial: String,
    /// As the hub says, which need not be what was asked for.
    pub(super) expires_at: Timestamp,
}

/// Name of the Secret that the token issued at that time is bound to.
fn marker_name(names: &TargetNames, issued_at: Timestamp) -> String {
    format!("{}-{:x}", names.hub, issued_at.as_second())
}

/// The Secret that a token is bound to.
fn marker(recipient: Recipient<'_>, issued_at: Timestamp) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(marker_name(recipient.names, issued_at)),
            namespace: Some(HUB_NAMESPACE.to_owned()),
            labels: Some(BTreeMap::from([
                (LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned()),
                (LABEL_TARGET.to_owned(), recipient.names.id.clone()),
                (LABEL_TOKEN.to_owned(), "true".to_owned()),
            ])),
            annotations: Some(BTreeMap::from([(ANNOTATION_OWNER.to_owned(), owner_annotation(recipient))])),
            owner_references: Some(vec![owner_reference(recipient)]),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        type_: Some("berthage.dev/token-marker".to_owned()),
        ..Secret::default()
    }
}

pub(super) async fn issue(
    client: &Client,
    recipient: Recipient<'_>,
    duration: Duration,
    now: Timestamp,
) -> Result<Token, IssueError> {
    let name = marker_name(recipient.names, now);
    let hub = |what: &str, error: &kube::Error| IssueError::Hub {
        what: what.to_owned(),
        failure: Failure::of_secret_write(Side::Hub, error),
    };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), HUB_NAMESPACE);
    let made = match secrets.create(&PostParams::default(), &marker(recipient, now)).await {
        Ok(made) => made,
        // A second attempt within the same second: the first one's answer was lost.
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = secrets.get(&name).await.map_err(|error| hub("the Secret of a token", &error))?;
            let owner = found.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION_OWNER));
            if owner != Some(&owner_annotation(recipient)) {
                return Err(IssueError::Foreign { what: format!("Secret {HUB_NAMESPACE}/{name}") });
            }
            found
        }
        Err(error) => return Err(hub("the Secret of a token", &error)),
    };
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "expirationSeconds": duration.as_secs(),
            "boundObjectRef": { "apiVersion": "v1", "kind": "Secret", "name": name, "uid": made.metadata.uid },
        },
    });
    let path = format!("/api/v1/namespaces/{HUB_NAMESPACE}/serviceaccounts/{}/token", recipient.names.hub);
    let request = Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(|error| hub("a token", &kube::Error::HttpError(error)))?;
    // As text: kube logs an answer that it cannot decode, and this one holds a token.
    let answer = client.request_text(request).await.map_err(|error| hub("a token", &error))?;
    read(&Zeroizing::new(answer))
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

#[derive(Deserialize)]
struct Claims {
    jti: String,
}

fn read(answer: &str) -> Result<Token, IssueError> {
    let answer: Answer = serde_json::from_str(answer).map_err(|_| IssueError::TokenAnswer)?;
    let token = Zeroizing::new(answer.status.token);
    let claims =
        token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).ok_or(IssueError::TokenAnswer)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| IssueError::TokenAnswer)?;
    // The serial is shown in status and put into annotations.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if claims.jti.is_empty() || claims.jti.len() > 64 || !claims.jti.bytes().all(plain) {
        return Err(IssueError::TokenAnswer);
    }
    Ok(Token { text: token, serial: claims.jti, expires_at: answer.status.expiration_timestamp })
}

/// Revokes every token of the target but the one of `keep`; with `None`, all of them. Costs one LIST, and one DELETE for
/// each token.
pub async fn revoke_others(
    client: &Client,
    recipient: Recipient<'_>,
    keep: Option<&CredentialStatus>,
) -> Result<(), IssueError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), HUB_NAMESPACE);
    let hub = |error: &kube::Error| IssueError::Hub {
        what: "the end of a token".to_owned(),
        failure: Failure::of_secret_write(Side::Hub, error),
    };
    let selector = format!("{LABEL_TARGET}={},{LABEL_TOKEN}=true", recipient.names.id);
    let found = secrets.list_metadata(&ListParams::default().labels(&selector)).await.map_err(|error| hub(&error))?;
    let keep = keep
        .filter(|keep| keep.type_ == CredentialType::ServiceAccountToken)
        .map(|keep| marker_name(recipient.names, keep.issued_at));
    for marker in found.items.iter().filter(|marker| marker.metadata.name != keep) {
        let Some((name, uid)) = ours(marker, recipient) else { continue };
        remove(&secrets, name, uid).await.map_err(|error| hub(&error))?;
    }
    Ok(())
}

/// Name and uid of a marker that is the target's: labels alone could be anybody's.
fn ours<'a>(marker: &'a PartialObjectMeta<Secret>, recipient: Recipient<'_>) -> Option<(&'a str, &'a str)> {
    let owner = marker.metadata.annotations.as_ref()?.get(ANNOTATION_OWNER)?;
    let name = marker.metadata.name.as_deref()?;
    let known = *owner == owner_annotation(recipient) && name.starts_with(recipient.names.hub.as_str());
    known.then_some((name, marker.metadata.uid.as_deref()?))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
