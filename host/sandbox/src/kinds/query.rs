//! The path and the query of a URL, as Go's `net/url` reads them.
//!
//! What is no UTF-8 once it is decoded is not kept as such bytes, as Go would.

use std::borrow::Cow;

use crate::status::Failure;

/// The parameters of a request, in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query<'q> {
    pairs: Vec<(Cow<'q, str>, Cow<'q, str>)>,
}

impl<'q> Query<'q> {
    /// Reads what is after the `?`. Pairs that cannot be read are left out, as `URL.Query` does.
    pub fn parse(raw: &'q str) -> Self {
        let parts = raw.split('&').filter(|part| !part.is_empty() && !part.contains(';'));
        let pairs = parts.filter_map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            Some((unescape(key, true)?, unescape(value, true)?))
        });
        Self { pairs: pairs.collect() }
    }

    /// The first value of a parameter, also an empty one.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// The first value of a parameter, or nothing.
    pub fn text(&self, key: &str) -> &str {
        self.first(key).unwrap_or_default()
    }

    /// All values of a parameter.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// All parameters and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }
}

/// The path of a URL without its escapes. Go's server answers 400 before anything of Kubernetes looks at the request.
pub fn decode_path(raw: &str) -> Result<Cow<'_, str>, Failure> {
    unescape(raw, false).ok_or_else(|| Failure::bad_request("400 Bad Request: malformed path"))
}

fn unescape(text: &str, query: bool) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if query => out.push(b' '),
            other => out.push(other),
        }
    }
    Some(Cow::Owned(match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_go_does() {
        let query = Query::parse("a=1&b=%3D+x&a=2&c&&bad=%zz&d;e=1&f=%C3%BC");
        assert_eq!(query.first("a"), Some("1"));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.text("b"), "= x");
        assert_eq!(query.first("c"), Some(""));
        assert_eq!((query.first("bad"), query.first("d;e"), query.first("e")), (None, None, None));
        assert_eq!(query.text("f"), "ü");
        assert_eq!(query.iter().count(), 5);
    }

    #[test]
    fn a_plus_in_a_path_is_a_plus() {
        assert_eq!(decode_path("/a%2Fb+c").unwrap(), "/a/b+c");
        assert_eq!(decode_path("/a%2").unwrap_err().code, 400);
    }
}
