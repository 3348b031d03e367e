//! A tenant's kubeconfig, read by an allow-list.
//!
//! A kubeconfig is a program as much as a document: `exec` runs commands, `tokenFile` and the `certificate-authority` family
//! read files, `proxy-url` and `insecure-skip-tls-verify` hand the connection to somebody else, `as` borrows rights. Here
//! only what is listed is read; everything else is refused by name, with its path and never its value.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berthage_core::names::hex;
use berthage_core::reason::Reason;
use http::Uri;
use k8s_openapi::ByteString;
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use zeroize::{Zeroize as _, Zeroizing};

use super::address::AddressPolicy;
use super::document::{self, Node, Unreadable};

/// Largest kubeconfig that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most certificates in a CA bundle or a chain.
const MAX_CERTIFICATES: usize = 64;
/// What makes an acceptable file of nearly every kubeconfig.
const FLATTEN: &str = "`kubectl config view --minify --flatten` writes a file of the accepted form";

/// Where a cluster is, how to know it, and who we are to it.
///
/// Holds secrets: it has neither `Debug` nor `Serialize` nor `Clone`, and wipes them when dropped.
pub struct Access {
    pub(super) server: Uri,
    pub(super) server_name: ServerName<'static>,
    /// `None`: the system's roots.
    pub(super) roots: Option<Vec<CertificateDer<'static>>>,
    pub(super) certificate: Option<Certificate>,
    pub(super) token: Option<Zeroizing<String>>,
    pub(super) namespace: Option<String>,
    pub(super) policy: AddressPolicy,
}

/// A client certificate with its key.
pub(super) struct Certificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: Key,
}

/// A private key that is wiped when dropped.
pub(super) struct Key(PrivateKeyDer<'static>);

impl Key {
    /// A copy for the TLS library, which wipes its own.
    pub(super) fn for_tls(&self) -> PrivateKeyDer<'static> {
        self.0.clone_key()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Why a kubeconfig is not used. No variant holds a value of the document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KubeconfigError {
    /// The Secret has no such key.
    #[error("the Secret has no key `{key}`; its keys are: {present}. Set kubeConfigSecretRef.key to the right one")]
    KeyMissing {
        /// The key that was looked for.
        key: String,
        /// The keys that are there, or `none`.
        present: String,
    },
    /// Nothing but white space.
    #[error("the kubeconfig is empty; put the file's content into the Secret")]
    Empty,
    /// More than [`MAX_BYTES`].
    #[error("the kubeconfig has {bytes} bytes, more than {MAX_BYTES}; {FLATTEN}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Neither YAML nor JSON, or with aliases, duplicate keys, tags or more depth than a kubeconfig has.
    #[error("the kubeconfig cannot be read{}: it must be plain YAML or JSON without aliases, tags and duplicate keys",
        place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default())]
    Unreadable {
        /// Line and column from 1.
        place: Option<(u64, u64)>,
    },
    /// Something that must be there is missing or has the wrong form.
    #[error("the kubeconfig is not usable: {path} {problem}")]
    Invalid {
        /// Path of the field.
        path: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Something that is not accepted from a tenant.
    #[error("the kubeconfig is refused: {path} {problem}")]
    Refused {
        /// Path of the field.
        path: String,
        /// Why it is refused, and what to do instead.
        problem: String,
    },
}

impl KubeconfigError {
    /// The condition's reason.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::KeyMissing { .. } => Reason::SecretKeyMissing,
            Self::Empty => Reason::KubeconfigEmpty,
            Self::TooLarge { .. } => Reason::KubeconfigTooLarge,
            Self::Unreadable { .. } | Self::Invalid { .. } => Reason::KubeconfigInvalid,
            Self::Refused { .. } => Reason::KubeconfigRefused,
        }
    }
}

fn invalid(path: &str, problem: impl Into<String>) -> KubeconfigError {
    KubeconfigError::Invalid { path: path.to_owned(), problem: problem.into() }
}

fn refused(path: &str, problem: impl Into<String>) -> KubeconfigError {
    KubeconfigError::Refused { path: path.to_owned(), problem: problem.into() }
}

impl Access {
    /// Reads the kubeconfig under `key` of a Secret's data.
    pub fn from_secret(
        data: Option<&BTreeMap<String, ByteString>>,
        key: &str,
        policy: AddressPolicy,
    ) -> Result<Self, KubeconfigError> {
        if let Some(ByteString(bytes)) = data.and_then(|data| data.get(key)) {
            return Self::parse(bytes, policy);
        }
        let mut present: Vec<&str> = data.into_iter().flatten().map(|(name, _)| name.as_str()).take(8).collect();
        if present.is_empty() {
            present.push("none");
        }
        let present = present.join(", ").chars().take(256).collect();
        Err(KubeconfigError::KeyMissing { key: key.to_owned(), present })
    }

    /// Reads a kubeconfig.
    pub fn parse(bytes: &[u8], policy: AddressPolicy) -> Result<Self, KubeconfigError> {
        if bytes.len() > MAX_BYTES {
            return Err(KubeconfigError::TooLarge { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| KubeconfigError::Unreadable { place: None })?;
        if text.trim().is_empty() {
            return Err(KubeconfigError::Empty);
        }
        let document = document::read(text).map_err(|Unreadable(place)| KubeconfigError::Unreadable { place })?;
        let mut top = Fields::of(document, "")?;
        top.is("apiVersion", "v1")?;
        top.is("kind", "Config")?;
        top.ignore(&["preferences", "extensions"]);
        let current = top.required("current-context")?;
        let contexts = top.one("contexts")?;
        let clusters = top.one("clusters")?;
        let users = top.one("users")?;
        top.finish()?;

        let context = Named::of(contexts, "contexts[0]", "context")?;
        if *context.name != *current {
            return Err(invalid("current-context", format!("must name the one entry of contexts; {FLATTEN}")));
        }
        let mut fields = context.fields;
        let cluster_name = fields.required("cluster")?;
        let user_name = fields.required("user")?;
        let namespace = fields.text("namespace")?.map(|namespace| namespace.to_string());
        fields.ignore(&["extensions"]);
        fields.finish()?;

        let cluster = Named::of(clusters, "clusters[0]", "cluster")?;
        if *cluster.name != *cluster_name {
            return Err(invalid(
                "contexts[0].context.cluster",
                format!("must name the one entry of clusters; {FLATTEN}"),
            ));
        }
        let user = Named::of(users, "users[0]", "user")?;
        if *user.name != *user_name {
            return Err(invalid("contexts[0].context.user", format!("must name the one entry of users; {FLATTEN}")));
        }
        if namespace.as_deref().is_some_and(|namespace| !is_label(namespace)) {
            return Err(invalid("contexts[0].context.namespace", "must be the name of a namespace"));
        }
        let (server, server_name, roots) = read_cluster(cluster.fields, policy)?;
        let (certificate, token) = read_user(user.fields)?;
        Ok(Self { server, server_name, roots, certificate, token, namespace, policy })
    }

    /// The server's URL.
    pub const fn server(&self) -> &Uri {
        &self.server
    }

    /// 16 hexadecimal digits of SHA-256 over everything: equal for equal accesses, fit for logs because the keys and
    /// tokens that go in cannot be guessed.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        let mut add = |tag: u8, bytes: &[u8]| {
            hasher.update([tag]);
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        add(0, self.server.to_string().as_bytes());
        add(1, self.server_name.to_str().as_bytes());
        for root in self.roots.iter().flatten() {
            add(2, root);
        }
        if let Some(certificate) = &self.certificate {
            for link in &certificate.chain {
                add(3, link);
            }
            add(4, certificate.key.0.secret_der());
        }
        if let Some(token) = &self.token {
            add(5, token.as_bytes());
        }
        add(6, self.namespace.as_deref().unwrap_or_default().as_bytes());
        add(7, &[u8::from(self.roots.is_some()), u8::from(self.policy.deny_private)]);
        hex(&hasher.finalize()[..8])
    }
}

type Cluster = (Uri, ServerName<'static>, Option<Vec<CertificateDer<'static>>>);

fn read_cluster(mut fields: Fields, policy: AddressPolicy) -> Result<Cluster, KubeconfigError> {
    let server = fields.required("server")?;
    let (server, host) = read_server(&server, &fields.at("server"), policy)?;
    let server_name = match fields.text("tls-server-name")? {
        Some(name) => ServerName::try_from(name.as_str())
            .map_err(|_| invalid(&fields.at("tls-server-name"), "must be a DNS name or an address"))?
            .to_owned(),
        None => host,
    };
    let roots = match fields.text("certificate-authority-data")? {
        Some(data) => Some(read_certificates(&data, &fields.at("certificate-authority-data"))?),
        None => None,
    };
    match fields.take("insecure-skip-tls-verify") {
        None | Some(Node::Null | Node::Bool(false)) => {}
        Some(_) => {
            return Err(refused(
                &fields.at("insecure-skip-tls-verify"),
                "would let anybody answer for the cluster; remove it and give certificate-authority-data",
            ));
        }
    }
    fields.ignore(&["extensions", "disable-compression"]);
    fields.finish()?;
    Ok((server, server_name, roots))
}

fn read_user(mut fields: Fields) -> Result<(Option<Certificate>, Option<Zeroizing<String>>), KubeconfigError> {
    let chain = fields.text("client-certificate-data")?;
    let key = fields.text("client-key-data")?;
    let token = fields.text("token")?;
    let (path, path_of_chain) = (fields.path.clone(), fields.at("client-certificate-data"));
    let (path_of_key, path_of_token) = (fields.at("client-key-data"), fields.at("token"));
    fields.ignore(&["extensions"]);
    fields.finish()?;
    let certificate = match (chain, key) {
        (Some(chain), Some(key)) => {
            Some(Certificate { chain: read_certificates(&chain, &path_of_chain)?, key: read_key(&key, &path_of_key)? })
        }
        (None, None) => None,
        (Some(_), None) => return Err(invalid(&path_of_key, "is missing: it belongs to client-certificate-data")),
        (None, Some(_)) => return Err(invalid(&path_of_chain, "is missing: it belongs to client-key-data")),
    };
    if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(invalid(&path_of_token, "has characters that no token has, such as spaces or line breaks"));
    }
    if certificate.is_none() && token.is_none() {
        let problem =
            format!("holds no credential: give client-certificate-data and client-key-data, or token; {FLATTEN}");
        return Err(invalid(&path, problem));
    }
    Ok((certificate, token))
}

/// The server's URL and the name that its certificate must carry.
fn read_server(text: &str, path: &str, policy: AddressPolicy) -> Result<(Uri, ServerName<'static>), KubeconfigError> {
    if text.len() > 2048 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(path, "must be a URL of at most 2048 printable ASCII characters"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(invalid(path, "must be a URL that begins with https://"));
    };
    if !scheme.eq_ignore_ascii_case("https") {
        return Err(refused(path, "must begin with https://; anything else would show the credential to the network"));
    }
    if rest.contains('@') {
        return Err(refused(path, "must not carry a user name or password"));
    }
    if rest.contains(['?', '#', '\\']) || rest.split('/').any(|segment| segment == ".." || segment == ".") {
        return Err(refused(path, "must not have a query, a fragment, a backslash or dots as path segments"));
    }
    let uri: Uri =
        text.parse().map_err(|_| invalid(path, "must be a URL, such as https://cluster.example.org:6443"))?;
    let host = uri.host().unwrap_or_default();
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    // A port out of range reads as no port at all, and the default would be taken.
    if authority.len() > host.len() && uri.port_u16().is_none_or(|port| port == 0) {
        return Err(invalid(path, "has a port that is not between 1 and 65535"));
    }
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // `2852039166` and `0xa9fea9fe` are addresses to some resolvers: only the usual form is read.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    let name = ServerName::try_from(host).map_err(|_| invalid(path, "must have a DNS name or an address as host"))?;
    match &name {
        ServerName::IpAddress(address) => policy
            .check((*address).into())
            .map_err(|refusal| refused(path, format!("{refusal}; give the API server's own address")))?,
        _ if numeric => return Err(invalid(path, "must give addresses in their usual form, such as 192.0.2.1")),
        _ => {}
    }
    let name = name.to_owned();
    Ok((uri, name))
}

fn decode(text: &str, path: &str) -> Result<Zeroizing<Vec<u8>>, KubeconfigError> {
    let mut compact = Zeroizing::new(Vec::with_capacity(text.len()));
    compact.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    match STANDARD.decode(compact.as_slice()) {
        Ok(bytes) if !bytes.is_empty() => Ok(Zeroizing::new(bytes)),
        Ok(_) => Err(invalid(path, "is empty")),
        Err(_) => Err(invalid(path, "is not base64: give the PEM file's content encoded with base64")),
    }
}

fn read_certificates(text: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, KubeconfigError> {
    let pem = decode(text, path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .take(MAX_CERTIFICATES + 1)
        .collect::<Result<_, _>>()
        .map_err(|_| invalid(path, "does not hold PEM certificates"))?;
    match certificates.len() {
        0 => Err(invalid(path, "holds no PEM block `BEGIN CERTIFICATE`")),
        1..=MAX_CERTIFICATES => Ok(certificates),
        _ => Err(invalid(path, format!("holds more than {MAX_CERTIFICATES} certificates"))),
    }
}

fn read_key(text: &str, path: &str) -> Result<Key, KubeconfigError> {
    let pem = decode(text, path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(Key(key)),
        Err(pem::Error::NoItemsFound) => {
            let encrypted = pem.windows(9).any(|window| window == b"ENCRYPTED");
            let problem = if encrypted {
                "is encrypted with a password, which nobody could enter; give the key without one"
            } else {
                "holds no PEM block with a private key"
            };
            Err(invalid(path, problem))
        }
        Err(_) => Err(invalid(path, "does not hold a PEM private key")),
    }
}

/// Whether `name` can be a namespace: a DNS label.
fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// An entry of contexts, clusters or users.
struct Named {
    name: Zeroizing<String>,
    fields: Fields,
}

impl Named {
    fn of(entry: Node, path: &str, inner: &'static str) -> Result<Self, KubeconfigError> {
        let mut entry = Fields::of(entry, path)?;
        let name = entry.required("name")?;
        let path = entry.at(inner);
        let Some(fields) = entry.take(inner) else { return Err(invalid(&path, "is missing")) };
        entry.finish()?;
        Ok(Self { name, fields: Fields::of(fields, &path)? })
    }
}

/// The fields of a mapping; each is taken once, and what is left over at the end is refused.
struct Fields {
    path: String,
    fields: Vec<(String, Node)>,
}

impl Fields {
    fn of(node: Node, path: &str) -> Result<Self, KubeconfigError> {
        match node {
            Node::Map(fields) => Ok(Self { path: path.to_owned(), fields }),
            _ if path.is_empty() => {
                Err(invalid("the document", "must be a mapping with apiVersion, kind, clusters, …"))
            }
            _ => Err(invalid(path, "must be a mapping")),
        }
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        let index = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.swap_remove(index).1)
    }

    fn ignore(&mut self, names: &[&str]) {
        self.fields.retain(|(name, _)| !names.contains(&name.as_str()));
    }

    /// The text of a field; `None` when it is missing, null or empty.
    fn text(&mut self, name: &str) -> Result<Option<Zeroizing<String>>, KubeconfigError> {
        match self.take(name) {
            None | Some(Node::Null) => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => Err(invalid(&self.at(name), "must be a text; put it in quotes if it looks like a number")),
        }
    }

    fn required(&mut self, name: &str) -> Result<Zeroizing<String>, KubeconfigError> {
        self.text(name)?.ok_or_else(|| invalid(&self.at(name), "is missing or empty"))
    }

    fn is(&mut self, name: &str, expected: &str) -> Result<(), KubeconfigError> {
        match self.text(name)? {
            Some(text) if *text != expected => Err(invalid(&self.at(name), format!("must be {expected}"))),
            _ => Ok(()),
        }
    }

    /// The only entry of a list.
    fn one(&mut self, name: &str) -> Result<Node, KubeconfigError> {
        match self.take(name) {
            Some(Node::List(mut entries)) => match (entries.pop(), entries.len()) {
                (Some(entry), 0) => Ok(entry),
                (None, _) => Err(invalid(&self.at(name), "is empty")),
                (Some(_), others) => Err(refused(
                    &self.at(name),
                    format!("has {} entries, and only one can be meant; {FLATTEN}", others + 1),
                )),
            },
            None | Some(Node::Null) => Err(invalid(&self.at(name), "is missing")),
            Some(_) => Err(invalid(&self.at(name), "must be a list")),
        }
    }

    /// Refuses the first field that nobody took.
    fn finish(self) -> Result<(), KubeconfigError> {
        let Some((name, _)) = self.fields.first() else { return Ok(()) };
        // A name that is not one of ours may be a value in the wrong place.
        let plain = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        let path = if plain { self.at(name) } else { self.at("<a field of another name>") };
        Err(refused(&path, why_refused(name)))
    }
}

/// Why a field that other programs understand is not accepted.
fn why_refused(name: &str) -> String {
    let problem = match name {
        "exec" | "auth-provider" => {
            "would run a program in the controller; give client-certificate-data and client-key-data, or token"
        }
        "tokenFile" => "would read a file of the controller; give token",
        "certificate-authority" | "client-certificate" | "client-key" => {
            return format!("would read a file of the controller; give {name}-data");
        }
        "proxy-url" => "would send the connection through somebody else; give a server that can be reached directly",
        "as" | "as-uid" | "as-groups" | "as-user-extra" => {
            "would act as somebody else; give the credential of the identity that is meant"
        }
        "username" | "password" => {
            "is not accepted by present API servers; give client-certificate-data and client-key-data, or token"
        }
        _ => "is not a field that is accepted; remove it",
    };
    problem.to_owned()
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
