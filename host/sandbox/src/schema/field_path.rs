//! Paths that a definition names fields by: `.spec.color`, `.labels['a']`.
//!
//! Facts: `ValidFieldPath` of `apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go`.

use super::node::Node;

/// The path as errors write it, and what the schema has there; or why it is none. `arrays`: `['a']` is allowed.
pub(super) fn read<'n>(path: &str, node: &'n Node, arrays: bool) -> Result<(String, &'n Node), String> {
    let mut tokens = tokens(path).into_iter();
    let mut at = node;
    let mut written = String::new();
    while let Some(token) = tokens.next() {
        let mut next = || tokens.next().ok_or("unexpected end of JSON path".to_owned());
        let name = match token {
            "[" if !arrays => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let text = next()?;
                let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
                let inner = inner.ok_or_else(|| format!("expected single quoted string but got {text}"))?;
                let name = unescape(inner)?;
                match next()? {
                    "]" => {}
                    other => return Err(format!("expected ] but got {other}")),
                }
                name
            }
            "." => next()?.to_owned(),
            other => return Err(format!("expected [ or . but got: {other}")),
        };
        let invalid = || "does not refer to a valid field".to_owned();
        if at.properties.is_empty() {
            at = at.additional_schema().ok_or_else(invalid)?;
            written.extend(["[", &name, "]"]);
        } else {
            at = at.properties.get(&name).ok_or_else(invalid)?;
            if !written.is_empty() {
                written.push('.');
            }
            written.push_str(&name);
        }
    }
    Ok((written, at))
}

/// Dots, brackets, quoted texts, and what is between.
fn tokens(path: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '.' | '[' | ']' => 1,
            '\'' => {
                let bytes = rest.as_bytes();
                let close =
                    (1..bytes.len()).find(|&at| bytes.get(at) == Some(&b'\'') && bytes.get(at - 1) != Some(&b'\\'));
                close.map_or(rest.len(), |close| close + 1)
            }
            _ => rest.find(['.', '[', ']']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        tokens.push(token);
        rest = after;
    }
    tokens
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        out.push(match characters.next() {
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some(same @ ('\'' | '\\')) => same,
            Some(other) => return Err(format!("invalid string literal: invalid escape char \\{other}")),
            None => '\\',
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::parse;

    /// From `TestValidFieldPath`.
    #[test]
    fn paths_are_read_by_the_schema() {
        let node = parse::node(&json!({"type": "object", "properties": {
            "foo": {"type": "object", "properties": {"bar": {"type": "object", "additionalProperties": {"type": "string"}}, "a.b": {"type": "string"}}},
        }}))
        .unwrap();
        let read = |path: &str, arrays| read(path, &node, arrays).map(|(path, _)| path);
        assert_eq!(read(".foo.bar", true).unwrap(), "foo.bar");
        assert_eq!(read("['foo']['bar']['x']", true).unwrap(), "foo.bar[x]");
        assert_eq!(read(".foo['a.b']", true).unwrap(), "foo.a.b");
        for (path, why) in [
            ("foo", "expected [ or . but got: foo"),
            (".", "unexpected end of JSON path"),
            (".baz", "does not refer to a valid field"),
            (".foo[bar]", "expected single quoted string but got bar"),
            (".foo['bar'", "unexpected end of JSON path"),
        ] {
            assert_eq!(read(path, true).unwrap_err(), why);
        }
        assert_eq!(read(".foo['bar']", false).unwrap_err(), "array notation is not allowed");
    }
}
