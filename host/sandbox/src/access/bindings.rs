//! The roles and bindings of every logical cluster, found by who they are for.
//!
//! One index for all logical clusters: a cluster costs what its roles and bindings cost. A request looks up the bindings of
//! its user and of each of its groups, so it does not matter how many bindings there are (a hub has two of them for every
//! SyncTarget).
//!
//! Facts: `pkg/registry/rbac/validation/rule.go` of Kubernetes: who a subject applies to, and what a role reference means.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rule::Rule;
use super::user::service_account_name;
use super::view::View;
use crate::quote::quote;

/// A kind of the group `rbac.authorization.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RbacKind {
    /// Rules within a namespace.
    Role,
    /// Rules for a cluster, or for any namespace that binds them.
    ClusterRole,
    /// Who has a role within a namespace.
    RoleBinding,
    /// Who has a ClusterRole everywhere.
    ClusterRoleBinding,
}

impl RbacKind {
    /// The kind of a resource, if it is one of these.
    pub fn of_resource(group: &str, resource: &str) -> Option<Self> {
        Some(match (group, resource) {
            ("rbac.authorization.k8s.io", "roles") => Self::Role,
            ("rbac.authorization.k8s.io", "clusterroles") => Self::ClusterRole,
            ("rbac.authorization.k8s.io", "rolebindings") => Self::RoleBinding,
            ("rbac.authorization.k8s.io", "clusterrolebindings") => Self::ClusterRoleBinding,
            _ => return None,
        })
    }

    /// Its name.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::ClusterRole => "ClusterRole",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// Its plural.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Role => "roles",
            Self::ClusterRole => "clusterroles",
            Self::RoleBinding => "rolebindings",
            Self::ClusterRoleBinding => "clusterrolebindings",
        }
    }

    /// Whether its objects are in namespaces.
    pub fn is_namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding)
    }
}

/// The roles and bindings of all logical clusters of a server.
#[derive(Debug, Default)]
pub struct Bindings {
    clusters: BTreeMap<Box<str>, u32>,
    next: u32,
    /// By cluster, namespace and name; ClusterRoles have no namespace.
    roles: BTreeMap<Key, Box<[Rule]>>,
    /// By cluster, namespace and name; ClusterRoleBindings have no namespace.
    grants: BTreeMap<Key, Binding>,
    /// Cluster, namespace, subject, name of a binding. A find is checked against the binding: a subject's name may hold
    /// anything, so one key could be read as two.
    by_subject: BTreeSet<Key>,
}

/// Four bytes for the cluster, then the namespace, a slash (which no namespace has) and what is within.
pub(super) type Key = Box<[u8]>;

/// A binding as it is held.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) role: RoleRef,
    pub(super) subjects: Box<[Subject]>,
}

/// What a binding gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleRef {
    pub(super) kind: Box<str>,
    pub(super) name: Box<str>,
}

/// Whom a binding is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    kind: SubjectKind,
    /// Of a ServiceAccount, its name as a user.
    who: Box<str>,
    /// How a reason names it.
    shown: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SubjectKind {
    User,
    Group,
}

impl Bindings {
    /// No roles and no bindings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in an object that was created or changed.
    pub fn apply(&mut self, cluster: &str, kind: RbacKind, object: &Value) {
        let metadata = |name| object.pointer("/metadata").and_then(|metadata| text(metadata, name)).unwrap_or_default();
        let namespace = if kind.is_namespaced() { metadata("namespace") } else { "" };
        let name = metadata("name");
        self.remove(cluster, kind, namespace, name);
        let id = self.id(cluster);
        let key = key(id, namespace, name);
        match kind {
            RbacKind::Role | RbacKind::ClusterRole => {
                self.roles.insert(key, Rule::read_all(object));
            }
            RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => {
                let binding = Binding::read(object, namespace);
                for subject in &binding.subjects {
                    self.by_subject.insert(subject_key(id, namespace, subject.kind, &subject.who, name));
                }
                self.grants.insert(key, binding);
            }
        }
    }

    /// Forgets an object that was deleted.
    pub fn remove(&mut self, cluster: &str, kind: RbacKind, namespace: &str, name: &str) {
        let Some(id) = self.clusters.get(cluster).copied() else { return };
        let key = key(id, namespace, name);
        match kind {
            RbacKind::Role | RbacKind::ClusterRole => {
                self.roles.remove(&key);
            }
            RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => {
                for subject in self.grants.remove(&key).iter().flat_map(|binding| &binding.subjects) {
                    self.by_subject.remove(&subject_key(id, namespace, subject.kind, &subject.who, name));
                }
            }
        }
    }

    /// Forgets a whole logical cluster.
    pub fn forget(&mut self, cluster: &str) {
        let Some(id) = self.clusters.remove(cluster) else { return };
        let prefix = id.to_be_bytes();
        let of = |key: &&Key| key.starts_with(&prefix);
        let start: Key = prefix.into();
        let roles: Vec<Key> = self.roles.range(start.clone()..).map(|(key, _)| key).take_while(of).cloned().collect();
        let grants: Vec<Key> = self.grants.range(start.clone()..).map(|(key, _)| key).take_while(of).cloned().collect();
        let subjects: Vec<Key> = self.by_subject.range(start..).take_while(of).cloned().collect();
        for key in roles {
            self.roles.remove(&key);
        }
        for key in grants {
            self.grants.remove(&key);
        }
        for key in subjects {
            self.by_subject.remove(&key);
        }
    }

    /// What counts in a cluster by itself: a plain one.
    pub fn of<'a>(&'a self, cluster: &str) -> View<'a> {
        View::new(self, [self.find(cluster), None], [self.find(cluster), None])
    }

    /// What counts in a cluster, its bindings naming roles of `shared` too (those of a workspace come first).
    pub fn with_roles_of<'a>(&'a self, cluster: &str, shared: &str) -> View<'a> {
        View::new(self, [self.find(cluster), None], [self.find(cluster), self.find(shared)])
    }

    /// What counts in a cluster, with the roles and the bindings of `shared`.
    pub fn with<'a>(&'a self, cluster: &str, shared: &str) -> View<'a> {
        let both = [self.find(cluster), self.find(shared)];
        View::new(self, both, both)
    }

    /// The rules of a role in a cluster.
    pub(super) fn rules(&self, cluster: u32, namespace: &str, name: &str) -> Option<&[Rule]> {
        self.roles.get(&key(cluster, namespace, name)).map(|rules| &**rules)
    }

    /// The bindings of a subject, by name, in order.
    pub(super) fn bound(
        &self,
        cluster: u32,
        namespace: &str,
        group: bool,
        who: &str,
    ) -> impl Iterator<Item = (&str, &Binding)> {
        let kind = if group { SubjectKind::Group } else { SubjectKind::User };
        let prefix = subject_key(cluster, namespace, kind, who, "");
        let length = prefix.len();
        let start = prefix.clone();
        let names = self.by_subject.range(start..).take_while(move |key| key.starts_with(&prefix));
        names.filter_map(move |found| {
            let name = std::str::from_utf8(found.get(length..)?).ok()?;
            let binding = self.grants.get(&key(cluster, namespace, name))?;
            Some((name, binding))
        })
    }

    fn find(&self, cluster: &str) -> Option<u32> {
        self.clusters.get(cluster).copied()
    }

    fn id(&mut self, cluster: &str) -> u32 {
        if let Some(id) = self.find(cluster) {
            return id;
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.clusters.insert(cluster.into(), id);
        id
    }
}

impl Binding {
    fn read(object: &Value, namespace: &str) -> Self {
        let role = |name| object.get("roleRef").and_then(|role| text(role, name)).unwrap_or_default().into();
        let subjects = object.get("subjects").and_then(Value::as_array).into_iter().flatten();
        Self {
            role: RoleRef { kind: role("kind"), name: role("name") },
            subjects: subjects.filter_map(|subject| Subject::read(subject, namespace)).collect(),
        }
    }

    /// The first subject that a user is.
    pub(super) fn subject_of(&self, user: &str, groups: &[String]) -> Option<&Subject> {
        self.subjects.iter().find(|subject| match subject.kind {
            SubjectKind::User => *subject.who == *user,
            SubjectKind::Group => groups.iter().any(|group| **group == *subject.who),
        })
    }
}

impl Subject {
    /// `None` for subjects that apply to nobody: an unknown kind, a ServiceAccount without a namespace.
    fn read(subject: &Value, binding_namespace: &str) -> Option<Self> {
        let field = |name| text(subject, name).unwrap_or_default();
        let (name, kind) = (field("name"), field("kind"));
        let shown = format!("{kind} {}", quote(name)).into();
        match kind {
            "User" => Some(Self { kind: SubjectKind::User, who: name.into(), shown }),
            "Group" => Some(Self { kind: SubjectKind::Group, who: name.into(), shown }),
            "ServiceAccount" => {
                let namespace = Some(field("namespace")).filter(|namespace| !namespace.is_empty());
                let namespace = namespace.unwrap_or(binding_namespace);
                let shown = format!("{kind} {}", quote(&format!("{name}/{namespace}"))).into();
                let who = service_account_name(namespace, name).into();
                (!namespace.is_empty()).then_some(Self { kind: SubjectKind::User, who, shown })
            }
            _ => None,
        }
    }

    /// How a reason names it: `Group "system:masters"`.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn key(cluster: u32, namespace: &str, name: &str) -> Key {
    [&cluster.to_be_bytes(), namespace.as_bytes(), b"/", name.as_bytes()].concat().into()
}

fn subject_key(cluster: u32, namespace: &str, kind: SubjectKind, who: &str, binding: &str) -> Key {
    let mark: &[u8] = match kind {
        SubjectKind::User => b"/u",
        SubjectKind::Group => b"/g",
    };
    [&cluster.to_be_bytes(), namespace.as_bytes(), mark, who.as_bytes(), b"\0", binding.as_bytes()].concat().into()
}
