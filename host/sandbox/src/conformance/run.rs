//! Asks one server everything.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::events::Stream;
use super::normal::{Normal, Raw};
use super::values::Values;
use super::{Answers, Caller, ConformanceError, Kind, Script, Step};

/// The program that asks, which servers take for the field manager where none is said.
const PROGRAM: &str = "conformance/1.0";
/// How long an answer may take that is no watch.
const WHOLE: Duration = Duration::from_secs(60);
/// How long to wait before a question is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// The server that is asked.
#[derive(Debug, Clone)]
pub struct Place {
    /// What it is.
    pub kind: Kind,
    /// Its version, such as `v1.36.3`.
    pub version: String,
    /// Today, such as `2026-11-29`.
    pub date: String,
    /// The path that the script's paths are under; that of a workspace, on kcp.
    pub base: String,
    /// Words, and what they stand for wherever it is in an answer: addresses, names of workspaces.
    pub masks: BTreeMap<String, String>,
    /// How long to wait for what comes by itself.
    pub patience: Duration,
    /// Ends at the first step whose outcome later steps need and that does not have it: for what is to be kept.
    pub strict: bool,
}

/// Runs the script. `send` sends a request as the [`Caller`] in its extensions.
pub async fn run<S, F, B, E>(script: &Script, place: &Place, send: S) -> Result<Answers, ConformanceError>
where
    S: Fn(Request<Bytes>) -> F,
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let normal = Normal::new(place.kind).map_err(|error| ConformanceError::Step {
        step: "(none)".to_owned(),
        problem: format!("the words of answers cannot be looked for: {error}"),
    })?;
    let mut running =
        Running { place, send, normal, values: Values::default(), watches: BTreeMap::new(), steps: BTreeMap::new() };
    for (word, text) in &place.masks {
        running.normal.mask(text, format!("<{word}>"));
        running.values.keep(word, text.clone());
    }
    for (name, step) in script.steps(place.kind) {
        running.step(&name, step).await?;
    }
    Ok(Answers { server: place.kind, version: place.version.clone(), date: place.date.clone(), steps: running.steps })
}

struct Running<'a, S, B> {
    place: &'a Place,
    send: S,
    normal: Normal,
    values: Values,
    watches: BTreeMap<String, Stream<B>>,
    steps: BTreeMap<String, super::Answer>,
}

impl<S, F, B, E> Running<'_, S, B>
where
    S: Fn(Request<Bytes>) -> F,
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn step(&mut self, name: &str, step: &Step) -> Result<(), ConformanceError> {
        let problem = |problem: String| ConformanceError::Step { step: name.to_owned(), problem };
        if self.steps.contains_key(name) {
            return Err(problem("there are two steps of this name".to_owned()));
        }
        if !step.events.is_empty() {
            let Some(stream) = self.watches.get_mut(&step.events) else {
                return if self.place.strict {
                    Err(problem(format!("there is no watch {:?}", step.events)))
                } else {
                    Ok(())
                };
            };
            let events = stream.next(step.count, self.place.patience).await;
            if self.place.strict && step.count > 0 && events.len() < step.count {
                let told = Value::Array(events);
                return Err(problem(format!("fewer than {} events in {:?}: {told}", step.count, self.place.patience)));
            }
            self.steps.insert(name.to_owned(), self.normal.events(name, events));
            return Ok(());
        }
        let until = Instant::now() + self.place.patience;
        let raw = loop {
            let raw = self.ask(name, step).await?;
            if is_so(&raw, &step.until) {
                break raw;
            }
            if Instant::now() > until {
                if self.place.strict {
                    let wanted = Value::Object(step.until.clone().into_iter().collect());
                    return Err(problem(format!("it did not become {wanted}: {} {}", raw.code, raw.body)));
                }
                break raw;
            }
            sleep(AGAIN).await;
        };
        for (kept, pointer) in step.save.iter().chain(&step.mask) {
            let value = match raw.body.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None if self.place.strict => {
                    return Err(problem(format!("there is no {pointer} in {} {}", raw.code, raw.body)));
                }
                None => format!("no-{kept}"),
            };
            if step.mask.contains_key(kept) {
                self.normal.mask(&value, format!("<{kept}>"));
            }
            self.values.keep(kept, value);
        }
        let answer = self.normal.answer(name, raw, step);
        if !step.quiet {
            self.steps.insert(name.to_owned(), answer);
        }
        Ok(())
    }

    async fn ask(&mut self, name: &str, step: &Step) -> Result<Raw, ConformanceError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| ConformanceError::Send {
            step: name.to_owned(),
            server: format!("{} {}", self.place.kind.name(), self.place.version),
            source,
        };
        let request = self.request(name, step)?;
        let response = (self.send)(request).await.map_err(|error| failed(error.into()))?;
        let (head, body) = response.into_parts();
        if !step.watch.is_empty() && head.status == http::StatusCode::OK {
            self.watches.insert(step.watch.clone(), Stream::new(body));
            return Ok(Raw { code: 200, headers: head.headers, body: Value::Null });
        }
        let whole = timeout(WHOLE, body.collect()).await;
        let whole = whole.map_err(|_| failed(format!("the answer did not end in {WHOLE:?}").into()))?;
        let bytes = whole.map_err(|error| failed(error.into()))?.to_bytes();
        Ok(Raw { code: head.status.as_u16(), headers: head.headers, body: read(&bytes) })
    }

    fn request(&self, name: &str, step: &Step) -> Result<Request<Bytes>, ConformanceError> {
        let problem = |problem: String| ConformanceError::Step { step: name.to_owned(), problem };
        let fill = |text: &str| {
            self.values.fill(text).map_err(|missing| problem(format!("no step before has kept {missing:?}")))
        };
        let (method, path) =
            step.send.split_once(' ').ok_or_else(|| problem("`send` is no method and path".to_owned()))?;
        let path = self.address(&fill(path)?);
        let body = match (&step.body, &step.text) {
            (Some(body), _) => {
                let body = self.values.fill_json(body);
                body.map_err(|missing| problem(format!("no step before has kept {missing:?}")))?.to_string()
            }
            (None, Some(text)) => fill(text)?,
            (None, None) if !step.file.is_empty() => {
                let path = super::folder().join(&step.file);
                std::fs::read_to_string(&path).map_err(|source| ConformanceError::File { path, source })?
            }
            (None, None) => String::new(),
        };
        let mut request = Request::builder().method(method).uri(&path);
        let media = match (&*step.media, body.is_empty()) {
            ("", false) => "application/json",
            (media, _) => media,
        };
        let common = [(ACCEPT, &*step.accept), (CONTENT_TYPE, media), (USER_AGENT, PROGRAM)];
        for (header, value) in common.into_iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(header, value);
        }
        for (header, value) in &step.headers {
            let header = HeaderName::from_bytes(header.as_bytes()).map_err(|error| problem(error.to_string()))?;
            let value = HeaderValue::from_str(&fill(value)?).map_err(|error| problem(error.to_string()))?;
            request = request.header(header, value);
        }
        let mut request = request.body(Bytes::from(body)).map_err(|error| problem(format!("{path}: {error}")))?;
        request.extensions_mut().insert(Caller::read(&fill(&step.caller)?));
        Ok(request)
    }

    /// A path under the base, unless it is of the whole server: one of a workspace, or an address that a server told.
    fn address(&self, path: &str) -> String {
        let told = path.strip_prefix("https://").map(|rest| rest.find('/').map_or("/", |at| rest.split_at(at).1));
        match told {
            Some(path) => path.to_owned(),
            None if path.starts_with("/clusters/") || path.starts_with("/services/") => path.to_owned(),
            None => format!("{}{path}", self.place.base),
        }
    }
}

/// JSON; several values one after the other as a list; or a text.
fn read(bytes: &[u8]) -> Value {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
    match values {
        Ok(mut values) if values.len() == 1 => values.pop().unwrap_or_default(),
        Ok(values) if !values.is_empty() => Value::Array(values),
        _ => String::from_utf8_lossy(bytes).into(),
    }
}

fn is_so(raw: &Raw, wanted: &BTreeMap<String, Value>) -> bool {
    wanted.iter().all(|(place, value)| match &**place {
        "code" => value.as_u64() == Some(raw.code.into()),
        place => {
            let found = raw.body.pointer(place).unwrap_or(&Value::Null);
            found == value || (value == "*" && !found.is_null())
        }
    })
}
