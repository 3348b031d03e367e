//! Bearer tokens: fixed ones, and those of ServiceAccounts.
//!
//! A ServiceAccount's token is a JWT with the claims of a real one, so that clients can read when it ends and whose it is. It is
//! signed with HMAC-SHA256 by a key that is handed in: a real server signs with RSA or ECDSA so that others can check, and here
//! nobody but the server does. Keys for others (`/openid/v1/jwks`) are not in the sandbox, nor are the tokens of Secrets of the
//! type `kubernetes.io/service-account-token`.
//!
//! A real server keeps a token's answer for 10 seconds; here a token ends at once when what it is bound to is gone.
//!
//! Facts: `pkg/serviceaccount/{claims,jwt}.go` of Kubernetes, with what kcp's fork adds to the claims.

mod claims;
pub mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

pub use self::claims::{Claims, Reference};
use super::kcp::users::of_cluster;
use super::user::User;
use crate::quote::quote_list;

/// How far clocks may be apart.
const LEEWAY: i64 = 60;

/// What a token can be bound to, and the account that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HolderKind {
    /// The account itself.
    ServiceAccount,
    /// The token ends with the Secret.
    Secret,
    /// The token ends with the Pod.
    Pod,
    /// The token ends with the Node.
    Node,
}

/// An object that a token is of or bound to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// Its uid.
    pub uid: String,
    /// When it was deleted, if it is and only waits for its finalizers.
    pub deleted: Option<Timestamp>,
    /// Of a Pod: `spec.serviceAccountName`.
    pub service_account: String,
    /// Of a Pod: `spec.nodeName`.
    pub node: String,
}

/// The objects that tokens are of and bound to.
pub trait Holders {
    /// The object of this kind in a logical cluster. Nodes have no namespace.
    fn find(&self, cluster: &str, kind: HolderKind, namespace: &str, name: &str) -> Option<Holder>;
}

/// Whom a token is of, and for what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// The user.
    pub user: User,
    /// The audiences that were asked for and that the token has.
    pub audiences: Vec<String>,
}

/// The tokens of a server.
pub struct Tokens {
    key: hmac::Key,
    key_id: String,
    issuer: String,
    audiences: Vec<String>,
    fixed: BTreeMap<String, User>,
    workspaces: bool,
}

impl Tokens {
    /// No fixed tokens. `audiences` are those of the server itself; without any it is the issuer, as on a real server.
    pub fn new(secret: &[u8; 32], issuer: &str, audiences: Vec<String>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key_id = URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"key id").as_ref());
        let audiences = if audiences.is_empty() { vec![issuer.to_owned()] } else { audiences };
        Self { key, key_id, issuer: issuer.to_owned(), audiences, fixed: BTreeMap::new(), workspaces: false }
    }

    /// Ties ServiceAccounts to their logical clusters, as kcp does.
    #[must_use]
    pub fn with_workspaces(mut self) -> Self {
        self.workspaces = true;
        self
    }

    /// Adds a fixed token, as of `--token-auth-file`.
    pub fn add(&mut self, token: &str, user: User) {
        self.fixed.insert(token.to_owned(), user);
    }

    /// The audiences of the server itself.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// A token with these claims.
    pub fn issue(&self, claims: &Claims) -> String {
        let header = serde_json::json!({"alg": "HS256", "kid": self.key_id}).to_string();
        let payload = claims.to_payload(&self.issuer, self.workspaces).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }

    /// Whose a token is. `None` if it is nobody's, the error if it was somebody's or is for something else.
    pub fn authenticate(
        &self,
        token: &str,
        audiences: &[String],
        now: Timestamp,
        holders: &impl Holders,
    ) -> Result<Option<Authenticated>, String> {
        let wanted = |own: &[String]| own.iter().filter(|audience| audiences.contains(audience)).cloned().collect();
        if let Some(user) = self.fixed.get(token) {
            let audiences: Vec<String> = wanted(&self.audiences);
            if !audiences.is_empty() {
                return Ok(Some(Authenticated { user: user.clone(), audiences }));
            }
        }
        let Some(claims) = self.verified(token)? else { return Ok(None) };
        let found: Vec<String> = wanted(&claims.audiences);
        if found.is_empty() {
            let (has, wants) = (quote_list(&claims.audiences), quote_list(audiences));
            return Err(format!("token audiences {has} is invalid for the target audiences {wants}"));
        }
        claims.check(now, holders)?;
        let mut user = claims.user();
        if self.workspaces {
            user = of_cluster(user, &claims.cluster);
        }
        Ok(Some(Authenticated { user, audiences: found }))
    }

    /// The claims of a token that this server signed; `None` if it does not say so.
    fn verified(&self, token: &str) -> Result<Option<Claims>, String> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Ok(None);
        };
        let json = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<serde_json::Value>(&bytes).ok()
        };
        let Some(payload) = json(payload).filter(|payload| payload["iss"] == self.issuer.as_str()) else {
            return Ok(None);
        };
        let (Some(header), Ok(signature)) = (json(header), URL_SAFE_NO_PAD.decode(signature)) else { return Ok(None) };
        if header["kid"].as_str().is_some_and(|id| id != self.key_id) {
            return Err("invalid signature, no keys found".to_owned());
        }
        let signed = token.rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default();
        hmac::verify(&self.key, signed.as_bytes(), &signature)
            .map_err(|_| "go-jose/go-jose: error in cryptographic primitive".to_owned())?;
        Ok(Some(Claims::from_payload(&payload)))
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("issuer", &self.issuer).field("fixed", &self.fixed.len()).finish_non_exhaustive()
    }
}
