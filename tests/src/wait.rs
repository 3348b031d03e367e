//! Waiting for something to become true, by a watch wherever there is one to listen to.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use http::Request;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watch_object, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// How long a test waits for what should come in a second or two. Generous: machines that run tests are busy.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Pause between two tries of what cannot be watched.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until the named object satisfies `condition`, and gives it. `awaited` says what is expected, for the error,
/// which shows the object as it was last seen. Errors of the watch are retried until the deadline.
pub async fn until<K>(
    api: &Api<K>,
    name: &str,
    awaited: &str,
    patience: Duration,
    mut condition: impl FnMut(&K) -> bool,
) -> Result<K>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static,
{
    let found = watch_until(api, name, awaited, patience, |object| object.is_some_and(&mut condition)).await?;
    found.ok_or_else(|| Error::Unmet { awaited: awaited.to_owned(), waited: patience, last_seen: "no object".into() })
}

/// Waits until the named object does not exist.
pub async fn until_gone<K>(api: &Api<K>, name: &str, patience: Duration) -> Result<()>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static,
{
    watch_until(api, name, &format!("the end of {name}"), patience, |object| object.is_none()).await.map(drop)
}

async fn watch_until<K>(
    api: &Api<K>,
    name: &str,
    awaited: &str,
    patience: Duration,
    mut condition: impl FnMut(Option<&K>) -> bool,
) -> Result<Option<K>>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static,
{
    let mut last_seen = String::from("nothing: the watch did not start");
    let search = async {
        let mut states = std::pin::pin!(watch_object(api.clone(), name).default_backoff());
        while let Some(state) = states.next().await {
            match state {
                Ok(object) if condition(object.as_ref()) => return Some(object),
                Ok(object) => last_seen = object.as_ref().map_or_else(|| format!("no object {name}"), show),
                Err(error) => last_seen = format!("the watch failed: {error:?}"),
            }
        }
        None
    };
    match tokio::time::timeout(patience, search).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) | Err(_) => Err(Error::Unmet { awaited: awaited.to_owned(), waited: patience, last_seen }),
    }
}

/// Waits until the set of objects that `config` selects satisfies `condition`, and gives them in the order of their
/// namespaces and names.
pub async fn until_all<K>(
    api: &Api<K>,
    config: watcher::Config,
    awaited: &str,
    patience: Duration,
    mut condition: impl FnMut(&[K]) -> bool,
) -> Result<Vec<K>>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static,
{
    let mut last_seen = String::from("nothing: the watch did not start");
    let search = async {
        let mut events = std::pin::pin!(watcher(api.clone(), config).default_backoff());
        let mut objects = BTreeMap::new();
        let mut listed = false;
        loop {
            match events.try_next().await {
                Ok(Some(Event::Init)) => {
                    objects.clear();
                    listed = false;
                }
                Ok(Some(Event::InitDone)) => listed = true,
                Ok(Some(Event::InitApply(object) | Event::Apply(object))) => {
                    objects.insert((object.namespace(), object.name_any()), object);
                }
                Ok(Some(Event::Delete(object))) => {
                    objects.remove(&(object.namespace(), object.name_any()));
                }
                Ok(None) => return None,
                Err(error) => last_seen = format!("the watch failed: {error:?}"),
            }
            if listed {
                let present: Vec<K> = objects.values().cloned().collect();
                if condition(&present) {
                    return Some(present);
                }
                last_seen = present.iter().map(show).collect::<Vec<_>>().join("\n");
            }
        }
    };
    match tokio::time::timeout(patience, search).await {
        Ok(Some(objects)) => Ok(objects),
        Ok(None) | Err(_) => Err(Error::Unmet { awaited: awaited.to_owned(), waited: patience, last_seen }),
    }
}

/// Tries again and again until `attempt` gives a value; for what no server lets us watch. `Err` is what was seen instead.
pub async fn until_some<T, F>(awaited: &str, patience: Duration, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T, String>>,
{
    let mut last_seen = String::from("nothing");
    let search = async {
        loop {
            match attempt().await {
                Ok(value) => return value,
                Err(seen) => last_seen = seen,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(patience, search).await {
        Ok(value) => Ok(value),
        Err(_) => Err(Error::Unmet { awaited: awaited.to_owned(), waited: patience, last_seen }),
    }
}

/// Waits, without end, until a GET of `path` is answered with success. The caller sets the deadline.
pub(crate) async fn answers(client: Client, path: &str) -> Result<()> {
    loop {
        if let Ok(request) = Request::get(path).body(Vec::new())
            && client.request_text(request).await.is_ok()
        {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until a plain HTTP server answers a GET of `url` with success.
pub async fn until_answers(url: &str, patience: Duration) -> Result<()> {
    let (server, path) = split(url);
    match tokio::time::timeout(patience, answers(crate::client::plain(server)?, path)).await {
        Ok(result) => result,
        Err(_) => Err(Error::Unmet {
            awaited: format!("an answer of {url}"),
            waited: patience,
            last_seen: "no successful answer".into(),
        }),
    }
}

/// Splits an address into its server and its path.
pub(crate) fn split(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find('/').map_or((url, "/"), |slash| url.split_at(start + slash))
}

/// An object as text, without the noise of managedFields.
fn show<K: Serialize>(object: &K) -> String {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_before_its_path() {
        assert_eq!(split("http://127.0.0.1:80/readyz"), ("http://127.0.0.1:80", "/readyz"));
        assert_eq!(split("http://127.0.0.1:80"), ("http://127.0.0.1:80", "/"));
    }

    #[tokio::test]
    async fn a_condition_that_never_comes_true_says_what_was_seen() {
        let attempt = || async { Err::<(), _>("a cold oven".to_owned()) };
        let error = until_some("warm bread", Duration::from_millis(1), attempt).await.unwrap_err();
        assert_eq!(error.to_string(), "warm bread did not come true within 1ms; last seen:\na cold oven");
    }
}
