//! SelfSubjectRulesReview: what may I do in a namespace?
//!
//! Facts: `pkg/registry/authorization/selfsubjectrulesreview/rest.go`, `RulesFor` in `plugin/pkg/auth/authorizer/rbac/rbac.go`
//! of Kubernetes. Rules are in the order of the names of their bindings; a real server has no order there.

use serde_json::{Map, Value, json};

use super::text;
use crate::access::authority::Authority;
use crate::access::user::User;
use crate::quote::aggregate;
use crate::status::Failure;

/// Answers a SelfSubjectRulesReview. The answer has nothing of what was asked but its type.
pub fn self_subject_rules(authority: &Authority<'_>, user: &User, review: &Value) -> Result<Value, Failure> {
    let namespace = review.get("spec").map(|spec| text(spec, "namespace")).unwrap_or_default();
    if namespace.is_empty() {
        return Err(Failure::bad_request("no namespace on request"));
    }
    let (mut resources, mut paths, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    if matches!(authority, Authority::Nobody) {
        resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        paths.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
    }
    for (rules, missing) in authority.told(user, namespace) {
        for rule in rules {
            let lists = rule.lists();
            if !lists.resources.is_empty() {
                resources.push(lists.to_value(true));
            }
            if !lists.non_resource_urls.is_empty() {
                paths.push(lists.to_value(false));
            }
        }
        errors.extend(missing.into_iter().map(crate::access::view::MissingRole::as_lister));
    }
    let mut status = Map::from_iter([
        ("resourceRules".to_owned(), Value::from(resources)),
        ("nonResourceRules".to_owned(), Value::from(paths)),
        ("incomplete".to_owned(), json!(false)),
    ]);
    if !errors.is_empty() {
        status.insert("evaluationError".to_owned(), json!(aggregate(&errors)));
    }
    let api_version = review.get("apiVersion").cloned().unwrap_or_else(|| json!("authorization.k8s.io/v1"));
    Ok(
        json!({"apiVersion": api_version, "kind": "SelfSubjectRulesReview", "metadata": {}, "spec": {}, "status": status}),
    )
}
