//! What a strategic merge patch has to know of a field: its type, and the tags `patchStrategy` and `patchMergeKey`
//! (`strategicpatch/meta.go`).

use super::super::super::shape::{Field, Shape, TypeId, Types};
use super::{Failure, plain};
use crate::quote::quote;

/// The type of a map in a patch.
#[derive(Clone, Copy)]
pub(super) struct Schema<'s> {
    types: &'s Types,
    id: TypeId,
}

impl<'s> Schema<'s> {
    /// That of an object.
    pub(super) fn of(shape: &'s Shape) -> Self {
        Self { types: shape.types(), id: shape.root() }
    }

    /// A declared field.
    pub(super) fn field(self, name: &str) -> Result<&'s Field, Failure> {
        let atom = self.types.atom(self.id);
        let map = atom.map.as_ref().filter(|_| atom.scalar.is_none()).ok_or_else(|| {
            Failure::not_in_sandbox("a strategic merge patch that reaches into what has no fields of its own")
        })?;
        if !map.is_struct() {
            return Err(plain("merging an object in json but data type is not struct, instead is: map".to_owned()));
        }
        map.field(name).ok_or_else(|| {
            plain(format!("unable to find api field in struct {} for the json field {}", atom.name, quote(name)))
        })
    }

    /// The type of a field that is a map.
    pub(super) fn of_field(self, field: &Field) -> Self {
        Self { id: field.ty, ..self }
    }

    /// A declared field that is a list, and the type of its items.
    pub(super) fn list(self, name: &str) -> Result<(&'s Field, Self), Failure> {
        let field = self.field(name)?;
        let atom = self.types.atom(field.ty);
        match &atom.list {
            Some(list) if atom.scalar.is_none() => Ok((field, Self { id: list.element, ..self })),
            Some(_) => Err(Failure::not_in_sandbox("a strategic merge patch of a list that has no type")),
            None => Err(plain("expected slice or array type, but got: struct".to_owned())),
        }
    }
}
