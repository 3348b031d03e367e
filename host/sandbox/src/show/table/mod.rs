//! Tables: what kubectl prints.
//!
//! Facts: `asTable` of `pkg/endpoints/handlers/response.go`, `pkg/registry/rest/table.go` and `pkg/printers/tablegenerator.go`
//! for built-in kinds, `pkg/registry/customresource/tableconvertor` of `k8s.io/apiextensions-apiserver` for custom ones.

mod part;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(super) use self::part::Part;
use super::body::ListMeta;
use super::negotiate::MetaVersion;
use super::partial::partial;
use crate::kinds::options::IncludeObject;

/// The definition of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Such as `Ready`.
    pub name: &'a str,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: &'a str,
    /// `name` for the name of the object, mostly empty.
    pub format: &'a str,
    /// For people.
    pub description: &'a str,
    /// 0 for columns that are always shown.
    pub priority: i32,
}

/// The cells of the row of an object, with the time for ages.
pub type Cells = fn(&Map<String, Value>, Timestamp) -> Vec<Value>;

/// [`Cells`] that know something of a definition.
pub type CustomCells<'a> = dyn Fn(&Map<String, Value>, Timestamp) -> Vec<Value> + 'a;

/// How objects of a kind become rows.
#[derive(Clone, Copy)]
pub enum Printer<'a> {
    /// Of a built-in kind with its own columns.
    Kind {
        /// All columns.
        columns: &'static [Column<'static>],
        /// All cells.
        cells: Cells,
        /// Its objects say when they are done: pods.
        completes: bool,
    },
    /// The name, and when it was created.
    Plain,
    /// The name, and the columns of a definition: `additionalPrinterColumns`, or the age if there are none.
    Custom {
        /// The columns after the name.
        columns: &'a [Column<'a>],
        /// The cells after the name, each made by a [column of the definition](crate::schema::Column::cell).
        cells: &'a CustomCells<'a>,
    },
}

/// The name of an object. It comes first.
pub(super) const NAME: Column<'static> = column("Name", "string", NAME_TEXT).format("name");
pub(super) const NAME_TEXT: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
pub(super) const AGE: Column<'static> = column("Age", "string", CREATED_TEXT);
const CREATED: Column<'static> = column("Created At", "date", CREATED_TEXT);
const CREATED_TEXT: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// A column that is always shown.
pub(super) const fn column(name: &'static str, kind: &'static str, description: &'static str) -> Column<'static> {
    Column { name, kind, format: "", description, priority: 0 }
}

/// A column that is shown with `-o wide`.
pub(super) const fn wide(name: &'static str, kind: &'static str, description: &'static str) -> Column<'static> {
    Column { priority: 1, ..column(name, kind, description) }
}

impl Column<'static> {
    pub(super) const fn format(self, format: &'static str) -> Self {
        Self { format, ..self }
    }
}

impl Column<'_> {
    fn to_json(self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

impl Printer<'_> {
    fn columns(&self) -> Value {
        let shown = |columns: &[Column<'_>]| columns.iter().map(|column| column.to_json()).collect::<Vec<_>>();
        Value::Array(match self {
            Self::Kind { columns, .. } => shown(columns),
            Self::Plain => shown(&[NAME, CREATED]),
            Self::Custom { columns, .. } => [vec![NAME.to_json()], shown(columns)].concat(),
        })
    }

    fn cells(&self, object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
        let metadata = Part::of(object, "metadata");
        let name = || json!(metadata.at("name").text());
        match self {
            Self::Kind { cells, .. } => cells(object, now),
            Self::Plain => {
                let created = metadata.at("creationTimestamp").text();
                vec![name(), json!(if created.is_empty() { "0001-01-01T00:00:00Z" } else { created })]
            }
            Self::Custom { cells, .. } => {
                let mut all = vec![name()];
                all.extend(cells(object, now));
                all
            }
        }
    }

    /// Pods that are done say so.
    fn conditions(&self, object: &Map<String, Value>) -> Option<Value> {
        let Self::Kind { completes: true, .. } = self else { return None };
        let (reason, message) = match Part::of(object, "status").at("phase").text() {
            "Succeeded" => ("Succeeded", "The pod has completed successfully."),
            "Failed" => ("Failed", "The pod failed."),
            _ => return None,
        };
        Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
    }
}

/// A table of objects. `meta` is that of the list; of a single object, in an event too, it has the object's revision.
///
/// In a watch only the first table has `headers`.
pub fn table<'o>(
    printer: &Printer<'_>,
    version: MetaVersion,
    include: IncludeObject,
    headers: bool,
    meta: &ListMeta<'_>,
    objects: impl IntoIterator<Item = &'o Map<String, Value>>,
    now: Timestamp,
) -> Value {
    let rows: Vec<Value> = objects.into_iter().map(|object| row(printer, version, include, object, now)).collect();
    // The plain table of nothing was never given any rows.
    let none = rows.is_empty() && matches!(printer, Printer::Plain);
    json!({
        "kind": "Table",
        "apiVersion": version.api_version(),
        "metadata": meta.to_json(),
        "columnDefinitions": if headers { printer.columns() } else { Value::Null },
        "rows": if none { Value::Null } else { Value::Array(rows) },
    })
}

fn row(
    printer: &Printer<'_>,
    version: MetaVersion,
    include: IncludeObject,
    object: &Map<String, Value>,
    now: Timestamp,
) -> Value {
    let ends = Part::of(object, "metadata").at("annotations").at("k8s.io/initial-events-end").text() == "true";
    let shown = match include {
        IncludeObject::Object => Value::Object(object.clone()),
        IncludeObject::Metadata => partial(version, object),
        // The end of the first events of a watch is known by its annotation.
        IncludeObject::None if ends => partial(version, object),
        IncludeObject::None => Value::Null,
    };
    let mut row = json!({"cells": printer.cells(object, now), "object": shown});
    if let Some(conditions) = printer.conditions(object) {
        row["conditions"] = conditions;
    }
    row
}
