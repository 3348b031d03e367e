//! The object in a request's body, and what is wrong with its form.
//!
//! Facts: `transformDecodeError` of `k8s.io/apiserver/pkg/endpoints/handlers/rest.go`, `create.go`, `update.go`, and for custom
//! resources `schemaCoercingDecoder` of `k8s.io/apiextensions-apiserver`.

use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::json;
use super::request::Incoming;
use crate::content;
use crate::kinds::Served;
use crate::kinds::options::FieldValidation;
use crate::lifecycle::Subresource;
use crate::quote::quote;
use crate::schema::CustomKind;
use crate::show::{self, BodyFormat};
use crate::status::Failure;
use crate::world::Serving;

/// A value that a client sent, and what is there twice in it.
pub(super) struct Read {
    pub(super) value: Value,
    pub(super) problems: Vec<String>,
}

/// Reads JSON that is no patch. `what` is the kind that it should be of.
pub(super) fn read(incoming: &Incoming, what: &str) -> Result<Read, Failure> {
    if show::body_format(incoming.header(CONTENT_TYPE.as_str()))? == BodyFormat::Yaml && !looks_like_json(incoming) {
        return Err(Failure::not_in_sandbox("bodies in YAML"));
    }
    parse(incoming).map_err(|why| {
        let why = format!("couldn't get version/kind; json parse error: {why}");
        Failure::bad_request(format!("the object provided is unrecognized (must be of type {what}): {why}"))
    })
}

/// Reads JSON.
pub(super) fn parse(incoming: &Incoming) -> Result<Read, String> {
    let (value, problems) = json::read(&incoming.body).map_err(|error| error.to_string())?;
    Ok(Read { value, problems })
}

/// YAML that is JSON is read.
fn looks_like_json(incoming: &Incoming) -> bool {
    incoming.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// An object of this kind in this version: 400 for one of another.
pub(super) fn object(serving: &Serving, read: Read) -> Result<(Map<String, Value>, Vec<String>), Failure> {
    let served = &serving.served;
    let unrecognized = |why: &str| {
        Failure::bad_request(format!("the object provided is unrecognized (must be of type {}): {why}", served.kind))
    };
    let Value::Object(object) = read.value else {
        return Err(unrecognized("couldn't get version/kind; json parse error: the body is no object"));
    };
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let expected = served.api_version();
    if served.custom && kind.is_empty() {
        return Err(Failure::bad_request("Object 'Kind' is missing in the body"));
    }
    if !kind.is_empty() && kind != served.kind {
        let (own, other) = (version, quote(kind));
        return Err(unrecognized(&format!("the kind in the data ({own}, Kind={other}) is another")));
    }
    if !version.is_empty() && version != expected {
        let why =
            format!("the API version in the data ({version}) does not match the expected API version ({expected})");
        return Err(Failure::bad_request(why));
    }
    Ok((object, read.problems))
}

/// Makes a complete object of what was read: drops what the kind does not know, and says so, and fills in its defaults.
pub(super) fn complete(
    serving: &Serving,
    object: Map<String, Value>,
    problems: &mut Vec<String>,
) -> Result<Map<String, Value>, Failure> {
    let mut value = Value::Object(object);
    if let Some(version) = serving.version() {
        let unknown = version.coerce(&mut value).map_err(|why| cannot_be_handled(serving, &why))?;
        problems.extend(unknown.iter().map(|path| format!("unknown field {}", quote(path))));
        version.default(&mut value);
    } else {
        let Served { group, plural, .. } = &*serving.served;
        if let Some(manager) = &serving.managers.object {
            let unknown =
                content::decode(manager.shape(), &mut value).map_err(|why| cannot_be_handled(serving, &why))?;
            problems.extend(unknown.iter().map(|path| content::unknown_field(path)));
        }
        content::default(group, plural, &mut value);
    }
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Failure::bad_request("the body is no object")),
    }
}

/// 501 for what of an object is not done here: before anything is kept.
pub(super) fn supported(
    serving: &Serving,
    subresource: Subresource,
    object: &Map<String, Value>,
    old: Option<&Map<String, Value>>,
) -> Result<(), Failure> {
    let Served { group, plural, .. } = &*serving.served;
    if !serving.served.custom {
        content::Content::of(group, plural, subresource).supported(object, old)?;
    }
    if (&**group, &**plural) == ("apiextensions.k8s.io", "customresourcedefinitions") {
        CustomKind::read(object)?;
    }
    Ok(())
}

/// The 400 for a body that is of the kind and not of its form.
fn cannot_be_handled(serving: &Serving, why: &str) -> Failure {
    content::cannot_be_read(&serving.served.kind, &serving.served.version, why)
}

/// What becomes of fields that nobody knows, or that are there twice: warnings, or the refusal.
pub(super) fn judge(
    serving: &Serving,
    validation: FieldValidation,
    problems: Vec<String>,
) -> Result<Vec<String>, Failure> {
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Strict if !problems.is_empty() => {
            Err(cannot_be_handled(serving, &format!("strict decoding error: {}", problems.join(", "))))
        }
        FieldValidation::Warn | FieldValidation::Strict => Ok(problems),
    }
}
