//! ClusterRoles that gather the rules of others (`pkg/controller/clusterroleaggregation`).

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Actor;
use super::reading::list;
use crate::access::aggregation::gathered;
use crate::fields::Applied;
use crate::lifecycle::Subresource;
use crate::selectors::LabelSelector;
use crate::status::Failure;
use crate::store;
use crate::world::{Changed, Named, World, Writer, typed};

const RBAC: &str = "rbac.authorization.k8s.io";
/// What a role that gathers says.
const WORD: &str = "\"aggregationRule\"";
const MANAGER: &str = "clusterrole-aggregation-controller";

/// The controller of gathered rules.
#[derive(Debug)]
pub struct Aggregation;

impl Actor for Aggregation {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if !changed.is(RBAC, "clusterroles") {
            return None;
        }
        let all = world.list(&changed.cluster, RBAC, "clusterroles", None);
        // Few gather, and few are gathered: no other role needs to be parsed.
        let gathering: Vec<&store::Object> = all.iter().filter(|role| role.mentions(WORD)).collect();
        let states = [changed.before.as_ref(), world.kept(&changed.named())];
        if !states.into_iter().flatten().any(|state| state.mentions(WORD) || is_gathered(state, &gathering)) {
            return None;
        }
        let read = |role: &store::Object| role.map().ok().map(|role| Value::Object(Arc::unwrap_or_clone(role)));
        let mut roles: Vec<Value> = all.iter().filter_map(read).collect();
        for at in 0..roles.len() {
            let others: Vec<&Value> = roles.iter().collect();
            let Some(role) = roles.get(at) else { continue };
            // A selector that cannot be read gathers nothing, and its role stays as it is.
            let Ok(Some(rules)) = gathered(role, &others) else { continue };
            let Some(name) = role["metadata"]["name"].as_str() else { continue };
            let cluster = &*changed.cluster;
            let named = Named { cluster, group: RBAC, plural: "clusterroles", namespace: "", name };
            let _ = apply(world, &named, &rules);
            // The next one gathers what this one has now: of two that gather each other, one would have the rules of the
            // other for ever, in turns.
            if let Some(Value::Object(role)) = roles.get_mut(at) {
                role.insert("rules".to_owned(), rules);
            }
        }
        None
    }
}

/// Whether one of these roles gathers the rules of that one.
fn is_gathered(role: &store::Object, gathering: &[&store::Object]) -> bool {
    let labels: Vec<(Cow<'_, str>, Cow<'_, str>)> = role.labels().collect();
    gathering.iter().filter_map(|other| other.map().ok()).any(|other| {
        list(&other, &["aggregationRule", "clusterRoleSelectors"]).any(|selector| {
            LabelSelector::from_object(Some(selector)).is_ok_and(|selector| selector.matches(&labels[..]))
        })
    })
}

/// Applies the rules and nothing else, by force.
fn apply(world: &mut World, named: &Named<'_>, rules: &Value) -> Result<(), Failure> {
    let Some(serving) = world.stored(named.cluster, named.group, named.plural) else { return Ok(()) };
    let applied = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": named.name},
        "rules": rules,
    });
    let writer = Writer { manager: MANAGER, apply: true, ..Writer::default() };
    let mut change = |world: &World, present: Option<&Map<String, Value>>| {
        let present = present.ok_or_else(|| Failure::not_found(named.group, named.plural, named.name))?;
        let Some(manager) = &serving.managers.object else {
            let mut object = present.clone();
            object.insert("rules".to_owned(), rules.clone());
            return Ok(object);
        };
        let live = Value::Object(typed(&serving, present.clone()));
        match manager.apply(Some(&live), &applied, MANAGER, true, world.now.as_second())? {
            Applied::Changed(Value::Object(object)) => Ok(object),
            _ => Ok(present.clone()),
        }
    };
    world.update(&serving, named.place(), named.name, Subresource::None, &writer, &mut change).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::actors::testing::Fixture;

    #[test]
    fn two_roles_that_gather_each_other_come_to_rest() {
        let mut fixture = Fixture::kubernetes();
        let role = |name: &str, other: &str, rules: serde_json::Value| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": name, "labels": {"x": name}},
                "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"x": other}}]}, "rules": rules,
            })
        };
        let rule = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
        fixture.make(role("ping", "pong", json!(null)));
        fixture.make(role("pong", "ping", rule.clone()));
        fixture.settle();
        for name in ["ping", "pong"] {
            assert_eq!(fixture.get("clusterroles", "", name)["rules"], rule, "{name}");
        }
    }

    #[test]
    fn rules_are_gathered_when_a_role_comes_changes_and_goes() {
        let mut fixture = Fixture::kubernetes();
        let rule = |verb: &str| json!({"apiGroups": [""], "resources": ["pods"], "verbs": [verb]});
        let role = |name: &str, verb: &str| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": name, "labels": {"to": "all"}}, "rules": [rule(verb)],
            })
        };
        fixture.make(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "all"},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]}, "rules": null,
        }));
        fixture.make(role("one", "get"));
        fixture.make(role("two", "list"));
        fixture.settle();
        let rules = |fixture: &Fixture| fixture.get("clusterroles", "", "all")["rules"].clone();
        assert_eq!(rules(&fixture), json!([rule("get"), rule("list")]));
        let fields = &fixture.get("clusterroles", "", "all")["metadata"]["managedFields"];
        assert_eq!(fields[0]["manager"], "clusterrole-aggregation-controller");
        assert_eq!(fields[0]["operation"], "Apply");
        fixture.delete("clusterroles", "", "one");
        fixture.settle();
        assert_eq!(rules(&fixture), json!([rule("list")]));
        fixture.make(role("three", "watch"));
        fixture.change("clusterroles", "", "two", |role| role["metadata"]["labels"] = json!({"to": "others"}));
        fixture.settle();
        assert_eq!(rules(&fixture), json!([rule("watch")]));
        fixture.change("clusterroles", "", "all", |role| {
            role["aggregationRule"]["clusterRoleSelectors"] = json!([{"matchLabels": {"to": "others"}}]);
        });
        fixture.settle();
        assert_eq!(rules(&fixture), json!([rule("list")]));
    }
}
