//! Owner references that are there twice (`dedupOwnerReferences` of `endpoints/handlers/rest.go`).

use serde_json::Value;

use super::metadata::{self, Object};
use crate::status::Failure;

/// Takes out references that are there twice, and says their uids: a client is warned of them, see [`duplicates_warning`].
pub fn deduplicate(object: &mut Object) -> Result<Vec<String>, Failure> {
    let references = metadata::of_mut(object)?.get_mut("ownerReferences").and_then(Value::as_array_mut);
    let Some(references) = references else { return Ok(Vec::new()) };
    let duplicates = duplicates(references);
    if !duplicates.is_empty() {
        let mut kept: Vec<Value> = Vec::with_capacity(references.len());
        for reference in references.drain(..) {
            if !kept.contains(&reference) {
                kept.push(reference);
            }
        }
        *references = kept;
    }
    Ok(duplicates)
}

/// The uids of references that are there twice.
pub fn duplicates(references: &[Value]) -> Vec<String> {
    let is_repeated =
        |(at, reference): &(usize, &Value)| references.iter().take(*at).any(|before| before == *reference);
    references.iter().enumerate().filter(is_repeated).map(|(_, reference)| uid(reference)).collect()
}

fn uid(reference: &Value) -> String {
    reference.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The warning for them, of a request, or of what admission made of it (for a PATCH: only that).
pub fn duplicates_warning(duplicates: &[String], after_admission: bool) -> String {
    let when = if after_admission { " after mutating admission happens" } else { "" };
    format!(
        ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may \
         reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
        duplicates.join(", ")
    )
}
