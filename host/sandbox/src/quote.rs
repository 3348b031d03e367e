//! Text as Go's `fmt` and `encoding/json` write it, where a message of Kubernetes holds a value.
//!
//! Facts: Go's `strconv.Quote` (`%q`) and `json.Marshal`, which escapes what HTML would read.

use std::fmt::Write as _;

use serde_json::Value;

/// A string as `%q` writes it.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            ' '..='~' => out.push(character),
            '\0'..='\u{7f}' => push_code(&mut out, 'x', 2, character),
            _ if is_printable(character) => out.push(character),
            _ if u32::from(character) < 0x1_0000 => push_code(&mut out, 'u', 4, character),
            _ => push_code(&mut out, 'U', 8, character),
        }
    }
    out.push('"');
    out
}

/// A list of strings as `%q` writes it: `["a" "b"]`.
pub fn quote_list<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(|text| quote(text.as_ref())).collect();
    format!("[{}]", quoted.join(" "))
}

/// A value as Go's `json.Marshal` writes it: as JSON, with `<`, `>`, `&` and two line separators escaped.
pub fn json(value: &Value) -> String {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => push_code(&mut out, 'u', 4, character),
            other => out.push(other),
        }
    }
    out
}

/// How `encoding/json` calls a value that it cannot put into something else.
pub(crate) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether Go's `unicode.IsPrint` holds: letters, marks, numbers, punctuation, symbols, and the plain space.
pub(crate) fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        '\0'..='\u{9f}' => false,
        // Behind another character a mark is written as it is, as Go does.
        other => String::from_iter(['a', other]).escape_debug().nth(1) == Some(other),
    }
}

/// `\x07`, `\u200b`, `\U000e0001`.
fn push_code(out: &mut String, kind: char, width: usize, character: char) {
    // Writing into a String cannot fail.
    let _ = write!(out, "\\{kind}{:0width$x}", u32::from(character));
}

/// Several errors in one line, as `utilerrors.Aggregate` puts them: each once, in brackets when there are several.
pub fn aggregate<S: AsRef<str>>(messages: &[S]) -> String {
    let mut seen: Vec<&str> = Vec::with_capacity(messages.len());
    for message in messages {
        if !seen.contains(&message.as_ref()) {
            seen.push(message.as_ref());
        }
    }
    match seen.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_are_quoted_as_go_does() {
        for (text, quoted) in [
            ("a b'c", r#""a b'c""#),
            ("say \"hi\" \\", r#""say \"hi\" \\""#),
            ("\u{1}\t\u{7f}", r#""\x01\t\x7f""#),
            ("grün \u{200b}", "\"grün \\u200b\""),
            ("\u{e0001}", r#""\U000e0001""#),
            ("\u{301}", "\"\u{301}\""),
            ("a\0\u{7f}\u{a0}é\u{200b}😀\u{301}<&\"\n", "\"a\\x00\\x7f\\u00a0é\\u200b😀\u{301}<&\\\"\\n\""),
        ] {
            assert_eq!(quote(text), quoted);
        }
        assert_eq!(quote_list(["a", "b c"]), r#"["a" "b c"]"#);
        assert_eq!(quote_list::<&str>([]), "[]");
    }

    #[test]
    fn json_escapes_html() {
        assert_eq!(super::json(&json!(["<a>&"])), r#"["\u003ca\u003e\u0026"]"#);
    }

    #[test]
    fn an_aggregate_says_each_error_once() {
        assert_eq!(aggregate(&["a", "b", "a"]), "[a, b]");
        assert_eq!(aggregate(&["a", "a"]), "a");
    }
}
