//! The certificate authority for the syncers' client certificates.
//!
//! An API server believes every name in a certificate of a CA that it trusts: whoever holds this key can be anybody on the
//! hub. So it is a CA of its own, for nothing else, and its key never leaves the controller's memory again.

use berthage_core::names::hex;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::certificate::CLOCK_SKEW;

/// Longest life of a CA that is made here, in days.
pub const MAX_DAYS: u16 = 3650;

/// A CA that is ready to sign. Holds the private key: neither `Debug` nor `Serialize` nor `Clone`.
pub struct Authority {
    pub(super) issuer: rcgen::Issuer<'static, KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a CA cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AuthorityError {
    /// The Secret has no such key.
    #[error("the CA's Secret has no key {0}; it must hold tls.crt and tls.key")]
    SecretKeyMissing(&'static str),
    /// Not PEM, or not one certificate.
    #[error("the CA's certificate must be one PEM block `BEGIN CERTIFICATE`, found {0}")]
    Certificate(usize),
    /// Not X.509.
    #[error("the CA's certificate cannot be read")]
    Unreadable,
    /// Without the marks of a CA.
    #[error(
        "the CA's certificate is no CA certificate (basicConstraints CA and keyUsage keyCertSign); make one with `berthage ca init`"
    )]
    NotACa,
    /// Its time is over.
    #[error("the CA's certificate expired at {0}; make a new one with `berthage ca init`")]
    Expired(Timestamp),
    /// Its time has not begun.
    #[error("the CA's certificate is not valid before {0}; check the clock")]
    NotYetValid(Timestamp),
    /// The key cannot be read.
    #[error("the CA's private key cannot be read; it must be PEM (PKCS#8, PKCS#1 or SEC1) without a password")]
    Key,
    /// The key is another one's.
    #[error("the CA's private key does not belong to its certificate")]
    Mismatch,
    /// The system gave no random numbers, or the certificate could not be signed.
    #[error("a CA could not be made")]
    Make,
    /// The wanted life is too long, or none.
    #[error("the CA's life must be between 1 and {MAX_DAYS} days")]
    Days,
}

/// A new CA as PEM.
pub struct NewAuthority {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: Zeroizing<String>,
    /// End of its validity.
    pub not_after: Timestamp,
}

impl Authority {
    /// Reads and checks a CA.
    pub fn from_pem(certificate: &[u8], key: &[u8], now: Timestamp) -> Result<Self, AuthorityError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(certificate)
            .take(8)
            .collect::<Result<_, _>>()
            .map_err(|_| AuthorityError::Certificate(0))?;
        let [certificate] = certificates.as_slice() else {
            return Err(AuthorityError::Certificate(certificates.len()));
        };
        let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| AuthorityError::Unreadable)?;
        let signs = parsed.key_usage().map_err(|_| AuthorityError::Unreadable)?;
        if !rest.is_empty() {
            return Err(AuthorityError::Unreadable);
        }
        if !parsed.is_ca() || signs.is_some_and(|usage| !usage.value.key_cert_sign()) {
            return Err(AuthorityError::NotACa);
        }
        let not_before = timestamp(parsed.validity().not_before)?;
        let not_after = timestamp(parsed.validity().not_after)?;
        if now >= not_after {
            return Err(AuthorityError::Expired(not_after));
        }
        if now < not_before {
            return Err(AuthorityError::NotYetValid(not_before));
        }
        let key = std::str::from_utf8(key).map_err(|_| AuthorityError::Key)?;
        let key = KeyPair::from_pem(key).map_err(|_| AuthorityError::Key)?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.der_bytes() {
            return Err(AuthorityError::Mismatch);
        }
        let issuer = rcgen::Issuer::from_ca_cert_der(certificate, key).map_err(|_| AuthorityError::Unreadable)?;
        Ok(Self { issuer, certificate: certificate.clone(), not_before, not_after })
    }

    /// Reads and checks the CA in a Secret of type `kubernetes.io/tls`.
    pub fn from_secret(secret: &Secret, now: Timestamp) -> Result<Self, AuthorityError> {
        let get = |key: &'static str| {
            let data = secret.data.as_ref().and_then(|data| data.get(key));
            data.map(|bytes| bytes.0.as_slice()).ok_or(AuthorityError::SecretKeyMissing(key))
        };
        Self::from_pem(get("tls.crt")?, get("tls.key")?, now)
    }

    /// A new self-signed CA with an ECDSA P-256 key.
    pub fn make(common_name: &str, days: u16, now: Timestamp) -> Result<NewAuthority, AuthorityError> {
        if days == 0 || days > MAX_DAYS {
            return Err(AuthorityError::Days);
        }
        let not_before = now.checked_sub(CLOCK_SKEW).map_err(|_| AuthorityError::Days)?;
        let not_after =
            Timestamp::from_second(now.as_second() + i64::from(days) * 86_400).map_err(|_| AuthorityError::Days)?;
        let mut params = CertificateParams::default();
        params.not_before = date(not_before)?.to_datetime();
        params.not_after = date(not_after)?.to_datetime();
        params.serial_number = Some(serial().ok_or(AuthorityError::Make)?.to_vec().into());
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        // It signs syncers' certificates and no further CA.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(|_| AuthorityError::Make)?;
        let certificate = params.self_signed(&key).map_err(|_| AuthorityError::Make)?.pem();
        Ok(NewAuthority { certificate, key: Zeroizing::new(key.serialize_pem()), not_after })
    }

    /// Beginning of its validity.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of its validity: no certificate that it signs lasts longer.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// 16 hexadecimal digits of SHA-256 over the certificate, which is public.
    pub fn fingerprint(&self) -> String {
        hex(&Sha256::digest(&self.certificate)[..8])
    }
}

/// 16 random bytes that are a positive number of exactly that length.
pub(super) fn serial() -> Option<[u8; 16]> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::default_provider().secure_random.fill(&mut bytes).ok()?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Some(bytes)
}

/// A point in time as certificates have it. Its `to_datetime` is what rcgen takes.
pub(super) fn date(time: Timestamp) -> Result<ASN1Time, AuthorityError> {
    ASN1Time::from_timestamp(time.as_second()).map_err(|_| AuthorityError::Unreadable)
}

fn timestamp(time: ASN1Time) -> Result<Timestamp, AuthorityError> {
    Timestamp::from_second(time.timestamp()).map_err(|_| AuthorityError::Unreadable)
}

#[cfg(test)]
#[path = "ca_tests.rs"]
mod tests;
