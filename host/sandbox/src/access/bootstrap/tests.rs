use super::*;
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::bindings::Bindings;
use crate::access::user::User;
use crate::access::{aggregation, validation};
use crate::validation::names::NameRule;
use crate::validation::validate_built_in;

fn server() -> Bindings {
    let mut bindings = Bindings::new();
    for (kind, object) in plain() {
        bindings.apply("c", kind, &object);
    }
    bindings
}

#[test]
fn everything_is_valid() {
    for (kind, object) in plain().into_iter().chain(workspaces()) {
        assert_eq!(validation::validate(kind, &object, None), []);
        let metadata = object["metadata"].as_object().expect("metadata");
        let names = |name: &str, prefix: bool| NameRule::PathSegment.check(name, prefix);
        assert_eq!(validate_built_in(metadata, kind.is_namespaced(), &names, "metadata"), []);
        assert_eq!(object["kind"], kind.kind());
    }
}

#[test]
fn what_everybody_may_do() {
    let bindings = server();
    let allowed = |user: &User, attributes: Attributes<'_>| bindings.of("c").authorize(user, &attributes).is_allowed();
    let path = |path| Attributes::Path { verb: "get", path };
    let review = Attributes::Resource(ResourceAttributes {
        verb: "create",
        group: "authorization.k8s.io",
        resource: "selfsubjectaccessreviews",
        ..ResourceAttributes::default()
    });
    let (anonymous, jane) = (User::anonymous(), User::new("jane", [""; 0]).authenticated());
    for (attributes, anonymously, known) in [
        (path("/healthz"), true, true),
        (path("/version"), true, true),
        (path("/apis/apps"), false, true),
        (path("/metrics"), false, false),
        (review, false, true),
    ] {
        assert_eq!(allowed(&anonymous, attributes), anonymously, "{attributes:?}");
        assert_eq!(allowed(&jane, attributes), known, "{attributes:?}");
    }
    assert!(allowed(&User::new("root", ["system:masters"]), path("/metrics")));
    assert!(allowed(&User::new("prometheus", ["system:monitoring"]), path("/metrics")));
}

#[test]
fn people_s_roles_are_gathered() {
    let mut roles: Vec<Value> =
        plain().into_iter().filter(|(kind, _)| *kind == RbacKind::ClusterRole).map(|(_, role)| role).collect();
    roles.sort_by_key(|role| role["metadata"]["name"].as_str().map(str::to_owned));
    for name in ["view", "edit", "admin"] {
        let index = roles.iter().position(|role| role["metadata"]["name"] == name).expect(name);
        let rules =
            aggregation::gathered(&roles[index], &roles.iter().collect::<Vec<_>>()).expect("selectors").expect("rules");
        roles[index]["rules"] = rules;
    }
    let count = |name: &str| {
        roles
            .iter()
            .find(|role| role["metadata"]["name"] == name)
            .and_then(|role| role["rules"].as_array())
            .map(Vec::len)
    };
    assert_eq!((count("view"), count("edit"), count("admin")), (Some(12), Some(12 + 15), Some(12 + 15 + 2)));
}
