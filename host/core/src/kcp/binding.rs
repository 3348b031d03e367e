//! A workspace's APIBinding: which claims it accepts, and the patch that accepts the rest.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::claims::{CLAIMS, Claim, Tier};

/// What is read of an APIBinding (`apis.kcp.io/v1alpha2`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// What the tenant says to each claim.
    pub permission_claims: Vec<Answer>,
}

/// What the tenant says to a claim.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// What may be done.
    pub verbs: Vec<String>,
    /// `Accepted` or `Rejected`.
    pub state: String,
}

/// What kcp made of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// `Binding` or `Bound`.
    pub phase: String,
    /// The claims that are in force.
    pub applied_permission_claims: Vec<Applied>,
    /// Conditions of kcp's own shape, which is not that of `metav1`.
    pub conditions: Vec<Condition>,
}

/// A claim that is in force.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Applied {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name.
    pub resource: String,
}

/// A condition of a kcp object. `reason` and `message` may be absent, and there is no observedGeneration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// Such as `InitialBindingCompleted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Such as `NamingConflicts`.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// How a claim stands in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClaimState {
    /// In force.
    Accepted,
    /// Accepted, and not in force yet.
    Late,
    /// Not answered.
    Absent,
    /// Answered with no, at that place of the binding's list.
    Rejected(u16),
    /// Accepted without some of the verbs, at that place of the binding's list.
    VerbsMissing(u16),
}

/// What is kept of a workspace's binding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binding {
    /// Its name.
    pub name: Arc<str>,
    /// Since when it is being deleted: afterwards nothing in the workspace can be reached.
    pub deleting: Option<Timestamp>,
    /// Whether the workspace has our API by it.
    pub bound: bool,
    /// Whether it has answered any claim: a patch cannot append to a list that is not there.
    answered: bool,
    states: [ClaimState; CLAIMS.len()],
    /// Why the workspace does not have our API, as kcp says: `reason: message`.
    pub refused: Option<Arc<str>>,
}

impl Binding {
    /// Judges a binding.
    pub fn new(name: &str, deleting: Option<Timestamp>, spec: &Spec, status: &Status) -> Self {
        let state = |claim: &Claim| {
            let same = |answer: &Answer| answer.group == claim.group && answer.resource == claim.resource;
            let Some(at) = spec.permission_claims.iter().position(same) else { return ClaimState::Absent };
            let answer = &spec.permission_claims[at];
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            if answer.state != "Accepted" {
                return ClaimState::Rejected(at);
            }
            if claim.verbs.iter().any(|verb| !answer.verbs.iter().any(|given| given == verb)) {
                return ClaimState::VerbsMissing(at);
            }
            let applied = &status.applied_permission_claims;
            if applied.iter().any(|applied| applied.group == claim.group && applied.resource == claim.resource) {
                ClaimState::Accepted
            } else {
                ClaimState::Late
            }
        };
        let refusal = status.conditions.iter().find(|condition| {
            matches!(condition.kind.as_str(), "InitialBindingCompleted" | "APIExportValid" | "BindingUpToDate")
                && condition.status == "False"
                && condition.reason != "WaitingForEstablished"
        });
        Self {
            name: Arc::from(name),
            deleting,
            bound: status.phase == "Bound",
            answered: !spec.permission_claims.is_empty(),
            states: CLAIMS.each_ref().map(state),
            refused: refusal.map(|found| Arc::from(format!("{}: {}", found.reason, found.message))),
        }
    }

    /// Of several bindings of one workspace, the one that counts: the one that gives it our API. The others have brought nothing
    /// but a clash of names, and their ends are no ends.
    pub fn serving<'a>(bindings: impl IntoIterator<Item = &'a Arc<Self>>) -> Option<&'a Arc<Self>> {
        bindings
            .into_iter()
            .min_by_key(|binding| (!binding.bound, binding.deleting.is_some(), Arc::clone(&binding.name)))
    }

    /// How a claim stands.
    pub fn state(&self, group: &str, resource: &str) -> ClaimState {
        let at = CLAIMS.iter().position(|claim| claim.group == group && claim.resource == resource);
        at.map_or(ClaimState::Absent, |at| self.states[at])
    }

    /// Whether a claim is in force.
    pub fn accepts(&self, group: &str, resource: &str) -> bool {
        self.state(group, resource) == ClaimState::Accepted
    }

    /// Whether all claims of a tier are in force.
    pub fn accepts_all(&self, tier: Tier) -> bool {
        self.open(tier).next().is_none()
    }

    /// The claims of a tier that are not in force.
    pub fn open(&self, tier: Tier) -> impl Iterator<Item = (&'static Claim, ClaimState)> {
        let states = CLAIMS.iter().zip(self.states);
        states.filter(move |(claim, state)| claim.tier == tier && *state != ClaimState::Accepted)
    }

    /// What to do about claims of a tier that are not in force, for people; `None` when all are.
    pub fn advice(&self, tier: Tier) -> Option<String> {
        let names: Vec<String> = self.open(tier).map(|(claim, _)| claim.name()).collect();
        if names.is_empty() {
            return None;
        }
        let names = names.join(", ");
        Some(match self.patch(tier) {
            Some(patch) => format!(
                "APIBinding {} does not accept the permission claims on {names}. To accept them, run \
                 `kubectl patch apibinding {} --type=json -p '{patch}'` in this workspace",
                self.name, self.name
            ),
            None => format!(
                "kcp has not applied the accepted permission claims on {names} of APIBinding {} yet.",
                self.name
            ),
        })
    }

    /// The JSON patch that accepts the claims of a tier; `None` when the tenant has accepted them all.
    pub fn patch(&self, tier: Tier) -> Option<Value> {
        let mut steps: Vec<Value> = Vec::new();
        let mut absent: Vec<Value> = Vec::new();
        for (claim, state) in self.open(tier) {
            let at = |at: u16, field: &str| format!("/spec/permissionClaims/{at}/{field}");
            // The list may have changed since: a patch must not accept another claim than the one it means.
            let test = |place: u16| json!({ "op": "test", "path": at(place, "resource"), "value": claim.resource });
            match state {
                ClaimState::Accepted | ClaimState::Late => {}
                ClaimState::Absent => absent.push(claim.bound(true)),
                ClaimState::Rejected(place) => {
                    steps.push(test(place));
                    steps.push(json!({ "op": "replace", "path": at(place, "state"), "value": "Accepted" }));
                }
                ClaimState::VerbsMissing(place) => {
                    steps.push(test(place));
                    steps.push(json!({ "op": "replace", "path": at(place, "verbs"), "value": claim.verbs }));
                }
            }
        }
        if self.answered {
            steps.extend(
                absent
                    .into_iter()
                    .map(|claim| json!({ "op": "add", "path": "/spec/permissionClaims/-", "value": claim })),
            );
        } else if !absent.is_empty() {
            steps.push(json!({ "op": "add", "path": "/spec/permissionClaims", "value": absent }));
        }
        (!steps.is_empty()).then(|| Value::from(steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(claims: &[Value], applied: &[&str]) -> Binding {
        let spec: Spec = serde_json::from_value(json!({ "permissionClaims": claims })).unwrap();
        let applied: Vec<Value> = CLAIMS
            .iter()
            .filter(|claim| applied.contains(&claim.resource))
            .map(|claim| json!({ "group": claim.group, "resource": claim.resource, "verbs": claim.verbs }))
            .collect();
        let status: Status = serde_json::from_value(json!({ "appliedPermissionClaims": applied })).unwrap();
        Binding::new("berthage", None, &spec, &status)
    }

    fn all(accepted: impl Fn(&Claim) -> bool) -> Vec<Value> {
        CLAIMS.iter().map(|claim| claim.bound(accepted(claim))).collect()
    }

    const EVERYTHING: [&str; 6] =
        ["secrets", "events", "logicalclusters", "leases", "clusterroles", "clusterrolebindings"];

    #[test]
    fn a_binding_that_accepts_everything_needs_no_advice() {
        let binding = binding(&all(|_| true), &EVERYTHING);
        assert!(binding.accepts_all(Tier::Base) && binding.accepts_all(Tier::Rbac));
        assert_eq!((binding.advice(Tier::Base), binding.patch(Tier::Rbac)), (None, None));
    }

    #[test]
    fn the_patch_accepts_what_is_missing_and_nothing_else() {
        // Rejected, without a verb, and not there at all.
        let mut claims = all(|claim| claim.resource != "secrets");
        claims[1]["verbs"] = json!(["get"]);
        claims.remove(2);
        let binding = binding(&claims, &EVERYTHING);
        let patch: json_patch::Patch = serde_json::from_value(binding.patch(Tier::Base).unwrap()).unwrap();
        let mut document = json!({ "spec": { "permissionClaims": claims } });
        json_patch::patch(&mut document, &patch).unwrap();
        let spec: Spec = serde_json::from_value(document["spec"].clone()).unwrap();
        let status: Status = serde_json::from_value(json!({ "appliedPermissionClaims": all(|_| true) })).unwrap();
        assert!(Binding::new("berthage", None, &spec, &status).accepts_all(Tier::Base));
        assert!(binding.advice(Tier::Base).unwrap().contains("`kubectl patch apibinding berthage --type=json -p '[{"));
        assert_eq!(binding.advice(Tier::Rbac), None);
    }

    #[test]
    fn a_binding_without_any_answer_gets_the_whole_list() {
        let patch = binding(&[], &[]).patch(Tier::Base).unwrap();
        assert_eq!(patch[0]["path"], "/spec/permissionClaims");
        assert_eq!(patch[0]["value"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn what_is_accepted_and_not_applied_is_waited_for() {
        let binding = binding(&all(|_| true), &["events", "logicalclusters", "leases"]);
        assert_eq!(binding.state("", "secrets"), ClaimState::Late);
        let advice = binding.advice(Tier::Base).unwrap();
        assert!(advice.starts_with("kcp has not applied") && advice.contains("secrets"), "{advice}");
    }

    #[test]
    fn of_several_bindings_the_bound_one_counts() {
        let binding = |name, phase: &str, deleting| {
            let status = Status { phase: phase.to_owned(), ..Status::default() };
            Arc::new(Binding::new(name, deleting, &Spec::default(), &status))
        };
        let serving = |bindings: &[&Arc<Binding>]| {
            Binding::serving(bindings.iter().copied()).map(|binding| binding.name.to_string())
        };
        let (good, second) = (binding("good", "Bound", None), binding("a", "Binding", None));
        let (going, second_going) = (
            binding("good", "Bound", Some(Timestamp::UNIX_EPOCH)),
            binding("a", "Binding", Some(Timestamp::UNIX_EPOCH)),
        );
        assert_eq!(serving(&[]), None);
        assert_eq!(serving(&[&second]).as_deref(), Some("a"));
        for other in [&second, &second_going] {
            assert_eq!(serving(&[other, &good]).as_deref(), Some("good"));
            assert_eq!(serving(&[other, &going]).as_deref(), Some("good"));
        }
        // While kcp binds the good one anew, neither is bound.
        assert_eq!(serving(&[&second_going, &binding("good", "Binding", None)]).as_deref(), Some("good"));
    }

    #[test]
    fn why_the_api_is_not_there_is_kept() {
        let status: Status = serde_json::from_value(json!({ "phase": "Binding", "conditions": [
            { "type": "InitialBindingCompleted", "status": "False", "severity": "Error", "reason": "NamingConflicts", "message": "another" },
        ] }))
        .unwrap();
        let binding = Binding::new("berthage", None, &Spec::default(), &status);
        assert_eq!(binding.refused.as_deref(), Some("NamingConflicts: another"));
    }
}
