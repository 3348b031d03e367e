//! In which form a client wants an answer.
//!
//! Facts: `NegotiateMediaTypeOptions` and `acceptMediaTypeOptions` of `pkg/endpoints/handlers/negotiation`,
//! `AllowsMediaTypeTransform` of `handlers/rest.go`, `aggregated/negotiation.go`; the `Produces` of a route of go-restful,
//! which is looked at before for built-in kinds and for discovery.

use super::accept::{Clause, clauses};
use crate::kinds::discovery::AggregatedVersion;
use crate::kinds::{Missing, Served};
use crate::status::Failure;

/// What can be done with the answer to a request.
#[expect(clippy::struct_excessive_bools, reason = "they are what a route is registered with, each on its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope {
    /// A custom resource: it has no routes of go-restful, and no protobuf.
    pub custom: bool,
    /// There is a table of it.
    pub table: bool,
    /// The path is one of lists and watches.
    pub collection: bool,
    /// It is a watch.
    pub watch: bool,
}

/// A version of `meta.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaVersion {
    /// `v1`.
    V1,
    /// `v1beta1`.
    V1Beta1,
}

/// What is made of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The object or list itself.
    Plain,
    /// `PartialObjectMetadata`. Of a list there is none: 406.
    Partial(MetaVersion),
    /// `PartialObjectMetadataList`. Of a single object there is none: 406.
    PartialList(MetaVersion),
    /// `Table`.
    Table(MetaVersion),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// What is made of it.
    pub form: Form,
    /// `pretty=1` in the header: the JSON is indented.
    pub pretty: bool,
}

impl MetaVersion {
    /// As in `apiVersion`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What a server can write, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Yaml,
    Protobuf,
}

const ALL: [Media; 3] = [Media::Json, Media::Yaml, Media::Protobuf];

impl Media {
    fn subtype(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Protobuf => "vnd.kubernetes.protobuf",
        }
    }
}

/// What the route of an answer that is no object says that it can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Produces {
    /// It has no route, or the answer is a `Status`: `/apis`, `/apis/<group>` of kube-apiserver, all of custom groups.
    Unsaid,
    /// All media types: `/api`, `/api/<version>`, `/apis/<group>/<version>` of built-in groups, in kcp `/apis/<group>`, too.
    All,
    /// Only JSON: `/version`.
    Json,
}

/// In which form the answer to a request for objects goes out.
///
/// The refusal is the answer, 406 or 501. If [`negotiate_plain`] refuses it with 406, too, it is written by [`raw`](super::raw).
pub fn negotiate(accept: &str, scope: Scope) -> Result<Accepted, Missing> {
    if !scope.custom {
        check_route(accept, if scope.collection { &[MEDIA, STREAMS] } else { &[MEDIA] })?;
    }
    let chosen = choose(accept, scope.watch, |clause, media| {
        let form = form_of(clause)?;
        let allowed = match form {
            Form::Plain => !(scope.custom && media == Media::Protobuf),
            Form::Table(_) => scope.table && media != Media::Protobuf,
            Form::Partial(_) | Form::PartialList(_) => true,
        };
        (allowed && stream_fits(clause, media) && clause.param("sv").is_none_or(|version| version == "v1"))
            .then_some(form)
    });
    // What cannot be done is told in what the client takes.
    match chosen {
        Err(refusal) if refusal.code == 406 => match negotiate_plain(accept, Produces::Unsaid) {
            Err(Missing::Failure(other)) if other.code == 501 => Err(other.into()),
            _ => Err(refusal.into()),
        },
        chosen => chosen.map_err(Missing::from),
    }
}

/// In which form an answer goes out that is no object: discovery, `/version`, and the `Status` of what went wrong.
///
/// If not even that can be written as a client wants it, a `Status` is written by [`raw`](super::raw) with its own code.
pub fn negotiate_plain(accept: &str, produces: Produces) -> Result<Accepted, Missing> {
    match produces {
        Produces::Unsaid => {}
        Produces::All => check_route(accept, &[MEDIA])?,
        Produces::Json => check_route(accept, &[JSON])?,
    }
    let chosen = choose(accept, false, |clause, media| {
        let plain = clause.params_of_form() == (None, None, None);
        (plain && stream_fits(clause, media) && clause.param("sv").is_none()).then_some(Form::Plain)
    });
    chosen.map_err(Missing::from)
}

/// Whether the answer of `/api` or `/apis` is to be aggregated. If not, [`negotiate_plain`] says how it is written.
///
/// It is not asked for `/apis` of kcp, which is never aggregated.
pub fn negotiate_discovery(accept: &str) -> Result<Option<AggregatedVersion>, Failure> {
    for clause in clauses(accept)? {
        let version = match clause.params_of_form() {
            (Some("apidiscovery.k8s.io"), Some("v2"), Some("APIGroupDiscoveryList")) => AggregatedVersion::V2,
            (Some("apidiscovery.k8s.io"), Some("v2beta1"), Some("APIGroupDiscoveryList")) => AggregatedVersion::V2Beta1,
            _ => continue,
        };
        if clause.takes(Media::Json) && stream_fits(&clause, Media::Json) {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

impl Form {
    /// 406 if the form is none for what there is: a list, or a single object of a kind.
    pub fn check(self, served: &Served, is_list: bool) -> Result<(), Failure> {
        let refused = |message: String| Err(Failure::new(406, "NotAcceptable", message));
        match self {
            Self::Partial(_) if is_list => {
                let what = go_type(served, true);
                refused(format!("you requested PartialObjectMetadata, but the requested object is a list ({what})"))
            }
            Self::PartialList(_) if !is_list && served.custom => Err(Failure::new(500, "", "content is not a list")),
            Self::PartialList(_) if !is_list => {
                let what = go_type(served, false);
                refused(format!(
                    "you requested PartialObjectMetadataList, but the requested object is not a list ({what})"
                ))
            }
            _ => Ok(()),
        }
    }
}

/// What Go calls an object of the kind in the server.
fn go_type(served: &Served, is_list: bool) -> String {
    let list = if is_list { "List" } else { "" };
    if served.custom {
        return format!("*unstructured.Unstructured{list}");
    }
    let package = match &*served.group {
        "" | "events.k8s.io" => "core",
        group => group.split('.').next().unwrap_or(group),
    };
    format!("*{package}.{}{list}", served.kind)
}

/// The first clause that can be done in JSON; 501 if there is one that can only be done in something else.
fn choose(accept: &str, watch: bool, allows: impl Fn(&Clause<'_>, Media) -> Option<Form>) -> Result<Accepted, Failure> {
    if accept.is_empty() {
        return Ok(Accepted { form: Form::Plain, pretty: false });
    }
    let mut other = None;
    for clause in clauses(accept)? {
        for media in ALL.into_iter().filter(|media| clause.takes(*media)) {
            let Some(form) = allows(&clause, media) else { continue };
            match media {
                Media::Json => return Ok(Accepted { form, pretty: clause.param("pretty") == Some("1") }),
                // It has no stream, and is told so in YAML.
                Media::Yaml if watch => return Err(Failure::not_in_sandbox("answers in application/yaml")),
                Media::Yaml | Media::Protobuf => {
                    other.get_or_insert(media);
                    break;
                }
            }
        }
    }
    match other {
        Some(media) => Err(Failure::not_in_sandbox(&format!("answers in application/{}", media.subtype()))),
        None => {
            let message = format!("only the following media types are accepted: {MEDIA}");
            Err(Failure::new(406, "NotAcceptable", message))
        }
    }
}

/// `Route.matchesAccept` of go-restful: parameters and qualities do not count.
fn check_route(accept: &str, available: &[&str]) -> Result<(), Missing> {
    let takes = |media: &str| media == "*/*" || available.iter().any(|all| all.split(", ").any(|one| one == media));
    let mut parts = accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim_matches(' '));
    if accept.is_empty() || parts.any(takes) {
        return Ok(());
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {}", available.join(", "));
    Err(Missing::Bare(Failure::new(406, "NotAcceptable", message)))
}

const JSON: &str = "application/json";
const MEDIA: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
const STREAMS: &str = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

/// The form that a clause asks for, if there is such a one.
fn form_of(clause: &Clause<'_>) -> Option<Form> {
    let (group, version, kind) = clause.params_of_form();
    let (Some("meta.k8s.io"), Some(kind)) = (group, kind) else {
        return (group.is_none() && version.is_none() && kind.is_none()).then_some(Form::Plain);
    };
    let version = match version? {
        "v1" => MetaVersion::V1,
        "v1beta1" => MetaVersion::V1Beta1,
        _ => return None,
    };
    match kind {
        "PartialObjectMetadata" => Some(Form::Partial(version)),
        "PartialObjectMetadataList" => Some(Form::PartialList(version)),
        "Table" => Some(Form::Table(version)),
        _ => None,
    }
}

/// The only stream is that of a watch, and YAML has none.
fn stream_fits(clause: &Clause<'_>, media: Media) -> bool {
    clause.param("stream").is_none_or(|stream| stream == "watch" && media != Media::Yaml)
}

impl Clause<'_> {
    fn takes(&self, media: Media) -> bool {
        (self.kind == "application" && (self.subtype == media.subtype() || self.subtype == "*"))
            || (self.kind == "*" && self.subtype == "*")
    }

    /// Group, version and kind.
    fn params_of_form(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        (self.param("g"), self.param("v"), self.param("as"))
    }
}

#[cfg(test)]
mod tests;
