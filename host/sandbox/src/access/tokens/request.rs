//! `serviceaccounts/token`: a token for an account.
//!
//! Facts: `pkg/registry/core/serviceaccount/storage/token.go` and `pkg/apis/authentication/validation` of Kubernetes.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Claims, Holder, HolderKind, Holders, Reference, Tokens};
use crate::causes::{invalid, invalid_value};
use crate::quote::quote;
use crate::status::Failure;

const GROUP: &str = "authentication.k8s.io";
/// What the kubelet asks for, in which case a server gives more.
const EXTENDED_FROM: i64 = 60 * 60 + 7;
const EXTENDED_TO: i64 = 24 * 365 * 60 * 60;

/// Where a request for a token was sent, and what the server adds.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The logical cluster.
    pub cluster: &'a str,
    /// The namespace of the account.
    pub namespace: &'a str,
    /// The name of the account.
    pub name: &'a str,
    /// When it is.
    pub now: Timestamp,
    /// A new uuid, the token's `jti`.
    pub id: &'a str,
}

/// Answers a TokenRequest: the object with its `status`.
pub fn answer(
    tokens: &Tokens,
    place: &Place<'_>,
    mut request: Value,
    holders: &impl Holders,
) -> Result<Value, Failure> {
    let Some(object) = request.as_object_mut() else { return Err(Failure::bad_request("no object")) };
    let mut metadata = object.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    let told = |name| metadata.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, namespace) = (told("name"), told("namespace"));
    if !namespace.is_empty() && namespace != place.namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(message));
    }
    if !name.is_empty() && name != place.name {
        let cause = invalid("metadata.name", &name, "must match the service account name if specified");
        return Err(Failure::invalid(GROUP, "TokenRequest", place.name, vec![cause]));
    }
    let find = |kind, namespace: &str, name: &str| holders.find(place.cluster, kind, namespace, name);
    let account = find(HolderKind::ServiceAccount, place.namespace, place.name)
        .ok_or_else(|| Failure::not_found("", "serviceaccounts", place.name))?;
    let uid = told("uid");
    if !uid.is_empty() && uid != account.uid {
        let why = format!(
            "the UID in the token request ({uid}) does not match the UID of the service account ({})",
            account.uid
        );
        return Err(Failure::conflict(GROUP, "TokenRequest", place.name, &why));
    }
    let spec = Spec::read(object.get("spec"), tokens);
    metadata.extend([
        ("name".to_owned(), json!(place.name)),
        ("namespace".to_owned(), json!(place.namespace)),
        ("uid".to_owned(), json!(account.uid)),
        ("creationTimestamp".to_owned(), json!(written(place.now))),
    ]);
    spec.validate()?;
    let mut claims = Claims {
        id: place.id.to_owned(),
        cluster: place.cluster.to_owned(),
        namespace: place.namespace.to_owned(),
        service_account: Reference { name: place.name.to_owned(), uid: account.uid },
        audiences: spec.audiences.clone(),
        issued: place.now.as_second(),
        ..Claims::default()
    };
    if let Some(reference) = &spec.bound {
        bind(&mut claims, reference, place, find)?;
    }
    let mut lasts = spec.seconds;
    if claims.pod.is_some()
        && lasts == EXTENDED_FROM
        && spec.audiences.iter().all(|one| tokens.audiences().contains(one))
    {
        claims.warn_after = Some(claims.issued + lasts);
        lasts = EXTENDED_TO;
    }
    claims.expires = claims.issued + lasts;
    let ends = Timestamp::from_second(claims.issued + spec.seconds)
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    object.insert("metadata".to_owned(), Value::Object(metadata));
    object.insert("status".to_owned(), json!({"token": tokens.issue(&claims), "expirationTimestamp": written(ends)}));
    object.insert("spec".to_owned(), spec.into_value());
    Ok(request)
}

/// A time as `metav1.Time` writes it.
pub(in crate::access) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

struct Spec {
    audiences: Vec<String>,
    seconds: i64,
    bound: Option<Map<String, Value>>,
}

impl Spec {
    fn read(spec: Option<&Value>, tokens: &Tokens) -> Self {
        let field = |name| spec.and_then(|spec| spec.get(name));
        let audiences = field("audiences").and_then(Value::as_array).into_iter().flatten();
        let mut audiences: Vec<String> = audiences.filter_map(Value::as_str).map(str::to_owned).collect();
        if audiences.is_empty() {
            tokens.audiences().clone_into(&mut audiences);
        }
        Self {
            audiences,
            seconds: field("expirationSeconds").and_then(Value::as_i64).unwrap_or(60 * 60),
            bound: field("boundObjectRef").and_then(Value::as_object).cloned(),
        }
    }

    fn validate(&self) -> Result<(), Failure> {
        let why = match self.seconds {
            ..600 => "may not specify a duration less than 10 minutes",
            600..=0x1_0000_0000 => return Ok(()),
            _ => "may not specify a duration larger than 2^32 seconds",
        };
        let cause = invalid_value("spec.expirationSeconds", &Value::from(self.seconds), why);
        Err(Failure::invalid(GROUP, "TokenRequest", "", vec![cause]))
    }

    fn into_value(self) -> Value {
        let bound = self.bound.map_or(Value::Null, Value::Object);
        json!({"audiences": self.audiences, "expirationSeconds": self.seconds, "boundObjectRef": bound})
    }
}

/// Binds a token to the object that the request names.
fn bind(
    claims: &mut Claims,
    reference: &Map<String, Value>,
    place: &Place<'_>,
    find: impl Fn(HolderKind, &str, &str) -> Option<Holder>,
) -> Result<(), Failure> {
    let field = |name| reference.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind, name, uid) = (field("apiVersion"), field("kind"), field("name"), field("uid"));
    let (group, version) = match api_version.split_once('/') {
        Some((_, version)) if version.contains('/') => ("", ""),
        Some(parts) => parts,
        None => ("", api_version),
    };
    let found = |kind, namespace: &str, resource| {
        find(kind, namespace, name).ok_or_else(|| Failure::not_found("", resource, name))
    };
    let bound = |holder: &Holder| Some(Reference { name: name.to_owned(), uid: holder.uid.clone() });
    let holder = match (group, kind) {
        ("", "Pod") => {
            let pod = found(HolderKind::Pod, place.namespace, "pods")?;
            if pod.service_account != place.name {
                return Err(Failure::bad_request(format!(
                    "cannot bind token for serviceaccount {} to pod running with different serviceaccount name.",
                    quote(place.name)
                )));
            }
            if !pod.node.is_empty() {
                let node = find(HolderKind::Node, "", &pod.node).map(|node| node.uid).unwrap_or_default();
                claims.node = Some(Reference { name: pod.node.clone(), uid: node });
            }
            claims.pod = bound(&pod);
            pod
        }
        ("", "Node") => {
            let node = found(HolderKind::Node, "", "nodes")?;
            claims.node = bound(&node);
            node
        }
        ("", "Secret") => {
            let secret = found(HolderKind::Secret, place.namespace, "secrets")?;
            claims.secret = bound(&secret);
            secret
        }
        _ => {
            let message = format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
            return Err(Failure::bad_request(message));
        }
    };
    if !uid.is_empty() && uid != holder.uid {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Failure::conflict(group, kind, name, &why));
    }
    Ok(())
}
