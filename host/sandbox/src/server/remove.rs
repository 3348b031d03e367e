//! `delete` and `deletecollection`.

use std::sync::Arc;

use serde_json::Value;

use super::answer::Answer;
use super::body;
use super::form::Shown;
use super::gate::Request;
use super::read::{place, scope};
use super::selection::Selection;
use crate::kcp;
use crate::kinds::{Flavour, options};
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::status::Failure;
use crate::store::{self, Page};
use crate::world::{Deleted, Place, Serving, World};

/// What is never deleted by clients (`NamespaceLifecycle` of `k8s.io/apiserver`).
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// One object.
pub(super) fn one(world: &mut World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let options = delete_options(request)?;
    let shown = Shown::new(request, serving)?;
    let served = &serving.served;
    if served.group.is_empty() && served.plural == "namespaces" && IMMORTAL.contains(&&*request.info.name) {
        let why = "this namespace may not be deleted";
        return Err(Failure::forbidden("", "namespaces", &request.info.name, why).into());
    }
    let deleted = delete(world, request, serving, place(request, serving), &request.info.name, &options)?;
    if deleted.is_status {
        return Ok(Answer::value(deleted.code, &Value::Object(deleted.answer), false));
    }
    Ok(Answer::json(deleted.code, shown.one(&deleted.answer, world.now)?))
}

/// All that are selected.
pub(super) fn many(world: &mut World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let options::Decoded { options: asked, resource_version_match } =
        options::ListOptions::decode(&request.query)?.check()?;
    let options = delete_options(request)?;
    let shown = Shown::new(request, serving)?;
    let selection = Selection::new(asked.label_selector, asked.field_selector, Arc::clone(serving))?;
    let page = {
        let kcp = world.kcp();
        let takes = |object: &store::Object| selection.takes(object) && request.site.sees(kcp, serving, object);
        let listed = store::ListOptions {
            resource_version: &asked.resource_version,
            resource_version_match,
            limit: asked.limit,
            continue_token: &asked.continue_token,
        };
        world.store.list(&scope(request, serving, &selection), &listed, Some(&takes))
    };
    let page: Page = page?;
    for object in &page.items {
        let place = Place { cluster: object.cluster(), namespace: object.namespace() };
        match delete(world, request, serving, place, object.name(), &options) {
            Ok(_) => {}
            // Somebody was faster.
            Err(failure) if failure.code == 404 => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(Answer::json(200, shown.list(&page, world.now)?))
}

/// Deletes an object that who asks can see, if nothing in kcp is against it.
fn delete(
    world: &mut World,
    request: &Request<'_>,
    serving: &Arc<Serving>,
    place: Place<'_>,
    name: &str,
    options: &DeleteOptions,
) -> Result<Deleted, Failure> {
    let site = &request.site;
    let found =
        world.store.get(&place.key(serving.resource, name)).filter(|object| site.sees(world.kcp(), serving, object));
    let Some(found) = found else {
        return Err(Failure::not_found(&serving.served.group, &serving.served.plural, name));
    };
    if world.flavour == Flavour::Kcp {
        let old = found.map()?;
        if let Some(through) = &site.through {
            through.admit_deletion(world, place.cluster, serving, name, &old)?;
        }
        let write = kcp::Request { user: &site.user, place, serving, subresource: Subresource::None, name };
        kcp::admit_deletion(&write, &old)?;
    }
    world.delete(serving, place, name, options)
}

fn delete_options(request: &Request<'_>) -> Result<DeleteOptions, Failure> {
    if request.incoming.body.is_empty() {
        return DeleteOptions::from_query(request.query.iter());
    }
    match body::read(request.incoming, "DeleteOptions")?.value {
        Value::Object(body) => DeleteOptions::from_body(&body),
        _ => Err(Failure::bad_request("the object provided is unrecognized (must be of type DeleteOptions)")),
    }
}
