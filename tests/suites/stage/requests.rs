//! Requests by name: what a proxy has recorded, without what differs from one target to the next.

use berthage_core::names::LEADER_LEASE;
use berthage_e2e::proxy::Exchange;
use http::Method;

/// Which server a request went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The hub.
    Hub,
    /// A physical cluster.
    Cluster,
}

/// Method, query and path of a request, as its name is made of.
pub(crate) struct Parts<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path.
    pub path: &'a str,
    /// The query.
    pub query: &'a str,
}

impl<'a> From<&'a Exchange> for Parts<'a> {
    fn from(exchange: &'a Exchange) -> Self {
        Self { method: &exchange.method, path: &exchange.path, query: &exchange.query }
    }
}

impl<'a> From<&'a berthage_e2e::proxy::Request> for Parts<'a> {
    fn from(request: &'a berthage_e2e::proxy::Request) -> Self {
        Self { method: &request.method, path: &request.path, query: &request.query }
    }
}

/// The name of a request: side, verb and resource; `target` is the target's name, ids are found by their form.
///
/// `hub PATCH synctargets/{name}/status`, `cluster WATCH deployments`.
pub(crate) fn name<'a>(side: Side, request: impl Into<Parts<'a>>, target: &str) -> String {
    let Parts { method, path, query } = request.into();
    let path = in_workspace(path);
    let side = match side {
        Side::Hub => "hub",
        Side::Cluster => "cluster",
    };
    let parameter = |wanted: &str| query.split('&').any(|found| found == wanted);
    let verb = match *method {
        Method::GET if parameter("watch=true") || parameter("watch=1") => "WATCH",
        Method::GET if parameter("limit=500") || query.contains("labelSelector") => "LIST",
        _ => method.as_str(),
    };
    let mut path = without_ids(&path.replace(target, "{name}"));
    for prefix in ["/api/v1/", "/apis/"] {
        path = path.strip_prefix(prefix).map(ToOwned::to_owned).unwrap_or(path);
    }
    format!("{side} {verb} {path}")
}

/// A text with `{id}` in the place of every run of 32 hexadecimal digits.
pub(crate) fn without_ids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut digits = String::new();
    for character in text.chars().map(Some).chain([None]) {
        match character {
            Some(digit) if digit.is_ascii_hexdigit() && !digit.is_ascii_uppercase() => digits.push(digit),
            other => {
                out.push_str(if digits.len() == 32 { "{id}" } else { &digits });
                digits.clear();
                out.extend(other);
            }
        }
    }
    out
}

/// Whether a request is about the Lease that elects the active controller.
pub(crate) fn is_election(path: &str) -> bool {
    path.contains("/leases/") && path.ends_with(LEADER_LEASE)
}

/// The requests that changed something, the election apart.
pub(crate) fn writes(exchanges: &[Exchange]) -> Vec<String> {
    let writes = exchanges.iter().filter(|exchange| !exchange.reads() && !is_election(&exchange.path));
    // A new Lease is made by a POST to the collection.
    let writes = writes.filter(|exchange| !(exchange.method == Method::POST && exchange.path.ends_with("/leases")));
    writes.map(ToString::to_string).collect()
}

/// A path without what leads to a workspace of kcp, directly or through the virtual workspace of an APIExport.
fn in_workspace(path: &str) -> &str {
    let Some((_, rest)) = path.split_once("/clusters/") else { return path };
    rest.find('/').map_or("", |slash| &rest[slash..])
}

#[cfg(test)]
mod tests {
    use super::without_ids;

    #[test]
    fn ids_are_found_by_their_form() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(without_ids(&format!("namespaces/kcp-syncer-{id}/secrets")), "namespaces/kcp-syncer-{id}/secrets");
        assert_eq!(without_ids("decade"), "decade");
        assert_eq!(without_ids(&format!("{id}0")), format!("{id}0"));
    }
}
