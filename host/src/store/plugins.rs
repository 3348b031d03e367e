//! Plugins as they are declared, and the ConfigMaps that they are made of.

use std::sync::Arc;

use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::lineup::{Declared, Owner};

use super::held::Held;
use super::tables::{Lists, Named, Object, Tables};
use super::workspaces::{Endpoint, Place};
use super::{Store, secret_path};
use crate::wire::ConfigMapWire;

/// Most ConfigMaps of one workspace that are held with what is in them: they are a tenant's, and all lie in our memory.
const WHOLE: usize = 64;

/// What is declared that may concern a workspace.
#[derive(Debug, Clone, Default)]
pub struct Declarations {
    /// By the platform, for all workspaces.
    pub platform: Vec<Arc<Declared>>,
    /// By the workspace, for itself.
    pub workspace: Vec<Arc<Declared>>,
}

impl Store {
    /// The plugins that are declared for a workspace, by name. On a plain hub, which is the platform's, all are the platform's.
    pub fn declarations(&self, workspace: &Workspace) -> Declarations {
        let inner = self.read();
        let own = inner.declared_in(workspace);
        match owner(workspace) {
            Owner::Platform => Declarations { platform: own, workspace: Vec::new() },
            Owner::Workspace => Declarations { platform: inner.declared_in(&Workspace::platform()), workspace: own },
        }
    }

    /// A plugin as it is declared.
    pub fn declared(&self, key: &Key) -> Option<Arc<Declared>> {
        let inner = self.read();
        let place = inner.workspaces.place(&key.workspace)?;
        inner.declared.get(&(place, Arc::clone(&key.name))).cloned()
    }

    /// Takes in a ConfigMap from a watch; returns the keys to look at again. What is in it is held as far as it is not too much.
    pub fn upsert_config_map(
        &self,
        workspace: &Workspace,
        object: &ConfigMapWire,
    ) -> Result<Vec<Key>, serde_json::Error> {
        let key = Key::config_map(workspace, &secret_path(&object.metadata));
        let held = Held::of_config_map(object)?;
        let mut inner = self.write();
        let known = inner.object(&key).and_then(|object| inner.objects.get(&object)).is_some_and(Held::is_whole);
        let room = known || inner.workspaces.place(workspace).is_some_and(|place| inner.has_room(place));
        let held = if held.is_whole() && !room { Held::outline(&object.metadata)? } else { held };
        Ok(inner.put(&key, held))
    }

    /// The keys of all plugins that stand on an offer of the platform.
    pub fn offered(&self) -> Vec<Key> {
        let inner = self.read();
        let keys =
            inner.declared.keys().filter_map(|(place, name)| inner.key(&(*place, Kind::Plugin, Arc::clone(name))));
        keys.filter(|key| owner(&key.workspace) == Owner::Workspace).collect()
    }

    /// The targets of a workspace; of all, if it is the platform's.
    pub fn served_by_plugins_of(&self, workspace: &Workspace) -> Vec<Key> {
        match owner(workspace) {
            Owner::Platform => self.keys(Kind::Target),
            Owner::Workspace => {
                let inner = self.read();
                let place = inner.workspaces.place(workspace);
                let keys = place.into_iter().flat_map(|place| inner.keys_in(place));
                keys.filter(|key| key.kind == Kind::Target).collect()
            }
        }
    }
}

/// Who declares what is declared in a workspace.
pub fn owner(workspace: &Workspace) -> Owner {
    match workspace.as_str() {
        Workspace::LOCAL | Workspace::PLATFORM => Owner::Platform,
        _ => Owner::Workspace,
    }
}

impl Tables {
    fn declared_in(&self, workspace: &Workspace) -> Vec<Arc<Declared>> {
        let place = self.workspaces.place(workspace);
        place.into_iter().flat_map(|place| self.declared_at(place)).map(|(_, declared)| Arc::clone(declared)).collect()
    }

    fn declared_at(&self, place: Place) -> impl Iterator<Item = (&Named, &Arc<Declared>)> {
        self.declared.range((place, Arc::from(""))..).take_while(move |((of, _), _)| *of == place)
    }

    /// Whether what the platform declares is known, where it is declared apart.
    pub(super) fn knows_platform(&self) -> bool {
        self.endpoints.get(&Endpoint::platform()).is_none_or(Lists::is_complete)
    }

    /// Notes a plugin as it is declared.
    pub(super) fn declare(&mut self, (place, _, name): &Object, held: &Held) {
        let declared = held.json().and_then(|json| Declared::read(&json));
        let declared = declared.unwrap_or_else(|error| Declared {
            name: Arc::clone(name),
            uid: Arc::from(held.uid()),
            generation: 0,
            deleting: held.deleting,
            spec: Err(error.to_string()),
        });
        self.declared.insert((*place, Arc::clone(name)), Arc::new(declared));
    }

    /// The plugins whose component is in a ConfigMap.
    pub(super) fn plugins_from(&self, (place, _, path): &Object) -> Vec<Key> {
        let here = self.declared_at(*place);
        here.filter(|(_, declared)| declared.config_map().as_deref() == Some(path))
            .filter_map(|((_, name), _)| self.key(&(*place, Kind::Plugin, Arc::clone(name))))
            .collect()
    }

    /// Whether a workspace has room for what is in one more ConfigMap.
    pub(super) fn has_room(&self, place: Place) -> bool {
        let maps = self.in_place(place).filter(|(object, held)| object.1 == Kind::ConfigMap && held.is_whole());
        maps.take(WHOLE).count() < WHOLE
    }
}
