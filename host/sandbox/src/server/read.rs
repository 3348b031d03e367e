//! `get` and `list`.

use std::sync::Arc;

use serde_json::json;

use super::answer::Answer;
use super::form::Shown;
use super::gate::Request;
use super::selection::Selection;
use crate::kinds::options;
use crate::status::Failure;
use crate::store::{self, Scope};
use crate::world::{Place, Serving, World};

/// One object.
pub(super) fn get(world: &World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let shown = Shown::new(request, serving)?;
    let key = place(request, serving).key(serving.resource, &request.info.name);
    let wanted = request.query.text("resourceVersion");
    let found = if wanted.is_empty() { world.store.get(&key) } else { world.store.get_at_least(&key, wanted)? };
    let found = found.filter(|object| request.site.sees(world.kcp(), serving, object));
    let Some(object) = found else {
        return Err(Failure::not_found(&serving.served.group, &serving.served.plural, &request.info.name).into());
    };
    Ok(Answer::json(200, shown.stored(object, world.now)?))
}

/// The objects of a kind, or a page of them.
pub(super) fn list(world: &World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let options::Decoded { options, resource_version_match } = options::ListOptions::decode(&request.query)?.check()?;
    let shown = Shown::new(request, serving)?;
    let selection = Selection::new(options.label_selector, options.field_selector, Arc::clone(serving))?;
    if !request.site.has(world, serving) {
        return Ok(nothing(serving));
    }
    let asked = store::ListOptions {
        resource_version: &options.resource_version,
        resource_version_match,
        limit: options.limit,
        continue_token: &options.continue_token,
    };
    let takes = |object: &store::Object| selection.takes(object) && request.site.sees(world.kcp(), serving, object);
    let everything = selection.is_everything() && request.site.sees_all();
    let matches: store::Matches<'_> = if everything { None } else { Some(&takes) };
    match world.store.list(&scope(request, serving, &selection), &asked, matches) {
        Ok(page) => Ok(Answer::json(200, shown.list(&page, world.now)?)),
        Err(refusal) => Err(refusal.into()),
    }
}

/// What kcp answers through a virtual workspace where there is nothing of a kind: a list without a version.
fn nothing(serving: &Serving) -> Answer {
    let served = &serving.served;
    let list = json!({"kind": served.list_kind, "apiVersion": served.api_version(), "metadata": {}, "items": []});
    Answer::value(200, &list, false)
}

/// Where the objects of a request are. Of a request for a namespace the namespace itself counts as the one that it is in.
pub(super) fn place<'r>(request: &'r Request<'_>, serving: &Serving) -> Place<'r> {
    let namespace = if serving.served.namespaced { request.info.namespace } else { "" };
    Place { cluster: request.site.cluster(), namespace }
}

/// What a list, a watch or a deletion of many is about.
pub(super) fn scope<'r>(request: &'r Request<'_>, serving: &Serving, selection: &'r Selection) -> Scope<'r> {
    let mut scope = Scope::all(serving.resource);
    if let Some(cluster) = &request.site.cluster {
        scope = scope.cluster(cluster);
    }
    let namespace = Some(request.info.namespace).filter(|namespace| !namespace.is_empty());
    scope.namespace = namespace.filter(|_| serving.served.namespaced);
    let alone = request.site.cluster.is_some() && (!serving.served.namespaced || scope.namespace.is_some());
    scope.name = selection.name().filter(|_| alone);
    scope
}
