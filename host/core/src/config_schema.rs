//! A plugin's JSON Schema for its configuration.
//!
//! It comes out of a component, which may be anybody's, and is read outside of the sandbox. So it is bounded, has no references
//! (which may go round in circles), and its patterns are those of a regex engine whose time is linear.

use serde_json::Value;

/// The most bytes of a schema.
const BYTES: usize = 64 << 10;
/// How deep a schema may be nested.
const DEPTH: usize = 32;
/// How many problems of a configuration are told.
const PROBLEMS: usize = 8;
/// The most characters of one of them.
const PROBLEM: usize = 256;
/// Keywords that lead elsewhere, or whose cost is not that of one walk.
const REFUSED: [&str; 5] = ["$ref", "$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems"];

/// See the module.
#[derive(Debug)]
pub struct ConfigSchema(jsonschema::Validator);

impl ConfigSchema {
    /// A schema that configurations can be checked by.
    ///
    /// # Errors
    /// It is too large, uses what is refused, or is no schema.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        if schema.to_string().len() > BYTES {
            return Err(format!("its configSchema has more than {BYTES} bytes"));
        }
        plain(schema, 0)?;
        let options = jsonschema::options().with_pattern_options(jsonschema::PatternOptions::regex());
        let validator = options.build(schema);
        validator
            .map(Self)
            .map_err(|error| format!("its configSchema is no JSON Schema: {}", bounded(&error.to_string())))
    }

    /// What is wrong with a configuration, by the path of the field. Never what is in it.
    pub fn problems(&self, config: &Value) -> Vec<String> {
        let problem = |error: jsonschema::ValidationError<'_>| {
            let path = error.instance_path().to_string();
            let path = if path.is_empty() { "/".to_owned() } else { path };
            bounded(&format!("{path}: {}", error.masked_with("the value")))
        };
        self.0.iter_errors(config).take(PROBLEMS).map(problem).collect()
    }
}

fn plain(schema: &Value, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("its configSchema is nested more than {DEPTH} levels deep"));
    }
    match schema {
        Value::Object(fields) => {
            if let Some(refused) = REFUSED.iter().find(|keyword| fields.contains_key(**keyword)) {
                return Err(format!("its configSchema uses {refused}; write out what it refers to"));
            }
            fields.values().try_for_each(|value| plain(value, depth + 1))
        }
        Value::Array(items) => items.iter().try_for_each(|value| plain(value, depth + 1)),
        _ => Ok(()),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(PROBLEM).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_told_what_is_wrong_where_and_nothing_of_itself() {
        let schema = ConfigSchema::compile(&json!({
            "type": "object", "required": ["registry"], "additionalProperties": false,
            "properties": { "registry": { "type": "string", "pattern": "^[a-z.]+/$" }, "retries": { "type": "integer" } },
        }))
        .unwrap();
        assert!(schema.problems(&json!({ "registry": "a.b/" })).is_empty());
        let problems = schema.problems(&json!({ "registry": "s3cret", "retries": "x" }));
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("/registry: "), "{problems:?}");
        assert!(!problems.join(" ").contains("s3cret"));
        assert!(schema.problems(&json!({}))[0].starts_with("/: "));
        assert_eq!(schema.problems(&json!([1])).len(), 1);
    }

    #[test]
    fn a_schema_that_would_run_away_is_refused() {
        for (schema, says) in [
            (json!({ "$ref": "#" }), "uses $ref"),
            (json!({ "properties": { "a": { "$ref": "https://example.com/a" } } }), "uses $ref"),
            (json!({ "allOf": [{ "$dynamicRef": "#a" }] }), "uses $dynamicRef"),
            (json!({ "description": "x".repeat(BYTES) }), "more than 65536 bytes"),
            ((0..40).fold(json!({}), |inner, _| json!({ "not": inner })), "more than 32 levels"),
            (json!({ "type": 7 }), "no JSON Schema"),
            (json!({ "pattern": "(" }), "no JSON Schema"),
            // What the linear engine does not have.
            (json!({ "pattern": "(a)\\1" }), "no JSON Schema"),
        ] {
            let error = ConfigSchema::compile(&schema).unwrap_err();
            assert!(error.contains(says), "{schema}: {error}");
        }
    }

    #[test]
    fn a_pattern_that_backtracks_for_ever_elsewhere_is_linear_here() {
        let schema = ConfigSchema::compile(&json!({ "pattern": "^(a+)+$" })).unwrap();
        assert_eq!(schema.problems(&json!(format!("{}b", "a".repeat(10_000)))).len(), 1);
    }
}
