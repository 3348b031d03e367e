//! Templates: layers of files become Kubernetes objects.
//!
//! A set is compiled from layers (product, platform, workspace) and rendered with the facts that a plugin computed and with
//! the values of one target. `docs/templates.md` is the manual for those who write layers.
//!
//! How a value gets from a context into an object:
//!
//! 1. The [language](engine) evaluates `{{ x }}`. The value is [kept aside](emit) and the text gets a slot.
//! 2. The text, which now has nothing in it but what template authors wrote, is [parsed](yaml) into a
//!    skeleton. A slot must be a whole scalar, so a value cannot be spliced into text.
//! 3. The skeleton's slots are filled with the values.
//!
//! So a value is never text that somebody parses, and there is nothing it could break out of. It also makes the parsing
//! independent of values, and thus a thing to be done once.
//!
//! What made which part of the text is known from the language's output spans, which an error asks for by rendering once
//! more. The same way leads from any field of an object to its template, file and line.

mod emit;
mod engine;
mod error;
mod layer;
mod limits;
mod patch;
mod place;
mod scalar;
mod skeleton;
mod slot;
#[cfg(test)]
mod speed;
mod tags;
mod values;
mod yaml;

use std::collections::BTreeMap;

use minijinja::value::Value as Emitted;
use serde_json::Value;

use self::engine::Engine;
use self::patch::Patch;
use self::skeleton::Cache;
use self::values::Values;

pub use self::error::TemplateError;
pub use self::layer::{Layer, SCHEMA_FILE, SHARED_FILE, VALUES_FILE};
pub use self::limits::Limits;
pub use self::place::Place;

/// The name under which templates find the layers' and the target's values. Everything else in a context is sealed.
pub const VALUES_NAME: &str = "values";

/// An object that the templates made.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The whole object. It has apiVersion, kind and metadata.name.
    pub object: Value,
    /// The file and the layer that it is from, then those of every patch on it: `50-deployment.yaml.j2 (product)`.
    pub source: String,
}

/// Compiled layers, ready to be rendered for any target.
pub struct TemplateSet {
    layers: Vec<String>,
    revision: String,
    engine: Engine,
    /// Files that make objects, in order.
    templates: Vec<Template>,
    patches: Vec<Patch>,
    values: Values,
    /// The layers' values as the language sees them.
    values_context: Emitted,
    limits: Limits,
}

struct Template {
    name: String,
    source: String,
    cache: Cache,
}

impl std::fmt::Debug for TemplateSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemplateSet")
            .field("layers", &self.layers)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl TemplateSet {
    /// Compiles layers, low to high.
    ///
    /// A file replaces the file of the same name of a lower layer; an empty one removes it. Values are merged.
    pub fn compile(layers: Vec<Layer>, limits: Limits) -> Result<Self, TemplateError> {
        let revision = layer::revision(&layers);
        let names = layers.iter().map(|layer| layer.name.clone()).collect();
        let files = layer::Files::of(layers, &limits)?;
        let values = Values::of(&files.values, files.schema.as_ref(), &limits)?;

        let mut patch_files: Vec<_> = files.patches.values().collect();
        patch_files.sort_by(|a, b| (a.rank, &a.name).cmp(&(b.rank, &b.name)));
        let mut patches = Vec::new();
        for file in patch_files {
            patches.extend(Patch::read(file, &limits)?);
        }

        let templates = files
            .templates
            .values()
            .map(|file| Template { name: file.name.clone(), source: file.source_name(), cache: Cache::default() })
            .collect();
        let mut sources = files.templates;
        sources.extend(files.partials);
        let engine = Engine::compile(sources, &limits)?;
        let values_context = emit::to_template_map(values.merged());
        Ok(Self { layers: names, revision, engine, templates, patches, values, values_context, limits })
    }

    /// The names of the layers, low to high.
    pub fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().map(String::as_str)
    }

    /// A hash over all files of all layers: 32 hexadecimal digits.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Makes the objects of one target, in the order of the files.
    ///
    /// `sealed` is a map of facts, which templates see under their own names and no layer can change. `target_values` are
    /// the target's own values, over those of all layers. The result depends on the arguments alone.
    pub fn render(&self, sealed: &Value, target_values: Option<&Value>) -> Result<Vec<Rendered>, TemplateError> {
        let context = self.context(sealed, target_values)?;
        let mut objects = Vec::new();
        let mut bytes = 0_usize;
        for template in &self.templates {
            self.render_file(template, &context, &mut objects, &mut bytes)?;
        }
        for patch in &self.patches {
            patch.apply(&mut objects)?;
        }
        unique(&objects)?;
        Ok(objects)
    }

    fn context(&self, sealed: &Value, target_values: Option<&Value>) -> Result<Emitted, TemplateError> {
        let Value::Object(sealed) = sealed else { return Err(TemplateError::Sealed) };
        if sealed.contains_key(VALUES_NAME) {
            return Err(TemplateError::Sealed);
        }
        let values = match target_values {
            None | Some(Value::Null) => self.values_context.clone(),
            Some(Value::Object(target)) if target.is_empty() => self.values_context.clone(),
            Some(Value::Object(target)) => emit::to_template_map(&self.values.with(target)?),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(TemplateError::ValuesInvalid {
                    file: SCHEMA_FILE.to_owned(),
                    problems: "the target's spec.values must be a map".to_owned(),
                });
            }
        };
        let mut names: BTreeMap<&str, Emitted> =
            sealed.iter().map(|(name, value)| (name.as_str(), emit::to_template(value))).collect();
        names.insert(VALUES_NAME, values);
        let context = Emitted::from(names.clone());
        let shared = self.engine.shared(&context)?;
        if shared.is_empty() {
            return Ok(context);
        }
        for (name, value) in &shared {
            if names.insert(name, value.clone()).is_some() {
                return Err(TemplateError::SharedName {
                    place: self.engine.beginning(SHARED_FILE),
                    name: name.clone(),
                });
            }
        }
        Ok(Emitted::from(names))
    }

    fn render_file(
        &self,
        template: &Template,
        context: &Emitted,
        objects: &mut Vec<Rendered>,
        bytes: &mut usize,
    ) -> Result<(), TemplateError> {
        let name = &template.name;
        let engine::Output { text, mut values } = self.engine.render(name, context)?;
        *bytes = bytes.saturating_add(text.len()).saturating_add(values.bytes);
        if *bytes > self.limits.output_bytes {
            let limit = self.limits.output_bytes;
            return Err(TemplateError::OutputTooLarge { place: self.engine.beginning(name), limit });
        }
        let unfit = |unfit| self.engine.unfit(unfit, name, context);
        let skeleton = template.cache.skeleton(&text, self.limits.depth).map_err(unfit)?;
        if skeleton.slots() != values.slots.len() {
            return Err(self.engine.captured(name, &text, values.slots.len(), context));
        }
        let filled = skeleton.fill(&mut values.slots).map_err(unfit)?;
        for (object, start) in filled.into_iter().zip(skeleton.starts()) {
            let place = || self.engine.origin(name, &(*start..*start + 1), context);
            if let Some(message) = missing(&object) {
                return Err(TemplateError::NotAnObject { place: place(), message });
            }
            if objects.len() >= self.limits.objects {
                return Err(TemplateError::TooManyObjects { place: place(), limit: self.limits.objects });
            }
            objects.push(Rendered { object, source: template.source.clone() });
        }
        Ok(())
    }
}

/// The fields that say which object it is. Those that are not text are empty.
struct Identity<'a> {
    api_version: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Identity<'a> {
    fn of(object: &'a Value) -> Self {
        fn text<'a>(map: &'a Value, field: &str) -> &'a str {
            map.get(field).and_then(Value::as_str).unwrap_or_default()
        }
        let metadata = object.get("metadata").unwrap_or(&Value::Null);
        Self {
            api_version: text(object, "apiVersion"),
            kind: text(object, "kind"),
            namespace: text(metadata, "namespace"),
            name: text(metadata, "name"),
        }
    }
}

/// What an object lacks, if it is none.
fn missing(object: &Value) -> Option<&'static str> {
    let identity = Identity::of(object);
    if !object.is_object() {
        Some("it is not a map")
    } else if identity.api_version.is_empty() {
        Some("apiVersion is missing or not text")
    } else if identity.kind.is_empty() {
        Some("kind is missing or not text")
    } else if identity.name.is_empty() {
        Some("metadata.name is missing or not text")
    } else {
        None
    }
}

/// Refuses two objects with the same identity: of one field manager, the second would undo the first.
fn unique(objects: &[Rendered]) -> Result<(), TemplateError> {
    let mut seen = BTreeMap::new();
    for rendered in objects {
        let Identity { api_version, kind, namespace, name } = Identity::of(&rendered.object);
        // The version of an API does not make another object.
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        if let Some(first) = seen.insert((group, kind, namespace, name), &rendered.source) {
            return Err(TemplateError::DuplicateObject { first: first.clone(), second: rendered.source.clone() });
        }
    }
    Ok(())
}
