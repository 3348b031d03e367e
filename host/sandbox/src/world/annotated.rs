//! Which objects of a kcp are kept with the annotation that says where they are.
//!
//! kcp's storage adds `kcp.io/cluster` to whatever it reads, also where it was not written (`etcd3/store.go` of kcp's
//! Kubernetes). So what was created, or replaced by somebody who left the annotation out, is kept without it, and the next
//! patch, which is made of what was read, changes the bytes that are kept even if it changes nothing: it gets a new
//! resourceVersion, and watches are told. Only the patch after that is no write, and who replaces an
//! object and leaves the annotation out writes each time. The script of `conformance` shows it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::store::Key;

/// Those that are kept without it, by the hash of their key: of two with one hash, one may be written once too often.
#[derive(Debug, Default)]
pub(super) struct Bare(HashSet<u64>);

impl Bare {
    pub(super) fn is(&self, key: &Key<'_>) -> bool {
        self.0.contains(&hash(key))
    }

    pub(super) fn set(&mut self, key: &Key<'_>, bare: bool) {
        if bare {
            self.0.insert(hash(key));
        } else {
            self.0.remove(&hash(key));
        }
    }
}

fn hash(key: &Key<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key.resource, key.cluster, key.namespace, key.name).hash(&mut hasher);
    hasher.finish()
}
