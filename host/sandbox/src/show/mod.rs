//! How a client wants an answer, and how it is written: JSON, metadata only, a table.
//!
//! [`negotiate()`] reads `Accept`, [`body_format`] reads `Content-Type`. [`list`], [`typed`] and [`event`] write what is stored as
//! it is; [`partial()`] and [`table()`] make something else of it.
//!
//! Built-in kinds are best stored without `apiVersion` and `kind`: a real server leaves them out of the items of a list, and
//! what is alone gets them from [`typed`]. Custom resources have them in lists, too.
//!
//! Facts: `pkg/endpoints/handlers/{negotiation,responsewriters}`, `handlers/response.go` and `pkg/registry/rest/table.go` of
//! `k8s.io/apiserver`, `pkg/printers` of Kubernetes 1.36.
//!
//! Limits: YAML and protobuf are not written (501 where a real server would). JSON is not escaped for HTML as Go does it.

mod accept;
mod body;
mod media;
mod negotiate;
mod partial;
mod printers;
mod table;

pub use self::body::{ListMeta, event, list, pretty, raw, typed};
pub use self::media::{BodyFormat, body_format};
pub use self::negotiate::{
    Accepted, Form, MetaVersion, Produces, Scope, negotiate, negotiate_discovery, negotiate_plain,
};
pub use self::partial::{partial, partial_list};
pub use self::printers::printer;
pub use self::table::{Cells, Column, CustomCells, Printer, table};
