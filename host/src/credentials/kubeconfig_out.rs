//! The kubeconfig that the syncer reaches the hub with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berthage_core::api::CredentialStatus;
use berthage_core::key::Workspace;
use berthage_core::names::{CREDENTIAL_EXTENSION, HUB_NAMESPACE};
use serde::Serialize;
use zeroize::Zeroizing;

use super::Recipient;
use super::certificate::ClientCertificate;
use super::error::IssueError;

/// Where the syncers reach the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAddress {
    /// URL of the API server, without a slash at its end.
    pub server: String,
    /// CA certificates as PEM; `None`: the system's roots.
    pub ca: Option<Vec<u8>>,
    /// The name that the server's certificate carries, if it is not the URL's host.
    pub tls_server_name: Option<String>,
}

impl HubAddress {
    /// The address that the controller itself uses.
    pub fn of_config(config: &kube::Config) -> Self {
        let ca = config.root_cert.as_ref().map(|roots| {
            let mut pem = String::new();
            for root in roots {
                pem.push_str("-----BEGIN CERTIFICATE-----\n");
                let text = STANDARD.encode(root);
                for line in text.as_bytes().chunks(64) {
                    pem.extend(line.iter().map(|byte| char::from(*byte)));
                    pem.push('\n');
                }
                pem.push_str("-----END CERTIFICATE-----\n");
            }
            pem.into_bytes()
        });
        Self {
            server: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
            ca,
            tls_server_name: config.tls_server_name.clone(),
        }
    }

    /// The same for kcp: the address of the server that all workspaces are under, not of the one that the controller's own
    /// kubeconfig leads to.
    #[must_use]
    pub fn of_kcp(mut self) -> Self {
        if let Some(at) = self.server.find("/clusters/") {
            self.server.truncate(at);
        }
        self
    }

    /// URL of a workspace: of the server itself on a plain Kubernetes hub, of the logical cluster on kcp.
    pub fn url(&self, workspace: &Workspace) -> String {
        if workspace.as_str() == Workspace::LOCAL {
            self.server.clone()
        } else {
            format!("{}/clusters/{workspace}", self.server)
        }
    }
}

/// What the syncer proves with who it is.
pub(super) enum User<'a> {
    /// A certificate.
    Certificate(&'a ClientCertificate),
    /// A token.
    Token(&'a str),
}

/// Writes it, as JSON. The serial is in an extension of the context, so that the syncer can report which credential it uses
/// from the same file that it reads the credential from.
pub(super) fn write(
    hub: &HubAddress,
    recipient: Recipient<'_>,
    user: &User<'_>,
    status: &CredentialStatus,
) -> Result<Zeroizing<Vec<u8>>, IssueError> {
    let (certificate, key, token) = match user {
        User::Certificate(pair) => {
            (Some(STANDARD.encode(&pair.certificate)), Some(Zeroizing::new(STANDARD.encode(pair.key.as_bytes()))), None)
        }
        User::Token(token) => (None, None, Some(*token)),
    };
    let document = Kubeconfig {
        api_version: "v1",
        kind: "Config",
        current_context: "hub",
        clusters: [NamedCluster {
            name: "hub",
            cluster: Cluster {
                server: hub.url(recipient.workspace),
                certificate_authority_data: hub.ca.as_ref().map(|ca| STANDARD.encode(ca)),
                tls_server_name: hub.tls_server_name.as_deref(),
            },
        }],
        users: [NamedUser {
            name: "syncer",
            user: UserFields {
                client_certificate_data: certificate,
                client_key_data: key.as_ref().map(|key| key.as_str()),
                token,
            },
        }],
        contexts: [NamedContext {
            name: "hub",
            context: Context {
                cluster: "hub",
                user: "syncer",
                namespace: HUB_NAMESPACE,
                extensions: [Extension {
                    name: CREDENTIAL_EXTENSION,
                    extension: Facts { serial: &status.serial, target: recipient.target, uid: recipient.uid },
                }],
            },
        }],
    };
    // Room for everything from the start: a buffer that grows leaves copies behind that are not wiped.
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, &document).map_err(IssueError::Kubeconfig)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(counter.0));
    serde_json::to_writer(&mut *bytes, &document).map_err(IssueError::Kubeconfig)?;
    Ok(bytes)
}

/// Counts what is written.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Serialize)]
struct Kubeconfig<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    #[serde(rename = "current-context")]
    current_context: &'static str,
    clusters: [NamedCluster<'a>; 1],
    users: [NamedUser<'a>; 1],
    contexts: [NamedContext<'a>; 1],
}

#[derive(Serialize)]
struct NamedCluster<'a> {
    name: &'static str,
    cluster: Cluster<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster<'a> {
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<&'a str>,
}

#[derive(Serialize)]
struct NamedUser<'a> {
    name: &'static str,
    user: UserFields<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct UserFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

#[derive(Serialize)]
struct NamedContext<'a> {
    name: &'static str,
    context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    cluster: &'static str,
    user: &'static str,
    namespace: &'static str,
    extensions: [Extension<'a>; 1],
}

#[derive(Serialize)]
struct Extension<'a> {
    name: &'static str,
    extension: Facts<'a>,
}

/// What the syncer reports, and whom it serves.
#[derive(Serialize)]
struct Facts<'a> {
    serial: &'a str,
    target: &'a str,
    uid: &'a str,
}
