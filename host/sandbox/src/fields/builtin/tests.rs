//! The table is held against `markers.txt`: what the Go types say themselves, found by another way than the OpenAPI.

use std::collections::BTreeSet;

use super::super::shape::{Atom, Relation, Written};
use super::{BuiltIn, Table};

fn table() -> Table {
    let mut table = Table::default();
    for line in include_str!("types.txt").lines() {
        table.line(line).unwrap();
    }
    table.finish().unwrap()
}

/// One line of markers.
struct Marked {
    of: &'static str,
    field: Option<&'static str>,
    marks: Vec<(&'static str, &'static str)>,
}

impl Marked {
    fn all(&self, name: &str) -> Vec<&'static str> {
        self.marks.iter().filter(|mark| mark.0 == name).map(|mark| mark.1).collect()
    }

    fn one(&self, name: &str) -> Option<&'static str> {
        self.all(name).first().copied()
    }
}

fn markers() -> Vec<Marked> {
    let lines = include_str!("markers.txt").lines().filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let mut words = line.split(' ').peekable();
        let of = words.next().unwrap();
        let field = words.next_if(|word| !word.contains('='));
        Marked { of, field, marks: words.map(|word| word.split_once('=').unwrap()).collect() }
    };
    lines.map(read).collect()
}

fn relation(atom: &Atom) -> Relation {
    atom.map.as_ref().map(|map| map.relation).or(atom.list.as_ref().map(|list| list.relation)).unwrap()
}

#[test]
fn lists_and_maps_are_what_the_go_types_say() {
    let table = table();
    let mut checked = 0;
    for marked in markers() {
        let at = format!("{} {:?} {:?}", marked.of, marked.field, marked.marks);
        let of = table.types.atom(table.told[marked.of]);
        let Some(name) = marked.field else {
            assert_eq!(marked.one("structType"), Some("atomic"), "{at}");
            assert_eq!(relation(of), Relation::Atomic, "{at}");
            continue;
        };
        let field = of.map.as_ref().unwrap().field(name).unwrap_or_else(|| panic!("{at}"));
        let atom = table.types.atom(field.ty);
        let strategies: Vec<&str> = marked.one("patchStrategy").into_iter().flat_map(|all| all.split(',')).collect();
        assert_eq!(field.strategy.merge, strategies.contains(&"merge"), "{at}");
        assert_eq!(field.strategy.replace, strategies.contains(&"replace"), "{at}");
        assert_eq!(field.strategy.key.as_deref(), marked.one("patchMergeKey"), "{at}");
        if let Some(list) = &atom.list {
            let (expected, keys) = match marked.one("listType") {
                Some("set") => (Relation::Granular, vec![]),
                Some("map") => (Relation::Granular, marked.all("listMapKey")),
                // Without it the tag decides.
                None if field.strategy.merge => (Relation::Granular, marked.all("patchMergeKey")),
                _ => (Relation::Atomic, vec![]),
            };
            assert_eq!(
                (list.relation, &list.keys),
                (expected, &keys.iter().map(|&key| key.to_owned()).collect()),
                "{at}"
            );
        }
        match marked.one("mapType").or(marked.one("structType")) {
            Some("atomic") => assert_eq!(relation(atom), Relation::Atomic, "{at}"),
            Some("granular") => assert_eq!(relation(atom), Relation::Granular, "{at}"),
            _ => {}
        }
        checked += 1;
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn what_the_go_types_do_not_mark_is_replaced_if_a_list_and_merged_if_a_map() {
    let table = table();
    let marked: BTreeSet<(&str, Option<&str>)> = markers().iter().map(|marked| (marked.of, marked.field)).collect();
    for (name, id) in &table.told {
        let map = table.types.atom(*id).map.as_ref().unwrap();
        assert_eq!(map.relation == Relation::Atomic, marked.contains(&(*name, None)), "{name}");
        for field in map.fields().iter().filter(|field| !marked.contains(&(*name, Some(&field.name)))) {
            let atom = table.types.atom(field.ty);
            if let (Some(list), None) = (&atom.list, &atom.map) {
                assert_eq!(list.relation, Relation::Atomic, "{name}.{}", field.name);
            }
            assert_eq!(field.strategy, super::super::shape::Strategy::default(), "{name}.{}", field.name);
        }
    }
}

#[test]
fn keys_have_the_defaults_of_the_server() {
    let table = table();
    let default = |of: &str, name: &str| {
        let map = table.types.atom(table.told[of]).map.as_ref().unwrap();
        map.field(name).unwrap().default.clone()
    };
    assert_eq!(default("core.ContainerPort", "protocol"), Some("TCP".into()));
    assert_eq!(default("core.ServicePort", "protocol"), Some("TCP".into()));
    assert_eq!(default("core.ContainerPort", "containerPort"), Some(0.into()));
    assert_eq!(default("meta.Condition", "type"), Some("".into()));
    assert_eq!(default("core.ContainerPort", "hostPort"), None);
}

#[test]
fn every_kind_has_its_shape_and_an_empty_object_of_it() {
    use super::super::validate::{Duplicates, validate};
    let built_in = BuiltIn::new().unwrap();
    let kinds: Vec<_> =
        built_in.kinds.iter().flat_map(|(version, kinds)| kinds.keys().map(move |kind| (version, kind))).collect();
    assert!(kinds.len() > 40, "{kinds:?}");
    for (version, kind) in kinds {
        let shape = built_in.shape(version, kind).unwrap();
        let empty = &built_in.kinds[version][kind].empty;
        assert_eq!(validate(&shape, empty, Duplicates::Refused), Ok(()), "{version} {kind}");
    }
    assert!(built_in.shape("v1", "Deployment").is_none());
}

#[test]
fn a_line_that_cannot_be_read_is_told() {
    for line in ["a.B field", "a.B field:[s", "a.B field:what", "a.B field:s=[", "@ v1 Kind core.X {", "@ v1 Kind"] {
        assert_eq!(Table::default().line(line), None, "{line}");
    }
    let mut table = Table::default();
    assert_eq!(table.line("a.B field:a.NotTold"), Some(()));
    assert!(table.finish().is_none());
}

#[test]
fn what_go_says_is_read() {
    let mut table = table();
    assert_eq!(table.go_line("core.EnvVar name!*^Inside:v1.Name value"), Some(()));
    let map = table.types.atom(table.told["core.EnvVar"]).map.as_ref().unwrap();
    let go = &map.field("name").unwrap().go;
    assert_eq!((go.written, go.inside, go.name), (Some(Written::AlwaysOrNull), Some("Inside"), Some("v1.Name")));
    for line in ["core.NotThere name!", "core.EnvVar nothing!", "core.EnvVar name?!"] {
        assert_eq!(table.go_line(line), None, "{line}");
    }
}

#[test]
fn a_subresource_with_rules_of_its_own_is_not_known() {
    let built_in = BuiltIn::new().unwrap();
    assert!(built_in.known("apps/v1", "Deployment", "status").is_some());
    assert!(built_in.known("v1", "Secret", "").is_some());
    for (version, kind, subresource) in
        [("apps/v1", "Deployment", "scale"), ("v1", "Pod", "resize"), ("v1", "Secret", "status")]
    {
        assert!(built_in.known(version, kind, subresource).is_none(), "{kind}/{subresource}");
    }
}
