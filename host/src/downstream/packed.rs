//! An object as it is held, in less memory than an id and a [`Seen`]: numbers in the place of what a server writes
//! as text, and texts that objects of one target have in common only once.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use berthage_core::object::{KindInfo, ObjectId};
use berthage_core::status::deployed::Rollout;
use tokio::time::Instant;
use uuid::Uuid;

use super::seen::{Mark, Seen};

/// How many others are looked through for a text.
const BESIDE: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Packed {
    info: &'static KindInfo,
    namespace: Option<Arc<str>>,
    name: Arc<str>,
    uid: Uid,
    version: Version,
    mark: Mark,
    owner: Option<Arc<str>>,
    rollout: Option<Box<Rollout>>,
    heard: Instant,
    deleting: bool,
}

/// A uid as API servers make them, or any other.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Uid {
    Usual(Uuid),
    Other(Box<str>),
}

impl Uid {
    fn of(text: String) -> Self {
        match Uuid::try_parse(&text) {
            // Only what is written back as it came.
            Ok(uuid) if uuid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == &*text => Self::Usual(uuid),
            _ => Self::Other(text.into()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Usual(uuid) => uuid.as_hyphenated().to_string(),
            Self::Other(text) => text.to_string(),
        }
    }

    fn is(&self, text: &str) -> bool {
        match self {
            Self::Usual(uuid) => uuid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text,
            Self::Other(own) => **own == *text,
        }
    }
}

/// A resourceVersion as API servers make them, or any other.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Version {
    Usual(u64),
    Other(Box<str>),
}

impl Version {
    fn of(text: String) -> Self {
        match text.parse::<u64>() {
            Ok(number) if number.to_string() == text => Self::Usual(number),
            _ => Self::Other(text.into()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Usual(number) => number.to_string(),
            Self::Other(text) => text.to_string(),
        }
    }
}

impl Packed {
    /// Packs an object; `beside` are others of its target. `None` for a kind that is never written downstream.
    pub(super) fn of(id: &ObjectId, seen: Seen, beside: &[Self]) -> Option<Self> {
        let info = KindInfo::find(&id.api_version, &id.kind)?;
        Some(Self {
            info,
            namespace: id.namespace.as_deref().map(|text| shared(text, beside)),
            name: shared(&id.name, beside),
            uid: Uid::of(seen.uid),
            version: Version::of(seen.resource_version),
            mark: seen.mark,
            owner: seen.owner.as_deref().map(|text| shared(text, beside)),
            rollout: seen.rollout.map(Box::new),
            heard: seen.heard,
            deleting: seen.deleting,
        })
    }

    /// Takes in what is known now.
    pub(super) fn update(&mut self, seen: Seen) {
        self.uid = Uid::of(seen.uid);
        self.version = Version::of(seen.resource_version);
        self.mark = seen.mark;
        if self.owner.as_deref() != seen.owner.as_deref() {
            self.owner = seen.owner.map(Arc::from);
        }
        self.rollout = seen.rollout.map(Box::new);
        self.heard = seen.heard;
        self.deleting = seen.deleting;
    }

    /// What is known of it.
    pub(super) fn seen(&self) -> Seen {
        Seen {
            uid: self.uid.text(),
            deleting: self.deleting,
            owner: self.owner.as_deref().map(str::to_owned),
            rollout: self.rollout.as_deref().cloned(),
            heard: self.heard,
            resource_version: self.version.text(),
            mark: self.mark,
        }
    }

    /// Whether it is the object with this id.
    pub(super) fn is(&self, id: &ObjectId) -> bool {
        let same_kind = self.info.kind == id.kind && self.info.api_version == id.api_version;
        same_kind && *self.name == *id.name && self.namespace.as_deref() == id.namespace.as_deref()
    }

    /// Whether it has this uid.
    pub(super) fn has_uid(&self, uid: &str) -> bool {
        self.uid.is(uid)
    }

    /// Whether it is of this kind.
    pub(super) fn is_a(&self, info: &KindInfo) -> bool {
        self.info == info
    }

    /// Its id.
    pub(super) fn id(&self) -> ObjectId {
        ObjectId {
            api_version: self.info.api_version.to_owned(),
            kind: self.info.kind.to_owned(),
            namespace: self.namespace.as_deref().map(str::to_owned),
            name: self.name.to_string(),
        }
    }

    /// Hashes what a reconcile goes by.
    pub(super) fn hash_state(&self, hasher: &mut impl Hasher) {
        (self.info.kind, &self.namespace, &self.name, &self.uid, self.mark).hash(hasher);
        if self.mark == Mark::Version {
            self.version.hash(hasher);
        }
        (self.deleting, &self.owner, &self.rollout).hash(hasher);
    }
}

/// The same text as one that is held already, or a new one.
fn shared(text: &str, beside: &[Packed]) -> Arc<str> {
    // Of many, a few: a cluster that tells of many must not make us compare each with all.
    let beside = beside.iter().take(BESIDE);
    let held = beside.flat_map(|packed| [Some(&packed.name), packed.namespace.as_ref(), packed.owner.as_ref()]);
    held.flatten().find(|held| ***held == *text).map_or_else(|| Arc::from(text), Arc::clone)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> ObjectId {
        let namespace = Some("kcp-syncer".to_owned());
        ObjectId { api_version: "v1".to_owned(), kind: "ConfigMap".to_owned(), namespace, name: name.to_owned() }
    }

    fn marks() -> impl Strategy<Value = Mark> {
        prop_oneof![Just(Mark::Version), any::<i64>().prop_map(Mark::Generation), any::<u64>().prop_map(Mark::Content)]
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_went_in(
            uid in prop_oneof!["[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[0-9A-F]{32}", "\\PC{0,40}"],
            resource_version in prop_oneof!["[0-9]{1,25}", "0[0-9]{1,5}", "\\PC{0,10}"],
            mark in marks(),
            owner in prop::option::of("\\PC{0,20}"),
            deleting: bool,
        ) {
            let heard = Instant::now();
            let rollout = Some(Rollout { replicas: 3, ..Rollout::default() });
            let seen = Seen { uid, deleting, owner, rollout, heard, resource_version, mark };
            let packed = Packed::of(&id("a"), seen.clone(), &[]).unwrap();
            prop_assert!(packed.has_uid(&seen.uid) && packed.is(&id("a")) && !packed.is(&id("b")));
            prop_assert_eq!(packed.id(), id("a"));
            prop_assert_eq!(packed.seen(), seen.clone());
            let other = Seen { uid: "other".to_owned(), owner: Some("other".to_owned()), rollout: None, ..seen.clone() };
            let mut packed = packed;
            for now in [other, seen] {
                packed.update(now.clone());
                prop_assert_eq!(packed.seen(), now);
            }
        }
    }

    #[test]
    fn an_object_takes_no_more_memory_than_it_has_to() {
        assert!(size_of::<Packed>() <= 152, "{} bytes", size_of::<Packed>());
    }
}
