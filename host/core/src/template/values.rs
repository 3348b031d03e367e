//! Values: those of the layers and of the target, merged and checked against the schema.
//!
//! Maps are merged key by key, everything else is replaced. Null sets an option back to "not set": at the top level the
//! option stays, as null, so that templates can name it; deeper the key goes.

use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use super::error::TemplateError;
use super::layer::{File, SCHEMA_FILE};
use super::limits::Limits;
use super::yaml;

/// How many things that are wrong with values one error names.
const PROBLEMS: usize = 5;
/// How long the text about one of them may be, in characters.
const PROBLEM_LENGTH: usize = 240;

/// The layers' values and their schema.
pub(super) struct Values {
    /// All layers merged.
    merged: Map<String, Value>,
    /// What each layer says, low to high, to tell where a wrong value is from.
    layers: Vec<(String, Map<String, Value>)>,
    schema: Option<jsonschema::Validator>,
}

impl Values {
    /// Reads, merges and checks the values of the layers.
    pub(super) fn of(files: &[File], schema: Option<&File>, limits: &Limits) -> Result<Self, TemplateError> {
        let mut merged = Map::new();
        let mut layers = Vec::new();
        for file in files {
            let values = read(file, limits)?;
            merge(&mut merged, &values);
            layers.push((file.layer.clone(), values));
        }
        let schema = schema.map(compile).transpose()?;
        let values = Self { merged, layers, schema };
        values.check(&values.merged, None)?;
        Ok(values)
    }

    /// The layers' values alone.
    pub(super) const fn merged(&self) -> &Map<String, Value> {
        &self.merged
    }

    /// The layers' values with the target's on top.
    pub(super) fn with(&self, target: &Map<String, Value>) -> Result<Map<String, Value>, TemplateError> {
        let mut merged = self.merged.clone();
        merge(&mut merged, target);
        self.check(&merged, Some(target))?;
        Ok(merged)
    }

    fn check(&self, merged: &Map<String, Value>, target: Option<&Map<String, Value>>) -> Result<(), TemplateError> {
        let Some(schema) = &self.schema else { return Ok(()) };
        // An option that is not set is not the schema's business.
        let is_set = |(_, value): &(&String, &Value)| !value.is_null();
        let set =
            Value::Object(merged.iter().filter(is_set).map(|(key, value)| (key.clone(), value.clone())).collect());
        if schema.is_valid(&set) {
            return Ok(());
        }
        let mut problems: Vec<String> = Vec::new();
        for error in schema.iter_errors(&set).take(PROBLEMS) {
            let path = error.instance_path().to_string();
            // An option that there is not is an error of the map around it.
            let unknown = match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.first().map(String::as_str),
                _ => None,
            };
            let origin = self.origin(path.split('/').nth(1).or(unknown), target);
            let text = format!("values{}: {}{origin}", path.replace('/', "."), error.masked_with("the value"));
            problems.push(text.chars().take(PROBLEM_LENGTH).map(|c| if c.is_control() { ' ' } else { c }).collect());
        }
        Err(TemplateError::ValuesInvalid { file: SCHEMA_FILE.to_owned(), problems: problems.join("; ") })
    }

    /// The highest layer that sets a name, for a message.
    fn origin(&self, name: Option<&str>, target: Option<&Map<String, Value>>) -> String {
        let Some(name) = name else { return String::new() };
        if target.is_some_and(|target| target.contains_key(name)) {
            return " (set by the target's spec.values)".to_owned();
        }
        let layer = self.layers.iter().rev().find(|(_, values)| values.contains_key(name));
        layer.map(|(layer, _)| format!(" (set by layer {layer})")).unwrap_or_default()
    }
}

fn read(file: &File, limits: &Limits) -> Result<Map<String, Value>, TemplateError> {
    let documents = yaml::read(&file.source, limits.depth)
        .map_err(|fault| fault.problem.into_error(file.place(&fault.range).without_text(), limits))?;
    let mut documents = documents.into_iter();
    let (first, second) = (documents.next(), documents.next());
    match (first.map(|document| document.root.into_value()), second) {
        (None, None) => Ok(Map::new()),
        (Some(Value::Object(values)), None) => Ok(values),
        (_, second) => {
            let at = second.map_or(0, |document| document.at);
            Err(TemplateError::ValuesNotAMap { place: file.place(&(at..at)).without_text() })
        }
    }
}

fn compile(file: &File) -> Result<jsonschema::Validator, TemplateError> {
    let failed =
        |message: String| TemplateError::Schema { layer: file.layer.clone(), file: file.name.clone(), message };
    let schema: Value = serde_json::from_str(&file.source).map_err(|error| failed(error.to_string()))?;
    jsonschema::options().build(&schema).map_err(|error| failed(error.to_string()))
}

/// Puts `over` on top of `base`.
fn merge(base: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        merge_entry(base, key, value);
        if value.is_null() {
            base.insert(key.clone(), Value::Null);
        }
    }
}

fn merge_entry(base: &mut Map<String, Value>, key: &str, value: &Value) {
    match value {
        Value::Null => {
            base.remove(key);
        }
        Value::Object(over) => {
            let mut map = match base.remove(key) {
                Some(Value::Object(map)) => map,
                _ => Map::new(),
            };
            for (key, value) in over {
                merge_entry(&mut map, key, value);
            }
            base.insert(key.to_owned(), Value::Object(map));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            base.insert(key.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(rank: usize, layer: &str, name: &str, source: &str) -> File {
        File { rank, layer: layer.to_owned(), name: name.to_owned(), source: source.to_owned() }
    }

    fn values(sources: &[&str], schema: Option<Value>) -> Result<Values, TemplateError> {
        let files: Vec<File> =
            sources.iter().enumerate().map(|(i, source)| file(i, &format!("l{i}"), "values.yaml", source)).collect();
        let schema = schema.map(|schema| file(0, "l0", "values.schema.json", &schema.to_string()));
        Values::of(&files, schema.as_ref(), &Limits::default())
    }

    #[test]
    fn maps_merge_lists_replace_null_unsets() {
        let values = values(
            &[
                "a: {x: 1, map: {z: 1}}\nlist: [1, 2]\ngone: 5\nkept: null\nnested: {a: null, b: 1}\n",
                "a: {x: null, map: {w: 2}}\nlist: [3]\ngone: null\n",
            ],
            None,
        )
        .unwrap();
        let merged = values.with(json!({"a": {"map": {"z": null}}, "new": [null]}).as_object().unwrap()).unwrap();
        assert_eq!(
            Value::Object(merged),
            json!({"a": {"map": {"w": 2}}, "list": [3], "gone": null, "kept": null, "nested": {"b": 1}, "new": [null]})
        );
    }

    #[test]
    fn what_does_not_fit_the_schema_is_named_with_its_layer_and_without_the_value() {
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": { "replicas": { "type": "integer", "maximum": 5 }, "name": { "type": "string" } }
        });
        let error = values(&["replicas: 1\n", "replicas: 55555\n"], Some(schema.clone())).err().unwrap().to_string();
        assert!(error.contains("values.replicas") && error.contains("layer l1"), "{error}");
        assert!(!error.contains("55555"), "{error}");

        let error = values(&["replicas: 1\n", "replica: 2\n"], Some(schema.clone())).err().unwrap().to_string();
        assert!(error.contains("'replica'") && error.contains("layer l1"), "{error}");

        let values = values(&["replicas: null\n"], Some(schema)).unwrap();
        let target = json!({"name": {"hidden-1": 1}, "x\ny": "hidden-2"});
        let error = values.with(target.as_object().unwrap()).unwrap_err().to_string();
        assert!(error.contains("values.name") && error.contains("spec.values"), "{error}");
        assert!(!error.contains("hidden") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn values_are_one_map() {
        for source in ["[1]", "a: 1\n---\nb: 1\n", "text"] {
            assert!(matches!(values(&[source], None), Err(TemplateError::ValuesNotAMap { .. })), "{source}");
        }
        let error = values(&["a: &secret 1\n"], None).err().unwrap();
        assert!(error.excerpt().is_none());
        assert!(values(&["", "# nothing\n"], None).unwrap().merged().is_empty());
    }

    #[test]
    fn a_schema_is_checked_and_fetches_nothing() {
        for schema in
            [json!({"type": 5}), json!({"$ref": "https://example.com/schema.json"}), json!({"$ref": "file:///etc/x"})]
        {
            assert!(matches!(values(&[], Some(schema)), Err(TemplateError::Schema { .. })));
        }
    }
}
