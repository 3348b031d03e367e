//! Two types with the same name: what is around their schemas.

use serde_json::Value;

use super::definition::{Definition, UNCONVERTED, Version};
use super::problem::Problem;
use super::walk;

/// The paths of a scale subresource.
const SCALE_PATHS: [&str; 3] = ["specReplicasPath", "statusReplicasPath", "labelSelectorPath"];

/// The validation of names that takes every name.
const ANY_NAME: &str = "PathSegmentName";

/// Adds what `new` breaks for objects of `old`, each with its place.
pub(super) fn compare(old: &Definition<'_>, new: &Definition<'_>, breaks: &mut Vec<(String, Problem)>) {
    for ((place, was), (_, is)) in old.identity.iter().zip(&new.identity) {
        if was != is {
            breaks.push(((*place).to_owned(), Problem::Renamed { old: was.clone(), new: is.clone() }));
        }
    }
    settings(old, new, breaks);
    for was in &old.versions {
        match new.versions.iter().find(|is| is.name == was.name) {
            None if was.storage => breaks.push((was.name.to_owned(), Problem::StorageGone)),
            None if was.served => breaks.push((was.name.to_owned(), Problem::NotServed)),
            Some(is) if was.served && !is.served => breaks.push((was.name.to_owned(), Problem::NotServed)),
            Some(is) if was.served || was.storage => versions(was, is, breaks),
            // Nobody can see or make an object in it.
            _ => {}
        }
    }
    moved(old, new, breaks);
}

/// What is said once, for all versions.
fn settings(old: &Definition<'_>, new: &Definition<'_>, breaks: &mut Vec<(String, Problem)>) {
    let mut changed = |place: &str, keyword: &str, was: &str, is: &str| {
        let problem = Problem::difference(keyword, Some(&was.into()), Some(&is.into()));
        breaks.extend(problem.map(|problem| (place.to_owned(), problem)));
    };
    if new.name_validation != ANY_NAME {
        changed("spec", "nameValidation", old.name_validation, new.name_validation);
    }
    // Between versions, what one of them does not describe is pruned.
    if new.conversion == UNCONVERTED && old.versions.len() > 1 {
        changed("spec.conversion", "strategy", old.conversion, new.conversion);
    }
    if old.preserves && !new.preserves {
        breaks.push(("spec.preserveUnknownFields".to_owned(), Problem::UnknownPruned));
    }
}

/// Without a conversion, an object that is stored in another version than before is pruned by the schema of that one.
fn moved(old: &Definition<'_>, new: &Definition<'_>, breaks: &mut Vec<(String, Problem)>) {
    let stored = |definition: &Definition<'_>| definition.versions.iter().position(|version| version.storage);
    let was = stored(old).and_then(|index| old.versions.get(index));
    let is = stored(new).and_then(|index| new.versions.get(index));
    if let (Some(was), Some(is)) = (was, is)
        && was.name != is.name
        && new.conversion == UNCONVERTED
    {
        walk::compare(&format!("{}->{}", was.name, is.name), was.schema, is.schema, breaks);
    }
}

fn versions(old: &Version<'_>, new: &Version<'_>, breaks: &mut Vec<(String, Problem)>) {
    for name in ["status", "scale"] {
        let place = || format!("{} subresources.{name}", old.name);
        match (&old.subresources[name], &new.subresources[name]) {
            (Value::Null, _) => {}
            (_, Value::Null) => breaks.push((place(), Problem::SubresourceGone)),
            (was, is) => {
                let changed = |path: &&str| !was[*path].is_null() && was[*path] != is[*path];
                for path in SCALE_PATHS.into_iter().filter(changed) {
                    let problem = Problem::difference(path, was.get(path), is.get(path));
                    breaks.extend(problem.map(|problem| (place(), problem)));
                }
            }
        }
    }
    for path in old.selectable.iter().filter(|path| !new.selectable.contains(path)) {
        breaks.push((format!("{} selectableFields", old.name), Problem::NotSelectable((*path).to_owned())));
    }
    walk::compare(old.name, old.schema, new.schema, breaks);
}
