//! Whose client certificates a server takes, and what it reads in them.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use tokio_rustls::rustls::crypto::aws_lc_rs as provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{self, CertificateError, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::listener::ListenError;
use crate::server::ClientCertificate;

/// Who may be a client. Nobody has to show a certificate.
#[derive(Debug, Clone)]
pub struct Clients(Arc<dyn ClientCertVerifier>);

impl Clients {
    /// Those with a certificate of one of these authorities (PEM).
    pub fn of(authorities: &[String]) -> Result<Self, ListenError> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            for certificate in certificates(authority)? {
                roots.add(certificate)?;
            }
        }
        let provider = Arc::new(provider::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(ListenError::Clients)?;
        Ok(Self(verifier))
    }

    /// What a server would see of somebody with this certificate at that time, or why it would end the connection.
    pub fn admit(
        &self,
        certificate: &CertificateDer<'_>,
        now: Timestamp,
    ) -> Result<Option<ClientCertificate>, rustls::Error> {
        let since = std::time::Duration::try_from(now.duration_since(Timestamp::UNIX_EPOCH));
        let now = UnixTime::since_unix_epoch(since.map_err(|_| CertificateError::NotValidYet)?);
        self.0.verify_client_cert(certificate, &[], now)?;
        Ok(seen(certificate))
    }

    pub(super) fn verifier(self) -> Arc<dyn ClientCertVerifier> {
        self.0
    }
}

/// What is said of the holder of a certificate.
pub(super) fn seen(certificate: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let subject = parsed.subject();
    let texts = |attributes: &mut dyn Iterator<Item = &x509_parser::x509::AttributeTypeAndValue<'_>>| {
        attributes.filter_map(|attribute| attribute.as_str().ok().map(str::to_owned)).collect::<Vec<_>>()
    };
    Some(ClientCertificate {
        common_name: texts(&mut subject.iter_common_name()).into_iter().next()?,
        organisations: texts(&mut subject.iter_organization()),
        sha256: digest(&SHA256, certificate).as_ref().try_into().ok()?,
    })
}

pub(super) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(ListenError::Pem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), Issuer::new(params, key))
    }

    fn client(issuer: &Issuer<'_, KeyPair>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "somebody");
        params.distinguished_name.push(DnType::OrganizationName, "a team");
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 2, 1));
        params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
    }

    #[test]
    fn who_has_a_certificate_of_the_authority_is_seen_while_it_is_valid() {
        let ((ours, issuer), (_, stranger)) = (authority("ours"), authority("a stranger"));
        let clients = Clients::of(&[ours]).unwrap();
        let at = |day: &str| format!("2026-{day}T12:00:00Z").parse::<Timestamp>().unwrap();
        let certificate = client(&issuer);
        let seen = clients.admit(&certificate, at("01-15")).unwrap().unwrap();
        assert_eq!((seen.common_name.as_str(), seen.organisations), ("somebody", vec!["a team".to_owned()]));
        assert!(clients.admit(&certificate, at("03-01")).is_err(), "it has expired");
        assert!(clients.admit(&client(&stranger), at("01-15")).is_err(), "it is of another authority");
    }
}
