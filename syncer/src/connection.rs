//! A client for the hub, made from a kubeconfig.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::AuthInfo;
use kube::{Client, Config};

use crate::credential;
use crate::kubeconfig::{Credential, Hub, KubeconfigError};
use crate::proxy::{Bypass, Proxy};

/// A client, and what the heartbeat says about it.
#[derive(Clone)]
pub struct Connection {
    /// The client. It does not try again by itself.
    pub client: Client,
    /// Serial of the credential that it uses.
    pub serial: String,
}

/// How connections are made.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Name of the SyncTarget.
    pub target: String,
    /// uid of the SyncTarget.
    pub target_uid: String,
    /// Longest time until a connection stands.
    pub connect_timeout: Duration,
    /// Proxy, if any.
    pub proxy: Option<Proxy>,
    /// Hosts that are reached without it.
    pub bypass: Bypass,
}

/// Why a kubeconfig gives no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// See [`KubeconfigError`].
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// It was made for another SyncTarget.
    #[error("the kubeconfig was made for the SyncTarget {target} with uid {uid}; mount the Secret of this one")]
    OtherTarget {
        /// Whose it is.
        target: String,
        /// Its uid.
        uid: String,
    },
    /// The certificates or the key cannot be used.
    #[error("the kubeconfig's certificates or key cannot be used: {0}")]
    Tls(String),
}

impl ConnectionError {
    fn tls(error: &kube::Error) -> Self {
        let mut cause: &(dyn std::error::Error + 'static) = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        // The PEM reader's errors quote what they read, which may be a part of the key.
        Self::Tls(if cause.is::<tokio_rustls::rustls::Error>() {
            cause.to_string()
        } else {
            "they are not what PEM is, or a part is missing".to_owned()
        })
    }
}

impl Connector {
    /// Makes a client. Nothing is sent yet.
    pub fn open(&self, kubeconfig: &[u8]) -> Result<Connection, ConnectionError> {
        let hub = Hub::parse(kubeconfig)?;
        if let Some(note) = hub.note.as_ref().filter(|note| note.target != self.target || note.uid != self.target_uid) {
            return Err(ConnectionError::OtherTarget { target: note.target.clone(), uid: note.uid.clone() });
        }
        let serial = credential::serial(&hub.credential, hub.note.as_ref())?;
        let mut config = Config::new(hub.server);
        config.proxy_url = self.proxy_for(config.cluster_url.host().unwrap_or_default());
        config.root_cert = hub.roots;
        config.tls_server_name = hub.server_name;
        config.connect_timeout = Some(self.connect_timeout);
        // Answers are waited for with a limit on the whole request, which closes the connection when it passes.
        config.read_timeout = None;
        config.write_timeout = Some(self.connect_timeout);
        config.default_retry = false;
        config.auth_info = match hub.credential {
            Credential::Certificate { chain, key } => AuthInfo {
                client_certificate_data: Some(STANDARD.encode(chain)),
                client_key_data: Some(STANDARD.encode(key).into()),
                ..AuthInfo::default()
            },
            Credential::Token(token) => AuthInfo { token: Some(token.as_str().into()), ..AuthInfo::default() },
        };
        let client = Client::try_from(config).map_err(|error| ConnectionError::tls(&error))?;
        Ok(Connection { client, serial })
    }

    fn proxy_for(&self, host: &str) -> Option<http::Uri> {
        self.proxy.as_ref().and_then(Proxy::uri).filter(|_| !self.bypass.covers(host)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kubeconfig::tests::{document, pair, with_certificate};

    fn connector() -> Connector {
        crate::run::install_crypto_provider();
        Connector {
            target: "east".to_owned(),
            target_uid: "u-1".to_owned(),
            connect_timeout: Duration::from_secs(1),
            proxy: None,
            bypass: Bypass::default(),
        }
    }

    fn open(document: &Value) -> Result<Connection, ConnectionError> {
        connector().open(document.to_string().as_bytes())
    }

    #[tokio::test]
    async fn a_certificate_or_a_token_gives_a_client_and_its_serial() {
        assert_eq!(open(&document(&json!({ "token": "opaque" }))).map(|it| it.serial), Ok("0a".to_owned()));
        let serial = open(&document(&with_certificate())).map(|it| it.serial).unwrap();
        assert!(serial.len() > 8 && serial != "0a");
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_not_quoted() {
        let broken = |error: Option<ConnectionError>| {
            let error = error.unwrap();
            assert!(!error.to_string().contains("canary"), "{error}");
            error
        };
        assert!(matches!(broken(connector().open(b"canary").err()), ConnectionError::Kubeconfig(_)));

        let (certificate, other_key) = (pair().0, pair().1);
        for (key, expected) in [
            (other_key, "KeyMismatch"),
            ("-----BEGIN PRIVATE KEY-----\ncanary".to_owned(), "missing"),
            ("-----BEGIN canary".to_owned(), "missing"),
        ] {
            let user = json!({
                "client-certificate-data": STANDARD.encode(&certificate), "client-key-data": STANDARD.encode(key),
            });
            let error = broken(open(&document(&user)).err()).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn the_credential_of_another_target_is_refused() {
        for field in ["target", "uid"] {
            let mut document = document(&json!({ "token": "t" }));
            document["contexts"][0]["context"]["extensions"][0]["extension"][field] = json!("other");
            assert!(matches!(open(&document).err(), Some(ConnectionError::OtherTarget { .. })), "{field}");
        }
    }

    #[test]
    fn the_proxy_is_left_out_for_hosts_that_are_named() {
        let proxy: Proxy = "http://proxy:3128".parse().unwrap();
        let connector =
            Connector { proxy: Some(proxy.clone()), bypass: "inner.example.org".parse().unwrap(), ..connector() };
        assert_eq!(connector.proxy_for("hub.example.org").as_ref(), proxy.uri());
        assert_eq!(connector.proxy_for("inner.example.org"), None);
    }
}
