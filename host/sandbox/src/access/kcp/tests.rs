//! Workspaces as berthage uses them: `tenant` binds an APIExport of `provider`.

use serde_json::{Value, json};

use super::export::{Binding, Claim, Export, Target, through_virtual_workspace};
use super::users::of_cluster;
use super::workspace::{LogicalCluster, Policy, Workspace};
use super::{ADMIN, SYSTEM_ADMIN};
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::bindings::{Bindings, RbacKind};
use crate::access::bootstrap;
use crate::access::user::User;
use crate::access::view::Verdict;

const READY: LogicalCluster<'static> = LogicalCluster { phase: "Ready", required_groups: None };

fn server() -> Bindings {
    let mut all = Bindings::new();
    for (kind, object) in bootstrap::plain().into_iter().chain(bootstrap::workspaces()) {
        all.apply(SYSTEM_ADMIN, kind, &object);
    }
    all
}

fn grant(all: &mut Bindings, cluster: &str, name: &str, rules: Value, kind: &str, who: &str) {
    let mut role = json!({"metadata": {"name": name}});
    role["rules"] = rules;
    all.apply(cluster, RbacKind::ClusterRole, &role);
    let subject = json!([{"kind": kind, "name": who, "namespace": "default"}]);
    bind(all, cluster, name, name, &subject);
}

fn bind(all: &mut Bindings, cluster: &str, name: &str, role: &str, subjects: &Value) {
    let binding =
        json!({"metadata": {"name": name}, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": subjects});
    all.apply(cluster, RbacKind::ClusterRoleBinding, &binding);
}

fn workspace<'a>(all: &'a Bindings, cluster: &'a str, policies: &'a [Policy]) -> Workspace<'a> {
    Workspace { cluster, bindings: all, logical_cluster: Some(READY), policies }
}

fn on(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
) -> Attributes<'static> {
    Attributes::Resource(ResourceAttributes { verb, group, resource, subresource, namespace: "", name: "" })
}

fn targets(verb: &'static str) -> Attributes<'static> {
    on(verb, "berthage.dev", "synctargets", "")
}

fn certificate(name: &str) -> User {
    User::new(name, [""; 0]).authenticated()
}

#[test]
fn a_workspace_is_entered_first() {
    let mut all = server();
    let rules = json!([{"verbs": ["get"], "apiGroups": ["berthage.dev"], "resources": ["synctargets"]}]);
    grant(&mut all, "tenant", "syncer", rules.clone(), "User", "syncer");
    let syncer = certificate("syncer");
    let tenant = workspace(&all, "tenant", &[]);
    assert_eq!(tenant.authorize(&syncer, &targets("get")), Verdict::NoOpinion("access denied".into()));
    // Discovery is for everybody on a plain server; here only behind the door.
    let discovery = Attributes::Path { verb: "get", path: "/apis" };
    assert!(!tenant.authorize(&syncer, &discovery).is_allowed());
    assert!(tenant.authorize(&syncer, &Attributes::Path { verb: "get", path: "/readyz" }).is_allowed());
    let access = json!([rules[0], {"verbs": ["access"], "nonResourceURLs": ["/"]}]);
    grant(&mut all, "tenant", "syncer", access, "User", "syncer");
    let tenant = workspace(&all, "tenant", &[]);
    let verdict = tenant.authorize(&syncer, &targets("get"));
    assert_eq!((verdict.is_allowed(), verdict.reason().as_str()), (true, "access granted"));
    assert!(tenant.authorize(&syncer, &discovery).is_allowed());
    assert!(!tenant.authorize(&syncer, &targets("list")).is_allowed());
    assert!(!workspace(&all, "other", &[]).authorize(&syncer, &targets("get")).is_allowed());
    let missing = Workspace { logical_cluster: None, ..tenant };
    assert_eq!(missing.authorize(&syncer, &targets("get")), Verdict::NoOpinion("access denied".into()));
    let unavailable = Workspace { logical_cluster: Some(LogicalCluster { phase: "Unavailable", ..READY }), ..tenant };
    assert!(!unavailable.authorize(&syncer, &targets("get")).is_allowed());
}

#[test]
fn admins_and_owners() {
    let mut all = server();
    bind(&mut all, "tenant", "workspace-admin", "cluster-admin", &json!([{"kind": "User", "name": "owner"}]));
    let tenant = workspace(&all, "tenant", &[]);
    let anything = on("delete", "", "secrets", "");
    assert!(tenant.authorize(&User::new("kcp-admin", [ADMIN]).authenticated(), &anything).is_allowed());
    assert!(tenant.authorize(&certificate("owner"), &anything).is_allowed());
    assert!(!workspace(&all, "other", &[]).authorize(&certificate("owner"), &anything).is_allowed());
    // States of kcp are written by kcp alone.
    let status = on("update", "apis.kcp.io", "apibindings", "status");
    assert_eq!(tenant.authorize(&certificate("owner"), &status), Verdict::Deny("access denied".into()));
    let grouped =
        Workspace { logical_cluster: Some(LogicalCluster { required_groups: Some("a,b;c"), ..READY }), ..tenant };
    let with = |groups: &[&str]| User::new("owner", groups.iter().copied()).authenticated();
    assert_eq!(grouped.authorize(&with(&["a"]), &anything), Verdict::Deny("access denied".into()));
    assert!(grouped.authorize(&with(&["a", "b"]), &anything).is_allowed());
    assert!(grouped.authorize(&with(&["c"]), &anything).is_allowed());
}

#[test]
fn accounts_count_at_home() {
    let mut all = server();
    grant(
        &mut all,
        "provider",
        "r",
        json!([{"verbs": ["get"], "apiGroups": ["berthage.dev"], "resources": ["*"]}]),
        "ServiceAccount",
        "bot",
    );
    grant(
        &mut all,
        "tenant",
        "r",
        json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, {"verbs": ["access"], "nonResourceURLs": ["/"]}]),
        "ServiceAccount",
        "bot",
    );
    let bot = of_cluster(User::service_account("default", "bot", "u", None), "provider");
    assert!(workspace(&all, "provider", &[]).authorize(&bot, &targets("get")).is_allowed());
    assert!(!workspace(&all, "tenant", &[]).authorize(&bot, &targets("get")).is_allowed());
    bind(
        &mut all,
        "tenant",
        "global",
        "r",
        &json!([{"kind": "User", "name": "system:kcp:serviceaccount:provider:default:bot"}]),
    );
    assert!(workspace(&all, "tenant", &[]).authorize(&bot, &targets("get")).is_allowed());
}

/// What was tried on a real kcp: tenants write what the policy lets them, and never a status, whatever their rights.
#[test]
fn a_maximal_permission_policy_bounds_tenants() {
    let mut all = server();
    bind(&mut all, "tenant", "workspace-admin", "cluster-admin", &json!([{"kind": "User", "name": "owner"}]));
    let policies =
        [Policy { group: "berthage.dev".into(), resource: "synctargets".into(), provider: "provider".into() }];
    let (owner, status) = (certificate("owner"), on("update", "berthage.dev", "synctargets", "status"));
    assert!(!workspace(&all, "tenant", &policies).authorize(&owner, &targets("create")).is_allowed());
    let rules = json!([
        {"verbs": ["*"], "apiGroups": ["berthage.dev"], "resources": ["synctargets"]},
        {"verbs": ["get", "list", "watch"], "apiGroups": ["berthage.dev"], "resources": ["synctargets/status"]},
    ]);
    grant(&mut all, "provider", "policy", rules, "Group", "apis.kcp.io:binding:system:authenticated");
    let tenant = workspace(&all, "tenant", &policies);
    assert!(tenant.authorize(&owner, &targets("create")).is_allowed());
    assert!(!tenant.authorize(&owner, &status).is_allowed());
    assert!(!tenant.authorize(&User::new("kcp-admin", [ADMIN]).authenticated(), &status).is_allowed());
    assert!(tenant.authorize(&User::new("shard-admin", ["system:masters"]), &status).is_allowed());
    // What comes through the virtual workspace names the identity too and is not what the policy is about.
    let bot = of_cluster(User::service_account("default", "bot", "u", None), "provider");
    let arriving = through_virtual_workspace(&bot, "tenant");
    assert!(!tenant.authorize(&bot, &status).is_allowed());
    assert!(workspace(&all, "tenant", &[]).authorize(&arriving, &status).is_allowed());
}

fn claim(group: &str, resource: &str, verbs: &[&str]) -> Claim {
    let verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
    Claim { group: group.into(), resource: resource.into(), identity_hash: String::new(), verbs }
}

#[test]
fn who_may_use_a_virtual_workspace() {
    let mut all = server();
    let rules = json!([{"verbs": ["get", "list", "update", "create"], "apiGroups": ["apis.kcp.io"], "resources": ["apiexports/content"], "resourceNames": ["berthage"]}]);
    grant(&mut all, "provider", "content", rules, "ServiceAccount", "bot");
    let bot = of_cluster(User::service_account("default", "bot", "u", None), "provider");
    let claims = [claim("", "secrets", &["get", "update"]), claim("", "events", &["create"])];
    let export = Export { name: "berthage", provider: workspace(&all, "provider", &[]), claims: &claims, claimed: &[] };
    let bound = [("berthage.dev".to_owned(), "synctargets".to_owned())];
    let accepted = [claim("", "secrets", &["get", "delete"]), claim("", "events", &["create"])];
    let binding = Target::One(Some(Binding { bound: &bound, accepted: &accepted }));
    let may = |user: &User, attributes, target| export.authorize(user, &attributes, target).is_allowed();
    for (attributes, expected) in [
        (targets("get"), true),
        (targets("delete"), false),
        (on("get", "", "secrets", ""), true),
        (on("update", "", "secrets", ""), false),
        (on("delete", "", "secrets", ""), false),
        (on("create", "events.k8s.io", "events", ""), true),
        (on("get", "", "configmaps", ""), false),
        (on("list", "apis.kcp.io", "apibindings", ""), true),
        (on("update", "apis.kcp.io", "apibindings", ""), false),
    ] {
        assert_eq!(may(&bot, attributes, binding), expected, "{attributes:?}");
    }
    assert!(may(&bot, targets("list"), Target::Every));
    assert!(!may(&bot, targets("list"), Target::One(None)));
    assert!(!may(&certificate("tenant"), targets("list"), Target::Every));
    let elsewhere = of_cluster(User::service_account("default", "bot", "u", None), "tenant");
    assert!(!may(&elsewhere, targets("list"), Target::Every));
}

#[test]
fn a_claimed_resource_keeps_its_policy() {
    let mut all = server();
    grant(
        &mut all,
        "provider",
        "content",
        json!([{"verbs": ["*"], "apiGroups": ["apis.kcp.io"], "resources": ["apiexports/content"]}]),
        "ServiceAccount",
        "bot",
    );
    let bot = of_cluster(User::service_account("default", "bot", "u", None), "provider");
    let claims = [Claim { identity_hash: "hash".into(), ..claim("other.dev", "things", &["*"]) }];
    let things = on("get", "other.dev", "things", "");
    let base = Export { name: "berthage", provider: workspace(&all, "provider", &[]), claims: &claims, claimed: &[] };
    assert_eq!(base.authorize(&bot, &things, Target::Every), Verdict::Deny("access denied".into()));
    let free = [("hash", None)];
    assert!(Export { claimed: &free, ..base }.authorize(&bot, &things, Target::Every).is_allowed());
    let bounded = [("hash", Some(workspace(&all, "others", &[])))];
    assert!(!Export { claimed: &bounded, ..base }.authorize(&bot, &things, Target::Every).is_allowed());
    let mut allowing = server();
    grant(
        &mut allowing,
        "provider",
        "content",
        json!([{"verbs": ["*"], "apiGroups": ["apis.kcp.io"], "resources": ["apiexports/content"]}]),
        "ServiceAccount",
        "bot",
    );
    let who = "apis.kcp.io:binding:system:kcp:serviceaccount:provider:default:bot";
    grant(
        &mut allowing,
        "others",
        "policy",
        json!([{"verbs": ["get"], "apiGroups": ["other.dev"], "resources": ["things"]}]),
        "User",
        who,
    );
    let bounded = [("hash", Some(workspace(&allowing, "others", &[])))];
    let export = Export { claimed: &bounded, provider: workspace(&allowing, "provider", &[]), ..base };
    assert!(export.authorize(&bot, &things, Target::Every).is_allowed());
}
