//! In which format the body of a request is.
//!
//! Facts: `NegotiateInputSerializerForMediaType` of `pkg/endpoints/handlers/negotiation`; Go's `mime.ParseMediaType`. The bodies
//! of patches are told apart in [`crate::fields`].

use crate::status::Failure;

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// JSON; or YAML, since a server that is told JSON takes that only if it is JSON.
    Json,
    /// YAML.
    Yaml,
}

/// The format that `Content-Type` tells; 415 for one that no server takes.
pub fn body_format(content_type: &str) -> Result<BodyFormat, Failure> {
    if content_type.is_empty() {
        return Ok(BodyFormat::Json);
    }
    let (media, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    // Of a parameter that cannot be read a server says nothing else.
    let readable = params.split(';').all(|param| {
        let param = param.trim();
        param.is_empty()
            || param.split_once('=').is_some_and(|(key, value)| !key.trim().is_empty() && !value.is_empty())
    });
    match media.trim().to_ascii_lowercase().as_str() {
        "application/json" if readable => Ok(BodyFormat::Json),
        "application/yaml" if readable => Ok(BodyFormat::Yaml),
        "application/vnd.kubernetes.protobuf" if readable => {
            // It is what kubectl sends for the objects that it makes by itself.
            Err(Failure::not_in_sandbox(
                "bodies in application/vnd.kubernetes.protobuf; add --dry-run=client -o yaml to the kubectl command, and give \
                 its output to kubectl apply -f -",
            ))
        }
        _ => Err(Failure::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_what_nothing_says() {
        for content_type in ["", "application/json", "Application/JSON; charset=utf-8", "application/json;"] {
            assert_eq!(body_format(content_type), Ok(BodyFormat::Json), "{content_type}");
        }
        assert_eq!(body_format("application/yaml"), Ok(BodyFormat::Yaml));
    }

    #[test]
    fn other_formats_are_refused() {
        for content_type in ["text/plain", "application/merge-patch+json", "application/json;x", "json"] {
            let failure = body_format(content_type).unwrap_err();
            assert_eq!(failure.code, 415, "{content_type}");
            assert!(failure.message.ends_with("application/yaml, application/vnd.kubernetes.protobuf"));
        }
        assert_eq!(body_format("application/vnd.kubernetes.protobuf").unwrap_err().code, 501);
    }
}
