//! Which kinds of patches a resource takes.

use crate::status::Failure;

/// The kind of a patch, from the Content-Type of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// For built-in kinds only.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchType {
    /// The kind of a patch; `None` where it is not one that the resource takes. Parameters of the media type do not count.
    pub fn of(content_type: &str, custom: bool) -> Option<Self> {
        let media = content_type.split_once(';').map_or(content_type, |(media, _)| media);
        // Resources of built-in kinds are routed by it, which trims; the others compare.
        match if custom { media } else { media.trim_matches(' ') } {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" if !custom => Some(Self::Strategic),
            "application/apply-patch+yaml" => Some(Self::Apply),
            _ => None,
        }
    }
}

/// 415: the resource takes no such patch.
pub fn unsupported_media_type(custom: bool) -> Failure {
    let failure = |message: &str| Failure::new(415, "UnsupportedMediaType", message);
    if custom {
        failure(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, \
             application/merge-patch+json, application/apply-patch+yaml",
        )
    } else {
        failure("415: Unsupported Media Type").detailed()
    }
}
