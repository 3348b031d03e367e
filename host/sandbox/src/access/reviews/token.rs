//! TokenReview: whose is this token?
//!
//! Facts: `pkg/registry/authentication/tokenreview/storage.go` of Kubernetes; `AuthorizeClientBearerToken` in
//! `pkg/server/config.go` of `k8s.io/apiserver` is why every error begins with that of the server's own token.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{text, user_info};
use crate::access::tokens::{Holders, Tokens};
use crate::quote::aggregate;
use crate::status::Failure;

const INVALID: &str = "invalid bearer token";

/// Answers a TokenReview.
pub fn token(tokens: &Tokens, mut review: Value, now: Timestamp, holders: &impl Holders) -> Result<Value, Failure> {
    let token = review.get("spec").map(|spec| text(spec, "token")).unwrap_or_default();
    if token.is_empty() {
        return Err(Failure::bad_request("token is required for TokenReview in authentication"));
    }
    let audiences = review.pointer("/spec/audiences").and_then(Value::as_array).into_iter().flatten();
    let mut audiences: Vec<String> = audiences.filter_map(Value::as_str).map(str::to_owned).collect();
    if audiences.is_empty() {
        tokens.audiences().clone_into(&mut audiences);
    }
    // What stands behind the first space of a header is no part of the token.
    let token = token.trim().split(' ').next().unwrap_or_default();
    let mut status = Map::new();
    match tokens.authenticate(token, &audiences, now, holders) {
        Ok(Some(found)) => {
            status.insert("authenticated".to_owned(), json!(true));
            status.insert("user".to_owned(), user_info(&found.user.authenticated()));
            status.insert("audiences".to_owned(), json!(found.audiences));
        }
        other => {
            let why = other.err().unwrap_or_else(|| INVALID.to_owned());
            status.insert("user".to_owned(), json!({}));
            status.insert("error".to_owned(), json!(aggregate(&[INVALID, &why])));
        }
    }
    if let Some(review) = review.as_object_mut() {
        review.insert("status".to_owned(), Value::Object(status));
    }
    Ok(review)
}
