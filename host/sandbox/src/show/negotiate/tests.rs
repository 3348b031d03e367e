use super::*;

const GET: Scope = Scope { custom: false, table: true, collection: false, watch: false };

fn form(accept: &str, scope: Scope) -> Form {
    negotiate(accept, scope).expect(accept).form
}

fn refused(accept: &str, scope: Scope) -> (u16, String) {
    match negotiate(accept, scope).expect_err(accept) {
        Missing::Bare(failure) | Missing::Failure(failure) => (failure.code, failure.message.clone()),
        Missing::Page => panic!("{accept}"),
    }
}

const KUBECTL: &str =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

/// After `TestNegotiate` of negotiate_test.go.
#[test]
fn the_first_clause_that_can_be_done_wins() {
    for (accept, expected) in [
        ("", Form::Plain),
        ("*/*", Form::Plain),
        ("application/json; charset=utf-8", Form::Plain),
        (KUBECTL, Form::Table(MetaVersion::V1)),
        ("application/vnd.kubernetes.protobuf,application/json", Form::Plain),
        (
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
            Form::Partial(MetaVersion::V1),
        ),
        (
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1",
            Form::PartialList(MetaVersion::V1Beta1),
        ),
        ("application/json;as=Table;v=v2;g=meta.k8s.io, application/json", Form::Plain),
        ("application/json;stream=watch", Form::Plain),
        ("text/html, application/json;q=0.5", Form::Plain),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", Form::Plain),
    ] {
        assert_eq!(form(accept, GET), expected, "{accept}");
    }
    assert_eq!(form("application/*", Scope { custom: true, ..GET }), Form::Plain);
    assert_eq!(refused("application/*", GET).0, 406);
    assert_eq!(form(KUBECTL, Scope { table: false, ..GET }), Form::Plain);
    assert!(negotiate("application/json;pretty=1", GET).unwrap().pretty);
}

#[test]
fn what_cannot_be_done_is_told() {
    let media = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    let only = |media| format!("only the following media types are accepted: {media}");
    let custom = Scope { custom: true, ..GET };
    assert_eq!(refused("text/html", GET), (406, format!("406: Not Acceptable\n\nAvailable representations: {media}")));
    let list = Scope { collection: true, ..GET };
    assert_eq!(
        refused("text/html", list).1,
        format!(
            "406: Not Acceptable\n\nAvailable representations: {media}, application/json;stream=watch, \
             application/vnd.kubernetes.protobuf;stream=watch"
        )
    );
    assert_eq!(refused("text/html", custom), (406, only(media)));
    // They are told so in protobuf.
    assert_eq!(refused("application/vnd.kubernetes.protobuf", custom).0, 501);
    assert_eq!(refused("application/vnd.kubernetes.protobuf", GET).0, 501);
    assert_eq!(refused("application/yaml", custom).0, 501);
    assert_eq!(refused("application/json;as=Foo", GET), (406, only(media)));
    let watch = Scope { custom: true, watch: true, collection: true, ..GET };
    assert_eq!(refused("application/yaml", watch).0, 501);
}

#[test]
fn aggregated_discovery_is_asked_for() {
    let kubectl = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
        application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    assert_eq!(negotiate_discovery(kubectl), Ok(Some(AggregatedVersion::V2)));
    let old = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
    assert_eq!(negotiate_discovery(old), Ok(Some(AggregatedVersion::V2Beta1)));
    assert_eq!(negotiate_discovery("application/json"), Ok(None));
    assert_eq!(negotiate_discovery(""), Ok(None));
    assert_eq!(negotiate_discovery("text/html"), Ok(None));
    let only = "application/json;as=Table;v=v1;g=meta.k8s.io";
    assert!(matches!(negotiate_plain(only, Produces::All), Err(Missing::Failure(_))));
    assert_eq!(negotiate_plain(KUBECTL, Produces::Unsaid).unwrap().form, Form::Plain);
    let Err(Missing::Bare(failure)) = negotiate_plain("text/html", Produces::Json) else { panic!() };
    assert_eq!(failure.message, "406: Not Acceptable\n\nAvailable representations: application/json");
}

/// As seen of a server.
#[test]
fn metadata_of_one_is_no_list() {
    use crate::kinds::{Flavour, built_in};
    let kinds = built_in(Flavour::Kcp);
    let told = |form: Form, group, version, plural, is_list| {
        let failure = form.check(kinds.get(group, version, plural).unwrap(), is_list).unwrap_err();
        (failure.code, failure.message.clone())
    };
    let (one, many) = (Form::Partial(MetaVersion::V1), Form::PartialList(MetaVersion::V1));
    let list =
        |what| (406, format!("you requested PartialObjectMetadata, but the requested object is a list (*{what})"));
    assert_eq!(told(one, "rbac.authorization.k8s.io", "v1", "clusterroles", true), list("rbac.ClusterRoleList"));
    assert_eq!(told(one, "events.k8s.io", "v1", "events", true), list("core.EventList"));
    assert_eq!(told(one, "core.kcp.io", "v1alpha1", "logicalclusters", true), list("unstructured.UnstructuredList"));
    assert_eq!(
        told(many, "", "v1", "namespaces", false).1,
        "you requested PartialObjectMetadataList, but the requested object is not a list (*core.Namespace)"
    );
    assert_eq!(
        told(many, "core.kcp.io", "v1alpha1", "logicalclusters", false),
        (500, "content is not a list".to_owned())
    );
    assert_eq!(many.check(kinds.get("", "v1", "secrets").unwrap(), true), Ok(()));
}
