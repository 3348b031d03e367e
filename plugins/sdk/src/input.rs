//! What a hook may know.

use serde::de::DeserializeOwned;

use crate::plugin::Plugin;
use crate::selection::ObjectRef;

/// Everything a hook may know, decoded into the plugin's own types.
#[derive(Debug)]
pub struct Input<P: Plugin + ?Sized> {
    /// The object that is reconciled.
    pub subject: P::Subject,
    /// The configuration, as [`Plugin::check_config`] returned it.
    pub config: P::Config,
    /// What the host knows about the subject. For a SyncTarget: [`crate::facts::Facts`].
    pub facts: P::Facts,
    /// What [`Plugin::select`] asked for.
    pub reads: Reads,
    /// How the last apply went, an entry for each object; empty before the first.
    pub results: Vec<ApplyResult>,
    /// RFC 3339, UTC. The host keeps an outcome while nothing but this changes: let it decide only how long to wait.
    pub now: String,
    /// How many times in a row this object failed. As with `now`, a new value alone is no reason to call again.
    pub attempt: u32,
}

/// How the last apply went for one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyResult {
    /// The object.
    pub object: ObjectRef,
    /// Whether it is as desired.
    pub ok: bool,
    /// One CamelCase word, such as `Forbidden`; empty when ok.
    pub code: String,
    /// For people; empty when ok.
    pub message: String,
}

/// What the selections found. Objects are decoded when they are asked for, not before.
#[derive(Debug, Default)]
pub struct Reads(pub(crate) Vec<RawGroup>);

/// What one selection found, as it crossed.
#[derive(Debug)]
pub(crate) struct RawGroup {
    pub(crate) id: String,
    pub(crate) complete: bool,
    pub(crate) items: Vec<Vec<u8>>,
}

impl Reads {
    /// The objects of the selection `id`; none when there was no such selection.
    ///
    /// # Errors
    /// An object does not decode as `T`; the text names the selection and the field.
    pub fn of<T: DeserializeOwned>(&self, id: &str) -> Result<Vec<T>, String> {
        self.items(id)
            .map(|item| serde_json::from_slice(item).map_err(|error| format!("an object of selection {id:?}: {error}")))
            .collect()
    }

    /// Whether the host knows that [`Self::of`] returns all there are: only then does absence mean anything.
    pub fn complete(&self, id: &str) -> bool {
        self.0.iter().any(|group| group.id == id && group.complete)
    }

    fn items(&self, id: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |group| group.id == id).flat_map(|group| group.items.iter().map(Vec::as_slice))
    }
}
