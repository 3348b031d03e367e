//! How a write through a virtual workspace arrives in a workspace.
//!
//! A virtual workspace has nothing of its own. A PATCH gets the object from the workspace, computes the new one, and PUTs it;
//! an apply patch of what is not there POSTs it. So what an apply patch changes is owned by an `Update` entry of the same
//! manager, which the workspace makes of the PUT. An `Apply` entry, which the virtual workspace has computed, stays beside it from
//! the next application on, the one that changes nothing. Fields that are not applied any more stay: the `Update` entry owns them.

use serde_json::{Map, Value};

use super::VirtualWorkspace;
use crate::access::kcp::export::through_virtual_workspace;
use crate::access::user::User;
use crate::kcp::admission::{self, Request};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::world::{Change, Place, Serving, World, Writer, Written};

/// A write that comes through a virtual workspace, and has been authorized there.
#[derive(Debug)]
pub struct Forward<'a> {
    /// Through which.
    pub through: &'a VirtualWorkspace,
    /// The kind as it is served there.
    pub serving: &'a Serving,
    /// Who writes.
    pub user: &'a User,
    /// Where.
    pub place: Place<'a>,
    /// The name of the object.
    pub name: &'a str,
    /// Which part of it.
    pub subresource: Subresource,
    /// The field manager.
    pub manager: &'a str,
    /// Nothing is kept.
    pub dry_run: bool,
}

impl Forward<'_> {
    /// Does a PUT or a PATCH. `creates`: it is an apply patch, and creates what is not there.
    ///
    /// To the workspace it is a PUT by the same manager, with a warrant that lets it do everything there. What `compute` makes
    /// of an apply patch is what [`FieldManager::apply`](crate::fields::FieldManager::apply) gives, with its managed fields.
    pub fn update(&self, world: &mut World, creates: bool, compute: &mut Change<'_>) -> Result<Written, Failure> {
        let own = self.local(world)?;
        let key = self.place.key(own.resource, self.name);
        let visible = self.through.visible(&own.served.group, &own.served.plural);
        if !world.store.get(&key).is_some_and(|object| visible.shows(object)) {
            if !creates {
                return Err(Failure::not_found(&own.served.group, &own.served.plural, self.name));
            }
            // What is there and hidden is found out by creating it.
            let new = compute(world, None)?;
            return self.create(world, new);
        }
        let user = through_virtual_workspace(self.user, self.place.cluster);
        let request = self.request(&own, &user);
        let writer = Writer { manager: self.manager, dry_run: self.dry_run, put: true, apply: false };
        world.update(&own, self.place, self.name, self.subresource, &writer, &mut |world, old| {
            let mut new = compute(world, old)?;
            self.through.admit(world, self.place.cluster, self.serving, self.name, &mut new)?;
            admission::admit(world, &request, &mut new, old)?;
            Ok(new)
        })
    }

    /// Does a POST.
    pub fn create(&self, world: &mut World, mut new: Map<String, Value>) -> Result<Written, Failure> {
        let own = self.local(world)?;
        let user = through_virtual_workspace(self.user, self.place.cluster);
        self.through.admit(world, self.place.cluster, self.serving, self.name, &mut new)?;
        admission::admit(world, &self.request(&own, &user), &mut new, None)?;
        let writer = Writer { manager: self.manager, dry_run: self.dry_run, put: false, apply: false };
        world.create(&own, self.place, new, &writer)
    }

    fn request<'r>(&'r self, serving: &'r Serving, user: &'r User) -> Request<'r> {
        Request { user, place: self.place, serving, subresource: self.subresource, name: self.name }
    }

    /// The workspace has to have the resource with the same identity, and this has to be a path there.
    fn local(&self, world: &World) -> Result<std::sync::Arc<Serving>, Failure> {
        let own = self.through.local(world, self.serving, self.place.cluster);
        own.ok_or_else(Failure::no_such_path)
    }
}
