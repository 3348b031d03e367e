//! Deleting one object and no other of its name.

use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use serde::de::DeserializeOwned;

/// Deletes an object that is of this uid; one that is gone, or another of the same name, is no error.
///
/// A conflict (409) can say that the name is another object's now, but also that somebody else wrote to this one at the same
/// moment, or that a server behind the server was overtaken. What is left behind then could be a token that still counts: so
/// it is looked at, and the conflict is an error while the object is there.
pub async fn remove<K>(api: &Api<K>, name: &str, uid: &str) -> Result<(), kube::Error>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let only_this =
        DeleteParams::default().preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
    match api.delete(name, &only_this).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(kube::Error::Api(status)) if status.is_conflict() => {
            let found = api.get_metadata_opt(name).await?;
            let is_this = found.is_some_and(|found| found.metadata.uid.as_deref() == Some(uid));
            if is_this { Err(kube::Error::Api(status)) } else { Ok(()) }
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Method, Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::{BoxError, service_fn};

    /// A server that answers a DELETE with a conflict, and says which uid the object has.
    fn conflicting(uid: Option<&'static str>) -> Api<ConfigMap> {
        let service = service_fn(move |request: Request<Body>| {
            let (code, body) = match (request.method(), uid) {
                (&Method::DELETE, _) => (409, status(409, "Conflict")),
                (_, None) => (404, status(404, "NotFound")),
                (_, Some(uid)) => (200, json!({"metadata": {"name": "a", "uid": uid}})),
            };
            let answer = Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
            std::future::ready(answer.map_err(BoxError::from))
        });
        Api::default_namespaced(kube::Client::new(service, "default"))
    }

    fn status(code: u16, reason: &str) -> Value {
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason})
    }

    #[tokio::test]
    async fn a_conflict_is_an_error_while_the_object_is_there() {
        assert!(remove(&conflicting(Some("u-1")), "a", "u-1").await.is_err());
        assert!(remove(&conflicting(Some("u-2")), "a", "u-1").await.is_ok(), "another one of the name");
        assert!(remove(&conflicting(None), "a", "u-1").await.is_ok(), "gone");
    }
}
