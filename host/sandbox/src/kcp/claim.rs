//! Permission claims: what an APIExport wants, and what an APIBinding answers.
//!
//! Facts: `sdk/apis/apis/v1alpha2/types_{apiexport,apibinding}.go` of kcp, and `NormalizeEventGroupResource` in
//! `pkg/permissionclaim`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{Object, at, items, of};
use crate::access::kcp::export::Claim;
use crate::selectors::LabelSelector;
use crate::selectors::label::Labels;

/// Which objects of a claimed kind a tenant lets others see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// All.
    All,
    /// Those with labels.
    Labelled {
        /// `matchLabels`, which what is written through a virtual workspace gets.
        given: BTreeMap<String, String>,
        /// All that must hold; none if the selector cannot be read, which selects nothing.
        selector: Option<LabelSelector>,
    },
}

/// A claim with the answer `Accepted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The claims.
    pub claims: Vec<Claim>,
    /// For each of them, which objects.
    pub chosen: Vec<Chosen>,
}

impl Chosen {
    /// Reads a `PermissionClaimSelector`.
    pub fn read(selector: Option<&Value>) -> Self {
        let selector = selector.unwrap_or(&Value::Null);
        if selector.get("matchAll") == Some(&Value::Bool(true)) {
            return Self::All;
        }
        let labels = selector.get("matchLabels").and_then(Value::as_object);
        let given = labels.into_iter().flatten();
        let given = given.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        Self::Labelled { given, selector: LabelSelector::from_object(Some(selector)).ok() }
    }

    /// Whether an object of these labels is one of them.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        match self {
            Self::All => true,
            Self::Labelled { selector, .. } => selector.as_ref().is_some_and(|selector| selector.matches(labels)),
        }
    }
}

impl Answers {
    /// The accepted claims of an APIBinding.
    pub fn read(binding: &Object) -> Self {
        let accepted = items(binding, &["spec", "permissionClaims"]).filter(|one| of(one, "state") == "Accepted");
        let (claims, chosen) = accepted.map(|one| (claim(one), Chosen::read(one.get("selector")))).unzip();
        Self { claims, chosen }
    }

    /// The claims on a kind, whichever identity it is of.
    pub fn on<'a, 'k>(
        &'a self,
        group: &'k str,
        resource: &'k str,
    ) -> impl Iterator<Item = (&'a Claim, &'a Chosen)> + use<'a, 'k> {
        let (group, resource) = normalized(group, resource);
        let all = self.claims.iter().zip(&self.chosen);
        all.filter(move |(claim, _)| claim.group == group && claim.resource == resource)
    }
}

/// Reads a permission claim.
pub fn claim(value: &Value) -> Claim {
    let verbs = value.get("verbs").and_then(Value::as_array).into_iter().flatten();
    Claim {
        group: of(value, "group").to_owned(),
        resource: of(value, "resource").to_owned(),
        identity_hash: of(value, "identityHash").to_owned(),
        verbs: verbs.filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

/// The claims of an APIExport.
pub fn claims(export: &Object) -> Vec<Claim> {
    items(export, &["spec", "permissionClaims"]).map(claim).collect()
}

/// What tells claims apart.
pub fn key(claim: &Claim) -> String {
    format!("{}/{}/{}", claim.resource, claim.group, claim.identity_hash)
}

/// Events of either group are claimed as those of the core group.
pub fn normalized<'a>(group: &'a str, resource: &'a str) -> (&'a str, &'a str) {
    if resource == "events" && group == "events.k8s.io" { ("", resource) } else { (group, resource) }
}

/// Kinds that are never kept, and can be claimed or not.
pub fn is_kept(group: &str, resource: &str) -> bool {
    !matches!(
        (group, resource),
        (
            "authorization.k8s.io",
            "localsubjectaccessreviews"
                | "selfsubjectaccessreviews"
                | "selfsubjectrulesreviews"
                | "subjectaccessreviews"
        ) | ("authentication.k8s.io", "selfsubjectreviews" | "tokenreviews")
    )
}

/// The labels of an object.
pub fn labels(object: &Object) -> Object {
    at(object, &["metadata", "labels"]).and_then(Value::as_object).cloned().unwrap_or_default()
}
