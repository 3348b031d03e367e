//! Which resource a request is about, and how one is refused that is about none.
//!
//! Built-in kinds have a route for each path and method; what no route has is 404 or 405, without more said. Custom kinds have
//! one handler that looks closer; what it does not know goes on to the one who says that there is no such page.
//!
//! Facts: `registerResourceHandlers` of `pkg/endpoints/installer.go` and `serviceErrorHandler` of `pkg/server/handler.go` of
//! `k8s.io/apiserver`; `pkg/apiserver/customresource_handler.go` of `k8s.io/apiextensions-apiserver`;
//! `pkg/dynamic/apiserver/handler.go` of kcp's virtual-workspace-framework.

use super::catalog::Catalog;
use super::request::RequestInfo;
use super::served::{Served, Subresource, Support};
use crate::status::Failure;

/// The resource that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// The resource.
    pub served: &'a Served,
    /// The subresource, if it is about one.
    pub subresource: Option<&'a Subresource>,
}

/// How a request is refused that is about nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Missing {
    /// 404 with the text `404 page not found` and a line end, as `text/plain; charset=utf-8`, with the header
    /// `X-Content-Type-Options: nosniff`.
    Page,
    /// With a `Status` whose `details` are there and empty.
    Bare(Failure),
    /// With a `Status`.
    Failure(Failure),
}

impl From<Failure> for Missing {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Finds the resource of a request.
pub fn route<'a>(catalog: &Catalog<'a>, info: &RequestInfo<'_>) -> Result<Route<'a>, Missing> {
    let found = catalog.find(info.group, info.version, info.resource);
    let Some(served) = found.map(AsRef::as_ref) else {
        return Err(catalog.missing(info.group));
    };
    if info.verb_in_path {
        return Err(Failure::not_in_sandbox("verbs in paths").into());
    }
    if served.support == Support::None {
        return Err(Failure::not_in_sandbox(&format!("{} of {}", served.plural, served.api_version())).into());
    }
    if served.custom { custom(served, info) } else { built_in(served, info) }
}

fn built_in<'a>(served: &'a Served, info: &RequestInfo<'_>) -> Result<Route<'a>, Missing> {
    let no_path = || Missing::Bare(Failure::no_such_path());
    let named = info.parts >= 2;
    // The namespace of a namespace is itself.
    let in_namespace = !info.namespace.is_empty() && info.resource != "namespaces";
    let everywhere = served.namespaced && !in_namespace;
    if (in_namespace && !served.namespaced) || (everywhere && named) {
        return Err(no_path());
    }
    if info.parts >= 3 {
        let subresource = served.subresource(info.subresource).ok_or_else(no_path)?;
        if subresource.support == Support::None {
            let what = format!("the subresource {} of {}", subresource.name, served.plural);
            return Err(Failure::not_in_sandbox(&what).into());
        }
        if info.parts > 3 {
            return Err(no_path());
        }
        return if !info.head && subresource.verbs.contains(&&*info.verb) {
            Ok(Route { served, subresource: Some(subresource) })
        } else {
            Err(not_allowed())
        };
    }
    let has = |verb: &str| served.verbs.contains(&verb);
    let stored = has("get");
    // Which paths there are depends on what can be done with them.
    let (path, allowed) = if named {
        (stored, matches!(&*info.verb, "get" | "update" | "patch" | "delete"))
    } else if everywhere {
        (has("list"), matches!(&*info.verb, "list" | "watch"))
    } else {
        (true, matches!(&*info.verb, "list" | "watch" | "create" | "deletecollection"))
    };
    if !path {
        return Err(no_path());
    }
    if info.head || !allowed || !has(&info.verb) {
        return Err(not_allowed());
    }
    Ok(Route { served, subresource: None })
}

fn custom<'a>(served: &'a Served, info: &RequestInfo<'_>) -> Result<Route<'a>, Missing> {
    let in_namespace = !info.namespace.is_empty();
    let lists = matches!(&*info.verb, "list" | "watch");
    if in_namespace != served.namespaced && !(served.namespaced && lists) {
        return Err(Missing::Page);
    }
    let route = if info.subresource.is_empty() {
        // A definition that is deleted still has handlers for what is not in discovery any more.
        let reads_only = !served.verbs.contains(&"delete") && !served.verbs.contains(&&*info.verb);
        if reads_only || info.verb == "proxy" || info.verb.is_empty() {
            return Err(info.verb_not_supported().into());
        }
        Route { served, subresource: None }
    } else {
        let Some(subresource) = served.subresource(info.subresource) else {
            return Err(Failure::not_found(info.group, info.resource, &info.name).into());
        };
        if !subresource.verbs.contains(&&*info.verb) {
            return Err(info.verb_not_supported().into());
        }
        Route { served, subresource: Some(subresource) }
    };
    if info.name.is_empty() && matches!(&*info.verb, "update" | "patch") {
        return Err(Failure::bad_request("name must be provided").into());
    }
    if info.verb == "create" && info.parts >= 2 {
        return Err(Failure::not_in_sandbox("a POST to the path of a custom resource's object").into());
    }
    if info.head {
        return Err(Failure::not_in_sandbox("HEAD of custom resources").into());
    }
    Ok(route)
}

/// 405 without details.
fn not_allowed() -> Missing {
    let message = "the server does not allow this method on the requested resource";
    Missing::Bare(Failure::new(405, "MethodNotAllowed", message))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::builtin::built_in;
    use super::super::catalog::Kinds;
    use super::super::flavour::Flavour;
    use super::super::query::Query;
    use super::super::served::Definition;
    use super::*;
    use crate::schema::Names;

    fn kinds() -> (Kinds, Kinds) {
        let mut own = Kinds::default();
        let names = serde_json::json!({"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"});
        own.insert(Arc::new(Served::custom(&Definition {
            group: "example.com",
            version: "v1",
            names: &Names::read(names.as_object().unwrap()),
            namespaced: true,
            status: true,
            scale: false,
            storage_version: Some("v1"),
            terminating: false,
            cluster: None,
        })));
        (built_in(Flavour::Kubernetes), own)
    }

    /// The code, and whether it is a page, bare, or a failure.
    fn ask(method: &str, path: &str) -> (u16, char) {
        let (base, own) = kinds();
        let catalog = Catalog::new(Flavour::Kubernetes, vec![&base, &own]);
        let info = RequestInfo::new(method, path, &Query::default()).unwrap();
        match route(&catalog, &info) {
            Ok(_) => (200, ' '),
            Err(Missing::Page) => (404, 'p'),
            Err(Missing::Bare(failure)) => (failure.code, 'b'),
            Err(Missing::Failure(failure)) => (failure.code, 'f'),
        }
    }

    #[test]
    fn built_in_kinds_have_a_route_for_each_path_and_method() {
        for (method, path, answer) in [
            ("GET", "/api/v1/namespaces", (200, ' ')),
            ("GET", "/api/v1/namespaces/a", (200, ' ')),
            ("PUT", "/api/v1/namespaces/a/finalize", (200, ' ')),
            ("GET", "/api/v1/namespaces/a/finalize", (405, 'b')),
            ("DELETE", "/api/v1/namespaces", (405, 'b')),
            ("GET", "/api/v1/namespaces/a/pods", (200, ' ')),
            ("GET", "/api/v1/pods", (200, ' ')),
            ("POST", "/api/v1/pods", (405, 'b')),
            ("DELETE", "/api/v1/pods", (405, 'b')),
            ("GET", "/api/v1/pods/a", (404, 'b')),
            ("GET", "/api/v1/namespaces/a/nodes", (404, 'b')),
            ("GET", "/api/v1/foos", (404, 'b')),
            ("GET", "/api/v2/pods", (404, 'b')),
            ("GET", "/apis/apps/v2/deployments", (404, 'b')),
            ("GET", "/apis/none/v1/pods", (404, 'p')),
            ("POST", "/api/v1/namespaces/a/pods/b", (405, 'b')),
            ("PUT", "/api/v1/namespaces/a/pods", (405, 'b')),
            ("HEAD", "/api/v1/pods", (405, 'b')),
            ("OPTIONS", "/api/v1/pods", (405, 'b')),
            ("GET", "/api/v1/namespaces/a/pods/b/log", (501, 'f')),
            ("GET", "/api/v1/namespaces/a/pods/b/proxy", (501, 'f')),
            ("POST", "/api/v1/namespaces/a/services/b/proxy/c/d", (501, 'f')),
            ("GET", "/api/v1/nodes/a/proxy/metrics", (501, 'f')),
            ("GET", "/api/v1/namespaces/a/pods/b/none", (404, 'b')),
            ("GET", "/api/v1/namespaces/a/pods/b/status/c", (404, 'b')),
            ("POST", "/api/v1/namespaces/a/serviceaccounts/b/token", (200, ' ')),
            ("GET", "/apis/authentication.k8s.io/v1/tokenreviews", (405, 'b')),
            ("GET", "/apis/authentication.k8s.io/v1/tokenreviews/a", (404, 'b')),
            ("POST", "/apis/authorization.k8s.io/v1/localsubjectaccessreviews", (404, 'b')),
            ("GET", "/apis/storage.k8s.io/v1/csinodes", (501, 'f')),
            ("GET", "/api/v1/watch/pods", (501, 'f')),
        ] {
            assert_eq!(ask(method, path), answer, "{method} {path}");
        }
    }

    #[test]
    fn custom_kinds_have_one_handler() {
        for (method, path, answer) in [
            ("GET", "/apis/example.com/v1/foos", (200, ' ')),
            ("DELETE", "/apis/example.com/v1/namespaces/a/foos", (200, ' ')),
            ("DELETE", "/apis/example.com/v1/foos", (404, 'p')),
            ("GET", "/apis/example.com/v1/foos/a", (404, 'p')),
            ("GET", "/apis/example.com/v1/bars", (404, 'p')),
            ("PUT", "/apis/example.com/v1/namespaces/a/foos", (400, 'f')),
            ("OPTIONS", "/apis/example.com/v1/namespaces/a/foos", (405, 'f')),
            ("PATCH", "/apis/example.com/v1/namespaces/a/foos/b/status", (200, ' ')),
            ("POST", "/apis/example.com/v1/namespaces/a/foos/b/status", (405, 'f')),
            ("GET", "/apis/example.com/v1/namespaces/a/foos/b/scale", (404, 'f')),
        ] {
            assert_eq!(ask(method, path), answer, "{method} {path}");
        }
    }

    #[test]
    fn through_an_api_export_all_kinds_are_custom() {
        let base = built_in(Flavour::Kcp);
        let mut export = Kinds::default();
        for plural in ["serviceaccounts", "namespaces"] {
            export.insert(Arc::new(base.get("", "v1", plural).unwrap().through_api_export("c", 0, false)));
        }
        let bindings = base.get("apis.kcp.io", "v1alpha2", "apibindings").unwrap();
        export.insert(Arc::new(bindings.through_api_export("c", 2, true)));
        let catalog = Catalog::new(Flavour::Kcp, vec![&export]);
        let ask = |method, path| {
            let info = RequestInfo::new(method, path, &Query::default()).unwrap();
            route(&catalog, &info).map(|route| route.served.plural.to_string())
        };
        let Err(Missing::Failure(failure)) = ask("POST", "/api/v1/namespaces/a/serviceaccounts/b/token") else {
            panic!()
        };
        assert_eq!(failure.message, "serviceaccounts \"b\" not found");
        assert_eq!(ask("GET", "/api/v1/secrets"), Err(Missing::Page));
        assert_eq!(ask("DELETE", "/api/v1/namespaces"), Ok("namespaces".to_owned()));
        assert!(ask("GET", "/apis/apis.kcp.io/v1alpha2/apibindings").is_ok());
        let Err(Missing::Failure(failure)) = ask("DELETE", "/apis/apis.kcp.io/v1alpha2/apibindings/b") else {
            panic!()
        };
        assert_eq!(failure.message, "delete is not supported on resources of kind \"apibindings.apis.kcp.io\"");
    }
}
