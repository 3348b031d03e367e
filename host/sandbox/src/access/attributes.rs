//! What somebody wants to do, and how it is refused.
//!
//! Facts: `authorizer.Attributes`; `pkg/endpoints/handlers/responsewriters/errors.go` of `k8s.io/apiserver`.

use super::user::User;
use crate::quote::quote;
use crate::status::Failure;

/// What is to be done, in the words of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributes<'a> {
    /// Something with objects.
    Resource(ResourceAttributes<'a>),
    /// A request to a path that is no resource.
    Path {
        /// The HTTP method in lower case.
        verb: &'a str,
        /// The path.
        path: &'a str,
    },
}

/// What is to be done with which objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceAttributes<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, or any other.
    pub verb: &'a str,
    /// API group; empty for the core.
    pub group: &'a str,
    /// Plural of the resource.
    pub resource: &'a str,
    /// Empty, or such as `status`.
    pub subresource: &'a str,
    /// Empty for the cluster's own and for all namespaces.
    pub namespace: &'a str,
    /// Empty for all objects. Of a `list` or `watch`, [`request_name`](crate::selectors::FieldSelector::request_name).
    pub name: &'a str,
}

impl<'a> Attributes<'a> {
    /// The verb of either.
    pub fn verb(&self) -> &'a str {
        match self {
            Self::Resource(resource) => resource.verb,
            Self::Path { verb, .. } => verb,
        }
    }

    /// The same with another verb.
    #[must_use]
    pub fn with_verb(self, verb: &'a str) -> Self {
        match self {
            Self::Resource(resource) => Self::Resource(ResourceAttributes { verb, ..resource }),
            Self::Path { path, .. } => Self::Path { verb, path },
        }
    }

    /// 403: `user` may not, and, where that is known, why.
    pub fn forbidden(&self, user: &User, reason: &str) -> Failure {
        let mut message = sanitized(&self.cannot(&user.name));
        if !reason.is_empty() {
            message.push_str(": ");
            message.push_str(reason);
        }
        match self {
            Self::Resource(it) if it.group.is_empty() && it.resource.is_empty() => {
                Failure::new(403, "Forbidden", format!("forbidden: {message}")).about("", "", it.name)
            }
            Self::Resource(it) => {
                let qualified =
                    if it.group.is_empty() { it.resource.to_owned() } else { format!("{}.{}", it.resource, it.group) };
                let named = if it.name.is_empty() { String::new() } else { format!(" {}", quote(it.name)) };
                let message = format!("{qualified}{named} is forbidden: {message}");
                Failure::new(403, "Forbidden", message).about(it.group, it.resource, it.name)
            }
            Self::Path { .. } => Failure::new(403, "Forbidden", format!("forbidden: {message}")),
        }
    }

    fn cannot(&self, name: &str) -> String {
        let name = quote(name);
        match self {
            Self::Path { verb, path } => format!("User {name} cannot {verb} path {}", quote(path)),
            Self::Resource(it) => {
                let resource = if it.subresource.is_empty() {
                    quote(it.resource)
                } else {
                    quote(&format!("{}/{}", it.resource, it.subresource))
                };
                let scope = if it.namespace.is_empty() {
                    "at the cluster scope".to_owned()
                } else {
                    format!("in the namespace {}", quote(it.namespace))
                };
                format!("User {name} cannot {} resource {resource} in API group {} {scope}", it.verb, quote(it.group))
            }
        }
    }
}

/// An answer must not look like HTML.
fn sanitized(message: &str) -> String {
    message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestForbidden` in responsewriters/errors_test.go.
    #[test]
    fn a_refusal_says_who_cannot_do_what_where() {
        let user = User::new("<NAME>", ["g"; 0]);
        let forbidden = |attributes: Attributes<'_>, reason| attributes.forbidden(&user, reason).message.clone();
        let pod = ResourceAttributes { verb: "GET", resource: "pod", name: "mypod", ..ResourceAttributes::default() };
        let path = Attributes::Path { verb: "GET", path: "/whatever" };
        assert_eq!(forbidden(path, ""), r#"forbidden: User "&lt;NAME&gt;" cannot GET path "/whatever""#);
        assert_eq!(
            forbidden(path, "because & so"),
            r#"forbidden: User "&lt;NAME&gt;" cannot GET path "/whatever": because & so"#
        );
        assert_eq!(
            forbidden(Attributes::Resource(pod), ""),
            r#"pod "mypod" is forbidden: User "&lt;NAME&gt;" cannot GET resource "pod" in API group "" at the cluster scope"#
        );
        let log = ResourceAttributes { subresource: "quota", namespace: "test", group: "v2", ..pod };
        assert_eq!(
            forbidden(Attributes::Resource(log), ""),
            r#"pod.v2 "mypod" is forbidden: User "&lt;NAME&gt;" cannot GET resource "pod/quota" in API group "v2" in the namespace "test""#
        );
        let list = ResourceAttributes { name: "", ..log };
        let failure = Attributes::Resource(list).forbidden(&user, "");
        assert!(failure.message.starts_with("pod.v2 is forbidden: User"));
        assert_eq!((failure.group.as_str(), failure.kind.as_str(), failure.name.as_str()), ("v2", "pod", ""));
    }
}
