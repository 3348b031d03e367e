//! Answers in words that do not depend on when, where and by which server they were given.
//!
//! A uid becomes the place at which it was seen first, `<uid:area/step/body/metadata/uid>`, and so does a resource version: two
//! runs agree if the same things are the same, and a step that fails on one of them does not shift the words of all others.

use std::collections::BTreeMap;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::shape::{by_name, sorted};
use super::{Answer, Kind, Step};

/// The headers that mean something.
const HEADERS: [&str; 9] = [
    "allow",
    "cache-control",
    "content-type",
    "etag",
    "location",
    "retry-after",
    "vary",
    "warning",
    "www-authenticate",
];

/// An answer as it came.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) code: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

/// Makes the answers of one run normal, in their order.
pub(super) struct Normal {
    seen: BTreeMap<String, String>,
    masks: Vec<(String, String)>,
    uid: Regex,
    time: Regex,
    token: Regex,
    hash: Regex,
    age: Regex,
    version: Regex,
    key: Regex,
    claim: Regex,
    kind: Kind,
}

/// Where something is.
#[derive(Clone, Copy)]
struct At<'a> {
    step: &'a str,
    path: &'a str,
}

impl Normal {
    pub(super) fn new(kind: Kind) -> Result<Self, regex::Error> {
        Ok(Self {
            seen: BTreeMap::new(),
            masks: Vec::new(),
            uid: Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")?,
            time: Regex::new(r"(20\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")?,
            token: Regex::new(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")?,
            hash: Regex::new("X509SHA256=[0-9a-f]{64}")?,
            age: Regex::new(r"^(\d+[ydhms])+$")?,
            version: Regex::new(r"(?i)(resource ?version\D{1,24}|current: )\d+( \(\d+\))?")?,
            key: Regex::new("Key: /[^/]+/")?,
            claim: Regex::new(r"claimed\.internal\.apis\.kcp\.io/\w+")?,
            kind,
        })
    }

    /// From now on a text is told by a word. Short texts would be found where they are not meant.
    pub(super) fn mask(&mut self, text: &str, word: String) {
        if text.len() > 5 && !self.masks.iter().any(|(known, _)| known == text) {
            self.masks.push((text.to_owned(), word));
        }
    }

    /// An answer.
    pub(super) fn answer(&mut self, name: &str, raw: Raw, step: &Step) -> Answer {
        let mut headers = BTreeMap::new();
        for header in HEADERS {
            let values: Vec<String> = raw
                .headers
                .get_all(header)
                .iter()
                .map(|value| self.text(At { step: name, path: header }, &String::from_utf8_lossy(value.as_bytes())))
                .collect();
            if !values.is_empty() {
                let word = if header == "etag" { "<etag>".to_owned() } else { values.join("\n") };
                headers.insert(header.to_owned(), word);
            }
        }
        let mut body = raw.body;
        if step.keyed {
            body = by_name(body);
        }
        body = self.body(name, body, &step.only);
        if step.unordered {
            body = sorted(body);
        }
        Answer { code: raw.code, headers, body }
    }

    /// Events of a watch.
    pub(super) fn events(&mut self, step: &str, events: Vec<Value>) -> Answer {
        Answer { code: 0, headers: BTreeMap::new(), body: self.body(step, Value::Array(events), &[]) }
    }

    fn body(&mut self, step: &str, body: Value, only: &[String]) -> Value {
        let body = if only.is_empty() {
            body
        } else {
            let picked = only.iter().filter_map(|place| Some((place.clone(), body.pointer(place)?.clone())));
            Value::Object(picked.collect())
        };
        self.value(At { step, path: "body" }, body, true)
    }

    /// `own` is false in what is about a list and not about an object.
    fn value(&mut self, at: At<'_>, value: Value, own: bool) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(at, &text)),
            Value::Array(items) => {
                let items = items.into_iter().enumerate().map(|(place, item)| {
                    let path = format!("{}/{place}", at.path);
                    self.value(At { path: &path, ..at }, item, own)
                });
                Value::Array(items.collect())
            }
            Value::Object(map) => self.object(at, map, own),
            other => other,
        }
    }

    fn object(&mut self, at: At<'_>, map: Map<String, Value>, own: bool) -> Value {
        self.learn(&map);
        let is_list = map.get("items").is_some_and(Value::is_array) || map.get("kind") == Some(&Value::from("Table"));
        let is_bookmark = map.get("type") == Some(&Value::from("BOOKMARK"));
        let fields = map.into_iter().map(|(name, value)| {
            let path = format!("{}/{name}", at.path);
            let at = At { path: &path, ..at };
            // Of a place that was picked, the last word is the name.
            let value = match (name.rsplit('/').next().unwrap_or_default(), value) {
                ("resourceVersion", Value::String(version)) => Value::String(self.version(at, &version, own)),
                ("continue", Value::String(token)) if !token.is_empty() => Value::from("<continue>"),
                ("managedFields", Value::Array(entries)) => self.value(at, in_order(entries), own),
                // In kcp, it depends on the name of the logical cluster.
                ("storageVersionHash", _) if self.kind == Kind::Kcp => Value::from("<hash>"),
                ("metadata", value) if is_list => self.value(at, value, false),
                ("object", value) if is_bookmark => self.value(at, value, false),
                (_, value) => self.value(at, value, own),
            };
            (self.text(at, &name), value)
        });
        Value::Object(fields.collect())
    }

    /// Names that the server made.
    fn learn(&mut self, map: &Map<String, Value>) {
        let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
        let (prefix, name) = (text("generateName"), text("name"));
        if !prefix.is_empty() && name.len() == prefix.len() + 5 && name.starts_with(prefix) {
            self.mask(name, format!("{prefix}<generated>"));
        }
    }

    /// The version of an object is a thing of its own; that of a list moves on with everything that a server does.
    fn version(&mut self, at: At<'_>, version: &str, own: bool) -> String {
        if version.is_empty() || version == "0" || version.parse::<u64>().is_err() {
            return self.text(at, version);
        }
        if own { self.word("version", at, version) } else { "<version>".to_owned() }
    }

    fn word(&mut self, kind: &str, at: At<'_>, found: &str) -> String {
        let word = || format!("<{kind}:{}/{}>", at.step, at.path);
        self.seen.entry(format!("{kind} {found}")).or_insert_with(word).clone()
    }

    fn text(&mut self, at: At<'_>, text: &str) -> String {
        let mut text = text.to_owned();
        for (found, word) in &self.masks {
            if text.contains(found) {
                text = text.replace(found, word);
            }
        }
        if at.path.contains("/cells/") && self.age.is_match(&text) {
            return "<age>".to_owned();
        }
        if text.len() < 20 {
            return text;
        }
        text = self.token.replace_all(&text, "<token>").into_owned();
        text = self.hash.replace_all(&text, "X509SHA256=<hash>").into_owned();
        text = self.time.replace_all(&text, time).into_owned();
        text = self.version.replace_all(&text, "${1}<number>").into_owned();
        text = self.claim.replace_all(&text, "claimed.internal.apis.kcp.io/<export>").into_owned();
        text = self.key.replace_all(&text, "Key: /<prefix>/").into_owned();
        let uids: Vec<String> = self.uid.find_iter(&text).map(|found| found.as_str().to_owned()).collect();
        for uid in uids {
            let word = self.word("uid", at, &uid);
            text = text.replace(&uid, &word);
        }
        text
    }
}

/// Servers sort these by time first, which is that of whoever asks.
fn in_order(mut entries: Vec<Value>) -> Value {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    entries.sort_by_key(|entry| ["operation", "manager", "subresource", "apiVersion"].map(|name| text(entry, name)));
    Value::Array(entries)
}

/// Times of the script are of other years, and stay.
fn time(found: &Captures<'_>) -> String {
    let year = found.get(1).and_then(|year| year.as_str().parse::<u16>().ok()).unwrap_or_default();
    if year < 2025 {
        return found.get(0).map_or("", |all| all.as_str()).to_owned();
    }
    let digits = found.get(2).map_or(0, |fraction| fraction.as_str().len().saturating_sub(1));
    if digits == 0 { "<time>".to_owned() } else { format!("<time.{digits}>") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UID: &str = "6f2c1b1e-8a5e-4d3c-9b61-0a1b2c3d4e5f";

    fn body(normal: &mut Normal, name: &str, body: Value) -> Value {
        let step: Step = serde_json::from_value(json!({"name": "x"})).unwrap();
        normal.answer(name, Raw { code: 200, headers: http::HeaderMap::new(), body }, &step).body
    }

    #[test]
    fn what_is_the_same_has_the_same_word() {
        let mut normal = Normal::new(Kind::Kubernetes).unwrap();
        let first = body(&mut normal, "a/x", json!({"metadata": {"uid": UID, "resourceVersion": "12"}}));
        let word = "<uid:a/x/body/metadata/uid>";
        let version = "<version:a/x/body/metadata/resourceVersion>";
        assert_eq!(first, json!({"metadata": {"uid": word, "resourceVersion": version}}));
        let list = json!({
            "kind": "ThingList", "metadata": {"resourceVersion": "12", "continue": "abc"},
            "items": [{"metadata": {"resourceVersion": "12"}}], "message": format!("the UID {UID} is another"),
        });
        let second = body(&mut normal, "a/y", list);
        assert_eq!(second["metadata"], json!({"resourceVersion": "<version>", "continue": "<continue>"}));
        assert_eq!(second["items"][0]["metadata"]["resourceVersion"], version);
        assert_eq!(second["message"], format!("the UID {word} is another"));
    }

    #[test]
    fn what_a_server_makes_up_has_a_word() {
        let mut normal = Normal::new(Kind::Kubernetes).unwrap();
        let answer = body(
            &mut normal,
            "a/x",
            json!({
                "metadata": {"generateName": "thing-", "name": "thing-ab2cd", "creationTimestamp": "2026-11-29T17:35:33Z"},
                "spec": {"renewTime": "2026-11-29T17:35:33.123456Z", "given": "2020-01-02T03:04:05Z"},
                "rows": [{"cells": ["thing-ab2cd", "4m3s", "168h-x"]}],
                "message": "Too large resource version: 99, current: 12",
                "fields": {format!("k:{{\"uid\":\"{UID}\"}}"): {}},
            }),
        );
        assert_eq!(answer["metadata"]["name"], "thing-<generated>");
        assert_eq!(answer["metadata"]["creationTimestamp"], "<time>");
        assert_eq!(answer["spec"], json!({"renewTime": "<time.6>", "given": "2020-01-02T03:04:05Z"}));
        assert_eq!(answer["rows"][0]["cells"], json!(["thing-<generated>", "<age>", "168h-x"]));
        assert_eq!(answer["message"], "Too large resource version: <number>, current: <number>");
        assert!(answer["fields"].as_object().unwrap().keys().all(|key| key.contains("<uid:a/x/")));
    }
}
