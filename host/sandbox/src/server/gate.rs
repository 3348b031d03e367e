//! A request's way to its handler: where it goes, who sends it, whether they may.
//!
//! Facts: `DefaultBuildHandlerChain` of `k8s.io/apiserver/pkg/server/config.go`, whose order this is.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use jiff::Timestamp;

use super::answer::Answer;
use super::holders::Here;
use super::request::Incoming;
use super::site::{Site, authority};
use super::{Server, discover, feed, read, remove, reviews, write};
use crate::access::authentication::{Credentials, authenticate};
use crate::access::impersonation::Wanted;
use crate::access::impersonation::impersonate;
use crate::access::user::{CertificateSubject, User};
use crate::kcp::VirtualWorkspace;
use crate::kinds::{
    Cluster, Endpoint, Flavour, Missing, Query, RequestInfo, Route, Target, UNRESOLVED, Workspace, decode_path, route,
};
use crate::status::Failure;
use crate::world::World;

/// A request, with all that was found out about it on the way.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) info: RequestInfo<'a>,
    pub(super) query: Query<'a>,
    pub(super) site: Site,
    pub(super) incoming: &'a Incoming,
}

impl Request<'_> {
    pub(super) fn accept(&self) -> &str {
        self.incoming.header(ACCEPT.as_str())
    }

    pub(super) fn user_agent(&self) -> &str {
        self.incoming.header(USER_AGENT.as_str())
    }

    pub(super) fn is_pretty(&self) -> bool {
        crate::kinds::options::is_pretty(&self.query, self.user_agent())
    }
}

/// A request that was let in, and when. Most bodies come right after their heads, and then it need not be asked once more who
/// sends it and what he may do.
#[derive(Debug)]
pub(super) struct Admitted {
    revision: u64,
    at: Timestamp,
    site: Site,
}

impl Admitted {
    /// Where it is let in, if it would be still: nothing was written since, and no token has come to its end, which is told in
    /// whole seconds. Clusters go, and virtual workspaces change, a moment after what was written about them.
    fn holds(&self, world: &World, through: Option<&Arc<VirtualWorkspace>>) -> Option<Site> {
        let Site { cluster, through: before, .. } = &self.site;
        let same = self.revision == world.revision()
            && self.at.as_second() == world.now.as_second()
            && cluster.as_ref().is_none_or(|cluster| world.cluster(cluster).is_some())
            && before.as_ref().map(Arc::as_ptr) == through.map(Arc::as_ptr);
        same.then(|| self.site.clone())
    }
}

impl Server {
    /// Answers a request that was read.
    pub(super) fn answer(&self, incoming: &Incoming) -> Answer {
        self.with(|world| answer(self, world, incoming).unwrap_or_else(|refusal| refusal))
    }

    /// Lets a request in before its body is read, or refuses it.
    pub(super) fn admit(&self, incoming: &Incoming) -> Result<Admitted, Answer> {
        self.with(|world| {
            enter(self, world, incoming, |world, request| {
                Ok(Admitted { revision: world.revision(), at: world.now, site: request.site.clone() })
            })
        })
    }
}

fn answer(server: &Server, world: &mut World, incoming: &Incoming) -> Result<Answer, Answer> {
    enter(server, world, incoming, |world, request| match Endpoint::of(&request.info) {
        Endpoint::Resource => handle(server, world, request),
        endpoint => discover::answer(server, world, request, endpoint),
    })
}

/// Lets a request in, to what is done with it, if its sender may send it.
fn enter<T>(
    server: &Server,
    world: &mut World,
    incoming: &Incoming,
    act: impl FnOnce(&mut World, &Request<'_>) -> Result<T, Answer>,
) -> Result<T, Answer> {
    let path = decode_path(&incoming.path)?;
    let query = Query::parse(&incoming.query);
    let target = target(world, &path)?;
    if let Some(admitted) = &incoming.admitted
        && let Some(site) = admitted.holds(world, through(world, &target)?.as_ref())
    {
        let info = RequestInfo::new(incoming.method.as_str(), target.path, &query)?;
        return act(world, &Request { info, query, site, incoming });
    }
    let config = &server.0.config;
    let named = named(world, &target, &config.default_cluster);
    let user = who(world, incoming, config.anonymous, named.as_deref().unwrap_or_default())?;
    let info = RequestInfo::new(incoming.method.as_str(), target.path, &query)?;
    target.check(&info)?;
    let through = through(world, &target)?;
    let cluster = cluster(world, &target, named, &user, &info)?;
    let user = impersonated(world, cluster.as_deref(), user, &info, incoming)?;
    let site = Site { user, cluster, through, shard: Arc::clone(&server.1) };
    site.may(world, &info.attributes())?;
    act(world, &Request { info, query, site, incoming })
}

/// The virtual workspace that a path leads through.
fn through(world: &World, target: &Target<'_>) -> Result<Option<Arc<VirtualWorkspace>>, Answer> {
    let Workspace::ApiExport { cluster, name } = target.workspace else { return Ok(None) };
    match world.virtual_workspace(cluster, name) {
        Some(found) => Ok(Some(found)),
        None => Err(Missing::Bare(unresolved()).into()),
    }
}

/// Where a path leads. The clusters of a plain server that has several are told apart as kcp does it.
fn target<'p>(world: &World, path: &'p str) -> Result<Target<'p>, Answer> {
    match world.flavour {
        Flavour::Kcp => Target::kcp(path)?.ok_or_else(|| Answer::from(Missing::Bare(unresolved()))),
        Flavour::Kubernetes => {
            let Some(rest) = path.strip_prefix("/clusters/") else { return Ok(Target::kubernetes(path)) };
            let (name, path) = rest.find('/').and_then(|end| rest.split_at_checked(end)).unwrap_or((rest, "/"));
            Ok(Target { workspace: Workspace::Own, cluster: Cluster::Name(name), path })
        }
    }
}

fn unresolved() -> Failure {
    Failure::new(403, "Forbidden", format!("forbidden: {UNRESOLVED}"))
}

/// The cluster that a path names, if it leads to one.
fn named(world: &World, target: &Target<'_>, default: &str) -> Option<String> {
    match target.cluster {
        Cluster::All => None,
        Cluster::None => Some(default.to_owned()),
        Cluster::Name(name) => Some(name.to_owned()),
        Cluster::Path(path) => world.resolve(path),
    }
}

/// Who sends it, to this cluster.
fn who(world: &World, incoming: &Incoming, anonymous: bool, cluster: &str) -> Result<User, Failure> {
    let certificate = incoming.certificate.as_ref();
    let authorization = incoming.headers.get(AUTHORIZATION).map(text);
    let organisations: Vec<&str> =
        certificate.iter().flat_map(|one| one.organisations.iter().map(String::as_str)).collect();
    let credentials = Credentials {
        certificate: certificate.map(|certificate| CertificateSubject {
            common_name: &certificate.common_name,
            organisations: &organisations,
            uid: None,
            sha256: &certificate.sha256,
        }),
        authorization: authorization.as_deref(),
    };
    authenticate(&world.tokens, &credentials, anonymous, world.now, &Here { world, cluster })
}

/// A header that says who somebody is: none is passed over for its bytes, which Go takes as they are.
fn text(header: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(header.as_bytes())
}

/// The logical cluster, all of them, or the refusal where there is none of that name.
fn cluster(
    world: &World,
    target: &Target<'_>,
    named: Option<String>,
    user: &User,
    info: &RequestInfo<'_>,
) -> Result<Option<String>, Answer> {
    if target.cluster == Cluster::All {
        return Ok(None);
    }
    if let Some(found) = named.filter(|name| world.cluster(name).is_some()) {
        return Ok(Some(found));
    }
    match world.flavour {
        Flavour::Kubernetes => Err(Missing::Page.into()),
        Flavour::Kcp => Err(info.attributes().forbidden(user, "access denied").into()),
    }
}

fn impersonated(
    world: &World,
    cluster: Option<&str>,
    user: User,
    info: &RequestInfo<'_>,
    incoming: &Incoming,
) -> Result<User, Failure> {
    let headers = incoming.headers.iter().map(|(name, value)| (name.as_str(), text(value)));
    let Some(wanted) = Wanted::from_headers(headers)? else { return Ok(user) };
    impersonate(&authority(world, cluster.unwrap_or_default()), &user, &wanted, &info.attributes())
}

/// To the handler of a request for objects.
fn handle(server: &Server, world: &mut World, request: &Request<'_>) -> Result<Answer, Answer> {
    let catalog = request.site.catalog(world);
    let Route { served, subresource } = route(&catalog, &request.info)?;
    let (served, subresource) = (served.clone(), subresource.map_or("", |subresource| subresource.name));
    if served.verbs == ["create"] || subresource == "token" {
        return Ok(reviews::answer(world, request, &served)?);
    }
    let Some(serving) = request.site.serving(world, &served) else {
        let what = format!("{} of {}", served.plural, served.api_version());
        return Err(Failure::not_in_sandbox(&what).into());
    };
    match (&*request.info.verb, subresource) {
        ("get", "" | "status") => read::get(world, request, &serving),
        ("list", "") => read::list(world, request, &serving),
        ("watch", "") => feed::watch(server, world, request, &serving),
        ("create", "") => write::create(world, request, &serving),
        ("update", "" | "status" | "finalize") => write::put(world, request, &serving),
        ("patch", "" | "status") => write::patch(world, request, &serving),
        ("delete", "") => remove::one(world, request, &serving),
        ("deletecollection", "") => remove::many(world, request, &serving),
        (verb, subresource) => {
            Err(Failure::not_in_sandbox(&format!("{verb} of the subresource {subresource:?}")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::Full;
    use serde_json::json;

    use super::*;
    use crate::server::fixture::{ask, request, server};

    #[tokio::test(start_paused = true)]
    async fn who_was_let_in_is_in_until_something_changes() {
        let server = server().await;
        let admit = || {
            let sent = request("POST", "/api/v1/namespaces/default/configmaps", None);
            server.admit(&Incoming::begin::<Full<_>>(sent).0).unwrap()
        };
        let holds = |admitted: &Admitted| server.with(|world| admitted.holds(world, None).is_some());
        let admitted = admit();
        assert!(holds(&admitted));
        ask(&server, "POST", "/api/v1/namespaces", Some(&json!({"metadata": {"name": "other"}}))).await;
        assert!(!holds(&admitted), "something was written");
        let admitted = admit();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!holds(&admitted), "a token may have come to its end");
        let admitted = admit();
        server.with(|world| world.remove_cluster(""));
        assert!(!holds(&admitted), "the cluster is gone");
    }
}
