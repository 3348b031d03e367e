//! What is asked by a POST and kept nowhere: reviews, and tokens of ServiceAccounts.

use serde_json::Value;

use super::answer::Answer;
use super::body;
use super::gate::Request;
use super::holders::Here;
use super::site::authority;
use crate::access::{reviews, tokens};
use crate::content;
use crate::kinds::Served;
use crate::status::Failure;
use crate::world::World;

/// Answers one.
pub(super) fn answer(world: &mut World, request: &Request<'_>, served: &Served) -> Result<Answer, Failure> {
    let id = world.random.uuid();
    let world: &World = world;
    let mut review = body::read(request.incoming, &served.kind)?.value;
    let (version, kind) = match &*served.plural {
        "serviceaccounts" => ("authentication.k8s.io/v1".to_owned(), "TokenRequest"),
        _ => (served.api_version(), &*served.kind),
    };
    check_form(world, &version, kind, &review)?;
    if let Some(review) = review.as_object_mut() {
        review.entry("apiVersion").or_insert_with(|| Value::from(version));
        review.entry("kind").or_insert_with(|| Value::from(kind));
    }
    let cluster = request.site.cluster();
    let authority = authority(world, cluster);
    let user = &request.site.user;
    let answered = match &*served.plural {
        "serviceaccounts" => token(world, request, &id, review)?,
        "selfsubjectreviews" => reviews::self_subject(user, world.now, &review),
        "tokenreviews" => reviews::token(&world.tokens, review, world.now, &Here { world, cluster })?,
        "selfsubjectaccessreviews" => reviews::self_subject_access(&authority, user, review)?,
        "subjectaccessreviews" => reviews::subject_access(&authority, review)?,
        "localsubjectaccessreviews" => reviews::local_subject_access(&authority, review)?,
        "selfsubjectrulesreviews" => reviews::self_subject_rules(&authority, user, &review)?,
        other => return Err(Failure::not_in_sandbox(&format!("a POST of {other}"))),
    };
    Ok(Answer::value(201, &answered, request.is_pretty()))
}

/// 400 for what cannot be read as what it should be.
fn check_form(world: &World, api_version: &str, kind: &str, review: &Value) -> Result<(), Failure> {
    let Some(shape) = world.shape(api_version, kind) else { return Ok(()) };
    let version = api_version.rsplit('/').next().unwrap_or_default();
    // Only whether it can be read: it is answered as it was sent.
    let read = content::decode(&shape, &mut review.clone());
    read.map(drop).map_err(|why| content::cannot_be_read(kind, version, &why))
}

fn token(world: &World, request: &Request<'_>, id: &str, review: Value) -> Result<Value, Failure> {
    let place = tokens::request::Place {
        cluster: request.site.cluster(),
        namespace: request.info.namespace,
        name: &request.info.name,
        now: world.now,
        id,
    };
    tokens::request::answer(&world.tokens, &place, review, world)
}
