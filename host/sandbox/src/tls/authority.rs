//! Certificate authorities of a sandbox, and what they sign.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A certificate cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox cannot make a certificate for {name:?}")]
pub struct IdentityError {
    /// For whom.
    pub name: String,
    /// Why.
    #[source]
    pub source: rcgen::Error,
}

/// A certificate and its private key, both as PEM. It counts in one sandbox only, and so it may be shown.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS#8.
    pub key: String,
}

/// An authority for servers or for clients.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority of this name.
    pub fn new(name: &str) -> Result<Self, IdentityError> {
        let wrong = |source| IdentityError { name: name.to_owned(), source };
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(wrong)?;
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, key).map_err(wrong)? })
    }

    /// Its certificate, as PEM.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// Its private key, as PEM: for a controller that signs for its syncers.
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for a server at 127.0.0.1 and localhost.
    pub fn server(&self, name: &str) -> Result<Identity, IdentityError> {
        let wrong = |source| IdentityError { name: name.to_owned(), source };
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names).map_err(wrong)?;
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(name, params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client: a user in a group, as Kubernetes reads the common name and the organisation.
    pub fn client(&self, user: &str, group: Option<&str>) -> Result<Identity, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        self.issue(user, params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        name: &str,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Identity, IdentityError> {
        let wrong = |source| IdentityError { name: name.to_owned(), source };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(wrong)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(wrong)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
