//! How a container's image is pulled if nobody says it: always if its tag is `latest`.
//!
//! Facts: `ParseImageName` of `pkg/util/parsers`, with `github.com/distribution/reference`.

/// `imagePullPolicy`, or `pullPolicy` of an image volume.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// The tag that an image has, or is given; `None` for a digest, and for what is no image.
fn tag(image: &str) -> Option<&str> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match name.get(path..)?.split_once(':') {
        Some((last, tag)) => (name.get(..path + last.len())?, Some(tag)),
        None => (name, None),
    };
    let remote = match name.split_once('/') {
        Some((first, _)) if is_domain(first) && !is_host(first) => return None,
        Some((first, rest)) if is_domain(first) => rest,
        _ => name,
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_tag = |tag: &str| {
        tag.len() <= 128
            && tag.bytes().next().is_some_and(word)
            && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
    };
    let hash = |name: &str| name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !remote.split('/').all(is_component) || !tag.is_none_or(is_tag) || hash(image) {
        return None;
    }
    tag.or(if digest.is_none() { Some("latest") } else { None })
}

/// Whether the first part of a name is where the image is.
fn is_domain(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A name or an address, and a port.
fn is_host(first: &str) -> bool {
    let (host, port) = match first.rfind([':', ']']) {
        Some(at) if first.as_bytes().get(at) == Some(&b':') => first.split_at_checked(at).unwrap_or((first, "")),
        _ => (first, ""),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = address.is_some_and(|host| host.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'));
    let digits =
        port.strip_prefix(':').is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    (address || host.split('.').all(label)) && digits
}

/// Lower case, with single separators inside: `.`, `_`, `__` or dashes.
fn is_component(component: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = component.bytes().next().is_some_and(word) && component.bytes().last().is_some_and(word);
    let separators = component.split(|char: char| char.is_ascii() && word(char as u8));
    ends && separators
        .into_iter()
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_is_pulled_always() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("localhost:5000/team/nginx", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("localhost:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:0123", "IfNotPresent"),
            ("nginx:latest@sha256:0123", "Always"),
            ("Nginx", "IfNotPresent"),
            ("GHCR.io/a/b", "Always"),
            ("[::1]:5000/a", "Always"),
            ("host:x/a", "IfNotPresent"),
            ("a..b/c", "IfNotPresent"),
            ("", "IfNotPresent"),
            ("a b", "IfNotPresent"),
            ("a_b-c--d.e", "Always"),
            ("a..b", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
