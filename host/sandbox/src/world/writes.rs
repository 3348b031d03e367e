//! Writes with all that a server does to them: defaults, managed fields, the life of metadata, admission, storage.
//!
//! They come in through [`server`](crate::server) for clients, and directly from [`actors`](crate::actors), which are the
//! controllers of a real cluster and may do everything.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::World;
use super::place::Place;
use super::serving::{Content, Serving};
use crate::content;
use crate::fields::FieldManager;
use crate::kinds::Flavour;
use crate::lifecycle::{self, Birth, DeleteOptions, Deletion, Origin, Rules, Subresource, Update, Updated};
use crate::status::{Cause, Failure};
use crate::store::{Object, Refusal};

/// Who writes, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// Nothing is kept.
    pub dry_run: bool,
    /// It is a PUT: a uid in it is a condition.
    pub put: bool,
    /// It is an apply patch: its managed fields are complete, and what is not there is created.
    pub apply: bool,
}

/// What came of a write.
#[derive(Debug, Clone)]
pub enum Written {
    /// It was kept: this is new.
    Created(Object),
    /// It was kept: this is what it is now, also if nothing changed.
    Stored(Object),
    /// It was only tried, or is gone: this is what it would be, or was.
    Told {
        /// The object.
        object: Map<String, Value>,
        /// It would be new.
        created: bool,
    },
}

/// What came of a deletion.
#[derive(Debug, Clone)]
pub struct Deleted {
    /// What is to be answered.
    pub answer: Map<String, Value>,
    /// The answer is a `Status`.
    pub is_status: bool,
    /// The HTTP status.
    pub code: u16,
}

/// What makes the new object of the present one, of which there is none if it is to be created.
pub type Change<'c> = dyn FnMut(&World, Option<&Map<String, Value>>) -> Result<Map<String, Value>, Failure> + 'c;

/// Annotation of kcp: the logical cluster.
const CLUSTER: &str = "kcp.io/cluster";
/// How often a server tries to find a name that is free.
const NAMES_TRIED: usize = 8;

impl World {
    /// Adds an object. It has been read: what the kind does not know is not in it.
    pub fn create(
        &mut self,
        serving: &Serving,
        place: Place<'_>,
        mut object: Map<String, Value>,
        writer: &Writer<'_>,
    ) -> Result<Written, Failure> {
        let kind = serving.kind();
        lifecycle::receive_created(&kind, place.namespace, &mut object)?;
        self.admit_namespace(serving, place, &object)?;
        let version_allowed = writer.put || writer.apply || writer.dry_run;
        let generates = is_generated(&object);
        if !writer.apply {
            object = self.managed(serving, serving.managers.object.as_deref(), None, object, writer)?;
        }
        untype(serving, &mut object);
        // It is the server's, and nobody's field; what is only tried is never read from where it would be added.
        let bare = !self.is_annotated(&object);
        if !writer.dry_run {
            self.annotate(place.cluster, &mut object);
        }
        let mut tries = NAMES_TRIED;
        loop {
            tries -= 1;
            let (uid, suffix) = (self.random.uuid(), self.random.letters(5));
            let birth =
                Birth { namespace: place.namespace, now: self.now, uid: &uid, suffix: &suffix, version_allowed };
            let complete = lifecycle::create(
                &kind,
                &birth,
                object.clone(),
                &ContentRules { serving, subresource: Subresource::None },
            )?;
            let name = name_of(&complete).to_owned();
            let key = place.key(serving.resource, &name);
            if let Some(present) = self.store.get(&key) {
                if generates && tries > 0 {
                    continue;
                }
                return Err(lifecycle::exists(&kind, &complete, &*present.map()?));
            }
            if writer.dry_run {
                return Ok(Written::Told { object: complete, created: true });
            }
            let stored = self.insert(&key, complete);
            self.bare.set(&key, bare);
            return stored.map(Written::Created).map_err(|refusal| refusal.failure(kind.group, kind.plural, &name));
        }
    }

    /// Changes an object, or creates it where such a write does.
    pub fn update(
        &mut self,
        serving: &Serving,
        place: Place<'_>,
        name: &str,
        subresource: Subresource,
        writer: &Writer<'_>,
        change: &mut Change<'_>,
    ) -> Result<Written, Failure> {
        let kind = serving.kind();
        let origin = match self.flavour {
            Flavour::Kubernetes => Origin::Kubernetes,
            Flavour::Kcp => Origin::Kcp { cluster: place.cluster, identity: &serving.identity },
        };
        let etcd = lifecycle::storage_key(&kind, origin, place.namespace, name);
        let request =
            Update { kind: &kind, namespace: place.namespace, name, subresource, put: writer.put, key: &etcd };
        let key = place.key(serving.resource, name);
        let Some(present) = self.store.get(&key).cloned() else {
            let mut new = change(self, None)?;
            lifecycle::receive_updated(&kind, place.namespace, name, &mut new)?;
            lifecycle::absent(&request, &new, writer.apply)?;
            return self.create(serving, place, new, writer);
        };
        let old = present.map()?;
        let mut new = change(self, Some(&old))?;
        lifecycle::receive_updated(&kind, place.namespace, name, &mut new)?;
        if !writer.apply {
            let manager = match subresource {
                Subresource::Status => serving.managers.status.as_deref(),
                Subresource::None | Subresource::Finalize => serving.managers.object.as_deref(),
            };
            new = self.managed(serving, manager, Some(&old), new, writer)?;
        }
        untype(serving, &mut new);
        // A status has the metadata of what was read.
        let bare = subresource != Subresource::Status && !self.is_annotated(&new);
        if !writer.dry_run {
            self.annotate(place.cluster, &mut new);
        }
        let rules = ContentRules { serving, subresource };
        let refused = |refusal: Refusal| refusal.failure(kind.group, kind.plural, name);
        match lifecycle::update(&request, new, &old, &rules)? {
            Updated::Same if writer.dry_run || !(bare || self.bare.is(&key)) => Ok(Written::Stored(present)),
            Updated::Same => {
                let stored = self.replace(&key, present.revision(), Arc::unwrap_or_clone(old)).map_err(refused)?;
                self.bare.set(&key, bare);
                Ok(Written::Stored(stored))
            }
            Updated::Write(object) | Updated::Remove(object) if writer.dry_run => {
                Ok(Written::Told { object, created: false })
            }
            Updated::Write(object) => {
                let stored = self.replace(&key, present.revision(), object).map_err(refused)?;
                self.bare.set(&key, bare);
                Ok(Written::Stored(stored))
            }
            Updated::Remove(object) => {
                self.remove(&key).map_err(refused)?;
                Ok(Written::Told { object, created: false })
            }
        }
    }

    /// Deletes an object.
    pub fn delete(
        &mut self,
        serving: &Serving,
        place: Place<'_>,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Failure> {
        let kind = serving.kind();
        let refused = |refusal: Refusal| refusal.failure(kind.group, kind.plural, name);
        let key = place.key(serving.resource, name);
        let present = self.store.get(&key).cloned();
        let present = present.ok_or_else(|| Failure::not_found(kind.group, kind.plural, name))?;
        let old = present.map()?;
        let deletion = lifecycle::delete(&kind, &old, options, self.now)?;
        let code = lifecycle::status_code(&deletion, options);
        let told = |answer| Deleted { answer, is_status: false, code };
        match deletion {
            Deletion::Same => Ok(told(Arc::unwrap_or_clone(old))),
            Deletion::Write(object) if options.dry_run => Ok(told(object)),
            Deletion::Write(object) => {
                let stored = self.replace(&key, present.revision(), object).map_err(refused)?;
                Ok(told(Arc::unwrap_or_clone(stored.map()?)))
            }
            Deletion::Remove => {
                let last = if options.dry_run { old } else { self.remove(&key).map_err(refused)?.map()? };
                Ok(gone(&kind, Arc::unwrap_or_clone(last), code))
            }
            Deletion::WriteAndRemove(object) => {
                if options.dry_run {
                    return Ok(told(object));
                }
                self.replace(&key, present.revision(), object).map_err(refused)?;
                let last = self.remove(&key).map_err(refused)?.map()?;
                Ok(gone(&kind, Arc::unwrap_or_clone(last), code))
            }
        }
    }

    /// Who owns which fields now.
    fn managed(
        &self,
        serving: &Serving,
        manager: Option<&FieldManager>,
        old: Option<&Map<String, Value>>,
        new: Map<String, Value>,
        writer: &Writer<'_>,
    ) -> Result<Map<String, Value>, Failure> {
        let Some(manager) = manager else { return Ok(new) };
        let old = old.map(|old| Value::Object(typed(serving, old.clone())));
        match manager.update(old.as_ref(), Value::Object(typed(serving, new)), writer.manager, self.now.as_second())? {
            Value::Object(object) => Ok(object),
            _ => Err(Failure::bad_request("the object is no object")),
        }
    }

    /// Whether an object says already where it is; on a plain server there is nothing to say.
    fn is_annotated(&self, object: &Map<String, Value>) -> bool {
        let said = || object.get("metadata")?.get("annotations")?.get(CLUSTER);
        self.flavour != Flavour::Kcp || said().is_some()
    }

    /// kcp says of each object in which logical cluster it is.
    fn annotate(&self, cluster: &str, object: &mut Map<String, Value>) {
        if self.flavour == Flavour::Kcp {
            annotation(object, CLUSTER, cluster);
        }
    }

    /// The admission plugin `NamespaceLifecycle`: a namespace has to be there and to stay.
    fn admit_namespace(&self, serving: &Serving, place: Place<'_>, object: &Map<String, Value>) -> Result<(), Failure> {
        if !serving.served.namespaced || place.namespace.is_empty() {
            return Ok(());
        }
        let Some(namespaces) = self.built_in_servings.stored("", "namespaces") else { return Ok(()) };
        let key = Place { cluster: place.cluster, namespace: "" }.key(namespaces.resource, place.namespace);
        let Some(namespace) = self.store.get(&key) else {
            return Err(Failure::not_found("", "namespaces", place.namespace));
        };
        if !namespace.mentions("deletionTimestamp") {
            return Ok(());
        }
        let namespace = namespace.map()?;
        if namespace.get("metadata").and_then(|metadata| metadata.get("deletionTimestamp")).is_none() {
            return Ok(());
        }
        let why =
            format!("unable to create new content in namespace {} because it is being terminated", place.namespace);
        let cause = Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {} is being terminated", place.namespace),
            field: "metadata.namespace".to_owned(),
        };
        let kind = serving.kind();
        Err(Failure::forbidden(kind.group, kind.plural, name_of(object), &why).because(vec![cause]))
    }
}

/// An object with its `apiVersion` and `kind`, which objects of built-in kinds are kept without.
pub(crate) fn typed(serving: &Serving, mut object: Map<String, Value>) -> Map<String, Value> {
    object.entry("apiVersion").or_insert_with(|| json!(serving.served.api_version()));
    object.entry("kind").or_insert_with(|| json!(serving.served.kind));
    object
}

fn untype(serving: &Serving, object: &mut Map<String, Value>) {
    if !serving.served.custom {
        object.remove("apiVersion");
        object.remove("kind");
    }
}

/// The rules of a kind beyond metadata.
struct ContentRules<'a> {
    serving: &'a Serving,
    subresource: Subresource,
}

impl Rules for ContentRules<'_> {
    fn content(&self, object: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Vec<Cause> {
        match (&self.serving.content, self.serving.version()) {
            (Content::Custom(..), Some(version)) => {
                version.content(self.subresource == Subresource::Status).content(object, old)
            }
            (Content::BuiltIn, _) => {
                let served = &self.serving.served;
                content::Content::of(&served.group, &served.plural, self.subresource).content(object, old)
            }
            _ => Vec::new(),
        }
    }
}

/// Sets an annotation.
pub(crate) fn annotation(object: &mut Map<String, Value>, name: &str, value: &str) {
    let metadata = object.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else { return };
    let annotations = metadata.entry("annotations").or_insert(Value::Null);
    if annotations.is_null() {
        *annotations = json!({});
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(name.to_owned(), json!(value));
    }
}

fn gone(kind: &lifecycle::Kind<'_>, last: Map<String, Value>, code: u16) -> Deleted {
    if kind.facts.returns_deleted {
        return Deleted { answer: last, is_status: false, code };
    }
    let answer = match lifecycle::success(kind, &last) {
        Value::Object(answer) => answer,
        _ => Map::new(),
    };
    Deleted { answer, is_status: true, code }
}

fn name_of(object: &Map<String, Value>) -> &str {
    text_of(object, "name")
}

fn is_generated(object: &Map<String, Value>) -> bool {
    text_of(object, "name").is_empty() && !text_of(object, "generateName").is_empty()
}

fn text_of<'m>(object: &'m Map<String, Value>, field: &str) -> &'m str {
    object.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str).unwrap_or_default()
}
