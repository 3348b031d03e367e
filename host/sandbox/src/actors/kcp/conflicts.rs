//! Names of a kind that another binding or a definition of the workspace has already
//! (`conflict_checker.go` in `pkg/reconciler/apis/apibinding`).

use crate::kcp::Schema;
use crate::kcp::json::{at, text};
use crate::quote::quote;
use crate::schema::Names;
use crate::world::World;

/// What a schema clashes with in a workspace, for a binding.
pub(super) fn find(world: &World, cluster: &str, name: &str, schema: &Schema) -> Option<String> {
    let mut others: Vec<(Box<str>, String)> = Vec::new();
    for binding in world.kcp().bindings_in(cluster).filter(|binding| *binding.name != *name) {
        for (group, _, bound) in binding.resources() {
            let Some(compiled) = world.kcp().compiled(&bound.uid, &bound.identity) else { continue };
            if let Some(details) = clash(group, &compiled.kind.names, schema) {
                let to = if binding.written.is_empty() {
                    format!("local APIExport {}", quote(&binding.export))
                } else {
                    format!("APIExport {}:{}", binding.written, binding.export)
                };
                let told = format!("naming conflict with APIBinding {} bound to {to}: {details}", quote(&binding.name));
                others.push((bound.uid.clone(), told));
            }
        }
    }
    for definition in world.list(cluster, "apiextensions.k8s.io", "customresourcedefinitions", None) {
        let Ok(object) = definition.map() else { continue };
        let names = at(&object, &["status", "acceptedNames"]).and_then(serde_json::Value::as_object);
        let names = names.map(Names::read).unwrap_or_default();
        if let Some(details) = clash(text(&object, &["spec", "group"]), &names, schema) {
            let told = format!("naming conflict with CustomResourceDefinition {}: {details}", quote(definition.name()));
            others.push((definition.uid().into(), told));
        }
    }
    others.into_iter().min().map(|(_, told)| told)
}

/// Which name of a schema is taken.
fn clash(group: &str, taken: &Names, schema: &Schema) -> Option<String> {
    if *group != *schema.group {
        return None;
    }
    let names = &schema.names;
    let has = |name: &str| name == taken.plural || name == taken.singular || taken.short.iter().any(|one| one == name);
    let has_kind = |kind: &str| kind == taken.kind || kind == taken.list_kind;
    let short = || format!("[{}]", names.short.join(" "));
    Some(if has(&names.plural) {
        format!("spec.names.plural={} is forbidden", names.plural)
    } else if has(&names.singular) {
        format!("spec.names.singular={} is forbidden", names.singular)
    } else if names.short.iter().any(|name| has(name)) {
        format!("spec.names.shortNames={} is forbidden", short())
    } else if has_kind(&names.kind) {
        format!("spec.names.kind={} is forbidden", names.kind)
    } else if has_kind(&names.list_kind) {
        format!("spec.names.listKind={} is forbidden", names.list_kind)
    } else {
        return None;
    })
}
