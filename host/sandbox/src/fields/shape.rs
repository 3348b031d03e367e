//! What the values of a kind are for merging: structured-merge-diff's `schema.Schema`.
//!
//! Types refer to each other by number, as a JSON schema's type refers to itself. A type allows one or more of a scalar, a
//! list and a map; untyped values allow all three, and the value decides.

use std::sync::Arc;

use serde_json::Value;

/// What a kind's objects are for merging. Copies share the types.
#[derive(Debug, Clone)]
pub struct Shape {
    types: Arc<Types>,
    root: TypeId,
}

impl Shape {
    pub(super) fn new(types: Arc<Types>, root: TypeId) -> Self {
        Self { types, root }
    }

    pub(crate) fn types(&self) -> &Types {
        &self.types
    }

    pub(crate) fn root(&self) -> TypeId {
        self.root
    }

    pub(super) fn with_root(&self, root: TypeId) -> Self {
        Self { types: Arc::clone(&self.types), root }
    }
}

/// The number of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TypeId(u32);

/// Any value; lists and maps are replaced as a whole (`__untyped_atomic_`).
pub(crate) const ATOMIC: TypeId = TypeId(0);
/// Any value; maps are merged, lists are replaced (`__untyped_deduced_`).
pub(crate) const DEDUCED: TypeId = TypeId(1);

/// Types that refer to each other.
#[derive(Debug)]
pub(crate) struct Types {
    atoms: Vec<Atom>,
    /// What a number means that was never given out.
    nothing: Atom,
}

impl Default for Types {
    /// The two untyped types only.
    fn default() -> Self {
        let untyped = |element, relation, reconciled| Atom {
            name: String::new(),
            scalar: Some(Scalar::Untyped),
            list: Some(List { element: ATOMIC, relation: Relation::Atomic, keys: Vec::new() }),
            map: Some(Map::new(Vec::new(), Some(element), relation, reconciled)),
        };
        let atoms = vec![untyped(ATOMIC, Relation::Atomic, true), untyped(DEDUCED, Relation::Granular, false)];
        Self { atoms, nothing: Atom::default() }
    }
}

impl Types {
    /// The type with that number.
    pub(crate) fn atom(&self, id: TypeId) -> &Atom {
        self.atoms.get(id.0 as usize).unwrap_or(&self.nothing)
    }

    /// Adds a type.
    pub(super) fn add(&mut self, atom: Atom) -> TypeId {
        let id = TypeId(u32::try_from(self.atoms.len()).unwrap_or(u32::MAX));
        self.atoms.push(atom);
        id
    }

    /// The type with that number, to say more about it.
    pub(super) fn atom_mut(&mut self, id: TypeId) -> Option<&mut Atom> {
        self.atoms.get_mut(id.0 as usize)
    }

    /// Says what a type is that was added before.
    pub(super) fn set(&mut self, id: TypeId, atom: Atom) {
        if let Some(there) = self.atoms.get_mut(id.0 as usize) {
            *there = atom;
        }
    }
}

/// What a value may be. Nothing set: no value is valid.
#[derive(Debug, Clone, Default)]
pub(crate) struct Atom {
    /// The name of the Go type, for messages of strategic merge patches.
    pub(crate) name: String,
    /// It may be a scalar.
    pub(crate) scalar: Option<Scalar>,
    /// It may be a list.
    pub(crate) list: Option<List>,
    /// It may be a map.
    pub(crate) map: Option<Map>,
}

/// What a scalar may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// A number.
    Numeric,
    /// A text.
    Text,
    /// True or false.
    Boolean,
    /// Any of them.
    Untyped,
}

/// Whether the parts of a list or map are owned one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Relation {
    /// Each part for itself: a map, a set, a list with keys.
    #[default]
    Granular,
    /// All of it or nothing.
    Atomic,
}

/// A list.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// What its items are.
    pub(crate) element: TypeId,
    /// Granular: an associative list, or a set if it has no keys.
    pub(crate) relation: Relation,
    /// The fields that tell its items apart, as they are declared.
    pub(crate) keys: Vec<String>,
}

/// A map, or a struct.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map {
    /// The declared fields, sorted by name.
    fields: Vec<Field>,
    /// What fields are that are not declared. `None`: there may be none.
    pub(crate) element: Option<TypeId>,
    /// Whether its fields are owned one by one.
    pub(crate) relation: Relation,
    /// Whether owned fields follow when the shape changes: not in maps of untyped values.
    pub(super) reconciled: bool,
}

impl Map {
    pub(super) fn new(mut fields: Vec<Field>, element: Option<TypeId>, relation: Relation, reconciled: bool) -> Self {
        fields.sort_by(|left, right| left.name.cmp(&right.name));
        Self { fields, element, relation, reconciled }
    }

    /// The declared field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let place = self.fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
        self.fields.get(place)
    }

    /// The declared field of that name, to say more about it.
    pub(super) fn field_mut(&mut self, name: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|field| field.name == name)
    }

    /// The declared fields, sorted by name.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether it declares fields: a struct.
    pub(crate) fn is_struct(&self) -> bool {
        !self.fields.is_empty()
    }

    /// What a field is, declared or not.
    pub(super) fn field_type(&self, name: &str) -> Option<TypeId> {
        self.field(name).map_or(self.element, |field| Some(field.ty))
    }
}

/// How Go has a field: of built-in kinds only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Go {
    /// Its type, where the shape suggests another.
    pub(crate) name: Option<&'static str>,
    /// When it is written, where that is not what the shape suggests.
    pub(crate) written: Option<Written>,
    /// The struct without a name that it is in.
    pub(crate) inside: Option<&'static str>,
}

/// When Go writes a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// If it is not zero: `omitempty`, or `omitzero` of a struct.
    NotZero,
    /// If it was said: a pointer.
    Said,
    /// Always.
    Always,
    /// Always, as null if it was not said: a pointer without `omitempty`.
    AlwaysOrNull,
}

/// A declared field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Its name in JSON.
    pub(crate) name: String,
    /// What it is.
    pub(crate) ty: TypeId,
    /// What it is where it is not said: of a key of a list.
    pub(crate) default: Option<Value>,
    /// How a strategic merge patch changes it.
    pub(super) strategy: Strategy,
    /// What Go's reader and writer of JSON make of it.
    pub(crate) go: Go,
}

/// How a strategic merge patch changes a field: the tags `patchStrategy` and `patchMergeKey`. `retainKeys` is for clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Strategy {
    /// A list is merged; else it is replaced.
    pub(super) merge: bool,
    /// A map is replaced; else it is merged.
    pub(super) replace: bool,
    /// A list is merged by this field of its items; without it, it is a set.
    pub(super) key: Option<String>,
}

/// Which of an atom's alternatives a value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form<'s> {
    /// A map.
    Map(&'s Map),
    /// A scalar.
    Scalar(Scalar),
    /// A list.
    List(&'s List),
    /// The type allows nothing.
    Nothing,
}

/// The alternatives that remain after a look at the value: two with the same ones are merged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alternatives {
    scalar: bool,
    list: bool,
    map: bool,
}

impl Atom {
    /// What remains of the type for a value (`deduceAtom`). Null, and what the type does not allow, says nothing.
    pub(super) fn alternatives(&self, value: Option<&Value>) -> Alternatives {
        const NONE: Alternatives = Alternatives { scalar: false, list: false, map: false };
        match value {
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) if self.scalar.is_some() => {
                Alternatives { scalar: true, ..NONE }
            }
            Some(Value::Array(_)) if self.list.is_some() => Alternatives { list: true, ..NONE },
            Some(Value::Object(_)) if self.map.is_some() => Alternatives { map: true, ..NONE },
            _ => Alternatives { scalar: self.scalar.is_some(), list: self.list.is_some(), map: self.map.is_some() },
        }
    }

    /// What to do with a value that these alternatives remain for (`handleAtom`).
    pub(super) fn form(&self, alternatives: Alternatives) -> Form<'_> {
        match (&self.map, self.scalar, &self.list) {
            (Some(map), _, _) if alternatives.map => Form::Map(map),
            (_, Some(scalar), _) if alternatives.scalar => Form::Scalar(scalar),
            (_, _, Some(list)) if alternatives.list => Form::List(list),
            _ => Form::Nothing,
        }
    }

    /// What a value is.
    pub(super) fn form_of(&self, value: &Value) -> Form<'_> {
        self.form(self.alternatives(Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_value_decides_what_an_untyped_value_is() {
        let types = Types::default();
        let atom = types.atom(DEDUCED);
        assert!(matches!(atom.form_of(&json!({"a": 1})), Form::Map(map) if map.relation == Relation::Granular));
        assert!(matches!(atom.form_of(&json!([1])), Form::List(list) if list.relation == Relation::Atomic));
        assert!(matches!(atom.form_of(&json!(1)), Form::Scalar(Scalar::Untyped)));
        assert!(matches!(atom.form_of(&Value::Null), Form::Map(_)));
    }

    #[test]
    fn a_number_that_was_not_given_out_allows_nothing() {
        assert!(matches!(Types::default().atom(TypeId(7)).form_of(&json!(1)), Form::Nothing));
    }
}
