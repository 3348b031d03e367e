//! The syncer's identity on the hub: what it may do, and the Lease that it renews.
//!
//! Its rights name its own objects one by one: `get` of its SyncTarget, and `get`, `update` and `patch` of its Lease, which
//! is made for it so that it needs no right to create one. No list, no watch, no Secret.

use std::collections::BTreeMap;

use berthage_core::api::CredentialType;
use berthage_core::names::{
    ANNOTATION_OWNER, HUB_NAMESPACE, LABEL_MANAGED_BY, LABEL_TARGET, MANAGED_BY, VERSION, WORKLOAD_GROUP,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Recipient;
use super::error::IssueError;
use crate::access::{Failure, Side, remove as remove_one};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// The objects of one syncer's identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// What it may do.
    pub role: ClusterRole,
    /// Who may do it.
    pub binding: ClusterRoleBinding,
    /// Its heartbeat.
    pub lease: Lease,
    /// For a token: whose.
    pub account: Option<ServiceAccount>,
}

/// What is known to be on the hub already, so that it is not asked again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// [`role_hash`] of the role that is there.
    pub role: Option<u64>,
    /// [`binding_hash`] of the binding that is there.
    pub binding: Option<u64>,
    /// The Lease is there.
    pub lease: bool,
    /// The ServiceAccount is there.
    pub account: bool,
}

impl Identity {
    /// Hash of the role, as [`Known`] has it.
    pub fn role_hash(&self) -> u64 {
        hash_of_role(&self.role)
    }

    /// Hash of the binding, as [`Known`] has it.
    pub fn binding_hash(&self) -> u64 {
        hash_of_binding(&self.binding)
    }

    /// The objects for a target. `types` are the kinds of credential in use: the present one, and until the syncer has
    /// changed over, the one before it. On kcp a user must also be let into the workspace, which `kcp` grants.
    pub fn new(recipient: Recipient<'_>, types: &[CredentialType], kcp: bool) -> Self {
        let names = recipient.names;
        let token = types.contains(&CredentialType::ServiceAccountToken);
        let mut subjects = Vec::new();
        if types.contains(&CredentialType::ClientCertificate) {
            subjects.push(Subject {
                api_group: Some(RBAC_GROUP.to_owned()),
                kind: "User".to_owned(),
                name: names.user.clone(),
                namespace: None,
            });
        }
        if token {
            subjects.push(Subject {
                api_group: None,
                kind: "ServiceAccount".to_owned(),
                name: names.hub.clone(),
                namespace: Some(HUB_NAMESPACE.to_owned()),
            });
        }
        Self {
            role: ClusterRole {
                metadata: metadata(recipient, None),
                rules: Some(rules(recipient, kcp)),
                aggregation_rule: None,
            },
            binding: ClusterRoleBinding {
                metadata: metadata(recipient, None),
                role_ref: RoleRef {
                    api_group: Some(RBAC_GROUP.to_owned()),
                    kind: "ClusterRole".to_owned(),
                    name: names.hub.clone(),
                },
                subjects: Some(subjects),
            },
            lease: Lease { metadata: metadata(recipient, Some(HUB_NAMESPACE)), spec: None },
            account: token.then(|| ServiceAccount {
                metadata: metadata(recipient, Some(HUB_NAMESPACE)),
                // Tokens are asked for one by one; pods of the hub have no business with this account.
                automount_service_account_token: Some(false),
                ..ServiceAccount::default()
            }),
        }
    }

    /// Whether nothing is to be done.
    pub fn is_known(&self, known: &Known) -> bool {
        known.role == Some(hash_of_role(&self.role))
            && known.binding == Some(hash_of_binding(&self.binding))
            && known.lease
            && (known.account || self.account.is_none())
    }

    /// Makes what is missing and puts right what differs. An object that is not there costs one POST.
    pub async fn ensure(&self, client: &Client, known: &Known) -> Result<(), IssueError> {
        let namespaced = HUB_NAMESPACE;
        let role = async {
            if known.role == Some(hash_of_role(&self.role)) {
                return Ok(());
            }
            let patch = json!({ "rules": self.role.rules, "aggregationRule": null });
            ensure(
                &Api::all(client.clone()),
                &self.role,
                |found| hash_of_role(found) == hash_of_role(&self.role),
                patch,
            )
            .await
        };
        let binding = async {
            if known.binding == Some(hash_of_binding(&self.binding)) {
                return Ok(());
            }
            let same = |found: &ClusterRoleBinding| hash_of_binding(found) == hash_of_binding(&self.binding);
            ensure(&Api::all(client.clone()), &self.binding, same, json!({ "subjects": self.binding.subjects })).await
        };
        let lease = async {
            if known.lease {
                return Ok(());
            }
            // Its content is the syncer's.
            ensure(&Api::namespaced(client.clone(), namespaced), &self.lease, |_: &Lease| true, json!({})).await
        };
        let account = async {
            match &self.account {
                Some(account) if !known.account => {
                    let api = Api::namespaced(client.clone(), namespaced);
                    ensure(&api, account, |_: &ServiceAccount| true, json!({})).await
                }
                _ => Ok(()),
            }
        };
        // An API server compares what a binding grants with what the binder may do: for that, the role must be there first.
        let rights = async {
            role.await?;
            binding.await
        };
        // What does not hang on each other is tried in any case, so that one run leaves as little as possible for the next.
        let (rights, lease, account) = tokio::join!(rights, lease, account);
        rights.and(lease).and(account)
    }
}

/// What of an identity is ours to take away.
#[derive(Debug, Clone, Copy)]
pub struct Ours {
    /// Its rights; not where the tenant has granted them.
    pub rights: bool,
    /// Its ServiceAccount; not where there are none.
    pub account: bool,
}

/// Takes the identity away: its rights first, so that from then on the credential is good for nothing. What is not there is
/// no error, and what is not ours is left alone.
pub async fn remove(client: &Client, recipient: Recipient<'_>, ours: Ours) -> Result<(), IssueError> {
    let owner = owner_annotation(recipient);
    let name = recipient.names.hub.as_str();
    if ours.rights {
        delete::<ClusterRoleBinding>(&Api::all(client.clone()), name, &owner).await?;
        delete::<ClusterRole>(&Api::all(client.clone()), name, &owner).await?;
    }
    if ours.account {
        delete::<ServiceAccount>(&Api::namespaced(client.clone(), HUB_NAMESPACE), name, &owner).await?;
    }
    delete::<Lease>(&Api::namespaced(client.clone(), HUB_NAMESPACE), name, &owner).await
}

/// What a tenant applies who grants the rights himself, as the command that does it.
///
/// The objects are as the controller itself would make them: it sees them by their label once the claims are accepted, and
/// kcp takes them away with the SyncTarget that owns them.
pub fn by_hand(identity: &Identity) -> String {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [identity.role, identity.binding] });
    format!("`echo '{list}' | kubectl apply -f -`")
}

fn rules(recipient: Recipient<'_>, kcp: bool) -> Vec<PolicyRule> {
    let rule = |group: &str, resource: &str, name: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(vec![name.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        non_resource_urls: None,
    };
    let mut rules = vec![
        rule(WORKLOAD_GROUP, "synctargets", recipient.target, &["get"]),
        rule("coordination.k8s.io", "leases", &recipient.names.hub, &["get", "update", "patch"]),
    ];
    if kcp {
        rules.push(PolicyRule {
            non_resource_urls: Some(vec!["/".to_owned()]),
            verbs: vec!["access".to_owned()],
            ..PolicyRule::default()
        });
    }
    rules
}

fn metadata(recipient: Recipient<'_>, namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        name: Some(recipient.names.hub.clone()),
        namespace: namespace.map(ToOwned::to_owned),
        labels: Some(BTreeMap::from([
            (LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned()),
            (LABEL_TARGET.to_owned(), recipient.names.id.clone()),
        ])),
        annotations: Some(BTreeMap::from([(ANNOTATION_OWNER.to_owned(), owner_annotation(recipient))])),
        owner_references: Some(vec![owner_reference(recipient)]),
        ..ObjectMeta::default()
    }
}

/// Value of the owner annotation: `<workspace>/<name>/<uid>`.
pub(super) fn owner_annotation(recipient: Recipient<'_>) -> String {
    format!("{}/{}/{}", recipient.workspace, recipient.target, recipient.uid)
}

/// So that the hub itself cleans up where we cannot.
pub(super) fn owner_reference(recipient: Recipient<'_>) -> OwnerReference {
    OwnerReference {
        api_version: format!("{WORKLOAD_GROUP}/{VERSION}"),
        kind: "SyncTarget".to_owned(),
        name: recipient.target.to_owned(),
        uid: recipient.uid.to_owned(),
        controller: None,
        block_owner_deletion: None,
    }
}

/// Hash of what a role grants.
pub fn role_hash(rules: Option<&Vec<PolicyRule>>, aggregation: Option<&AggregationRule>) -> u64 {
    hash(&json!({ "rules": rules, "aggregationRule": aggregation }))
}

/// Hash of whom a binding gives which role.
pub fn binding_hash(role: Option<&RoleRef>, subjects: Option<&Vec<Subject>>) -> u64 {
    hash(&json!({ "roleRef": role, "subjects": subjects }))
}

fn hash_of_role(role: &ClusterRole) -> u64 {
    role_hash(role.rules.as_ref(), role.aggregation_rule.as_ref())
}

fn hash_of_binding(binding: &ClusterRoleBinding) -> u64 {
    binding_hash(Some(&binding.role_ref), binding.subjects.as_ref())
}

fn hash(value: &serde_json::Value) -> u64 {
    Sha256::digest(value.to_string())[..8].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

fn what<K: Resource<DynamicType = ()>>(name: &str) -> String {
    format!("{} {name}", K::kind(&()))
}

fn failed<K: Resource<DynamicType = ()>>(name: &str, error: &kube::Error) -> IssueError {
    IssueError::Identity { what: what::<K>(name), failure: Failure::of(Side::Hub, error) }
}

/// POST; where the object is there already, a patch if it is ours and differs. Server-side apply is not used: on kcp it does
/// not take fields away again.
async fn ensure<K>(
    api: &Api<K>,
    wanted: &K,
    same: impl Fn(&K) -> bool,
    mut patch: serde_json::Value,
) -> Result<(), IssueError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let name = wanted.meta().name.clone().unwrap_or_default();
    match api.create(&PostParams::default(), wanted).await {
        Ok(_) => return Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        Err(error) => return Err(failed::<K>(&name, &error)),
    }
    let found = api.get(&name).await.map_err(|error| failed::<K>(&name, &error))?;
    if !is_owned(found.meta(), wanted.meta()) {
        return Err(IssueError::Foreign { what: what::<K>(&name) });
    }
    if same(&found) {
        return Ok(());
    }
    // Of this very object in this very version: what comes between is looked at anew.
    patch["metadata"] = json!({ "uid": found.meta().uid, "resourceVersion": found.meta().resource_version });
    match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(failed::<K>(&name, &error)),
    }
}

fn is_owned(found: &ObjectMeta, wanted: &ObjectMeta) -> bool {
    let owner = |meta: &ObjectMeta| meta.annotations.as_ref().and_then(|all| all.get(ANNOTATION_OWNER)).cloned();
    owner(found).is_some() && owner(found) == owner(wanted)
}

async fn delete<K>(api: &Api<K>, name: &str, owner: &str) -> Result<(), IssueError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let found = api.get_metadata_opt(name).await.map_err(|error| failed::<K>(name, &error))?;
    let Some(found) = found else { return Ok(()) };
    let ours =
        found.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION_OWNER)).is_some_and(|is| is == owner);
    if !ours {
        return Ok(());
    }
    let uid = found.metadata.uid.unwrap_or_default();
    remove_one(api, name, &uid).await.map_err(|error| failed::<K>(name, &error))
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
