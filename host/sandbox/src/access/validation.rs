//! What roles and bindings may look like, and what the server fills in.
//!
//! Facts: `pkg/apis/rbac/validation/validation.go`, `pkg/apis/rbac/v1/defaults.go` of Kubernetes.

use serde_json::{Map, Value, json};

use super::bindings::RbacKind;
use super::view::RBAC;
use crate::causes::{invalid, invalid_text, invalid_value, not_supported, required};
use crate::quote::json as go_json;
use crate::selectors::label;
use crate::status::Cause;
use crate::validation::names;

/// Fills in what a client left out: the group of what is referred to, and lists that are always written.
pub fn set_defaults(kind: RbacKind, object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    if matches!(kind, RbacKind::Role | RbacKind::ClusterRole) {
        for rule in object.entry("rules").or_insert(Value::Null).as_array_mut().into_iter().flatten() {
            if let Some(rule) = rule.as_object_mut() {
                rule.entry("verbs").or_insert(Value::Null);
            }
        }
        return;
    }
    let group = |object: &mut Map<String, Value>| {
        if object.get("apiGroup").is_none_or(|group| group.is_null() || group == "") {
            object.insert("apiGroup".to_owned(), json!(RBAC));
        }
    };
    if let Some(role) = object.entry("roleRef").or_insert_with(|| json!({})).as_object_mut() {
        group(role);
        for name in ["kind", "name"] {
            role.entry(name).or_insert_with(|| json!(""));
        }
    }
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(subject) = subject.as_object_mut() else { continue };
        if matches!(text(subject, "kind"), "User" | "Group") {
            group(subject);
        }
        for name in ["kind", "name"] {
            subject.entry(name).or_insert_with(|| json!(""));
        }
    }
}

/// What is wrong with the content of an object: a new one, or one that replaces `old`. Its metadata is
/// [lifecycle](crate::lifecycle)'s.
pub fn validate(kind: RbacKind, new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut wrong = match kind {
        RbacKind::Role | RbacKind::ClusterRole => role_wrong(kind, new),
        RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => binding_wrong(kind, new),
    };
    if let Some(old) = old.filter(|_| matches!(kind, RbacKind::RoleBinding | RbacKind::ClusterRoleBinding)) {
        let (now, before) = (role_ref(new), role_ref(old));
        if now != before {
            wrong.push(invalid_text("roleRef", &now, "cannot change roleRef"));
        }
    }
    wrong
}

/// A role reference as Go writes its own type, which has no JSON names.
fn role_ref(object: &Value) -> String {
    let field = |name| object.get("roleRef").and_then(|role| role.get(name)).cloned().unwrap_or_else(|| json!(""));
    let [group, kind, name] = ["apiGroup", "kind", "name"].map(|name| go_json(&field(name)));
    format!(r#"{{"APIGroup":{group},"Kind":{kind},"Name":{name}}}"#)
}

fn role_wrong(kind: RbacKind, role: &Value) -> Vec<Cause> {
    let mut wrong = Vec::new();
    for (index, rule) in role.get("rules").and_then(Value::as_array).into_iter().flatten().enumerate() {
        wrong.extend(rule_wrong(rule, kind.is_namespaced(), &format!("rules[{index}]")));
    }
    if let (RbacKind::ClusterRole, Some(aggregation)) =
        (kind, role.get("aggregationRule").filter(|rule| !rule.is_null()))
    {
        let path = "aggregationRule.clusterRoleSelectors";
        let selectors = aggregation.get("clusterRoleSelectors").and_then(Value::as_array);
        let selectors = selectors.map(Vec::as_slice).unwrap_or_default();
        if selectors.is_empty() {
            wrong.push(required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
        }
        for (index, selector) in selectors.iter().enumerate() {
            let path = format!("{path}[{index}]");
            wrong.extend(label::validate(selector, &path));
            // What cannot be read is a nil selector by then.
            if label::LabelSelector::from_object(Some(selector)).is_err() {
                wrong.push(invalid_value(path, &Value::Null, "invalid label selector."));
            }
        }
    }
    wrong
}

fn rule_wrong(rule: &Value, namespaced: bool, path: &str) -> Vec<Cause> {
    let list = |name: &str| rule.get(name).filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let mut wrong = Vec::new();
    if list("verbs").is_none() {
        wrong.push(required(format!("{path}.verbs"), "verbs must contain at least one value"));
    }
    if let Some(urls) = list("nonResourceURLs") {
        let field = format!("{path}.nonResourceURLs");
        if namespaced {
            wrong.push(invalid_value(field.clone(), urls, "namespaced rules cannot apply to non-resource URLs"));
        }
        if ["apiGroups", "resources", "resourceNames"].into_iter().any(|name| list(name).is_some()) {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            wrong.push(invalid_value(field, urls, why));
        }
        return wrong;
    }
    if list("apiGroups").is_none() {
        wrong.push(required(format!("{path}.apiGroups"), "resource rules must supply at least one api group"));
    }
    if list("resources").is_none() {
        wrong.push(required(format!("{path}.resources"), "resource rules must supply at least one resource"));
    }
    wrong
}

fn binding_wrong(kind: RbacKind, binding: &Value) -> Vec<Cause> {
    let empty = Map::new();
    let role = binding.get("roleRef").and_then(Value::as_object).unwrap_or(&empty);
    let mut wrong = Vec::new();
    if text(role, "apiGroup") != RBAC {
        wrong.push(not_supported("roleRef.apiGroup", text(role, "apiGroup"), &[RBAC]));
    }
    let kinds: &[&str] = if kind.is_namespaced() { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        // Kubernetes lists them in this order.
        wrong.push(not_supported("roleRef.kind", text(role, "kind"), kinds));
    }
    let name = text(role, "name");
    if name.is_empty() {
        wrong.push(required("roleRef.name", ""));
    }
    wrong.extend(names::path_segment(name).iter().map(|why| invalid("roleRef.name", name, why)));
    for (index, subject) in binding.get("subjects").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let subject = subject.as_object().unwrap_or(&empty);
        wrong.extend(subject_wrong(subject, kind.is_namespaced(), &format!("subjects[{index}]")));
    }
    wrong
}

fn subject_wrong(subject: &Map<String, Value>, namespaced: bool, path: &str) -> Vec<Cause> {
    let (kind, name, group) = (text(subject, "kind"), text(subject, "name"), text(subject, "apiGroup"));
    let mut wrong = Vec::new();
    if name.is_empty() {
        wrong.push(required(format!("{path}.name"), ""));
    }
    match kind {
        "ServiceAccount" => {
            if !name.is_empty() {
                wrong.extend(names::subdomain(name).iter().map(|why| invalid(format!("{path}.name"), name, why)));
            }
            if !group.is_empty() {
                wrong.push(not_supported(format!("{path}.apiGroup"), group, &[""]));
            }
            if !namespaced && text(subject, "namespace").is_empty() {
                wrong.push(required(format!("{path}.namespace"), ""));
            }
        }
        "User" | "Group" => {
            if group != RBAC {
                wrong.push(not_supported(format!("{path}.apiGroup"), group, &[RBAC]));
            }
        }
        _ => wrong.push(not_supported(format!("{path}.kind"), kind, &["ServiceAccount", "User", "Group"])),
    }
    wrong
}

fn text<'m>(object: &'m Map<String, Value>, name: &str) -> &'m str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Failure;

    fn wrong(kind: RbacKind, object: &Value) -> String {
        told(kind, object, validate(kind, object, None))
    }

    /// What a server says of it.
    fn told(kind: RbacKind, object: &Value, causes: Vec<Cause>) -> String {
        let name = object["metadata"]["name"].as_str().expect("a name");
        match Failure::if_wrong(RBAC, kind.kind(), name, causes) {
            Ok(()) => String::new(),
            Err(failure) => failure.message.clone(),
        }
    }

    fn binding(role: &Value, subjects: &Value) -> Value {
        json!({"metadata": {"name": "a:b"}, "roleRef": role, "subjects": subjects})
    }

    #[test]
    fn rules() {
        let role = |rules: Value| json!({"metadata": {"name": "r"}, "rules": rules});
        let good = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}, {"verbs": ["get"], "nonResourceURLs": ["/*"]}]);
        assert_eq!(wrong(RbacKind::ClusterRole, &role(good)), "");
        assert_eq!(
            wrong(RbacKind::ClusterRole, &role(json!([{}]))),
            r#"ClusterRole.rbac.authorization.k8s.io "r" is invalid: [rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]"#
        );
        let mixed = json!({"metadata": {"name": "r", "namespace": "n"}, "rules": [{"verbs": ["get"], "resources": ["a"], "nonResourceURLs": ["/a", "/b"]}]});
        assert_eq!(
            wrong(RbacKind::Role, &mixed),
            r#"Role.rbac.authorization.k8s.io "r" is invalid: [rules[0].nonResourceURLs: Invalid value: ["/a","/b"]: namespaced rules cannot apply to non-resource URLs, rules[0].nonResourceURLs: Invalid value: ["/a","/b"]: rules cannot apply to both regular resources and non-resource URLs]"#
        );
        assert_eq!(
            wrong(RbacKind::ClusterRole, &json!({"metadata": {"name": "r"}, "aggregationRule": {}})),
            r#"ClusterRole.rbac.authorization.k8s.io "r" is invalid: aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil"#
        );
    }

    #[test]
    fn bindings() {
        let role = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": "r"});
        let message = |role: &Value, subjects: Value| {
            let message = wrong(RbacKind::ClusterRoleBinding, &binding(role, &subjects));
            message.trim_start_matches(r#"ClusterRoleBinding.rbac.authorization.k8s.io "a:b" is invalid: "#).to_owned()
        };
        assert_eq!(message(&role, json!([{"apiGroup": RBAC, "kind": "User", "name": "u"}])), "");
        assert_eq!(
            message(&json!({"apiGroup": "x", "kind": "Role", "name": ""}), Value::Null),
            r#"[roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io", roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole", roleRef.name: Required value]"#
        );
        assert_eq!(
            message(&role, json!([{"kind": "ServiceAccount", "name": "s"}])),
            "subjects[0].namespace: Required value"
        );
        assert_eq!(
            message(&role, json!([{"kind": "Pod", "name": "s"}])),
            r#"subjects[0].kind: Unsupported value: "Pod": supported values: "ServiceAccount", "User", "Group""#
        );
        assert_eq!(
            message(&role, json!([{"kind": "User", "name": "u", "apiGroup": ""}])),
            r#"subjects[0].apiGroup: Unsupported value: "": supported values: "rbac.authorization.k8s.io""#
        );
    }

    #[test]
    fn a_role_reference_cannot_change() {
        let with = |name: &str| {
            let role = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": name});
            let mut object = binding(&role, &Value::Null);
            object["metadata"]["resourceVersion"] = json!("1");
            object
        };
        let kind = RbacKind::ClusterRoleBinding;
        assert_eq!(validate(kind, &with("r"), Some(&with("r"))), []);
        assert_eq!(
            told(kind, &with("r"), validate(kind, &with("r"), Some(&with("q")))),
            r#"ClusterRoleBinding.rbac.authorization.k8s.io "a:b" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"r"}: cannot change roleRef"#
        );
    }

    #[test]
    fn defaults() {
        let mut object = json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "Group", "name": "g"}, {"kind": "ServiceAccount", "name": "s"}]});
        set_defaults(RbacKind::RoleBinding, &mut object);
        assert_eq!(object["roleRef"]["apiGroup"], RBAC);
        assert_eq!(
            object["subjects"],
            json!([{"apiGroup": RBAC, "kind": "Group", "name": "g"}, {"kind": "ServiceAccount", "name": "s"}])
        );
        let mut object = json!({});
        set_defaults(RbacKind::ClusterRole, &mut object);
        assert_eq!(object, json!({"rules": null}));
    }
}
