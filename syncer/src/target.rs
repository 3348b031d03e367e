//! Whether the SyncTarget that this syncer was deployed for is still there.

use std::time::Duration;

use berthage_core::names::{VERSION, WORKLOAD_GROUP};
use http::{Request, header::ACCEPT};
use kube::Client;
use serde::Deserialize;

use crate::failure::Failure;

/// Asks for the metadata only; a server that cannot do that sends the whole object, of which the same is read.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// How the SyncTarget is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// There is none of that name.
    Deleted,
    /// There is one of that name with another uid.
    Replaced,
    /// It cannot be seen any more: the syncer's rights on the hub were taken away, which is the first thing that happens to
    /// the syncer of a SyncTarget that is deleted.
    Revoked,
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Deleted => "it was deleted",
            Self::Replaced => "another one has taken its name",
            Self::Revoked => "the hub has denied the syncer everything for a while",
        })
    }
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    uid: String,
}

/// Looks for the SyncTarget; `None` while it is there.
///
/// Only the API server's own words about this very object mean that it is gone. A bare 404 comes from a proxy, or from a
/// hub whose API is just being installed or was unbound for a while.
pub async fn look(client: &Client, name: &str, uid: &str, limit: Duration) -> Result<Option<Gone>, Failure> {
    const WHAT: &str = "the SyncTarget";
    let request = Request::get(format!("/apis/{WORKLOAD_GROUP}/{VERSION}/synctargets/{name}"))
        .header(ACCEPT, METADATA_ONLY)
        .body(Vec::new())
        .map_err(|_| Failure::Answer { what: WHAT })?;
    let answer = tokio::time::timeout(limit, client.request::<Object>(request)).await;
    match answer.map_err(|_| Failure::Timeout(limit))? {
        Ok(object) => Ok((object.metadata.uid != uid).then_some(Gone::Replaced)),
        Err(kube::Error::Api(status))
            if status.is_not_found() && status.details.as_ref().is_some_and(|it| it.name == name) =>
        {
            Ok(Some(Gone::Deleted))
        }
        Err(error) => Err(Failure::of(WHAT, &error)),
    }
}
