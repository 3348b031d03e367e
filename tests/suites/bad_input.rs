//! Bad input: each gets a condition with its own reason, which names the place and the next step; nothing else is
//! affected; and when the cause goes, everything goes on by itself.

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::status::target::kind;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::kubeconfig;
use berthage_e2e::proxy::{Before, Proxy, Request};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::fresh_name;
use futures::future::try_join_all;
use http::StatusCode;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::stage::registration::{NAMESPACE, ready_reason, secret_name};
use crate::stage::site::Site;
use crate::stage::target::{Target, condition, holds, is, is_ready, merged, status, target};
use crate::stage::{Hub, Result, Shared, problem, shared};

/// A kubeconfig that cannot be used.
struct Kubeconfig {
    what: &'static str,
    text: String,
    reason: &'static str,
    /// Words that the message must have: the place, and the next step.
    says: &'static [&'static str],
}

impl Kubeconfig {
    fn new(what: &'static str, text: impl Into<String>, reason: &'static str, says: &'static [&'static str]) -> Self {
        Self { what, text: text.into(), reason, says }
    }
}

/// What no kubeconfig may hold, and no message may show.
const CANARY: &str = "canary-of-bad-input";

/// Kubeconfigs that are refused before anybody is called.
fn refused(good: &str, mark: &str) -> Vec<Kubeconfig> {
    let token = "    token: administrator-token\n";
    assert!(good.contains(token), "the harness writes kubeconfigs in another form now");
    let user = |fields: &str| good.replace(token, fields);
    let cluster = |fields: &str| good.replace("  cluster:\n    server: ", &format!("  cluster:\n{fields}    server: "));
    let exec = format!(
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: /bin/touch\n      args: [{mark}]\n      \
         interactiveMode: Never\n"
    );
    let provider = format!(
        "    auth-provider:\n      name: gcp\n      config:\n        cmd-path: /bin/touch\n        cmd-args: {mark}\n"
    );
    let authority = good.lines().find(|line| line.contains("certificate-authority-data")).unwrap_or_default();
    let refused = "KubeconfigRefused";
    let invalid = "KubeconfigInvalid";
    vec![
        Kubeconfig::new("empty", "", "KubeconfigEmpty", &["empty", "Secret"]),
        Kubeconfig::new("white space", " \n\n", "KubeconfigEmpty", &["empty"]),
        Kubeconfig::new("unparsable", format!("clusters: [{CANARY}"), invalid, &["line 1", "YAML"]),
        Kubeconfig::new("oversized", format!("{good}# {}\n", "x".repeat(300_000)), "KubeconfigTooLarge", &["262144"]),
        Kubeconfig::new(
            "authority that is no base64",
            good.replace(authority, &format!("    certificate-authority-data: '*{CANARY}*'")),
            invalid,
            &["clusters[0].cluster.certificate-authority-data", "base64"],
        ),
        Kubeconfig::new(
            "key that is no base64",
            user(&format!("    client-certificate-data: '*{CANARY}*'\n    client-key-data: '*{CANARY}*'\n")),
            invalid,
            &["client-", "base64"],
        ),
        Kubeconfig::new("no credential", user("    {}\n"), invalid, &["users[0].user", "token"]),
        Kubeconfig::new("exec", user(&exec), refused, &["users[0].user.exec", "token"]),
        Kubeconfig::new("auth-provider", user(&provider), refused, &["users[0].user.auth-provider", "token"]),
        Kubeconfig::new(
            "token file",
            user("    tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token\n"),
            refused,
            &["users[0].user.tokenFile", "token"],
        ),
        Kubeconfig::new(
            "key file",
            user("    client-certificate: /etc/hostname\n    client-key: /etc/hostname\n"),
            refused,
            &["client-", "-data"],
        ),
        Kubeconfig::new(
            "authority file",
            good.replace(authority, "    certificate-authority: /etc/ssl/certs/ca-certificates.crt"),
            refused,
            &["clusters[0].cluster.certificate-authority", "certificate-authority-data"],
        ),
        Kubeconfig::new("plain http", good.replace("https://", "http://"), refused, &["server", "https://"]),
        Kubeconfig::new(
            "no check of the server",
            cluster("    insecure-skip-tls-verify: true\n"),
            refused,
            &["insecure-skip-tls-verify", "certificate-authority-data"],
        ),
        Kubeconfig::new("proxy", cluster("    proxy-url: http://127.0.0.1:1\n"), refused, &["proxy-url"]),
        Kubeconfig::new(
            "impersonation",
            user(&format!("    as: system:masters\n{token}")),
            refused,
            &["users[0].user.as"],
        ),
        Kubeconfig::new(
            "password",
            user(&format!("    username: a\n    password: {CANARY}\n")),
            refused,
            &["users[0].user."],
        ),
        Kubeconfig::new(
            "credential in the URL",
            good.replace("https://", &format!("https://a:{CANARY}@")),
            refused,
            &["server", "user name"],
        ),
    ]
}

/// A target for a registration with a bad kubeconfig: what is said, and that a good one cures it.
async fn is_told_and_cured(hub: &Hub<'_>, case: &Kubeconfig, good: &str) -> Result<Target> {
    let name = fresh_name("bad");
    hub.register(&name, &case.text).await?;
    let target = hub.create(target(&name, &name)).await?;
    check(hub, &target, case).await.map_err(|error| problem(format!("{}: {error:?}", case.what)))?;
    hub.replace_kubeconfig(&name, good).await?;
    hub.ready(&target).await.map_err(|error| problem(format!("cure of {}: {error:?}", case.what)))?;
    Ok(target)
}

async fn check(hub: &Hub<'_>, target: &Target, case: &Kubeconfig) -> Result {
    let registration = hub.probed(&target.name, case.reason).await?;
    let (_, message) = ready_reason(&registration).ok_or("no condition")?;
    for words in case.says {
        assert!(message.contains(words), "{}: `{words}` is missing in: {message}", case.what);
    }
    let found = hub.has(target, kind::CLUSTER_CONNECTED, ConditionStatus::False, case.reason).await?;
    let message = condition(&found, kind::CLUSTER_CONNECTED).map(|it| it.message.as_str()).unwrap_or_default();
    for words in case.says.iter().copied().chain([target.name.as_str()]) {
        assert!(message.contains(words), "{}: `{words}` is missing in: {message}", case.what);
    }
    assert!(is(&found, kind::READY, ConditionStatus::False, case.reason), "{}: Ready", case.what);
    assert!(found.metadata.finalizers.unwrap_or_default().is_empty(), "{}: a finalizer", case.what);
    for text in [serde_json::to_string(&registration)?, serde_json::to_string(&hub.news(target).await?)?] {
        assert!(!text.contains(CANARY), "{}: a value of the kubeconfig is shown in {text}", case.what);
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn kubeconfigs_that_are_not_accepted_say_why_and_run_nothing() -> Result {
    let Shared { hub, east, controller, .. } = shared().await?;
    let folder = RunFolder::new("refused")?;
    let mark = folder.path().join("executed");
    let neighbour = hub.onboard(&fresh_name("neighbour"), &east.kubeconfig()).await?;
    let before = hub.get(&neighbour).await?.metadata.resource_version;

    let good = east.kubeconfig();
    let cases = refused(&good, &mark.display().to_string());
    try_join_all(cases.iter().map(|case| is_told_and_cured(&hub, case, &good))).await?;
    assert!(!mark.exists(), "a program named in a kubeconfig was run");
    assert_eq!(hub.get(&neighbour).await?.metadata.resource_version, before, "a neighbour was written to");
    assert!(!controller.process.output().contains(CANARY), "a value of a kubeconfig is in the log");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_secret_without_the_key_says_which_keys_it_has() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("keyless");
    hub.register(&name, &east.kubeconfig()).await?;
    let other = json!({ "spec": { "kubeConfigSecretRef": { "key": "admin.conf" } } });
    hub.registrations().patch(&name, &PatchParams::default(), &Patch::Merge(other)).await?;
    let target = hub.create(target(&name, &name)).await?;
    let says = &["admin.conf", "kubeconfig", "kubeConfigSecretRef.key"];
    check(&hub, &target, &Kubeconfig::new("another key", "", "SecretKeyMissing", says)).await?;
    let right = json!({ "spec": { "kubeConfigSecretRef": { "key": "kubeconfig" } } });
    hub.registrations().patch(&name, &PatchParams::default(), &Patch::Merge(right)).await?;
    hub.ready(&target).await?;
    Ok(())
}

/// A server that accepts connections and does nothing else; it counts them.
struct Silent {
    port: u16,
    accepted: watch::Receiver<usize>,
}

impl Silent {
    async fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (count, accepted) = watch::channel(0);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.push(stream);
                count.send_replace(open.len());
            }
        });
        Ok(Self { port, accepted })
    }
}

/// Kubeconfigs that are accepted, and lead to nothing good.
fn unhelpful(site: &Site<'_>, other: &Site<'_>, silent: &Silent, odd: &[Proxy]) -> Result<Vec<Kubeconfig>> {
    let at = |url: String| site.cluster.kubeconfig_at(&url);
    let closed = berthage_e2e::port::reserve()?;
    let foreign = kubeconfig::with_token(&site.cluster.url(), &other.cluster.authority().certificate(), "none");
    let stranger = kubeconfig::with_token(&site.cluster.url(), &site.cluster.authority().certificate(), CANARY);
    Ok(vec![
        Kubeconfig::new(
            "closed port",
            at(format!("https://127.0.0.1:{closed}")),
            "ClusterUnreachable",
            &["127.0.0.1", "refuses", "check"],
        ),
        Kubeconfig::new(
            "no such host",
            at("https://cluster.invalid:6443".into()),
            "ClusterUnreachable",
            &["cluster.invalid", "name"],
        ),
        Kubeconfig::new(
            "silence",
            at(format!("https://127.0.0.1:{}", silent.port)),
            "ClusterTimeout",
            &["127.0.0.1", "check"],
        ),
        Kubeconfig::new("another authority", foreign, "ClusterTlsFailed", &["127.0.0.1", "certificate-authority-data"]),
        Kubeconfig::new("a token that nobody knows", stranger, "ClusterUnauthorized", &["401", "credential"]),
        Kubeconfig::new(
            "a user without rights",
            site.cluster.kubeconfig_of("nobody", None, &site.cluster.url())?,
            "ClusterForbidden",
            &["403", "kube-system", "grant"],
        ),
        Kubeconfig::new("no Kubernetes", at(odd[0].url()), "ClusterAnswerInvalid", &["Kubernetes API"]),
        Kubeconfig::new("an answer without end", at(odd[1].url()), "ClusterAnswerInvalid", &["larger"]),
        Kubeconfig::new("an overloaded server", at(odd[2].url()), "ClusterOverloaded", &["503"]),
    ])
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn clusters_that_cannot_be_used_say_why_and_are_left_in_peace() -> Result {
    let Shared { hub, east, west, .. } = shared().await?;
    let silent = Silent::listen().await?;
    let mut odd = Vec::new();
    for (status, text) in [
        (StatusCode::OK, "<html>Welcome</html>".to_owned()),
        (StatusCode::OK, format!("\"{}\"", "x".repeat(40 << 20))),
        (StatusCode::SERVICE_UNAVAILABLE, String::new()),
    ] {
        let proxy = Proxy::start(east.cluster).await?;
        proxy.intercept(move |_: &Request| Before::Respond(status, text.clone()));
        odd.push(proxy);
    }
    let neighbour = hub.onboard(&fresh_name("neighbour"), &east.kubeconfig()).await?;
    let before = hub.get(&neighbour).await?.metadata.resource_version;

    let cases = unhelpful(&east, &west, &silent, &odd)?;
    let good = east.kubeconfig();
    try_join_all(cases.iter().map(|case| is_told_and_cured(&hub, case, &good))).await?;
    assert_eq!(hub.get(&neighbour).await?.metadata.resource_version, before, "a neighbour was written to");
    let connections = *silent.accepted.borrow();
    assert!(connections <= 10, "{connections} connections to a server that never answers");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_does_not_answer_holds_up_nobody_else() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let silent = Silent::listen().await?;
    let mut waiting = Vec::new();
    // More than there are workers.
    for _ in 0..20 {
        let name = fresh_name("mute");
        hub.register(&name, &east.cluster.kubeconfig_at(&format!("https://127.0.0.1:{}", silent.port))).await?;
        waiting.push(hub.create(target(&name, &name)).await?);
    }
    silent.accepted.clone().wait_for(|count| *count > 0).await?;
    hub.onboard(&fresh_name("brisk"), &east.kubeconfig()).await?;
    for target in &waiting {
        hub.remove(target).await?;
        hub.registrations().delete(&target.name, &DeleteParams::default()).await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_credential_that_may_not_make_cluster_roles_is_told_which_right_is_missing() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let user = fresh_name("limited");
    let role = |rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": user }, "rules": rules,
        })
    };
    let binding = |role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": format!("{user}-{role}") },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        })
    };
    let some = json!([
        { "apiGroups": [""], "resources": ["namespaces", "nodes", "secrets", "serviceaccounts"], "verbs": ["*"] },
        { "apiGroups": ["apps", "networking.k8s.io", "policy"], "resources": ["*"], "verbs": ["*"] },
    ]);
    east.cluster.apply(&[role(some), binding(&user)]).await?;
    hub.register(&user, &east.cluster.kubeconfig_of(&user, None, &east.cluster.url())?).await?;
    let target = hub.create(target(&user, &user)).await?;
    let found = hub.has(&target, kind::SYNCER_DEPLOYED, ConditionStatus::False, "ClusterForbidden").await?;
    let message = condition(&found, kind::SYNCER_DEPLOYED).map(|it| it.message.clone()).unwrap_or_default();
    for words in ["ClusterRole", "403", "grant"] {
        assert!(message.contains(words), "`{words}` is missing in: {message}");
    }
    assert!(is(&found, kind::CLUSTER_CONNECTED, ConditionStatus::True, "AsExpected"));
    east.cluster.apply(&[binding("cluster-admin")]).await?;
    hub.ready(&target).await?;
    Ok(())
}

/// An object that the hub's API refuses.
struct Refused {
    patch: Value,
    says: &'static str,
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn specs_outside_the_schema_are_refused_by_the_hub_with_their_path() -> Result {
    let Shared { hub, .. } = shared().await?;
    let syncer = |field: &str, value: Value| json!({ "spec": { "syncerConfig": { field: value } } });
    let cases = [
        Refused { patch: syncer("replicas", json!(0)), says: "spec.syncerConfig.replicas" },
        Refused { patch: syncer("replicas", json!(6)), says: "spec.syncerConfig.replicas" },
        Refused { patch: syncer("image", json!("x".repeat(5000))), says: "spec.syncerConfig.image" },
        Refused { patch: syncer("image", json!("x\n  hostNetwork: true")), says: "spec.syncerConfig.image" },
        Refused { patch: syncer("image", json!("")), says: "spec.syncerConfig.image" },
        Refused {
            patch: syncer("downstreamNamespace", json!("kube-system")),
            says: "spec.syncerConfig.downstreamNamespace",
        },
        Refused {
            patch: syncer("downstreamNamespace", json!("default")),
            says: "spec.syncerConfig.downstreamNamespace",
        },
        Refused { patch: syncer("resyncPeriod", json!("1s")), says: "spec.syncerConfig.resyncPeriod" },
        Refused { patch: syncer("resyncPeriod", json!("soon")), says: "spec.syncerConfig.resyncPeriod" },
        Refused { patch: syncer("heartbeatInterval", json!("2h")), says: "spec.syncerConfig.heartbeatInterval" },
        Refused {
            patch: syncer("resources", json!({ "limits": { "memory": "much" } })),
            says: "spec.syncerConfig.resources.limits.memory",
        },
        Refused {
            patch: json!({ "spec": { "credentials": { "duration": "1m" } } }),
            says: "spec.credentials.duration",
        },
        Refused { patch: json!({ "spec": { "credentials": { "type": "Password" } } }), says: "spec.credentials.type" },
        Refused {
            patch: json!({ "spec": { "supportedAPIResources": [{ "version": "v1", "resource": "*" }] } }),
            says: "spec.supportedAPIResources[0].resource",
        },
        Refused {
            patch: json!({ "spec": { "supportedAPIResources": [
                { "version": "v1", "resource": "pods" }, { "version": "v1", "resource": "pods" },
            ] } }),
            says: "spec.supportedAPIResources",
        },
        Refused { patch: json!({ "spec": { "clusterRef": { "name": "" } } }), says: "spec.clusterRef.name" },
        Refused { patch: json!({ "spec": { "clusterRef": { "name": "../other" } } }), says: "spec.clusterRef.name" },
        Refused { patch: json!({ "metadata": { "name": "x".repeat(254) } }), says: "metadata.name" },
        Refused { patch: json!({ "spec": { "replicaz": 1 } }), says: "replicaz" },
    ];
    for case in cases {
        let manifest = merged(target(&fresh_name("refused"), "nowhere"), &case.patch);
        // As kubectl asks: what the schema does not know is an error, too.
        let request = http::Request::post("/apis/workload.kcp.io/v1alpha1/synctargets?fieldValidation=Strict")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&manifest)?)?;
        match hub.client.request::<Value>(request).await {
            Err(kube::Error::Api(status)) => {
                assert!(matches!(status.code, 400 | 422), "{}: {status:?}", case.says);
                assert!(status.message.contains(case.says), "`{}` is missing in: {}", case.says, status.message);
            }
            other => return Err(problem(format!("{} was not refused: {other:?}", case.says))),
        }
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn names_of_253_characters_work() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let stem = fresh_name("long");
    let name = format!("{stem}{}", "-long".repeat(51)).chars().take(252).chain(['x']).collect::<String>();
    assert_eq!(name.len(), 253);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": name, "namespace": NAMESPACE, "labels": { "berthage.dev/kubeconfig": "true" } },
        "stringData": { "kubeconfig": east.kubeconfig() },
    });
    let registration = json!({
        "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration", "metadata": { "name": name },
        "spec": { "kubeConfigSecretRef": { "namespace": NAMESPACE, "name": name } },
    });
    hub.cluster.apply(&[secret, registration]).await?;
    let target = hub.create(target(&name, &name)).await?;
    hub.ready(&target).await?;
    hub.told(&target, "Ready", "").await?;
    hub.remove(&target).await?;
    east.clean(&target).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_namespace_that_somebody_else_owns_is_not_taken() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let (name, namespace) = (fresh_name("taken"), fresh_name("theirs"));
    let theirs = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": { "owner": "others" } },
    });
    let content = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "precious", "namespace": namespace },
    });
    east.cluster.apply(&[theirs, content]).await?;
    let before = east.namespaces().get(&namespace).await?;
    hub.register(&name, &east.kubeconfig()).await?;
    let chosen = json!({ "spec": { "syncerConfig": { "downstreamNamespace": namespace } } });
    let manifest = merged(target(&name, &name), &chosen);

    let mut first = hub.create(manifest.clone()).await?;
    first.names.namespace.clone_from(&namespace);
    let found = hub.has(&first, kind::SYNCER_DEPLOYED, ConditionStatus::False, "OwnedByOthers").await?;
    let message = condition(&found, kind::SYNCER_DEPLOYED).map(|it| it.message.clone()).unwrap_or_default();
    for words in [format!("Namespace {namespace}"), "delete".to_owned(), "choose another namespace".to_owned()] {
        assert!(message.contains(&words), "`{words}` is missing in: {message}");
    }
    assert_eq!(east.namespaces().get(&namespace).await?.metadata.resource_version, before.metadata.resource_version);
    assert!(east.deployments(&first.names).get_opt(&first.names.syncer).await?.is_none());

    // Its deletion does not touch what is not ours either.
    hub.remove(&first).await?;
    let left = east.belongings(&first).await?;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(east.namespaces().get(&namespace).await?.metadata.resource_version, before.metadata.resource_version);

    // When the others leave, it goes on by itself.
    let mut second = hub.create(manifest).await?;
    second.names.namespace.clone_from(&namespace);
    hub.has(&second, kind::SYNCER_DEPLOYED, ConditionStatus::False, "OwnedByOthers").await?;
    east.namespaces().delete(&namespace, &DeleteParams::default()).await?;
    hub.ready(&second).await?;
    hub.remove(&second).await?;
    east.clean(&second).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn an_admission_policy_that_refuses_an_object_is_quoted() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let (name, namespace) = (fresh_name("denied"), fresh_name("strict"));
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": { "name": namespace },
        "spec": {
            "matchConstraints": { "resourceRules": [
                { "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"] },
            ]},
            "matchConditions": [{ "name": "here", "expression": format!("request.namespace == '{namespace}'") }],
            "validations": [{ "expression": "false", "message": "no ships on Sundays" }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": namespace },
        "spec": { "policyName": namespace, "validationActions": ["Deny"] },
    });
    east.cluster.apply(&[policy, binding]).await?;
    policy_is_at_work(&east, &namespace).await?;
    hub.register(&name, &east.kubeconfig()).await?;
    let chosen = json!({ "spec": { "syncerConfig": { "downstreamNamespace": namespace } } });
    let target = hub.create(merged(target(&name, &name), &chosen)).await?;
    let found = hub.has(&target, kind::SYNCER_DEPLOYED, ConditionStatus::False, "AdmissionDenied").await?;
    let message = condition(&found, kind::SYNCER_DEPLOYED).map(|it| it.message.clone()).unwrap_or_default();
    for words in ["Deployment", "no ships on Sundays", "change the rule"] {
        assert!(message.contains(words), "`{words}` is missing in: {message}");
    }
    // The Secret is in the cluster: a credential that is not noted would be made anew by every run, and each would wake the next.
    let credential = |target: &SyncTarget| target.status.clone()?.syncer?.credential;
    let made = credential(&found);
    assert!(made.is_some(), "the credential is not noted: {:?}", found.status);
    let bindings: Api<k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding> =
        Api::all(east.client.clone());
    bindings.delete(&namespace, &DeleteParams::default()).await?;
    assert_eq!(credential(&hub.ready(&target).await?), made);
    Ok(())
}

/// Waits until the API server has taken in a policy about Deployments in a namespace that does not exist yet.
async fn policy_is_at_work(site: &Site<'_>, namespace: &str) -> Result {
    let namespaced = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
    site.cluster.apply(&[namespaced]).await?;
    let deployments: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(site.client.clone(), namespace);
    let probe = json!({
        "metadata": { "name": "probe" },
        "spec": {
            "replicas": 0, "selector": { "matchLabels": { "app": "probe" } },
            "template": { "metadata": { "labels": { "app": "probe" } }, "spec": { "containers": [{ "name": "a", "image": "a" }] } },
        },
    });
    let probe: k8s_openapi::api::apps::v1::Deployment = serde_json::from_value(probe)?;
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    wait::until_some("the admission policy being at work", PATIENCE, || async {
        match deployments.create(&parameters, &probe).await {
            Err(kube::Error::Api(status)) if status.message.contains("Sundays") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    site.namespaces().delete(namespace, &DeleteParams::default()).await?;
    Ok(wait::until_gone(&site.namespaces(), namespace, PATIENCE).await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn values_that_do_not_fit_stop_the_next_revision_and_leave_the_last() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("values"), &east.kubeconfig()).await?;
    let before = east.deployment(&target.names).await?.metadata.generation;
    for (values, says) in [
        (json!({ "logLevel": 7 }), "logLevel"),
        (json!({ "hostNetwork": true }), "hostNetwork"),
        (json!({ "networkPolicy": { "enabled": true, "ports": [0] } }), "networkPolicy.ports"),
    ] {
        let rest = hub.get(&target).await?.spec.values;
        hub.change(&target, json!({ "spec": { "values": values } })).await?;
        let found = hub.has(&target, kind::TEMPLATE_RENDERED, ConditionStatus::False, "TemplateInvalid").await?;
        let message = condition(&found, kind::TEMPLATE_RENDERED).map(|it| it.message.clone()).unwrap_or_default();
        assert!(message.replace('/', ".").contains(says), "`{says}` is missing in: {message}");
        assert!(is(&found, kind::STALLED, ConditionStatus::True, "TemplateInvalid"));
        assert!(holds(&found, kind::READY), "the last revision serves");
        assert_eq!(east.deployment(&target.names).await?.metadata.generation, before);
        // A merge patch cannot take a key away but by null.
        let back: serde_json::Map<String, Value> = values
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| (key.clone(), rest.get(key).cloned().unwrap_or_default()))
            .collect();
        hub.change(&target, json!({ "spec": { "values": back } })).await?;
        let cured = |now: &SyncTarget| is_ready(now) && condition(now, kind::STALLED).is_none();
        hub.until(&target, "the target being cured", cured).await?;
    }
    assert_eq!(east.deployment(&target.names).await?.metadata.generation, before);
    assert!(status(&hub.get(&target).await?).last_sync_time.is_some());
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_registration_deleted_while_in_use_is_told_and_comes_back() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("orphan");
    let target = hub.onboard(&name, &east.kubeconfig()).await?;
    let before = east.belongings(&target).await?;
    hub.registrations().delete(&name, &DeleteParams::default()).await?;
    hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "RegistrationNotFound").await?;
    assert_eq!(east.belongings(&target).await?, before, "something was deleted");
    let secret = hub.secrets().get_metadata(&secret_name(&name)).await?;
    assert!(secret.metadata.finalizers.is_some_and(|finalizers| !finalizers.is_empty()), "the Secret was let go");
    hub.register(&name, &east.kubeconfig()).await?;
    hub.ready(&target).await?;
    assert_eq!(east.belongings(&target).await?, before);
    hub.remove(&target).await?;
    east.clean(&target).await?;
    Ok(())
}
