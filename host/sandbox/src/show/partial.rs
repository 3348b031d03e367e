//! Objects of which only the metadata is shown.
//!
//! Facts: `asPartialObjectMetadata` and `asPartialObjectMetadataList` of `pkg/endpoints/handlers/response.go`. A list of
//! none has `items: null`.

use serde_json::{Map, Value, json};

use super::body::ListMeta;
use super::negotiate::MetaVersion;

/// `PartialObjectMetadata` of an object.
pub fn partial(version: MetaVersion, object: &Map<String, Value>) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": version.api_version(),
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

/// `PartialObjectMetadataList` of the objects of a list.
pub fn partial_list<'o>(
    version: MetaVersion,
    meta: &ListMeta<'_>,
    objects: impl IntoIterator<Item = &'o Map<String, Value>>,
) -> Value {
    let items: Vec<Value> = objects.into_iter().map(|object| partial(version, object)).collect();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": version.api_version(),
        "metadata": meta.to_json(),
        "items": if items.is_empty() { Value::Null } else { Value::Array(items) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_metadata_is_left() {
        let object = json!({"kind": "Pod", "metadata": {"name": "a", "resourceVersion": "3"}, "spec": {"x": 1}});
        let object = object.as_object().unwrap();
        let alone = json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"name": "a", "resourceVersion": "3"},
        });
        assert_eq!(partial(MetaVersion::V1, object), alone);
        let meta = ListMeta { resource_version: 9, ..ListMeta::default() };
        let list = partial_list(MetaVersion::V1, &meta, [object]);
        assert_eq!(list["items"], json!([alone]));
        assert_eq!(list["metadata"], json!({"resourceVersion": "9"}));
        assert_eq!(partial_list(MetaVersion::V1Beta1, &meta, [])["items"], Value::Null);
    }
}
