//! What is no object: discovery, health, the version.

use http::header::{CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY};
use serde_json::Value;

use super::Server;
use super::answer::Answer;
use super::gate::Request;
use crate::kinds::discovery::{self, Aggregated};
use crate::kinds::{Endpoint, Flavour, Missing};
use crate::show::{self, Produces};
use crate::world::World;

/// What the format is called in which kubectl wants documents of OpenAPI v2; a version follows, with `.` or `@`.
const OLD_IN_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2";

/// Answers a request for it.
pub(super) fn answer(
    server: &Server,
    world: &World,
    request: &Request<'_>,
    endpoint: Endpoint<'_>,
) -> Result<Answer, Answer> {
    if request.info.verb != "get" {
        return Err(Missing::Page.into());
    }
    let config = &server.0.config;
    let catalog = request.site.catalog(world);
    let accept = request.accept();
    let (value, produces) = match endpoint {
        Endpoint::Health { probe, check } if has_check(probe, check) => return Ok(Answer::text(200, "ok")),
        Endpoint::Version => (config.version.to_json(), Produces::Json),
        Endpoint::Root => (discovery::root_paths(&catalog), Produces::Unsaid),
        Endpoint::Api | Endpoint::Apis => {
            let legacy = endpoint == Endpoint::Api;
            let aggregates = legacy || world.flavour == Flavour::Kubernetes;
            if aggregates && let Some(version) = show::negotiate_discovery(accept)? {
                return Ok(aggregated(request, &discovery::aggregated(&catalog, legacy, version), version.name()));
            }
            if legacy {
                (discovery::api_versions(&catalog, &config.address), Produces::All)
            } else {
                (discovery::api_group_list(&catalog, &config.address), Produces::Unsaid)
            }
        }
        Endpoint::Group(group) => (discovery::api_group(&catalog, group)?, Produces::Unsaid),
        Endpoint::GroupVersion(group, version) => {
            (discovery::api_resource_list(&catalog, group, version)?, Produces::Unsaid)
        }
        Endpoint::OpenApi(path) if path.trim_matches('/') == "openapi/v2" => {
            let version = &config.version.git_version;
            if !accept.contains(OLD_IN_PROTOBUF) {
                return Ok(openapi(&discovery::old_openapi(version), false));
            }
            let answer = Answer::json(200, discovery::old_openapi_in_protobuf(version));
            // Asked for with `@`, it is answered with a dot: Go reads no media type with an `@`.
            let media = format!("{OLD_IN_PROTOBUF}.v1.0+protobuf");
            return Ok(answer.with(CONTENT_TYPE, &media).with(VARY, "Accept"));
        }
        Endpoint::OpenApi(path) => {
            let document = discovery::openapi(&catalog, path, &config.version.git_version)?.ok_or(Missing::Page)?;
            return Ok(openapi(&document, path.trim_matches('/') == "openapi/v3"));
        }
        Endpoint::Health { .. } | Endpoint::Resource | Endpoint::Unknown(_) => return Err(Missing::Page.into()),
    };
    let accepted = show::negotiate_plain(accept, produces)?;
    Ok(Answer::value(200, &value, accepted.pretty || request.is_pretty()))
}

/// Whether a probe has a check of that name, or is asked for all of them. A real server has more of them, of its hooks.
fn has_check(probe: &str, check: &str) -> bool {
    match check {
        "" | "ping" | "log" | "etcd" => true,
        "etcd-readiness" | "informer-sync" | "shutdown" => probe == "readyz",
        _ => false,
    }
}

/// A document; where all of them are is told in JSON that calls itself a text.
fn openapi(document: &Value, is_root: bool) -> Answer {
    let answer = Answer::value(200, document, false);
    if is_root {
        return answer.with(CONTENT_TYPE, "text/plain; charset=utf-8");
    }
    let etag = discovery::etag(document.to_string().as_bytes());
    answer.with(ETAG, &etag).with(VARY, "Accept")
}

fn aggregated(request: &Request<'_>, found: &Aggregated, version: &str) -> Answer {
    let unchanged = request.incoming.header(IF_NONE_MATCH.as_str()) == found.etag;
    let media = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    let answer =
        if unchanged { Answer::json(304, Vec::new()) } else { Answer::value(200, &found.body, request.is_pretty()) };
    answer
        .with(CONTENT_TYPE, &media)
        .with(ETAG, &found.etag)
        .with(VARY, "Accept")
        .with(HeaderName::from_static("cache-control"), "public")
}
