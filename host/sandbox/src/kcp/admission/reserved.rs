//! Labels and annotations that only kcp changes: keys that end in `kcp.io` (`pkg/admission/reservedmetadata`).

use serde_json::Value;

use super::Request;
use crate::kcp::json::{Object, at};
use crate::kcp::names::CLAIMED;
use crate::kcp::{OWNER, PATH, REQUIRED_GROUPS};
use crate::quote::quote;
use crate::status::Failure;

pub(super) fn check(request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    if request.is_privileged() {
        return Ok(());
    }
    for (field, what) in [("annotations", "annotation"), ("labels", "label")] {
        if let Some(key) = changed(part(Some(new), field), part(old, field)) {
            return Err(request.forbidden(&format!("modification of reserved {what}: {}", quote(key))));
        }
    }
    Ok(())
}

fn part<'v>(object: Option<&'v Object>, field: &str) -> Option<&'v Object> {
    at(object?, &["metadata", field])?.as_object()
}

/// The first key that was added, changed or taken away and may not be.
fn changed<'v>(new: Option<&'v Object>, old: Option<&'v Object>) -> Option<&'v str> {
    let differs = |here: Option<&'v Object>, there: Option<&'v Object>| {
        let mut all = here.into_iter().flatten();
        all.find_map(|(key, value): (&String, &Value)| {
            let same = there.and_then(|there| there.get(key)) == Some(value);
            (!same && is_reserved(key)).then_some(key.as_str())
        })
    };
    differs(old, new).or_else(|| differs(new, old))
}

fn is_reserved(key: &str) -> bool {
    key.ends_with("kcp.io") && !key.starts_with(CLAIMED) && ![OWNER, PATH, REQUIRED_GROUPS].contains(&key)
}
