//! Which options of lists and watches go together.
//!
//! `ValidateListOptions` of `apimachinery/pkg/apis/meta/internalversion/validation`, after `SetListOptionsDefaults`.

use super::list::Match;
use crate::causes::{forbidden, not_supported};
use crate::status::{Cause, Failure};

/// What a list, a watch or a deletion of many was asked with.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryOptions<'a> {
    /// It is a watch.
    pub watch: bool,
    /// `resourceVersion`.
    pub resource_version: &'a str,
    /// `resourceVersionMatch`, as written.
    pub resource_version_match: &'a str,
    /// `continue`.
    pub continue_token: &'a str,
    /// `sendInitialEvents`.
    pub send_initial_events: Option<bool>,
}

/// Checks them, and says how the resource version is meant.
pub fn validate(options: &QueryOptions<'_>) -> Result<Match, Failure> {
    let causes = if options.watch { watch(options) } else { list(options) };
    Failure::if_wrong("meta.k8s.io", "ListOptions", "", causes)?;
    Ok(match options.resource_version_match {
        "Exact" => Match::Exact,
        "NotOlderThan" => Match::NotOlderThan,
        _ => Match::Unset,
    })
}

fn list(options: &QueryOptions<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let written = options.resource_version_match;
    if !written.is_empty() {
        if options.resource_version.is_empty() {
            causes.push(forbidden(MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if !options.continue_token.is_empty() {
            causes.push(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"));
        }
        if !matches!(written, "Exact" | "NotOlderThan") {
            causes.push(not_supported(MATCH, written, &["Exact", "NotOlderThan", ""]));
        }
        if written == "Exact" && options.resource_version == "0" {
            let why = r#"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#;
            causes.push(forbidden(MATCH, why));
        }
    }
    if options.send_initial_events.is_some() {
        causes.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    causes
}

fn watch(options: &QueryOptions<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let written = options.resource_version_match;
    if options.send_initial_events.is_some() && written != "NotOlderThan" {
        causes.push(forbidden(MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if written.is_empty() {
        // A watch that says neither is given both, if it says no revision.
        let defaulted = options.send_initial_events.is_none() && matches!(options.resource_version, "" | "0");
        if defaulted && !options.continue_token.is_empty() {
            causes.push(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"));
        }
        return causes;
    }
    if options.send_initial_events.is_none() {
        let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        causes.push(forbidden(MATCH, why));
    }
    if written != "NotOlderThan" {
        causes.push(not_supported(MATCH, written, &["NotOlderThan"]));
    }
    if !options.continue_token.is_empty() {
        causes.push(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"));
    }
    causes
}

const MATCH: &str = "resourceVersionMatch";
