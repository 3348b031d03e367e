//! A transformer that labels everything with the team that owns it. README.md shows how to build and use it.

use std::collections::BTreeMap;

use berthage_plugin_sdk::{About, Empty, Input, Plugin, Transformed, Transformer, export_transformer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The plugin.
#[derive(Debug)]
pub struct TeamLabels;

/// Who owns the objects.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Value of the label `team`.
    pub team: String,
    /// More labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Plugin for TeamLabels {
    type Config = Config;
    type Subject = Empty;
    type Facts = Empty;

    fn about() -> About {
        About::new("team-labels", env!("CARGO_PKG_VERSION"), "Labels everything with the team that owns it.")
    }

    fn check_config(config: Config) -> Result<Config, Vec<String>> {
        let mut problems = Vec::new();
        if !is_label_value(&config.team) || config.team.is_empty() {
            problems.push(format!("team: {:?} is not a label value", config.team));
        }
        for (key, value) in &config.labels {
            if key.starts_with("berthage.dev/") || key == "app.kubernetes.io/managed-by" || key == "team" {
                problems.push(format!("labels.{key}: this label is not yours to set here"));
            } else if !is_label_value(value) {
                problems.push(format!("labels.{key}: {value:?} is not a label value"));
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

impl Transformer for TeamLabels {
    fn transform(input: &Input<Self>, mut objects: Vec<Value>) -> Result<Transformed, String> {
        for object in &mut objects {
            label(object, &input.config)?;
            if let Some(template) = object.pointer_mut("/spec/template") {
                label(template, &input.config)?;
            }
        }
        Ok(Transformed::new(objects))
    }
}

/// Adds the labels to the metadata of an object or of a pod template.
fn label(object: &mut Value, config: &Config) -> Result<(), String> {
    let labels = child(object, "metadata").and_then(|metadata| child(metadata, "labels"));
    let labels = labels.and_then(Value::as_object_mut).ok_or("an object's metadata.labels is not a map")?;
    labels.insert("team".to_owned(), config.team.clone().into());
    labels.extend(config.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())));
    Ok(())
}

fn child<'a>(object: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    Some(object.as_object_mut()?.entry(key).or_insert_with(|| Map::new().into()))
}

fn is_label_value(value: &str) -> bool {
    let ends_well = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.len() <= 63
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && ends_well(value.chars().next())
        && ends_well(value.chars().last())
}

export_transformer!(TeamLabels);

#[cfg(test)]
mod tests {
    use berthage_plugin_sdk::call::{RawInput, check_config, transform};
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_and_pod_templates_are_labelled() {
        let config = json!({"team": "harbour", "labels": {"cost-center": "42"}});
        let deployment = json!({"kind": "Deployment", "metadata": {"name": "a", "labels": {"app": "a"}},
                                "spec": {"template": {"spec": {}}}});
        let input = RawInput::new(&json!({}), &json!({})).config(&config);
        let out = transform::<TeamLabels>(input, &[deployment.to_string().into_bytes()]).unwrap();
        assert_eq!(
            out.objects,
            [json!({"kind": "Deployment",
                    "metadata": {"name": "a", "labels": {"app": "a", "team": "harbour", "cost-center": "42"}},
                    "spec": {"template": {"metadata": {"labels": {"team": "harbour", "cost-center": "42"}}, "spec": {}}}})]
        );
    }

    #[test]
    fn labels_of_others_are_refused() {
        let refused = |config: Value| check_config::<TeamLabels>(config.to_string().as_bytes()).unwrap_err();
        assert!(
            refused(json!({"team": "a", "labels": {"berthage.dev/target": "x"}}))[0]
                .starts_with("labels.berthage.dev/target")
        );
        assert_eq!(
            refused(json!({"team": "a", "labels": {"app.kubernetes.io/managed-by": "x", "team": "b"}})).len(),
            2
        );
        assert!(refused(json!({"team": "not a label"}))[0].starts_with("team:"));
        assert!(refused(json!({}))[0].contains("team"));
        assert!(refused(json!({"team": "a", "labels": {"x": "-"}}))[0].starts_with("labels.x"));
    }

    #[test]
    fn an_object_that_cannot_carry_labels_refuses_everything() {
        let input = RawInput::new(&json!({}), &json!({})).config(&json!({"team": "a"}));
        assert!(transform::<TeamLabels>(input, &[b"[]".to_vec()]).is_err());
    }
}
