//! Where the controller reaches the cluster, taken from the user's kubeconfig, and the kubeconfig that is made of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;
use kube::config::{Cluster, Kubeconfig};
use serde::Serialize;
use zeroize::Zeroizing;

/// An API server, and how to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    server: String,
    /// CA certificates, PEM encoded with base64. `None`: the controller's system knows them.
    authority: Option<String>,
    server_name: Option<String>,
}

/// Why the controller could not use the cluster's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not https.
    #[error(
        "the cluster's server is {0}, and the controller connects to https:// only; give an https address with --server"
    )]
    NotHttps(String),
    /// The server's certificate is not checked.
    #[error(
        "the kubeconfig has insecure-skip-tls-verify, which the controller does not accept; put certificate-authority or \
         certificate-authority-data in its place (the cluster shows it: kubectl -n kube-system get configmap kube-root-ca.crt)"
    )]
    Insecure,
    /// The cluster is behind a proxy.
    #[error(
        "the kubeconfig reaches the cluster through proxy-url, which the controller does not use; give an address that the \
         controller reaches directly with --server"
    )]
    Proxy,
}

impl Endpoint {
    /// From the user's kubeconfig: `config` is what kube made of it, files of certificates read in. `server` is given
    /// instead of the address there.
    pub(super) fn new(
        kubeconfig: &Kubeconfig,
        context: Option<&str>,
        config: &Config,
        server: Option<&str>,
    ) -> Result<Self, EndpointError> {
        let cluster = cluster_of(kubeconfig, context);
        let said = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
        if config.accept_invalid_certs {
            return Err(EndpointError::Insecure);
        }
        if server.is_none() && cluster.is_some_and(|cluster| said(&cluster.proxy_url)) {
            return Err(EndpointError::Proxy);
        }
        let server = server.map_or_else(|| config.cluster_url.to_string(), ToOwned::to_owned);
        let server = server.trim_end_matches('/').to_owned();
        if !server.starts_with("https://") {
            return Err(EndpointError::NotHttps(server));
        }
        Ok(Self {
            server,
            authority: config.root_cert.as_deref().map(|roots| STANDARD.encode(pem(roots))),
            server_name: config.tls_server_name.clone(),
        })
    }

    /// The server's URL.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// The kubeconfig with which `user` gets in by `token`, named after the registration.
    pub(super) fn kubeconfig<'a>(&'a self, registration: &'a str, user: &'a str, token: &'a str) -> Document<'a> {
        Document {
            api_version: "v1",
            kind: "Config",
            current_context: registration,
            clusters: [NamedCluster {
                name: registration,
                cluster: ClusterFields {
                    server: &self.server,
                    certificate_authority_data: self.authority.as_deref(),
                    tls_server_name: self.server_name.as_deref(),
                },
            }],
            contexts: [NamedContext { name: registration, context: Context { cluster: registration, user } }],
            users: [NamedUser { name: user, user: User { token } }],
        }
    }
}

fn cluster_of<'a>(kubeconfig: &'a Kubeconfig, context: Option<&str>) -> Option<&'a Cluster> {
    let context = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|it| it.name == context)?.context.as_ref()?;
    kubeconfig.clusters.iter().find(|it| it.name == context.cluster)?.cluster.as_ref()
}

/// Certificates in DER, as PEM.
fn pem(certificates: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(certificate).as_bytes().chunks(64) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// A kubeconfig. It holds a token: written once, into a buffer that is wiped.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(rename = "current-context")]
    current_context: &'a str,
    clusters: [NamedCluster<'a>; 1],
    contexts: [NamedContext<'a>; 1],
    users: [NamedUser<'a>; 1],
}

#[derive(Serialize)]
struct NamedCluster<'a> {
    name: &'a str,
    cluster: ClusterFields<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterFields<'a> {
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<&'a str>,
}

#[derive(Serialize)]
struct NamedContext<'a> {
    name: &'a str,
    context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    cluster: &'a str,
    user: &'a str,
}

#[derive(Serialize)]
struct NamedUser<'a> {
    name: &'a str,
    user: User<'a>,
}

#[derive(Serialize)]
struct User<'a> {
    token: &'a str,
}

/// Writes `value` as JSON into a buffer that is wiped, and that never grows: growing leaves copies behind.
pub(super) fn json(value: &impl Serialize) -> Option<Zeroizing<Vec<u8>>> {
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
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).ok()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(counter.0));
    serde_json::to_writer(&mut *bytes, value).ok()?;
    Some(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::access::{Access, AddressPolicy};

    /// A user's kubeconfig whose cluster has these fields.
    fn user(cluster: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {cluster}}}]\n\
             users: [{{name: u, user: {{username: me, password: secret}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
        )
    }

    async fn endpoint(cluster: &str, server: Option<&str>) -> Result<Endpoint, EndpointError> {
        let kubeconfig = Kubeconfig::from_yaml(&user(cluster)).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &kube::config::KubeConfigOptions::default())
            .await
            .unwrap();
        Endpoint::new(&kubeconfig, None, &config, server)
    }

    /// An endpoint for goldens.
    pub(in super::super) fn example() -> Endpoint {
        Endpoint {
            server: "https://east.example.org:6443".to_owned(),
            authority: Some("UEVN".to_owned()),
            server_name: None,
        }
    }

    #[tokio::test]
    async fn certificates_in_files_are_read_in_and_the_controller_accepts_the_result() {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["east.example.org".to_owned()]).unwrap().self_signed(&key).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), certificate.pem()).unwrap();
        let cluster = format!(
            "{{server: 'https://east.example.org:6443/', certificate-authority: '{}', tls-server-name: inner}}",
            file.path().display()
        );
        let found = endpoint(&cluster, None).await.unwrap();
        assert_eq!(found.server(), "https://east.example.org:6443");
        let inlined = STANDARD.decode(found.authority.as_ref().unwrap()).unwrap();
        assert_eq!(String::from_utf8(inlined).unwrap(), certificate.pem().replace("\r\n", "\n"));

        let written = json(&found.kubeconfig("east", "berthage-controller", "t0ken")).unwrap();
        let text = std::str::from_utf8(&written).unwrap();
        assert!(!text.contains("secret") && text.contains("t0ken") && text.contains("inner"), "{text}");
        assert!(Access::parse(&written, AddressPolicy::default()).is_ok());
    }

    #[tokio::test]
    async fn what_the_controller_could_not_use_is_refused() {
        let not_https = endpoint("{server: 'http://east:8080'}", None).await;
        assert_eq!(not_https, Err(EndpointError::NotHttps("http://east:8080".to_owned())));
        assert!(endpoint("{server: 'http://east:8080'}", Some("https://east")).await.is_ok());
        let insecure = endpoint("{server: 'https://east', insecure-skip-tls-verify: true}", None).await;
        assert_eq!(insecure, Err(EndpointError::Insecure));
        let proxied = "{server: 'https://east', proxy-url: 'http://proxy:3128'}";
        assert_eq!(endpoint(proxied, None).await, Err(EndpointError::Proxy));
        assert_eq!(endpoint(proxied, Some("https://other/")).await.unwrap().server(), "https://other");
    }
}
