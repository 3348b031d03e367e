//! `metav1.ListOptions`, for lists, watches and deletions of many.

use super::super::query::Query;
use super::decode::{boolean, integer};
use crate::selectors::{FieldSelector, LabelSelector};
use crate::status::Failure;
use crate::store::{Match, QueryOptions, validate};

/// What a list or a watch was asked with, before anything is checked that is about several of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOptions {
    /// `labelSelector`.
    pub label_selector: LabelSelector,
    /// `fieldSelector`, with the names as written.
    pub field_selector: FieldSelector,
    /// `watch`.
    pub watch: bool,
    /// `allowWatchBookmarks`.
    pub allow_watch_bookmarks: bool,
    /// `resourceVersion`.
    pub resource_version: String,
    /// `resourceVersionMatch`, as written.
    pub resource_version_match: String,
    /// `timeoutSeconds`.
    pub timeout_seconds: Option<i64>,
    /// `limit`.
    pub limit: i64,
    /// `continue`.
    pub continue_token: String,
    /// `sendInitialEvents`.
    pub send_initial_events: Option<bool>,
}

/// [`ListOptions`] whose parts go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What was asked.
    pub options: ListOptions,
    /// How the resource version is meant.
    pub resource_version_match: Match,
}

impl ListOptions {
    /// Reads them. The failure is the 400 of a value that cannot be read.
    pub fn decode(query: &Query<'_>) -> Result<Self, Failure> {
        // Selectors are read after all else.
        let numbers = (integer(query, "timeoutSeconds")?, integer(query, "limit")?);
        let (label_selector, field_selector) = (query.text("labelSelector"), query.text("fieldSelector"));
        Ok(Self {
            label_selector: LabelSelector::parse(label_selector)?,
            field_selector: FieldSelector::parse(field_selector)?,
            watch: boolean(query, "watch").unwrap_or(false),
            allow_watch_bookmarks: boolean(query, "allowWatchBookmarks").unwrap_or(false),
            resource_version: query.text("resourceVersion").to_owned(),
            resource_version_match: query.text("resourceVersionMatch").to_owned(),
            timeout_seconds: numbers.0,
            limit: numbers.1.unwrap_or(0),
            continue_token: query.text("continue").to_owned(),
            send_initial_events: boolean(query, "sendInitialEvents"),
        })
    }

    /// Checks what goes together, as the handlers of lists and watches do. The failure is 422.
    pub fn check(self) -> Result<Decoded, Failure> {
        let resource_version_match = validate(&QueryOptions {
            watch: self.watch,
            resource_version: &self.resource_version,
            resource_version_match: &self.resource_version_match,
            continue_token: &self.continue_token,
            send_initial_events: self.send_initial_events,
        })?;
        Ok(Decoded { options: self, resource_version_match })
    }
}
