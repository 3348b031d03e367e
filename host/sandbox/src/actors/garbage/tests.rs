//! Owners and dependents.

use serde_json::{Value, json};

use crate::actors::testing::Fixture;

/// A ConfigMap with these owners.
fn map(name: &str, owners: &[&Value]) -> Value {
    let references: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({
                "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true,
            })
        })
        .collect();
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}});
    if !references.is_empty() {
        map["metadata"]["ownerReferences"] = json!(references);
    }
    map
}

/// An owner, a dependent, and a dependent of that.
fn family(mut fixture: Fixture) -> Fixture {
    let owner = fixture.make(map("owner", &[]));
    let child = fixture.make(map("child", &[&owner]));
    fixture.make(map("grandchild", &[&child]));
    fixture.settle();
    fixture
}

fn names(fixture: &Fixture) -> Vec<String> {
    let all = fixture.list("configmaps", "default");
    let names = all.iter().map(|map| map["metadata"]["name"].as_str().unwrap().to_owned());
    names.filter(|name| name != "kube-root-ca.crt").collect()
}

#[test]
fn in_the_background_dependents_go_after_their_owners() {
    for fixture in [Fixture::kubernetes(), Fixture::kcp()] {
        let mut fixture = family(fixture);
        fixture.delete_with("configmaps", "default", "owner", Some("Background"));
        assert_eq!(names(&fixture), ["child", "grandchild"]);
        fixture.settle();
        assert_eq!(names(&fixture), Vec::<String>::new());
    }
}

#[test]
fn in_the_foreground_owners_go_after_their_dependents() {
    let mut fixture = family(Fixture::kubernetes());
    fixture.change("configmaps", "default", "grandchild", |map| {
        map["metadata"]["finalizers"] = json!(["example.com/hold"]);
    });
    fixture.delete_with("configmaps", "default", "owner", Some("Foreground"));
    fixture.settle();
    assert_eq!(names(&fixture), ["child", "grandchild", "owner"]);
    for (name, finalizer) in
        [("owner", "foregroundDeletion"), ("child", "foregroundDeletion"), ("grandchild", "example.com/hold")]
    {
        let held = fixture.get("configmaps", "default", name);
        assert_eq!(held["metadata"]["finalizers"], json!([finalizer]), "{name}");
        assert!(held["metadata"]["deletionTimestamp"].is_string());
    }
    fixture.change("configmaps", "default", "grandchild", |map| map["metadata"]["finalizers"] = json!([]));
    fixture.settle();
    assert_eq!(names(&fixture), Vec::<String>::new());
}

#[test]
fn a_dependent_that_does_not_block_does_not_hold_its_owner() {
    let mut fixture = Fixture::kubernetes();
    let owner = fixture.make(map("owner", &[]));
    let mut child = map("child", &[&owner]);
    child["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(false);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    fixture.make(child);
    fixture.delete_with("configmaps", "default", "owner", Some("Foreground"));
    fixture.settle();
    assert_eq!(names(&fixture), ["child"]);
    assert!(fixture.get("configmaps", "default", "child")["metadata"]["deletionTimestamp"].is_string());
}

#[test]
fn letting_go_of_an_owner_lets_it_go() {
    let mut fixture = Fixture::kubernetes();
    let owner = fixture.make(map("owner", &[]));
    let mut child = map("child", &[&owner]);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    fixture.make(child);
    fixture.delete_with("configmaps", "default", "owner", Some("Foreground"));
    fixture.settle();
    assert_eq!(names(&fixture), ["child", "owner"]);
    fixture.change("configmaps", "default", "child", |map| map["metadata"]["ownerReferences"] = json!([]));
    fixture.settle();
    assert_eq!(names(&fixture), ["child"]);
}

#[test]
fn orphans_stay_and_have_no_owner() {
    let mut fixture = family(Fixture::kubernetes());
    fixture.delete_with("configmaps", "default", "owner", Some("Orphan"));
    fixture.settle();
    assert_eq!(names(&fixture), ["child", "grandchild"]);
    assert_eq!(fixture.get("configmaps", "default", "child")["metadata"].get("ownerReferences"), None);
    assert!(fixture.get("configmaps", "default", "grandchild")["metadata"]["ownerReferences"].is_array());
}

#[test]
fn an_owner_that_is_not_there_or_is_another_one_is_none() {
    let mut fixture = Fixture::kubernetes();
    let owner = fixture.make(map("owner", &[]));
    let mut other = owner.clone();
    other["metadata"]["uid"] = json!("2c4d6f0a-0000-4000-8000-000000000000");
    fixture.make(map("another-uid", &[&other]));
    fixture.make(map("both", &[&owner, &other]));
    fixture.make(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}));
    fixture.settle();
    let mut elsewhere = map("elsewhere", &[&owner]);
    elsewhere["metadata"]["namespace"] = json!("n");
    fixture.make(elsewhere);
    let mut unknown = owner.clone();
    unknown["kind"] = json!("Unknown");
    fixture.make(map("unknown", &[&unknown]));
    fixture.settle();
    assert_eq!(names(&fixture), ["both", "owner", "unknown"]);
    assert_eq!(fixture.get("configmaps", "n", "elsewhere"), Value::Null);
    let left = &fixture.get("configmaps", "default", "both")["metadata"]["ownerReferences"];
    assert_eq!((left.as_array().unwrap().len(), &left[0]["uid"]), (1, &owner["metadata"]["uid"]));
}

#[test]
fn an_owner_that_comes_again_is_another_one() {
    let mut fixture = family(Fixture::kubernetes());
    fixture.delete("configmaps", "default", "owner");
    fixture.make(map("owner", &[]));
    fixture.settle();
    assert_eq!(names(&fixture), ["owner"]);
}

#[test]
fn those_who_own_each_other_go_in_the_foreground_too() {
    let mut fixture = Fixture::kubernetes();
    let one = fixture.make(map("one", &[]));
    let two = fixture.make(map("two", &[&one]));
    let reference = map("x", &[&two])["metadata"]["ownerReferences"].clone();
    fixture.change("configmaps", "default", "one", |map| map["metadata"]["ownerReferences"] = reference.clone());
    fixture.settle();
    fixture.delete_with("configmaps", "default", "one", Some("Foreground"));
    fixture.settle();
    assert_eq!(names(&fixture), Vec::<String>::new());
}
