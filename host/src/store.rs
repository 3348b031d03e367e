//! What the hub's watches have told us: bytes and a slim index, decoded only inside a reconcile.
//!
//! A SyncTarget costs its JSON without managedFields and about 200 bytes of index; as a tree of values it would cost ten
//! times that. Keys carry the workspace, so equal names of two workspaces never meet. Secrets are held as metadata only.
//! Every map is behind one lock that is never held across an await.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use berthage_core::api::{ClusterRef, KubeConfigSecretRef};
use berthage_core::heartbeat::Heartbeat;
use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::names::{LABEL_KUBECONFIG, SECRET_FINALIZER, TARGET_FINALIZER, TargetNames};
use kube::api::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::wire::Wire;

/// An object as it is held.
#[derive(Clone)]
pub struct Held {
    /// JSON without managedFields.
    bytes: Arc<[u8]>,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `metadata.resourceVersion`.
    pub resource_version: Arc<str>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// Whether a target carries our finalizer: there may be something of it to clean up.
    pub finalized: bool,
    /// Whether something of a target is, or may be, in a physical cluster.
    pub deployed: bool,
    /// What it refers to: a target's registrations, a line each; a registration's Secret as `namespace/name`.
    refers_to: Arc<str>,
}

impl Held {
    /// The object, typed.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }

    /// The same target without `spec.values`: what tenants put there may be nested deeper than anything that reads it goes,
    /// and must not keep a target from being taken off its cluster.
    pub fn without_values(&self) -> Result<Self, serde_json::Error> {
        let mut wire: Wire = serde_json::from_slice(&self.bytes)?;
        let mut spec: BTreeMap<String, Box<RawValue>> = Wire::part(wire.spec.as_deref())?;
        spec.remove("values");
        wire.spec = Some(serde_json::value::to_raw_value(&spec)?);
        hold(Kind::Target, &wire)
    }

    /// Takes in an object.
    pub fn of(kind: Kind, wire: &Wire) -> Result<Self, serde_json::Error> {
        hold(kind, wire)
    }

    /// A target's registrations: that of its spec, and that of its inventory where it is another one.
    pub fn registrations(&self) -> impl Iterator<Item = &str> {
        self.refers_to.split('\n').filter(|name| !name.is_empty())
    }

    /// A registration's Secret: namespace and name.
    pub fn secret(&self) -> (&str, &str) {
        self.refers_to.split_once('/').unwrap_or_default()
    }

    /// The object's JSON, without managedFields.
    pub fn json(&self) -> &[u8] {
        &self.bytes
    }
}

/// What is known of a Secret: never its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretMeta {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it carries our finalizer.
    pub ours: bool,
    /// All its finalizers, to patch them.
    pub finalizers: Vec<String>,
}

impl SecretMeta {
    /// What is kept of a Secret's metadata.
    pub fn of(meta: &ObjectMeta) -> Self {
        let finalizers = meta.finalizers.clone().unwrap_or_default();
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            deleting: meta.deletion_timestamp.is_some(),
            ours: finalizers.iter().any(|finalizer| finalizer == SECRET_FINALIZER),
            finalizers,
        }
    }
}

/// Which of the hub's lists an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// SyncTargets.
    Targets,
    /// ClusterRegistrations.
    Registrations,
    /// Labelled Secrets, metadata only.
    Secrets,
    /// The syncers' Leases.
    Leases,
    /// ClusterRoles of syncers' identities, metadata only.
    ClusterRoles,
    /// ClusterRoleBindings of syncers' identities, metadata only.
    ClusterRoleBindings,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Targets,
        Self::Registrations,
        Self::Secrets,
        Self::Leases,
        Self::ClusterRoles,
        Self::ClusterRoleBindings,
    ];
}

type Named = (Workspace, Arc<str>);

#[derive(Default)]
struct Inner {
    objects: HashMap<Key, Held>,
    /// `TargetNames::id` to target.
    by_id: HashMap<Arc<str>, Key>,
    /// Registration to its targets, by what the target's spec or its inventory refers to.
    users: HashMap<Key, BTreeSet<Key>>,
    /// Secret `namespace/name` to registrations.
    secret_users: HashMap<Named, BTreeSet<Key>>,
    secrets: HashMap<Named, SecretMeta>,
    /// Lease name to heartbeat.
    heartbeats: HashMap<Named, LeaseMeta>,
    identities: HashMap<(Source, Workspace, Arc<str>), String>,
    synced: BTreeSet<Source>,
    bytes: usize,
}

/// What is known of a syncer's Lease.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseMeta {
    /// What the syncer wrote, if it ever did.
    pub heartbeat: Option<Heartbeat>,
}

/// See the module.
#[derive(Default)]
pub struct Store {
    inner: RwLock<Inner>,
}

impl Store {
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The object of that key.
    pub fn get(&self, key: &Key) -> Option<Held> {
        self.read().objects.get(key).cloned()
    }

    /// Takes in an object from a watch or from the answer to a write of ours; returns the keys to look at again.
    ///
    /// An older version than the one held is ignored: the echo of an earlier write must not hide a later one.
    /// resourceVersions of one resource are comparable numbers (KEP-5504).
    pub fn upsert(&self, key: &Key, wire: &Wire) -> Result<Vec<Key>, serde_json::Error> {
        let (uid, version) = (wire.metadata.uid.as_deref(), wire.metadata.resource_version.as_deref());
        // The echo of our own write is the usual case, and costs no more than this.
        if self.read().has(key, uid.unwrap_or_default(), version.unwrap_or_default()) {
            return Ok(Vec::new());
        }
        Ok(self.put(key, hold(key.kind, wire)?))
    }

    /// As [`Store::upsert`], for what is held already.
    pub fn put(&self, key: &Key, held: Held) -> Vec<Key> {
        let mut inner = self.write();
        if inner.has(key, &held.uid, &held.resource_version) {
            return Vec::new();
        }
        let users = inner.insert(key, held);
        let mut keys = vec![key.clone()];
        keys.extend(users);
        keys
    }

    /// Forgets an object; returns the keys to look at again.
    pub fn remove(&self, key: &Key) -> Vec<Key> {
        let mut inner = self.write();
        inner.forget(key);
        let mut keys = vec![key.clone()];
        keys.extend(inner.users.get(key).into_iter().flatten().cloned());
        keys
    }

    /// The keys of one kind that are held.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        self.read().objects.keys().filter(|key| key.kind == kind).cloned().collect()
    }

    /// The target that owns objects labelled with that id.
    pub fn target_of_id(&self, id: &str) -> Option<Key> {
        self.read().by_id.get(id).cloned()
    }

    /// The targets that use a registration, by spec or by what they still have in it.
    pub fn users_of(&self, registration: &Key) -> Vec<Key> {
        self.read().users.get(registration).into_iter().flatten().cloned().collect()
    }

    /// The registrations that use a Secret.
    pub fn registrations_of(&self, workspace: &Workspace, namespace: &str, name: &str) -> Vec<Key> {
        let named = named(workspace, &format!("{namespace}/{name}"));
        self.read().secret_users.get(&named).into_iter().flatten().cloned().collect()
    }

    /// What is known of a Secret that carries our label.
    pub fn secret(&self, workspace: &Workspace, namespace: &str, name: &str) -> Option<SecretMeta> {
        self.read().secrets.get(&named(workspace, &format!("{namespace}/{name}"))).cloned()
    }

    /// The Secrets that carry our finalizer: workspace, namespace, name.
    pub fn secrets_in_use(&self) -> Vec<(Workspace, String, String, SecretMeta)> {
        let inner = self.read();
        let ours = inner.secrets.iter().filter(|(_, secret)| secret.ours);
        ours.filter_map(|((workspace, named), secret)| {
            let (namespace, name) = named.split_once('/')?;
            Some((workspace.clone(), namespace.to_owned(), name.to_owned(), secret.clone()))
        })
        .collect()
    }

    /// Whether a target of the workspace has something to clean up in a cluster whose registration is not there: it may
    /// come back, and need its Secret then.
    pub fn has_stray_targets(&self, workspace: &Workspace) -> bool {
        let inner = self.read();
        inner.objects.iter().any(|(key, held)| {
            key.kind == Kind::Target
                && key.workspace == *workspace
                && held.finalized
                && held.registrations().any(|name| !inner.objects.contains_key(&Key::registration(workspace, name)))
        })
    }

    /// Takes in a Secret's metadata; returns the keys to look at again.
    pub fn upsert_secret(&self, workspace: &Workspace, meta: &ObjectMeta) -> Vec<Key> {
        let name = secret_name(meta);
        let labelled =
            meta.labels.as_ref().and_then(|labels| labels.get(LABEL_KUBECONFIG)).is_some_and(|value| value == "true");
        if !labelled {
            return self.remove_secret(workspace, meta);
        }
        let known = SecretMeta::of(meta);
        let mut inner = self.write();
        let named = named(workspace, &name);
        if inner.secrets.get(&named) == Some(&known) {
            return Vec::new();
        }
        inner.secrets.insert(named.clone(), known);
        inner.with_targets(&named)
    }

    /// Forgets a Secret; returns the keys to look at again.
    pub fn remove_secret(&self, workspace: &Workspace, meta: &ObjectMeta) -> Vec<Key> {
        let mut inner = self.write();
        let named = named(workspace, &secret_name(meta));
        inner.secrets.remove(&named);
        inner.with_targets(&named)
    }

    /// What is known of a syncer's Lease.
    pub fn lease(&self, workspace: &Workspace, name: &str) -> Option<LeaseMeta> {
        self.read().heartbeats.get(&named(workspace, name)).cloned()
    }

    /// Takes in a Lease; returns the target to look at again, if anything but the time of renewal changed, or if the
    /// heartbeat had been silent for longer than `grace`.
    pub fn upsert_lease(
        &self,
        workspace: &Workspace,
        name: &str,
        lease: LeaseMeta,
        grace: jiff::SignedDuration,
    ) -> Option<Key> {
        let mut inner = self.write();
        let before = inner.heartbeats.insert(named(workspace, name), lease.clone());
        let news = match (before.and_then(|before| before.heartbeat), lease.heartbeat) {
            (Some(before), Some(after)) => {
                before.version != after.version
                    || before.credential_serial != after.credential_serial
                    || before.target_uid != after.target_uid
                    || after.renewed_at.duration_since(before.renewed_at) > grace
            }
            (before, after) => before.is_some() != after.is_some(),
        };
        news.then(|| inner.target_of_hub_name(name)).flatten()
    }

    /// Forgets a Lease; returns the target to look at again.
    pub fn remove_lease(&self, workspace: &Workspace, name: &str) -> Option<Key> {
        let mut inner = self.write();
        inner.heartbeats.remove(&named(workspace, name))?;
        inner.target_of_hub_name(name)
    }

    /// Hash of what an object of a syncer's identity grants: rules, or role and subjects.
    pub fn identity(&self, source: Source, workspace: &Workspace, name: &str) -> Option<String> {
        self.read().identities.get(&(source, workspace.clone(), Arc::from(name))).cloned()
    }

    /// Takes in an object of a syncer's identity, or its absence; returns the target to look at again.
    pub fn set_identity(&self, source: Source, workspace: &Workspace, name: &str, hash: Option<String>) -> Option<Key> {
        let mut inner = self.write();
        let key = (source, workspace.clone(), Arc::<str>::from(name));
        let changed = match hash {
            Some(hash) => inner.identities.insert(key, hash.clone()) != Some(hash),
            None => inner.identities.remove(&key).is_some(),
        };
        changed.then(|| inner.target_of_hub_name(name)).flatten()
    }

    /// Names held for a source in a workspace, to find what a relist no longer has.
    pub fn names_of(&self, source: Source, workspace: &Workspace) -> Vec<String> {
        let inner = self.read();
        let of = |map_key: &Named| (map_key.0 == *workspace).then(|| map_key.1.to_string());
        match source {
            Source::Targets | Source::Registrations => {
                let kind = if source == Source::Targets { Kind::Target } else { Kind::Registration };
                inner
                    .objects
                    .keys()
                    .filter(|key| key.kind == kind && key.workspace == *workspace)
                    .map(|key| key.name.to_string())
                    .collect()
            }
            Source::Secrets => inner.secrets.keys().filter_map(of).collect(),
            Source::Leases => inner.heartbeats.keys().filter_map(of).collect(),
            Source::ClusterRoles | Source::ClusterRoleBindings => inner
                .identities
                .keys()
                .filter(|(kind, held_in, _)| *kind == source && held_in == workspace)
                .map(|(_, _, name)| name.to_string())
                .collect(),
        }
    }

    /// Notes that the first list of a source is complete; true when that made the last one.
    pub fn set_synced(&self, source: Source) -> bool {
        let mut inner = self.write();
        inner.synced.insert(source) && inner.synced.len() == Source::ALL.len()
    }

    /// Whether every source was listed once. Nothing is decided by absence before that.
    pub fn synced(&self) -> bool {
        self.read().synced.len() == Source::ALL.len()
    }

    /// Objects held and their bytes, for the metrics.
    pub fn size(&self) -> (usize, usize) {
        let inner = self.read();
        (inner.objects.len(), inner.bytes)
    }
}

impl Inner {
    /// Whether this version of an object is held, or a later one.
    fn has(&self, key: &Key, uid: &str, version: &str) -> bool {
        self.objects.get(key).is_some_and(|held| {
            *held.uid == *uid && (*held.resource_version == *version || older(version, &held.resource_version))
        })
    }

    /// Inserts and indexes; returns the other keys that depend on the object.
    fn insert(&mut self, key: &Key, held: Held) -> Vec<Key> {
        self.forget(key);
        self.bytes += held.bytes.len();
        let mut dependants = Vec::new();
        match key.kind {
            Kind::Target => {
                let names = TargetNames::new(&key.workspace, &held.uid);
                self.by_id.insert(Arc::from(names.id), key.clone());
                for registration in held.registrations() {
                    self.users.entry(Key::registration(&key.workspace, registration)).or_default().insert(key.clone());
                }
            }
            Kind::Registration => {
                self.secret_users.entry(named(&key.workspace, &held.refers_to)).or_default().insert(key.clone());
                dependants.extend(self.users.get(key).into_iter().flatten().cloned());
            }
        }
        self.objects.insert(key.clone(), held);
        dependants
    }

    fn forget(&mut self, key: &Key) {
        let Some(held) = self.objects.remove(key) else { return };
        self.bytes -= held.bytes.len();
        match key.kind {
            Kind::Target => {
                self.by_id.remove(TargetNames::new(&key.workspace, &held.uid).id.as_str());
                for registration in held.registrations() {
                    let registration = Key::registration(&key.workspace, registration);
                    if let Some(users) = self.users.get_mut(&registration) {
                        users.remove(key);
                        if users.is_empty() {
                            self.users.remove(&registration);
                        }
                    }
                }
            }
            Kind::Registration => {
                let named = named(&key.workspace, &held.refers_to);
                if let Some(users) = self.secret_users.get_mut(&named) {
                    users.remove(key);
                    if users.is_empty() {
                        self.secret_users.remove(&named);
                    }
                }
            }
        }
    }

    /// The registrations that use a Secret, and their targets.
    fn with_targets(&self, secret: &Named) -> Vec<Key> {
        let registrations: Vec<Key> = self.secret_users.get(secret).into_iter().flatten().cloned().collect();
        let targets = registrations.iter().flat_map(|key| self.users.get(key).into_iter().flatten().cloned());
        let mut keys: Vec<Key> = targets.collect();
        keys.extend(registrations);
        keys
    }

    fn target_of_hub_name(&self, name: &str) -> Option<Key> {
        self.by_id.get(name.strip_prefix("berthage-syncer-")?).cloned()
    }
}

fn named(workspace: &Workspace, name: &str) -> Named {
    (workspace.clone(), Arc::from(name))
}

fn secret_name(meta: &ObjectMeta) -> String {
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// Whether resourceVersion `a` is before `b`. What is not a number is never older.
fn older(a: &str, b: &str) -> bool {
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a < b,
        _ => false,
    }
}

/// What is read of a target to know whom it concerns.
#[derive(Deserialize)]
struct TargetRefs {
    spec: TargetSpecRefs,
    status: Option<TargetStatusRefs>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetSpecRefs {
    cluster_ref: ClusterRef,
}

#[derive(Deserialize)]
struct TargetStatusRefs {
    cluster: Option<StatusClusterRefs>,
}

#[derive(Deserialize)]
struct StatusClusterRefs {
    name: Option<String>,
}

impl TargetRefs {
    /// The registration of its spec, and that of its inventory where it is another one; whether there is an inventory.
    fn read(self) -> (String, bool) {
        let wanted = self.spec.cluster_ref.name;
        match self.status.and_then(|status| status.cluster).and_then(|cluster| cluster.name) {
            Some(name) if name != wanted => (format!("{wanted}\n{name}"), true),
            Some(_) => (wanted, true),
            None => (wanted, false),
        }
    }
}

/// What is read of a registration to know whom it concerns.
#[derive(Deserialize)]
struct RegistrationRefs {
    spec: RegistrationSpecRefs,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationSpecRefs {
    kube_config_secret_ref: KubeConfigSecretRef,
}

impl RegistrationRefs {
    fn path(self) -> String {
        let secret = self.spec.kube_config_secret_ref;
        format!("{}/{}", secret.namespace, secret.name)
    }
}

fn hold(kind: Kind, wire: &Wire) -> Result<Held, serde_json::Error> {
    let bytes = wire.to_json()?;
    // An object without what is looked for refers to nothing; the reconcile says so in its status.
    let (refers_to, deployed) = match kind {
        Kind::Target => serde_json::from_slice(&bytes).map_or_else(|_| (String::new(), true), TargetRefs::read),
        Kind::Registration => {
            (serde_json::from_slice(&bytes).map_or_else(|_| String::new(), RegistrationRefs::path), false)
        }
    };
    Ok(Held {
        bytes: Arc::from(bytes),
        uid: Arc::from(wire.metadata.uid.as_deref().unwrap_or_default()),
        resource_version: Arc::from(wire.metadata.resource_version.as_deref().unwrap_or_default()),
        deleting: wire.metadata.deletion_timestamp.is_some(),
        finalized: wire.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == TARGET_FINALIZER),
        deployed,
        refers_to: Arc::from(refers_to),
    })
}

#[cfg(test)]
mod tests {
    use berthage_core::api::SyncTarget;

    use super::*;
    use serde_json::json;

    fn target(name: &str, uid: &str, version: u32, cluster: &str) -> Wire {
        serde_json::from_str(&json!({
            "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget",
            "metadata": {"name": name, "uid": uid, "resourceVersion": version.to_string(), "managedFields": [{"manager": "x"}]},
            "spec": {"clusterRef": {"name": cluster}}
        }).to_string()).unwrap()
    }

    #[test]
    fn equal_names_of_two_workspaces_never_meet() {
        let store = Store::default();
        let (a, b) = (Workspace::new("a"), Workspace::new("b"));
        for (workspace, cluster) in [(&a, "east"), (&b, "west")] {
            store.upsert(&Key::target(workspace, "edge"), &target("edge", "u", 1, cluster)).unwrap();
        }
        assert_eq!(store.users_of(&Key::registration(&a, "east")), vec![Key::target(&a, "edge")]);
        assert!(store.users_of(&Key::registration(&a, "west")).is_empty());
        store.remove(&Key::target(&a, "edge"));
        assert!(store.get(&Key::target(&b, "edge")).is_some());
    }

    #[test]
    fn an_older_version_is_ignored_and_a_recreated_object_is_not() {
        let store = Store::default();
        let key = Key::target(&Workspace::local(), "edge");
        assert_eq!(store.upsert(&key, &target("edge", "u", 7, "east")).unwrap().len(), 1);
        assert!(store.upsert(&key, &target("edge", "u", 6, "east")).unwrap().is_empty());
        assert_eq!(&*store.get(&key).unwrap().resource_version, "7");
        assert_eq!(store.upsert(&key, &target("edge", "v", 3, "east")).unwrap().len(), 1);
        assert_eq!(store.target_of_id(&TargetNames::new(&Workspace::local(), "u").id), None);
    }

    #[test]
    fn managed_fields_are_not_kept() {
        let store = Store::default();
        let key = Key::target(&Workspace::local(), "edge");
        store.upsert(&key, &target("edge", "u", 7, "east")).unwrap();
        let json = String::from_utf8(store.get(&key).unwrap().json().to_vec()).unwrap();
        assert!(!json.contains("managedFields") && json.contains("clusterRef"));
    }

    #[test]
    fn a_secret_wakes_its_registrations_and_their_targets() {
        let store = Store::default();
        let local = Workspace::local();
        let registration: Wire = serde_json::from_str(
            &json!({
                "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration",
                "metadata": {"name": "east", "uid": "r", "resourceVersion": "1"},
                "spec": {"kubeConfigSecretRef": {"namespace": "default", "name": "east"}}
            })
            .to_string(),
        )
        .unwrap();
        store.upsert(&Key::registration(&local, "east"), &registration).unwrap();
        store.upsert(&Key::target(&local, "edge"), &target("edge", "u", 7, "east")).unwrap();
        let meta = ObjectMeta {
            name: Some("east".into()),
            namespace: Some("default".into()),
            labels: Some([(LABEL_KUBECONFIG.to_owned(), "true".to_owned())].into()),
            ..ObjectMeta::default()
        };
        let keys = store.upsert_secret(&local, &meta);
        assert_eq!(keys, vec![Key::target(&local, "edge"), Key::registration(&local, "east")]);
        assert!(store.upsert_secret(&local, &meta).is_empty(), "no change, no work");
        let unlabelled = ObjectMeta { labels: None, ..meta };
        assert_eq!(store.upsert_secret(&local, &unlabelled).len(), 2);
        assert_eq!(store.secret(&local, "default", "east"), None);
    }

    #[test]
    fn values_that_nobody_can_read_can_be_left_out() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(130), "}".repeat(130));
        let text = format!(
            r#"{{"metadata":{{"name":"edge","uid":"u","resourceVersion":"7"}},"spec":{{"clusterRef":{{"name":"east"}},"values":{deep}}},"status":{{"cluster":{{"name":"east"}}}}}}"#
        );
        let held = Held::of(Kind::Target, &serde_json::from_str(&text).unwrap()).unwrap();
        assert!(held.decode::<SyncTarget>().is_err(), "it can be read: the test shows nothing");
        assert_eq!(held.registrations().collect::<Vec<_>>(), ["east"]);
        let readable = held.without_values().unwrap();
        assert_eq!(readable.decode::<SyncTarget>().unwrap().spec.cluster_ref.name, "east");
        assert_eq!((&*readable.uid, &*readable.resource_version, readable.deployed), ("u", "7", true));
    }
}
