//! The token that goes on with a list (`storage/continue.go`): base64 of JSON with the version of the format, the revision of
//! the first page and the key after the last object. A revision of -1 means: of now.
//!
//! A field more than the real one has is how many objects come after: a real server counts them for each page, here that
//! would make a list of a million objects quadratic.

use base64::Engine;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use crate::status::Failure;

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Continuation {
    /// The revision of the list; none to go on with what is there now.
    pub(super) revision: Option<u64>,
    /// The first key that may come, without what all keys of the list begin with.
    pub(super) start: String,
    /// How many objects are in the rest of the list, if the token knows.
    pub(super) rest: Option<u64>,
}

/// Go takes what is left over in the last bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
);

impl Continuation {
    pub(super) fn encode(&self) -> String {
        let revision = self.revision.map_or(json!(-1), |revision| json!(revision));
        let mut token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": self.start});
        if let Some(rest) = self.rest {
            token["rest"] = json!(rest);
        }
        BASE64.encode(token.to_string())
    }

    pub(super) fn decode(token: &str) -> Result<Self, Failure> {
        if let Some(place) = illegal(token) {
            return Err(invalid(&format!("continue key is not valid: illegal base64 data at input byte {place}")));
        }
        let token: Vec<u8> = token.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        let json = BASE64.decode(token).map_err(|_| Failure::not_in_sandbox("this continue token"))?;
        if let Some(first) = json.iter().find(|byte| !byte.is_ascii_whitespace())
            && !matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
            && (b' '..=b'~').contains(first)
        {
            let first = if *first == b'\'' { r"\'".to_owned() } else { char::from(*first).to_string() };
            return Err(invalid(&format!(
                "continue key is not valid: invalid character '{first}' looking for beginning of value"
            )));
        }
        let unknown = || Failure::not_in_sandbox("what is wrong with this continue token");
        let json: Value = serde_json::from_slice(&json).map_err(|_| unknown())?;
        let json = json.as_object().ok_or_else(unknown)?;
        let text = |key: &str| match json.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(unknown()),
        };
        let version = text("v")?;
        let start = text("start")?;
        let revision = match json.get("rv") {
            None | Some(Value::Null) => 0,
            Some(revision) => revision.as_i64().ok_or_else(unknown)?,
        };
        if version != "meta.k8s.io/v1" {
            let why = format!("continue key is not valid: server does not recognize this encoded version {version}");
            return Err(invalid(&why));
        }
        if revision == 0 {
            return Err(invalid(
                "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ));
        }
        if start.is_empty() {
            return Err(invalid("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)"));
        }
        let key = start.strip_prefix('/').unwrap_or(start);
        if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(invalid(&format!("continue key is not valid: {start}")));
        }
        Ok(Self {
            revision: u64::try_from(revision).ok(),
            start: key.to_owned(),
            rest: json.get("rest").and_then(Value::as_u64),
        })
    }
}

/// Where Go's decoder would stop.
fn illegal(token: &str) -> Option<usize> {
    let other = |byte: u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'\r' | b'\n');
    if let Some(place) = token.bytes().position(other) {
        return Some(place);
    }
    let count = token.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).count();
    (count % 4 == 1).then(|| token.len() - 1)
}

fn invalid(why: &str) -> Failure {
    Failure::bad_request(format!("invalid continue token: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(token: &str) -> String {
        Continuation::decode(token).unwrap_err().message.clone()
    }

    fn token(json: &str) -> String {
        BASE64.encode(json)
    }

    proptest! {
        #[test]
        fn a_token_is_read_again(revision in proptest::option::of(1..i64::MAX as u64), start in "[a-z.]*[a-z]\0", rest: Option<u64>) {
            let token = Continuation { revision, start, rest };
            prop_assert_eq!(Continuation::decode(&token.encode()), Ok(token));
        }

        #[test]
        fn no_token_is_too_wrong(token in ".*") {
            let _: Result<Continuation, Failure> = Continuation::decode(&token);
        }
    }

    /// As `continue_test.go` has them.
    #[test]
    fn what_is_no_token_is_told_as_go_does() {
        assert_eq!(
            message("a?"),
            "invalid continue token: continue key is not valid: illegal base64 data at input byte 1"
        );
        assert_eq!(
            message("abcde"),
            "invalid continue token: continue key is not valid: illegal base64 data at input byte 4"
        );
        assert_eq!(
            message(&token("hello")),
            "invalid continue token: continue key is not valid: invalid character 'h' looking for beginning of value"
        );
        assert_eq!(
            message(&token(r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#)),
            "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        );
        assert_eq!(
            message(&token(r#"{"v":"meta.k8s.io/v1","rv":1}"#)),
            "invalid continue token: continue key is not valid: encoded start key empty (version meta.k8s.io/v1)"
        );
        assert_eq!(
            message(&token(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"test/../../x"}"#)),
            "invalid continue token: continue key is not valid: test/../../x"
        );
        assert_eq!(
            message(&token(r#"{"v":"v2","rv":1,"start":"a"}"#)),
            "invalid continue token: continue key is not valid: server does not recognize this encoded version v2"
        );
    }
}
