//! What steps find in answers, for later steps.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values by the names that steps gave them.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<String, String>);

impl Values {
    /// Keeps one.
    pub(super) fn keep(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// A text with `{name}` replaced; the error is a name that nothing is kept under.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            match after.split_once('}') {
                Some((name, after)) if is_name(name) => {
                    out.push_str(self.0.get(name).ok_or_else(|| name.to_owned())?);
                    rest = after;
                }
                _ => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// JSON with `{name}` replaced in all texts.
    pub(super) fn fill_json(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => {
                let filled = map.iter().map(|(name, value)| Ok((self.fill(name)?, self.fill_json(value)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_replaced_and_json_is_left_alone() {
        let mut values = Values::default();
        values.keep("uid", "7".to_owned());
        assert_eq!(values.fill(r#"{"a":{"b":"{uid}"},"{}":1}"#).unwrap(), r#"{"a":{"b":"7"},"{}":1}"#);
        assert_eq!(values.fill("/x/{other}").unwrap_err(), "other");
        assert_eq!(values.fill_json(&json!({"a{uid}": ["{uid}", 1]})).unwrap(), json!({"a7": ["7", 1]}));
    }
}
