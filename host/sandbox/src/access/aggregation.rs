//! The rules that a ClusterRole with an `aggregationRule` gathers from others.
//!
//! In a cluster a controller does this; it applies `rules` as the manager `clusterrole-aggregation-controller`.
//!
//! Facts: `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go` of Kubernetes.

use serde_json::Value;

use crate::selectors::LabelSelector;

/// The rules that `role` should have, given all ClusterRoles sorted by name; `None` if it gathers none or has them already. The
/// error is that of a selector which cannot be read.
pub fn gathered(role: &Value, all: &[&Value]) -> Result<Option<Value>, String> {
    let Some(aggregation) = role.get("aggregationRule").filter(|rule| !rule.is_null()) else { return Ok(None) };
    let selectors = aggregation.get("clusterRoleSelectors").and_then(Value::as_array).into_iter().flatten();
    let mut rules: Vec<&Value> = Vec::new();
    for selector in selectors {
        let selector = LabelSelector::from_object(Some(selector))?;
        for other in all.iter().filter(|other| other.pointer("/metadata/name") != role.pointer("/metadata/name")) {
            let labels = other.pointer("/metadata/labels").and_then(Value::as_object);
            if selector.matches(&labels) {
                for rule in list(other) {
                    if !rules.contains(&rule) {
                        rules.push(rule);
                    }
                }
            }
        }
    }
    if rules.iter().copied().eq(list(role)) {
        return Ok(None);
    }
    Ok(Some(rules.into_iter().cloned().collect()))
}

fn list(role: &Value) -> impl Iterator<Item = &Value> {
    role.get("rules").and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// From `TestSyncClusterRole`.
    #[test]
    fn rules_are_gathered_by_label_and_name() {
        let rule = |verb: &str| json!({"verbs": [verb], "apiGroups": [""], "resources": ["pods"]});
        let role = |name: &str, labels: Value, rules: Value| json!({"metadata": {"name": name, "labels": labels}, "rules": rules});
        let mut combined = role("combined", json!({"foo": "bar"}), Value::Null);
        combined["aggregationRule"] =
            json!({"clusterRoleSelectors": [{"matchLabels": {"foo": "bar"}}, {"matchLabels": {"baz": "q"}}]});
        let others = [
            role("a", json!({"foo": "bar"}), json!([rule("get"), rule("list")])),
            role("b", json!({"baz": "q", "foo": "bar"}), json!([rule("list"), rule("watch")])),
            role("c", json!({}), json!([rule("delete")])),
            combined.clone(),
        ];
        let gathered_now = gathered(&combined, &others.iter().collect::<Vec<_>>()).expect("selectors").expect("rules");
        assert_eq!(gathered_now, json!([rule("get"), rule("list"), rule("watch")]));
        combined["rules"] = gathered_now;
        assert_eq!(gathered(&combined, &others.iter().collect::<Vec<_>>()), Ok(None));
        assert_eq!(gathered(&others[0], &others.iter().collect::<Vec<_>>()), Ok(None));
    }
}
