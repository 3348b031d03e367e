//! Bodies of answers, made of objects as they are stored.
//!
//! Facts: `pkg/endpoints/handlers/responsewriters/writers.go`; `apimachinery/pkg/runtime/serializer/json`: a line end follows
//! JSON that is not indented, none what is.

use serde_json::{Value, json};

/// The metadata of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListMeta<'a> {
    /// The revision of what is shown.
    pub resource_version: u64,
    /// Where the next page begins; empty on the last one.
    pub continue_token: &'a str,
    /// How many objects come after this page, if that is known.
    pub remaining: Option<i64>,
    /// That there is no next page is said too, as lists of custom resources do.
    pub says_end: bool,
}

impl ListMeta<'_> {
    /// As it is in a list.
    pub fn to_json(&self) -> Value {
        let mut metadata = json!({"resourceVersion": self.resource_version.to_string()});
        if !self.continue_token.is_empty() || self.says_end {
            metadata["continue"] = json!(self.continue_token);
        }
        if let Some(remaining) = self.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        metadata
    }
}

/// A list of objects that are JSON already.
pub fn list<'i>(
    api_version: &str,
    list_kind: &str,
    meta: &ListMeta<'_>,
    items: impl IntoIterator<Item = &'i [u8]>,
) -> Vec<u8> {
    let items = items.into_iter();
    let mut out = Vec::with_capacity(128 + items.size_hint().0 * 512);
    out.extend_from_slice(b"{\"kind\":");
    out.extend_from_slice(json!(list_kind).to_string().as_bytes());
    out.extend_from_slice(b",\"apiVersion\":");
    out.extend_from_slice(json!(api_version).to_string().as_bytes());
    out.extend_from_slice(b",\"metadata\":");
    out.extend_from_slice(meta.to_json().to_string().as_bytes());
    out.extend_from_slice(b",\"items\":[");
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item);
    }
    out.extend_from_slice(b"]}\n");
    out
}

/// An object that is stored without them, with its `apiVersion` and `kind`.
pub fn typed(api_version: &str, kind: &str, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + api_version.len() + kind.len() + 32);
    out.extend_from_slice(b"{\"kind\":");
    out.extend_from_slice(json!(kind).to_string().as_bytes());
    out.extend_from_slice(b",\"apiVersion\":");
    out.extend_from_slice(json!(api_version).to_string().as_bytes());
    let rest = json.strip_prefix(b"{").unwrap_or(json);
    if rest != b"}" {
        out.push(b',');
    }
    out.extend_from_slice(rest);
    out
}

/// An event of a watch, with its line end.
pub fn event(kind: &str, object: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.len() + kind.len() + 24);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object.strip_suffix(b"\n").unwrap_or(object));
    out.extend_from_slice(b"}\n");
    out
}

/// An answer that is not stored as it is: indented if a person reads it.
pub fn raw(value: &Value) -> Vec<u8> {
    format!("{value:#}").into_bytes()
}

/// The same as it is written otherwise, or indented.
pub fn pretty(value: &Value, indent: bool) -> Vec<u8> {
    if indent { raw(value) } else { format!("{value}\n").into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn lists_are_put_together_from_what_is_stored() {
        let meta = ListMeta { resource_version: 7, continue_token: "abc", remaining: Some(3), says_end: false };
        let items: [&[u8]; 2] = [b"{\"a\":1}", b"{}"];
        assert_eq!(
            parsed(&list("v1", "PodList", &meta, items)),
            json!({
                "kind": "PodList", "apiVersion": "v1",
                "metadata": {"resourceVersion": "7", "continue": "abc", "remainingItemCount": 3},
                "items": [{"a": 1}, {}],
            })
        );
        let empty = list("apps/v1", "DeploymentList", &ListMeta::default(), []);
        assert_eq!(parsed(&empty)["items"], json!([]));
        assert!(empty.ends_with(b"\n"));
    }

    #[test]
    fn what_is_alone_says_what_it_is() {
        assert_eq!(parsed(&typed("v1", "Pod", b"{\"a\":1}")), json!({"kind": "Pod", "apiVersion": "v1", "a": 1}));
        assert_eq!(parsed(&typed("v1", "Pod", b"{}")), json!({"kind": "Pod", "apiVersion": "v1"}));
        let line = event("ADDED", &pretty(&json!({"a": 1}), false));
        assert_eq!(line, b"{\"type\":\"ADDED\",\"object\":{\"a\":1}}\n");
        assert_eq!(raw(&json!({"a": 1})), b"{\n  \"a\": 1\n}");
    }
}
