//! The headers that say who is to be impersonated.

use std::collections::BTreeMap;

use crate::quote::quote;
use crate::status::Failure;

const EXTRA: &str = "impersonate-extra-";

/// Who is to be impersonated, as the headers say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

impl Wanted {
    /// Reads the `Impersonate-*` headers out of all headers (names in any case, in order). `None` if there are none, or none of
    /// any use; the 400 if they say what but not who.
    pub fn from_headers<'h>(
        headers: impl IntoIterator<Item = (&'h str, impl AsRef<str>)>,
    ) -> Result<Option<Self>, Failure> {
        let mut wanted = Self::default();
        let mut named = false;
        for (name, value) in headers {
            let (name, value) = (name.to_ascii_lowercase(), value.as_ref());
            match name.as_str() {
                "impersonate-user" if !named => {
                    // Only the first counts.
                    value.clone_into(&mut wanted.name);
                    named = true;
                }
                "impersonate-uid" if wanted.uid.is_empty() => value.clone_into(&mut wanted.uid),
                "impersonate-group" => wanted.groups.push(value.to_owned()),
                _ => {
                    if let Some(key) = name.strip_prefix(EXTRA) {
                        wanted.extra.entry(unescaped(key)).or_default().push(value.to_owned());
                    }
                }
            }
        }
        if !wanted.name.is_empty() {
            return Ok(Some(wanted));
        }
        if wanted.only_name() {
            return Ok(None);
        }
        let message = format!("requested {} without impersonating a user name", wanted.as_go());
        Err(Failure::bad_request(message))
    }

    pub(super) fn only_name(&self) -> bool {
        self.uid.is_empty() && self.groups.is_empty() && self.extra.is_empty()
    }

    /// As `%#v` writes a `*user.DefaultInfo`.
    fn as_go(&self) -> String {
        let list = |items: &[String]| {
            let quoted: Vec<String> = items.iter().map(|item| quote(item)).collect();
            format!("[]string{{{}}}", quoted.join(", "))
        };
        let groups = if self.groups.is_empty() { "[]string(nil)".to_owned() } else { list(&self.groups) };
        let extra = if self.extra.is_empty() {
            "map[string][]string(nil)".to_owned()
        } else {
            let items: Vec<String> =
                self.extra.iter().map(|(key, values)| format!("{}:{}", quote(key), list(values))).collect();
            format!("map[string][]string{{{}}}", items.join(", "))
        };
        format!("&user.DefaultInfo{{Name:\"\", UID:{}, Groups:{groups}, Extra:{extra}}}", quote(&self.uid))
    }
}

/// Percent-encoding undone; a key with a wrong one stays as it is.
fn unescaped(key: &str) -> String {
    let mut out = Vec::with_capacity(key.len());
    let mut bytes = key.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| {
            byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
        };
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else { return key.to_owned() };
        out.push(high << 4 | low);
    }
    String::from_utf8(out).unwrap_or_else(|_| key.to_owned())
}
