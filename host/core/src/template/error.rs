//! What can be wrong with a template set, and what to do about it.

use super::place::Place;
use crate::reason::Reason;

/// Why a set cannot be compiled or rendered.
///
/// The text is one line and never holds a value of the context; [`Self::excerpt`] shows the source. The same input gives
/// the same error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A file whose name means nothing.
    #[error("{file} (layer {layer}): {hint}")]
    UnknownFile {
        /// Layer.
        layer: String,
        /// File name.
        file: String,
        /// What to call it.
        hint: String,
    },
    /// An empty file removes the file of that name below it, and there is none.
    #[error(
        "{file} (layer {layer}): the file is empty, which removes the file of that name of a lower layer, but there is none: delete it, or correct its name"
    )]
    NothingToRemove {
        /// Layer.
        layer: String,
        /// File name.
        file: String,
    },
    /// The files are too large.
    #[error("{file} (layer {layer}): with this file the template set is larger than {limit} bytes: make it smaller")]
    SourceTooLarge {
        /// Layer.
        layer: String,
        /// The file with which the limit was passed.
        file: String,
        /// Limit in bytes.
        limit: usize,
    },
    /// A source file has the character that marks slots.
    #[error("{place}: the character U+E000 is reserved: remove it, or write \\ue000 in a string of an expression")]
    ReservedCharacter {
        /// Where.
        place: Place,
    },
    /// The template language cannot read the file.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// Something is used that is not defined.
    #[error("{place}: {message}: correct the name, or give it a value in values.yaml")]
    Undefined {
        /// Where.
        place: Place,
        /// What is not defined.
        message: String,
    },
    /// An expression fails.
    #[error("{place}: {message}")]
    Evaluation {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// An expression has a result that is no JSON value.
    #[error("{place}: {message}")]
    NotAValue {
        /// Where.
        place: Place,
        /// What it is, and what to write.
        message: &'static str,
    },
    /// A value stands inside other text.
    #[error("{place}: {message}")]
    PartialValue {
        /// Where.
        place: Place,
        /// What to write.
        message: String,
    },
    /// A value was computed and is in no field.
    #[error("{place}: {message}")]
    UnusedValue {
        /// Where.
        place: Place,
        /// Where it got lost.
        message: &'static str,
    },
    /// The template does too much.
    #[error("{place}: the template was stopped after {fuel} units of work: make its loops smaller")]
    OutOfFuel {
        /// Where it was when it was stopped.
        place: Place,
        /// Limit.
        fuel: u64,
    },
    /// The template makes too much.
    #[error("{place}: the templates make more than {limit} bytes: make them, or their values, smaller")]
    OutputTooLarge {
        /// The file with which the limit was passed.
        place: Place,
        /// Limit in bytes.
        limit: usize,
    },
    /// The text is not YAML.
    #[error("{place}: not valid YAML: {message}")]
    Yaml {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// Something of YAML's that is not accepted.
    #[error("{place}: {message}")]
    YamlRefused {
        /// Where.
        place: Place,
        /// What, and what to do instead.
        message: String,
    },
    /// A plain scalar that readers disagree on.
    #[error("{place}: {hint}")]
    AmbiguousScalar {
        /// Where.
        place: Place,
        /// What to write.
        hint: &'static str,
    },
    /// A key is there twice.
    #[error("{place}: this key is in its map twice: remove one")]
    DuplicateKey {
        /// Where.
        place: Place,
    },
    /// A key is not text.
    #[error("{place}: a key must be text: put it in quotes, or use an expression that gives text")]
    KeyNotText {
        /// Where.
        place: Place,
    },
    /// Nested too deeply.
    #[error("{place}: nested more than {limit} levels deep")]
    TooDeep {
        /// Where.
        place: Place,
        /// Limit.
        limit: usize,
    },
    /// A document is no Kubernetes object.
    #[error("{place}: this document is not a Kubernetes object: {message}")]
    NotAnObject {
        /// The beginning of the document.
        place: Place,
        /// What is missing.
        message: &'static str,
    },
    /// Too many objects.
    #[error("{place}: the templates make more than {limit} objects")]
    TooManyObjects {
        /// The document with which the limit was passed.
        place: Place,
        /// Limit.
        limit: usize,
    },
    /// Two documents make the same object.
    #[error(
        "{first} and {second} both make the same object: remove one, or give the file that replaces the other the same name"
    )]
    DuplicateObject {
        /// Source of the first.
        first: String,
        /// Source of the second.
        second: String,
    },
    /// A values.yaml is not a map.
    #[error("{place}: values must be one map")]
    ValuesNotAMap {
        /// Where.
        place: Place,
    },
    /// The values do not fit their schema.
    #[error("the values do not fit {file}: {problems}")]
    ValuesInvalid {
        /// The schema.
        file: String,
        /// Which value of which layer, and what is wrong with it.
        problems: String,
    },
    /// The schema itself is wrong.
    #[error("{file} (layer {layer}): not a usable JSON Schema: {message}")]
    Schema {
        /// Layer.
        layer: String,
        /// File name.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// The host handed over facts under a name that is not free, or not as a map.
    #[error("the sealed values must be a map without the name `values`, which is the layers': correct the plugin")]
    Sealed,
    /// A shared name is a fact's.
    #[error("{place}: `{name}` is a name of the host's: choose another name")]
    SharedName {
        /// The file that sets it.
        place: Place,
        /// The name.
        name: String,
    },
    /// A patch file is not as it should be.
    #[error("{place}: {message}")]
    Patch {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// A patch has nothing to patch.
    #[error(
        "{place}: nothing that is rendered matches the target of this patch: correct it, or say `optional: true` in it"
    )]
    PatchUnmatched {
        /// Where.
        place: Place,
    },
}

impl TemplateError {
    /// The condition's reason.
    pub const fn reason(&self) -> Reason {
        Reason::TemplateInvalid
    }

    /// Where, if it is a place in a file.
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::ReservedCharacter { place }
            | Self::Syntax { place, .. }
            | Self::Undefined { place, .. }
            | Self::Evaluation { place, .. }
            | Self::NotAValue { place, .. }
            | Self::PartialValue { place, .. }
            | Self::UnusedValue { place, .. }
            | Self::OutOfFuel { place, .. }
            | Self::OutputTooLarge { place, .. }
            | Self::Yaml { place, .. }
            | Self::YamlRefused { place, .. }
            | Self::AmbiguousScalar { place, .. }
            | Self::DuplicateKey { place }
            | Self::KeyNotText { place }
            | Self::TooDeep { place, .. }
            | Self::NotAnObject { place, .. }
            | Self::TooManyObjects { place, .. }
            | Self::ValuesNotAMap { place }
            | Self::SharedName { place, .. }
            | Self::Patch { place, .. }
            | Self::PatchUnmatched { place } => Some(place),
            Self::UnknownFile { .. }
            | Self::NothingToRemove { .. }
            | Self::SourceTooLarge { .. }
            | Self::DuplicateObject { .. }
            | Self::ValuesInvalid { .. }
            | Self::Schema { .. }
            | Self::Sealed => None,
        }
    }

    /// The line of the template and a line of carets under the place, where there is one to show.
    pub fn excerpt(&self) -> Option<String> {
        self.place().and_then(Place::excerpt)
    }
}
