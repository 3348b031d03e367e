//! A client certificate for one syncer: signed, then read again and compared with what it should be.

use std::time::Duration;

use berthage_core::names::hex;
use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::ca::{self, Authority, AuthorityError};
use super::error::IssueError;

/// How far the clocks of the hub and the controller may be apart: a certificate is valid from this long before it was made.
pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// A client certificate with its key.
pub struct ClientCertificate {
    /// The certificate as PEM.
    pub certificate: String,
    /// The private key as PEM (PKCS#8).
    pub key: Zeroizing<String>,
    /// The serial number in 32 hexadecimal digits.
    pub serial: String,
    /// End of its validity: as wanted, and never after the CA's.
    pub not_after: Timestamp,
}

/// Makes a key and signs a certificate for the user of that name, without any group.
pub fn issue(
    authority: &Authority,
    user: &str,
    duration: Duration,
    now: Timestamp,
) -> Result<ClientCertificate, IssueError> {
    if now >= authority.not_after() {
        return Err(AuthorityError::Expired(authority.not_after()).into());
    }
    let not_before = now.saturating_sub(CLOCK_SKEW).unwrap_or(now).max(authority.not_before());
    let not_after = now.saturating_add(duration).unwrap_or(authority.not_after()).min(authority.not_after());
    let not_after = Timestamp::from_second(not_after.as_second()).unwrap_or(not_after);
    let serial = ca::serial().ok_or(IssueError::Random)?;
    let mut params = CertificateParams::default();
    params.not_before = ca::date(not_before)?.to_datetime();
    params.not_after = ca::date(not_after)?.to_datetime();
    // The default would be a hash of the public key.
    params.serial_number = Some(serial.to_vec().into());
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(IssueError::Sign)?;
    let certificate = params.signed_by(&key, &authority.issuer).map_err(IssueError::Sign)?;
    check(certificate.der(), authority, user, &serial, (not_before, not_after)).map_err(IssueError::SelfCheck)?;
    Ok(ClientCertificate {
        certificate: certificate.pem(),
        key: Zeroizing::new(key.serialize_pem()),
        serial: hex(&serial),
        not_after,
    })
}

/// Reads what was signed with another library and compares. An error says what is not as it should be.
fn check(
    certificate: &[u8],
    authority: &Authority,
    user: &str,
    serial: &[u8],
    (not_before, not_after): (Timestamp, Timestamp),
) -> Result<(), &'static str> {
    let require = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
    let (rest, leaf) = X509Certificate::from_der(certificate).map_err(|_| "its encoding")?;
    let (_, issuer) = X509Certificate::from_der(&authority.certificate).map_err(|_| "its issuer's encoding")?;
    require(rest.is_empty(), "its encoding")?;
    let mut names = leaf.subject().iter_attributes();
    let name = names.next().and_then(|name| name.as_str().ok());
    let is_common_name = leaf.subject().iter_common_name().count() == 1;
    require(is_common_name && names.next().is_none() && name == Some(user), "its subject")?;
    require(leaf.issuer().as_raw() == issuer.subject().as_raw(), "its issuer")?;
    require(leaf.raw_serial() == serial, "its serial number")?;
    let validity = leaf.validity();
    require(validity.not_before.timestamp() == not_before.as_second(), "the beginning of its validity")?;
    require(validity.not_after.timestamp() == not_after.as_second(), "the end of its validity")?;
    require(not_after <= authority.not_after(), "the end of its validity")?;
    require(!leaf.is_ca(), "its basic constraints")?;
    let usage = leaf.key_usage().ok().flatten().ok_or("its key usage")?;
    require(usage.value.flags == 1, "its key usage")?;
    let extended = leaf.extended_key_usage().ok().flatten().ok_or("its extended key usage")?.value;
    let others = extended.any || extended.server_auth || extended.code_signing || !extended.other.is_empty();
    require(extended.client_auth && !others, "its extended key usage")?;
    leaf.verify_signature(Some(issuer.public_key())).map_err(|_| "its signature")
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
