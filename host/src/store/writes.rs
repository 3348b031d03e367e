//! Writes of ours that are under way: a watch may tell of one before its answer comes, and that is no news.

use berthage_core::key::Key;

use super::Store;
use super::held::Held;

/// What a write of ours has come to.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// What depends on the object that was written, and has to be looked at again.
    pub others: Vec<Key>,
    /// Whether the object is another one meanwhile than the answer has it: it has to be looked at again, too.
    pub overtaken: bool,
}

impl Store {
    /// A write of ours to that object begins; [`Self::end_write`] has to follow. What a watch tells of the object until then is
    /// no news yet: often it is the write itself.
    pub fn begin_write(&self, key: &Key) {
        self.write().writing.insert(key.clone(), Vec::new());
    }

    /// The write that was begun last has got an answer, or none.
    pub fn end_write(&self, key: &Key, answer: Option<Held>) -> Written {
        let mut inner = self.write();
        let mut keys = inner.writing.remove(key).unwrap_or_default();
        let told = !keys.is_empty();
        let version = answer.as_ref().map(|held| held.resource_version().to_owned());
        if let Some(held) = answer {
            keys.extend(inner.answer(key, held));
        }
        let held = inner.object(key).and_then(|object| inner.objects.get(&object)).map(Held::resource_version);
        let overtaken = told && held != version.as_deref();
        let mut others: Vec<Key> = keys.into_iter().filter(|other| other != key).collect();
        others.sort_unstable();
        others.dedup();
        Written { others, overtaken }
    }
}
