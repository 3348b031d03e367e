//! What is no object: discovery, health, the version.

use http::header::{ETAG, HeaderName, IF_NONE_MATCH, VARY};

use super::Server;
use super::answer::Answer;
use super::gate::Request;
use crate::kinds::discovery::{self, Aggregated};
use crate::kinds::{Endpoint, Flavour, Missing};
use crate::show::{self, Produces};
use crate::world::World;

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
        Endpoint::Health { .. } => return Ok(Answer::text(200, "ok")),
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
        Endpoint::OpenApi(path) => match discovery::openapi(&catalog, path, &config.version.git_version)? {
            Some(document) => (document, Produces::Unsaid),
            None => return Err(Missing::Page.into()),
        },
        Endpoint::Resource | Endpoint::Unknown(_) => return Err(Missing::Page.into()),
    };
    let accepted = show::negotiate_plain(accept, produces)?;
    Ok(Answer::value(200, &value, accepted.pretty || request.is_pretty()))
}

fn aggregated(request: &Request<'_>, found: &Aggregated, version: &str) -> Answer {
    let unchanged = request.incoming.header(IF_NONE_MATCH.as_str()) == found.etag;
    let media = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    let answer =
        if unchanged { Answer::json(304, Vec::new()) } else { Answer::value(200, &found.body, request.is_pretty()) };
    answer
        .with(http::header::CONTENT_TYPE, &media)
        .with(ETAG, &found.etag)
        .with(VARY, "Accept")
        .with(HeaderName::from_static("cache-control"), "public")
}
