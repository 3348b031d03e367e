use std::sync::Arc;

use serde_json::{Value, json};

use super::super::builtin::{built_in, kcp_export};
use super::super::catalog::{Catalog, Kinds};
use super::super::flavour::Flavour;
use super::super::route::Missing;
use super::super::served::{Definition, Served};
use super::*;
use crate::schema::Names;

fn own() -> Kinds {
    let names = json!({"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList", "shortNames": ["f"]});
    let definition = Definition {
        group: "example.com",
        version: "v1",
        names: &Names::read(names.as_object().unwrap()),
        namespaced: false,
        status: true,
        scale: true,
        storage_version: Some("v1"),
        terminating: false,
        cluster: None,
    };
    let mut own = Kinds::default();
    own.insert(Arc::new(Served::custom(&definition)));
    own.insert(Arc::new(Served::custom(&Definition {
        version: "v1beta1",
        status: false,
        scale: false,
        terminating: true,
        ..definition
    })));
    own
}

/// The files are of Kubernetes' `api/discovery`.
#[test]
fn resources_are_shown_as_by_a_real_server() {
    let base = built_in(Flavour::Kubernetes);
    let catalog = Catalog::new(Flavour::Kubernetes, vec![&base]);
    let mut compared = 0;
    for file in [
        include_str!("testdata/api__v1.json"),
        include_str!("testdata/apis__apps__v1.json"),
        include_str!("testdata/apis__rbac.authorization.k8s.io__v1.json"),
        include_str!("testdata/apis__apiextensions.k8s.io__v1.json"),
        include_str!("testdata/apis__events.k8s.io__v1.json"),
    ] {
        let real: Value = serde_json::from_str(file).unwrap();
        let group_version = real["groupVersion"].as_str().unwrap();
        let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
        let list = api_resource_list(&catalog, group, version).unwrap();
        assert_eq!(list["groupVersion"], real["groupVersion"]);
        assert_eq!(list.get("apiVersion"), (!group.is_empty()).then(|| json!("v1")).as_ref());
        let real = real["resources"].as_array().unwrap();
        let mut after = 0;
        for resource in list["resources"].as_array().unwrap() {
            let place = real.iter().position(|one| one == resource);
            let place = place.unwrap_or_else(|| panic!("no server shows {resource}"));
            assert!(place >= after, "{resource} comes too late");
            (after, compared) = (place, compared + 1);
        }
    }
    assert_eq!(compared, 36);
}

#[test]
fn groups_are_in_the_order_of_their_priorities() {
    let (base, own) = (built_in(Flavour::Kubernetes), own());
    let catalog = Catalog::new(Flavour::Kubernetes, vec![&base, &own]);
    let list = api_group_list(&catalog, "10.0.0.1:6443");
    let names: Vec<&str> =
        list["groups"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "apps",
            "events.k8s.io",
            "authentication.k8s.io",
            "authorization.k8s.io",
            "networking.k8s.io",
            "policy",
            "rbac.authorization.k8s.io",
            "apiextensions.k8s.io",
            "scheduling.k8s.io",
            "coordination.k8s.io",
            "discovery.k8s.io",
            "example.com"
        ]
    );
    assert_eq!(
        api_group(&catalog, "example.com").unwrap(),
        json!({
            "kind": "APIGroup", "apiVersion": "v1", "name": "example.com",
            "versions": [
                {"groupVersion": "example.com/v1", "version": "v1"},
                {"groupVersion": "example.com/v1beta1", "version": "v1beta1"},
            ],
            "preferredVersion": {"groupVersion": "example.com/v1", "version": "v1"},
        })
    );
    let Err(Missing::Failure(failure)) = api_group(&catalog, "storage.k8s.io") else { panic!() };
    assert_eq!(failure.code, 501);
    assert_eq!(api_group(&catalog, "none"), Err(Missing::Page));
    assert_eq!(
        api_versions(&catalog, "10.0.0.1:6443"),
        json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "10.0.0.1:6443"}],
        })
    );
    let paths = root_paths(&catalog);
    assert!(paths["paths"].as_array().unwrap().contains(&json!("/apis/example.com/v1beta1")));
}

/// As `customresource_discovery_controller.go` makes them.
#[test]
fn custom_resources_have_their_own_order_of_verbs() {
    let own = own();
    let catalog = Catalog::new(Flavour::Kubernetes, vec![&own]);
    let list = api_resource_list(&catalog, "example.com", "v1").unwrap();
    let changed = json!(["get", "patch", "update"]);
    assert_eq!(
        list["resources"],
        json!([
            {
                "name": "foos", "singularName": "foo", "namespaced": false, "kind": "Foo", "shortNames": ["f"],
                "verbs": ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
                "storageVersionHash": crate::kinds::storage_version_hash(None, "example.com", "v1", "Foo"),
            },
            {"name": "foos/status", "singularName": "", "namespaced": false, "kind": "Foo", "verbs": changed},
            {
                "name": "foos/scale", "singularName": "", "namespaced": false, "group": "autoscaling", "version": "v1",
                "kind": "Scale", "verbs": changed,
            },
        ])
    );
    let list = api_resource_list(&catalog, "example.com", "v1beta1").unwrap();
    assert_eq!(list["resources"][0]["verbs"], json!(["delete", "deletecollection", "get", "list", "watch"]));
    assert_eq!(api_resource_list(&catalog, "example.com", "v2"), Err(Missing::Page));
    let base = built_in(Flavour::Kubernetes);
    let catalog = Catalog::new(Flavour::Kubernetes, vec![&base]);
    for (group, version) in [("", "v2"), ("apps", "v2")] {
        assert!(
            matches!(api_resource_list(&catalog, group, version), Err(Missing::Bare(failure)) if failure.code == 404)
        );
    }
    // As seen of kcp.
    let base = built_in(Flavour::Kcp);
    let catalog = Catalog::new(Flavour::Kcp, vec![&base]);
    let none = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "none/v1", "resources": []});
    assert_eq!(api_resource_list(&catalog, "none", "v1"), Ok(none));
}

/// The entry of deployments is that of `api/discovery/aggregated_v2.json`.
#[test]
fn aggregated_discovery_has_everything_in_one() {
    let (base, own) = (built_in(Flavour::Kubernetes), own());
    let catalog = Catalog::new(Flavour::Kubernetes, vec![&base, &own]);
    let Aggregated { etag, body } = aggregated(&catalog, false, AggregatedVersion::V2);
    assert_eq!(body["apiVersion"], "apidiscovery.k8s.io/v2");
    assert_eq!(body["items"][0]["metadata"], json!({"name": "apps"}));
    let apps = &body["items"][0]["versions"][0];
    assert_eq!((&apps["version"], &apps["freshness"]), (&json!("v1"), &json!("Current")));
    assert_eq!(
        apps["resources"][1],
        json!({
            "categories": ["all"], "resource": "deployments",
            "responseKind": {"group": "", "kind": "Deployment", "version": ""},
            "scope": "Namespaced", "shortNames": ["deploy"], "singularResource": "deployment",
            "subresources": [
                {
                    "responseKind": {"group": "autoscaling", "kind": "Scale", "version": "v1"},
                    "subresource": "scale", "verbs": ["get", "patch", "update"],
                },
                {
                    "responseKind": {"group": "", "kind": "Deployment", "version": ""},
                    "subresource": "status", "verbs": ["get", "patch", "update"],
                },
            ],
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        })
    );
    let custom = &body["items"].as_array().unwrap().last().unwrap()["versions"][0]["resources"][0];
    assert_eq!(custom["responseKind"], json!({"group": "example.com", "kind": "Foo", "version": "v1"}));
    assert_eq!(custom["subresources"][0]["subresource"], "status");
    assert_eq!(etag.len(), 130);
    assert_eq!(aggregated(&catalog, false, AggregatedVersion::V2Beta1).etag, etag);
    let without = Catalog::new(Flavour::Kubernetes, vec![&base]);
    assert_ne!(aggregated(&without, false, AggregatedVersion::V2).etag, etag);
    let legacy = aggregated(&catalog, true, AggregatedVersion::V2Beta1).body;
    assert_eq!((&legacy["items"][0]["metadata"], legacy["items"].as_array().unwrap().len()), (&json!({}), 1));
    assert_eq!(legacy["apiVersion"], "apidiscovery.k8s.io/v2beta1");
}

#[test]
fn a_workspace_of_kcp_has_its_own_groups_and_what_it_binds() {
    let (base, tenancy) = (built_in(Flavour::Kcp), kcp_export("tenancy.kcp.io").unwrap());
    let catalog = Catalog::new(Flavour::Kcp, vec![&base, &tenancy]);
    let list = api_group_list(&catalog, "a:1");
    let groups = list["groups"].as_array().unwrap();
    assert_eq!(groups.last().unwrap()["name"], "tenancy.kcp.io");
    assert!(groups.last().unwrap().get("serverAddressByClientCIDRs").is_none());
    assert_eq!(groups[0]["serverAddressByClientCIDRs"][0]["serverAddress"], "a:1");
    let core = api_resource_list(&catalog, "", "v1").unwrap();
    let names: Vec<&str> =
        core["resources"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"secrets") && !names.contains(&"pods"));
    assert_eq!(
        api_resource_list(&catalog, "tenancy.kcp.io", "v1alpha1").unwrap()["resources"][0]["shortNames"],
        json!(["ws"])
    );
    assert!(kcp_export("none").is_none());
}

#[test]
fn a_version_says_what_it_is_compatible_with() {
    let info = VersionInfo {
        major: "1".into(),
        minor: "36".into(),
        git_version: "v1.36.0".into(),
        git_commit: "abc".into(),
        build_date: "2026-04-22T00:00:00Z".into(),
        go_version: "go1.26".into(),
        platform: "linux/amd64".into(),
    };
    let shown = info.to_json();
    assert_eq!((&shown["minCompatibilityMinor"], &shown["emulationMinor"]), (&json!("35"), &json!("36")));
    assert_eq!(shown["gitVersion"], "v1.36.0");
}

/// What `supportsQueryParamV3` of cli-runtime looks for.
#[test]
fn openapi_says_that_the_server_validates_fields() {
    let (base, own) = (built_in(Flavour::Kubernetes), own());
    let catalog = Catalog::new(Flavour::Kubernetes, vec![&base, &own]);
    let document = |path| openapi(&catalog, path, "v1.36.0").unwrap();
    let root = document("/openapi/v3").unwrap();
    let url = root["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap();
    assert!(url.starts_with("/openapi/v3/apis/apps/v1?hash="), "{url}");
    let core = document("/openapi/v3/api/v1").unwrap();
    let patch = &core["paths"]["/api/v1/namespaces/{namespace}/configmaps/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"], json!({"group": "", "version": "v1", "kind": "ConfigMap"}));
    for name in ["fieldValidation", "dryRun"] {
        let mut parameters = patch["parameters"].as_array().unwrap().iter();
        assert!(parameters.any(|one| one["name"] == name && one["in"] == "query"), "{name}");
    }
    let foo = document("/openapi/v3/apis/example.com/v1").unwrap();
    assert_eq!(
        foo["paths"]["/apis/example.com/v1/foos/{name}"]["patch"]["x-kubernetes-group-version-kind"]["kind"],
        "Foo"
    );
    assert_eq!(document("/openapi/v3/apis/none/v1"), None);
    assert_eq!(openapi(&catalog, "/openapi/v1", "v1.36.0").unwrap_err().code, 501);
}

/// As `protoc --decode_raw` reads it.
#[test]
fn openapi_of_old_knows_nothing() {
    let bytes = b"\x0a\x032.0\x12\x15\x0a\x0aKubernetes\x12\x07v1.36.0\x42\x00";
    assert_eq!(old_openapi_in_protobuf("v1.36.0"), bytes);
    assert_eq!(old_openapi("v1.36.0")["paths"], json!({}));
}
