//! One object as it is held: its bytes, and the little that is read of them without a reconcile.

use std::collections::BTreeMap;
use std::sync::Arc;

use berthage_core::api::{ClusterRef, KubeConfigSecretRef};
use berthage_core::key::Kind;
use berthage_core::names::{SECRET_FINALIZER, TARGET_FINALIZER};
use kube::api::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::compression;
use crate::wire::{ConfigMapWire, Wire};

/// An object as it is held.
#[derive(Clone)]
pub struct Held {
    /// JSON without managedFields, compressed: most of it is the same text over and over.
    bytes: Arc<[u8]>,
    /// What is read of it without its JSON, one after the other in one allocation: uid, resourceVersion, what it refers to, and
    /// the Secret that a target's cluster was reached with.
    head: Arc<str>,
    /// Where in `head` the first three of them end.
    ends: [u32; 3],
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// Whether a target carries our finalizer: there may be something of it to clean up.
    pub finalized: bool,
    /// Whether something of a target is, or may be, in a physical cluster.
    pub deployed: bool,
    extent: Extent,
}

/// How much of an object is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All that anybody reads.
    Whole,
    /// Who it is: of a ConfigMap that is too large.
    Outline,
}

/// The most bytes of a ConfigMap that are held, as JSON without `binaryData`.
const CONFIG_MAP: usize = 128 << 10;

impl Held {
    /// Takes in an object.
    pub fn of(kind: Kind, wire: &Wire) -> Result<Self, serde_json::Error> {
        let bytes = wire.to_json()?;
        // An object without what is looked for refers to nothing; the reconcile says so in its status.
        let (refers_to, deployed, reached_with) = match kind {
            Kind::Target => {
                serde_json::from_slice(&bytes).map_or_else(|_| (String::new(), true, None), TargetRefs::read)
            }
            Kind::Registration => {
                (serde_json::from_slice(&bytes).map_or_else(|_| String::new(), RegistrationRefs::path), false, None)
            }
            Kind::Plugin | Kind::ConfigMap => (String::new(), false, None),
        };
        Self::build(&bytes, &wire.metadata, &refers_to, deployed, reached_with.as_deref())
    }

    /// Takes in a ConfigMap: all but `binaryData`, which nobody reads; who it is only, if that is too much.
    pub fn of_config_map(object: &ConfigMapWire) -> Result<Self, serde_json::Error> {
        let bytes = serde_json::to_vec(&ConfigMapJson::of(&object.metadata, object.data.as_deref()))?;
        if bytes.len() > CONFIG_MAP {
            return Self::outline(&object.metadata);
        }
        Self::build(&bytes, &object.metadata, "", false, None)
    }

    /// A ConfigMap of which nothing is held but who it is.
    pub fn outline(meta: &ObjectMeta) -> Result<Self, serde_json::Error> {
        let who = ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
            ..ObjectMeta::default()
        };
        let bytes = serde_json::to_vec(&ConfigMapJson::of(&who, None))?;
        Ok(Self { extent: Extent::Outline, ..Self::build(&bytes, &who, "", false, None)? })
    }

    fn build(
        bytes: &[u8],
        meta: &ObjectMeta,
        refers_to: &str,
        deployed: bool,
        reached_with: Option<&str>,
    ) -> Result<Self, serde_json::Error> {
        let mut head = String::new();
        let mut ends = [0; 3];
        for (part, end) in
            [meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default(), refers_to]
                .into_iter()
                .zip(&mut ends)
        {
            head.push_str(part);
            // No object is larger than an API server takes, which is a thousandth of that.
            *end = u32::try_from(head.len()).unwrap_or(u32::MAX);
        }
        head.push_str(reached_with.unwrap_or_default());
        Ok(Self {
            bytes: Arc::from(compression::compress(bytes).map_err(serde::ser::Error::custom)?),
            head: Arc::from(head),
            ends,
            deleting: meta.deletion_timestamp.is_some(),
            finalized: meta.finalizers.iter().flatten().any(|finalizer| finalizer == TARGET_FINALIZER),
            deployed,
            extent: Extent::Whole,
        })
    }

    /// Whether all of the object is held. Of a ConfigMap that is too large, there is only who it is.
    pub fn is_whole(&self) -> bool {
        self.extent == Extent::Whole
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.part(0)
    }

    /// `metadata.resourceVersion`.
    pub fn resource_version(&self) -> &str {
        self.part(1)
    }

    /// A target's registrations, a line each; a registration's Secret as `namespace/name`.
    fn refers_to(&self) -> &str {
        self.part(2)
    }

    /// The Secret that a target's cluster was reached with, as `namespace/name`.
    fn reached_with(&self) -> Option<&str> {
        Some(self.part(3)).filter(|secret| !secret.is_empty())
    }

    fn part(&self, number: usize) -> &str {
        let end = |number: usize| self.ends.get(number).map_or(self.head.len(), |end| *end as usize);
        let begin = number.checked_sub(1).map_or(0, end);
        self.head.get(begin..end(number)).unwrap_or_default()
    }

    /// The object, typed.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.json()?)
    }

    /// The same target without `spec.values`: what tenants put there may be nested deeper than anything that reads it goes,
    /// and must not keep a target from being taken off its cluster.
    pub fn without_values(&self) -> Result<Self, serde_json::Error> {
        let mut wire: Wire = serde_json::from_slice(&self.json()?)?;
        let mut spec: BTreeMap<String, Box<RawValue>> = Wire::part(wire.spec.as_deref())?;
        spec.remove("values");
        wire.spec = Some(serde_json::value::to_raw_value(&spec)?);
        Self::of(Kind::Target, &wire)
    }

    /// A target's registrations: that of its spec, and that of its inventory where it is another one.
    pub fn registrations(&self) -> impl Iterator<Item = &str> {
        self.refers_to().split('\n').filter(|name| !name.is_empty())
    }

    /// Whether a target may need that Secret, `namespace/name`, to clean up where it is deployed.
    pub(super) fn may_need(&self, secret: &str) -> bool {
        // One that does not say with which it was reached may need any.
        self.finalized && self.reached_with().map_or(self.deployed, |reached_with| reached_with == secret)
    }

    /// A registration's Secret: namespace and name.
    pub fn secret(&self) -> (&str, &str) {
        self.refers_to().split_once('/').unwrap_or_default()
    }

    /// A registration's Secret as the store names it.
    pub(super) fn secret_path(&self) -> &str {
        self.refers_to()
    }

    /// The object's JSON, without managedFields.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        // Only what this type compressed is ever decompressed; an error would be a fault of the machine's memory.
        compression::decompress(&self.bytes).map_err(serde::de::Error::custom)
    }

    /// How many bytes it takes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether this is that version of that object, or a later one.
    ///
    /// resourceVersions of one resource of one server are comparable numbers (KEP-5504). What is not a number is never
    /// older.
    pub(super) fn has(&self, uid: &str, version: &str) -> bool {
        let older = match (version.parse::<u64>(), self.resource_version().parse::<u64>()) {
            (Ok(version), Ok(held)) => version < held,
            _ => false,
        };
        self.uid() == uid && (self.resource_version() == version || older)
    }
}

/// A ConfigMap as it is held.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigMapJson<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: &'a ObjectMeta,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

impl<'a> ConfigMapJson<'a> {
    const fn of(metadata: &'a ObjectMeta, data: Option<&'a RawValue>) -> Self {
        Self { api_version: "v1", kind: "ConfigMap", metadata, data }
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
#[serde(rename_all = "camelCase")]
struct StatusClusterRefs {
    name: Option<String>,
    secret_ref: Option<KubeConfigSecretRef>,
}

impl TargetRefs {
    /// The registration of its spec, and that of its inventory where it is another one; whether there is an inventory; and the
    /// Secret that leads to it.
    fn read(self) -> (String, bool, Option<String>) {
        let wanted = self.spec.cluster_ref.name;
        let cluster = self.status.and_then(|status| status.cluster);
        let Some(StatusClusterRefs { name: Some(name), secret_ref }) = cluster else { return (wanted, false, None) };
        let secret = secret_ref.as_ref().map(path_of);
        if name == wanted { (wanted, true, secret) } else { (format!("{wanted}\n{name}"), true, secret) }
    }
}

fn path_of(secret: &KubeConfigSecretRef) -> String {
    format!("{}/{}", secret.namespace, secret.name)
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
        path_of(&self.spec.kube_config_secret_ref)
    }
}
