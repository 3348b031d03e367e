//! Whether a text is a URI of a request: an absolute URI, or an absolute path.
//!
//! Facts: Go's `net/url.ParseRequestURI`.

/// Whether Go reads it.
pub(in crate::schema) fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = scheme(text) else { return false };
    let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
    if !rest.starts_with('/') {
        // What follows a scheme can be anything.
        return !scheme.is_empty();
    }
    let path = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(after) => {
            let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
            if !authority_is_valid(authority) {
                return false;
            }
            path
        }
        None => rest,
    };
    escapes(path).all(|escape| escape.is_some())
}

/// The scheme, if there is one, and the rest; nothing if the text begins with a colon.
fn scheme(text: &str) -> Option<(&str, &str)> {
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return None,
            b':' => return text.split_once(':'),
            _ => return Some(("", text)),
        }
    }
    Some(("", text))
}

fn authority_is_valid(authority: &str) -> bool {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let fine = |character: char| character.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(character);
            if !user.chars().all(fine) || !escapes(user).all(|escape| escape.is_some()) {
                return false;
            }
            host
        }
        None => authority,
    };
    if let Some(address) = host.strip_prefix('[') {
        let Some((address, port)) = address.rsplit_once(']') else { return false };
        let address = address.split_once("%25").map_or(address, |(address, _)| address);
        return port_is_valid(port) && address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let (name, port) = host.split_at(host.rfind(':').unwrap_or(host.len()));
    let fine = |character: char| {
        !character.is_ascii() || character.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(character)
    };
    port_is_valid(port)
        && name.chars().all(fine)
        && escapes(name).all(|escape| escape.is_some_and(|code| code >= 0x80 || code == 0x25))
}

fn port_is_valid(port: &str) -> bool {
    port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What each percent sign stands for; nothing if for nothing.
fn escapes(text: &str) -> impl Iterator<Item = Option<u8>> {
    text.match_indices('%').map(|(at, _)| {
        let digits = text.get(at + 1..at + 3)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestParseRequestURI` and `TestIsRequestURI`.
    #[test]
    fn uris() {
        for good in [
            "http://foo.com",
            "http://foo.com/",
            "/foo/bar%20",
            "https://host:443/a?b=c#d",
            "https://[::1]:6443",
            "//not.a.user@not.a.host/just/a/path",
            "foo:bar",
            "mailto:x@y",
            "http://user:pass@h",
            "*",
            "https://hub.example.com/clusters/root:a",
        ] {
            assert!(is_request_uri(good), "{good}");
        }
        for bad in [
            "",
            "foo.html",
            "../dir/",
            "http://x/%zz",
            "http://a b",
            ":x",
            "http://[::1",
            "http://h:x",
            " http://foo",
            "a\u{1}b",
        ] {
            assert!(!is_request_uri(bad), "{bad}");
        }
    }
}
