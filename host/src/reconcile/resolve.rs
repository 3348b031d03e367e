//! resolve: from a target to a connection, or to a condition that says what is missing.

use berthage_core::api::{ClusterRegistration, ConditionStatus, KubeConfigSecretRef};
use berthage_core::key::{Key, Workspace};
use berthage_core::reason::Reason;
use berthage_core::status::conditions;
use berthage_core::status::registration::{Problem, READY};
use berthage_core::status::target::Finding;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::{Again, Context, Stop, tenancy};
use crate::access::pool::ConnectionKey;
use crate::access::{Access, Failure, Side, pool::Connection};
use crate::store::SecretMeta;

/// A physical cluster that can be talked to.
pub(crate) struct Cluster {
    /// The registration's key.
    pub key: Key,
    /// The registration.
    pub registration: ClusterRegistration,
    /// Its Secret.
    pub secret: SecretMeta,
    /// The client.
    pub connection: Connection,
}

impl Cluster {
    /// Where the kubeconfig is.
    pub(crate) const fn secret_ref(&self) -> &KubeConfigSecretRef {
        &self.registration.spec.kube_config_secret_ref
    }

    /// uid of the cluster's kube-system namespace, as last probed.
    pub(crate) fn uid(&self) -> &str {
        let info = self.registration.status.as_ref().and_then(|status| status.cluster_info.as_ref());
        info.map_or("", |info| info.uid.as_str())
    }
}

/// The registration of that name; a finding when there is none or when it cannot be read.
pub(crate) fn registration(ctx: &Context, key: &Key) -> Result<ClusterRegistration, Problem> {
    let Some(held) = ctx.making.store.get(key) else {
        return Err(Problem {
            reason: Reason::RegistrationNotFound,
            message: format!(
                "There is no ClusterRegistration {} in this workspace; create it, or correct spec.clusterRef.name.",
                key.name
            ),
        });
    };
    held.decode().map_err(|error| Problem {
        reason: Reason::ObjectInvalid,
        message: format!("ClusterRegistration {} does not fit its schema ({error}); correct it.", key.name),
    })
}

/// Whether a registration's own probe says that the cluster is usable.
pub(crate) fn probed(registration: &ClusterRegistration, name: &str) -> Result<(), Finding> {
    let status = registration.status.as_ref();
    let ready = status.and_then(|status| conditions::find(&status.conditions, READY));
    match ready {
        Some(ready) if ready.status == ConditionStatus::True => Ok(()),
        Some(ready) => {
            let reason = Reason::ALL.iter().find(|reason| reason.as_str() == ready.reason);
            Err(Finding {
                status: ready.status,
                reason: reason.copied().unwrap_or(Reason::NotYetKnown),
                message: format!("ClusterRegistration {name}: {}", ready.message),
            })
        }
        None => Err(Finding::unknown(
            Reason::RegistrationNotProbed,
            format!("ClusterRegistration {name} was not probed yet."),
        )),
    }
}

/// The Secret that a registration refers to, as the watches know it.
pub(crate) fn secret(ctx: &Context, workspace: &Workspace, at: &KubeConfigSecretRef) -> Result<SecretMeta, Problem> {
    ctx.making.store.secret(workspace, &at.namespace, &at.name).ok_or_else(|| {
        match tenancy::hidden(ctx, workspace, "", "secrets") {
            Some(advice) => Problem { reason: Reason::ClaimNotAccepted, message: advice },
            None => Problem {
                reason: Reason::SecretNotFound,
                message: format!(
                    "There is no Secret {}/{} with the label berthage.dev/kubeconfig=true; create it, or label it so.",
                    at.namespace, at.name
                ),
            },
        }
    })
}

/// A connection with the kubeconfig of that Secret. Reads the Secret unless this very version of it was read before.
pub(crate) async fn connect(
    ctx: &Context,
    key: &Key,
    at: &KubeConfigSecretRef,
    secret: &SecretMeta,
) -> Result<Connection, Problem> {
    let pool = ConnectionKey { workspace: key.workspace.clone(), registration: key.name.clone() };
    // The address is part of it: a registration pointed at another Secret of the same version number is another one.
    let version = format!("{}/{}#{}@{}:{}", at.namespace, at.name, at.key, secret.uid, secret.resource_version);
    if let Some(connection) = ctx.connections.get(&pool, &version) {
        return Ok(connection);
    }
    let api = Api::<Secret>::namespaced(ctx.hub.client(&key.workspace), &at.namespace);
    let body = api.get_opt(&at.name).await.map_err(|error| {
        let failure = Failure::of(Side::Hub, &error);
        let reason = if failure.code == Some(403) { Reason::SecretForbidden } else { Reason::HubWriteFailed };
        Problem { reason, message: format!("Secret {}/{} cannot be read: {}", at.namespace, at.name, failure.message) }
    })?;
    let Some(body) = body.filter(|body| body.metadata.uid.as_deref() == Some(secret.uid.as_str())) else {
        return Err(Problem {
            reason: Reason::SecretNotFound,
            message: format!("Secret {}/{} is gone; create it again.", at.namespace, at.name),
        });
    };
    let access = Access::from_secret(body.data.as_ref(), &at.key, ctx.options.addresses).map_err(|error| Problem {
        reason: error.reason(),
        message: format!("Secret {}/{}: {error}", at.namespace, at.name),
    })?;
    ctx.connections.get_or_connect(&pool, &version, &access).map_err(|error| Problem {
        reason: Reason::KubeconfigInvalid,
        message: format!("Secret {}/{}: {error}", at.namespace, at.name),
    })
}

/// The way to a cluster whose registration is gone, to clean up there: with the Secret that it was reached with. Who answers is
/// asked before anything is deleted.
pub(crate) async fn abandoned_cluster(
    ctx: &Context,
    key: &Key,
    at: &KubeConfigSecretRef,
) -> Result<Connection, Problem> {
    let secret = secret(ctx, &key.workspace, at)?;
    connect(ctx, key, at, &secret).await
}

/// The whole way for a target: registration, probe, Secret, connection.
pub(crate) async fn cluster(ctx: &Context, key: &Key) -> Result<Cluster, (Finding, Stop)> {
    let wait = |problem: Problem| {
        let again = match problem.reason {
            Reason::HubWriteFailed | Reason::SecretForbidden => Again::Backoff,
            // The watches wake the target when it changes.
            _ => Again::OnChange,
        };
        let stop = Stop::new(problem.reason, again);
        (Finding::bad(problem.reason, problem.message), stop)
    };
    let registration = registration(ctx, key).map_err(wait)?;
    probed(&registration, &key.name).map_err(|finding| {
        let stop = Stop::new(finding.reason, Again::OnChange);
        (finding, stop)
    })?;
    let at = &registration.spec.kube_config_secret_ref;
    let secret = secret(ctx, &key.workspace, at).map_err(wait)?;
    let connection = connect(ctx, key, at, &secret).await.map_err(wait)?;
    let info = registration.status.as_ref().and_then(|status| status.cluster_info.as_ref());
    if info.and_then(|info| info.access.as_deref()) != Some(&*connection.fingerprint) {
        // What the probe found was found with another kubeconfig: who answers to this one is not known yet.
        let message = format!("The kubeconfig of ClusterRegistration {} changed and was not probed yet.", key.name);
        let finding = Finding::unknown(Reason::RegistrationNotProbed, message);
        return Err((finding, Stop::new(Reason::RegistrationNotProbed, Again::OnChange)));
    }
    Ok(Cluster { key: key.clone(), secret, connection, registration })
}
