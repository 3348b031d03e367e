//! The syncer's credential: what it is good for, how it is renewed, and that no secret is ever shown.

use berthage_core::api::{ConditionStatus, CredentialStatus, CredentialType, SyncTarget};
use berthage_core::names::{HUB_NAMESPACE, LEADER_LEASE};
use berthage_core::status::target::kind;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name, on_kcp};
use berthage_e2e::{client, manifests};
use http::{Method, Request};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::stage::controller::Settings;
use crate::stage::registration::{NAMESPACE, secret_name};
use crate::stage::site::{Site, kubeconfig_in};
use crate::stage::target::{Target, condition, is, is_ready, merged, status, target};
use crate::stage::{Hub, OwnHub, Result, Shared, shared};

/// The server's answer to a request, as a number.
async fn ask(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Result<u16> {
    let patch = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let bytes = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
    let request = Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, patch).body(bytes)?;
    answer(client, request).await
}

async fn answer(client: &Client, request: Request<Vec<u8>>) -> Result<u16> {
    Ok(client.send(request.map(kube::client::Body::from)).await?.status().as_u16())
}

/// Tries what the syncer of `target` needs, and a long list of what it does not, with real requests.
/// Gives the number of requests that were refused.
async fn may_do_its_own_and_nothing_else(
    hub: &Hub<'_>,
    syncer: &Client,
    target: &Target,
    other: &Target,
) -> Result<usize> {
    let ours = "/apis/workload.kcp.io/v1alpha1/synctargets";
    let registrations = "/apis/tmc.kcp.io/v1alpha1/clusterregistrations";
    let leases = &format!("/apis/coordination.k8s.io/v1/namespaces/{HUB_NAMESPACE}/leases");
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let secrets = &format!("/api/v1/namespaces/{NAMESPACE}/secrets");
    let own = &format!("{leases}/{}", target.names.hub);
    let nothing = json!({});
    let beat = json!({ "spec": { "holderIdentity": "tried" } });
    let all = json!({ "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }] });

    for (method, path, body) in [
        (Method::GET, format!("{ours}/{}", target.name), None),
        (Method::GET, own.clone(), None),
        (Method::PATCH, own.clone(), Some(&beat)),
    ] {
        let code = ask(syncer, method.clone(), &path, body).await?;
        assert_eq!(code, 200, "{method} {path}, which a syncer needs");
    }
    let lease = hub.client.request_text(Request::get(own.as_str()).body(Vec::new())?).await?;
    let lease: Value = serde_json::from_str(&lease)?;
    assert_eq!(ask(syncer, Method::PUT, own, Some(&lease)).await?, 200, "PUT {own}, which a syncer needs");

    let object =
        |api: &str, kind: &str| json!({ "apiVersion": api, "kind": kind, "metadata": { "name": "made-by-a-syncer" } });
    let lease = object("coordination.k8s.io/v1", "Lease");
    let secret = object("v1", "Secret");
    let account = object("v1", "ServiceAccount");
    let namespace = object("v1", "Namespace");
    let role = merged(object("rbac.authorization.k8s.io/v1", "ClusterRole"), &all);
    let binding = merged(
        object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        &json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": target.names.user }],
        }),
    );
    let another = merged(crate::stage::target::target("made-by-a-syncer", "x"), &json!({}));
    let token = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
    let event = merged(object("v1", "Event"), &json!({ "involvedObject": {} }));
    let refused: Vec<(Method, String, Option<&Value>)> = vec![
        // SyncTargets: its own it may read, and that is all.
        (Method::GET, ours.to_owned(), None),
        (Method::GET, format!("{ours}?watch=true&timeoutSeconds=1"), None),
        (Method::GET, format!("{ours}?fieldSelector=metadata.name%3D{}", target.name), None),
        (Method::GET, format!("{ours}/{}", other.name), None),
        (Method::GET, format!("{ours}/{}/status", target.name), None),
        (Method::PATCH, format!("{ours}/{}", target.name), Some(&nothing)),
        (Method::PATCH, format!("{ours}/{}/status", target.name), Some(&nothing)),
        (Method::PATCH, format!("{ours}/{}/status", other.name), Some(&nothing)),
        (Method::DELETE, format!("{ours}/{}", target.name), None),
        (Method::DELETE, ours.to_owned(), None),
        (Method::POST, ours.to_owned(), Some(&another)),
        // ClusterRegistrations and the Secrets behind them.
        (Method::GET, registrations.to_owned(), None),
        (Method::GET, format!("{registrations}/{}", target.name), None),
        (Method::GET, "/api/v1/secrets".to_owned(), None),
        (Method::GET, secrets.clone(), None),
        (Method::GET, format!("{secrets}?watch=true&timeoutSeconds=1"), None),
        (Method::GET, format!("{secrets}/{}", secret_name(&target.name)), None),
        (Method::PATCH, format!("{secrets}/{}", secret_name(&target.name)), Some(&nothing)),
        (Method::DELETE, format!("{secrets}/{}", secret_name(&target.name)), None),
        (Method::POST, secrets.clone(), Some(&secret)),
        // Leases: its own it may renew, and that is all.
        (Method::GET, leases.clone(), None),
        (Method::GET, format!("{leases}?watch=true&timeoutSeconds=1"), None),
        (Method::GET, format!("{leases}/{}", other.names.hub), None),
        (Method::PATCH, format!("{leases}/{}", other.names.hub), Some(&beat)),
        (Method::GET, format!("{leases}/{LEADER_LEASE}"), None),
        (Method::PATCH, format!("{leases}/{LEADER_LEASE}"), Some(&beat)),
        (Method::DELETE, own.clone(), None),
        (Method::POST, leases.clone(), Some(&lease)),
        (Method::POST, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases".to_owned(), Some(&lease)),
        // Ways to more rights.
        (Method::GET, format!("{rbac}/clusterroles"), None),
        (Method::GET, format!("{rbac}/clusterroles/{}", target.names.hub), None),
        (Method::PATCH, format!("{rbac}/clusterroles/{}", target.names.hub), Some(&all)),
        (Method::POST, format!("{rbac}/clusterroles"), Some(&role)),
        (Method::POST, format!("{rbac}/clusterrolebindings"), Some(&binding)),
        (Method::PATCH, format!("{rbac}/clusterrolebindings/{}", target.names.hub), Some(&nothing)),
        (Method::POST, "/api/v1/namespaces/default/serviceaccounts".to_owned(), Some(&account)),
        (Method::POST, "/api/v1/namespaces/default/serviceaccounts/default/token".to_owned(), Some(&token)),
        (Method::POST, format!("/api/v1/namespaces/default/serviceaccounts/{}/token", target.names.hub), Some(&token)),
        (Method::GET, "/apis/certificates.k8s.io/v1/certificatesigningrequests".to_owned(), None),
        // Everything else.
        (Method::POST, "/api/v1/namespaces".to_owned(), Some(&namespace)),
        (Method::GET, "/api/v1/namespaces".to_owned(), None),
        (Method::GET, "/api/v1/namespaces/default/configmaps".to_owned(), None),
        (Method::GET, "/api/v1/namespaces/default/pods".to_owned(), None),
        (Method::GET, "/api/v1/nodes".to_owned(), None),
        (Method::POST, "/api/v1/namespaces/default/events".to_owned(), Some(&event)),
        (Method::GET, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions".to_owned(), None),
        (Method::GET, "/metrics".to_owned(), None),
    ];
    for (method, path, body) in &refused {
        let code = ask(syncer, method.clone(), path, *body).await?;
        // kcp serves no metrics under a workspace at all.
        let expected = if on_kcp() && path == "/metrics" { 501 } else { 403 };
        assert_eq!(code, expected, "{method} {path}, which is none of a syncer's business");
    }
    for (header, value) in [("Impersonate-User", "admin"), ("Impersonate-User", other.names.user.as_str())] {
        let request = Request::get(format!("{ours}/{}", other.name)).header(header, value).body(Vec::new())?;
        assert_eq!(answer(syncer, request).await?, 403, "impersonation of {value}");
    }
    Ok(refused.len() + 2)
}

/// Who a client is to the hub.
async fn who(client: &Client) -> Result<(String, Vec<String>)> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    let user = review.status.and_then(|status| status.user_info).ok_or("no user")?;
    Ok((user.username.unwrap_or_default(), user.groups.unwrap_or_default()))
}

async fn syncers_client(site: &Site<'_>, target: &Target) -> Result<Client> {
    Ok(client::from_kubeconfig("hub", &site.hub_kubeconfig(&target.names).await?).await?)
}

fn credential(target: &SyncTarget) -> Option<CredentialStatus> {
    target.status.as_ref()?.syncer.as_ref()?.credential.clone()
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_certificate_may_do_what_a_syncer_needs_and_nothing_else() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("identity"), &east.kubeconfig()).await?;
    let other = hub.onboard(&fresh_name("other"), &east.kubeconfig()).await?;
    let found = hub.get(&target).await?;
    assert_eq!(credential(&found).map(|it| it.type_), Some(CredentialType::ClientCertificate));
    let syncer = syncers_client(&east, &target).await?;
    let (user, groups) = who(&syncer).await?;
    assert_eq!((user.as_str(), groups), (target.names.user.as_str(), vec!["system:authenticated".to_owned()]));
    let refused = may_do_its_own_and_nothing_else(&hub, &syncer, &target, &other).await?;
    println!("{refused} kinds of request are refused to a syncer");

    // With the target goes all that its credential was good for.
    hub.remove(&target).await?;
    let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{HUB_NAMESPACE}/leases/{}", target.names.hub);
    assert_eq!(ask(&syncer, Method::GET, &lease, None).await?, 403);
    let own = format!("/apis/workload.kcp.io/v1alpha1/synctargets/{}", target.name);
    assert_eq!(ask(&syncer, Method::GET, &own, None).await?, 403);
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn the_syncers_account_in_the_cluster_has_the_rights_it_was_granted_and_no_others() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("account"), &east.kubeconfig()).await?;
    let token = east.token(&target.names.namespace, &target.names.syncer).await?;
    let authority = east.cluster.authority().certificate();
    let text = berthage_e2e::kubeconfig::with_token(&east.cluster.url(), &authority, &token);
    let syncer = client::from_kubeconfig("east", &text).await?;

    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    assert_eq!(ask(&syncer, Method::GET, deployments, None).await?, 200);
    assert_eq!(ask(&syncer, Method::GET, "/apis/apps/v1/deployments", None).await?, 200);
    let dry = json!({
        "metadata": { "name": "tried" },
        "spec": {
            "replicas": 0, "selector": { "matchLabels": { "app": "tried" } },
            "template": { "metadata": { "labels": { "app": "tried" } }, "spec": { "containers": [{ "name": "a", "image": "a" }] } },
        },
    });
    assert_eq!(ask(&syncer, Method::POST, &format!("{deployments}?dryRun=All"), Some(&dry)).await?, 201);

    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({ "metadata": { "name": "tried" }, "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }] });
    let namespace = &target.names.namespace;
    for (method, path, body) in [
        (Method::GET, "/api/v1/secrets".to_owned(), None),
        (Method::GET, format!("/api/v1/namespaces/{namespace}/secrets"), None),
        (Method::GET, format!("/api/v1/namespaces/{namespace}/secrets/{}", target.names.kubeconfig_secret), None),
        (Method::GET, "/api/v1/configmaps".to_owned(), None),
        (Method::GET, "/api/v1/pods".to_owned(), None),
        (Method::GET, "/apis/apps/v1/statefulsets".to_owned(), None),
        (
            Method::POST,
            format!("/api/v1/namespaces/{namespace}/serviceaccounts/{}/token", target.names.syncer),
            Some(json!({ "spec": {} })),
        ),
        (Method::GET, format!("{rbac}/clusterroles"), None),
        (Method::POST, format!("{rbac}/clusterroles"), Some(role.clone())),
        (Method::POST, format!("{rbac}/namespaces/default/roles"), Some(role)),
        (Method::PATCH, format!("{rbac}/clusterroles/{}", target.names.downstream_role), Some(json!({ "rules": [] }))),
        (
            Method::PATCH,
            format!("/api/v1/namespaces/{namespace}"),
            Some(json!({ "metadata": { "labels": { "a": "b" } } })),
        ),
        (Method::GET, "/api/v1/nodes".to_owned(), None),
    ] {
        let code = ask(&syncer, method.clone(), &path, body.as_ref()).await?;
        assert_eq!(code, 403, "{method} {path}, which was not granted");
    }
    Ok(())
}

/// Makes a target's credential old enough to be renewed: as its status says, it was made a month ago.
async fn age(hub: &Hub<'_>, target: &Target) -> Result<CredentialStatus> {
    let present = credential(&hub.get(target).await?).ok_or("no credential")?;
    let then = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(30 * 24))?;
    let then = berthage_core::status::conditions::whole_seconds(then);
    hub.change_status(target, json!({ "syncer": { "credential": { "issuedAt": then } } })).await?;
    Ok(present)
}

/// Waits until the target's status shows another credential, and the cluster holds it.
async fn renewed(hub: &Hub<'_>, target: &Target, before: &CredentialStatus) -> Result<CredentialStatus> {
    let another = |now: &SyncTarget| credential(now).is_some_and(|found| found.serial != before.serial);
    let found = hub.until(target, "another credential", another).await?;
    Ok(credential(&found).ok_or("no credential")?)
}

/// Renews the credential of a running syncer, and follows it until the old one is let go.
async fn renews(hub: &Hub<'_>, site: &Site<'_>, target: &Target) -> Result<(CredentialStatus, CredentialStatus)> {
    let syncer = site.syncer(target).await?;
    hub.has(target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    let before = age(hub, target).await?;
    let present = renewed(hub, target, &before).await?;
    assert_eq!(present.previous_serial.as_deref(), Some(before.serial.as_str()));
    assert_eq!(present.type_, before.type_);
    // The syncer does not have it yet, and both are good.
    let found = hub.has(target, kind::CREDENTIALS_VALID, ConditionStatus::True, "Rotating").await?;
    assert!(is_ready(&found), "a renewal made the target not Ready");
    hub.told(target, "CredentialRenewed", "").await?;

    site.remount(&syncer, target).await?;
    let confirmed = |now: &SyncTarget| {
        credential(now).is_some_and(|it| it.previous_serial.is_none() && it.serial == present.serial)
    };
    hub.until(target, "the confirmation by the syncer", confirmed).await?;
    hub.has(target, kind::CREDENTIALS_VALID, ConditionStatus::True, "AsExpected").await?;
    assert!(syncer.process.exit_status().is_none(), "the syncer ended over a renewal");
    Ok((before, present))
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_certificate_is_renewed_and_the_syncer_confirms_its_serial() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("renewed");
    hub.register(&name, &east.kubeconfig()).await?;
    let beats = json!({ "spec": { "syncerConfig": { "heartbeatInterval": "1s" } } });
    let target = hub.create(merged(target(&name, &name), &beats)).await?;
    hub.ready(&target).await?;
    let deployment = east.deployment(&target.names).await?.metadata.generation;
    renews(&hub, &east, &target).await?;
    assert_eq!(east.deployment(&target.names).await?.metadata.generation, deployment, "a renewal restarted the syncer");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn where_the_hub_does_not_trust_the_ca_a_token_is_used_and_said() -> Result {
    let own = OwnHub::start_distrusting("distrusting").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let controller = hub.controller("controller", Settings::default().flag("--no-leader-election")).await?;
    let name = fresh_name("token");
    hub.register(&name, &site.kubeconfig()).await?;
    let beats = json!({ "spec": { "syncerConfig": { "heartbeatInterval": "1s" } } });
    let target = hub.create(merged(target(&name, &name), &beats)).await?;
    if on_kcp() {
        // A virtual workspace gives no tokens.
        let found = hub.has(&target, kind::CREDENTIALS_VALID, ConditionStatus::False, "CaNotTrusted").await?;
        let message = condition(&found, kind::CREDENTIALS_VALID).map(|it| it.message.clone()).unwrap_or_default();
        assert!(message.contains("--client-ca-file"), "{message}");
        return Ok(());
    }
    let found = hub.ready(&target).await?;
    assert_eq!(credential(&found).map(|it| it.type_), Some(CredentialType::ServiceAccountToken));
    let other = hub.create(merged(crate::stage::target::target(&fresh_name("other"), &name), &json!({}))).await?;
    hub.ready(&other).await?;
    let syncer = syncers_client(&site, &target).await?;
    let (user, _) = who(&syncer).await?;
    assert_eq!(user, format!("system:serviceaccount:{HUB_NAMESPACE}:{}", target.names.hub));
    may_do_its_own_and_nothing_else(&hub, &syncer, &target, &other).await?;

    // A token can be taken back: the old one is, as soon as the syncer has the new one.
    renews(&hub, &site, &target).await?;
    let own = format!("/apis/workload.kcp.io/v1alpha1/synctargets/{}", target.name);
    wait::until_some("the end of the old token", PATIENCE, || async {
        match ask(&syncer, Method::GET, &own, None).await {
            Ok(401) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;

    // Whoever insists on a certificate is told why there is none.
    let insists = json!({ "spec": { "credentials": { "type": "ClientCertificate" } } });
    let strict = hub.create(merged(crate::stage::target::target(&fresh_name("strict"), &name), &insists)).await?;
    let found = hub.has(&strict, kind::CREDENTIALS_VALID, ConditionStatus::False, "CaNotTrusted").await?;
    let message = condition(&found, kind::CREDENTIALS_VALID).map(|it| it.message.clone()).unwrap_or_default();
    for words in ["trust", "--client-ca-file", "ServiceAccountToken"] {
        assert!(message.contains(words), "`{words}` is missing in: {message}");
    }
    assert!(!is_ready(&found));
    hub.change(&strict, json!({ "spec": { "credentials": { "type": "Auto" } } })).await?;
    hub.ready(&strict).await?;
    hub.remove(&target).await?;
    site.clean(&target).await?;
    assert!(hub.belongings(&target).await?.is_empty());
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_renewal_that_fails_is_told_and_the_present_credential_serves() -> Result {
    let own = OwnHub::start("stale").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let controller = hub.controller("controller", Settings::default().flag("--no-leader-election")).await?;
    let target = hub.onboard(&fresh_name("stale"), &site.kubeconfig()).await?;
    let present = credential(&hub.get(&target).await?).ok_or("no credential")?;
    controller.stop().await?;

    // The next controller has an authority that the hub does not trust.
    let stranger = berthage_e2e::authority::Authority::new("nobody's")?;
    let (certificate, key) = (hub.folder.join("stranger.crt"), hub.folder.join("stranger.key"));
    std::fs::write(&certificate, stranger.certificate())?;
    std::fs::write(&key, stranger.key())?;
    let settings =
        Settings::default().with("--ca-cert", &certificate).with("--ca-key", &key).flag("--no-leader-election");
    let insists = json!({ "spec": { "credentials": { "type": "ClientCertificate" } } });
    hub.change(&target, insists).await?;
    let controller = hub.controller("controller", settings).await?;
    let told =
        |now: &SyncTarget| condition(now, kind::CREDENTIALS_VALID).is_some_and(|it| it.message.contains("trust"));
    let found = hub.until(&target, "the failure being told", told).await?;
    assert!(
        is(&found, kind::CREDENTIALS_VALID, ConditionStatus::True, "RenewalFailed"),
        "{:?}",
        status(&found).conditions
    );
    assert_eq!(credential(&found).map(|it| it.serial), Some(present.serial));
    assert!(is_ready(&found), "the present credential is good");
    Ok(controller.stop().await?)
}

/// Texts that must not be found anywhere, and what they are.
struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    fn add(&mut self, what: &'static str, text: &str) {
        self.0.push((what, text.to_owned()));
    }

    /// The lines of a PEM file between its marks, each alone.
    fn add_pem(&mut self, what: &'static str, pem: &str) {
        let lines = pem.lines().filter(|line| !line.starts_with("-----") && line.len() > 40);
        self.0.extend(lines.map(|line| (what, line.to_owned())));
    }

    fn assert_absent(&self, place: &str, text: &str) {
        for (what, canary) in &self.0 {
            assert!(!text.contains(canary), "{what} is shown in {place}");
        }
    }
}

/// The private key in a kubeconfig of ours: as base64 in the kubeconfig, and the PEM that it holds.
fn private_key(kubeconfig: &str) -> Result<(String, String)> {
    use base64::Engine as _;
    let value = manifests::parse(kubeconfig)?.pop().unwrap_or_default();
    let encoded = value.pointer("/users/0/user/client-key-data").and_then(Value::as_str).ok_or("no client key")?;
    let pem = base64::engine::general_purpose::STANDARD.decode(encoded)?;
    Ok((encoded.to_owned(), String::from_utf8(pem)?))
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn no_secret_is_shown_in_any_log_event_condition_or_metric() -> Result {
    let own = OwnHub::start("canary").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    let settings = Settings::default().with("--log", "trace").flag("--no-leader-election");
    let controller = hub.controller("controller", settings).await?;
    let mut canaries = Canaries(Vec::new());
    canaries.add_pem("the CA's private key", &hub.authority.key());

    // A token that is a secret: of an account with every right, as a tenant would hand it over.
    let account = fresh_name("tenant");
    site.cluster
        .apply(&[
            json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": account, "namespace": "default" } }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": account },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
                "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": "default" }],
            }),
        ])
        .await?;
    let token = site.token("default", &account).await?;
    canaries.add("the kubeconfig's token", token.rsplit('.').next().unwrap_or(&token));
    let authority = site.cluster.authority().certificate();
    let kubeconfig = berthage_e2e::kubeconfig::with_token(&site.cluster.url(), &authority, &token);

    // A whole life, with a renewal, a broken kubeconfig and a repair in it.
    let name = fresh_name("watched");
    hub.register(&name, &kubeconfig).await?;
    let beats = json!({ "spec": { "syncerConfig": { "heartbeatInterval": "1s" } } });
    let target = hub.create(merged(target(&name, &name), &beats)).await?;
    hub.ready(&target).await?;
    let mut kubeconfigs = vec![site.hub_kubeconfig(&target.names).await?];
    let syncer = site.syncer(&target).await?;
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    let before = age(&hub, &target).await?;
    renewed(&hub, &target, &before).await?;
    site.remount(&syncer, &target).await?;
    kubeconfigs.push(site.hub_kubeconfig(&target.names).await?);
    site.secrets(&target.names).delete(&target.names.kubeconfig_secret, &DeleteParams::default()).await?;
    hub.told(&target, "DriftRepaired", "Secret").await?;
    let (api, name_of_secret) = (site.secrets(&target.names), &target.names.kubeconfig_secret);
    let again = wait::until(&api, name_of_secret, "the Secret again", PATIENCE, |_| true).await?;
    kubeconfigs.push(kubeconfig_in(&again)?);
    for kubeconfig in &kubeconfigs {
        let (encoded, pem) = private_key(kubeconfig)?;
        canaries.add("a syncer's key in its kubeconfig", &encoded);
        canaries.add_pem("a syncer's private key", &pem);
    }
    for broken in [
        kubeconfig.replace("    token: ", "    token: broken "),
        kubeconfig.replace("  user:\n", "  user: [\n"),
        kubeconfig.replace("    token: ", "    password: "),
        berthage_e2e::kubeconfig::with_token(&site.cluster.url(), &hub.authority.certificate(), &token),
    ] {
        hub.replace_kubeconfig(&name, &broken).await?;
        let found = |registration: &berthage_core::api::ClusterRegistration| {
            crate::stage::registration::ready_reason(registration).is_some_and(|(reason, _)| reason != "AsExpected")
        };
        let api = hub.registrations();
        wait::until(&api, &name, "the broken kubeconfig being noticed", PATIENCE, found).await?;
        hub.replace_kubeconfig(&name, &kubeconfig).await?;
        hub.probed(&name, "AsExpected").await?;
    }
    hub.ready(&target).await?;

    let news = serde_json::to_string(&hub.news(&target).await?)?;
    let objects = serde_json::to_string(&hub.get(&target).await?)?;
    let registrations = serde_json::to_string(&hub.registrations().get(&name).await?)?;
    let deployment = serde_json::to_string(&site.deployment(&target.names).await?)?;
    let metrics = controller.metrics().await?;
    hub.remove(&target).await?;
    assert!(!canaries.0.is_empty() && canaries.0.iter().all(|(_, canary)| canary.len() > 20));
    for (place, text) in [
        ("the controller's log", controller.process.output()),
        ("the syncer's log", syncer.process.output()),
        ("Events", news),
        ("the SyncTarget", objects),
        ("the ClusterRegistration", registrations),
        ("the Deployment", deployment),
        ("metrics", metrics),
    ] {
        assert!(!text.is_empty(), "{place} is empty");
        canaries.assert_absent(place, &text);
    }
    // Nothing of it is in any other object of the target's on the hub: there is no second copy.
    let others: Api<Secret> = Api::all(hub.client.clone());
    for secret in others.list(&kube::api::ListParams::default()).await?.items {
        if secret.metadata.name.as_deref() != Some(secret_name(&name).as_str()) {
            canaries.assert_absent("another Secret", &serde_json::to_string(&secret)?);
        }
    }
    Ok(())
}
