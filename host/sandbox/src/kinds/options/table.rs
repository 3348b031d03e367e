//! `metav1.TableOptions`.

use super::super::query::Query;
use crate::quote::quote;
use crate::status::Failure;

/// How much of an object is in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

/// What a table was asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableOptions {
    /// `includeObject`.
    pub include_object: IncludeObject,
}

impl TableOptions {
    /// Reads them.
    pub fn decode(query: &Query<'_>) -> Result<Self, Failure> {
        let include_object = match query.text("includeObject") {
            "None" => IncludeObject::None,
            "" | "Metadata" => IncludeObject::Metadata,
            "Object" => IncludeObject::Object,
            other => {
                let message = format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: {}: must be 'Metadata', 'Object', 'None', or empty",
                    quote(other)
                );
                return Err(Failure::bad_request(message));
            }
        };
        Ok(Self { include_object })
    }
}
