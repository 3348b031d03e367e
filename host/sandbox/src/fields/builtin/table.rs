//! How the table of the built-in kinds is read. Its first lines say what is in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::shape::{ATOMIC, Atom, DEDUCED, Field, Go, List, Map, Relation, Scalar, Strategy, Written};
use super::{Element, FieldSet, Kind, TypeId, Types};

/// The table while it is read.
#[derive(Default)]
pub(super) struct Table {
    pub(super) types: Types,
    pub(super) kinds: BTreeMap<&'static str, BTreeMap<&'static str, Kind>>,
    /// What was written, and the type that it is: named types, and each other one once.
    ids: BTreeMap<String, TypeId>,
    /// Named types that a line of their own has told.
    pub(super) told: BTreeMap<&'static str, TypeId>,
    /// Named types that are replaced or merged where they are used, whatever they are themselves.
    overridden: Vec<(TypeId, TypeId, Relation)>,
}

impl Table {
    /// Reads one line. `None` says that it cannot be read.
    pub(super) fn line(&mut self, line: &'static str) -> Option<()> {
        if line.is_empty() || line.starts_with("# ") || line == "#" {
            return Some(());
        }
        match line.strip_prefix("@ ") {
            Some(kind) => self.kind(kind),
            None => self.named_type(line),
        }
    }

    /// Reads one line of what Go says beside: `type field[!][*][?][^embedded struct][:Go type]...`
    pub(super) fn go_line(&mut self, line: &'static str) -> Option<()> {
        if line.starts_with('#') {
            return Some(());
        }
        let mut words = line.split(' ');
        let id = *self.told.get(words.next()?)?;
        let map = self.types.atom_mut(id)?.map.as_mut()?;
        for word in words {
            let optional = |word: &'static str, sign| match word.split_once(sign) {
                Some((word, rest)) => (word, Some(rest)),
                None => (word, None),
            };
            let (word, go) = optional(word, ':');
            let (name, inside) = optional(word, '^');
            let field = name.trim_end_matches(['!', '*', '?']);
            let written = match name.strip_prefix(field)? {
                "" => None,
                "?" => Some(Written::NotZero),
                "*" => Some(Written::Said),
                "!" => Some(Written::Always),
                "!*" => Some(Written::AlwaysOrNull),
                _ => return None,
            };
            map.field_mut(field)?.go = Go { name: go, written, inside };
        }
        Some(())
    }

    /// What was used must have been told; then overrides are made of it.
    pub(super) fn finish(mut self) -> Option<Self> {
        if self
            .ids
            .iter()
            .any(|(name, id)| name.contains('.') && named(name) && self.told.get(name.as_str()) != Some(id))
        {
            return None;
        }
        for (id, of, relation) in std::mem::take(&mut self.overridden) {
            let mut atom = self.types.atom(of).clone();
            if let Some(map) = &mut atom.map {
                map.relation = relation;
            }
            self.types.set(id, atom);
        }
        Some(self)
    }

    /// `apiVersion Kind type [subresource:field,...]... {empty}`
    fn kind(&mut self, line: &'static str) -> Option<()> {
        let mut words = line.split(' ');
        let (api_version, kind) = (words.next()?, words.next()?);
        let root = self.id(words.next()?)?;
        let mut words: Vec<&'static str> = words.collect();
        let empty: Value = serde_json::from_str(words.pop()?).ok()?;
        let mut reset = BTreeMap::new();
        for word in words {
            let (subresource, paths) = word.split_once(':')?;
            let mut set = FieldSet::new();
            for path in paths.split(',') {
                let path: Vec<Element<'static>> = path.split('.').map(|name| Element::Field(name.into())).collect();
                set.insert(&path);
            }
            reset.insert(subresource, set);
        }
        let kinds = self.kinds.entry(api_version).or_default();
        kinds.insert(kind, Kind { root, reset, empty }).is_none().then_some(())
    }

    /// `name[!] field:what[=default][~strategy][@key]...`
    fn named_type(&mut self, line: &'static str) -> Option<()> {
        let mut words = line.split(' ');
        let name = words.next()?;
        let (name, relation) = match name.strip_suffix('!') {
            Some(name) => (name, Relation::Atomic),
            None => (name, Relation::Granular),
        };
        let fields = words.map(|word| self.field(word)).collect::<Option<Vec<Field>>>()?;
        let map = Map::new(fields, None, relation, true);
        let id = self.id(name)?;
        let go = name.rsplit('.').next()?.to_owned();
        self.types.set(id, Atom { name: go, map: Some(map), ..Atom::default() });
        self.told.insert(name, id).is_none().then_some(())
    }

    fn field(&mut self, word: &'static str) -> Option<Field> {
        let (name, what) = word.split_once(':')?;
        let (what, key) = match what.split_once('@') {
            Some((what, key)) => (what, Some(key.to_owned())),
            None => (what, None),
        };
        let (what, strategies) = what.split_once('~').unwrap_or((what, ""));
        let is = |strategy: &str| strategies.split(',').any(|there| there == strategy);
        let (what, default) = match what.split_once('=') {
            Some((what, default)) => (what, Some(serde_json::from_str(default).ok()?)),
            None => (what, None),
        };
        let strategy = Strategy { merge: is("merge"), replace: is("replace"), key };
        Some(Field { name: name.to_owned(), ty: self.id(what)?, default, strategy, go: Go::default() })
    }

    /// The number of a type as it is written.
    fn id(&mut self, what: &'static str) -> Option<TypeId> {
        if let Some(&id) = self.ids.get(what) {
            return Some(id);
        }
        let scalar = |scalar| Atom { scalar: Some(scalar), ..Atom::default() };
        let id = match what {
            "r" => ATOMIC,
            "s" => self.types.add(scalar(Scalar::Text)),
            "n" => self.types.add(scalar(Scalar::Numeric)),
            "b" => self.types.add(scalar(Scalar::Boolean)),
            "u" => self.types.add(scalar(Scalar::Untyped)),
            "x" => {
                let list = List { element: ATOMIC, relation: Relation::Atomic, keys: Vec::new() };
                let map = Map::new(Vec::new(), Some(DEDUCED), Relation::Granular, false);
                self.types.add(Atom { list: Some(list), map: Some(map), ..scalar(Scalar::Untyped) })
            }
            "o" => {
                let map = Map::new(Vec::new(), Some(DEDUCED), Relation::Granular, false);
                self.types.add(Atom { map: Some(map), ..Atom::default() })
            }
            _ => self.composed(what)?,
        };
        self.ids.insert(what.to_owned(), id);
        Some(id)
    }

    fn composed(&mut self, what: &'static str) -> Option<TypeId> {
        if let Some(element) = what.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let map = Map::new(Vec::new(), Some(self.id(element)?), Relation::Granular, true);
            return Some(self.types.add(Atom { map: Some(map), ..Atom::default() }));
        }
        if let Some(inside) = what.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (element, relation, keys) = match inside.rsplit_once(';') {
                Some((element, keys)) => {
                    let keys = keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect();
                    (element, Relation::Granular, keys)
                }
                None => (inside, Relation::Atomic, Vec::new()),
            };
            let list = List { element: self.id(element)?, relation, keys };
            return Some(self.types.add(Atom { list: Some(list), ..Atom::default() }));
        }
        for (suffix, relation) in [('!', Relation::Atomic), ('+', Relation::Granular)] {
            if let Some(of) = what.strip_suffix(suffix) {
                let (of, id) = (self.id(of)?, self.types.add(Atom::default()));
                self.overridden.push((id, of, relation));
                return Some(id);
            }
        }
        // A named type is told on a line of its own, before or after.
        named(what).then(|| self.types.add(Atom::default()))
    }
}

/// Whether that is the name of a type.
fn named(what: &str) -> bool {
    what.contains('.') && what.chars().all(|char| char.is_ascii_alphanumeric() || char == '.')
}
