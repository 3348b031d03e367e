//! The object in a request's body, and what is wrong with its form.
//!
//! Facts: `transformDecodeError` of `k8s.io/apiserver/pkg/endpoints/handlers/rest.go`, `create.go`, `update.go`, and for custom
//! resources `schemaCoercingDecoder` of `k8s.io/apiextensions-apiserver`.

use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::json;
use super::request::Incoming;
use crate::causes::invalid;
use crate::content;
use crate::kinds::Served;
use crate::kinds::options::FieldValidation;
use crate::lifecycle::Subresource;
use crate::quote::quote;
use crate::schema::CustomKind;
use crate::show::{self, BodyFormat};
use crate::status::Failure;
use crate::world::{Serving, World};

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
    let unreadable =
        |why: &str| unrecognized(what, &format!("couldn't get version/kind; json parse error: {why}"), &incoming.body);
    let read = parse(incoming).map_err(|why| unreadable(&why))?;
    let kind = match read.value {
        Value::Object(_) | Value::Null => return Ok(read),
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
    };
    Err(unreadable(&format!("json: cannot unmarshal {kind} into Go value of type {GO_META}")))
}

/// What Go reads first of an object, as it calls it.
const GO_META: &str =
    r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// 400: nobody knows what a body is.
fn unrecognized(what: &str, why: &str, body: &[u8]) -> Failure {
    let shown = summary(body);
    Failure::bad_request(format!("the object provided is unrecognized (must be of type {what}): {why} ({shown})"))
}

/// The beginning of a body (`summarizeData`).
fn summary(body: &[u8]) -> String {
    const MOST: usize = 30;
    let (begin, more) = if body.len() > MOST { (body.get(..MOST).unwrap_or(body), " ...") } else { (body, "") };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(begin)),
        Some(_) => begin.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")) + more,
    }
}

/// Reads JSON.
pub(super) fn parse(incoming: &Incoming) -> Result<Read, String> {
    let (value, problems) = json::read(&incoming.body)
        .map_err(|error| if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() })?;
    Ok(Read { value, problems })
}

/// YAML that is JSON is read.
fn looks_like_json(incoming: &Incoming) -> bool {
    incoming.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// An object of this kind in this version: 400 for one of another.
pub(super) fn object(serving: &Serving, read: Read, body: &[u8]) -> Result<(Map<String, Value>, Vec<String>), Failure> {
    let served = &serving.served;
    let Value::Object(object) = read.value else {
        let why = "couldn't get version/kind; json parse error: the body is no object";
        return Err(unrecognized(&served.kind, why, body));
    };
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if served.custom {
        of_custom(serving, version, kind, &object, body)?;
    } else {
        of_built_in(serving, version, kind)?;
    }
    Ok((object, read.problems))
}

/// Objects of custom kinds say what they are.
fn of_custom(
    serving: &Serving,
    version: &str,
    kind: &str,
    object: &Map<String, Value>,
    body: &[u8],
) -> Result<(), Failure> {
    let served = &serving.served;
    if kind.is_empty() {
        let why = format!("Object 'Kind' is missing in '{}'", String::from_utf8_lossy(body));
        return Err(unrecognized(&served.kind, &why, body));
    }
    let expected = served.api_version();
    if version != expected {
        let why =
            format!("the API version in the data ({version}) does not match the expected API version ({expected})");
        return Err(Failure::bad_request(why));
    }
    if kind != served.kind {
        let name = object.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
        let cause = invalid("kind", kind, &format!("must be {}", served.kind));
        return Err(Failure::invalid(&served.group, kind, name.unwrap_or_default(), vec![cause]));
    }
    Ok(())
}

/// Objects of built-in kinds may say nothing; those of other kinds cannot be made into this one.
fn of_built_in(serving: &Serving, version: &str, kind: &str) -> Result<(), Failure> {
    let served = &serving.served;
    let (kind, expected) = (if kind.is_empty() { &served.kind } else { kind }, served.api_version());
    let version = if version.is_empty() { &*expected } else { version };
    if kind == served.kind && version == expected {
        return Ok(());
    }
    let short = version.rsplit('/').next().unwrap_or_default();
    let why = if version == expected {
        let package = served.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
        format!("converting ({short}.{kind}) to ({package}.{}): unknown conversion", served.kind)
    } else {
        let (kind, version) = (quote(kind), quote(version));
        format!("no kind {kind} is registered for version {version} in scheme \"pkg/runtime/scheme.go:111\"")
    };
    let short = quote(short);
    Err(Failure::bad_request(format!("{kind} in version {short} cannot be handled as a {}: {why}", served.kind)))
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
    world: &World,
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
        let kind = CustomKind::read(object)?;
        world.definable(&kind.group, &kind.names.plural)?;
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
