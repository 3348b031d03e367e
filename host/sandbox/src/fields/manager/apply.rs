//! Server-side apply (`merge/update.go`, `Apply`): the applied object is merged into what is stored, what was applied before
//! and is not any more goes, and what others own is a conflict unless it is forced.
//!
//! The usual application changes nothing. It is found out without copying the object and without a set for what others own.

use serde_json::Value;

use super::super::describe::fields_of;
use super::super::merge::{Merged, merge, without_managed_fields};
use super::super::set::FieldSet;
use super::super::validate::{Duplicates, validate};
use super::conflict::{self, Conflict};
use super::entry::{self, Entry, Header, decode, encode, headers};
use super::last_applied::{allowed, updated_annotation};
use super::prune::prune;
use super::timestamps::same_but_for_managed_fields;
use super::{FieldManager, Wrong, group_version_kind, set_managed_fields, shown, strip, text};
use crate::status::Failure;

/// What an application does to an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// Nothing: what is stored stays, with its times.
    Unchanged,
    /// This is to be stored, once it has its defaults. Its managed fields are complete.
    Changed(Value),
}

/// How an application ends that does not change an object.
enum Stopped<'a> {
    Conflicts(Vec<Conflict<'a>>),
    Wrong(Wrong),
}

/// One application.
struct Application<'a> {
    live: Option<&'a Value>,
    applied: &'a Value,
    by: &'a str,
    now: i64,
}

/// What comes of one.
struct Outcome<'a> {
    object: Object,
    entries: Vec<Entry<'a>>,
}

/// What the object is then.
enum Object {
    /// Nothing but managed fields can have changed.
    Live,
    /// What was merged, or what is applied where there was nothing.
    Merged,
    /// What is left when what is not applied any more has gone.
    Pruned(Value),
}

impl FieldManager {
    /// Applies an object as a field manager. `live` is what is stored, `None` if there is nothing yet; `now` is in seconds
    /// since 1970. The fields of others are taken if `force`, else they are a conflict.
    pub fn apply(
        &self,
        live: Option<&Value>,
        applied: &Value,
        by: &str,
        force: bool,
        now: i64,
    ) -> Result<Applied, Failure> {
        if text(applied, "apiVersion") != self.api_version || text(applied, "kind") != self.kind {
            return Err(Failure::bad_request(format!("invalid object type: {}", group_version_kind(applied))));
        }
        if headers(applied).is_some() {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        let unowned = live.filter(|live| headers(live).is_none_or(|stored| stored.is_empty()));
        if let Some(live) = unowned.filter(|_| !self.is_built_in()) {
            self.check_typed("new", live).map_err(|wrong| match wrong {
                Wrong::Plain(message) => {
                    Wrong::Plain(format!("failed to create manager for existing fields: {message}"))
                }
                failure @ Wrong::Failure(_) => failure,
            })?;
        }
        validate(&self.shape, applied, Duplicates::Refused).map_err(|wrong| {
            Wrong::Plain(format!("failed to create typed patch object ({}): {wrong}", shown(applied)))
        })?;
        let by = if by.is_empty() { "unknown" } else { by };
        let application = Application { live, applied, by, now };
        if let Some(live) = live.filter(|_| !self.is_built_in()) {
            self.check(live).map_err(|wrong| {
                Wrong::Plain(format!("failed to create typed live object ({}): {wrong}", shown(live)))
            })?;
        }
        let merged = live.map_or(Merged::Same, |live| merge(&self.shape, live, applied));
        if merged == Merged::Same && live.is_some_and(|live| self.is_repetition(&application, live)) {
            return Ok(Applied::Unchanged);
        }
        self.apply_anew(&application, merged, force)
    }

    /// Whether the same was applied before by the same manager, of an object that it would not change.
    fn is_repetition(&self, application: &Application<'_>, live: &Value) -> bool {
        let Some(stored) = headers(live) else { return false };
        let Some(own) = stored.iter().find(|header| self.is_own(header, application.by)) else { return false };
        self.is_settled(&stored)
            && !(application.by == "kubectl" && updated_annotation(live, application.applied).is_some())
            && own.fields.is_some_and(|fields| strip(self.applied_set(application.applied)).is_written_as(fields))
    }

    fn is_own(&self, header: &Header<'_>, by: &str) -> bool {
        header.operation == "Apply" && header.manager == by && header.subresource == self.subresource
    }

    /// What the applier owns of what it applies, before what nobody owns is taken out of it: its name must not go either.
    fn applied_set<'a>(&'a self, applied: &'a Value) -> FieldSet<'a> {
        fields_of(&self.shape, applied).recursive_difference(&self.reset)
    }

    fn apply_anew(&self, application: &Application<'_>, merged: Merged, force: bool) -> Result<Applied, Failure> {
        let outcome = match self.outcome(application, &merged, force) {
            // What kubectl applied on its own side before may be changed by kubectl.
            Err(Stopped::Conflicts(conflicts)) if application.by == "kubectl" => {
                let allowed = application.live.and_then(|live| allowed(&self.shape, &self.api_version, live));
                match allowed {
                    Some(allowed) if conflict::fields(&conflicts).difference(&allowed).is_empty() => {
                        self.outcome(application, &merged, true)
                    }
                    Some(allowed) => Err(Stopped::Conflicts(conflict::over_others(conflicts, &allowed))),
                    None => Err(Stopped::Conflicts(conflicts)),
                }
            }
            outcome => outcome,
        };
        let Outcome { object, entries } = outcome.map_err(|stopped| match stopped {
            Stopped::Conflicts(conflicts) => conflict::failure(&conflicts),
            Stopped::Wrong(wrong) => wrong.into(),
        })?;

        let entries = encode(entries);
        let new = match (object, merged) {
            (Object::Pruned(object), _) | (Object::Merged, Merged::New(object)) => Some(object),
            (Object::Merged, Merged::Same) => Some(application.applied.clone()),
            (Object::Live, _) => None,
        };
        let annotation = new.as_ref().or(application.live).filter(|_| application.by == "kubectl");
        let annotation = annotation.and_then(|object| updated_annotation(object, application.applied));
        let mut object = match (new, application.live) {
            (Some(object), _) => object,
            (None, Some(live)) => {
                if annotation.is_none() && entries.as_ref() == live.pointer("/metadata/managedFields") {
                    return Ok(Applied::Unchanged);
                }
                without_managed_fields(live)
            }
            (None, None) => application.applied.clone(),
        };
        if let Some(annotation) = annotation {
            annotation.put(&mut object);
        }
        set_managed_fields(&mut object, entries);
        Ok(Applied::Changed(object))
    }

    fn outcome<'a>(
        &'a self,
        application: &Application<'a>,
        merged: &Merged,
        force: bool,
    ) -> Result<Outcome<'a>, Stopped<'a>> {
        let &Application { live, applied, by, now } = application;
        let mut entries = self.entries_of(live, now).map_err(Stopped::Wrong)?;
        let own = Entry {
            manager: by.into(),
            applied: true,
            api_version: self.api_version.as_str().into(),
            subresource: self.subresource.as_str().into(),
            time: None,
            set: self.applied_set(applied),
            stored: None,
        };
        let last = entries.iter().position(|entry| entry.same_manager(&own)).map(|place| entries.remove(place));

        let Some(live) = live else {
            // A create: nothing is there that could be merged, go or be somebody's.
            let own = Entry { time: Some(now), set: strip(own.set), ..own };
            entries.extend(Some(own).filter(|own| !own.set.is_empty()));
            return Ok(Outcome { object: Object::Merged, entries });
        };

        let mut pruned = None;
        let object = match merged {
            Merged::Same => None,
            Merged::New(object) => Some(object),
        };
        if let Some(last) = last.as_ref().filter(|last| !last.set.is_within(&own.set)) {
            let others = entries.iter().map(|entry| entry.set.clone());
            let owned = others.fold(own.set.clone(), FieldSet::union);
            pruned = prune(&self.shape, object.unwrap_or(live), &last.set, &owned);
        }
        let new = pruned.as_ref().or(object);
        if let Some(new) = new {
            let conflicts = self.take(&mut entries, live, new).map_err(Stopped::Wrong)?;
            if !force && !conflicts.is_empty() {
                return Err(Stopped::Conflicts(conflicts));
            }
        }
        entries.retain(|entry| !entry.set.is_empty());
        let changes = new.is_some_and(|new| !same_but_for_managed_fields(live, new));
        let time = if changes { Some(now) } else { last.and_then(|last| last.time) };
        let own = Entry { time, set: strip(own.set), ..own };
        entries.extend(Some(own).filter(|own| !own.set.is_empty()));
        let object = match pruned {
            _ if !changes => Object::Live,
            Some(pruned) => Object::Pruned(pruned),
            None => Object::Merged,
        };
        Ok(Outcome { object, entries })
    }

    /// Takes what is changed and what is gone away from those who own it, and says from whom something was taken.
    fn take<'a>(&self, entries: &mut [Entry<'a>], live: &Value, new: &Value) -> Result<Vec<Conflict<'a>>, Wrong> {
        let different = self.compare(live, new)?;
        let changed = different.modified.union(different.added);
        let mut conflicts = Vec::new();
        for entry in entries {
            let contested = entry.set.intersection(&changed);
            if !contested.is_empty() {
                conflicts.extend(conflict::with(entry, &contested));
                entry.lose(&changed);
            }
            entry.lose(&different.removed);
        }
        Ok(conflicts)
    }

    /// What everybody owned before.
    fn entries_of<'a>(&'a self, live: Option<&'a Value>, now: i64) -> Result<Vec<Entry<'a>>, Wrong> {
        let Some(live) = live else { return Ok(Vec::new()) };
        let list = live.pointer("/metadata/managedFields");
        let headers = list.and_then(entry::entries).unwrap_or_default();
        let entries = decode(&headers, list).map_err(|_| {
            Wrong::Failure(Failure::not_in_sandbox("to apply to an object whose managed fields cannot be read"))
        })?;
        if entries.is_empty() {
            return self.before_first_apply(live, now);
        }
        self.reconciled(entries)
    }
}
