//! Does the hub trust our CA? A certificate for nobody, valid for minutes, asks the hub who it is.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berthage_core::api::SyncTarget;
use berthage_core::names::{SYNCER_USER_PREFIX, hex};
use berthage_core::reason::Reason;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::Api;
use kube::api::PostParams;
use kube::config::{AuthInfo, KubeConfigOptions};
use zeroize::Zeroizing;

use super::ca::{self, Authority};
use super::certificate;
use super::error::IssueError;
use super::kubeconfig_out::HubAddress;
use crate::access::{Failure, Options, Side, connect};

/// Whether the hub trusts our CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Not asked yet, or there is no CA.
    NotProbed,
    /// It takes our certificates for what they say.
    Trusted,
    /// It does not.
    NotTrusted,
    /// It could not be found out.
    Unknown(Failure),
}

/// How long the probe's certificate is valid.
const LIFE: Duration = Duration::from_mins(10);

/// Whose CA the hub is asked about, and how.
pub(super) struct Question<'a> {
    pub(super) authority: &'a Authority,
    /// The controller's own way to the hub.
    pub(super) config: &'a kube::Config,
    pub(super) options: &'a Options,
    pub(super) now: Timestamp,
}

/// Asks under the syncers' address; where the controller cannot reach that, under its own.
pub(super) async fn probe(question: &Question<'_>, hub: &HubAddress) -> Trust {
    let own = HubAddress::of_config(question.config);
    let found = ask(question, hub).await;
    match &found {
        Trust::Unknown(failure) if *hub != own && is_connection(failure.reason) => ask(question, &own).await,
        _ => found,
    }
}

const fn is_connection(reason: Reason) -> bool {
    matches!(reason, Reason::ClusterUnreachable | Reason::ClusterTimeout | Reason::ClusterTlsFailed)
}

async fn ask(question: &Question<'_>, hub: &HubAddress) -> Trust {
    let Question { authority, config, options, now } = *question;
    let Some(random) = ca::serial() else { return unknown("the system gave no random numbers") };
    let user = format!("{SYNCER_USER_PREFIX}probe:{}", hex(&random[..8]));
    let certificate = match certificate::issue(authority, &user, LIFE, now) {
        Ok(certificate) => certificate,
        Err(error) => return unknown(&error.to_string()),
    };
    let Ok(server) = hub.server.parse() else { return unknown("the hub's URL cannot be read") };
    let mut probe = kube::Config::new(server);
    probe.root_cert = match hub_roots(hub) {
        Ok(roots) => roots,
        Err(problem) => return unknown(problem),
    };
    probe.tls_server_name.clone_from(&hub.tls_server_name);
    probe.default_namespace.clone_from(&config.default_namespace);
    probe.auth_info = AuthInfo {
        client_certificate_data: Some(STANDARD.encode(&certificate.certificate)),
        client_key_data: Some(STANDARD.encode(certificate.key.as_bytes()).into()),
        ..AuthInfo::default()
    };
    let client = match connect::hub(&probe, options) {
        Ok(client) => client,
        Err(error) => return unknown(&error.to_string()),
    };
    let reviews: Api<SelfSubjectReview> = Api::all(client);
    judge(reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await, &user)
}

/// Asks for the SyncTarget with a syncer's new credential: under the syncers' address, and where the controller cannot reach
/// that, under its own. `false`: the rights are not there.
pub(super) async fn try_out(
    issued: &super::Issued,
    hub: &HubAddress,
    own: Option<&HubAddress>,
    options: &Options,
    recipient: super::Recipient<'_>,
) -> Result<bool, IssueError> {
    let ask = async |at| get(issued, at, options, recipient).await.map_err(|error| Failure::of(Side::Hub, &error));
    let answer = match (ask(hub).await, own) {
        (Err(failure), Some(own)) if is_connection(failure.reason) => ask(own).await,
        (answer, _) => answer,
    };
    match answer {
        Ok(()) => Ok(true),
        Err(failure) if failure.code == Some(403) => Ok(false),
        Err(failure) => Err(IssueError::Hub { what: "a trial of the syncer's credential".to_owned(), failure }),
    }
}

async fn get(
    issued: &super::Issued,
    hub: &HubAddress,
    options: &Options,
    recipient: super::Recipient<'_>,
) -> Result<(), kube::Error> {
    let text = Zeroizing::new(String::from_utf8_lossy(&issued.kubeconfig).into_owned());
    let unusable = |error: kube::config::KubeconfigError| kube::Error::Service(error.into());
    let mut kubeconfig = kube::config::Kubeconfig::from_yaml(&text).map_err(unusable)?;
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.server = Some(hub.url(recipient.workspace));
        cluster.tls_server_name.clone_from(&hub.tls_server_name);
    }
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(unusable)?;
    let client = connect::hub(&config, options).map_err(|error| kube::Error::Service(error.into()))?;
    Api::<SyncTarget>::all(client).get_metadata(recipient.target).await.map(drop)
}

fn hub_roots(hub: &HubAddress) -> Result<Option<Vec<Vec<u8>>>, &'static str> {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    let Some(pem) = &hub.ca else { return Ok(None) };
    let roots =
        CertificateDer::pem_slice_iter(pem).map(|root| root.map(|root| root.to_vec())).collect::<Result<Vec<_>, _>>();
    roots.map(Some).map_err(|_| "the hub's CA certificates cannot be read")
}

fn judge(answer: Result<SelfSubjectReview, kube::Error>, user: &str) -> Trust {
    match answer {
        Ok(review) => {
            let seen = review.status.and_then(|status| status.user_info).and_then(|info| info.username);
            if seen.as_deref() == Some(user) { Trust::Trusted } else { Trust::NotTrusted }
        }
        // Not known to the hub at all, or known as somebody who may not even ask: then the refusal names who that is.
        Err(kube::Error::Api(status)) if status.code == 401 => Trust::NotTrusted,
        Err(kube::Error::Api(status)) if status.code == 403 => {
            if status.message.contains(&format!("\"{user}\"")) {
                Trust::Trusted
            } else {
                Trust::NotTrusted
            }
        }
        Err(error) => Trust::Unknown(Failure::of(Side::Hub, &error)),
    }
}

fn unknown(problem: &str) -> Trust {
    Trust::Unknown(Failure {
        reason: Reason::IssueFailed,
        retry: crate::access::Retry::Backoff,
        message: problem.to_owned(),
        code: None,
    })
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
