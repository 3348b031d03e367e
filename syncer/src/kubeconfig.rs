//! What of a kubeconfig is accepted: where the hub is, how to know it, and one credential. Every other field is refused:
//! there is nothing that the controller would have put there, so somebody else did.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berthage_core::names::CREDENTIAL_EXTENSION;
use http::Uri;
use serde::Deserialize;
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

/// Where the hub is, and what proves to it who the syncer is. Without `Debug`: it holds a secret.
pub struct Hub {
    /// URL of the API server.
    pub server: Uri,
    /// The name in the server's certificate, if it is not the URL's host.
    pub server_name: Option<String>,
    /// Certificates that the server's must lead to, in DER. `None`: the system's.
    pub roots: Option<Vec<Vec<u8>>>,
    /// Who the syncer is.
    pub credential: Credential,
    /// What the controller wrote beside the credential.
    pub note: Option<Note>,
}

/// What proves who the syncer is.
pub enum Credential {
    /// A client certificate.
    Certificate {
        /// The chain, PEM.
        chain: Vec<u8>,
        /// The private key, PEM.
        key: Zeroizing<Vec<u8>>,
    },
    /// A token.
    Token(Zeroizing<String>),
}

/// What the controller wrote about the credential: see [`CREDENTIAL_EXTENSION`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Note {
    /// Serial of the certificate, or the token's id.
    pub serial: String,
    /// The SyncTarget that it is for.
    pub target: String,
    /// uid of the SyncTarget that it is for.
    pub uid: String,
}

/// Why a kubeconfig is not used. No variant holds anything of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// Not UTF-8, YAML or JSON, or with a field too many or too few.
    #[error(
        "the kubeconfig cannot be read{}: it must be YAML or JSON with one cluster (server, certificate-authority-data, \
         tls-server-name), one context and one user (client-certificate-data and client-key-data, or token), and nothing \
         else", at(*.0)
    )]
    Unreadable(Option<(u64, u64)>),
    /// The context does not name the cluster or the user, or is not the current one.
    #[error("the kubeconfig's current-context, context, cluster and user do not name each other")]
    Names,
    /// Not an https URL with a host.
    #[error("the kubeconfig's server must be a URL that begins with https://")]
    Server,
    /// Not base64, or not of certificates in PEM.
    #[error("the kubeconfig's {0} must be PEM encoded with base64")]
    Data(&'static str),
    /// No credential, half a one, or two.
    #[error("the kubeconfig must have either client-certificate-data and client-key-data, or token")]
    Credential,
}

fn at(place: Option<(u64, u64)>) -> String {
    place.map_or_else(String::new, |(line, column)| format!(" (line {line}, column {column})"))
}

/// One list entry of each kind, and only the fields that are accepted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    #[serde(rename = "current-context")]
    current_context: String,
    clusters: [NamedCluster; 1],
    contexts: [NamedContext; 1],
    users: [NamedUser; 1],
    #[serde(default, rename = "preferences")]
    _preferences: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority_data: Option<String>,
    tls_server_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    cluster: String,
    user: String,
    #[serde(default, rename = "namespace")]
    _namespace: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    extensions: Vec<Extension>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    name: String,
    extension: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct User {
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
}

impl Hub {
    /// Reads a kubeconfig.
    pub fn parse(bytes: &[u8]) -> Result<Self, KubeconfigError> {
        let File { api_version, kind, current_context, clusters, contexts, users, .. } = read(bytes)?;
        let ([cluster], [context], [user]) = (clusters, contexts, users);
        let named = api_version == "v1"
            && kind == "Config"
            && current_context == context.name
            && context.context.cluster == cluster.name
            && context.context.user == user.name;
        if !named {
            return Err(KubeconfigError::Names);
        }
        let server: Uri = cluster.cluster.server.parse().map_err(|_| KubeconfigError::Server)?;
        if server.scheme() != Some(&http::uri::Scheme::HTTPS) || server.host().is_none_or(str::is_empty) {
            return Err(KubeconfigError::Server);
        }
        let roots = cluster.cluster.certificate_authority_data.as_deref().map(certificates).transpose()?;
        let note = context.context.extensions.into_iter().find(|extension| extension.name == CREDENTIAL_EXTENSION);
        Ok(Self {
            server,
            server_name: cluster.cluster.tls_server_name,
            roots,
            credential: credential(user.user)?,
            note: note.and_then(|note| serde_json::from_value(note.extension).ok()),
        })
    }
}

/// The readers' own messages are dropped: they quote what they read.
fn read(bytes: &[u8]) -> Result<File, KubeconfigError> {
    let text = std::str::from_utf8(bytes).map_err(|_| KubeconfigError::Unreadable(None))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| KubeconfigError::Unreadable(Some((error.line() as u64, error.column() as u64))));
    }
    serde_saphyr::from_str(text)
        .map_err(|error| KubeconfigError::Unreadable(error.location().map(|place| (place.line(), place.column()))))
}

fn decode(text: &str, field: &'static str) -> Result<Zeroizing<Vec<u8>>, KubeconfigError> {
    STANDARD.decode(text.trim()).map(Zeroizing::new).map_err(|_| KubeconfigError::Data(field))
}

fn certificates(text: &str) -> Result<Vec<Vec<u8>>, KubeconfigError> {
    let field = "certificate-authority-data";
    let pem = decode(text, field)?;
    let certificates: Result<Vec<Pem>, _> = Pem::iter_from_buffer(&pem).collect();
    let certificates = certificates.map_err(|_| KubeconfigError::Data(field))?;
    if certificates.is_empty() || certificates.iter().any(|pem| pem.label != "CERTIFICATE") {
        return Err(KubeconfigError::Data(field));
    }
    Ok(certificates.into_iter().map(|pem| pem.contents).collect())
}

fn credential(user: User) -> Result<Credential, KubeconfigError> {
    let (token, key) = (user.token.map(Zeroizing::new), user.client_key_data.map(Zeroizing::new));
    match (user.client_certificate_data, key, token) {
        (Some(chain), Some(key), None) => Ok(Credential::Certificate {
            chain: decode(&chain, "client-certificate-data")?.to_vec(),
            key: decode(&key, "client-key-data")?,
        }),
        (None, None, Some(token)) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Credential::Token(token))
        }
        _ => Err(KubeconfigError::Credential),
    }
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
pub(crate) mod tests;
