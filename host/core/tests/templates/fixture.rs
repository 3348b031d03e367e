//! One file that holds the layers, the facts and the values of a test.
//!
//! ```text
//! What the case shows.
//! -- sealed.json --
//! {"target": {"name": "one"}}
//! -- target.yaml.json --
//! {"replicas": 2}
//! -- product/10-a.yaml.j2 --
//! apiVersion: v1
//! ```
//!
//! `sealed.json`, `target.json` and `limits.json` are inputs; every other section is a file of the layer that its path
//! begins with. Layers are ordered as they first appear.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use berthage_core::template::{Layer, Limits, Rendered, TemplateError, TemplateSet};
use serde_json::{Value, json};

pub(crate) struct Fixture {
    pub(crate) layers: Vec<Layer>,
    pub(crate) limits: Limits,
    pub(crate) sealed: Value,
    pub(crate) target: Option<Value>,
}

impl Fixture {
    pub(crate) fn parse(text: &str) -> Self {
        let mut fixture = Self { layers: Vec::new(), limits: Limits::default(), sealed: json!({}), target: None };
        let mut sections: Vec<(String, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            let heading = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
            match (heading, sections.last_mut()) {
                (Some(path), _) => sections.push((path.to_owned(), String::new())),
                (None, Some((_, content))) => content.push_str(line),
                (None, None) => {}
            }
        }
        for (path, content) in sections {
            match path.as_str() {
                "sealed.json" => fixture.sealed = serde_json::from_str(&content).unwrap(),
                "target.json" => fixture.target = Some(serde_json::from_str(&content).unwrap()),
                "limits.json" => fixture.limits = limits(&serde_json::from_str(&content).unwrap()),
                _ => {
                    let (layer, file) = path.split_once('/').expect("a section is LAYER/FILE");
                    fixture.add(layer, file, content);
                }
            }
        }
        fixture
    }

    pub(crate) fn add(&mut self, layer: &str, file: &str, content: String) {
        let at = self.layers.iter().position(|known| known.name == layer).unwrap_or_else(|| {
            self.layers.push(Layer { name: layer.to_owned(), files: BTreeMap::new() });
            self.layers.len() - 1
        });
        self.layers[at].files.insert(file.to_owned(), content);
    }

    pub(crate) fn render(&self) -> Result<Vec<Rendered>, TemplateError> {
        let set = TemplateSet::compile(self.layers.clone(), self.limits.clone())?;
        let first = set.render(&self.sealed, self.target.as_ref());
        // Parsed skeletons are kept from the first time: the second must not differ.
        assert_eq!(set.render(&self.sealed, self.target.as_ref()), first);
        first
    }
}

fn limits(value: &Value) -> Limits {
    let number = |name: &str, default: usize| value[name].as_u64().map_or(default, |n| usize::try_from(n).unwrap());
    let default = Limits::default();
    Limits {
        source_bytes: number("sourceBytes", default.source_bytes),
        fuel: value["fuel"].as_u64().unwrap_or(default.fuel),
        recursion: number("recursion", default.recursion),
        output_bytes: number("outputBytes", default.output_bytes),
        depth: number("depth", default.depth),
        objects: number("objects", default.objects),
    }
}

/// Objects or an error, for a golden file.
pub(crate) fn show(result: &Result<Vec<Rendered>, TemplateError>) -> String {
    match result {
        Ok(objects) => {
            let mut text = String::new();
            for rendered in objects {
                let object = serde_json::to_string_pretty(&rendered.object).unwrap();
                writeln!(text, "# {}\n{object}", rendered.source).unwrap();
            }
            text
        }
        Err(error) => format!("{}: {error}\n{}", error.reason(), error.excerpt().unwrap_or_default()),
    }
}
