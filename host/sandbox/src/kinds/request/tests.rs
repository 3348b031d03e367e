use super::*;

fn read<'p>(method: &str, url: &'p str) -> RequestInfo<'p> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    RequestInfo::new(method, path, &Query::parse(query)).expect(url)
}

/// From `TestGetAPIRequestInfo`.
#[test]
fn requests_for_objects_are_read() {
    for (method, url, verb, group, version, namespace, resource, subresource, name, parts) in [
        ("GET", "/api/v1/namespaces", "list", "", "v1", "", "namespaces", "", "", 1),
        ("GET", "/api/v1/namespaces/other", "get", "", "v1", "other", "namespaces", "", "other", 2),
        ("GET", "/api/v1/namespaces/other/pods", "list", "", "v1", "other", "pods", "", "", 1),
        ("GET", "/api/v1/namespaces/other/pods/foo", "get", "", "v1", "other", "pods", "", "foo", 2),
        ("HEAD", "/api/v1/namespaces/other/pods/foo", "get", "", "v1", "other", "pods", "", "foo", 2),
        ("GET", "/api/v1/pods", "list", "", "v1", "", "pods", "", "", 1),
        ("HEAD", "/api/v1/pods", "list", "", "v1", "", "pods", "", "", 1),
        ("GET", "/api/v1/proxy/namespaces/other/pods/foo", "proxy", "", "v1", "other", "pods", "", "foo", 2),
        ("GET", "/api/v1/proxy/namespaces/other/pods/foo/a/b", "proxy", "", "v1", "other", "pods", "", "foo", 4),
        ("GET", "/api/v1/watch/pods", "watch", "", "v1", "", "pods", "", "", 1),
        ("GET", "/api/v1/pods?watch=true", "watch", "", "v1", "", "pods", "", "", 1),
        ("GET", "/api/v1/pods?watch=false", "list", "", "v1", "", "pods", "", "", 1),
        ("GET", "/api/v1/watch/namespaces/other/pods", "watch", "", "v1", "other", "pods", "", "", 1),
        ("GET", "/api/v1/namespaces/other/pods?watch=1", "watch", "", "v1", "other", "pods", "", "", 1),
        ("GET", "/api/v1/namespaces/other/pods?watch=0", "list", "", "v1", "other", "pods", "", "", 1),
        ("GET", "/api/v1/namespaces/other/pods/foo/status", "get", "", "v1", "other", "pods", "status", "foo", 3),
        ("GET", "/api/v1/namespaces/other/pods/foo/proxy/x", "get", "", "v1", "other", "pods", "proxy", "foo", 4),
        ("PUT", "/api/v1/namespaces/other/finalize", "update", "", "v1", "other", "namespaces", "finalize", "other", 3),
        ("PUT", "/api/v1/namespaces/other/status", "update", "", "v1", "other", "namespaces", "status", "other", 3),
        ("PATCH", "/api/v1/namespaces/other/pods/foo", "patch", "", "v1", "other", "pods", "", "foo", 2),
        ("DELETE", "/api/v1/namespaces/other/pods/foo", "delete", "", "v1", "other", "pods", "", "foo", 2),
        ("POST", "/api/v1/namespaces/other/pods", "create", "", "v1", "other", "pods", "", "", 1),
        ("DELETE", "/api/v1/nodes", "deletecollection", "", "v1", "", "nodes", "", "", 1),
        ("DELETE", "/api/v1/namespaces", "deletecollection", "", "v1", "", "namespaces", "", "", 1),
        ("DELETE", "/apis/e/v1/namespaces/other/pods", "deletecollection", "e", "v1", "other", "pods", "", "", 1),
        ("POST", "/apis/e/v1beta3/namespaces/other/pods", "create", "e", "v1beta3", "other", "pods", "", "", 1),
    ] {
        let info = read(method, url);
        assert!(info.is_resource, "{url}");
        assert_eq!(
            (&*info.verb, info.group, info.version, info.namespace, info.resource, info.subresource, &*info.name),
            (verb, group, version, namespace, resource, subresource, name),
            "{method} {url}"
        );
        assert_eq!(info.parts, parts, "{url}");
    }
}

/// From the error cases of `TestGetAPIRequestInfo` and from `TestGetNonAPIRequestInfo`.
#[test]
fn other_requests_are_not_about_objects() {
    for path in [
        "/",
        "",
        "/api",
        "/api/version/",
        "/apis/group/version/",
        "/badprefix/version/resource",
        "/apis/version/resource",
        "/not-api/version/resource",
    ] {
        let info = read("GET", path);
        assert!(!info.is_resource, "{path}");
        assert_eq!(info.attributes(), Attributes::Path { verb: "get", path });
    }
    for path in ["/api/v1/watch", "/api//v1/pods"] {
        assert_eq!(RequestInfo::new("GET", path, &Query::default()).unwrap_err().code, 501);
    }
}

/// From `TestSelectorParsing`.
#[test]
fn a_list_of_one_name_is_about_that_object() {
    for (url, verb, name) in [
        ("/apis/g/v/r", "list", ""),
        ("/apis/g/v/r?fieldSelector=metadata.name=name1", "list", "name1"),
        ("/apis/g/v/r?watch=true&fieldSelector=metadata.name=name1", "watch", "name1"),
        ("/apis/g/v/r?fieldSelector=foo=bar&labelSelector=baz=qux", "list", ""),
        ("/apis/g/v/r?fieldSelector=metadata.name=name1,foo", "list", ""),
        ("/apis/g/v/r?fieldSelector=metadata.name=name1,foo&watch=true", "watch", ""),
        ("/apis/g/v/r?fieldSelector=metadata.name=name1,foo&watch=false", "list", ""),
        ("/apis/g/v/r?fieldSelector=metadata.name=foo&fieldSelector=metadata.name=bar", "list", "foo"),
        ("/apis/g/v/r/name?fieldSelector=metadata.name=bar", "get", "name"),
        ("/apis/g/v/watch/r?fieldSelector=metadata.name=foo", "watch", ""),
        ("/apis/g/v/watch/r/name?fieldSelector=metadata.name=foo", "watch", "name"),
        ("/apis/g/v/r?fieldSelector=metadata.name=a/b", "list", ""),
    ] {
        let info = read("GET", url);
        assert_eq!((&*info.verb, &*info.name), (verb, name), "{url}");
    }
    let info = read("DELETE", "/apis/g/v/r?fieldSelector=metadata.name=a");
    assert_eq!((&*info.verb, &*info.name), ("deletecollection", ""));
}

#[test]
fn a_request_has_the_attributes_that_rbac_sees() {
    let info = read("PATCH", "/apis/apps/v1/namespaces/n/deployments/d/status");
    let attributes = ResourceAttributes {
        verb: "patch",
        group: "apps",
        resource: "deployments",
        subresource: "status",
        namespace: "n",
        name: "d",
    };
    assert_eq!(info.attributes(), Attributes::Resource(attributes));
    assert_eq!(
        read("TRACE", "/apis/apps/v1/deployments").verb_not_supported().message,
        " is not supported on resources of kind \"deployments.apps\""
    );
}
