//! `delete` and `deletecollection`.

use std::sync::Arc;

use serde_json::Value;

use super::answer::Answer;
use super::body;
use super::form::Shown;
use super::gate::Request;
use super::read::{place, scope};
use super::selection::Selection;
use crate::kinds::options;
use crate::lifecycle::DeleteOptions;
use crate::status::Failure;
use crate::store::{self, Page};
use crate::world::{Place, Serving, World};

/// One object.
pub(super) fn one(world: &mut World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let options = delete_options(request)?;
    let shown = Shown::new(request, serving)?;
    let key = place(request).key(serving.resource, &request.info.name);
    if !world.store.get(&key).is_some_and(|object| request.site.sees(serving, object)) {
        return Err(Failure::not_found(&serving.served.group, &serving.served.plural, &request.info.name).into());
    }
    let deleted = world.delete(serving, place(request), &request.info.name, &options)?;
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
        let takes = |object: &store::Object| selection.takes(object) && request.site.sees(serving, object);
        let listed = store::ListOptions {
            resource_version: &asked.resource_version,
            resource_version_match,
            limit: asked.limit,
            continue_token: &asked.continue_token,
        };
        world.store.list(&scope(request, serving, &selection), &listed, Some(&takes))
    };
    let page: Page = page.map_err(|refusal| Answer::value(refusal.failure.code, &refusal.to_status(), false))?;
    for object in &page.items {
        let place = Place { cluster: object.cluster(), namespace: object.namespace() };
        match world.delete(serving, place, object.name(), &options) {
            Ok(_) => {}
            // Somebody was faster.
            Err(failure) if failure.code == 404 => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(Answer::json(200, shown.list(&page, world.now)?))
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
