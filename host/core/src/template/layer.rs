//! Layers of files, and what each file is by its name.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::error::TemplateError;
use super::limits::Limits;
use super::place::Place;
use super::slot::MARK;
use crate::names::hex;

/// The JSON Schema of the values. Only the lowest layer has one.
pub const SCHEMA_FILE: &str = "values.schema.json";
/// A layer's values.
pub const VALUES_FILE: &str = "values.yaml";
/// The partial whose names every template sees.
pub const SHARED_FILE: &str = "_shared.j2";
const TEMPLATE_SUFFIX: &str = ".yaml.j2";
const PARTIAL_SUFFIX: &str = ".j2";
const PATCH_FOLDER: &str = "patches/";
const PATCH_SUFFIX: &str = ".yaml";

/// The files that one party contributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// How errors and provenance call it: `product`, `platform`, `workspace team-a`.
    pub name: String,
    /// Contents by file name, relative to the layer, with `/` between folders.
    pub files: BTreeMap<String, String>,
}

/// A file that is in force, after higher layers have replaced and removed those of lower ones.
#[derive(Debug)]
pub(super) struct File {
    /// Place of the layer in their order.
    pub(super) rank: usize,
    /// Name of the layer.
    pub(super) layer: String,
    /// File name.
    pub(super) name: String,
    /// Content.
    pub(super) source: String,
}

impl File {
    /// A place in the file.
    pub(super) fn place(&self, range: &std::ops::Range<usize>) -> Place {
        Place::new(&self.layer, &self.name, &self.source, range)
    }

    /// How provenance names the file.
    pub(super) fn source_name(&self) -> String {
        format!("{} ({})", self.name, self.layer)
    }
}

/// All files in force, by what they are.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The schema of the values.
    pub(super) schema: Option<File>,
    /// The values of each layer, low to high.
    pub(super) values: Vec<File>,
    /// Templates that make objects, by name.
    pub(super) templates: BTreeMap<String, File>,
    /// Templates for others to include, by name.
    pub(super) partials: BTreeMap<String, File>,
    /// Patches, by name.
    pub(super) patches: BTreeMap<String, File>,
}

enum Role {
    Schema,
    Values,
    Template,
    Partial,
    Patch,
}

impl Files {
    /// Sorts out the files of `layers`, low to high.
    pub(super) fn of(layers: Vec<Layer>, limits: &Limits) -> Result<Self, TemplateError> {
        let mut files = Self::default();
        let mut bytes = 0_usize;
        for (rank, layer) in layers.into_iter().enumerate() {
            for (name, source) in layer.files {
                bytes = bytes.saturating_add(source.len());
                if bytes > limits.source_bytes {
                    let limit = limits.source_bytes;
                    return Err(TemplateError::SourceTooLarge { layer: layer.name, file: name, limit });
                }
                files.add(File { rank, layer: layer.name.clone(), name, source })?;
            }
        }
        Ok(files)
    }

    fn add(&mut self, file: File) -> Result<(), TemplateError> {
        let role = match role(&file.name) {
            Ok(Role::Schema) if file.rank > 0 => Err(
                "the schema belongs to the product's layer alone: a layer above it may set values, not declare them"
                    .to_owned(),
            ),
            role => role,
        };
        let role = role.map_err(|hint| TemplateError::UnknownFile {
            layer: file.layer.clone(),
            file: file.name.clone(),
            hint,
        })?;
        if let Some(at) = file.source.find(MARK) {
            let mut place = file.place(&(at..at + MARK.len_utf8()));
            if matches!(role, Role::Values | Role::Patch | Role::Schema) {
                place = place.without_text();
            }
            return Err(TemplateError::ReservedCharacter { place });
        }
        let by_name = match role {
            Role::Schema => {
                self.schema = Some(file);
                return Ok(());
            }
            Role::Values => {
                self.values.push(file);
                return Ok(());
            }
            Role::Template => &mut self.templates,
            Role::Partial => &mut self.partials,
            Role::Patch => &mut self.patches,
        };
        if !file.source.trim().is_empty() {
            by_name.insert(file.name.clone(), file);
        } else if by_name.remove(&file.name).is_none() {
            return Err(TemplateError::NothingToRemove { layer: file.layer, file: file.name });
        }
        Ok(())
    }
}

/// What a file is, or a hint what its name should be.
fn role(name: &str) -> Result<Role, String> {
    if name == SCHEMA_FILE {
        return Ok(Role::Schema);
    }
    if name == VALUES_FILE {
        return Ok(Role::Values);
    }
    if let Some(patch) = name.strip_prefix(PATCH_FOLDER) {
        return match patch.strip_suffix(PATCH_SUFFIX) {
            Some(stem) if is_numbered(stem) => Ok(Role::Patch),
            _ => Err("patches are called patches/NN-name.yaml, with two digits that order them".to_owned()),
        };
    }
    if let Some(stem) = name.strip_prefix('_').and_then(|rest| rest.strip_suffix(PARTIAL_SUFFIX)) {
        let stem = stem.strip_suffix(".yaml").unwrap_or(stem);
        if is_word(stem) {
            return Ok(Role::Partial);
        }
    }
    if let Some(stem) = name.strip_suffix(TEMPLATE_SUFFIX) {
        return if is_numbered(stem) {
            Ok(Role::Template)
        } else {
            Err(format!(
                "a template that makes objects is called NN-name.yaml.j2, with two digits that order it, such as 50-{name}; one for others to include is called _name.j2"
            ))
        };
    }
    Err(match name {
        "values.yml" | "values.json" => format!("values are called {VALUES_FILE}"),
        _ if [".yaml", ".yml"].iter().any(|suffix| name.ends_with(suffix)) => {
            "a file with objects is a template and called NN-name.yaml.j2, a patch is called patches/NN-name.yaml"
                .to_owned()
        }
        _ => format!(
            "unknown file: a layer has {VALUES_FILE}, NN-name.yaml.j2, _name.j2 and patches/NN-name.yaml; keep others elsewhere"
        ),
    })
}

/// `NN-name`.
fn is_numbered(stem: &str) -> bool {
    let Some((number, word)) = stem.split_once('-') else { return false };
    number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()) && is_word(word)
}

/// Lower-case letters, digits and inner hyphens.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A hash over names and contents of all layers.
pub(super) fn revision(layers: &[Layer]) -> String {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        // Lengths keep neighbouring parts apart.
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for layer in layers {
        part("layer");
        part(&layer.name);
        for (name, source) in &layer.files {
            part("file");
            part(name);
            part(source);
        }
    }
    hex(&hasher.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, files: &[(&str, &str)]) -> Layer {
        let files = files.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect();
        Layer { name: name.to_owned(), files }
    }

    fn error(layers: Vec<Layer>) -> TemplateError {
        Files::of(layers, &Limits { source_bytes: 100, ..Limits::default() }).unwrap_err()
    }

    #[test]
    fn a_file_replaces_the_one_of_its_name_and_an_empty_one_removes_it() {
        let product = layer("product", &[("10-a.yaml.j2", "a"), ("20-b.yaml.j2", "b"), ("values.yaml", "x: 1")]);
        let platform = layer("platform", &[("10-a.yaml.j2", "A"), ("20-b.yaml.j2", " \n"), ("values.yaml", "")]);
        let files = Files::of(vec![product, platform], &Limits::default()).unwrap();
        assert_eq!(files.templates.len(), 1);
        assert_eq!(files.templates["10-a.yaml.j2"].source, "A");
        assert_eq!(files.templates["10-a.yaml.j2"].source_name(), "10-a.yaml.j2 (platform)");
        assert_eq!(files.values.len(), 2);
    }

    #[test]
    fn unknown_names_get_a_hint() {
        for (name, hint) in [
            ("deployment.yaml.j2", "two digits"),
            ("5-deployment.yaml.j2", "two digits"),
            ("50-Deployment.yaml.j2", "two digits"),
            ("10-namespace.yaml", "NN-name.yaml.j2"),
            ("values.yml", "values.yaml"),
            ("patches/labels.yaml", "two digits"),
            ("patches/10-labels.yaml.j2", "two digits"),
            ("_.j2", "unknown file"),
            ("more/10-a.yaml.j2", "two digits"),
            ("README.md", "keep others elsewhere"),
        ] {
            let error = error(vec![layer("platform", &[(name, "x")])]);
            assert!(matches!(error, TemplateError::UnknownFile { .. }));
            assert!(error.to_string().contains(hint), "{error}");
        }
    }

    #[test]
    fn the_schema_is_the_product_s() {
        let error = error(vec![layer("product", &[]), layer("platform", &[("values.schema.json", "{}")])]);
        assert!(matches!(error, TemplateError::UnknownFile { .. }));
    }

    #[test]
    fn removing_nothing_is_an_error() {
        let error = error(vec![layer("product", &[("10-a.yaml.j2", "")])]);
        assert!(matches!(error, TemplateError::NothingToRemove { .. }));
    }

    #[test]
    fn the_reserved_character_and_too_much_are_refused() {
        let error_1 = error(vec![layer("product", &[("10-a.yaml.j2", "a: \u{e000}")])]);
        assert!(matches!(error_1, TemplateError::ReservedCharacter { .. }));
        let error_2 = error(vec![layer("product", &[("10-a.yaml.j2", &"a".repeat(101))])]);
        assert!(matches!(error_2, TemplateError::SourceTooLarge { .. }));
    }

    #[test]
    fn the_revision_follows_every_name_and_content() {
        let base = revision(&[layer("a", &[("f", "x")])]);
        assert_eq!(base, revision(&[layer("a", &[("f", "x")])]));
        for other in [
            vec![layer("b", &[("f", "x")])],
            vec![layer("a", &[("g", "x")])],
            vec![layer("a", &[("f", "y")])],
            vec![layer("a", &[("f", "x"), ("g", "")])],
            vec![layer("a", &[("f", "x")]), layer("b", &[])],
        ] {
            assert_ne!(base, revision(&other));
        }
    }
}
