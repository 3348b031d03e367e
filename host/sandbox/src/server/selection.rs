//! Which objects a list, a watch or a deletion of many is about.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::selectors::{FieldSelector, LabelSelector};
use crate::status::Failure;
use crate::store::Object;
use crate::world::Serving;

/// Both selectors of a request, for objects of a kind.
#[derive(Debug)]
pub(super) struct Selection {
    labels: LabelSelector,
    fields: FieldSelector,
    serving: std::sync::Arc<Serving>,
}

impl Selection {
    /// The failure is the 400 for a field that the kind does not have.
    pub(super) fn new(
        labels: LabelSelector,
        fields: FieldSelector,
        serving: std::sync::Arc<Serving>,
    ) -> Result<Self, Failure> {
        let fields = serving.selectable.convert(fields)?;
        Ok(Self { labels, fields, serving })
    }

    /// Whether every object is selected.
    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The only name that is selected, if there is but one.
    pub(super) fn name(&self) -> Option<&str> {
        self.fields.exact_value("metadata.name")
    }

    /// Whether an object is selected.
    pub(super) fn takes(&self, object: &Object) -> bool {
        self.takes_labels(object) && self.takes_fields(object)
    }

    fn takes_labels(&self, object: &Object) -> bool {
        if self.labels.is_everything() {
            return true;
        }
        let labels: Vec<(Cow<'_, str>, Cow<'_, str>)> = object.labels().collect();
        self.labels.matches(labels.as_slice())
    }

    fn takes_fields(&self, object: &Object) -> bool {
        if self.fields.is_everything() {
            return true;
        }
        let of_key = |field: &str| match field {
            "metadata.name" => Some(object.name()),
            "metadata.namespace" => Some(object.namespace()),
            _ => None,
        };
        if self.fields.terms().iter().all(|term| of_key(&term.field).is_some()) {
            return self.fields.matches(|field| Cow::Borrowed(of_key(field).unwrap_or_default()));
        }
        // What is stored was checked when it was written; what cannot be read has no fields.
        object
            .map()
            .is_ok_and(|map| self.serving.selectable.matches(&self.fields, &Value::Object(Arc::unwrap_or_clone(map))))
    }
}
