//! The store as a server uses it.

mod laws;
mod lists;
mod watches;
mod writes;

use serde_json::{Map, Value, json};

use super::*;

/// A store with one resource.
fn store() -> (Store, ResourceId) {
    store_with(Limits::default())
}

fn store_with(limits: Limits) -> (Store, ResourceId) {
    let mut store = Store::new(limits);
    let resource = store.resource(&Resource::new("apps", "deployments"));
    (store, resource)
}

fn key<'a>(resource: ResourceId, cluster: &'a str, namespace: &'a str, name: &'a str) -> Key<'a> {
    Key { resource, cluster, namespace, name }
}

/// An object with a label.
fn object(label: &str) -> Map<String, Value> {
    let Value::Object(object) = json!({"metadata": {"labels": {"l": label}}}) else { unreachable!() };
    object
}

/// Writes an object, whatever is there, and says its revision.
fn put(store: &mut Store, key: &Key<'_>, label: &str) -> u64 {
    let object = object(label);
    let commit = match store.get(key).map(Object::revision) {
        Some(revision) => store.replace(key, revision, object),
        None => store.create(key, object),
    };
    commit.unwrap().object.revision()
}

fn names(objects: &[Object]) -> Vec<&str> {
    objects.iter().map(Object::name).collect()
}

fn label_of(object: &Object) -> String {
    object.label("l").unwrap_or_default().into_owned()
}
