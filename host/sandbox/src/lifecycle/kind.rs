//! What has to be known of a kind to take care of its metadata: its strategy, in Kubernetes' word (`pkg/registry/*/strategy.go`).

use serde_json::Value;

use super::metadata::Object;
use crate::validation::names::NameRule;

/// A kind of objects.
#[derive(Debug, Clone, Copy)]
pub struct Kind<'a> {
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Such as `Deployment`.
    pub kind: &'a str,
    /// Such as `deployments`.
    pub plural: &'a str,
    /// Its objects are in namespaces.
    pub namespaced: bool,
    /// How its metadata is taken care of.
    pub facts: Facts,
}

/// How the metadata of a kind is taken care of.
#[expect(clippy::struct_excessive_bools, reason = "they are what a strategy answers, each on its own")]
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// It is defined by a `CustomResourceDefinition`.
    pub custom: bool,
    /// Finalizers have to be qualified: built-in kinds but Leases and `CustomResourceDefinition`s.
    pub qualified_finalizers: bool,
    /// What objects may be called.
    pub names: NameRule,
    /// What `metadata.generation` counts.
    pub generation: Generation,
    /// What of the present object a PUT or PATCH of the object itself does not change.
    pub kept: &'static [&'static str],
    /// What a PUT or PATCH of `/status` changes.
    pub status: Status,
    /// `status` of an object that is created, if that is the server's to say.
    pub initial: Option<fn(&Object) -> Option<Value>>,
    /// An update needs no `resourceVersion`.
    pub unconditional: bool,
    /// A PUT creates what is not there.
    pub create_on_update: bool,
    /// How metadata is validated by an update, beyond what all kinds do.
    pub again: Again,
    /// What becomes of dependents if a deletion does not say.
    pub garbage: Garbage,
    /// A deletion is answered with the object, not with a `Status`.
    pub returns_deleted: bool,
    /// What a deletion does.
    pub deletion: Deleting,
}

/// What `metadata.generation` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Nothing: whatever a client created it with stays.
    Ignored,
    /// It is 1 for ever.
    Fixed,
    /// Changes of anything but `metadata` (and of `status`, where that is a subresource).
    Content,
    /// That, or of annotations: Deployments.
    ContentOrAnnotations,
    /// That, or of labels: `EndpointSlice`s.
    ContentOrLabels,
}

/// What a PUT or PATCH of `/status` changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There is no such subresource.
    None,
    /// `status` and `metadata.managedFields` only: custom resources.
    Only,
    /// `status` and most metadata: built-in kinds, which keep everything beside these two, and these fields of metadata.
    AndMetadataBut(&'static [&'static str]),
}

/// Which checks of metadata a kind's own validation of an update repeats. Clients see it in the number of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Those of an update: most kinds.
    Update,
    /// Those of an update, then those of every object.
    UpdateAndObject,
    /// Those of every object, then those of an update.
    ObjectAndUpdate,
    /// Those of every object.
    Object,
    /// None.
    None,
}

/// What becomes of dependents if a deletion does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// They are deleted later.
    Background,
    /// They are orphaned: Jobs.
    Orphan,
    /// There never are any: Events.
    Unsupported,
}

/// What a deletion does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleting {
    /// What all kinds do.
    Plain,
    /// A namespace becomes terminating, and stays as long as it has finalizers in its spec.
    Namespace,
    /// A `CustomResourceDefinition` waits until its objects are gone.
    Definition,
    /// A pod is given time.
    Pod,
}

impl Facts {
    /// Those of a custom resource. Whether it has a `/status` subresource is in the `CustomResourceDefinition`.
    pub fn custom(status_subresource: bool) -> Self {
        Self {
            custom: true,
            qualified_finalizers: false,
            names: NameRule::Subdomain,
            generation: Generation::Content,
            kept: if status_subresource { &["status"] } else { &[] },
            status: if status_subresource { Status::Only } else { Status::None },
            initial: if status_subresource { Some(|_| None) } else { None },
            unconditional: false,
            create_on_update: false,
            again: Again::Update,
            garbage: Garbage::Background,
            returns_deleted: false,
            deletion: Deleting::Plain,
        }
    }
}
