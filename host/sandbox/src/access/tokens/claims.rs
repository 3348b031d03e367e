//! What a ServiceAccount's token says, and whether that still holds.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Holder, HolderKind, Holders, LEEWAY};
use crate::access::user::{User, service_account_name};
use crate::quote::quote;

/// An object by its name and uid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its uid; empty of a Node that is not there.
    pub uid: String,
}

/// The claims of a ServiceAccount's token. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Unique: `jti`.
    pub id: String,
    /// The logical cluster of the account.
    pub cluster: String,
    /// The namespace of the account.
    pub namespace: String,
    /// The account.
    pub service_account: Reference,
    /// The Secret that the token ends with.
    pub secret: Option<Reference>,
    /// The Pod that the token ends with.
    pub pod: Option<Reference>,
    /// The Node that the token ends with, or that of the Pod.
    pub node: Option<Reference>,
    /// What the token is for.
    pub audiences: Vec<String>,
    /// When it was made.
    pub issued: i64,
    /// When it ends.
    pub expires: i64,
    /// When a server begins to count its use as late.
    pub warn_after: Option<i64>,
}

impl Claims {
    /// As the payload of a JWT.
    pub(super) fn to_payload(&self, issuer: &str, with_cluster: bool) -> Value {
        let mut kubernetes = Map::new();
        if with_cluster {
            kubernetes.insert("clusterName".to_owned(), json!(self.cluster));
        }
        kubernetes.insert("namespace".to_owned(), json!(self.namespace));
        kubernetes.insert("serviceaccount".to_owned(), self.service_account.to_value());
        for (name, reference) in [("secret", &self.secret), ("pod", &self.pod), ("node", &self.node)] {
            if let Some(reference) = reference {
                kubernetes.insert(name.to_owned(), reference.to_value());
            }
        }
        if let Some(seconds) = self.warn_after {
            kubernetes.insert("warnafter".to_owned(), json!(seconds));
        }
        json!({
            "aud": self.audiences,
            "exp": self.expires,
            "iat": self.issued,
            "iss": issuer,
            "jti": self.id,
            "kubernetes.io": kubernetes,
            "nbf": self.issued,
            "sub": service_account_name(&self.namespace, &self.service_account.name),
        })
    }

    /// From a payload that this server wrote.
    pub(super) fn from_payload(payload: &Value) -> Self {
        let kubernetes = &payload["kubernetes.io"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let audiences = payload["aud"].as_array().into_iter().flatten().map(text);
        Self {
            id: text(&payload["jti"]),
            cluster: text(&kubernetes["clusterName"]),
            namespace: text(&kubernetes["namespace"]),
            service_account: Reference::read(&kubernetes["serviceaccount"]).unwrap_or_default(),
            secret: Reference::read(&kubernetes["secret"]),
            pod: Reference::read(&kubernetes["pod"]),
            node: Reference::read(&kubernetes["node"]),
            audiences: audiences.collect(),
            issued: payload["iat"].as_i64().unwrap_or_default(),
            expires: payload["exp"].as_i64().unwrap_or_default(),
            warn_after: kubernetes["warnafter"].as_i64(),
        }
    }

    /// Whether the token is still good: its time, its account, and what it is bound to.
    pub(super) fn check(&self, now: Timestamp, holders: &impl Holders) -> Result<(), String> {
        let (seconds, rest) = (now.as_second(), now.subsec_nanosecond());
        if (seconds + LEEWAY, rest) < (self.issued, 0) {
            return Err("service account token is not valid yet".to_owned());
        }
        let past = (seconds - LEEWAY, rest);
        if past > (self.expires, 0) {
            return Err("service account token has expired".to_owned());
        }
        let gone = |holder: &Holder| holder.deleted.is_some_and(|deleted| (deleted.as_second(), 0) < past);
        let find = |kind, namespace: &str, name: &str| holders.find(&self.cluster, kind, namespace, name);
        let (namespace, account) = (&self.namespace, &self.service_account);
        let found = find(HolderKind::ServiceAccount, namespace, &account.name)
            .ok_or_else(|| format!("serviceaccounts {} not found", quote(&account.name)))?;
        if found.uid != account.uid {
            return Err(format!("service account UID ({}) does not match claim ({})", found.uid, account.uid));
        }
        if gone(&found) {
            return Err(format!("service account {namespace}/{} has been deleted", account.name));
        }
        let node = self.node.as_ref().filter(|_| self.pod.is_none());
        for (kind, what, namespace, bound) in [
            (HolderKind::Secret, "secret", namespace.as_str(), self.secret.as_ref()),
            (HolderKind::Pod, "pod", namespace.as_str(), self.pod.as_ref()),
            (HolderKind::Node, "node", "", node),
        ] {
            let Some(bound) = bound else { continue };
            let invalidated = || "service account token has been invalidated".to_owned();
            let found = find(kind, namespace, &bound.name).ok_or_else(invalidated)?;
            if found.uid != bound.uid {
                let message = format!("does not match service account {what} ref claim ({})", bound.uid);
                return Err(format!("{what} UID ({}) {message}", found.uid));
            }
            if gone(&found) {
                return Err(invalidated());
            }
        }
        Ok(())
    }

    /// The account as a user, with what it is bound to.
    pub(super) fn user(&self) -> User {
        let mut user = User::service_account(
            &self.namespace,
            &self.service_account.name,
            &self.service_account.uid,
            Some(&self.id),
        );
        for (what, reference) in [("pod", &self.pod), ("node", &self.node)] {
            let Some(reference) = reference else { continue };
            for (field, value) in [("name", &reference.name), ("uid", &reference.uid)] {
                if !value.is_empty() {
                    user.extra.insert(format!("authentication.kubernetes.io/{what}-{field}"), vec![value.clone()]);
                }
            }
        }
        user
    }
}

impl Reference {
    fn to_value(&self) -> Value {
        if self.uid.is_empty() { json!({"name": self.name}) } else { json!({"name": self.name, "uid": self.uid}) }
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        value.is_object().then(|| Self { name: text("name"), uid: text("uid") })
    }
}
