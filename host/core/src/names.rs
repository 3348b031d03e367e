//! Every name that berthage gives to something: API groups, labels, finalizers, field managers, and the hashed names of
//! the objects that belong to one SyncTarget.

use sha2::{Digest, Sha256};

use crate::key::Workspace;

/// API group of SyncTarget.
pub const WORKLOAD_GROUP: &str = "workload.kcp.io";
/// API group of ClusterRegistration.
pub const TMC_GROUP: &str = "tmc.kcp.io";
/// API group of ReconcilePlugin.
pub const BERTHAGE_GROUP: &str = "berthage.dev";
/// The version that all groups serve.
pub const VERSION: &str = "v1alpha1";

/// Our finalizer on a SyncTarget: there is something to clean up in a physical cluster or on the hub.
pub const TARGET_FINALIZER: &str = "berthage.dev/syncer";
/// Our finalizer on a kubeconfig Secret in use: without it the clean-up could not reach the physical cluster.
pub const SECRET_FINALIZER: &str = "berthage.dev/in-use";

/// Value of [`LABEL_MANAGED_BY`] on everything we create, downstream and on the hub.
pub const MANAGED_BY: &str = "berthage";
/// The field's usual label for the tool that manages an object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label on every object of one target, on both sides: [`TargetNames::id`].
pub const LABEL_TARGET: &str = "berthage.dev/target";
/// Label on every downstream object: [`workspace_label`]. Many workspaces may share a cluster, and none is to hear of the others'
/// objects there.
pub const LABEL_WORKSPACE: &str = "berthage.dev/workspace";
/// Label that a kubeconfig Secret must carry to be used: a tenant decides which Secrets are ours to read.
pub const LABEL_KUBECONFIG: &str = "berthage.dev/kubeconfig";
/// Label that a ConfigMap must carry to be seen: plugins may be granted to read it, or it holds a plugin's component.
pub const LABEL_PLUGINS: &str = "berthage.dev/plugins";
/// Label on the empty Secrets on the hub that syncers' tokens are bound to: a token is revoked by deleting its Secret.
pub const LABEL_TOKEN: &str = "berthage.dev/token";
/// Name of the extension, in the context of the kubeconfig that a syncer gets, that tells the credential's `serial` and the
/// `target` and `uid` that it is for.
pub const CREDENTIAL_EXTENSION: &str = "berthage.dev/credential";
/// Annotation on every object of one target: `<workspace>/<name>/<uid>`, for people and for the ownership check.
pub const ANNOTATION_OWNER: &str = "berthage.dev/owner";
/// Annotation on every downstream object: the hash of what was rendered, without this annotation.
pub const ANNOTATION_HASH: &str = "berthage.dev/hash";
/// Annotation on every downstream object: which template file or plugin it came from.
pub const ANNOTATION_SOURCE: &str = "berthage.dev/source";
/// Annotation on the syncer's Lease, written by the syncer: its version.
pub const ANNOTATION_SYNCER_VERSION: &str = "berthage.dev/syncer-version";
/// Annotation on the syncer's Lease, written by the syncer: the serial of the credential it uses.
pub const ANNOTATION_CREDENTIAL_SERIAL: &str = "berthage.dev/credential-serial";
/// Annotation on the syncer's Lease, written by the syncer: the uid of the SyncTarget it serves.
pub const ANNOTATION_TARGET_UID: &str = "berthage.dev/target-uid";

/// Field manager of every write of ours on either side.
pub const FIELD_MANAGER: &str = "berthage";

/// Namespace on the hub for the syncers' Leases and ServiceAccounts. `default` exists in every kcp workspace and needs no
/// permission claim of its own.
pub const HUB_NAMESPACE: &str = "default";
/// The Lease that elects the active controller.
pub const LEADER_LEASE: &str = "berthage-controller";

/// Common-name prefix of the certificates that our CA signs. No groups are ever set.
pub const SYNCER_USER_PREFIX: &str = "berthage:syncer:";

/// What begins the names of cluster-scoped objects of one syncer, on both sides.
const OF_SYNCER: &str = "berthage-syncer-";

/// The most that a label's value may have.
const MAX_LABEL: usize = 63;

/// Value of [`LABEL_WORKSPACE`]: the workspace's name, or where that is no label's value, 32 hexadecimal digits of its SHA-256.
pub fn workspace_label(workspace: &Workspace) -> String {
    let name = workspace.as_str();
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_value = name.len() <= MAX_LABEL
        && name.bytes().all(inner)
        && ends(name.bytes().next())
        && ends(name.bytes().next_back());
    if is_value { name.to_owned() } else { hex(&Sha256::digest(name.as_bytes())[..16]) }
}

/// The names of everything that belongs to one SyncTarget.
///
/// They hang on workspace and uid, not on the target's name: a target deleted and made again with the same name shares
/// nothing with its predecessor, names of 253 characters fit, and two workspaces never meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetNames {
    /// 32 hexadecimal digits (128 bits) of SHA-256 over workspace and uid. Value of [`LABEL_TARGET`].
    pub id: String,
    /// Default downstream namespace, exclusive to the target.
    pub namespace: String,
    /// ServiceAccount, Deployment, NetworkPolicy … in the downstream namespace.
    pub syncer: String,
    /// ClusterRole and ClusterRoleBinding in the physical cluster.
    pub downstream_role: String,
    /// The Secret with the kubeconfig for the hub, in the downstream namespace.
    pub kubeconfig_secret: String,
    /// On the hub: ClusterRole, ClusterRoleBinding, ServiceAccount and Lease of the syncer's identity.
    pub hub: String,
    /// User name of the syncer on the hub (client certificate).
    pub user: String,
}

impl TargetNames {
    /// The names for the target with `uid` in `workspace`.
    pub fn new(workspace: &Workspace, uid: &str) -> Self {
        let number = Self::number(workspace, uid);
        let id = hex(&number.to_be_bytes());
        Self {
            namespace: format!("kcp-syncer-{id}"),
            syncer: "berthage-syncer".to_owned(),
            downstream_role: format!("{OF_SYNCER}{id}"),
            kubeconfig_secret: "berthage-hub-kubeconfig".to_owned(),
            hub: Self::hub_name(number),
            user: format!("{SYNCER_USER_PREFIX}{workspace}:{uid}"),
            id,
        }
    }

    /// [`TargetNames::id`] as a number.
    pub fn number(workspace: &Workspace, uid: &str) -> u128 {
        let mut hasher = Sha256::new();
        hasher.update(workspace.as_str().as_bytes());
        hasher.update([0]);
        hasher.update(uid.as_bytes());
        let digest = hasher.finalize();
        digest[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    /// The number that an id is, if it is one.
    pub fn number_of_id(id: &str) -> Option<u128> {
        let digits = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if id.len() == 32 && digits { u128::from_str_radix(id, 16).ok() } else { None }
    }

    /// [`TargetNames::hub`] of the target with that number.
    pub fn hub_name(number: u128) -> String {
        format!("{OF_SYNCER}{}", hex(&number.to_be_bytes()))
    }

    /// The number in a [`TargetNames::hub`]; `None` for a name that is none of ours.
    pub fn number_in(hub_name: &str) -> Option<u128> {
        Self::number_of_id(hub_name.strip_prefix(OF_SYNCER)?)
    }
}

/// Whether a text is a DNS label: lower-case letters, digits and dashes, beginning and ending with a letter or digit, at most 63.
pub fn is_dns_label(text: &str) -> bool {
    let outer = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |byte: Option<u8>| byte.is_some_and(outer);
    text.len() <= MAX_LABEL
        && text.bytes().all(|byte| outer(byte) || byte == b'-')
        && ends(text.bytes().next())
        && ends(text.bytes().next_back())
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_workspace_and_by_uid_and_stay_short() {
        let a = TargetNames::new(&Workspace::new("a"), "1");
        assert_eq!(a, TargetNames::new(&Workspace::new("a"), "1"));
        assert_ne!(a.id, TargetNames::new(&Workspace::new("b"), "1").id);
        assert_ne!(a.id, TargetNames::new(&Workspace::new("a"), "2").id);
        // The separator keeps ("a", "b1") and ("ab", "1") apart.
        assert_ne!(TargetNames::new(&Workspace::new("a"), "b1").id, TargetNames::new(&Workspace::new("ab"), "1").id);
        assert!(a.namespace.len() <= 63 && a.hub.len() <= 63);
    }

    #[test]
    fn every_workspace_has_a_label_of_its_own() {
        assert_eq!(workspace_label(&Workspace::new("2xkq0zzp1lv3yhzb")), "2xkq0zzp1lv3yhzb");
        for odd in ["root:team-a", "", "-a", "a.", &"a".repeat(64)] {
            let label = workspace_label(&Workspace::new(odd));
            assert_eq!(label.len(), 32, "{odd:?}: {label}");
            assert!(label.bytes().all(|byte| byte.is_ascii_hexdigit()), "{odd:?}: {label}");
        }
    }

    #[test]
    fn a_name_on_the_hub_leads_back_to_its_target() {
        let (workspace, names) = (Workspace::new("a"), TargetNames::new(&Workspace::new("a"), "1"));
        let number = TargetNames::number(&workspace, "1");
        assert_eq!(
            (TargetNames::number_in(&names.hub), TargetNames::number_of_id(&names.id)),
            (Some(number), Some(number))
        );
        for other in ["berthage-syncer-", "berthage-syncer-0", "admin", &names.hub.to_uppercase(), &names.id] {
            assert_eq!(TargetNames::number_in(other), None, "{other}");
        }
    }
}
