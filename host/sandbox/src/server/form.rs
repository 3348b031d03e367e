//! How objects go out: as they are, as metadata only, as rows of a table.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::gate::Request;
use crate::kinds::options::{IncludeObject, TableOptions};
use crate::show::{self, Form, ListMeta, MetaVersion, Printer, Scope};
use crate::status::Failure;
use crate::store::{Object, Page};
use crate::world::Serving;

/// How the objects of an answer are shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    serving: Arc<Serving>,
    form: Form,
    include: IncludeObject,
    pretty: bool,
}

impl Shown {
    /// What a client asks for. `watch`, or a list, or one object.
    pub(super) fn new(request: &Request<'_>, serving: &Arc<Serving>) -> Result<Self, Answer> {
        let verb = &*request.info.verb;
        let scope = Scope {
            custom: serving.served.custom,
            table: true,
            collection: matches!(verb, "list" | "watch" | "create" | "deletecollection"),
            watch: verb == "watch",
        };
        let accepted = show::negotiate(request.accept(), scope)?;
        let include = match accepted.form {
            Form::Table(_) => TableOptions::decode(&request.query)?.include_object,
            _ => IncludeObject::default(),
        };
        let pretty = accepted.pretty || request.is_pretty();
        Ok(Self { serving: Arc::clone(serving), form: accepted.form, include, pretty })
    }

    /// One stored object.
    pub(super) fn stored(&self, object: &Object, now: Timestamp) -> Result<Vec<u8>, Failure> {
        if self.form == Form::Plain && !self.pretty {
            let mut json = self.typed(object.json());
            json.push(b'\n');
            return Ok(json);
        }
        self.one(&*object.map()?, now)
    }

    /// One object.
    pub(super) fn one(&self, object: &Map<String, Value>, now: Timestamp) -> Result<Vec<u8>, Failure> {
        self.form.check(&self.serving.served, false)?;
        let value = match self.form {
            Form::Plain | Form::PartialList(_) => {
                let object = crate::world::typed(&self.serving, object.clone());
                return Ok(show::pretty(&Value::Object(object), self.pretty));
            }
            Form::Partial(version) => show::partial(version, object),
            Form::Table(version) => self.table(version, true, &meta_of(object), &[object], now),
        };
        Ok(show::pretty(&value, self.pretty))
    }

    /// A list.
    pub(super) fn list(&self, page: &Page, now: Timestamp) -> Result<Vec<u8>, Failure> {
        self.form.check(&self.serving.served, true)?;
        let meta = ListMeta {
            resource_version: page.revision,
            continue_token: &page.continue_token,
            remaining: page.remaining,
            says_end: self.serving.served.custom && self.form == Form::Plain,
        };
        let served = &self.serving.served;
        if self.form == Form::Plain && !self.pretty {
            let items = page.items.iter().map(|object| object.json().as_ref());
            return Ok(show::list(&served.api_version(), &served.list_kind, &meta, items));
        }
        let objects = page.items.iter().map(Object::map).collect::<Result<Vec<_>, _>>()?;
        let all: Vec<&Map<String, Value>> = objects.iter().map(AsRef::as_ref).collect();
        let value = match self.form {
            Form::Plain | Form::Partial(_) => json!({
                "kind": served.list_kind, "apiVersion": served.api_version(), "metadata": meta.to_json(), "items": all,
            }),
            Form::PartialList(version) => show::partial_list(version, &meta, all),
            Form::Table(version) => self.table(version, true, &meta, &all, now),
        };
        Ok(show::pretty(&value, self.pretty))
    }

    /// An object of an event of a watch; only the first has the heads of a table.
    pub(super) fn of_event(&self, object: &Object, first: bool, now: Timestamp) -> Result<Vec<u8>, Failure> {
        match self.form {
            Form::Plain | Form::PartialList(_) => Ok(self.typed(object.json())),
            Form::Partial(version) => Ok(show::pretty(&show::partial(version, &*object.map()?), false)),
            Form::Table(version) => {
                let object = object.map()?;
                Ok(show::pretty(&self.table(version, first, &meta_of(&object), &[&object], now), false))
            }
        }
    }

    /// The object of a bookmark.
    pub(super) fn bookmark(&self, revision: u64, ends_initial: bool, first: bool, now: Timestamp) -> Vec<u8> {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if ends_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let served = &self.serving.served;
        let mut object = Map::new();
        object.insert("kind".to_owned(), json!(served.kind));
        object.insert("apiVersion".to_owned(), json!(served.api_version()));
        object.insert("metadata".to_owned(), metadata);
        let value = match self.form {
            Form::Plain | Form::PartialList(_) => Value::Object(object),
            Form::Partial(version) => show::partial(version, &object),
            Form::Table(version) => self.table(version, first, &meta_of(&object), &[&object], now),
        };
        show::pretty(&value, false)
    }

    fn typed(&self, json: &[u8]) -> Vec<u8> {
        let served = &self.serving.served;
        // In a virtual workspace everything counts as custom, and claimed objects of built-in kinds are kept without their type.
        let says_its_type = served.custom && json.starts_with(br#"{"apiVersion""#);
        if says_its_type { json.to_vec() } else { show::typed(&served.api_version(), &served.kind, json) }
    }

    fn table(
        &self,
        version: MetaVersion,
        headers: bool,
        meta: &ListMeta<'_>,
        objects: &[&Map<String, Value>],
        now: Timestamp,
    ) -> Value {
        let served = &self.serving.served;
        let typed: Vec<Map<String, Value>> = match self.include {
            IncludeObject::Object if !served.custom => {
                objects.iter().map(|object| crate::world::typed(&self.serving, (*object).clone())).collect()
            }
            _ => Vec::new(),
        };
        let typed: Vec<&Map<String, Value>> = typed.iter().collect();
        let objects = if typed.is_empty() { objects } else { &typed };
        let of = |printer: &Printer<'_>| {
            show::table(printer, version, self.include, headers, meta, objects.iter().copied(), now)
        };
        let Some(custom) = self.serving.version() else {
            return of(&show::printer(&served.group, &served.plural, "").unwrap_or(Printer::Plain));
        };
        let text = |column: &'_ crate::schema::Column, field: &str| {
            column.definition().get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let heads: Vec<[String; 4]> = custom
            .columns
            .iter()
            .map(|column| ["name", "type", "format", "description"].map(|field| text(column, field)))
            .collect();
        let columns: Vec<show::Column<'_>> = heads
            .iter()
            .zip(&custom.columns)
            .map(|([name, kind, format, description], column)| show::Column {
                name,
                kind,
                format,
                description,
                priority: column
                    .definition()
                    .get("priority")
                    .and_then(Value::as_i64)
                    .and_then(|priority| i32::try_from(priority).ok())
                    .unwrap_or(0),
            })
            .collect();
        let cells = |object: &Map<String, Value>, now: Timestamp| {
            let object = Value::Object(object.clone());
            custom.columns.iter().map(|column| column.cell(&object, now)).collect()
        };
        of(&Printer::Custom { columns: &columns, cells: &cells })
    }
}

fn meta_of(object: &Map<String, Value>) -> ListMeta<'static> {
    let version = object.get("metadata").and_then(|metadata| metadata.get("resourceVersion")).and_then(Value::as_str);
    ListMeta { resource_version: version.and_then(|text| text.parse().ok()).unwrap_or_default(), ..ListMeta::default() }
}
