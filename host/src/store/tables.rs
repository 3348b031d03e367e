//! The store's tables and their indexes: what is behind its lock.
//!
//! Every entry begins with its workspace, so that those of one workspace lie side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::lineup::Declared;
use berthage_core::names::TargetNames;

use super::held::{Held, SecretMeta};
use super::readers::Read;
use super::workspaces::{Endpoint, Place, Workspaces};
use super::{LeaseMeta, Source};

/// An object, by its workspace.
pub(super) type Object = (Place, Kind, Arc<str>);
/// A Secret as `namespace/name`, or a target's name, by its workspace.
pub(super) type Named = (Place, Arc<str>);
/// Something on the hub that is named after a target: [`TargetNames::hub`], by its workspace.
pub(super) type OfTarget = (Place, u128);

/// See the module.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) workspaces: Workspaces,
    pub(super) objects: BTreeMap<Object, Held>,
    /// [`TargetNames::number`] to target.
    pub(super) by_id: HashMap<u128, (Place, Arc<str>)>,
    /// Registration and target, by what the target's spec or its inventory refers to.
    pub(super) users: BTreeSet<(Place, Arc<str>, Arc<str>)>,
    /// Secret `namespace/name` and registration.
    pub(super) secret_users: BTreeSet<(Place, Arc<str>, Arc<str>)>,
    pub(super) secrets: BTreeMap<Named, SecretMeta>,
    pub(super) heartbeats: BTreeMap<OfTarget, LeaseMeta>,
    pub(super) roles: BTreeMap<OfTarget, u64>,
    pub(super) role_bindings: BTreeMap<OfTarget, u64>,
    /// What targets read besides what they name.
    pub(super) readers: BTreeMap<Named, BTreeSet<Read>>,
    /// Plugins, as they are declared.
    pub(super) declared: BTreeMap<Named, Arc<Declared>>,
    pub(super) endpoints: BTreeMap<Endpoint, Lists>,
    pub(super) bytes: usize,
    /// What is being written by us at this moment, and what watches have told of it meanwhile: the keys to look at again.
    pub(super) writing: HashMap<Key, Vec<Key>>,
}

/// How far the lists of an endpoint are.
#[derive(Default)]
pub(super) struct Lists {
    /// What is watched there.
    pub(super) sources: &'static [Source],
    /// What of it is listed.
    pub(super) synced: BTreeSet<Source>,
    /// What of it was ever answered with a list.
    pub(super) served: BTreeSet<Source>,
    /// What went while not everything was listed: to be looked at when it is.
    pub(super) gone: BTreeSet<Key>,
}

impl Lists {
    pub(super) fn is_complete(&self) -> bool {
        self.synced.len() == self.sources.len()
    }
}

impl Tables {
    pub(super) fn object(&self, key: &Key) -> Option<Object> {
        Some((self.workspaces.place(&key.workspace)?, key.kind, Arc::clone(&key.name)))
    }

    pub(super) fn key(&self, (place, kind, name): &Object) -> Option<Key> {
        let workspace = self.workspaces.at(*place)?.0.clone();
        Some(Key { workspace, kind: *kind, name: Arc::clone(name) })
    }

    pub(super) fn of_target(&self, workspace: &Workspace, name: &str) -> Option<OfTarget> {
        Some((self.workspaces.place(workspace)?, TargetNames::number_in(name)?))
    }

    /// The target that something on the hub is named after, if it is of the same workspace.
    pub(super) fn owner(&self, (place, number): OfTarget) -> Option<Key> {
        let (of, name) = self.by_id.get(&number)?;
        if *of == place { self.key(&(place, Kind::Target, Arc::clone(name))) } else { None }
    }

    pub(super) const fn identities(&self, source: Source) -> Option<&BTreeMap<OfTarget, u64>> {
        match source {
            Source::ClusterRoles => Some(&self.roles),
            Source::ClusterRoleBindings => Some(&self.role_bindings),
            _ => None,
        }
    }

    pub(super) const fn identities_mut(&mut self, source: Source) -> Option<&mut BTreeMap<OfTarget, u64>> {
        match source {
            Source::ClusterRoles => Some(&mut self.roles),
            Source::ClusterRoleBindings => Some(&mut self.role_bindings),
            _ => None,
        }
    }

    pub(super) fn in_place(&self, place: Place) -> impl Iterator<Item = (&Object, &Held)> {
        self.objects.range((place, Kind::FIRST, Arc::from(""))..).take_while(move |(object, _)| object.0 == place)
    }

    pub(super) fn keys_in(&self, place: Place) -> Vec<Key> {
        self.in_place(place).filter_map(|(object, _)| self.key(object)).collect()
    }

    /// Whether this version of an object is held, or a later one.
    pub(super) fn has(&self, key: &Key, uid: &str, version: &str) -> bool {
        self.object(key).and_then(|object| self.objects.get(&object)).is_some_and(|held| held.has(uid, version))
    }

    /// Takes in a later version than the one held; returns the keys to look at again. Of a workspace that is not served
    /// nothing is taken in.
    pub(super) fn put(&mut self, key: &Key, held: Held) -> Vec<Key> {
        if self.has(key, held.uid(), held.resource_version()) {
            return Vec::new();
        }
        let Some(object) = self.object(key) else { return Vec::new() };
        let dependants = self.insert(&object, held);
        std::iter::once(key.clone()).chain(dependants).collect()
    }

    /// As [`Self::put`], for an object that is there.
    pub(super) fn answer(&mut self, key: &Key, held: Held) -> Vec<Key> {
        let there = self.object(key).and_then(|object| self.objects.get(&object)).map(Held::uid);
        if there == Some(held.uid()) { self.put(key, held) } else { Vec::new() }
    }

    /// Inserts and indexes; returns the other keys that depend on the object.
    pub(super) fn insert(&mut self, object: &Object, held: Held) -> Vec<Key> {
        let mut dependants = self.readers_of_news(object, &held);
        self.forget(object);
        self.bytes += held.size();
        let (place, kind, name) = object;
        match kind {
            Kind::Target => {
                if let Some(number) = self.number(object, &held) {
                    self.by_id.insert(number, (*place, Arc::clone(name)));
                }
                for registration in held.registrations() {
                    self.users.insert((*place, Arc::from(registration), Arc::clone(name)));
                }
            }
            Kind::Registration => {
                self.secret_users.insert((*place, Arc::from(held.secret_path()), Arc::clone(name)));
                dependants.extend(self.users_of(object));
            }
            Kind::Plugin => self.declare(object, &held),
            Kind::ConfigMap => dependants.extend(self.plugins_from(object)),
        }
        self.objects.insert(object.clone(), held);
        dependants
    }

    pub(super) fn forget(&mut self, object: &Object) {
        let Some(held) = self.objects.remove(object) else { return };
        self.bytes -= held.size();
        let (place, kind, name) = object;
        match kind {
            Kind::Target => {
                if let Some(number) = self.number(object, &held) {
                    self.by_id.remove(&number);
                }
                for registration in held.registrations() {
                    self.users.remove(&(*place, Arc::from(registration), Arc::clone(name)));
                }
            }
            Kind::Registration => {
                self.secret_users.remove(&(*place, Arc::from(held.secret_path()), Arc::clone(name)));
            }
            Kind::Plugin => {
                self.declared.remove(&(*place, Arc::clone(name)));
            }
            Kind::ConfigMap => {}
        }
    }

    pub(super) fn number(&self, object: &Object, held: &Held) -> Option<u128> {
        Some(TargetNames::number(&self.workspaces.at(object.0)?.0, held.uid()))
    }

    pub(super) fn users_of(&self, (place, _, registration): &Object) -> Vec<Key> {
        let names = pairs(&self.users, *place, registration);
        names.filter_map(|name| self.key(&(*place, Kind::Target, name))).collect()
    }

    /// The registrations that use a Secret, after their targets.
    pub(super) fn with_targets(&self, (place, secret): &Named) -> Vec<Key> {
        let registrations: Vec<Object> =
            pairs(&self.secret_users, *place, secret).map(|name| (*place, Kind::Registration, name)).collect();
        let mut keys: Vec<Key> = registrations.iter().flat_map(|object| self.users_of(object)).collect();
        keys.extend(registrations.iter().filter_map(|object| self.key(object)));
        keys
    }

    /// Forgets a workspace with everything in it; returns what was held.
    pub(super) fn purge(&mut self, place: Place) -> Vec<Key> {
        let keys = self.keys_in(place);
        for object in keys.iter().filter_map(|key| self.object(key)).collect::<Vec<_>>() {
            self.forget(&object);
        }
        remove_from(&mut self.secrets, (place, Arc::from("")), |(of, _)| *of == place);
        remove_from(&mut self.readers, (place, Arc::from("")), |(of, _)| *of == place);
        remove_from(&mut self.heartbeats, (place, 0), |(of, _)| *of == place);
        remove_from(&mut self.roles, (place, 0), |(of, _)| *of == place);
        remove_from(&mut self.role_bindings, (place, 0), |(of, _)| *of == place);
        self.workspaces.leave(place);
        keys
    }

    /// A workspace without a binding, of which nothing is held, is gone.
    pub(super) fn leave_if_empty(&mut self, place: Place) {
        let bound = self
            .workspaces
            .at(place)
            .is_none_or(|(_, tenancy)| tenancy.endpoint.home().is_some() || !tenancy.bindings().is_empty());
        if bound
            || self.in_place(place).next().is_some()
            || has_from(&self.secrets, (place, Arc::from("")), |(of, _)| *of == place)
            || has_from(&self.heartbeats, (place, 0), |(of, _)| *of == place)
            || has_from(&self.roles, (place, 0), |(of, _)| *of == place)
            || has_from(&self.role_bindings, (place, 0), |(of, _)| *of == place)
        {
            return;
        }
        self.workspaces.leave(place);
    }
}

/// Whether there is an entry at `from` or after it that is still of what is meant.
fn has_from<K: Ord, V>(map: &BTreeMap<K, V>, from: K, is_of: impl Fn(&K) -> bool) -> bool {
    map.range(from..).next().is_some_and(|(key, _)| is_of(key))
}

/// Removes the entries from `from` on that are of what is meant, without a look at the others.
fn remove_from<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, from: K, is_of: impl Fn(&K) -> bool) {
    let keys: Vec<K> = map.range(from..).map(|(key, _)| key.clone()).take_while(is_of).collect();
    for key in keys {
        map.remove(&key);
    }
}

/// The third of every entry with these two.
pub(super) fn pairs<'a>(
    set: &'a BTreeSet<(Place, Arc<str>, Arc<str>)>,
    place: Place,
    first: &'a Arc<str>,
) -> impl Iterator<Item = Arc<str>> + 'a {
    let from = (place, Arc::clone(first), Arc::from(""));
    set.range((Bound::Included(from), Bound::Unbounded))
        .take_while(move |(of, one, _)| *of == place && one == first)
        .map(|(_, _, other)| Arc::clone(other))
}
