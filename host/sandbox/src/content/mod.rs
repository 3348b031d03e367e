//! What objects of the built-in kinds may contain, beside what all metadata has in common.
//!
//! A request's object is [read](decode()) as Go's types would hold it, [filled in](default()), and then judged by [`Content`],
//! which is what [`lifecycle`](crate::lifecycle) asks. A new pod has [a status](first_pod_status) at once.
//!
//! Everything is a function over values. Facts are those of Kubernetes 1.36 with its features as they are by default; the cases
//! in `cases.jsonl` were answered by its own code.
//!
//! Where Kubernetes walks a Go map (resources, data, annotations), the order of several errors is random there; here it is that
//! of the keys. Metadata is judged before content; where a real server goes from one to the other and back, what is told
//! is the same, but not in the same order. Not looked at: the content of Endpoints and EndpointSlices, and the rest of what
//! each module says.

mod decode;
mod defaults;
mod place;
mod quantity;
mod rules;
mod status;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use self::decode::{cannot_be_read, decode, unknown_field};
pub use self::defaults::default;
pub use self::rules::Content;
pub use self::status::first_pod_status;

/// A JSON object, as an object of Kubernetes is one.
type Object = Map<String, Value>;
