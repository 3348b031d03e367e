//! What the owner of an APIExport sees and does through its virtual workspace.

use serde_json::{Map, Value, json};

use super::{BINDINGS, SECRETS, Stage, WIDGETS, secret, widget};
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::user::User;
use crate::kcp::virtual_workspace::{Forward, VirtualWorkspace, Visible};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::store::Scope;
use crate::world::{Place, Written};

/// Makes the new object of the present one.
type Compute<'c> = &'c mut dyn FnMut(Option<&Map<String, Value>>) -> Result<Map<String, Value>, Failure>;

struct Scene {
    stage: Stage,
    provider: String,
    a: String,
    b: String,
    owner: User,
}

/// Two workspaces; the second accepts secrets with a label only.
fn scene() -> Scene {
    let mut stage = Stage::new();
    let verbs = json!(["get", "list", "watch", "create", "update", "patch", "delete"]);
    let provider = stage.provider("provider", &json!([{"group": "", "resource": "secrets", "verbs": verbs}]));
    let (a, b) = (stage.workspace("root", "a"), stage.workspace("root", "b"));
    for (cluster, selector) in [(&a, json!({"matchAll": true})), (&b, json!({"matchLabels": {"ours": "yes"}}))] {
        let answer =
            json!([{"group": "", "resource": "secrets", "verbs": verbs, "selector": selector, "state": "Accepted"}]);
        stage.bind(cluster, "root:provider", &answer);
        stage.apply(cluster, secret("plain"));
        stage.apply(cluster, widget("same"));
    }
    let object = |kind: &str, name: &str, more: Value| {
        let mut object =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    stage.apply(
        &provider,
        object(
            "ClusterRole",
            "owner",
            json!({"rules": [
                {
                    "apiGroups": ["apis.kcp.io"], "resources": ["apiexports/content"], "resourceNames": ["widgets"],
                    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
                },
                {"nonResourceURLs": ["/"], "verbs": ["access"]},
            ]}),
        ),
    );
    stage.apply(
        &provider,
        object(
            "ClusterRoleBinding",
            "owner",
            json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "owner"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "owner"}],
            }),
        ),
    );
    let owner = User::new("owner", ["system:authenticated"]);
    Scene { stage, provider, a, b, owner }
}

impl Scene {
    fn through(&self) -> std::sync::Arc<VirtualWorkspace> {
        self.stage.world.virtual_workspace(&self.provider, "widgets").unwrap()
    }

    fn may(&self, user: &User, cluster: Option<&str>, verb: &str, (group, resource): (&str, &str)) -> bool {
        let attributes = ResourceAttributes { verb, group, resource, ..ResourceAttributes::default() };
        self.through().authorize(&self.stage.world, user, &Attributes::Resource(attributes), cluster).is_allowed()
    }

    /// What a list of all workspaces shows, as cluster and name.
    fn seen(&self, (group, version, plural): (&str, &str, &str)) -> Vec<(String, String)> {
        let through = self.through();
        let serving = through.serving(group, version, plural).unwrap();
        let world = &self.stage.world;
        let objects = world.store.view_at(world.store.revision()).objects(&Scope::all(serving.resource)).unwrap();
        let visible = through.visible(group, plural);
        let shown = objects.iter().filter(|object| visible.shows(object));
        shown.map(|object| (object.cluster().to_owned(), object.name().to_owned())).collect()
    }

    fn write(
        &mut self,
        cluster: &str,
        (group, version, plural): (&str, &str, &str),
        (namespace, name): (&str, &str),
        creates: bool,
        compute: Compute<'_>,
    ) -> Result<Written, Failure> {
        let through = self.through();
        let serving = through.serving(group, version, plural).unwrap().clone();
        let forward = Forward {
            through: &through,
            serving: &serving,
            user: &self.owner,
            place: Place { cluster, namespace },
            name,
            subresource: Subresource::None,
            manager: "berthage",
            dry_run: false,
        };
        let written = forward.update(&mut self.stage.world, creates, &mut |_, old| compute(old));
        self.stage.settle();
        written
    }
}

#[test]
fn it_shows_what_is_exported_and_what_is_accepted() {
    let scene = scene();
    let (a, b) = (scene.a.clone(), scene.b.clone());
    let mut both: Vec<(String, String)> =
        [&a, &b].into_iter().map(|cluster| (cluster.clone(), "same".to_owned())).collect();
    both.sort();
    assert_eq!(scene.seen(("example.io", "v1alpha1", "widgets")), both);
    assert_eq!(scene.seen(("", "v1", "secrets")), [(a.clone(), "plain".to_owned())]);
    let bindings = scene.seen(("apis.kcp.io", "v1alpha2", "apibindings"));
    assert_eq!(bindings.len(), 2, "{bindings:?}");
    assert_eq!(scene.through().visible("example.io", "widgets"), &Visible::Everything);
    let through = scene.through();
    let served: Vec<(&str, &str, &str)> =
        through.kinds().iter().map(|one| (&*one.group, &*one.version, &*one.plural)).collect();
    assert_eq!(
        served,
        [
            ("", "v1", "secrets"),
            ("apis.kcp.io", "v1alpha1", "apibindings"),
            ("apis.kcp.io", "v1alpha2", "apibindings"),
            ("example.io", "v1alpha1", "widgets"),
        ]
    );
    assert_eq!(
        through.serving("apis.kcp.io", "v1alpha2", "apibindings").unwrap().served.verbs,
        ["get", "list", "watch"]
    );
    assert!(through.catalog().find("", "v1", "configmaps").is_none());
    let serving = through.serving("example.io", "v1alpha1", "widgets").unwrap();
    assert!(through.is_served(&scene.stage.world, serving, "root", Some(&a)));
    assert!(!through.is_served(&scene.stage.world, serving, "root", Some("root")));
}

#[test]
fn who_may_use_it() {
    let mut scene = scene();
    let (a, b, owner) = (scene.a.clone(), scene.b.clone(), scene.owner.clone());
    let stranger = User::new("stranger", ["system:authenticated"]);
    assert!(scene.may(&owner, None, "list", WIDGETS));
    assert!(scene.may(&owner, Some(&a), "delete", SECRETS));
    assert!(!scene.may(&owner, Some(&a), "deletecollection", SECRETS));
    assert!(!scene.may(&owner, Some(&a), "list", ("", "configmaps")));
    assert!(!scene.may(&owner, Some("root"), "list", WIDGETS));
    assert!(scene.may(&owner, Some(&b), "get", BINDINGS));
    assert!(!scene.may(&owner, Some(&b), "update", BINDINGS));
    assert!(!scene.may(&stranger, None, "list", WIDGETS));
    scene
        .stage
        .change(&a, BINDINGS, ("", "widgets"), &|binding| {
            binding["spec"]["permissionClaims"][0]["state"] = json!("Rejected");
        })
        .unwrap();
    assert!(!scene.may(&owner, Some(&a), "get", SECRETS));
    assert!(scene.may(&owner, Some(&a), "get", WIDGETS));
    scene.stage.delete(&a, BINDINGS, ("", "widgets")).unwrap();
    assert!(!scene.may(&owner, Some(&a), "get", WIDGETS));
}

#[test]
fn an_application_leaves_two_entries_and_takes_nothing_away() {
    let mut scene = scene();
    let a = scene.a.clone();
    let apply = |scene: &mut Scene, finalizers: Value| {
        let through = scene.through();
        let serving = through.serving("example.io", "v1alpha1", "widgets").unwrap().clone();
        let applied = json!({
            "apiVersion": "example.io/v1alpha1", "kind": "Widget",
            "metadata": {"name": "same", "finalizers": finalizers},
        });
        let now = scene.stage.world.now.as_second();
        scene
            .write(&a, ("example.io", "v1alpha1", "widgets"), ("", "same"), true, &mut |old| {
                let old = old.cloned().map(Value::Object);
                let manager = serving.managers.object.as_deref().unwrap();
                match manager.apply(old.as_ref(), &applied, "berthage", true, now)? {
                    crate::fields::Applied::Changed(Value::Object(new)) => Ok(new),
                    _ => Ok(old.and_then(|old| old.as_object().cloned()).unwrap_or_default()),
                }
            })
            .unwrap();
    };
    apply(&mut scene, json!(["example.io/mine"]));
    let stored = scene.stage.get(&a, WIDGETS, ("", "same"));
    assert_eq!(stored["metadata"]["finalizers"], json!(["example.io/mine"]));
    let written = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(manager, operation)| ((*manager).to_owned(), (*operation).to_owned())).collect()
    };
    let entries = |stored: &Value| -> Vec<(String, String)> {
        let all = stored["metadata"]["managedFields"].as_array().unwrap();
        let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
        all.iter().map(|one| (text(one, "manager"), text(one, "operation"))).collect()
    };
    // The PUT of what was not there before takes it from the application at once; one that changes nothing leaves both.
    assert_eq!(entries(&stored), written(&[("berthage", "Update"), ("test", "Update")]), "{stored:#}");
    apply(&mut scene, json!(["example.io/mine"]));
    let stored = scene.stage.get(&a, WIDGETS, ("", "same"));
    let both = written(&[("berthage", "Apply"), ("berthage", "Update"), ("test", "Update")]);
    assert_eq!(entries(&stored), both, "{stored:#}");
    apply(&mut scene, json!([]));
    let stored = scene.stage.get(&a, WIDGETS, ("", "same"));
    assert_eq!(stored["metadata"]["finalizers"], json!(["example.io/mine"]), "the Update entry keeps it");
}

#[test]
fn what_is_written_gets_the_labels_that_the_tenant_asks_for() {
    let mut scene = scene();
    let (a, b) = (scene.a.clone(), scene.b.clone());
    let kind = ("", "v1", "secrets");
    let new = |labels: Value| {
        let mut object = secret("mine");
        object["metadata"]["labels"] = labels;
        object.as_object().unwrap().clone()
    };
    let refused = scene.write(&b, kind, ("default", "mine"), true, &mut |_| Ok(new(json!({"ours": "no"}))));
    assert_eq!(
        refused.map(drop).unwrap_err().message,
        "secrets \"mine\" is forbidden: protected label ours must have value yes"
    );
    scene.write(&b, kind, ("default", "mine"), true, &mut |_| Ok(new(json!({})))).unwrap();
    let stored = scene.stage.get(&b, SECRETS, ("default", "mine"));
    assert_eq!(stored["metadata"]["labels"]["ours"], "yes");
    assert_eq!(scene.seen(kind), {
        let mut seen = vec![(a.clone(), "plain".to_owned()), (b.clone(), "mine".to_owned())];
        seen.sort();
        seen
    });
    // What is not shown is not there.
    let hidden = scene.write(&b, kind, ("default", "plain"), false, &mut |old| Ok(old.cloned().unwrap_or_default()));
    assert_eq!(hidden.map(drop).unwrap_err().message, "secrets \"plain\" not found");
    let nowhere = scene.write("root", kind, ("default", "x"), true, &mut |_| Ok(new(json!({}))));
    let why = "could not find suitable apibinding in target logical cluster: no suitable binding found";
    assert_eq!(nowhere.map(drop).unwrap_err().message, format!("secrets \"x\" is forbidden: {why}"));
    let through = scene.through();
    let serving = through.serving("", "v1", "secrets").unwrap();
    let plain = scene.stage.get(&b, SECRETS, ("default", "plain"));
    let refused = through.admit_deletion(&scene.stage.world, &b, serving, "plain", plain.as_object().unwrap());
    assert_eq!(refused.unwrap_err().message, "secrets \"plain\" is forbidden: object does not match required labels");
}

#[test]
fn a_status_is_written_through_it_whatever_the_policy_says() {
    let mut scene = scene();
    let a = scene.a.clone();
    let through = scene.through();
    let serving = through.serving("example.io", "v1alpha1", "widgets").unwrap().clone();
    let forward = Forward {
        through: &through,
        serving: &serving,
        user: &scene.owner,
        place: Place { cluster: &a, namespace: "" },
        name: "same",
        subresource: Subresource::Status,
        manager: "berthage",
        dry_run: false,
    };
    forward
        .update(&mut scene.stage.world, false, &mut |_, old| {
            let mut new = old.cloned().unwrap_or_default();
            new.insert("status".to_owned(), json!({}));
            Ok(new)
        })
        .unwrap();
    let stored = scene.stage.get(&a, WIDGETS, ("", "same"));
    assert_eq!(stored["status"], json!({}));
    let entries = stored["metadata"]["managedFields"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["manager"] == "berthage").unwrap();
    assert_eq!(entry["subresource"], "status");
}
