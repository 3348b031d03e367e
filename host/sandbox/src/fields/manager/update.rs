//! Who owns what after a create, an update or a patch (`fieldmanager.go`, `merge/update.go`): whoever changed a field owns it.

use serde_json::Value;

use super::super::compare::{Comparison, compare};
use super::super::set::FieldSet;
use super::entry::{self, Entry, decode, encode, headers, is_reset};
use super::timestamps::same_but_for_managed_fields;
use super::{FieldManager, Wrong, cap, set_managed_fields, shown, strip};
use crate::status::Failure;

/// Where the entries come from that an update begins with.
enum Begin<'a> {
    /// Those of the stored object, as this server wrote them.
    Stored,
    /// Those that the client sent.
    Sent(Vec<Entry<'a>>),
    /// None.
    Nothing,
}

/// The managed fields after an update.
enum After {
    /// They are as they are stored.
    Stored,
    /// They are these; `None` takes them away.
    Written(Option<Value>),
}

impl FieldManager {
    /// The new object with the managed fields of who wrote it. `live` is what is stored; `None` at a create. `new` is what
    /// is to be stored: the body of the request, with defaults, or the object with the patch applied. `by` is from
    /// [`manager_of`](super::super::manager_of), `now` in seconds since 1970.
    pub fn update(&self, live: Option<&Value>, mut new: Value, by: &str, now: i64) -> Result<Value, Failure> {
        let sent = new.pointer_mut("/metadata/managedFields").map(Value::take);
        set_managed_fields(&mut new, None);
        let stored = live.and_then(|live| live.pointer("/metadata/managedFields"));
        let untouched = sent.is_some() && sent.as_ref() == stored;
        let entries = match self.updated(live, &new, sent.as_ref().filter(|_| !untouched), by, now) {
            Ok(After::Written(entries)) => entries,
            Ok(After::Stored) if untouched => sent,
            Ok(After::Stored) => stored.cloned(),
            // As `UpdateNoErrors`.
            Err(Wrong::Plain(_)) if !self.is_built_in() => None,
            Err(wrong) => return Err(wrong.into()),
        };
        set_managed_fields(&mut new, entries);
        Ok(new)
    }

    /// `sent` is what the client sent, if that is not what is stored.
    fn updated(
        &self,
        live: Option<&Value>,
        new: &Value,
        sent: Option<&Value>,
        by: &str,
        now: i64,
    ) -> Result<After, Wrong> {
        let stored_list = live.and_then(|live| live.pointer("/metadata/managedFields"));
        let stored = live.and_then(headers).unwrap_or_default();
        let begin = self.begin(sent);
        let is_create =
            live.is_none_or(|live| live.pointer("/metadata/uid").and_then(Value::as_str).is_none_or(str::is_empty));
        let nobody = match &begin {
            Begin::Stored => stored.is_empty(),
            Begin::Sent(entries) => entries.is_empty(),
            Begin::Nothing => true,
        };
        if nobody && !is_create {
            return Ok(After::Written(None));
        }

        let old = live.unwrap_or(&self.empty);
        self.check_typed("new", new)?;
        if !self.is_built_in() {
            self.check_typed("live", old)?;
        }
        let settled = matches!(begin, Begin::Stored) && self.is_settled(&stored);
        if settled && same_but_for_managed_fields(old, new) {
            return Ok(After::Stored);
        }
        let different = self.compare(old, new)?;
        if settled && different.is_same() {
            return Ok(After::Stored);
        }

        let entries = match begin {
            Begin::Stored => decode(&stored, stored_list).unwrap_or_default(),
            Begin::Sent(entries) => entries,
            Begin::Nothing => Vec::new(),
        };
        let mut entries = self.reconciled(entries)?;
        let changed = different.modified.union(different.added);
        for entry in &mut entries {
            entry.lose(&changed);
            entry.lose(&different.removed);
        }
        entries.retain(|entry| !entry.set.is_empty());
        self.own(&mut entries, strip(changed), by, now);
        Ok(After::Written(encode(cap::cap(entries))))
    }

    pub(super) fn check_typed(&self, which: &str, object: &Value) -> Result<(), Wrong> {
        self.check(object).map_err(|wrong| {
            Wrong::Plain(format!("failed to convert {which} object ({}) to smd typed: {wrong}", shown(object)))
        })
    }

    /// Who owns what of an object that has no managed fields and is applied to for the first time (`skipnonapplied.go`).
    pub(super) fn before_first_apply<'a>(&'a self, live: &'a Value, now: i64) -> Result<Vec<Entry<'a>>, Wrong> {
        let different = self.compare(&self.empty, live)?;
        let mut entries = Vec::new();
        self.own(&mut entries, strip(different.modified.union(different.added)), "before-first-apply", now);
        Ok(entries)
    }

    /// What is different, of what can be owned here.
    pub(super) fn compare<'a>(&'a self, old: &'a Value, new: &'a Value) -> Result<Comparison<'a>, Wrong> {
        let wrong = |wrong| Wrong::Plain(format!("failed to compare objects: {wrong}"));
        Ok(compare(&self.shape, old, new).map_err(wrong)?.without(&self.reset))
    }

    /// Gives what was changed to who changed it.
    fn own<'a>(&'a self, entries: &mut Vec<Entry<'a>>, changed: FieldSet<'a>, by: &str, now: i64) {
        if changed.is_empty() {
            return;
        }
        let by = if by.is_empty() { "unknown" } else { by };
        let entry = Entry {
            manager: by.to_owned().into(),
            applied: false,
            api_version: self.api_version.as_str().into(),
            subresource: self.subresource.as_str().into(),
            time: Some(now),
            set: changed,
            stored: None,
        };
        match entries.iter_mut().find(|there| there.same_manager(&entry)) {
            Some(there) => {
                let set = std::mem::take(&mut there.set).union(entry.set);
                *there = Entry { set, ..entry };
            }
            None => entries.push(entry),
        }
    }

    /// Clients may write managed fields themselves, but not through a subresource; those who do not know of them send none,
    /// or some that cannot be read, and change nothing.
    fn begin<'a>(&self, sent: Option<&'a Value>) -> Begin<'a> {
        let sent = sent.filter(|_| self.subresource.is_empty());
        let Some(headers) = sent.and_then(entry::entries) else { return Begin::Stored };
        if is_reset(&headers) {
            return Begin::Nothing;
        }
        decode(&headers, None).map_or(Begin::Stored, Begin::Sent)
    }
}
